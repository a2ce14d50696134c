"""A schedule in words: when it is due, and what happens to occurrences that nothing could start in time."""

from __future__ import annotations

from dashboard.presenters.times import duration
from workflows.models import Schedule
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
