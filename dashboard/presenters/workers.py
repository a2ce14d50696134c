"""Workers as a whole: how much of what they can run they ran."""

from __future__ import annotations

from typing import NamedTuple

from dashboard.presenters.charts import Lines, Series, lines
from dashboard.trends import Slots


class Busy(NamedTuple):
    """A chart of the last hour, and what it comes to now, in words."""

    chart: Lines
    words: str


def busy(hour: Slots) -> Busy | None:
    """How many of their slots were taken; None: there was neither a worker nor anything that ran."""
    if not any(hour.slots) and not any(hour.running):
        return None
    shown = [Series("slots", "median", hour.slots), Series("running", "running", hour.running)]
    running, slots = hour.running[-1], hour.slots[-1]
    share = f", {round(100 * running / slots)} %" if slots else ""
    words = f"{running:,} of {slots:,} slot{'' if slots == 1 else 's'} taken{share}"
    return Busy(lines(hour.minutes, shown, "count", hour.minutes[-1], steps=True), words)
