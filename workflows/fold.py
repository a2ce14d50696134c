"""The fold: state before + one event = state after. Pure; `static/js/live/workflow_store.js` is its twin.

A state is plain JSON (see `history.snapshot`); an event is its wire form `[seq, at, kind, position, key, data]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from workflows.states import OPEN_STEPS, EventKind, Status, StepStatus

State = dict[str, Any]
Data = dict[str, Any]


def empty_state(workflow_id: str) -> State:
    """The state before the first event."""
    workflow = dict.fromkeys(
        ("definition", "queue", "status", "created_at", "started_at", "finished_at", "worker", "waiting", "error",
         "last_event", "wake_at", "deadline_at", "version")
    )  # fmt: skip
    return {"seq": 0, "workflow": {"id": workflow_id, **workflow, "takeovers": 0}, "values": {}, "steps": {}}


def fold(state: State, events: Iterable[Sequence[Any]]) -> State:
    """The state after the events, as a new object. Raises ValueError where one is missing or repeated.

    What an event does not change is shared with the state before, so that a long history costs no more than a short.
    """
    state = {name: dict(part) if isinstance(part, dict) else part for name, part in state.items()}
    for event in events:
        if event[0] != state["seq"] + 1:
            raise ValueError(f"event {event[0]} cannot follow state {state['seq']} of {state['workflow']['id']!r}")
        advance(state, event)
    return state


def advance(state: State, event: Sequence[Any]) -> None:
    """The effect of one event, in place, whether it follows or not: who leaves out what later events undo may skip."""
    seq, at, kind, position, key, data = event
    state["seq"] = seq
    _EFFECTS.get(kind, _nothing)(state, seq, at, position, key, data)
    state["workflow"]["last_event"] = {
        "seq": seq, "kind": kind, "key": key, "position": position, "name": data.get("name"), "at": at,
    }  # fmt: skip


def _change_step(state: State, position: object, **changes: Any) -> None:
    """Steps are shared with the state before, so one that changes is made anew."""
    state["steps"][str(position)] = {**state["steps"][str(position)], **changes}


def _nothing(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    """A fact that only the history shows, or of a kind that only a newer server knows."""


def _created(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["workflow"].update(
        definition=data["definition"],
        queue=data["queue"],
        status=(Status.DELAYED if data.get("wake_at") else Status.QUEUED).value,
        created_at=at,
        wake_at=data.get("wake_at"),
        deadline_at=data.get("deadline_at"),
    )


def _queued_again(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["workflow"].update(status=Status.QUEUED.value, wake_at=None, waiting=None)


def _debounced(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["workflow"]["wake_at"] = data["wake_at"]


def _suspended(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["workflow"].update(status=Status.WAITING.value, worker=None, waiting=data["waiting"], wake_at=data["wake_at"])


def _resumed(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["workflow"].update(
        status=Status.QUEUED.value,
        error=None,
        started_at=None,
        finished_at=None,
        deadline_at=None,
        waiting=None,
        wake_at=None,
    )
    for reopened in data["reopened"]:
        _change_step(state, reopened, status=StepStatus.RETRYING.value, finished_at=None, next_attempt_at=at)


def _forked(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    """What precedes it is another workflow's; this one begins here."""
    state["workflow"].update(
        status=Status.QUEUED.value, created_at=at, started_at=None, finished_at=None, worker=None, takeovers=0,
        waiting=None, error=None, wake_at=None, deadline_at=None, version=None,
    )  # fmt: skip


def _claimed(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    workflow = state["workflow"]
    workflow.update(
        status=Status.RUNNING.value, worker=data["worker"], waiting=None, deadline_at=data.get("deadline_at")
    )
    workflow["started_at"] = workflow["started_at"] or at
    workflow["version"] = workflow["version"] or data.get("version")


def _released(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    workflow = state["workflow"]
    workflow.update(status=Status.QUEUED.value, worker=None, waiting=None)
    workflow["takeovers"] += data["reason"] not in {"shutdown", "answer_lost"}
    for place, step in state["steps"].items():
        if step["status"] == StepStatus.RUNNING:
            _change_step(state, place, status=StepStatus.RETRYING.value, next_attempt_at=data["available_at"])


def _step_started(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["steps"].setdefault(
        str(position), {"position": position, "started_at": at, "finished_at": None, "error": None}
    )
    _change_step(
        state, position, name=data["name"], status=StepStatus.RUNNING.value, attempt=data["attempt"],
        worker=data["worker"], attempt_started_at=at, next_attempt_at=None,
    )  # fmt: skip


def _step_retrying(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    _change_step(
        state, position, status=StepStatus.RETRYING.value, error=data["error"], next_attempt_at=data["next_attempt_at"]
    )


def _step_finished(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    error = data.get("error")
    status = StepStatus.FAILED if error else StepStatus.SUCCEEDED
    _change_step(state, position, status=status.value, error=error, finished_at=at, next_attempt_at=None)


def _value_set(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    hidden = {"hidden": True} if data.get("hidden") else {}
    before = state["values"].get(key, {}).get("sets", 0)
    state["values"][key] = {"value": data["value"], "seq": seq, "at": at, "sets": before + 1, **hidden}


def _wait_started(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["workflow"]["waiting"] = {**data, "since": at}


def _wait_ended(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
    state["workflow"]["waiting"] = None


def _ended(status: Status) -> Callable[..., None]:
    def effect(state: State, seq: int, at: str, position: int | None, key: str | None, data: Data) -> None:
        workflow = state["workflow"]
        workflow.update(
            status=status.value, finished_at=at, worker=None, waiting=None, wake_at=None, error=data.get("error")
        )
        workflow["takeovers"] += status is Status.QUARANTINED
        for place, step in state["steps"].items():
            if step["status"] in OPEN_STEPS:
                _change_step(state, place, status=StepStatus.CANCELLED.value, finished_at=at, next_attempt_at=None)

    return effect


_EFFECTS: dict[EventKind, Callable[[State, int, str, int | None, str | None, Data], None]] = {
    EventKind.CREATED: _created,
    EventKind.CLAIMED: _claimed,
    EventKind.RELEASED: _released,
    EventKind.STEP_STARTED: _step_started,
    EventKind.STEP_RETRYING: _step_retrying,
    EventKind.STEP_SUCCEEDED: _step_finished,
    EventKind.STEP_FAILED: _step_finished,
    EventKind.VALUE_SET: _value_set,
    EventKind.WAIT_STARTED: _wait_started,
    EventKind.MESSAGE_RECEIVED: _wait_ended,
    EventKind.EVENT_READ: _wait_ended,
    EventKind.SLEPT: _wait_ended,
    EventKind.RESULT_READ: _wait_ended,
    EventKind.RESULTS_GATHERED: _wait_ended,
    EventKind.COMPLETION_READ: _wait_ended,
    EventKind.PATCHED: _wait_ended,
    EventKind.DEBOUNCED: _debounced,
    EventKind.DUE: _queued_again,
    EventKind.WOKEN: _queued_again,
    EventKind.SUSPENDED: _suspended,
    EventKind.RESUMED: _resumed,
    EventKind.FORKED: _forked,
    EventKind.SUCCEEDED: _ended(Status.SUCCEEDED),
    EventKind.FAILED: _ended(Status.FAILED),
    EventKind.CANCELLED: _ended(Status.CANCELLED),
    EventKind.QUARANTINED: _ended(Status.QUARANTINED),
}
