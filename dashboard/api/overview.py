"""Definitions, queues and schedules: what they are like, and their verbs. And who the caller is."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from dashboard import access, overviews
from dashboard.api import schemas
from dashboard.api.authentication import Requires, caller_of
from dashboard.api.reading import bounded, located, shown
from dashboard.api.schemas import Segment
from dashboard.api_tokens import Scope
from dashboard.overviews import ScheduleRow
from workflows import queues, registry, schedules
from workflows.errors import ScheduleNotFound
from workflows.history import wire_time
from workflows.queues import Limits
from workflows.workers import QueueState

LATEST, NEXT = 20, 10

router = Router()


@router.get("/me", response=schemas.Me, auth=Requires(Scope.READ, "view"), tags=["account"])
def get_me(request: HttpRequest) -> schemas.Me:
    """Who asks, and what that account may do; a token may do no more than its scopes besides."""
    caller = caller_of(request)
    may = [action for action in access.PERMISSIONS if access.can(caller.user, action)]
    return schemas.Me(user=caller.name, scopes=None if caller.scopes is None else sorted(caller.scopes), may=may)


@router.get("/definitions", response=schemas.Definitions, auth=Requires(Scope.READ, "view"), tags=["definitions"])
def list_definitions(request: HttpRequest) -> schemas.Definitions:
    """What can be started, and with what."""
    return schemas.Definitions(items=[_definition(each) for each in registry.definitions()])


def _definition(definition: registry.Definition) -> schemas.Definition:
    parameters = [
        schemas.Parameter(
            name=each.name, kind=each.kind.name.lower(),
            required=each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD),
            annotation="" if each.annotation is each.empty else registry.annotation_text(each),
        )
        for each in definition.signature.parameters.values()
    ]  # fmt: skip
    return schemas.Definition(name=definition.name, queue=definition.queue, doc=definition.doc, parameters=parameters)


@router.get("/queues", response=schemas.Queues, auth=Requires(Scope.READ, "view_queues"), tags=["queues"])
def list_queues(request: HttpRequest) -> schemas.Queues:
    """Every queue that holds something, has limits, is consumed, or belongs to a definition."""
    with bounded():
        return schemas.Queues(items=[_queue(state) for state in overviews.queue_rows()])


@router.get("/queues/{wid:name}", response=schemas.Queue, auth=Requires(Scope.READ, "view_queues"), tags=["queues"])
def get_queue(request: HttpRequest, name: Segment) -> schemas.Queue:
    """One queue, also one that has nothing yet."""
    with bounded():
        return _queue(overviews.queue_row(name))


@router.patch(
    "/queues/{wid:name}", response=schemas.Queue, auth=Requires(Scope.MANAGE, "change_queue"), tags=["queues"]
)
def change_queue(request: HttpRequest, name: Segment, body: schemas.Limits) -> schemas.Queue:
    """Set limits; they hold from the next claim on."""
    limits: Limits = body.dict(exclude_unset=True)  # type: ignore[assignment]
    queues.set_limits(name, by=caller_of(request).name, **limits)
    return _queue(overviews.queue_row(name))


@router.put(
    "/queues/{wid:name}/pause", response=schemas.Queue, auth=Requires(Scope.MANAGE, "change_queue"), tags=["queues"]
)
def pause_queue(request: HttpRequest, name: Segment) -> schemas.Queue:
    """Let no worker claim from the queue; what runs goes on."""
    queues.pause(name, by=caller_of(request).name)
    return _queue(overviews.queue_row(name))


@router.delete(
    "/queues/{wid:name}/pause", response=schemas.Queue, auth=Requires(Scope.MANAGE, "change_queue"), tags=["queues"]
)
def unpause_queue(request: HttpRequest, name: Segment) -> schemas.Queue:
    """Let workers claim from it again."""
    queues.unpause(name, by=caller_of(request).name)
    return _queue(overviews.queue_row(name))


def _queue(state: QueueState) -> schemas.Queue:
    limits = state.limits
    return schemas.Queue(
        name=state.name, queued=state.queued, running=state.running, waiting=state.waiting, delayed=state.delayed,
        oldest_at=wire_time(state.oldest_at), consumers=state.consumers, paused=bool(limits and limits.paused),
        limits={name: getattr(limits, name, None) for name in Limits.__annotations__},
    )  # fmt: skip


@router.get("/schedules", response=schemas.Schedules, auth=Requires(Scope.READ, "view_schedules"), tags=["schedules"])
def list_schedules(request: HttpRequest) -> schemas.Schedules:
    """Every schedule."""
    with bounded():
        return schemas.Schedules(items=[_schedule(row) for row in overviews.schedule_rows(caller_of(request).user)])


@router.get(
    "/schedules/{wid:name}", response=schemas.Schedule, auth=Requires(Scope.READ, "view_schedules"), tags=["schedules"]
)
def get_schedule(request: HttpRequest, name: Segment) -> schemas.Schedule:
    """One schedule."""
    return _found(request, name)


@router.put(
    "/schedules/{wid:name}/pause", response=schemas.Schedule, auth=Requires(Scope.MANAGE, "change_schedule"),
    tags=["schedules"],
)  # fmt: skip
def pause_schedule(request: HttpRequest, name: Segment) -> schemas.Schedule:
    """Start no occurrence; those until it goes on are skipped."""
    schedules.pause(name, by=caller_of(request).name)
    return _found(request, name)


@router.delete(
    "/schedules/{wid:name}/pause", response=schemas.Schedule, auth=Requires(Scope.MANAGE, "change_schedule"),
    tags=["schedules"],
)  # fmt: skip
def unpause_schedule(request: HttpRequest, name: Segment) -> schemas.Schedule:
    """Go on with the next occurrence."""
    schedules.unpause(name, by=caller_of(request).name)
    return _found(request, name)


@router.post(
    "/schedules/{wid:name}/triggers", response={201: schemas.Workflow},
    auth=Requires(Scope.START, "view_schedules", "start"), tags=["schedules"],
)  # fmt: skip
def trigger_schedule(request: HttpRequest, response: HttpResponse, name: Segment) -> schemas.Workflow:
    """Start a workflow of the schedule now, besides its occurrences."""
    caller = caller_of(request)
    return located(response, shown(caller, schedules.trigger(name, by=caller.name)))


@router.post(
    "/schedules/{wid:name}/backfills", response=schemas.Backfilled,
    auth=Requires(Scope.START, "view_schedules", "start"), tags=["schedules"],
)  # fmt: skip
def backfill_schedule(request: HttpRequest, name: Segment, body: schemas.Range) -> schemas.Backfilled:
    """Start every occurrence of a past range that has not been started."""
    done = schedules.backfill(name, body.since, body.until, by=caller_of(request).name)
    return schemas.Backfilled(started=done.started, existing=done.existing)


def _found(request: HttpRequest, name: str) -> schemas.Schedule:
    row = overviews.schedule_row(caller_of(request).user, name, times=NEXT, outcomes=LATEST)
    if row is None:
        raise ScheduleNotFound(name)
    return _schedule(row)


def _schedule(row: ScheduleRow) -> schemas.Schedule:
    found = row.schedule
    return schemas.Schedule(
        name=found.name, definition=found.definition, cron=found.cron, interval=found.interval,
        time_zone=found.time_zone, missed=found.missed, paused=found.paused, problem=row.problem,
        next=[wire_time(at) or "" for at in row.next_times], latest=[each.id for each in row.outcomes],
    )  # fmt: skip
