"""What queues, schedules and workers are like now: rows of their pages, with only what the person may see."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from dashboard import access
from workflows import registry, schedules, workers
from workflows.errors import InvalidSchedule
from workflows.models import Queue, Schedule, Worker, Workflow
from workflows.states import Status
from workflows.workers import QueueState

_MOST_ROWS = 500
_GONE = timedelta(days=1)


def queue_rows() -> list[QueueState]:
    """Every queue that holds something, has limits, is consumed, or belongs to a definition, by name."""
    states = {state.name: state for state in workers.queue_states()}
    for name in {definition.queue for definition in registry.definitions()} - set(states):
        states[name] = _idle(name)
    return [state for _name, state in sorted(states.items())]


def queue_row(name: str) -> QueueState:
    """One queue, also one that has nothing yet."""
    return next((row for row in queue_rows() if row.name == name), _idle(name))


def _idle(name: str) -> QueueState:
    return QueueState(name, limits=Queue.objects.filter(name=name).first())


@dataclass(frozen=True)
class WorkerRow:
    """One worker. state: ready, stopping, stopped, died or silent. `hidden` counts what this person may not see."""

    worker: Worker
    state: str
    running: list[Workflow]
    hidden: int


@dataclass(frozen=True)
class Fleet:
    """The workers that are expected to live, and those that ended within a day."""

    here: list[WorkerRow]
    gone: list[WorkerRow]


def fleet(user: access.Visitor, now: datetime) -> Fleet:
    """All workers, with what each runs now."""
    known = list(workers.known()[:_MOST_ROWS])
    held: dict[str, list[Workflow]] = defaultdict(list)
    running = access.visible_workflows(user).filter(status=Status.RUNNING).order_by("status_at", "id")
    for workflow in running.only("id", "definition", "worker", "status_at"):
        held[str(workflow.worker).rpartition("/")[0]].append(workflow)
    counts = workers.held_counts()
    rows = [WorkerRow(one, workers.state(one, now), held[one.id], counts[one.id] - len(held[one.id])) for one in known]
    return Fleet(
        here=[row for row in rows if row.worker.ended_at is None],
        gone=[row for row in rows if row.worker.ended_at is not None and row.worker.ended_at > now - _GONE],
    )


@dataclass(frozen=True)
class ScheduleRow:
    """One schedule: why it cannot start anything (or nothing), its next times, its latest workflows, newest first."""

    schedule: Schedule
    problem: str
    next_times: list[datetime]
    outcomes: list[Workflow]


def schedule_rows(user: access.Visitor, *, times: int = 3, outcomes: int = 5) -> list[ScheduleRow]:
    """All schedules, by name; two reads, however many there are."""
    return _with_outcomes(user, schedules.everything(), times, outcomes)


def schedule_row(user: access.Visitor, name: str, *, times: int, outcomes: int) -> ScheduleRow | None:
    """One schedule; None: there is none of that name."""
    return next(iter(_with_outcomes(user, schedules.everything().filter(name=name), times, outcomes)), None)


def _with_outcomes(user: access.Visitor, which: QuerySet[Schedule], times: int, outcomes: int) -> list[ScheduleRow]:
    started = access.visible_workflows(user).filter(schedule=OuterRef("name")).order_by("-created_at")
    found = list(which.annotate(latest=ArraySubquery(started.values("id")[:outcomes]))[:_MOST_ROWS])
    latest: dict[str, list[str]] = {schedule.name: schedule.latest for schedule in found}
    heavy = ("input", "output", "error")
    known = Workflow.objects.defer(*heavy).in_bulk([one for ids in latest.values() for one in ids])
    return [
        ScheduleRow(
            schedule=schedule,
            problem=schedules.problem(schedule),
            next_times=_next_times(schedule, times),
            outcomes=[known[one] for one in latest[schedule.name] if one in known],
        )
        for schedule in found
    ]


def _next_times(schedule: Schedule, count: int) -> list[datetime]:
    try:
        return schedules.next_times(schedule, count)
    except InvalidSchedule:
        return []  # its row was written by hand; `problem` says what is wrong
