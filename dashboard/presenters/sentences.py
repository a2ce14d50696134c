"""What a workflow is doing, as one sentence for its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.presenters.times import between, duration, when, whole_duration

State = dict[str, Any]


def sentence(state: State, now: str, ending: dict[str, Any] | None = None) -> str:
    """What the workflow is doing at `now`. `ending` is the data of the event that ended it: who cancelled and why."""
    workflow = state["workflow"]
    if workflow["waiting"]:
        return f"{_waiting(workflow['waiting'], now)}{'; holds no worker' * (workflow['status'] == 'waiting')}."
    return _SENTENCES[workflow["status"]](state, now, ending or {})


def _waiting(waiting: dict[str, Any], now: str) -> str:
    until: str = waiting.get("until") or ""
    if waiting["for"] == "retry":
        return f"Waits to try step {waiting['position']}, {waiting['name']}, again at {when(until, now)}"
    if waiting["for"] == "time":
        return f"Sleeping until {when(until, now)}, for another {whole_duration(between(now, until))}"
    since = whole_duration(between(waiting["since"], now))
    at_most = f", until {when(until, now)} at most" if until else ""
    return f"Waiting {since} for {awaited(waiting)}{at_most}"


def waits(waiting: dict[str, Any]) -> str:
    """What it waits for, without the times, which change while one looks."""
    if waiting["for"] == "retry":
        return f"Waits to try {waiting['position']} {waiting['name']} again"
    return "Sleeping" if waiting["for"] == "time" else f"Waiting for {awaited(waiting)}"


def awaited(waiting: dict[str, Any]) -> str:
    """What a wait is for, in words."""
    name, of = waiting.get("name"), waiting.get("workflow")
    if waiting["for"] == "result":
        return f"the result of workflow {of}"
    if waiting["for"] == "results":
        return str(name)
    if waiting["for"] == "completion":
        return f"the first of {name} to end"
    kind = "value" if waiting["for"] == "event" else waiting["for"]
    return f"{kind} “{name}”{f' of workflow {of}' if of else ''}"


def _delayed(state: State, now: str, ending: dict[str, Any]) -> str:
    wake_at = state["workflow"].get("wake_at")
    if not wake_at:
        return "Not to be started yet."
    return f"Starts at {when(wake_at, now)}, in {whole_duration(between(now, wake_at))}."


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
            f"tries again at {when(step['next_attempt_at'], now)}."
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
    if "crashes" in ending:
        return f": {set_aside(ending)}."
    by = f" by {ending['by']}" if ending.get("by") else ""
    if ending.get("reason"):
        return f"{by}: {ending['reason']}"
    error = workflow["error"]
    return f"{by}: {error_line(error)}" if error else f"{by}."


_RELEASES: dict[str, str] = {
    "shutdown": "its worker shut down and handed it back",
    "worker_lost": "its worker died",
    "answer_lost": "its worker never learnt that it had claimed it",
    "lease_expired": "its worker fell silent and the lease ran out",
}


def lost(data: dict[str, Any]) -> str:
    """How it lost its worker: the data of an event that released it."""
    return _RELEASES.get(data["reason"], str(data["reason"]))


def set_aside(data: dict[str, Any]) -> str:
    """Why it was quarantined."""
    return f"{lost(data)}, the last of {data['crashes']} crashes in a row"


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
