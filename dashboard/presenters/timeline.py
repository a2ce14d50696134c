"""Steps as bars on one time axis. Positions are thousandths of the axis, drawn as SVG; the browser moves them on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from dashboard.presenters.sentences import error_line
from dashboard.presenters.times import DAY, HOUR, MINUTE, SECOND, between, duration, whole_duration

AXIS = 1000
_ZERO_PART = re.compile(r" 00 \w+$")
MOST_STEPS = 200
# Each is four whole parts, for the labels.
_NICE = [
    *(seconds * SECOND for seconds in (1, 2, 4, 8, 12, 20, 40)),
    *(minutes * MINUTE for minutes in (1, 2, 4, 8, 12, 20, 40)),
    *(hours * HOUR for hours in (1, 2, 4, 8, 12)),
    DAY,
    2 * DAY,
]


@dataclass(frozen=True)
class Bar:
    """Where a bar stands on the axis, in thousandths."""

    x: int
    width: int


@dataclass(frozen=True)
class StepRow:
    """A step as the timeline shows it."""

    step: dict[str, Any]
    bar: Bar
    duration: str
    error_line: str


@dataclass(frozen=True)
class Timeline:
    """All rows, the axis they share, and how many earlier steps are not shown."""

    steps: list[StepRow]
    waited: Bar
    worked: Bar
    duration: str
    ticks: list[str]
    hidden: int


def timeline(state: dict[str, Any], now: str, most: int = MOST_STEPS) -> Timeline:
    """The latest `most` steps on an axis from the creation of the workflow to its end, or a little past now."""
    workflow = state["workflow"]
    start, end = workflow["created_at"], workflow["finished_at"] or now
    length = span(between(start, end), bool(workflow["finished_at"]))
    steps = sorted(state["steps"].values(), key=lambda step: int(step["position"]))
    begun = workflow["started_at"] or end
    return Timeline(
        steps=[_row(step, start, length, end) for step in steps[-most:]],
        waited=bar(start, start, begun, length),
        worked=bar(start, begun, end, length),
        duration=_took(workflow["started_at"], workflow["finished_at"], now),
        ticks=[tick(length * quarter // 4, length) for quarter in range(5)],
        hidden=max(0, len(steps) - most),
    )


def span(ms: int, finished: bool) -> int:
    """The length of the axis: exact once finished, else the next round length, so that bars do not crawl."""
    if finished:
        return max(1, ms)
    return next((nice for nice in _NICE if ms <= nice), (ms // DAY + 1) * DAY)


def tick(ms: int, length: int) -> str:
    """The label of a place on an axis of `length` ms, without a trailing zero part."""
    return _ZERO_PART.sub("", whole_duration(ms) if length >= 4 * SECOND else duration(ms))


def bar(origin: str, start: str, end: str, length: int) -> Bar:
    """From start to end on an axis of `length` ms that begins at origin; never invisible."""
    x = min(AXIS, between(origin, start) * AXIS // length)
    width = max(3, between(start, end) * AXIS // length)
    return Bar(min(x, AXIS - 3), min(width, AXIS - min(x, AXIS - 3)))


def _row(step: dict[str, Any], origin: str, length: int, now: str) -> StepRow:
    end = step["finished_at"] or now
    took = _took(step["started_at"], step["finished_at"], now)
    error = error_line(step["error"]) if step["error"] else ""
    return StepRow(step, bar(origin, step["started_at"], end, length), took, error)


def _took(start: str | None, end: str | None, now: str) -> str:
    if start is None:
        return ""
    return duration(between(start, end)) if end else whole_duration(between(start, now))
