"""What queues, schedules and workers are like now: rows of their pages, with only what the person may see.

And the cells of the live topics of them, which name no workflow, because they are the same for everybody.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from dashboard import access
from dashboard.protocol import mark_of
from workflows import counts, registry, schedules, workers
from workflows.errors import InvalidSchedule
from workflows.history import wire_time
from workflows.models import BulkAction, Schedule, Worker, Workflow
from workflows.states import Status
from workflows.workers import QueueState

_MOST_ROWS = 500
_BULK_ACTIONS = 100  # the latest; those under way are hardly older
OUTCOMES = 20  # of a schedule
_GONE = timedelta(days=1)


def queue_rows() -> list[QueueState]:
    """Every queue that holds something, has limits, is consumed, or belongs to a definition, by name."""
    states = {state.name: state for state in workers.queue_states()}
    for name in {definition.queue for definition in registry.definitions()} - set(states):
        states[name] = QueueState(name)  # one with limits is among them already
    return [state for _name, state in sorted(states.items())]


def queue_row(name: str) -> QueueState:
    """One queue, also one that has nothing yet."""
    return next((row for row in queue_rows() if row.name == name), QueueState(name))


def counter_cells() -> dict[str, int]:
    """How many workflows there are: by status, and by status and definition; what is none is left out."""
    found = counts.everything()
    of_all, of_each = counts.by_status(found), counts.by_definition(found)
    return {**of_all, **{f"{status} {definition}": number for (definition, status), number in of_each.items()}}


def queue_cells() -> dict[str, dict[str, Any]]:
    """Each queue, by name."""
    return {state.name: _queue_cell(state) for state in queue_rows()}


def _queue_cell(state: QueueState) -> dict[str, Any]:
    limits = state.limits
    return {
        "queued": state.queued,
        "running": state.running,
        "waiting": state.waiting,
        "delayed": state.delayed,
        "oldest_at": wire_time(state.oldest_at),
        "consumers": state.consumers,
        "paused": bool(limits and limits.paused),
        "changed_at": wire_time(limits.changed_at) if limits else None,  # its limits
    }


def worker_cells() -> dict[str, dict[str, Any]]:
    """Each worker that is expected to live or ended within a day, by id."""
    now = timezone.now()
    held: dict[str, list[datetime]] = defaultdict(list)
    running = Workflow.objects.filter(status=Status.RUNNING).values_list("worker", "status_at")
    for claimant, claimed_at in running:
        held[str(claimant).rpartition("/")[0]].append(claimed_at)
    known = workers.known()[:_MOST_ROWS]
    shown = [one for one in known if one.ended_at is None or one.ended_at > now - _GONE]
    return {one.id: _worker_cell(one, held[one.id], now) for one in shown}


def _worker_cell(worker: Worker, claimed: list[datetime], now: datetime) -> dict[str, Any]:
    return {
        "name": worker.name,
        "state": workers.state(worker, now),
        "queues": worker.queues,
        "concurrency": worker.concurrency,
        "version": worker.version,
        "running": len(claimed),
        "claimed_at": wire_time(max(claimed, default=None)),  # the latest of what it runs
        "heartbeat_at": wire_time(worker.heartbeat_at),
        "ended_at": wire_time(worker.ended_at),
    }


def schedule_cells() -> dict[str, dict[str, Any]]:
    """Each schedule, by name. `outcomes` is another text after anything happened to one of its latest workflows."""
    started = Workflow.objects.filter(schedule=OuterRef("name")).order_by("-created_at")
    told = started.values(told=Concat("id", Value(" "), "status"))[:OUTCOMES]
    return {
        one.name: {
            "paused": one.paused,
            "next_at": wire_time(one.next_at),
            "changed_at": wire_time(one.changed_at),
            "outcomes": mark_of(one.latest),
        }
        for one in schedules.everything().annotate(latest=ArraySubquery(told))[:_MOST_ROWS]
    }


def bulk_cells() -> dict[str, dict[str, Any]]:
    """Each of the latest bulk actions, by id."""
    latest = BulkAction.objects.order_by("-created_at", "-id")[:_BULK_ACTIONS]
    return {
        str(one.pk): {"done": one.done, "refused": one.refused, "ended_at": wire_time(one.ended_at)} for one in latest
    }


@dataclass(frozen=True)
class WorkerRow:
    """One worker. state: ready, stopping, stopped, died or silent. `hidden` counts what this person may not see."""

    worker: Worker
    state: str
    running: list[Workflow]
    hidden: int


@dataclass(frozen=True)
class Fleet:
    """The workers that are expected to live, those that ended within a day, and all, also others that are gone."""

    here: list[WorkerRow]
    gone: list[WorkerRow]
    known: list[Worker]


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
        known=known,
    )


@dataclass(frozen=True)
class ScheduleRow:
    """One schedule: why it cannot start anything (or nothing), its next times, its latest workflows, newest first."""

    schedule: Schedule
    problem: str
    next_times: list[datetime]
    outcomes: list[Workflow]


def schedule_rows(user: access.Visitor, *, times: int = 3, outcomes: int = OUTCOMES) -> list[ScheduleRow]:
    """All schedules, by name; two reads, however many there are."""
    return _with_outcomes(user, schedules.everything(), times, outcomes)


def schedule_row(user: access.Visitor, name: str, *, times: int, outcomes: int = OUTCOMES) -> ScheduleRow | None:
    """One schedule; None: there is none of that name."""
    return next(iter(_with_outcomes(user, schedules.everything().filter(name=name), times, outcomes)), None)


def _with_outcomes(user: access.Visitor, which: QuerySet[Schedule], times: int, outcomes: int) -> list[ScheduleRow]:
    started = access.visible_workflows(user).filter(schedule=OuterRef("name")).order_by("-created_at")
    found = list(which.annotate(latest=ArraySubquery(started.values("id")[:outcomes]))[:_MOST_ROWS])
    latest: dict[str, list[str]] = {one.name: one.latest or [] for one in found}  # none at all: who sees no workflow
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
