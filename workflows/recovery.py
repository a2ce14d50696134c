"""What workers do for each other: expired leases go back to the queue, overlooked rows get their message again,
counts are summed up.

Every worker does it, so that any one of them heals what another left behind.
"""

from __future__ import annotations

from collections.abc import Iterable

from workflows import bulk, counts, dispatch, engine, transitions, wakeups, webhooks
from workflows.conf import conf
from workflows.models import Workflow
from workflows.sql import fetch
from workflows.sql.waiting import NEXT_ALARM
from workflows.states import Status
from workflows.transitions import Ended, Released

_BATCH = 100
_BULK_SECONDS = 0.25  # of one look: the other duties are as urgent
_MOST_BATCHES = 20  # of one look: a tree of thousands shares one deadline


def release_expired(*, limit: int = _BATCH) -> int:
    """This will requeue (or quarantine) workflows whose lease ran out; returns how many."""
    return _wake(transitions.release_expired(limit=limit))


def release_held_by(workers: Iterable[str], *, limit: int = _BATCH) -> int:
    """This will requeue (or quarantine) what dead workers held; returns how many."""
    return _wake(transitions.release_held_by(workers, limit=limit))


def _wake(released: list[Released]) -> int:
    for workflow in released:
        if not workflow.quarantined and workflow.delay <= 0:
            dispatch.wake(workflow.queue, workflow.workflow_id)
    wakeups.tell(Ended(workflow.workflow_id, workflow.watched) for workflow in released)
    return len(released)


def wake_due(*, limit: int = _BATCH) -> int:
    """This will queue workflows whose time has come: to start, or to wait no longer; returns how many."""
    woken = transitions.wake_due(limit=limit)
    wakeups.queue_again(woken)
    return len(woken)


def next_alarm() -> float | None:
    """Seconds until the next such time; None: there is none."""
    rows = fetch(NEXT_ALARM, {})
    return float(rows[0][0]) if rows else None


def cancel_overdue(*, limit: int = _BATCH) -> int:
    """This will cancel workflows whose deadline has passed, some thousands at most; returns how many."""
    count = 0
    for _ in range(_MOST_BATCHES):
        ended = transitions.cancel_overdue(limit=limit)
        wakeups.tell(ended)
        count += len(ended)
        if len(ended) < limit:
            break
    return count


def deliver_wakeups(*, limit: int = _BATCH) -> int:
    """This will wake the waiters that a process which died, or lost the database, did not; returns how many."""
    return sum(wakeups.deliver(target) for target in wakeups.undelivered(limit))


def fold_counts() -> int:
    """This will add what happened to the counts' sums, so that reading them stays cheap; returns how many changes."""
    return counts.fold()


def carry_on_bulk() -> int:
    """This will carry on with bulk actions whose process went away, for a moment; returns how many have ended."""
    return bulk.carry_on_with_all(seconds=_BULK_SECONDS)


def deliver_webhooks() -> int:
    """This will start telling others of workflows that ended; returns how many messages."""
    return webhooks.sweep()


def redispatch(queues: list[str], *, limit: int) -> int:
    """This will send the Celery message again for rows that should have been claimed by now; returns how many."""
    found = engine.overlooked(queues, age=conf().overlooked_after, limit=limit)
    for queue, workflow_id in found:
        dispatch.wake(queue, workflow_id)
    return len(found)


def held_by(workers: list[str]) -> int:
    """How many workflows these workers hold now."""
    return Workflow.objects.filter(status=Status.RUNNING, worker__in=workers).count()
