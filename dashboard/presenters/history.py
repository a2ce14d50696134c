"""One event of the history as a row: what kind, about what, and what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboard.presenters.sentences import error_line
from dashboard.presenters.times import clock
from dashboard.presenters.values import Diff, brief, diff, first

Wire = list[Any]
_UNKNOWN = object()


class _Words(NamedTuple):
    subject: str = ""
    detail: str = ""


@dataclass(frozen=True)
class HistoryRow:
    """What the history shows of one event. `tone` is the status whose colour marks it, or empty."""

    seq: int
    at: str
    kind: str
    label: str
    tone: str
    subject: str
    detail: str
    diff: Diff | None


def rows(events: list[Wire], previous: dict[int, Any]) -> list[HistoryRow]:
    """The rows of the events; `previous` maps the seq of a `value_set` to the value before (`previous_values`)."""
    return [row(event, previous.get(event[0], _UNKNOWN)) for event in events]


def row(event: Wire, before: Any = _UNKNOWN) -> HistoryRow:
    """One row; `before` is the value its key had, where there was one."""
    seq, at, kind, position, key, data = event
    words, tone, say = _KINDS.get(kind, (label(kind), "", _key))
    subject, detail = say(position, key, data)
    changes = None
    if kind == "value_set":
        changes = first(data["value"]) if before is _UNKNOWN else diff(before, data["value"])
    return HistoryRow(seq, at, kind, words, tone, subject, detail, changes)


def label(kind: str) -> str:
    """What a kind of event is called."""
    return _KINDS[kind][0] if kind in _KINDS else kind.replace("_", " ").capitalize()


def _key(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _Words(key or "")


def _created(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    by = f", by {data['by']}" if data.get("by") else ""
    return _Words(data["definition"], f"on queue {data['queue']}{by}")


def _claimed(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _Words("", f"by {data['worker']}{', taking over' if data.get('takeover') else ''}")


_RELEASES = {
    "shutdown": "its worker shut down and handed it back",
    "worker_lost": "its worker died",
    "answer_lost": "its worker never learnt that it had claimed it",
    "lease_expired": "its worker fell silent and the lease ran out",
}


def _released(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _Words("", _RELEASES.get(data["reason"], data["reason"]))


def _step(position: int | None, data: dict[str, Any], detail: str = "") -> _Words:
    attempt = f"attempt {data['attempt']}" if data.get("attempt", 1) > 1 else ""
    return _Words(f"{position} {data['name']}", ": ".join(part for part in (attempt, detail) if part))


def _step_started(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _step(position, data)


def _step_retrying(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _step(position, data, f"{error_line(data['error'])}; next try at {clock(data['next_attempt_at'])}")


def _step_succeeded(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _step(position, data, _result(data))


def _step_failed(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _step(position, data, error_line(data["error"]))


def _result(data: dict[str, Any]) -> str:
    if "output_bytes" in data:
        return f"{data['output_bytes']} bytes"
    return "" if data.get("output") is None else brief(data["output"])


def _wait_started(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    of = f" of {data['workflow']}" if data.get("workflow") else ""
    until = f", until {clock(data['until'])}" if data.get("until") else ""
    return _Words(data["name"], f"{'a message' if data['for'] == 'message' else 'a value'}{of}{until}")


def _message_sent(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    by = f"by {data['by']}, " if data.get("by") else ""
    return _Words(key or "", f"{by}{data['bytes']} bytes")


def _message_received(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _Words(key or "", "none came in time" if data.get("timed_out") else brief(data.get("message")))


def _event_read(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    value = "absent" if data.get("absent") else brief(data.get("value"))
    return _Words(key or "", f"of {data['workflow']}: {value}")


def _succeeded(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _Words("", _result(data))


def _failed(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    return _Words("", error_line(data["error"]))


def _stopped(position: int | None, key: str | None, data: dict[str, Any]) -> _Words:
    by = f"by {data['by']}" if data.get("by") else ""
    return _Words("", ": ".join(part for part in (by, data.get("reason") or "") if part))


_KINDS: dict[str, tuple[str, str, Callable[[int | None, str | None, dict[str, Any]], _Words]]] = {
    "created": ("Created", "queued", _created),
    "claimed": ("Claimed", "running", _claimed),
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
    "succeeded": ("Succeeded", "succeeded", _succeeded),
    "failed": ("Failed", "failed", _failed),
    "cancelled": ("Cancelled", "cancelled", _stopped),
    "quarantined": ("Quarantined", "quarantined", _stopped),
}
