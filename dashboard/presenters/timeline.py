"""Phases, steps and children as bars on one time axis, on which long waits are short. Positions are thousandths of the
axis, drawn as SVG; the browser moves them on. Times on the axis are milliseconds since the workflow was created.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboard.presenters.sentences import error_line, waits
from dashboard.presenters.times import DAY, HOUR, MINUTE, SECOND, between, duration, whole_duration
from workflows.states import ACTIVE, TERMINAL

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
_GAP_SHARE = 12  # a short wait takes this part of the time in which something ran
_WORTH_IT = 3  # and is at least so many times longer,
_SHORTEST = 5 * SECOND  # and no moment

Phase = Sequence[Any]  # [status, since, what it waits for], as in `phases`


_QUEUED_BY = frozenset({"due", "woken", "released", "resumed", "forked"})


def phase(event: list[Any]) -> Phase | None:
    """The status that an event begins; None: it changes none."""
    _seq, at, kind, _position, _key, data = event
    if kind == "created":
        return ["delayed" if data.get("wake_at") else "queued", at, None]
    if kind == "suspended":
        return ["waiting", at, data["waiting"]]
    if kind == "claimed" or kind in _QUEUED_BY:
        return ["running" if kind == "claimed" else "queued", at, None]
    return [kind, at, None] if kind in TERMINAL else None


class Gap(NamedTuple):
    """A time in which the workflow did not run, in ms, and why."""

    start: int
    end: int
    words: str


class Segment(NamedTuple):
    """A stretch of time, and where it is on the axis: at `place`, `length` long. All in ms."""

    start: int
    end: int
    place: int
    length: int


@dataclass(frozen=True)
class Bar:
    """Where a bar stands on the axis, in thousandths."""

    x: int
    width: int


@dataclass(frozen=True)
class PhaseBar:
    """How long the workflow had a status."""

    status: str
    bar: Bar


@dataclass(frozen=True)
class GapMark:
    """A wait that is drawn shorter than it was."""

    start: int
    bar: Bar
    label: str
    title: str


@dataclass(frozen=True)
class StepRow:
    """A step as the timeline shows it."""

    step: dict[str, Any]
    bar: Bar
    duration: str
    error_line: str


@dataclass(frozen=True)
class ChildRow:
    """A child as the timeline shows it."""

    child: dict[str, Any]
    bar: Bar
    duration: str


@dataclass(frozen=True)
class Timeline:
    """All rows, the axis they share, and how many steps there are, of which these are the latest."""

    steps: list[StepRow]
    children: list[ChildRow]
    phases: list[PhaseBar]
    gaps: list[GapMark]
    event_ticks: str
    duration: str
    ticks: list[str]
    total: int


def timeline(
    state: dict[str, Any], now: str, *, phases: Sequence[Phase] = (), events: Sequence[str] = (),
    children: Sequence[dict[str, Any]] = (), most: int = MOST_STEPS,
) -> Timeline:  # fmt: skip
    """The latest `most` steps on an axis from the creation of the workflow to its end, or a little past now.

    `events` are times at which something happened.
    """
    workflow = state["workflow"]
    origin, end = workflow["created_at"], workflow["finished_at"] or now
    finished = bool(workflow["finished_at"])
    found = gaps(phases, origin, end)
    segments = shorten(found, between(origin, end))
    length = span(segments[-1].place + segments[-1].length, finished)

    def at(moment: str) -> int:
        return locate(segments, between(origin, moment))

    steps = sorted(state["steps"].values(), key=lambda step: int(step["position"]))
    rows = [
        StepRow(
            step, bar(at(step["started_at"]), at(step["finished_at"] or end), 0, length),
            _took(step["started_at"], step["finished_at"], now), error_line(step["error"]) if step["error"] else "",
        )
        for step in steps[-most:]
    ]  # fmt: skip
    return Timeline(
        steps=rows,
        children=[
            ChildRow(
                child, bar(at(child["created_at"]), at(child["finished_at"] or end), 0, length),
                _took(child["created_at"], child["finished_at"], now),
            )
            for child in as_of(children, end)
        ],
        phases=[PhaseBar(status, bar(at(start), at(stop), 0, length)) for status, start, stop in _lasting(phases, end)],
        gaps=marks(found, segments, length),
        event_ticks="".join(f"M{at(moment) * AXIS // length} 0V3" for moment in events if moment <= end),
        duration=_took(workflow["started_at"], workflow["finished_at"], now),
        ticks=ticks(segments, 0, length),
        total=len(steps),
    )  # fmt: skip


def as_of(children: Sequence[dict[str, Any]], end: str) -> list[dict[str, Any]]:
    """Children as they were at a time: not there yet, or not finished."""
    there = [child for child in children if child["created_at"] <= end]
    return [
        child if (child["finished_at"] or "") <= end else {**child, "status": "running", "finished_at": None}
        for child in there
    ]


def _lasting(phases: Sequence[Phase], end: str) -> list[tuple[str, str, str]]:
    """Each phase with its end, as far as they had begun by then."""
    begun = [phase for phase in phases if between(end, phase[1]) == 0]
    ends = [*(phase[1] for phase in begun[1:]), end]
    pairs = zip(begun, ends, strict=False)
    return [(status, start, stop) for (status, start, _), stop in pairs if status in ACTIVE]


def gaps(phases: Sequence[Phase], origin: str, end: str) -> list[Gap]:
    """When it did not run: what follows each other without a run in between is one."""
    found: list[Gap] = []
    reasons = {start: waiting for _, start, waiting in phases}
    for status, since, until in _lasting(phases, end):
        start, stop = between(origin, since), between(origin, until)
        if status == "running" or stop <= start:
            continue
        words = waits(reasons[since]) if reasons[since] else status.capitalize()
        if found and found[-1].end == start:
            found[-1] = Gap(found[-1].start, stop, found[-1].words)
        else:
            found.append(Gap(start, stop, words))
    return found


def shorten(found: Sequence[Gap], end: int, kept: Collection[int] = ()) -> list[Segment]:
    """The axis from 0 to `end`, on which long gaps are short; `kept` are the starts of those that keep their length."""
    active = max(1, end - sum(gap.end - gap.start for gap in found))
    short = span(active, finished=False) // _GAP_SHARE
    segments: list[Segment] = []
    at = place = 0
    for gap in found:
        if gap.end - gap.start <= max(_SHORTEST, _WORTH_IT * short) or gap.start in kept:
            continue
        segments += [
            Segment(at, gap.start, place, gap.start - at),
            Segment(gap.start, gap.end, place + gap.start - at, short),
        ]
        place += gap.start - at + short
        at = gap.end
    return [*segments, Segment(at, max(at, end), place, max(at, end) - at)]


def locate(segments: Sequence[Segment], ms: int) -> int:
    """Where a time is on the axis."""
    found = next((one for one in segments if ms < one.end), segments[-1])
    if found.end == found.start:
        return found.place + ms - found.start
    return found.place + (ms - found.start) * found.length // (found.end - found.start)


def time_at(segments: Sequence[Segment], place: int) -> int:
    """The time at a place of the axis; the axis may be longer than the time that has passed."""
    found = next((one for one in segments if place < one.place + one.length), segments[-1])
    if found.length in (0, found.end - found.start):
        return found.start + place - found.place
    return found.start + (place - found.place) * (found.end - found.start) // found.length


def span(ms: int, finished: bool) -> int:
    """The length of the axis: exact once finished, else the next round length, so that bars do not crawl."""
    if finished:
        return max(1, ms)
    return next((nice for nice in _NICE if ms <= nice), (ms // DAY + 1) * DAY)


def ticks(segments: Sequence[Segment], first: int, length: int) -> list[str]:
    """Five labels of an axis that begins at `first` and is `length` ms long, without trailing zero parts.

    After a long wait that is drawn short some would say the same again: those are empty.
    """
    say = whole_duration if length >= 4 * SECOND else duration
    places = (first + length * quarter // 4 for quarter in range(5))
    labels = [_ZERO_PART.sub("", say(time_at(segments, place))) for place in places]
    return [label if label not in labels[:place] else "" for place, label in enumerate(labels)]


def bar(start: int, end: int, first: int, length: int) -> Bar:
    """From start to end on an axis of `length` ms that begins at `first`; never invisible, but outside of the axis."""
    if end < first or start > first + length:
        return Bar(0, 0)
    begin, stop = max(start, first) - first, min(end, first + length) - first
    x = min(AXIS - 3, begin * AXIS // length)
    return Bar(x, min(max(3, (stop - begin) * AXIS // length), AXIS - x))


def marks(found: Sequence[Gap], segments: Sequence[Segment], length: int) -> list[GapMark]:
    """Where the axis is not true, and how long that really was."""
    short = {one.start: one for one in segments if one.length < one.end - one.start}
    made = ((gap, short[gap.start]) for gap in found if gap.start in short)
    return [
        GapMark(
            gap.start, bar(one.place, one.place + one.length, 0, length), whole_duration(gap.end - gap.start),
            f"{gap.words}: {whole_duration(gap.end - gap.start)}, drawn short",
        )
        for gap, one in made
    ]  # fmt: skip


def _took(start: str | None, end: str | None, now: str) -> str:
    if start is None:
        return ""
    return duration(between(start, end)) if end else whole_duration(between(start, now))
