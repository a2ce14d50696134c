"""A key's numbers over time, from the history: of one workflow, and of earlier ones of its definition."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet

from workflows.models import Workflow
from workflows.sql import curves, fetch

MOST_POINTS = 2_000
_EARLIER, _LOOKED_AT, _EVENTS = 20, 100, 1_000  # compared, of the latest that succeeded, with at most so many events


class Curve(NamedTuple):
    """When a key got which number, ascending; `total` counts those that are left out, too."""

    points: list[tuple[datetime, float]]
    total: int


class Earlier(NamedTuple):
    """An earlier workflow: how long after its first claim the key got which number, and how long the workflow took."""

    points: list[tuple[timedelta, float]]
    took: timedelta


def curve(workflow_id: str, key: str) -> Curve:
    """This will return the numbers that a key got. Of more than MOST_POINTS, lowest and highest of each stretch remain.

    A value is a number itself, or an object whose `done` is one, as progress has it; others are left out.
    """
    parts = MOST_POINTS // 2 - 1
    rows = fetch(curves.CURVE, {"ids": [workflow_id], "key": key, "parts": parts})
    return Curve([(at, number) for at, number, _total in rows], rows[0][2] if rows else 0)


def earlier(workflow: Workflow, key: str, within: QuerySet[Workflow]) -> list[Earlier]:
    """This will return the same of up to twenty earlier workflows of the definition that succeeded, as far as these are
    `within` what the reader may see.

    Forks and long histories are left out, and so are those that never had a number there.
    """
    parameters = {
        "definition": workflow.definition, "workflow_id": workflow.id, "limit": _EARLIER, "looked_at": _LOOKED_AT,
        "events": _EVENTS,
    }  # fmt: skip
    began = {row[0]: (row[1], row[2]) for row in fetch(curves.EARLIER, parameters)}
    if within.query.where:
        seen = set(within.filter(pk__in=began).values_list("pk", flat=True))
        began = {one: times for one, times in began.items() if one in seen}
    found: dict[str, list[tuple[timedelta, float]]] = {}
    for workflow_id, at, number in fetch(curves.EARLIER_NUMBERS, {"ids": list(began), "key": key}) if began else ():
        found.setdefault(workflow_id, []).append((at - began[workflow_id][0], number))
    return [Earlier(points, began[one][1] - began[one][0]) for one, points in found.items()]
