"""Hints: "workflow W reached seq N", sent after commit, off the commit path, and never more than that.

A notifying commit takes a lock that all commits of the server share, so hints leave by a connection of their own. They
may be lost; `listener` sweeps. Reading them is `listener`'s part.
"""

from __future__ import annotations

import json
import os
from typing import Any

import psycopg
from django.db import transaction

from workflows import sql, telemetry
from workflows.conf import conf
from workflows.outbox import Outbox

CHANNEL = "telltale"
_PAYLOAD_LIMIT = 7_900  # PostgreSQL refuses 8,000 bytes
_SEND = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"


def hint(workflow_id: str, seq: int) -> None:
    """Tell readers, once the current transaction has committed, that the workflow moved."""
    if conf().hints:
        transaction.on_commit(lambda: _outbox.put((workflow_id, seq)))


def flush() -> None:
    """Wait a moment until pending hints have left; for processes that are about to exit."""
    _outbox.flush()


class _Sender:
    """The hint connection of this process."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._pid = 0

    def __call__(self, batch: list[tuple[str, int]]) -> None:
        newest = dict(sorted(batch, key=lambda item: item[1]))
        try:
            self._send(_payloads(newest))
        except psycopg.Error as error:
            self._connection = None
            telemetry.hints_failed(len(newest), error)

    def _send(self, payloads: list[str]) -> None:
        if self._connection is None or self._connection.closed or self._pid != os.getpid():
            self._connection = sql.dedicated_connection()
            self._connection.add_notice_handler(telemetry.database_warned)  # that its queue is filling
            self._connection.execute("SET synchronous_commit = off")  # a hint that a crash undoes is a lost hint
            self._pid = os.getpid()
        self._connection.execute(_SEND, (CHANNEL, payloads))


def _payloads(newest: dict[str, int]) -> list[str]:
    """The hints as JSON arrays [[id, seq], …], as few as the payload limit allows."""
    payloads: list[str] = []
    pieces: list[str] = []
    size = 2
    for item in newest.items():
        piece = json.dumps(item)  # ASCII, so characters are bytes
        if size + len(piece) + 1 > _PAYLOAD_LIMIT:
            payloads.append(f"[{','.join(pieces)}]")
            pieces, size = [], 2
        pieces.append(piece)
        size += len(piece) + 1
    payloads.append(f"[{','.join(pieces)}]")
    return payloads


_outbox: Outbox[tuple[str, int]] = Outbox("telltale-hints", _Sender(), lambda: conf().hint_window)
