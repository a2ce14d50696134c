"""Claims: from queued to running, under the limits of the queue."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple

from django.db import transaction

from workflows import notify, telemetry
from workflows.conf import conf
from workflows.event_log import Owner
from workflows.payloads import Json, decode
from workflows.sql import claiming, fetch
from workflows.versions import code_version

_LOOK_AGAIN = 0.5  # seconds for which a process believes that it knows which of its queues have limits


class Claim(NamedTuple):
    """A workflow that this worker may execute now."""

    owner: Owner
    definition: str
    input: Json
    first: bool  # nothing can have been recorded yet
    version: str  # the code version that the workflow began with


class _Limits:
    """Which queues have a row; only for speed: the statements themselves leave limited queues to `_claim_limited`."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[float, list[str]]] = {}

    def __call__(self, queues: Sequence[str]) -> list[str]:
        key, now = tuple(queues), time.monotonic()
        looked_at, names = self._known.get(key, (0.0, []))
        if now - looked_at > _LOOK_AGAIN:
            names = [name for (name,) in fetch(claiming.LIMITED_QUEUES, {"queues": list(queues)})]
            self._known[key] = (now, names)
        return names


_limited = _Limits()


def claim(workflow_id: str, *, worker: str, definitions: list[str]) -> Claim | None:
    """Take this workflow if it is claimable, in a queue without limits, and its definition is one of those."""
    return _claim(claiming.CLAIM, worker, definitions, workflow_id=workflow_id)


def claim_next(*, queues: list[str], worker: str, definitions: list[str]) -> Claim | None:
    """Take the claimable workflow of the highest priority, and among these the one that waits longest."""
    limited = _limited(queues)
    random.shuffle(limited)  # no queue before the others
    ahead = [name for name in limited if random.random() < 0.5]  # nor limited ones always before or after the rest
    for name in ahead:
        if (found := _claim_limited(name, worker, definitions)) is not None:
            return found
    found = _claim(claiming.CLAIM_NEXT, worker, definitions, queues=queues)
    for name in limited:
        if found is None and name not in ahead:
            found = _claim_limited(name, worker, definitions)
    return found


def _claim_limited(queue: str, worker: str, definitions: list[str]) -> Claim | None:
    with transaction.atomic():
        locked = fetch(claiming.LOCK_QUEUE, {"queue": queue})
        if not locked:
            return None
        if locked[0][0]:
            fetch(claiming.FORGET_STARTS, {"queue": queue})
        host = worker.partition("/")[0] + "/"
        return _claim(claiming.CLAIM_LIMITED, worker, definitions, queue=queue, host=host)


def next_start(queues: list[str]) -> tuple[str, float] | None:
    """The queue whose rate allows a further start soonest, and in how many seconds."""
    openings = [
        (name, float(rows[0][0])) for name in _limited(queues) if (rows := fetch(claiming.NEXT_START, {"queue": name}))
    ]
    return min(openings, key=lambda opening: opening[1], default=None)


def _claim(statement: LiteralString, worker: str, definitions: list[str], **which: Any) -> Claim | None:
    rows = fetch(
        statement,
        {
            "worker": worker,
            "definitions": definitions,
            "lease": f"{conf().lease_seconds} seconds",
            "version": code_version(),
            **which,
        },
    )
    if not rows:
        return None
    workflow_id, token, definition, input_text, seq, version = rows[0]
    notify.hint(workflow_id, seq)
    telemetry.claimed(workflow_id, definition, token)
    return Claim(Owner(workflow_id, token, worker), definition, decode(input_text), first=token == 1, version=version)
