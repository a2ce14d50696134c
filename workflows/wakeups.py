"""Waking the workflows that wait, without a worker, for another one's value or end.

Who waits registers first (`event_log.waits_registered` marks the target as watched), looks again, and suspends last.
Who sets the value or ends the workflow leaves a wakeup in the same statement if the target is watched. Whoever
delivers it forgets the mark first and looks for waiters after that, so that one who registers in between looks
again by itself; and a suspension is refused when a wake came since it looked. Delivering twice changes nothing; what a
process that died left undelivered, `recovery` delivers.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import DatabaseError, InterfaceError, transaction

from workflows import dispatch, telemetry, transitions
from workflows.sql import fetch, waiting
from workflows.transitions import Ended, Woken


def deliver(target: str) -> int:
    """This will wake whoever waits for what happened to this workflow; returns how many went back to their queues."""
    pending = fetch(waiting.PENDING_WAKEUPS, {"target": target})
    if not pending:
        return 0
    keys = sorted({key for _id, key in pending})
    fetch(waiting.UNWATCH, {"target": target, "keys": keys})
    waiters = {workflow_id for (workflow_id,) in fetch(waiting.MARK_DONE, {"target": target, "keys": keys})}
    woken = transitions.wake(sorted(waiters), reason="ended" if "" in keys else "event") if waiters else []
    queue_again(woken)  # first: whoever is woken waits no longer than it must
    fetch(waiting.FORGET_WAKEUPS, {"ids": [wakeup_id for wakeup_id, _key in pending]})
    return len(woken)


def deliver_soon(target: str) -> None:
    """This will do so once the current transaction has committed. A database that is away now is asked later."""
    transaction.on_commit(lambda: _deliver_or_leave(target))


def _deliver_or_leave(target: str) -> None:
    try:
        deliver(target)
    except (DatabaseError, InterfaceError) as error:
        telemetry.wakeups_left(target, error)


def tell(ended: Iterable[Ended]) -> None:
    """This will wake whoever waits for the end of these workflows."""
    for end in ended:
        if end.watched:
            deliver_soon(end.workflow_id)


def queue_again(woken: Iterable[Woken]) -> None:
    """This will tell the workers of their queues."""
    for workflow in woken:
        dispatch.wake(workflow.queue, workflow.workflow_id)


def undelivered(limit: int) -> list[str]:
    """Workflows to which something happened that somebody waits for and was not told yet."""
    return [target for (target,) in fetch(waiting.TARGETS_OF_WAKEUPS, {"limit": limit})]
