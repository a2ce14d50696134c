"""Follow one workflow to its end: a snapshot, then what comes after it, as every reader does, and how it is drawn."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from workflows import history, queries
from workflows.errors import ResultTimeout, WorkflowNotFound
from workflows.fold import State, fold
from workflows.listener import listener
from workflows.management import terminal
from workflows.management.terminal import Paint
from workflows.states import OPEN_STEPS, TERMINAL

Wire = list[Any]
_GATHER = 0.05  # seconds in which a burst of events is collected, so that it is read and drawn once
_TICK = 0.5  # seconds between redrawings while nothing happens, for running clocks
_MOST_EVENTS, _MOST_VALUES, _MOST_STEPS = 8, 8, 5


class Output(Protocol):
    """Standard output, as a command has it."""

    def write(self, text: str, /) -> Any:
        """Write text; a line is ended if it is not."""

    def flush(self) -> None:
        """Make it appear."""


class Moved(NamedTuple):
    """The state now, and the events since the last look (none: only time passed)."""

    state: State
    events: list[Wire]


def follow(workflow_id: str, *, timeout: float | None) -> Iterator[Moved]:
    """Yield the present state, then every change until the workflow ended.

    Raises WorkflowNotFound (also when it is deleted meanwhile), and ResultTimeout; the workflow then goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    moved = threading.Event()
    watch = listener().watch(workflow_id, -1, lambda _id, _seq: moved.set())
    try:
        state = _snapshot(workflow_id)
        yield Moved(state, [])
        while state["workflow"]["status"] not in TERMINAL:
            left = _TICK if deadline is None else min(_TICK, deadline - time.monotonic())
            if left <= 0:
                raise ResultTimeout(f"Workflow {workflow_id!r} is still going on after {timeout:g} s; so it does now.")
            if moved.wait(left):
                time.sleep(_GATHER)
                moved.clear()  # before reading: what commits from here on calls again
            state, events = _advance(state)  # also when nothing moved: nobody calls for a deleted workflow
            yield Moved(state, events)
    finally:
        listener().unwatch(watch)


def _snapshot(workflow_id: str) -> State:
    state = history.snapshot(workflow_id)
    if state is None:
        raise WorkflowNotFound(workflow_id)
    return state


def _advance(state: State) -> tuple[State, list[Wire]]:
    """The state after what happened since. A workflow that was deleted and made anew is shown from its snapshot."""
    known = state["workflow"]
    row = queries.get_workflow(known["id"])
    if history.wire_time(row.created_at) != known["created_at"]:
        return _snapshot(row.id), []
    events = _after(row.id, state["seq"])
    return fold(state, events), events


def _after(workflow_id: str, seq: int) -> list[Wire]:
    events: list[Wire] = []
    while page := queries.events_after(workflow_id, seq):
        events += [history.wire(event) for event in page]
        seq = page[-1].seq
    return events


class Screen(Protocol):
    """Where a followed workflow is drawn."""

    def show(self, moved: Moved) -> None:
        """Draw a change."""


class JsonLines:
    """For scripts: the state at first, then one line per event."""

    def __init__(self, out: Output) -> None:
        self._out, self._begun = out, False

    def show(self, moved: Moved) -> None:
        """Write what is new."""
        if not self._begun:
            self._begun = True
            self._write({"state": moved.state})
        for event in moved.events:
            self._write({"event": event})

    def _write(self, document: dict[str, Any]) -> None:
        self._out.write(json.dumps(document) + "\n")
        self._out.flush()


class Lines:
    """For pipes and logs: one line per event, and how far it was when watching began."""

    def __init__(self, out: Output, paint: Paint) -> None:
        self._out, self._paint, self._begun = out, paint, False

    def show(self, moved: Moved) -> None:
        """Write what is new."""
        if not self._begun:
            self._begun = True
            self._out.write(f"{headline(moved.state, self._paint)} (seq {moved.state['seq']})\n")
        for event in moved.events:
            self._out.write(terminal.event_line(event) + "\n")
        self._out.flush()


class LiveScreen:
    """For terminals: one block that is drawn over itself; no wider and no higher than the window."""

    def __init__(self, out: Output, paint: Paint) -> None:
        self._out, self._paint = out, paint
        self._drawn = 0
        self._recent: list[Wire] = []

    def show(self, moved: Moved) -> None:
        """Draw the block again."""
        self._recent = [*self._recent, *moved.events][-_MOST_EVENTS:]
        width, height = shutil.get_terminal_size()
        lines = self._block(moved.state, width - 1)[: max(height - 1, 1)]
        back = f"\x1b[{self._drawn}F" if self._drawn else ""
        self._out.write(back + "\n".join(f"\x1b[2K{line}" for line in lines) + "\x1b[0J\n")
        self._out.flush()
        self._drawn = len(lines)

    def _block(self, state: State, width: int) -> list[str]:
        values = {key: entry["value"] for key, entry in state["values"].items()}
        lines = [headline(state, self._paint)]
        drawn = terminal.bar(values.get("progress"))
        lines += [terminal.clipped(drawn, width)] if drawn else []
        others = [(key, value) for key, value in values.items() if key != "progress"][-_MOST_VALUES:]
        lines += [
            self._paint(terminal.plain(key, 24), "grey") + f" {terminal.compact(value, width - 25)}"
            for key, value in others
        ]
        lines += [terminal.clipped(_step_line(step), width) for step in _open_steps(state)]
        return lines + [
            self._paint(terminal.clipped(terminal.event_line(event), width), "grey") for event in self._recent
        ]


def headline(state: State, paint: Paint) -> str:
    """Status, definition and id on one line."""
    workflow = state["workflow"]
    done = sum(step["status"] == "succeeded" for step in state["steps"].values())
    return (
        f"{paint.status(workflow['status'])}  {terminal.plain(workflow['definition'], 40)}  "
        f"{paint(terminal.plain(workflow['id'], 60), 'bold')}  {done} steps done"
    )


def _open_steps(state: State) -> list[dict[str, Any]]:
    return [step for step in state["steps"].values() if step["status"] in OPEN_STEPS][-_MOST_STEPS:]


def _step_line(step: dict[str, Any]) -> str:
    again = f", next try {terminal.clock(step['next_attempt_at'])}" if step["next_attempt_at"] else ""
    error = f": {step['error']['type']}: {step['error']['message']}" if step["error"] else ""
    head = f"{terminal.status_mark(step['status'])} [{step['position']}] {step['name']}"
    return terminal.plain(f"{head}, try {step['attempt']}{again}{error}")
