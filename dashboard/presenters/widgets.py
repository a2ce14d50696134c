"""What a widget says: a small JSON document, the same for every carrier. Only its label, statuses and allowed values.

No id, no error, nothing that it waits for: those are for who signed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.estimates import Usual
from dashboard.presenters.outlook import time_left
from dashboard.presenters.values import progress
from workflows.states import Status

Document = dict[str, Any]
NOTHING_YET = "none"  # the status of what has no workflow yet
# What a mixture is called by: the first of these that is among it.
_LOUDEST = (
    Status.FAILED, Status.QUARANTINED, Status.RUNNING, Status.WAITING, Status.QUEUED, Status.DELAYED, Status.CANCELLED,
    Status.SUCCEEDED,
)  # fmt: skip
_PRESENT = (Status.RUNNING, Status.WAITING, Status.QUEUED, Status.DELAYED)


def workflow(summary: Mapping[str, Any], allowed: Mapping[str, Any], usual: Usual | None, now: str) -> Document:
    """One workflow, from its list row and those of its values that may be shown."""
    shown = progress(allowed.get("progress"), allowed.get("phase"))
    left = time_left(dict(summary), usual, now, allowed.get("progress"))
    return {
        "status": summary["status"],
        "words": summary["status"].capitalize(),
        "progress": shown and {"fraction": shown.fraction, "text": shown.text},
        "left": left and (left.short if left.overdue else f"{left.short} left"),
        "values": {key: allowed[key] for key in sorted(allowed) if key not in ("progress", "phase")},
        "started_at": summary["started_at"],
        "finished_at": summary["finished_at"],
    }


def nothing(words: str) -> Document:
    """Something that has no workflow yet."""
    return {"status": NOTHING_YET, "words": words}


def summary(there_are: Mapping[str, int], ended: int, bad: int) -> Document:
    """A definition: how many there are of each status, and how many ended, and ended badly, within the last hour."""
    present = [f"{there_are[status]:,} {status}" for status in _PRESENT if there_are.get(status)]
    past = f"{bad:,} of {ended:,} failed in the last hour" if bad else f"{ended:,} ended in the last hour"
    statuses = [Status.FAILED] if bad else [status for status in _PRESENT if there_are.get(status)]
    idle = Status.SUCCEEDED if any(there_are.values()) else NOTHING_YET
    return {
        "status": str(next(iter(statuses), idle)),
        "words": " · ".join([*(present or ["Idle"]), *([past] if ended else [])]),
        "counts": {str(status): there_are[status] for status in Status if there_are.get(status)},
        "hour": {"ended": ended, "bad": bad},
    }


def rows(found: Sequence[tuple[str, Document]], *, more: bool) -> Document:
    """Several workflows, each with its definition. more: there are others that are not among them."""
    number = Counter(document["status"] for _, document in found)
    words = [f"{number[status]} {status}" for status in _LOUDEST if number[status]]
    return {
        "status": str(next((status for status in _LOUDEST if number[status]), NOTHING_YET)),
        "words": " · ".join(words) + (" · and more" if more else "") if words else "Nothing matches",
        "rows": [{"definition": definition, **document} for definition, document in found],
    }
