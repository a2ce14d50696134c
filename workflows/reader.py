"""What one reader of a workflow knows: a state in some history, and the last event it was given. Pure.

A reader sees *snapshot at N* and *everything after N*, whatever carries it: the database (`management.following`) or a
console (`client`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from workflows.errors import ResultTimeout, WorkflowGone
from workflows.fold import State, empty_state, fold
from workflows.states import TERMINAL

Wire = list[Any]  # an event: [seq, at, kind, position, key, data]
Tell = Callable[[str], None]  # hears of losses and returns, one sentence each

START, EPOCH, AHEAD, TRIMMED = "start", "epoch", "ahead", "trimmed"
RESETS = {
    EPOCH: "another history counts now; the view was rebuilt",
    AHEAD: "the cursor was beyond the newest event; the view was rebuilt",
    TRIMMED: "retention removed events that were not seen yet; the view was rebuilt",
}


class Gap(Exception):
    """Events that do not follow the last one."""


class Cursor(NamedTuple):
    """The last event that a reader has, and in which history that counts ("": the present one)."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}" if self.epoch else str(self.seq)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """A cursor as it was printed, or a seq alone. Raises ValueError."""
        epoch, _, seq = text.rpartition(":")
        if not (seq.isascii() and seq.isdecimal() and len(seq) < 20 and int(seq) < 2**63):
            raise ValueError(f"{text[:80]!r} is no cursor; give <epoch>:<seq> as it was printed, or a seq")
        return cls(epoch, int(seq))


class Moved(NamedTuple):
    """The state now, and what happened since the last look: `events`, in order and without a hole.

    `cursor` continues after them. `snapshot` says why the state does not follow from events that were given: "start",
    or the reason of a reset ("epoch", "ahead", "trimmed"); None where it does. `earlier`: at the beginning, the latest
    events before those.
    """

    state: State
    events: list[Wire]
    cursor: Cursor
    snapshot: str | None = None
    earlier: Sequence[Wire] = ()


class Deadline:
    """How long a reader goes on; None: to the end."""

    def __init__(self, workflow_id: str, seconds: float | None) -> None:
        self._workflow_id, self._seconds = workflow_id, seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self, most: float) -> float:
        """Seconds left, at most so many. Raises ResultTimeout when there are none."""
        if self._end is None:
            return most
        left = min(most, self._end - time.monotonic())
        if left <= 0:
            raise ResultTimeout(
                f"Workflow {self._workflow_id!r} is still going on after {self._seconds:g} s; so it does now."
            )
        return left


class View:
    """Takes snapshots and tails, and says what is new in them."""

    def __init__(self, workflow_id: str, at: Cursor | None = None) -> None:
        """`at`: what the reader has from an earlier time; the first snapshot does not hide what followed it."""
        self.workflow_id = workflow_id
        self.state = empty_state(workflow_id)
        self.cursor = Cursor("", 0)
        self._at = at

    @property
    def begun(self) -> bool:
        """Whether there was a snapshot."""
        return bool(self.cursor.epoch)

    @property
    def caught_up(self) -> bool:
        """Whether everything up to the state was given to the reader."""
        return self.begun and self.cursor.seq == self.state["seq"]

    @property
    def ended(self) -> bool:
        """Whether the workflow ended, and nothing of it is left to be given."""
        return self.caught_up and self.state["workflow"]["status"] in TERMINAL

    def gone(self, doubt: str = "") -> WorkflowGone:
        """The error of a workflow that is no more; `doubt` says what else may be the cause."""
        return WorkflowGone(self.workflow_id, self.cursor.seq, doubt)

    def restart(self, epoch: str, state: State, reason: str, latest: Sequence[Wire] = ()) -> Moved:
        """Begin at a snapshot; `latest` are the last events up to it."""
        at, self._at = self._at, None
        self.state, self.cursor = state, Cursor(epoch, state["seq"])
        if at is not None and at.epoch not in {"", epoch}:
            reason = EPOCH
        elif at is not None and at.seq > state["seq"]:
            reason = AHEAD
        elif at is not None:
            self.cursor = Cursor(epoch, at.seq)
            return Moved(state, [], self.cursor, None, [event for event in latest if event[0] <= at.seq])
        return Moved(state, [], self.cursor, reason, latest)

    def advance(self, events: Sequence[Wire]) -> Moved | None:
        """Take what follows; what is known already is skipped. None: all of it was. Raises Gap."""
        epoch, seq = self.cursor
        new = [event for event in events if event[0] > seq]
        if [event[0] for event in new] != list(range(seq + 1, seq + 1 + len(new))):
            raise Gap(f"event {new[0][0]} came after {seq}")
        if not new:
            return None
        self.state = fold(self.state, [event for event in new if event[0] > self.state["seq"]])
        self.cursor = Cursor(epoch, new[-1][0])
        return Moved(self.state, new, self.cursor)
