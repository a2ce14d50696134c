"""Queues as people set them: limits and pauses, obeyed by every worker from its next claim on."""

from __future__ import annotations

import math
from typing import Any, TypedDict, Unpack

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from workflows import dispatch, registry, telemetry
from workflows.audit import audited
from workflows.errors import InvalidInput
from workflows.models import Queue, Workflow
from workflows.options import checked_queue
from workflows.states import Status

_COUNTS = ("concurrency", "worker_concurrency", "partition_concurrency", "rate_limit")
_MOST = 1_000_000


class Limits(TypedDict, total=False):
    """The limits of a queue as in `models.Queue`; None: no such limit. rate_period: seconds."""

    concurrency: int | None
    worker_concurrency: int | None
    partition_concurrency: int | None
    rate_limit: int | None
    rate_period: float | None


@audited("limit", of="queue", tells=["limits"])
def set_limits(name: str, *, by: str = "", **limits: Unpack[Limits]) -> Queue:
    """This will set these limits of a queue and leave the others. Raises InvalidInput and PayloadError."""
    _check(limits)
    return _change(name, by, limits)


@audited("pause", of="queue")
def pause(name: str, *, by: str = "") -> Queue:
    """This will let no worker claim from the queue; what runs goes on to its end or its next wait."""
    return _change(name, by, {"paused": True})


@audited("unpause", of="queue")
def unpause(name: str, *, by: str = "") -> Queue:
    """This will let workers claim from the queue again."""
    return _change(name, by, {"paused": False})


def forget(name: str) -> bool:
    """This will remove all limits of a queue; False: it had none."""
    removed, _ = Queue.objects.filter(name=name).delete()
    _tell_workers(name)
    return bool(removed)


def known() -> list[str]:
    """This will return every queue that a definition uses or that has limits, as far as the database answers."""
    try:
        limited = set(Queue.objects.values_list("name", flat=True))
    except DatabaseError as error:
        telemetry.database_away("the queues with limits", error, 0.0)
        limited = set()
    return sorted(registry.queues() | limited)


def _change(name: str, by: str, changes: Any) -> Queue:
    checked_queue(name)
    with transaction.atomic():
        queue, _created = Queue.objects.select_for_update().get_or_create(name=name, defaults={"changed_at": Now()})
        for field, value in changes.items():
            setattr(queue, field, value)
        if (queue.rate_limit is None) != (queue.rate_period is None):
            raise InvalidInput(
                f"The rate of queue {name!r} needs both, rate_limit and rate_period (seconds), or neither."
            )
        queue.changed_at, queue.changed_by = Now(), by[:200]
        queue.save()
    queue.refresh_from_db()
    _tell_workers(name)
    return queue


def _check(limits: Limits) -> None:
    for name in _COUNTS:
        count = limits.get(name)
        if count is not None and (type(count) is not int or not 1 <= count <= _MOST):
            raise InvalidInput(f"{name} is a whole number from 1 to {_MOST}, or None for no limit; not {count!r}.")
    period = limits.get("rate_period")
    if period is not None and not (isinstance(period, int | float) and math.isfinite(period) and period > 0):
        raise InvalidInput(f"rate_period is a number of seconds above 0, or None; not {period!r}.")


def _tell_workers(name: str) -> None:
    """What a limit kept back may be claimable now."""
    for workflow_id in Workflow.objects.filter(queue=name, status=Status.QUEUED).values_list("id", flat=True)[:4]:
        dispatch.wake(name, workflow_id)
