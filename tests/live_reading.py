"""What one reader knows of one workflow, checked at every frame; the same by socket, event stream and polling.

Strict: a hole, a repetition, a snapshot nobody asked for, a receipt that is not true raise `Broken`. `differences` says
at the end how the reader's log and fold differ from the database's.
"""

from __future__ import annotations

import json
from typing import Any

from workflows import history
from workflows.fold import State, fold
from workflows.models import Event

Wire = list[Any]  # [seq, at, kind, position, key, data]


class Broken(AssertionError):
    """A frame that must not come, given those before it."""


class Parts:
    """Frames that were too long for one message of a socket."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def joined(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The frame that a message is or completes; None while more of it is to come."""
        if message["t"] != "part":
            return message
        self._pieces.append(message["text"])
        _require(message["n"] == len(self._pieces), f"part {message['n']} as number {len(self._pieces)}")
        if message["n"] < message["of"]:
            return None
        whole, self._pieces = "".join(self._pieces), []
        frame: dict[str, Any] = json.loads(whole)
        return frame


class Reading:
    """One page's place in one workflow. `log` is every event since its latest snapshot, and those that came with it."""

    def __init__(self, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        self.epoch: str | None = None
        self.seq = 0
        self.log: list[Wire] = []
        self.base: State | None = None
        self.gone = False
        self.resets: list[str] = []
        self.replayed = 0
        self.complete = False  # everything up to the head at subscription has come: a snapshot or a receipt
        self._void = True
        self._after: int | None = None

    def subscribe(self) -> dict[str, Any]:
        """The message of a page that subscribes, or comes back."""
        self.complete = self.gone = False
        message: dict[str, Any] = {"t": "subscribe", "topic": f"workflow:{self.workflow_id}"}
        if self.epoch is None:
            self._void, self._after = True, None
            return message
        self._void, self._after = False, self.seq
        return {**message, "at": {"epoch": self.epoch, "seq": self.seq}}

    def take(self, frame: dict[str, Any]) -> None:
        """Take one frame. Raises Broken."""
        take = getattr(self, f"_take_{frame['t']}", None)
        if take is not None and frame["topic"] == f"workflow:{self.workflow_id}":
            take(frame)

    def _take_reset(self, frame: dict[str, Any]) -> None:
        self._void = True
        self.resets.append(frame["reason"])
        self.gone = frame["reason"] == "gone"

    def _take_snapshot(self, frame: dict[str, Any]) -> None:
        _require(self._void, f"a snapshot at {frame['seq']} although the place {self.seq} was valid")
        seqs = [event[0] for event in frame["events"]]
        _require(seqs == list(range(frame["seq"] - len(seqs) + 1, frame["seq"] + 1)), f"a snapshot with {seqs}")
        self._void, self._after, self.complete = False, None, True
        self.epoch, self.seq, self.base, self.log = frame["epoch"], frame["seq"], frame["state"], frame["events"]

    def _take_events(self, frame: dict[str, Any]) -> None:
        seqs = [event[0] for event in frame["events"]]
        _require(not self._void, f"events {seqs[:1]} to a reader without a place")
        _require(frame["epoch"] == self.epoch, f"events of {frame['epoch']} after {self.epoch}")
        _require(frame["from"] == self.seq + 1, f"events from {frame['from']} after {self.seq}")
        _require(bool(seqs) and seqs == list(range(frame["from"], frame["to"] + 1)), f"a frame with {seqs}")
        self.seq = frame["to"]
        self.log += frame["events"]

    def _take_receipt(self, frame: dict[str, Any]) -> None:
        told = (frame["epoch"], frame["after"], frame["seq"], frame["replayed"])
        _require(self._after is not None, f"a receipt {told} that nothing asked for")
        true = (self.epoch, self._after, self.seq, self.seq - (self._after or 0))
        _require(told == true, f"a receipt {told}, the truth is {true}")
        self.replayed += frame["replayed"]
        self._after, self.complete = None, True

    def _take_error(self, frame: dict[str, Any]) -> None:
        raise Broken(f"refused: {frame}")

    def differences(self) -> list[str]:
        """How this reader's log and fold differ from what the database has now; nothing while both are equal."""
        truth = [history.wire(event) for event in Event.objects.filter(workflow_id=self.workflow_id).order_by("seq")]
        state = history.snapshot(self.workflow_id)
        if state is None or self.base is None:
            return [] if state is None else ["nothing was received"]
        # Neither a page that came late nor a history shortened by retention has everything; both have the end.
        first = max(self.log[0][0] if self.log else self.seq + 1, truth[0][0] if truth else state["seq"] + 1)
        ours, theirs = [e for e in self.log if e[0] >= first], [e for e in truth if e[0] >= first]
        found = [] if self.seq == state["seq"] else [f"at {self.seq}, the database at {state['seq']}"]
        if ours != theirs:
            odd = next((pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]), None)
            found.append(f"{len(ours)} events of the database's {len(theirs)} from {first} on; first difference: {odd}")
        if not found and fold(self.base, [e for e in self.log if e[0] > self.base["seq"]]) != state:
            found.append("the fold differs from the database's snapshot")
        return found


def _require(truth: bool, otherwise: str) -> None:
    if not truth:
        raise Broken(otherwise)
