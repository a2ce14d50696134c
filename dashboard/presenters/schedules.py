"""A schedule in words: when it is due, and what happens to occurrences that nothing could start in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from dashboard.presenters.charts import Lines, Mark, Series, lines
from dashboard.presenters.times import duration, iso_utc
from workflows.models import Schedule, Workflow
from workflows.schedules import Started
from workflows.states import MissedPolicy
from workflows.ticks import due_at, timing_of

_MISSED = {
    MissedPolicy.SKIP: "are skipped",
    MissedPolicy.LAST: "are skipped, but the last one is started late",
    MissedPolicy.ALL: "are all started late",
}


def when(schedule: Schedule) -> str:
    """When it is due: "At 02:30 every day (Europe/Berlin)"; as it was written where that cannot be read."""
    if schedule.interval is not None:
        return f"Every {duration(round(schedule.interval * 1000))}"
    try:
        return timing_of(schedule).explain()
    except ValueError:
        return str(schedule.cron)


def missed(schedule: Schedule) -> str:
    """What happens to missed occurrences."""
    return _MISSED[MissedPolicy(schedule.missed)]


class Starts(NamedTuple):
    """What a schedule started: how many workflows, the last ones in the minute `last_at`."""

    schedule: str
    workflows: int
    last_at: str


def starts(started: Iterable[Started]) -> list[Starts]:
    """The same by schedule, the rarest first: what happened once is what people look for."""
    found: dict[str, list[Started]] = defaultdict(list)
    for one in started:
        found[one.schedule].append(one)
    summed = [Starts(name, sum(one.workflows for one in some), iso_utc(some[-1].at)) for name, some in found.items()]
    return sorted(summed, key=lambda one: (one.workflows, one.schedule))


def marks(started: Iterable[Started]) -> list[Mark]:
    """The same for a chart."""
    return [Mark(one.at, one.schedule, "schedule", one.workflows) for one in started]


class Occurrence(NamedTuple):
    """One of the latest workflows. late_ms, took_ms: how long after its time it began, how long it took; or None."""

    workflow: Workflow
    at: datetime
    late_ms: int | None
    took_ms: int | None

    @property
    def late(self) -> str:
        """How late it began; nothing: it did not, or somebody started it."""
        return "" if self.late_ms is None else f"{duration(self.late_ms)} late"

    @property
    def took(self) -> str:
        """How long it took; nothing: it has not ended."""
        return "" if self.took_ms is None else duration(self.took_ms)


def occurrences(schedule: Schedule, outcomes: Iterable[Workflow]) -> list[Occurrence]:
    """The latest workflows of a schedule, in the order given."""
    return [_occurrence(schedule, one) for one in outcomes]


def _occurrence(schedule: Schedule, one: Workflow) -> Occurrence:
    due = due_at(schedule, one)
    return Occurrence(one, due or one.created_at, _ms(due, one.started_at), _ms(one.started_at, one.finished_at))


def _ms(begin: datetime | None, end: datetime | None) -> int | None:
    return None if begin is None or end is None else max(0, (end - begin) // timedelta(milliseconds=1))


def lateness(shown: Sequence[Occurrence], now: datetime) -> Lines | None:
    """How late they began; None: of fewer than two that is known."""
    return _line("late by", [(one.at, one.late_ms) for one in shown], now)


def durations(shown: Sequence[Occurrence], now: datetime) -> Lines | None:
    """How long they took; None: of fewer than two that is known."""
    return _line("took", [(one.at, one.took_ms) for one in shown], now)


def _line(name: str, points: Iterable[tuple[datetime, int | None]], now: datetime) -> Lines | None:
    known = sorted((at, ms) for at, ms in points if ms is not None)
    if len(known) < 2:
        return None
    return lines([at for at, _ in known], [Series(name, "value", [ms for _, ms in known])], "ms", now)
