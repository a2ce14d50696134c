"""A schedule under the storm: every occurrence is started exactly once, however many workers tick, late ones too."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from tests.chaos import definitions
from workflows import schedules, ticks
from workflows.models import Schedule, Workflow

NAME, INTERVAL = "storm", 2.0
_LATENESS = timedelta(seconds=30)  # how far behind the tick may be when the calm has lasted for a while


def begin() -> None:
    """Start a workflow every two seconds, and make up for what was missed."""
    schedules.create(NAME, definitions.probe.name, interval=INTERVAL, missed="all", by="storm")


def end() -> datetime:
    """Stop the schedule; returns when."""
    schedules.pause(NAME, by="storm")
    return timezone.now()


def wrong(ended: datetime) -> list[str]:
    """Sentences about occurrences that are missing, too many, or did not succeed."""
    schedule = Schedule.objects.get(name=NAME)
    if schedule.last_at is None or schedule.last_at < ended - _LATENESS:
        return [f"schedule {NAME}: at {ended} the last occurrence started was that of {schedule.last_at}"]
    count = int((schedule.last_at - schedule.starts_at) / timedelta(seconds=INTERVAL)) + 1
    due = [
        schedule.starts_at + number * timedelta(seconds=INTERVAL) for number in range(1, count)
    ]  # the first is one interval after the start
    expected = {ticks.occurrence_id(NAME, moment) for moment in due}
    found = dict(Workflow.objects.filter(schedule=NAME).values_list("id", "status"))
    sentences = [f"schedule {NAME}: occurrence {one} was not started" for one in sorted(expected - found.keys())]
    sentences += [f"schedule {NAME}: {one} is no occurrence" for one in sorted(found.keys() - expected)]
    return sentences + [f"{one}: ended {status}" for one, status in found.items() if status != "succeeded"]
