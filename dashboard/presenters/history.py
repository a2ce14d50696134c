"""One event of the history as a row: what kind, about what, what changed, since when, and whose doing it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboard.presenters.sentences import error_line, lost, set_aside
from dashboard.presenters.times import between, duration, when
from dashboard.presenters.values import Diff, brief, diff, first
from workflows.history import Entry
from workflows.redaction import HIDDEN

Wire = list[Any]
Data = dict[str, Any]
_UNKNOWN = object()


class _Words(NamedTuple):
    subject: str = ""
    detail: str = ""


@dataclass(frozen=True)
class HistoryRow:
    """What the history shows of one event, or of `count` values in a row, from event `first` on.

    `tone` is the status whose colour marks it, or empty; `delta` the time since the event before; `source` who or what
    did it.
    """

    seq: int
    at: str
    kind: str
    label: str
    tone: str
    subject: str
    detail: str
    diff: Diff | None
    delta: str
    source: str
    first: int
    count: int


def rows(entries: list[Entry]) -> list[HistoryRow]:
    """The rows of a part of the history."""
    return [_entry_row(entry) for entry in entries]


def _entry_row(entry: Entry) -> HistoryRow:
    before = _UNKNOWN if entry.before is None else json.loads(entry.before)
    return row(entry.event, before, entry.previous_at, first_seq=entry.first, count=entry.times)


def row(
    event: Wire, before: Any = _UNKNOWN, previous_at: str | None = None, *, first_seq: int = 0, count: int = 1
) -> HistoryRow:
    """One row; `before` is the value its key had, where there was one, `previous_at` the time of the event before."""
    seq, at, kind, position, key, data = event
    words, tone, say = _KINDS.get(kind, (label(kind), "", _key))
    subject, detail = say(position, key, data, at)
    changes = None
    if kind == "value_set" and data.get("hidden"):
        detail = HIDDEN
    elif kind == "value_set":
        changes = first(data["value"]) if before is _UNKNOWN else diff(before, data["value"])
    delta = f"+{duration(between(previous_at, at))}" if previous_at else ""
    whose = source(kind, position, data)
    return HistoryRow(seq, at, kind, words, tone, subject, detail, changes, delta, whose, first_seq or seq, count)


def label(kind: str) -> str:
    """What a kind of event is called."""
    return _KINDS[kind][0] if kind in _KINDS else kind.replace("_", " ").capitalize()


def source(kind: str, position: int | None, data: Data) -> str:
    """Whose doing it was: a person's, that of those who look after workers and clocks, or of a place in the code."""
    if data.get("by"):
        return str(data["by"])
    if kind in _KEEPERS:
        return _KEEPERS[kind]
    return "" if position is None else f"position {position}"


_KEEPERS = {
    "released": "recovery",
    "quarantined": "recovery",
    "due": "clock",
    "woken": "clock",
    "claimed": "worker",
}


def _key(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words(key or "")


def _created(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    parts = [
        f"on queue {data['queue']}",
        f"by {data['by']}" if data.get("by") else "",
        f"as a child of {data['parent']}" if data.get("parent") else "",
        f"not before {when(data['wake_at'], at)}" if data.get("wake_at") else "",
    ]
    return _Words(data["definition"], _listed(parts))


def _debounced(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    by = f" by {data['by']}" if data.get("by") else ""
    return _Words("", f"until {when(data['wake_at'], at)}, with the input of a further start{by}")


def _listed(parts: list[str]) -> str:
    return ", ".join(part for part in parts if part)


def _claimed(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    parts = [
        f"by {data['worker']}",
        "taking over" if data.get("takeover") else "",
        f"to end by {when(data['deadline_at'], at)}" if data.get("deadline_at") else "",
    ]
    return _Words("", _listed(parts))


_WAKINGS: dict[str, str] = {
    "time": "its time has come",
    "message": "a message has come",
    "event": "a value was set",
    "ended": "a workflow has ended",
}


def _woken(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words("", _WAKINGS.get(data["reason"], str(data["reason"])))


def _released(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words("", lost(data))


def _step(position: int | None, data: Data, detail: str = "") -> _Words:
    attempt = f"attempt {data['attempt']}" if data.get("attempt", 1) > 1 else ""
    return _Words(f"{position} {data['name']}", ": ".join(part for part in (attempt, detail) if part))


def _step_started(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _step(position, data)


def _step_retrying(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _step(position, data, f"{error_line(data['error'])}; next try at {when(data['next_attempt_at'], at)}")


def _step_succeeded(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _step(position, data, _result(data))


def _step_failed(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _step(position, data, error_line(data["error"]))


def _result(data: Data) -> str:
    if "output_bytes" in data:
        return f"{data['output_bytes']} bytes"
    return "" if data.get("output") is None else brief(data["output"])


def _wait_started(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    until = f"until {when(data['until'], at)}" if data.get("until") else ""
    what = data["for"]
    if what == "time":
        return _Words("", until)
    if what == "retry":
        return _Words(f"{data['position']} {data['name']}", _listed(["its next attempt", until]))
    if what == "result":
        return _Words(data["workflow"], _listed(["its result", until]))
    if what in _SEVERAL:
        return _Words(data["name"], _listed([_SEVERAL[what], until]))
    of = f" of {data['workflow']}" if data.get("workflow") else ""
    return _Words(data["name"] or "", _listed([f"a {'value' if what == 'event' else what}{of}", until]))


_SEVERAL = {"results": "the results of all", "completion": "the first to end"}


def _suspended(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    subject, detail = _wait_started(position, key, data["waiting"], at)
    return _Words(subject, _listed([detail, "holds no worker"]))


def _message_sent(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    by = f"by {data['by']}, " if data.get("by") else ""
    return _Words(key or "", f"{by}{data['bytes']} bytes")


def _message_received(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words(key or "", "none came in time" if data.get("timed_out") else brief(data.get("message")))


def _event_read(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    value = "absent" if data.get("absent") else brief(data.get("value"))
    return _Words(key or "", f"of {data['workflow']}: {value}")


def _child_started(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words(key or "", _listed([data["definition"], "which existed already" if data.get("attached") else ""]))


def _result_read(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    if data.get("timed_out"):
        return _Words(key or "", "had not ended in time")
    if data.get("error"):
        return _Words(key or "", f"{data['status']}: {error_line(data['error'])}")
    return _Words(key or "", brief(data["output"]) if data.get("output") is not None else data["status"])


def _results_gathered(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    subject = "1 workflow" if data["count"] == 1 else f"{data['count']} workflows"
    failed = len(data.get("failed") or ())
    late = "not all ended in time" if data.get("timed_out") else ""
    return _Words(subject, _listed([late, f"{failed} without a result" if failed else ""]))


def _completion_read(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words(key or "", "none ended in time" if data.get("timed_out") else "")


def _resumed(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    again = f"step {', '.join(map(str, data['reopened']))} again" if data.get("reopened") else ""
    return _Words("", _listed([_stopped(position, key, data, at).detail, again]))


def _forked(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    where = _listed([f"at position {data['position']}", "with other input" if data.get("edited") else ""])
    return _Words(
        data.get("from") or data.get("workflow") or "", _listed([where, _stopped(position, key, data, at).detail])
    )


def _succeeded(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words("", _result(data))


def _failed(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words("", error_line(data["error"]))


def _stopped(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    by = f"by {data['by']}" if data.get("by") else ""
    return _Words("", ": ".join(part for part in (by, data.get("reason") or "") if part))


def _quarantined(position: int | None, key: str | None, data: Data, at: str) -> _Words:
    return _Words("", set_aside(data))


_KINDS: dict[str, tuple[str, str, Callable[[int | None, str | None, Data, str], _Words]]] = {
    "created": ("Created", "queued", _created),
    "claimed": ("Claimed", "running", _claimed),
    "debounced": ("Put off", "queued", _debounced),
    "due": ("Due", "queued", _key),
    "suspended": ("Suspended", "waiting", _suspended),
    "woken": ("Woken", "queued", _woken),
    "released": ("Released", "retrying", _released),
    "step_started": ("Step started", "running", _step_started),
    "step_retrying": ("Step retrying", "retrying", _step_retrying),
    "step_succeeded": ("Step succeeded", "succeeded", _step_succeeded),
    "step_failed": ("Step failed", "failed", _step_failed),
    "value_set": ("Value", "", _key),
    "wait_started": ("Waiting for", "waiting", _wait_started),
    "message_sent": ("Message sent", "", _message_sent),
    "message_received": ("Message received", "", _message_received),
    "event_read": ("Value read", "", _event_read),
    "slept": ("Slept", "", _key),
    "child_started": ("Child started", "", _child_started),
    "result_read": ("Result read", "", _result_read),
    "results_gathered": ("Results gathered", "", _results_gathered),
    "completion_read": ("Completion read", "", _completion_read),
    "patched": ("Patched", "", _key),
    "succeeded": ("Succeeded", "succeeded", _succeeded),
    "failed": ("Failed", "failed", _failed),
    "cancelled": ("Cancelled", "cancelled", _stopped),
    "quarantined": ("Quarantined", "quarantined", _quarantined),
    "resumed": ("Resumed", "queued", _resumed),
    "forked": ("Forked from", "queued", _forked),
    "fork_started": ("Fork started", "", _forked),
    "pinned": ("Pinned", "", _stopped),
    "unpinned": ("Unpinned", "", _stopped),
}
