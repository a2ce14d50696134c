"""What a poll is answered: for each subscription the frames that a socket would be sent now. Keeps nothing.

To ask about a workflow that has not moved costs a share of one query; polls share their queries, snapshots and frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import NamedTuple, cast

from dashboard import access, lists, protocol, tail, topics
from dashboard.overview_topics import Overviews
from dashboard.protocol import LIMITS, Cursor, ErrorCode, ResetReason, Subscribe, SubscribeList, SubscribeWorkflow
from dashboard.reads import Reads
from workflows.history import Head
from workflows.visibility import Visibility

AT_ONCE = 4  # workflows that are read together; a tail has up to `tail.MAX_BYTES`


class _Answer:
    """Frames, up to the bytes that a socket may have under way, and one subscription more."""

    def __init__(self) -> None:
        self.frames = [protocol.hello()]
        self._size = 0

    @property
    def is_full(self) -> bool:
        return self._size >= LIMITS["unacknowledged_bytes"]

    def add(self, frames: list[str]) -> None:
        """All frames of a subscription, or none: its client asks again."""
        if not self.is_full:
            self.frames += frames
            self._size += sum(len(frame) for frame in frames)


class _Asked(NamedTuple):
    """A subscription to a workflow, and where that stands: nowhere, if it is not there for this person."""

    topic: str
    workflow_id: str
    at: Cursor | None
    head: Head | None

    @property
    def distance(self) -> float:
        """About how many events the answer has."""
        if self.at is None or self.head is None:
            return LIMITS["snapshot_events"] if self.head else 0
        return max(0, self.head.seq - self.at["seq"])


async def answer(
    reads: Reads, overviews: Overviews, admission: access.Admission, wanted: Collection[Subscribe]
) -> list[str]:
    """The frames, a hello first. What does not fit is left out, and then it is what has most to catch up with."""
    found, user, audience = _Answer(), admission.user, admission.credential.reads
    for one in wanted:
        if one["topic"] == topics.LIST:
            found.add([await reads.threads.ask(lists.look, user, cast(SubscribeList, one))])
        elif one["topic"] in topics.OVERVIEWS:
            found.add([await overviews.look(user, one["topic"])])
    alone = (topics.LIST, *topics.OVERVIEWS)
    asked = [_ask(reads, user, cast(SubscribeWorkflow, one)) for one in wanted if one["topic"] not in alone]
    nearest_first = sorted(await asyncio.gather(*asked), key=lambda one: one.distance)
    for begin in range(0, len(nearest_first), AT_ONCE):
        if found.is_full:
            break
        together = [_frames(reads, one, audience) for one in nearest_first[begin : begin + AT_ONCE]]
        for frames in await asyncio.gather(*together):
            found.add(frames)
    return found.frames


async def _ask(reads: Reads, user: access.Visitor, wanted: SubscribeWorkflow) -> _Asked:
    workflow_id = topics.workflow_id(wanted["topic"]) or ""
    return _Asked(wanted["topic"], workflow_id, wanted.get("at"), await reads.head(user, workflow_id))


async def _frames(reads: Reads, asked: _Asked, audience: Visibility | None) -> list[str]:
    at, head = asked.at, asked.head
    if head is None:
        return [protocol.error(asked.topic, ErrorCode.UNKNOWN, protocol.UNKNOWN_WORKFLOW)]
    reason = None if at is None else tail.mismatch(at, head)
    if at is None or reason is not None:
        return await _from_the_start(reads, asked, audience, reason)
    if at["seq"] == head.seq:
        return [_receipt(asked.topic, at, at["seq"])]
    frame = await reads.tail((asked.workflow_id, at["seq"], audience))
    reason = tail.void(at["epoch"], frame)
    if frame is None or reason is not None:
        return await _from_the_start(reads, asked, audience, reason)
    events = [frame.text] if frame.text else []
    return [*events, _receipt(asked.topic, at, frame.last)] if frame.last >= head.seq else events


async def _from_the_start(
    reads: Reads, asked: _Asked, audience: Visibility | None, reason: ResetReason | None
) -> list[str]:
    start = await reads.start(asked.workflow_id, audience)
    if start is None:
        return [protocol.reset(asked.topic, ResetReason.GONE)]
    return [start.text] if reason is None else [protocol.reset(asked.topic, reason), start.text]


def _receipt(topic: str, at: Cursor, seq: int) -> str:
    return protocol.receipt(topic, epoch=at["epoch"], after=at["seq"], seq=seq)
