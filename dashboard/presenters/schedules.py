"""A schedule in words: when it is due, and what happens to occurrences that nothing could start in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from dashboard.presenters.charts import Mark
from dashboard.presenters.times import duration, iso_utc
from workflows.models import Schedule
from workflows.schedules import Started
from workflows.states import MissedPolicy
from workflows.ticks import timing_of

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
