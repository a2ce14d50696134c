"""One workflow as a row of the list: its summary and the few words beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboard.presenters.history import label
from dashboard.presenters.sentences import waits
from dashboard.presenters.values import Progress, progress


@dataclass(frozen=True)
class ListRow:
    """What the list shows of one workflow. `summary` is the JSON that the live connection patches."""

    summary: dict[str, Any]
    progress: Progress | None
    last: str


def list_row(summary: dict[str, Any]) -> ListRow:
    """The row of a summary."""
    return ListRow(summary, progress(summary["progress"], summary["phase"]), last_words(summary))


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
