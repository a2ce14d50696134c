"""The numbers at the top of the page Now: how many there are, and what came of the last hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from dashboard.presenters.attention import list_of, roughly
from dashboard.presenters.charts import Line, happened_line, level_line
from dashboard.presenters.times import iso_utc
from dashboard.trends import LastHour
from workflows.states import TERMINAL, Status


class Tile(NamedTuple):
    """One number. `status` is its colour, `since` the time that the note's duration counts from."""

    name: str
    status: str
    number: int
    address: str
    line: Line
    note: str = ""
    since: str | None = None


def tiles(there_are: Mapping[str, int], hour: LastHour, oldest: datetime | None) -> list[Tile]:
    """The five, from how many there are of each status, the last hour, and since when the first one is queued."""
    failed, finished = hour.ended[Status.FAILED], hour.finished
    return [
        _level("Running", Status.RUNNING, there_are, hour),
        _level("Waiting", Status.WAITING, there_are, hour),
        _level("Queued", Status.QUEUED, there_are, hour)._replace(
            note="oldest" if oldest else "", since=iso_utc(oldest) if oldest else None
        ),
        Tile(
            "Failed last hour", Status.FAILED, sum(failed), list_of(status=(Status.FAILED.value,)),
            happened_line(failed), "" if hour.usual_failures is None else f"usually {roughly(hour.usual_failures)}",
        ),
        Tile(
            "Finished last hour", Status.SUCCEEDED, sum(finished), list_of(status=tuple(sorted(TERMINAL))),
            happened_line(finished), f"{roughly(sum(finished) / len(finished))} a minute" if any(finished) else "",
        ),
    ]  # fmt: skip


def _level(name: str, status: Status, there_are: Mapping[str, int], hour: LastHour) -> Tile:
    levels = hour.levels[status]
    highest = max(levels)
    note = f"peak {highest:,}" if highest else ""
    return Tile(name, status, there_are[status], list_of(status=(status.value,)), level_line(levels), note)
