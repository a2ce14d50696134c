"""Workflows that ended well some time ago: what is usual for a definition."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from dashboard import estimates
from workflows.models import Event, Workflow


def succeeded(definition: str, *seconds: float, every: float | None = None, **fields: Any) -> list[Workflow]:
    """One for each duration, the last of them the latest; with an event in every so many seconds, if given."""
    now, known = timezone.now(), Workflow.objects.filter(definition=definition).count()
    rows = []
    for place, took in enumerate(seconds):
        ended = now - timedelta(minutes=len(seconds) - place)
        started = ended - timedelta(seconds=took)
        moments = _moments(started, ended, every)
        row = Workflow(
            id=f"earlier-{definition}-{known + place}", definition=definition, status="succeeded",
            input={"args": [], "kwargs": {}}, created_at=started, available_at=started, started_at=started,
            finished_at=ended, status_at=ended, last_seq=len(moments), **fields,
        )  # fmt: skip
        rows.append((row, moments))
    Workflow.objects.bulk_create(row for row, _moments in rows)
    Event.objects.bulk_create(event for row, moments in rows for event in _events(row, moments))
    estimates.forget()
    return [row for row, _moments in rows]


def _moments(started: datetime, ended: datetime, every: float | None) -> list[datetime]:
    """When something happened: created and claimed at once, then in even time, and the end."""
    between = []
    while every and (moment := started + timedelta(seconds=every) * (len(between) + 1)) < ended:
        between.append(moment)
    return [started, started, *between, ended]


def _events(row: Workflow, moments: list[datetime]) -> list[Event]:
    def event(seq: int, kind: str, data: dict[str, Any], key: str | None = None) -> Event:
        return Event(workflow_id=row.id, seq=seq, kind=kind, key=key, data=data, at=moments[seq - 1])

    values = [event(seq, "value_set", {"value": seq}, "count") for seq in range(3, len(moments))]
    created = event(1, "created", {"definition": row.definition, "queue": "default"})
    claimed = event(2, "claimed", {"worker": "earlier:1-a/1"})
    return [created, claimed, *values, event(len(moments), "succeeded", {})]
