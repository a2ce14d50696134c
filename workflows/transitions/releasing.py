"""Workflows that lose their worker: back to the queue, or into quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, LiteralString, NamedTuple

from workflows import notify, telemetry
from workflows.conf import conf
from workflows.event_log import Owner
from workflows.patience import patiently
from workflows.sql import fetch, lifecycle


class Released(NamedTuple):
    """A workflow that lost its worker. `delay`: seconds until it may be claimed again."""

    workflow_id: str
    queue: str
    quarantined: bool
    delay: float
    watched: bool  # it ended, and others may wait for that


def hand_back(owner: Owner) -> list[Released]:
    """The owner gives the workflow back to its queue, because its worker stops. No crash is counted."""
    which = {"workflow_id": owner.workflow_id, "token": owner.token}
    return patiently(
        lambda: _release(lifecycle.RELEASE_OWNED, which, reason="shutdown", crash=False, limit=1),
        what=f"workflow {owner.workflow_id!r}",
    )


def let_go(worker: str) -> list[Released]:
    """A pool process gives back what it does not execute: it claimed it, but never got the answer. No crash."""
    return _release(lifecycle.RELEASE_HELD_BY, {"workers": [worker]}, reason="answer_lost", crash=False, limit=100)


def release_expired(*, limit: int) -> list[Released]:
    """Take workflows from workers whose lease ran out."""
    return _release(lifecycle.RELEASE_EXPIRED, {}, reason="lease_expired", crash=True, limit=limit)


def release_held_by(workers: Iterable[str], *, limit: int) -> list[Released]:
    """Take workflows from workers that are known to be dead."""
    return _release(
        lifecycle.RELEASE_HELD_BY, {"workers": list(workers)}, reason="worker_lost", crash=True, limit=limit
    )


def _release(
    statement: LiteralString, which: dict[str, Any], *, reason: str, crash: bool, limit: int
) -> list[Released]:
    limit_of_crashes = conf().crash_limit
    error = {
        "type": "Quarantined",
        "module": "workflows",
        "message": f"Its worker died {limit_of_crashes} times in a row without recording an operation.",
        "traceback": "",
    }
    rows = fetch(
        statement,
        {
            **which,
            "reason": reason,
            "crash": int(crash),
            "crash_limit": limit_of_crashes,
            "crash_backoff": conf().crash_backoff,
            "error": json.dumps(error),
            "limit": limit,
        },
    )
    for workflow_id, _queue, seq, hopeless, _delay, _watched in rows:
        notify.hint(workflow_id, seq)
        telemetry.released(workflow_id, reason, hopeless=hopeless)
    return [
        Released(workflow_id, queue, hopeless, delay, bool(watched))
        for workflow_id, queue, _seq, hopeless, delay, watched in rows
    ]
