"""What a workflow is doing, as one sentence for its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.presenters.times import between, clock, duration, whole_duration

State = dict[str, Any]
_EVENT_WORDS = {"message": "message", "event": "value"}


def sentence(state: State, now: str, ending: dict[str, Any] | None = None) -> str:
    """What the workflow is doing at `now`. `ending` is the data of its last event: who cancelled and why."""
    workflow = state["workflow"]
    if workflow["waiting"]:
        return _waiting(workflow["waiting"], now)
    return _SENTENCES[workflow["status"]](state, now, ending or {})


def _waiting(waiting: dict[str, Any], now: str) -> str:
    since = whole_duration(between(waiting["since"], now))
    what = f"{_EVENT_WORDS.get(waiting['for'], waiting['for'])} “{waiting['name']}”"
    if waiting.get("workflow"):
        what += f" of workflow {waiting['workflow']}"
    until = f", until {clock(waiting['until'])} at most" if waiting.get("until") else ""
    return f"Waiting {since} for {what}{until}."


def _delayed(state: State, now: str, ending: dict[str, Any]) -> str:
    return "Not to be started yet."


def _queued(state: State, now: str, ending: dict[str, Any]) -> str:
    workflow = state["workflow"]
    last = workflow["last_event"] or {"kind": "created", "at": workflow["created_at"]}
    since = whole_duration(between(last["at"], now))
    if last["kind"] == "released":
        return f"Its worker is gone; for {since} it has been ready for another one. Recorded steps will not run again."
    if workflow["started_at"]:
        return f"Ready to go on for {since}; waits for a worker of queue {workflow['queue']}."
    return f"Queued for {since}; waits for a worker of queue {workflow['queue']}."


def _running(state: State, now: str, ending: dict[str, Any]) -> str:
    workflow = state["workflow"]
    step = _open_step(state)
    if step is None:
        return f"Running for {whole_duration(between(workflow['started_at'], now))}."
    if step["status"] == "retrying":
        return (
            f"Step {step['position']}, {step['name']}, failed attempt {step['attempt']}; "
            f"tries again at {clock(step['next_attempt_at'])}."
        )
    attempt = f", attempt {step['attempt']}" if step["attempt"] > 1 else ""
    since = whole_duration(between(step["attempt_started_at"], now))
    return f"Running step {step['position']}, {step['name']}{attempt}, for {since}."


def _open_step(state: State) -> dict[str, Any] | None:
    """The latest step that has not ended."""
    open_steps = [step for step in state["steps"].values() if step["status"] in ("running", "retrying")]
    return max(open_steps, key=lambda step: step["position"], default=None)


def _ended(words: str) -> Callable[[State, str, dict[str, Any]], str]:
    def say(state: State, now: str, ending: dict[str, Any]) -> str:
        workflow = state["workflow"]
        took = duration(between(workflow["started_at"] or workflow["created_at"], workflow["finished_at"]))
        return f"{words} {took}{_reason(workflow, ending)}"

    return say


def _reason(workflow: dict[str, Any], ending: dict[str, Any]) -> str:
    by = f" by {ending['by']}" if ending.get("by") else ""
    if ending.get("reason"):
        return f"{by}: {ending['reason']}"
    error = workflow["error"]
    return f"{by}: {error_line(error)}" if error else f"{by}."


def error_line(error: dict[str, Any]) -> str:
    """The type and first line of a recorded error."""
    line = (error.get("message") or "").split("\n", 1)[0]
    return f"{error['type']}: {line}" if line else str(error["type"])


_SENTENCES: dict[str, Callable[[State, str, dict[str, Any]], str]] = {
    "delayed": _delayed,
    "queued": _queued,
    "running": _running,
    "waiting": _queued,
    "succeeded": _ended("Succeeded in"),
    "failed": _ended("Failed after"),
    "cancelled": _ended("Cancelled after"),
    "quarantined": _ended("Set aside after"),
}
