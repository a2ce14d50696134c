"""How a followed workflow is drawn: JSON for scripts, lines for pipes and logs, one block for terminals."""

from __future__ import annotations

import json
import shutil
from typing import Any, Protocol

from workflows.fold import State
from workflows.management import terminal
from workflows.management.terminal import Paint
from workflows.reader import RESETS, Moved, Wire
from workflows.states import OPEN_STEPS

_MOST_EVENTS, _MOST_VALUES, _MOST_STEPS = 8, 8, 5


class Output(Protocol):
    """Standard output, as a command has it."""

    def write(self, text: str, /) -> Any:
        """Write text; a line is ended if it is not."""

    def flush(self) -> None:
        """Make it appear."""


class Screen(Protocol):
    """Where a followed workflow is drawn."""

    def show(self, moved: Moved) -> None:
        """Draw a change."""

    def note(self, sentence: str) -> None:
        """Say what happened to the connection."""


class JsonLines:
    """For scripts, one object per line: `t` is "snapshot", "event" or, at last, "end"; `cursor` goes on after it."""

    def __init__(self, out: Output, errors: Output) -> None:
        self._out, self._errors = out, errors

    def show(self, moved: Moved) -> None:
        """Write what is new."""
        if moved.snapshot:
            self._write({"t": "snapshot", "cursor": str(moved.cursor), "reason": moved.snapshot, "state": moved.state})
        for seq, at, kind, position, key, data in moved.events:
            event = {"seq": seq, "at": at, "kind": kind, "position": position, "key": key, "data": data}
            self._write({"t": "event", "cursor": str(moved.cursor._replace(seq=seq)), **event})

    def note(self, sentence: str) -> None:
        """Not among the events."""
        self._errors.write(terminal.plain(sentence))

    def _write(self, document: dict[str, Any]) -> None:
        self._out.write(json.dumps(document) + "\n")
        self._out.flush()


class Lines:
    """For pipes and logs: one line per event, and how far it was when watching began."""

    def __init__(self, out: Output, errors: Output, paint: Paint) -> None:
        self._out, self._errors, self._paint = out, errors, paint

    def show(self, moved: Moved) -> None:
        """Write what is new."""
        if moved.snapshot in RESETS:
            self.note(f"Reset: {RESETS[moved.snapshot]} at event {moved.state['seq']}.")
        if moved.snapshot:
            self._out.write(f"{headline(moved.state, self._paint)} (seq {moved.state['seq']})\n")
        for event in moved.events:
            self._out.write(terminal.event_line(event) + "\n")
        self._out.flush()

    def note(self, sentence: str) -> None:
        """Not among the events."""
        self._errors.write(terminal.plain(sentence))


class LiveScreen:
    """For terminals: one block that is drawn over itself; no wider and no higher than the window."""

    def __init__(self, out: Output, paint: Paint) -> None:
        self._out, self._paint = out, paint
        self._drawn, self._note = 0, ""
        self._recent: list[Wire] = []
        self._state: State | None = None

    def show(self, moved: Moved) -> None:
        """Draw the block again."""
        self._state = moved.state
        if moved.snapshot in RESETS:
            self._note = f"Reset: {RESETS[moved.snapshot]} at event {moved.state['seq']}."
        recent = moved.earlier if moved.snapshot or moved.earlier else self._recent
        self._recent = [*recent, *moved.events][-_MOST_EVENTS:]
        self._draw()

    def note(self, sentence: str) -> None:
        """Under the block, until there is another one."""
        self._note = sentence
        self._draw()

    def _draw(self) -> None:
        width, height = shutil.get_terminal_size()
        lines = self._block(self._state, width - 1) if self._state else []
        lines = lines[: max(height - 2, 1)]
        lines += [self._paint(terminal.plain(self._note, width - 1), "yellow")] if self._note else []
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
