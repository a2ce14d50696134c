"""What a connection takes frames from: one reader's place in a workflow's history, or its view of a list. No async.

Pulled, never pushed to: `take` hands out what is ready at the reader's own cursor, so a slow reader costs no memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import islice, takewhile
from typing import Protocol

from dashboard import access, lists, protocol, tail, topics
from dashboard.protocol import CloseCode
from workflows.listener import Watch
from workflows.visibility import Visibility

FRAME_PERIOD = 1 / 30  # between frames to one reader of a workflow
READERS_PER_TICK = 100  # of one topic


class Subscription(Protocol):
    """Something a connection takes frames from."""

    def take(self) -> list[str]:
        """The next frames, if any; the cursor moves past them."""


class Reader(Protocol):
    """A connection, as the fan-out sees it."""

    credential: access.Credential

    @property
    def ready(self) -> bool:
        """Whether it would send a frame now."""

    def wake(self, subscription: Subscription) -> None:
        """Take from this subscription as soon as it is ready."""

    def care(self, seconds: float) -> bool:
        """So much time has passed: keep the heartbeat. Whether it is lost, and had better come back."""

    async def end(self, code: CloseCode) -> None:
        """Close it."""


class Topic:
    """One watched workflow: its readers, its newest known seq, and the frames of the last tick by cursor."""

    __slots__ = ("frames", "head", "id", "mark", "moved_at", "readers", "suspect", "watch")

    def __init__(self, workflow_id: str, mark: Callable[[Topic], None]) -> None:
        self.id = workflow_id
        self.mark = mark  # asks for a tick
        self.head = 0
        self.moved_at = 0.0  # when the oldest change was heard of that nobody was given yet; 0: none
        self.frames: dict[tuple[int, Visibility | None], tail.Frame] = {}  # by cursor and audience
        self.readers: OrderedDict[WorkflowSubscription, None] = OrderedDict()  # longest waiting first
        self.suspect = False  # its history may be another one now: look at every cursor
        self.watch: Watch | None = None

    def turn(self, now: float) -> list[WorkflowSubscription]:
        """Who reads in this tick: those without a frame for a period, longest waiting first, and not too many at once.

        With many readers the turns spread over the period: nobody waits for hundreds of sends before its own.
        """
        if self.suspect:
            return [one for one in self.readers if one.placed and not one.lead]
        waiting = takewhile(lambda one: one.sent_at + FRAME_PERIOD <= now, self.readers)
        return list(islice((one for one in waiting if one.is_behind), READERS_PER_TICK))

    def served(self, subscription: WorkflowSubscription, now: float, *, more: bool) -> None:
        """It had its turn; everybody else comes before it now. Who has `more` to catch up waits for its window only."""
        subscription.sent_at = 0.0 if more else now
        if subscription in self.readers:
            self.readers.move_to_end(subscription, last=not more)

    def next_turn(self) -> float | None:
        """When somebody has a turn again; None while everybody has everything."""
        longest_waiting = next((one for one in self.readers if one.is_behind), None)
        return None if longest_waiting is None else longest_waiting.sent_at + FRAME_PERIOD


class WorkflowSubscription:
    """One reader of one workflow. Its place is (epoch, cursor); it has none while it waits for a snapshot."""

    __slots__ = ("audience", "cursor", "epoch", "lead", "placed", "reader", "receipt", "sent_at", "topic")

    def __init__(self, reader: Reader, topic: Topic, audience: Visibility | None) -> None:
        self.reader = reader
        self.topic = topic
        self.audience = audience
        self.placed = False
        self.epoch = ""
        self.cursor = 0
        self.lead: list[str] = []  # what comes before the tail: a reset, a snapshot
        self.receipt: tuple[int, int] | None = None  # resumed after, complete at
        self.sent_at = 0.0

    @property
    def name(self) -> str:
        """The topic as the client knows it."""
        return topics.workflow(self.topic.id)

    @property
    def place(self) -> tail.Place:
        """What its next frame follows."""
        return self.topic.id, self.cursor, self.audience

    @property
    def watch(self) -> tuple[int, str]:
        """Whose account watches which workflow."""
        return self.reader.credential.user_id, self.topic.id

    @property
    def is_behind(self) -> bool:
        """Whether it could be sent something now."""
        return self.placed and self.cursor < self.topic.head and not self.lead and self.reader.ready

    def resume(self, at: protocol.Cursor, head: int) -> None:
        """Go on from the client's cursor; a receipt follows once everything up to `head` was sent."""
        self.placed, self.epoch, self.cursor = True, at["epoch"], at["seq"]
        self.receipt = (at["seq"], head)

    def restart(self, epoch: str, seq: int, lead: list[str]) -> None:
        """Begin with a snapshot."""
        self.placed, self.epoch, self.cursor = True, epoch, seq
        self.lead, self.receipt = lead, None

    def displace(self, lead: list[str]) -> None:
        """Its place is void; send only this until it has another."""
        self.placed, self.lead, self.receipt = False, lead, None

    def take(self) -> list[str]:
        """The next frames; where they are not at hand, the topic becomes due and a tick brings them."""
        if self.lead:
            lead, self.lead = self.lead, []
            return lead
        if not self.placed:
            return []
        frame = self.topic.frames.get((self.cursor, self.audience))
        if frame is not None and frame.epoch == self.epoch:
            self.cursor = frame.last
            return [frame.text]
        if self.receipt is not None and self.cursor >= self.receipt[1]:
            after, self.receipt = self.receipt[0], None
            return [protocol.receipt(self.name, epoch=self.epoch, after=after, seq=self.cursor)]
        if self.cursor < self.topic.head:
            self.topic.mark(self.topic)
        return []


class ListSubscription:
    """One reader of a list."""

    __slots__ = ("reader", "view")

    def __init__(self, reader: Reader, view: lists.ListView) -> None:
        self.reader = reader
        self.view = view

    def take(self) -> list[str]:
        """One frame with everything that moved since the last one."""
        frame = self.view.take()
        return [] if frame is None else [frame]
