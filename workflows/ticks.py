"""The tick: every occurrence that is due is started, once, however many processes tick.

An occurrence's id is `{schedule}@{due time}`. It is started in the transaction that moves the schedule on to its next
occurrence, under a lock on the schedule's row, by the clock of the database. What was due too long ago is missed, and
the schedule says what then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from workflows import occurrences, operations, registry, telemetry
from workflows.conf import conf
from workflows.errors import DuplicateWorkflow, InvalidSchedule, WorkflowConflict
from workflows.models import Schedule, Workflow
from workflows.occurrences import Timing
from workflows.options import Options
from workflows.states import MissedPolicy

OPTIONS = ("queue", "priority", "timeout", "dedup_key", "on_duplicate", "partition_key")
_MOST_AT_ONCE = 100  # occurrences of one schedule per tick; the next tick goes on
_MOST_SCHEDULES = 1_000  # per tick
_complaints: dict[str, str] = {}  # schedule → what was logged last, so that a tick a second says it once


def tick() -> int:
    """This will start every occurrence that is due by the clock of the database; returns how many.

    Any number of processes may do it at once. A schedule that cannot start what is due is logged and stays due, and
    the others go on.
    """
    started, still_due = 0, list[str]()
    for _ in range(_MOST_SCHEDULES):
        with transaction.atomic():
            schedule = _due().select_for_update(skip_locked=True).exclude(name__in=still_due).first()
            if schedule is None:
                break
            now: datetime = schedule.now  # type: ignore[attr-defined]  # annotated
            started += _attempt(schedule, now)
            if schedule.next_at is not None and schedule.next_at <= now:
                still_due.append(schedule.name)
    _complain_of_unknown()
    return started


def _attempt(schedule: Schedule, now: datetime) -> int:
    try:
        with transaction.atomic():
            started = _start_due(schedule, now)
    except (OperationalError, InterfaceError):
        raise  # the database is away, for all of them
    except Exception as error:  # whatever is wrong with one schedule must not stop the others
        if _is_news(schedule.name, str(error)):
            telemetry.schedule_failed(schedule.name, error)
        return 0
    if _complaints.pop(schedule.name, None) is not None:
        telemetry.schedule_recovered(schedule.name)
    return started


def _due() -> QuerySet[Schedule]:
    """What this process can start. A definition that it does not know is left to a worker that does."""
    due = Schedule.objects.filter(paused=False, next_at__lte=Now(), definition__in=registry.names())
    return due.annotate(now=Now()).order_by("next_at")


def _start_due(schedule: Schedule, now: datetime) -> int:
    timing = timing_of(schedule)
    due = _beyond_missed(schedule, timing, now - timedelta(seconds=conf().schedule_grace))
    started: list[datetime] = []
    while due is not None and due <= now and len(started) < _MOST_AT_ONCE:
        _start_occurrence(schedule, occurrence_id(schedule.name, due))
        started.append(due)
        due = timing.after(due)
    schedule.next_at = due
    remember(schedule, started)
    return len(started)


def _beyond_missed(schedule: Schedule, timing: Timing, patience: datetime) -> datetime | None:
    """The occurrence to begin with, after what the policy says of those that were due before `patience`."""
    due = schedule.next_at
    if due is None or due >= patience:
        return due
    begin: datetime | None = due
    if schedule.missed != MissedPolicy.ALL:
        latest = timing.latest(due, patience) if schedule.missed == MissedPolicy.LAST else None
        begin = latest or timing.at_or_after(patience)
    told = (occurrences.iso(due), occurrences.iso(patience), schedule.missed)
    transaction.on_commit(lambda: telemetry.occurrences_missed(schedule.name, *told))
    return begin


def _start_occurrence(schedule: Schedule, workflow_id: str) -> None:
    try:
        workflow = start(schedule, workflow_id, by=_by(schedule))
    except (WorkflowConflict, DuplicateWorkflow) as error:
        # Backfilled before the schedule was given other input: it is the occurrence, and has been started.
        if not Workflow.objects.filter(id=workflow_id, schedule=schedule.name).exists():
            telemetry.occurrence_refused(workflow_id, error)
    else:
        if workflow.id != workflow_id:
            telemetry.occurrence_left_out(workflow_id, workflow.id)


def _complain_of_unknown() -> None:
    patience = Now() - timedelta(seconds=conf().schedule_grace)
    overdue = Schedule.objects.filter(paused=False, next_at__lt=patience).exclude(definition__in=registry.names())
    for name, definition in overdue.values_list("name", "definition"):
        if _is_news(name, definition):
            telemetry.schedule_unknown(name, definition)


def _is_news(name: str, complaint: str) -> bool:
    known = _complaints.get(name) == complaint
    _complaints[name] = complaint
    return not known


def timing_of(schedule: Schedule) -> Timing:
    """When the schedule is due."""
    return Timing(schedule.cron, schedule.interval, schedule.time_zone, schedule.starts_at)


def occurrence_id(name: str, due: datetime) -> str:
    """The id of the workflow that is this occurrence."""
    return f"{name}@{occurrences.iso(due)}"


def due_at(schedule: Schedule, workflow: Workflow) -> datetime | None:
    """When a workflow that the tick started was due; None: somebody started it."""
    if workflow.created_by != _by(schedule) or not workflow.id.startswith(f"{schedule.name}@"):
        return None
    return datetime.fromisoformat(workflow.id.rpartition("@")[2])


def _by(schedule: Schedule) -> str:
    return f"schedule {schedule.name}"


def start(schedule: Schedule, workflow_id: str, *, by: str) -> Workflow:
    """Start one workflow of a schedule. Returns the unfinished one that has its dedup key instead, if there is one."""
    return operations.start(
        schedule.definition, **schedule.input, workflow_id=workflow_id, options=options_of(schedule.options),
        schedule=schedule.name, by=by,
    )  # fmt: skip


def options_of(given: Mapping[str, Any]) -> Options:
    """The options of each start. Raises InvalidSchedule, InvalidInput and PayloadError."""
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise InvalidSchedule(
            f"The starts of a schedule have no option {', '.join(unknown)}; there are: {', '.join(OPTIONS)}."
        )
    return Options(**given)


def remember(schedule: Schedule, started: list[datetime]) -> None:
    """Store what is due next, and the due time of the latest occurrence that was started."""
    if started and (schedule.last_at is None or started[-1] > schedule.last_at):
        schedule.last_at = started[-1]
    schedule.save(update_fields=["next_at", "last_at"])
