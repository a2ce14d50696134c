"""Numbers over time as shapes: sparklines, stacked bars, lines, in the units of a fixed view box. And in words.

What `<chart-series>` draws again from, where its library is there, is `wire` (static/js/lib/charts.js: Chart).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from dashboard.presenters import times as clock
from dashboard.presenters.times import duration, iso_utc
from workflows.states import Status

LINE_WIDTH, LINE_HEIGHT = 120, 28
BAR_STEP, BAR_WIDTH, BARS_HEIGHT = 24, 18, 120
WIDTH, HEIGHT = 1000, 120
STACK = (Status.SUCCEEDED, Status.CANCELLED, Status.FAILED, Status.QUARANTINED)  # ends in a bar, from below
_LEAST = 2.5  # so that one among thousands is still seen
_MOST_ROWS = 60  # of a table beside a chart
_SIGNIFICANT = 6
_MOST_NAMED = 6  # marks of one bar
Wire = dict[str, Any]


class Mark(NamedTuple):
    """A moment that is shown above the bar it falls into. kind: "code" or "schedule"; number: how often it happened."""

    at: datetime
    words: str
    kind: str = "code"
    number: int = 1


@dataclass(frozen=True)
class Flag:
    """All marks of a kind that fall into one bar: where the middle of that is, how many, and which, in words."""

    kind: str
    place: int
    number: int
    words: str

    @property
    def x(self) -> int:
        """The middle of its bar."""
        return self.place * BAR_STEP + BAR_STEP // 2


class Series(NamedTuple):
    """One line of a chart. tone: its colour, as `data-part` names it; None: nothing is known of that moment."""

    name: str
    tone: str
    numbers: Sequence[float | None]


def amount(unit: str, number: float) -> str:
    """A number in its unit: "count", "ms", "percent" or "number"."""
    if unit == "ms":
        return duration(max(0, round(number)))
    digits = 1
    if unit == "number":
        digits = _SIGNIFICANT - 1 - math.floor(math.log10(abs(number))) if number else 0
    text = f"{round(number, digits):,.{max(0, digits)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} %" if unit == "percent" else text


def _wire(kind: str, unit: str, times: Sequence[datetime], series: Sequence[Series], **more: Any) -> Wire:
    return {
        "kind": kind,
        "unit": unit,
        "x": [moment.timestamp() for moment in times],
        "series": [{"name": one.name, "tone": one.tone, "numbers": list(one.numbers)} for one in series],
        **more,
    }


_KINDS = {"code": "other code", "schedule": "started by schedule"}


def _flags(begins: Sequence[datetime], marks: Sequence[Mark]) -> list[Flag]:
    """The marks by bar and kind; what happened before the first bar is left out."""
    found: dict[tuple[int, str], list[Mark]] = defaultdict(list)
    for mark in marks:
        place = bisect_right(begins, mark.at) - 1
        if place >= 0:
            found[place, mark.kind].append(mark)
    return [
        Flag(kind, place, sum(mark.number for mark in some), f"{_KINDS[kind]} {_listed(some)}")
        for (place, kind), some in sorted(found.items())
    ]


def _listed(marks: Sequence[Mark]) -> str:
    """Those of one bar, the first few by name."""
    named = [mark.words if mark.number == 1 else f"{mark.words} {mark.number}×" for mark in marks[:_MOST_NAMED]]
    more = len(marks) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


@dataclass(frozen=True)
class Line:
    """A sparkline: the points of its line, and what it shows, in words. is_flat: there was never anything."""

    points: str
    words: str
    is_flat: bool


def curve_line(numbers: Sequence[float]) -> str:
    """The points of a line through these numbers, between the lowest and the highest; of a single one it is level."""
    found = [numbers[0], numbers[0]] if len(numbers) == 1 else numbers
    low, span, last = min(found), (max(found) - min(found)) or 1, len(found) - 1
    usable = LINE_HEIGHT - 2
    return " ".join(
        f"{place * LINE_WIDTH / last:.1f},{LINE_HEIGHT - 1 - usable * (number - low) / span:.1f}"
        for place, number in enumerate(found)
    )


def level_line(numbers: Sequence[int]) -> Line:
    """How many there were, minute by minute."""
    return _line(numbers, f"In the last {len(numbers)} minutes at least {min(numbers):,}, at most {max(numbers):,}.")


def happened_line(numbers: Sequence[int]) -> Line:
    """How many it happened to, in each minute."""
    return _line(numbers, f"In one of the last {len(numbers)} minutes at most {max(numbers):,}.")


def _line(numbers: Sequence[int], words: str) -> Line:
    return Line(_points(numbers), words, not any(numbers))


def _points(numbers: Sequence[int]) -> str:
    highest, last = max(1, *numbers), len(numbers) - 1
    usable = LINE_HEIGHT - 2
    return " ".join(
        f"{place * LINE_WIDTH / last:.1f},{LINE_HEIGHT - 1 - usable * number / highest:.1f}"
        for place, number in enumerate(numbers)
    )


@dataclass(frozen=True)
class Part:
    """One colour of a bar."""

    status: str
    y: float
    height: float


@dataclass(frozen=True)
class Column:
    """One stretch: its bar, from below, and the same in words and numbers. `also`: its marks."""

    label: str
    x: int
    parts: list[Part]
    words: str
    numbers: list[int]
    also: str

    @property
    def is_empty(self) -> bool:
        """Nothing happened at all."""
        return not (any(self.numbers) or self.also)


@dataclass(frozen=True)
class Bars:
    """Stacked bars, how high the highest is, how many each status has in all, and what else happened above which."""

    columns: list[Column]
    width: int
    highest: int
    totals: list[tuple[str, int]]
    flags: list[Flag]
    wire: Wire

    @property
    def middle(self) -> Column:
        """The bar half way."""
        return self.columns[len(self.columns) // 2]


def bars(minutes: Sequence[datetime], numbers: Mapping[str, Sequence[int]], marks: Sequence[Mark] = ()) -> Bars:
    """One bar per minute (or longer stretch), its statuses stacked in the order of `numbers`."""
    highest = max((sum(column) for column in zip(*numbers.values(), strict=True)), default=0)
    flags, columns = _flags(minutes, marks), []
    for place, minute in enumerate(minutes):
        here = {status: found[place] for status, found in numbers.items()}
        said = ", ".join(f"{number:,} {status}" for status, number in here.items() if number) or "nothing ended"
        also = "; ".join(flag.words for flag in flags if flag.place == place)
        label = _minute(minute, minutes[-1])
        columns.append(
            Column(
                label, place * BAR_STEP + (BAR_STEP - BAR_WIDTH) // 2, _stacked(here, max(1, highest)),
                f"{label}: {said}{also and f'; {also}'}", list(here.values()), also,
            )
        )  # fmt: skip
    totals = [(status, sum(found)) for status, found in numbers.items()]
    return Bars(
        columns, len(minutes) * BAR_STEP, highest, totals,
        flags,
        wire=_wire(
            "bars", "count", minutes, [Series(status, status, found) for status, found in numbers.items()],
            marks=[
                {"kind": flag.kind, "at": minutes[flag.place].timestamp(), "number": flag.number, "words": flag.words}
                for flag in flags
            ],
            nothing="nothing ended", now=minutes[-1].timestamp(),
        ),
    )  # fmt: skip


def _minute(moment: datetime, last: datetime) -> str:
    """Without seconds; with its date where that is not the one of the last."""
    at = iso_utc(moment)
    day = clock.local(at).date()
    return clock.minute(at) if day == clock.local(iso_utc(last)).date() else f"{day} {clock.minute(at)}"


def _stacked(numbers: Mapping[str, int], highest: int) -> list[Part]:
    parts, below = [], float(BARS_HEIGHT)
    for status, number in numbers.items():
        if number:
            height = max(_LEAST, (BARS_HEIGHT - 4 * _LEAST) * number / highest)
            below -= height
            parts.append(Part(status, round(below, 1), round(height, 1)))
    return parts


@dataclass(frozen=True)
class Lines:
    """Lines over time, and the area between two of them. rows: the same as a table; none where they are too many.

    pieces: tone and points of each unbroken line. highest, lowest: what the top and the bottom mean.
    """

    pieces: list[tuple[str, str]]
    area: str
    highest: str
    lowest: str
    since: str
    until: str
    names: list[str]
    rows: list[tuple[str, list[str]]]
    wire: Wire


def lines(
    times: Sequence[datetime],
    series: Sequence[Series],
    unit: str,
    now: datetime,
    *,
    band: tuple[int, int] | None = None,
    steps: bool = False,
) -> Lines:
    """Lines through these points, of which there is at least one. band: the upper and the lower series of an area.

    steps: a number holds until the next one, so that moments without one are no gaps.
    """
    known = [number for one in series for number in one.numbers if number is not None]
    low, high = _range(unit, known)
    span = max((times[-1] - times[0]).total_seconds(), 1e-6)
    across = [round((moment - times[0]).total_seconds() / span * WIDTH, 1) for moment in times]

    def up(number: float) -> float:
        return round(HEIGHT - (number - low) / (high - low) * HEIGHT, 1)

    more: Wire = {"marks": [], "nothing": "nothing known", "now": now.timestamp()} | ({"band": band} if band else {})
    return Lines(
        pieces=[(one.tone, piece) for one in series for piece in _pieces(across, one.numbers, up, steps)],
        area=_area(across, series[band[0]].numbers, series[band[1]].numbers, up) if band else "",
        highest=amount(unit, high),
        lowest=amount(unit, low),
        since=iso_utc(times[0]),
        until=iso_utc(times[-1]),
        names=[one.name for one in series],
        rows=_rows(times, series, unit) if len(times) <= _MOST_ROWS else [],
        wire=_wire("steps" if steps else "lines", unit, times, series, **more),
    )


def _range(unit: str, known: Sequence[float]) -> tuple[float, float]:
    """From zero, except where numbers are only compared with each other."""
    if unit == "percent":
        return 0, 100
    low, high = min(known, default=0), max(known, default=0)
    if unit != "number" or 0 <= low <= (high - low) / 2:
        low = 0
    return (low, high) if high > low else (low, low + 1)


def _pieces(
    across: Sequence[float], numbers: Sequence[float | None], up: Callable[[float], float], steps: bool
) -> list[str]:
    pieces: list[list[str]] = [[]]
    height = 0.0
    for x, number in zip(across, numbers, strict=True):
        if number is None:
            if not steps:
                pieces.append([])
            continue
        if steps and pieces[-1]:
            pieces[-1].append(f"{x},{height}")
        height = up(number)
        pieces[-1].append(f"{x},{height}")
    return [" ".join(piece) if len(piece) > 1 else f"{piece[0]} {piece[0]}" for piece in pieces if piece]


def _area(
    across: Sequence[float], above: Sequence[float | None], below: Sequence[float | None], up: Callable[[float], float]
) -> str:
    upper = [f"{x},{up(number)}" for x, number in zip(across, above, strict=True) if number is not None]
    lower = [f"{x},{up(number)}" for x, number in zip(across, below, strict=True) if number is not None]
    return " ".join(upper + lower[::-1])


def _rows(times: Sequence[datetime], series: Sequence[Series], unit: str) -> list[tuple[str, list[str]]]:
    cells = [["–" if number is None else amount(unit, number) for number in one.numbers] for one in series]
    return [(iso_utc(moment), list(row)) for moment, row in zip(times, zip(*cells, strict=True), strict=True)]
