"""One workflow as a row of the list: its summary and the few words beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboard.columns import Column, Columns
from dashboard.estimates import Usual
from dashboard.presenters.cells import Cell, cell
from dashboard.presenters.history import label
from dashboard.presenters.outlook import TimeLeft, time_left, wire
from dashboard.presenters.sentences import waits
from dashboard.presenters.values import Progress, progress


class Place(NamedTuple):
    """Where a row stands: `level` 0 in its own place, 1 under its parent, and so on. `parent`: "" if none is known."""

    level: int = 0
    parent: str = ""


@dataclass(frozen=True)
class ListRow:
    """What the list shows of one workflow. `summary` is the JSON that the live connection patches.

    `columns`: each with the cell of its key; None where it has no key, or nothing was published.
    """

    summary: dict[str, Any]
    columns: list[tuple[Column, Cell | None]]
    progress: Progress | None
    last: str
    left: TimeLeft | None
    usual: str  # by which the browser goes on; "" where nothing will be left to say
    place: Place


def families(parents: dict[str, str]) -> dict[str, Place]:
    """The rows of a page in the order in which it shows them: families together, children in the order of start.

    `parents`: of each row, newest first, the parent or "". A row whose parent is not among them keeps its place.
    """
    children: dict[str, list[str]] = {}
    for row, parent in parents.items():
        children.setdefault(parent if parent in parents else "", []).append(row)
    placed: dict[str, Place] = {}
    waiting = [(row, 0) for row in reversed(children.get("", []))]
    while waiting:
        row, level = waiting.pop()
        placed[row] = Place(level, parents[row])
        waiting += [(child, level + 1) for child in children.get(row, [])]
    return placed | {row: Place(0, parent) for row, parent in parents.items() if row not in placed}


def list_row(summary: dict[str, Any], columns: Columns, usual: Usual | None, now: str, place: Place) -> ListRow:
    """The row of a summary; `usual`: what its definition usually takes, if that is a measure for it."""
    values = summary.get("values", {})
    shown = [(one, cell(values[one.key], one.shown_as) if one.key in values else None) for one in columns.all]
    left = time_left(summary, usual, now, summary["progress"])
    bar = progress(summary["progress"], summary["phase"])
    going_on = "" if summary["finished_at"] else wire(usual)
    return ListRow(summary, shown, bar, last_words(summary), left, going_on, place)


def last_words(summary: dict[str, Any]) -> str:
    """The error of a workflow that has one, what it waits for, else what its last event was."""
    event = summary["last_event"]
    if summary["error"]:
        return str(summary["error"])
    if summary["waiting"]:
        return waits(summary["waiting"])
    if not event:
        return ""
    about = event["key"] or event["name"] or ""
    if event["kind"].startswith("step_"):
        about = f"{event['position']} {event['name']}"
    return " ".join(part for part in (label(event["kind"]), about) if part)
