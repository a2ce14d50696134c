"""Topics that are states: counters, queues, schedules and others. One read per period and process for all who follow.

A reader is owed the cells that changed since the last frame it took; a slow one skips versions. Nothing is read while
nobody follows. What the cells are is `overviews`' matter, who may see them `access`'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dashboard import access, overviews, protocol, saved_views, topics
from dashboard.protocol import ErrorCode
from dashboard.reads import Threads
from dashboard.subscriptions import Reader

PERIOD = 1.0  # seconds between two reads of one topic

Cells = Mapping[str, Any]


class _Kind(NamedTuple):
    """What is read for a topic, and what one must be allowed to see it."""

    read: Callable[[], Cells]
    action: str


_KINDS = {
    topics.COUNTERS: _Kind(overviews.counter_cells, access.VIEW_TOTALS),
    topics.QUEUES: _Kind(overviews.queue_cells, "view_queues"),
    topics.WORKERS: _Kind(overviews.worker_cells, "view_workers"),
    topics.SCHEDULES: _Kind(overviews.schedule_cells, "view_schedules"),
    topics.BULK: _Kind(overviews.bulk_cells, access.VIEW_TOTALS),  # who sees some workflows sees only their own actions
    topics.VIEWS: _Kind(saved_views.cells, "view"),
}


class OverviewTopic:
    """One topic: its newest cells, and the frames to them from the versions that readers have."""

    def __init__(self, name: str, threads: Threads) -> None:
        self.name = name
        self.readers: set[OverviewSubscription] = set()
        self.cells: Cells = {}
        self.version = 0
        self._threads = threads
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self._frames: dict[int, str] = {}

    async def refresh(self) -> None:
        """Read again what is older than a period; who asks meanwhile waits for the same read."""
        now = asyncio.get_running_loop().time()
        if self._reading is None and (self._read_at is None or now - self._read_at >= PERIOD):
            self._reading = asyncio.get_running_loop().create_task(self._read(now))
            self._reading.add_done_callback(self._done)
        if self._reading is not None:
            await asyncio.shield(self._reading)

    async def _read(self, now: float) -> None:
        cells = await self._threads.ask(_KINDS[self.name].read)
        self._read_at = now
        if self.version == 0 or cells != self.cells:
            self.cells, self.version, self._frames = cells, self.version + 1, {}
            for subscription in self.readers:
                subscription.reader.wake(subscription)

    def _done(self, reading: asyncio.Task[None]) -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # whoever waited for it may be gone

    def whole(self) -> str:
        """The frame with everything."""
        return self._frame(0, {})

    def since(self, version: int, cells: Cells) -> str:
        """The frame with what changed since a version, whose cells these were."""
        changed = {key: cell for key, cell in self.cells.items() if key not in cells or cells[key] != cell}
        return self._frame(version, changed | dict.fromkeys(cells.keys() - self.cells.keys()))

    def _frame(self, version: int, changed: Cells) -> str:
        """Encoded once for all who are at that version; 0 knows nothing."""
        if version not in self._frames:
            whole = version == 0
            self._frames[version] = protocol.overview(
                self.name, version=self.version, whole=whole, cells=self.cells if whole else changed
            )
        return self._frames[version]


class OverviewSubscription:
    """One reader of one topic: the version that it has, and the cells of that (shared, never a copy)."""

    __slots__ = ("_cells", "_refused", "_version", "reader", "topic", "user_id")

    def __init__(self, reader: Reader, topic: OverviewTopic, user_id: int) -> None:
        self.reader = reader
        self.topic = topic
        self.user_id = user_id
        self._version = 0
        self._cells: Cells = {}
        self._refused = False

    def refuse(self) -> None:
        """Its account may not see this any more: say so, and nothing else."""
        self._refused = True

    def take(self) -> list[str]:
        """One frame with what changed since the last one."""
        if self._refused:
            self._refused = False
            return [protocol.error(self.topic.name, ErrorCode.UNKNOWN, protocol.UNKNOWN_OVERVIEW)]
        topic = self.topic
        if self not in topic.readers or self._version == topic.version:
            return []
        frame = topic.since(self._version, self._cells) if self._version else topic.whole()
        self._version, self._cells = topic.version, topic.cells
        return [frame]


class Overviews:
    """All topics of one event loop."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._topics = {name: OverviewTopic(name, threads) for name in _KINDS}

    async def follow(self, reader: Reader, user: access.Visitor, name: str) -> OverviewSubscription | None:
        """Subscribe; None: this person may not see it."""
        if not await self._threads.ask(access.can, user, _KINDS[name].action):
            return None
        topic = self._topics[name]
        subscription = OverviewSubscription(reader, topic, int(user.pk or 0))
        topic.readers.add(subscription)
        try:
            await topic.refresh()
        except BaseException:
            self.unsubscribe(subscription)
            raise
        return subscription

    def unsubscribe(self, subscription: OverviewSubscription) -> None:
        """Forget it."""
        subscription.topic.readers.discard(subscription)

    async def look(self, user: access.Visitor, name: str) -> str:
        """What a poll is answered: the whole, at most a period old, or why not."""
        if not await self._threads.ask(access.can, user, _KINDS[name].action):
            return protocol.error(name, ErrorCode.UNKNOWN, protocol.UNKNOWN_OVERVIEW)
        await self._topics[name].refresh()
        return self._topics[name].whole()

    async def tick(self) -> None:
        """Read what somebody follows, then wait for a period."""
        for topic in self._topics.values():
            if topic.readers:
                await topic.refresh()
        await asyncio.sleep(PERIOD)

    async def audit(self) -> None:
        """End subscriptions of people who lost the right to see this."""
        for topic in self._topics.values():
            readers = set(topic.readers)
            if not readers:
                continue
            asked = {subscription.user_id for subscription in readers}
            allowed = await self._threads.ask(access.holders, _KINDS[topic.name].action, asked)
            for subscription in readers:
                if subscription.user_id not in allowed:
                    topic.readers.discard(subscription)
                    subscription.refuse()
                    subscription.reader.wake(subscription)
