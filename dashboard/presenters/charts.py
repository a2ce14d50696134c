"""Numbers of minutes as shapes: lines and stacked bars, in the units of a fixed view box. And the same in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.presenters import times

LINE_WIDTH, LINE_HEIGHT = 120, 28
BAR_STEP, BAR_WIDTH, BARS_HEIGHT = 24, 18, 120
_LEAST = 2.5  # so that one among thousands is still seen


@dataclass(frozen=True)
class Line:
    """A sparkline: the points of its line, and what it shows, in words. is_flat: there was never anything."""

    points: str
    words: str
    is_flat: bool


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
    """One minute: its bar, from below, and the same in words and numbers. `at` is its beginning."""

    at: str
    x: int
    parts: list[Part]
    words: str
    numbers: list[int]
    is_empty: bool


@dataclass(frozen=True)
class Bars:
    """Stacked bars, how high the highest is, and how many each status has in all."""

    columns: list[Column]
    width: int
    highest: int
    totals: list[tuple[str, int]]


def bars(minutes: Sequence[datetime], numbers: Mapping[str, Sequence[int]]) -> Bars:
    """One bar per minute, its statuses stacked in the order of `numbers`."""
    highest = max((sum(column) for column in zip(*numbers.values(), strict=True)), default=0)
    columns = []
    for place, minute in enumerate(minutes):
        here = {status: found[place] for status, found in numbers.items()}
        said = ", ".join(f"{number:,} {status}" for status, number in here.items() if number) or "nothing ended"
        at = times.iso_utc(minute)
        columns.append(
            Column(
                at, place * BAR_STEP + (BAR_STEP - BAR_WIDTH) // 2, _stacked(here, max(1, highest)),
                f"{times.minute(at)}: {said}", list(here.values()), not any(here.values()),
            )
        )  # fmt: skip
    totals = [(status, sum(found)) for status, found in numbers.items()]
    return Bars(columns, len(minutes) * BAR_STEP, highest, totals)


def _stacked(numbers: Mapping[str, int], highest: int) -> list[Part]:
    parts, below = [], float(BARS_HEIGHT)
    for status, number in numbers.items():
        if number:
            height = max(_LEAST, (BARS_HEIGHT - 4 * _LEAST) * number / highest)
            below -= height
            parts.append(Part(status, round(below, 1), round(height, 1)))
    return parts
