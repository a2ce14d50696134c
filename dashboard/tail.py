"""A topic's events after N, as frames. The database encodes the events; here they are only wrapped, and decoded only
where the definition hides something from who reads."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from dashboard import protocol, topics
from dashboard.protocol import ResetReason
from workflows import history
from workflows.redaction import Lens
from workflows.visibility import Visibility

# One frame: enough to catch up thousands of events a second, small enough that a line of a kilobyte a second gets it
# through before somebody gives up waiting for an answer (uvicorn's ping after 40 s, daphne's after 50, we after 60);
# else its reader would be sent the same frame again and again.
MAX_EVENTS = 1_000
MAX_BYTES = 32 * 1024

# A workflow's id, the last seq a reader has, and what that reader may read: frames are shared by who may read the same.
Place: TypeAlias = tuple[str, int, Visibility | None]


class Frame(NamedTuple):
    """What follows a place: the frame and the seq of its last event. `text` is empty where nothing follows.

    `whole` is false where events are missing (they were removed): only a snapshot can go on from there. `full`: it took
    what a frame may take, so that more follows.
    """

    epoch: str
    last: int
    text: str
    whole: bool
    full: bool


def read(places: Collection[Place]) -> dict[Place, Frame]:
    """What follows each place, in one query for all. A workflow that does not exist is left out."""
    found = history.tail({(workflow_id, seq) for workflow_id, seq, _ in places}, limit=MAX_EVENTS, max_bytes=MAX_BYTES)
    return {place: _frame(place, found[place[:2]]) for place in places if place[:2] in found}


def mismatch(at: protocol.Cursor, head: history.Head) -> ResetReason | None:
    """Why a cursor names no place in a history; None if it does."""
    if at["epoch"] != head.epoch:
        return ResetReason.EPOCH
    return ResetReason.AHEAD if at["seq"] > head.seq else None


def void(epoch: str, frame: Frame | None) -> ResetReason | None:
    """Why what was found at a place cannot go on what a reader of that epoch has; None if it can."""
    if frame is None or frame.epoch != epoch:
        return ResetReason.EPOCH
    return None if frame.whole else ResetReason.TRIMMED


def _frame(place: Place, tail: history.Tail) -> Frame:
    workflow_id, seq, audience = place
    if not tail.length:
        return Frame(tail.epoch, seq, "", whole=tail.head <= seq, full=False)
    topic = topics.workflow(workflow_id)
    encoded = Lens(tail.definition, audience).events_text(tail.events)
    text = protocol.events(topic, epoch=tail.epoch, first=seq + 1, last=tail.last, encoded=encoded)
    full = tail.length >= MAX_EVENTS or len(text) > MAX_BYTES // 2  # a large event may have been left for the next one
    return Frame(tail.epoch, tail.last, text, whole=tail.last - seq == tail.length, full=full)
