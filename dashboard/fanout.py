"""One per process: turns "workflow W moved" into frames for everybody who watches it.

A topic that moved becomes due: at once after quiet, then at most 30 times a second. Per tick, one query reads what
follows the cursors of all due topics; each frame is made once and shared by all readers at the same cursor. Readers are
pulled, never queued for: one that is slow, or whose window is closed, gets a longer frame later, from its own cursor.

Watch first, then read: a topic is watched before its head or snapshot is read, so nothing falls in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from dashboard import access, lists, measures, protocol, stopping, tail
from dashboard.garbage import Garbage
from dashboard.overview_topics import Overviews, OverviewSubscription
from dashboard.protocol import CloseCode, ErrorCode, ResetReason
from dashboard.reads import PerLoop, Reads, Threads
from dashboard.seats import Seats
from dashboard.subscriptions import ListSubscription, Reader, Subscription, Topic, WorkflowSubscription
from workflows import history
from workflows.listener import listener

TICK_PERIOD = 0.002  # between queries, so that topics due at about the same time share one
TOPICS_PER_TICK = 100  # in one query, which so never brings more than some dozen megabytes
LIST_PERIOD = 0.25  # between frames of a list, and between its sweeps
CARE_PERIOD = 1.0  # between looks at heartbeats and stalled connections
AUDIT_PERIOD = 4.0  # between checks of accounts, and of topics against the database
AUDIT_PATIENCE = 15.0  # without the database's answer to one; then no page may believe that it is live

_log = logging.getLogger("dashboard.fanout")


class Refused(Exception):
    """A subscription that is not granted."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Turn(NamedTuple):
    """Who reads in one tick, from where, and how far the topic was known when it began."""

    topic: Topic
    head: int
    places: dict[WorkflowSubscription, tail.Place]


class Fanout:
    """All connections of one event loop and what they watch. Idle without connections."""

    def __init__(self) -> None:
        self.reads = Reads()
        self.seats = Seats()
        self._garbage = Garbage()
        self.overviews = Overviews(self.reads.threads)
        self._loop = asyncio.get_running_loop()
        self._readers: set[Reader] = set()
        self._stopping = False
        self._topics: dict[str, Topic] = {}
        self._due: dict[Topic, float] = {}
        self._alarm = asyncio.Event()
        self._lists: set[ListSubscription] = set()
        self._list_alarm = asyncio.Event()
        self._lists_read_from: datetime | None = None
        self._started: set[str] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._errands: set[asyncio.Task[None]] = set()
        self._ticks = Threads(1, "telltale-tail")
        self._is_auditing, self._unanswered = False, 0.0  # for so many seconds of this loop, not of a stalled machine

    def close(self) -> None:
        """Its loop has ended: so do its threads."""
        self.reads.threads.close()
        self._ticks.close()

    def enter(self, reader: Reader) -> None:
        """A connection was admitted."""
        self._readers.add(reader)
        if self._stopping:
            self._do(reader.end(CloseCode.COME_BACK))
        if len(self._readers) == 1:
            stopping.on_stop(self._stop)
            listener().watch_hints(self._hinted)
            self._is_auditing, self._unanswered = False, 0.0
            work = (self._ticking, self._listing, self.overviews.tick, self._caring, self._auditing)
            self._loops = [self._loop.create_task(self._for_ever(one)) for one in work]

    def leave(self, reader: Reader, subscriptions: Iterable[Subscription]) -> None:
        """A connection ended."""
        for subscription in subscriptions:
            self.unsubscribe(subscription)
        self._readers.discard(reader)
        self._garbage.ended()
        if not self._readers:
            stopping.forget(self._stop)
            listener().unwatch_hints(self._hinted)
            for loop in self._loops:
                loop.cancel()
            self._loops = []

    def _stop(self) -> None:
        self._stopping = True
        for reader in self._readers:
            self._do(reader.end(CloseCode.COME_BACK))

    async def follow(
        self, reader: Reader, user: access.Visitor, workflow_id: str, at: protocol.Cursor | None
    ) -> WorkflowSubscription:
        """Subscribe to a workflow, from a cursor or from a snapshot. Raises Refused."""
        topic = self._topics.get(workflow_id) or self._open(workflow_id)
        subscription = WorkflowSubscription(reader, topic, reader.credential.reads)
        topic.readers[subscription] = None
        try:
            head = await self.reads.head(user, workflow_id)
            if head is None:
                raise Refused(ErrorCode.UNKNOWN, protocol.UNKNOWN_WORKFLOW)
            topic.head = max(topic.head, head.seq)
            await self._place(subscription, head, at)
        except BaseException:
            self.unsubscribe(subscription)
            raise
        return subscription

    async def _place(self, subscription: WorkflowSubscription, head: history.Head, at: protocol.Cursor | None) -> None:
        reason = None if at is None else tail.mismatch(at, head)
        if at is None or reason is not None:
            await self._restart([subscription], reason)
        else:
            subscription.resume(at, head.seq)

    async def follow_list(
        self, reader: Reader, user: access.Visitor, wanted: protocol.SubscribeList
    ) -> ListSubscription:
        """Subscribe to a list."""
        view = await self.reads.threads.ask(lists.ListView.admitted, user, wanted)
        subscription = ListSubscription(reader, view)
        self._lists.add(subscription)
        since = view.since - lists.OVERLAP
        self._lists_read_from = min(self._lists_read_from or since, since)
        self._list_alarm.set()
        return subscription

    async def follow_overview(self, reader: Reader, user: access.Visitor, name: str) -> OverviewSubscription:
        """Subscribe to an overview. Raises Refused."""
        subscription = await self.overviews.follow(reader, user, name)
        if subscription is None:
            raise Refused(ErrorCode.UNKNOWN, protocol.UNKNOWN_OVERVIEW)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscription, and a topic without any."""
        if isinstance(subscription, ListSubscription):
            self._lists.discard(subscription)
            if not self._lists:
                self._lists_read_from = None
        elif isinstance(subscription, OverviewSubscription):
            self.overviews.unsubscribe(subscription)
        elif isinstance(subscription, WorkflowSubscription):
            topic = subscription.topic
            topic.readers.pop(subscription, None)
            if not topic.readers:
                self._close(topic)

    def _open(self, workflow_id: str) -> Topic:
        topic = self._topics[workflow_id] = Topic(workflow_id, self._mark)
        topic.watch = listener().watch(workflow_id, 0, self._moved)
        return topic

    def _close(self, topic: Topic) -> None:
        if topic.watch is not None:
            listener().unwatch(topic.watch)
            topic.watch = None
        self._due.pop(topic, None)
        if self._topics.get(topic.id) is topic:
            del self._topics[topic.id]

    def _moved(self, workflow_id: str, seq: int) -> None:
        """In the listener's thread."""
        self._loop.call_soon_threadsafe(self._heard, workflow_id, seq)

    def _heard(self, workflow_id: str, seq: int) -> None:
        topic = self._topics.get(workflow_id)
        if topic is not None:
            topic.suspect = topic.suspect or seq < topic.head
            topic.head = max(topic.head, seq)
            topic.moved_at = topic.moved_at or self._loop.time()
            self._mark(topic)

    def lag(self) -> float:
        """For how many seconds the oldest change that a reader is ready for waits here."""
        now = self._loop.time()
        return max((now - topic.moved_at for topic in self._topics.values() if topic.moved_at), default=0.0)

    def _mark(self, topic: Topic) -> None:
        if topic.readers:
            self._due[topic] = 0.0
            self._alarm.set()

    async def _ticking(self) -> None:
        now = self._loop.time()
        due = list(islice((topic for topic, at in self._due.items() if at <= now), TOPICS_PER_TICK))
        if due:
            await self._tick(due, now)
            await asyncio.sleep(TICK_PERIOD)
        else:
            self._alarm.clear()
            await _alarm_within(self._alarm, min(self._due.values()) - now if self._due else None)

    async def _tick(self, due: list[Topic], now: float) -> None:
        for topic in due:
            del self._due[topic]
        turns = [_Turn(topic, topic.head, {one: one.place for one in topic.turn(now)}) for topic in due]
        places = {place for turn in turns for place in turn.places.values()}
        try:
            found = await self._ticks.ask(tail.read, places) if places else {}
        except Exception:
            for topic in due:
                self._mark(topic)
            raise
        for turn in turns:
            frames = {place: found.get(place) for place in turn.places.values()}
            self._spread(turn, frames)
            self._measure(turn)
            for subscription, place in turn.places.items():
                frame = frames[place]
                turn.topic.served(subscription, now, more=frame is not None and frame.full)
            next_turn = turn.topic.next_turn()
            if next_turn is not None and turn.topic not in self._due:
                self._due[turn.topic] = next_turn

    def _measure(self, turn: _Turn) -> None:
        moved_at, turn.topic.moved_at = turn.topic.moved_at, 0.0
        if moved_at and turn.places:  # else nobody was ready
            measures.STREAM_LAG.observe(self._loop.time() - moved_at)

    def _spread(self, turn: _Turn, frames: dict[tail.Place, tail.Frame | None]) -> None:
        topic = turn.topic
        topic.suspect = False
        topic.frames = {
            (seq, audience): frame
            for (_, seq, audience), frame in frames.items()
            if frame is not None and frame.text and frame.whole
        }
        follows = any(frame is None or frame.text or not frame.whole for frame in frames.values())
        if frames and not follows and topic.head == turn.head:
            topic.head = max(seq for _, seq, _ in frames)  # the hint was about events that are no more
        lost: dict[ResetReason, list[WorkflowSubscription]] = {}
        for subscription, place in turn.places.items():
            if subscription.placed and subscription.place == place:  # else it left that place meanwhile
                reason = tail.void(subscription.epoch, frames[place])
                if reason is not None:
                    lost.setdefault(reason, []).append(subscription)
        for reason, subscriptions in lost.items():
            self._do(self._restart_or_part(subscriptions, reason))
        for subscription in turn.places:
            subscription.reader.wake(subscription)

    async def _restart_or_part(self, lost: list[WorkflowSubscription], reason: ResetReason) -> None:
        try:
            await self._restart(lost, reason)
        except Exception:
            _log.exception("no snapshot of %r; its readers shall come back", lost[0].topic.id)
            for subscription in lost:
                self._do(subscription.reader.end(CloseCode.COME_BACK))

    async def _restart(self, lost: list[WorkflowSubscription], reason: ResetReason | None) -> None:
        """Readers without a valid place begin with one snapshot, made once for each audience."""
        for subscription in lost:
            subscription.displace([])
        topic, name = lost[0].topic, lost[0].name
        audiences = {subscription.audience for subscription in lost}
        starts = {audience: await self.reads.start(topic.id, audience) for audience in audiences}
        reset = [] if reason is None else [protocol.reset(name, reason)]
        for subscription in lost:
            start = starts[subscription.audience]
            if start is None:
                subscription.displace([protocol.reset(name, ResetReason.GONE)])
            else:
                subscription.restart(start.epoch, start.seq, [*reset, start.text])
            subscription.reader.wake(subscription)

    def _hinted(self, moved: dict[str, int]) -> None:
        """In the listener's thread."""
        if self._lists:
            self._loop.call_soon_threadsafe(self._lists_heard, [id_ for id_, seq in moved.items() if seq == 1])

    def _lists_heard(self, started: list[str]) -> None:
        self._started.update(started)
        self._list_alarm.set()

    async def _listing(self) -> None:
        await _alarm_within(self._list_alarm, LIST_PERIOD)
        self._list_alarm.clear()
        if self._lists and self._lists_read_from is not None:
            await self._tick_lists(self._lists_read_from)
            await asyncio.sleep(LIST_PERIOD)

    async def _tick_lists(self, read_from: datetime) -> None:
        asked, started = set(self._lists), self._started
        self._started = set()
        views = [subscription.view for subscription in asked]
        known, keys, audiences = lists.least_known(views), lists.keys_of(views), lists.audiences_of(views)
        narrowed = lists.narrowed_of(views)
        news = await self.reads.threads.ask(lists.read, known, read_from, started, keys, audiences, narrowed)
        if self._lists <= asked:  # else one came meanwhile that wants to know from an earlier time on
            self._lists_read_from = news.read_on_from
        for subscription in asked & self._lists:
            if subscription.view.offer(news):
                subscription.reader.wake(subscription)

    async def _caring(self) -> None:
        await asyncio.sleep(CARE_PERIOD)
        self._unanswered += CARE_PERIOD if self._is_auditing else 0.0
        for reader in self._readers:
            if reader.care(CARE_PERIOD) or self._unanswered > AUDIT_PATIENCE:
                self._do(reader.end(CloseCode.COME_BACK))

    async def _auditing(self) -> None:
        """What nobody told us: ended sessions, lost rights, and topics that are not where we believe."""
        await asyncio.sleep(AUDIT_PERIOD)
        self._is_auditing = True
        self._garbage.look(len(self._readers))
        standings = await self.reads.threads.ask(access.standings, {reader.credential for reader in self._readers})
        for reader in self._readers:
            if standings.get(reader.credential) is access.Standing.SIGNED_OUT:
                self._do(reader.end(CloseCode.SIGNED_OUT))
            elif standings.get(reader.credential) is access.Standing.CHANGED:
                self._do(reader.end(CloseCode.COME_BACK))
            elif standings.get(reader.credential) is access.Standing.FORBIDDEN:
                self._do(reader.end(CloseCode.FORBIDDEN))
        await self.overviews.audit()
        watching = [one for topic in self._topics.values() for one in topic.readers]
        unseen = await self.reads.threads.ask(access.unseen, {one.watch for one in watching})
        for subscription in watching:
            if subscription.watch in unseen:
                self._do(subscription.reader.end(CloseCode.COME_BACK))
        whole = [one.reader for one in self._lists if one.view.narrowed is None]
        narrowed = await self.reads.threads.ask(access.narrowed, {reader.credential.user_id for reader in whole})
        for reader in whole:
            if reader.credential.user_id in narrowed:
                self._do(reader.end(CloseCode.COME_BACK))
        heads = await self.reads.threads.ask(history.heads, list(self._topics))
        for topic in self._topics.values():
            self._audit(topic, heads.get(topic.id))
        self._is_auditing, self._unanswered = False, 0.0

    def _audit(self, topic: Topic, head: history.Head | None) -> None:
        placed = [subscription for subscription in topic.readers if subscription.placed]
        topic.suspect = head is None or any(one.epoch != head.epoch or one.cursor > head.seq for one in placed)
        topic.head = max(topic.head, head.seq if head else 0)
        topic.frames = {}  # no use to keep them while nothing happens
        if placed and (topic.suspect or any(one.cursor < topic.head for one in placed)):
            self._mark(topic)

    async def _for_ever(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception:  # most often the database is away; cursors are kept, so nothing is lost
                _log.exception("%s failed; trying again", work.__name__)
                await asyncio.sleep(LIST_PERIOD)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


async def _alarm_within(alarm: asyncio.Event, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(alarm.wait(), seconds)


_fanouts = PerLoop(Fanout)


def existing() -> Fanout | None:
    """The fan-out of the running event loop, if anybody asked for it yet."""
    return _fanouts.existing()


def fanout() -> Fanout:
    """The fan-out of the running event loop; a server process has one."""
    return _fanouts.get()
