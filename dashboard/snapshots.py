"""A topic's state at seq N: what a page starts from. The tail after N is `tail`'s part."""

from __future__ import annotations

from typing import Any, NamedTuple

from dashboard.protocol import LIMITS
from workflows import history, queries
from workflows.fold import State
from workflows.models import Event
from workflows.redaction import Lens
from workflows.visibility import Visibility


class Snapshot(NamedTuple):
    """A workflow at `state["seq"]`, with the latest events up to it in wire form; `epoch` says in which history."""

    epoch: str
    state: State
    events: list[list[Any]]

    @property
    def seq(self) -> int:
        """The cursor's number."""
        seq: int = self.state["seq"]
        return seq


def at(workflow_id: str, seq: int, audience: Visibility | None) -> Snapshot | None:
    """The workflow as it was after event `seq`; None if there is no such event. Who asks must have asked `access`."""
    with history.one_moment():  # else it may be pieced together from a workflow that was made anew meanwhile
        head = history.heads([workflow_id]).get(workflow_id)
        state = history.state_at(workflow_id, seq) if head is not None and seq <= head.seq else None
        if head is None or state is None:
            return None
        events = queries.latest_events(workflow_id, limit=int(LIMITS["snapshot_events"]), before=seq + 1)
    return _seen(head.epoch, state, events, audience)


def read(workflow_id: str, audience: Visibility | None) -> Snapshot | None:
    """The workflow now; None if there is none. Who asks must have asked `access` before."""
    with history.one_moment():  # else the events may be those of a workflow made anew meanwhile
        placed = history.placed_snapshot(workflow_id)
        if placed is None:
            return None
        epoch, state = placed
        events = queries.latest_events(workflow_id, limit=int(LIMITS["snapshot_events"]), before=state["seq"] + 1)
    return _seen(epoch, state, events, audience)


def _seen(epoch: str, state: State, events: list[Event], audience: Visibility | None) -> Snapshot:
    lens = Lens(state["workflow"]["definition"] or "", audience)
    return Snapshot(epoch, lens.state(state), [lens.event(history.wire(event)) for event in events])
