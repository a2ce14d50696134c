"""Starting definitions again and again: what code and people do with schedules. `ticks` starts what is due.

Every verb locks the schedule's row, so that it and a tick see each other's work whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet

from workflows import ids, occurrences, payloads, registry, telemetry
from workflows.audit import audited
from workflows.conf import conf
from workflows.errors import (
    InvalidInput,
    InvalidSchedule,
    ScheduleNotFound,
    TelltaleError,
)
from workflows.models import Schedule, Workflow
from workflows.occurrences import Timing
from workflows.sql import fetch, scheduling
from workflows.states import MissedPolicy
from workflows.ticks import occurrence_id, options_of, remember, start, timing_of

NAME_MAX_LENGTH = 100
_MOST_LOOKED_AT, _MOST_STARTS = 500, 3_600  # schedules, and of each the latest workflows: one a second for an hour
MOST_BACKFILLED = 1_000  # occurrences per call; one transaction


class Backfilled(NamedTuple):
    """What a backfill did: the ids it started, and how many occurrences of the range had been started before."""

    started: list[str]
    existing: int


@audited("describe", of="schedule", tells=["definition"])
def create(
    name: str,
    definition: str,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    cron: str | None = None,
    interval: float | None = None,
    time_zone: str = "UTC",
    missed: str = MissedPolicy.SKIP,
    options: Mapping[str, Any] | None = None,
    starts_at: datetime | None = None,
    paused: bool = False,
    by: str = "",
) -> Schedule:
    """This will create a schedule, or make the one that has the name as described; equal calls change nothing.

    cron: five fields, or six with the second first, read in `time_zone`; interval: seconds, counted from `starts_at`
    (default: now). missed: what happens to occurrences that nothing could start in time, `skip`, `last` or `all`.
    options: of each start, those in `ticks.OPTIONS`. paused: how a new one begins; one that exists stays as it is.
    Raises InvalidSchedule, UnknownDefinition, InvalidInput and PayloadError; then nothing has changed.
    """
    described = {
        "definition": definition,
        "input": _checked_input(definition, args, kwargs or {}),
        "options": dict(options or {}),
        "cron": cron,
        "interval": interval,
        "time_zone": time_zone,
        "missed": _checked_policy(missed),
    }
    _check_name(name)
    options_of(described["options"])
    with transaction.atomic():
        now = _clock()
        begin = now.replace(microsecond=0) if starts_at is None else starts_at
        timing = occurrences.checked(cron=cron, interval=interval, time_zone=time_zone, starts_at=begin)
        described["starts_at"] = timing.origin
        fresh = {**described, "next_at": _first(timing, now), "paused": paused, "changed_at": now, "changed_by": by}
        schedule, created = Schedule.objects.select_for_update().get_or_create(name=name, defaults=fresh)
        if created:
            _tell(name, "created", by)
        elif starts_at is None:
            del described["starts_at"]  # an interval counts on from where it began
        return schedule if created else _replace(schedule, described, now, by)


def _replace(schedule: Schedule, described: dict[str, Any], now: datetime, by: str) -> Schedule:
    changed = {field for field, value in described.items() if getattr(schedule, field) != value}
    for field in changed:
        setattr(schedule, field, described[field])
    if changed & {"cron", "interval", "time_zone", "starts_at"}:
        schedule.next_at = _first(timing_of(schedule), now)
    if changed:
        _changed(schedule, now, by, "replaced")
    return schedule


@audited("pause", of="schedule")
def pause(name: str, *, by: str = "") -> Schedule:
    """This will start no occurrence until `unpause`; those in between are skipped. Raises ScheduleNotFound."""
    with transaction.atomic():
        schedule, now = _locked(name)
        if not schedule.paused:
            schedule.paused = True
            _changed(schedule, now, by, "paused")
        return schedule


@audited("unpause", of="schedule")
def unpause(name: str, *, by: str = "") -> Schedule:
    """This will go on with the next occurrence after now. Raises ScheduleNotFound."""
    with transaction.atomic():
        schedule, now = _locked(name)
        if schedule.paused:
            schedule.paused, schedule.next_at = False, _first(timing_of(schedule), now)
            _changed(schedule, now, by, "unpaused")
        return schedule


@audited("delete", of="schedule")
def delete(name: str, *, by: str = "") -> None:
    """This will forget a schedule; the workflows that it started stay. Raises ScheduleNotFound."""
    with transaction.atomic():
        schedule, _now = _locked(name)
        schedule.delete()
        _tell(name, "deleted", by)


@audited("trigger", of="schedule")
def trigger(name: str, *, by: str = "") -> Workflow:
    """This will start a workflow of the schedule now, besides its occurrences, even while it is paused.

    Raises ScheduleNotFound, and what `operations.start` raises.
    """
    with transaction.atomic():
        schedule, now = _locked(name)
        workflow = start(schedule, f"{name}@now-{occurrences.iso(now)}", by=by)
        _tell(name, "triggered", by)
        return workflow


@audited("backfill", of="schedule", tells=["since", "until"])
def backfill(name: str, since: datetime, until: datetime, *, by: str = "") -> Backfilled:
    """This will start every occurrence of a past range, both ends included, that has not been started yet.

    Also of times before `starts_at`, and while the schedule is paused. Raises ScheduleNotFound; InvalidSchedule for a
    range that is reversed, reaches into the future or has more than 1,000 occurrences; and what `operations.start`
    raises. Then nothing has been started.
    """
    since = occurrences.checked_moment(since, what="begin of the range")
    until = occurrences.checked_moment(until, what="end of the range")
    with transaction.atomic():
        schedule, now = _locked(name)
        if not since <= until <= now:
            raise InvalidSchedule(
                f"The range {since.isoformat()} to {until.isoformat()} is reversed or reaches beyond now, "
                f"{now.isoformat()}. Give the earlier time first; what is to come starts by itself."
            )
        found = {occurrence_id(name, due): due for due in _at_most(timing_of(schedule).between(since, until), name)}
        existing = set(Workflow.objects.filter(id__in=found).values_list("id", flat=True))
        missing = [workflow_id for workflow_id in found if workflow_id not in existing]
        started = [one for one in missing if start(schedule, one, by=by).id == one]
        remember(schedule, [found[workflow_id] for workflow_id in started])
        _tell(name, f"backfilled {len(started)} occurrences", by)
    return Backfilled(started, len(existing))


def _at_most(times: Iterator[datetime], name: str) -> Iterator[datetime]:
    for count, due in enumerate(times):
        if count == MOST_BACKFILLED:
            raise InvalidSchedule(
                f"The range has more than {MOST_BACKFILLED:,} occurrences of {name!r}; the next would be "
                f"{occurrences.iso(due)}. Backfill it in shorter ranges."
            )
        yield due


def get(name: str) -> Schedule:
    """The schedule of that name. Raises ScheduleNotFound."""
    schedule = Schedule.objects.filter(name=name).first()
    if schedule is None:
        raise ScheduleNotFound(name)
    return schedule


def everything() -> QuerySet[Schedule]:
    """All schedules, by name."""
    return Schedule.objects.order_by("name")


def next_times(schedule: Schedule, count: int) -> list[datetime]:
    """The next occurrences, at most so many, UTC. None while it is paused."""
    times: list[datetime] = []
    due = None if schedule.paused else schedule.next_at
    while due is not None and len(times) < count:
        times.append(due)
        due = timing_of(schedule).after(due)
    return times


def last_outcomes(name: str, count: int) -> list[Workflow]:
    """The newest workflows of the schedule, triggered ones too, at most so many."""
    return list(Workflow.objects.filter(schedule=name).order_by("-created_at")[:count])


class Started(NamedTuple):
    """So many workflows a schedule started in the minute that begins at `at`."""

    at: datetime
    schedule: str
    workflows: int


def started(since: datetime) -> list[Started]:
    """This will return what schedules that there are started since then, minute by minute, oldest first."""
    parameters = {"since": since, "schedules": _MOST_LOOKED_AT, "each": _MOST_STARTS}
    return [Started(*row) for row in fetch(scheduling.STARTS, parameters)]


def problem(schedule: Schedule) -> str:
    """Why its occurrences cannot start in this process, or nothing."""
    try:
        _checked_input(schedule.definition, schedule.input["args"], schedule.input["kwargs"])
        options_of(schedule.options)
        timing_of(schedule).after(schedule.starts_at)
    except TelltaleError as error:
        return str(error)
    return ""


def _first(timing: Timing, now: datetime) -> datetime | None:
    return timing.at_or_after(timing.origin) if timing.origin > now else timing.after(now)


def _clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    moment: datetime = now
    return moment


def _locked(name: str) -> tuple[Schedule, datetime]:
    """The schedule, locked, and the time."""
    schedule = Schedule.objects.select_for_update().filter(name=name).first()
    if schedule is None:
        raise ScheduleNotFound(name)
    return schedule, _clock()


def _changed(schedule: Schedule, now: datetime, by: str, change: str) -> None:
    schedule.changed_at, schedule.changed_by = now, by
    schedule.save()
    _tell(schedule.name, change, by)


def _tell(name: str, change: str, by: str) -> None:
    transaction.on_commit(lambda: telemetry.schedule_changed(name, change, by))


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX_LENGTH or "@" in name:
        raise InvalidSchedule(
            f"{name!r} cannot name a schedule: give 1 to {NAME_MAX_LENGTH} characters without '@', which ends the name "
            "in the ids of its workflows."
        )
    ids.checked(name)


def _checked_input(definition: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    known = registry.get(definition)
    try:
        known.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidInput(f"{definition}{registry.parameters_text(known)}: {error}.") from None
    given = {"args": list(args), "kwargs": dict(kwargs)}
    return payloads.decode(payloads.encode(given, what=f"input of {definition!r}", limit=conf().payload_max_bytes))


def _checked_policy(missed: str) -> str:
    if missed not in list(MissedPolicy):
        raise InvalidSchedule(f"{missed!r} is no policy for missed occurrences; there are: {', '.join(MissedPolicy)}.")
    return MissedPolicy(missed).value
