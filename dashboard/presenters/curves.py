"""A key's numbers over time as a chart, with the area that earlier workflows of the definition were in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dashboard.estimates import FEWEST, quantile
from dashboard.presenters.charts import Lines, Series, lines
from workflows.curves import Curve, Earlier
from workflows.states import EventKind

RECENT = 60  # numbers of the small line beside a value
_PLACES = 40  # at which earlier workflows are compared
_BEYOND = 1e300  # numbers like this are no measurements; the arithmetic of a line would overflow
_LOW, _HIGH = 0.1, 0.9


def number_of(value: Any) -> float | None:
    """A value as a number: itself, or how much is done, for a progress."""
    found = value.get("done") if isinstance(value, dict) else value
    is_number = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < _BEYOND
    return float(found) if is_number else None  # type: ignore[arg-type]


def recent(events: Sequence[Sequence[Any]]) -> dict[str, list[float]]:
    """The last numbers that each key got in these events of a history, in wire form."""
    found: dict[str, list[float]] = {}
    for _seq, _at, kind, _position, key, data in events:
        number = number_of(data["value"]) if kind == EventKind.VALUE_SET else None
        if number is not None:
            found.setdefault(key, []).append(number)
    return {key: numbers[-RECENT:] for key, numbers in found.items()}


def chart(key: str, curve: Curve, earlier: Sequence[Earlier], began: datetime | None, now: datetime) -> Lines | None:
    """The numbers of one workflow; None: there are none. The area holds eight of ten earlier ones, at the same age.

    Without an area: fewer than eight earlier workflows, or this one has not begun.
    """
    if not curve.points:
        return None
    numbers = dict(curve.points)
    band = _band(earlier, began, until=curve.points[-1][0]) if began and len(earlier) >= FEWEST else {}
    times = sorted({*numbers, *band})
    own = Series(key, "value", [numbers.get(at) for at in times])
    if not band:
        return lines(times, [own], "number", now, steps=True)
    above = Series("9 of 10 earlier at most", "edge", [band[at][1] if at in band else None for at in times])
    below = Series("1 of 10 at most", "edge", [band[at][0] if at in band else None for at in times])
    return lines(times, [above, own, below], "number", now, band=(0, 2), steps=True)


def _band(
    earlier: Sequence[Earlier], began: datetime, until: datetime
) -> dict[datetime, tuple[float, float]]:  # fmt: skip
    """At moments since this one began, between which numbers the earlier ones were at that age. One that had ended by
    then has its last number; one that had none yet is left out, and so are moments with too few.
    """
    longest = max(*(one.took for one in earlier), until - began)
    ages = [[age for age, _number in one.points] for one in earlier]
    found: dict[datetime, tuple[float, float]] = {}
    for place in range(1, _PLACES + 1):
        age = longest * place / _PLACES
        there = [_number_at(one, bisect_right(known, age)) for one, known in zip(earlier, ages, strict=True)]
        numbers = sorted(number for number in there if number is not None)
        if len(numbers) >= FEWEST:
            found[began + age] = (quantile(numbers, _LOW), quantile(numbers, _HIGH))
    return found


def _number_at(one: Earlier, after: int) -> float | None:
    return one.points[after - 1][1] if after else None
