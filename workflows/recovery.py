"""What workers do for each other: expired leases go back to the queue, overlooked rows get their message again.

Every worker does it, so that any one of them heals what another left behind.
"""

from __future__ import annotations

from collections.abc import Iterable

from workflows import dispatch, engine, transitions
from workflows.conf import conf
from workflows.models import Workflow
from workflows.states import Status
from workflows.transitions import Released

_BATCH = 100


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
    return len(released)


def redispatch(queues: list[str], *, limit: int) -> int:
    """This will send the Celery message again for rows that should have been claimed by now; returns how many."""
    found = engine.overlooked(queues, age=conf().overlooked_after, limit=limit)
    for queue, workflow_id in found:
        dispatch.wake(queue, workflow_id)
    return len(found)


def held_by(workers: list[str]) -> int:
    """How many workflows these workers hold now."""
    return Workflow.objects.filter(status=Status.RUNNING, worker__in=workers).count()
