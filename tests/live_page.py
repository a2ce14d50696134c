"""Pages in this process: the real consumer on the real database, and a network that does what a test says.

Nothing happens by itself here: ticks, sweeps and hints come when they are called for, and what the server sent waits on
the wire until the page reads. So a test, or hypothesis, decides every interleaving.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard import consumers, fanout, reads, tail
from dashboard.consumers import LiveConsumer
from dashboard.window import Window
from tests.live_reading import Reading
from workflows import history, sql
from workflows.listener import Listener

WINDOW = 4_000  # bytes under way; so small that a few values fill it
FRAME_EVENTS = 4


class HandDrivenListener(Listener):
    """Sweeps and hears hints when told to."""

    def __init__(self) -> None:
        super().__init__()
        self._connection = sql.dedicated_connection()

    def _ensure_running(self) -> None:
        """No thread."""

    def sweep(self) -> None:
        """One sweep of everything watched."""
        self._sweep(self._connection)

    def hint(self, workflow_id: str, seq: int) -> None:
        """One hint arrives."""
        self._tell({workflow_id: seq})
        self._tell_everything({workflow_id: seq})

    def close(self) -> None:
        """End its connection."""
        self._connection.close()


class Site:
    """One server process, driven by hand. `meanwhile`: what happens before and after each of its next reads."""

    def __init__(self, listener: HandDrivenListener) -> None:
        self.loop = asyncio.new_event_loop()
        self.listener = listener
        self.meanwhile: deque[Callable[[], None] | None] = deque()
        self._others = ThreadPoolExecutor(1)  # with a connection of their own
        self.pages: list[Page] = []
        user = User.objects.create_superuser("root")
        browser = Client()
        browser.force_login(user)
        self.cookie = f"sessionid={browser.session.session_key}".encode()
        self.hub: fanout.Fanout = self.loop.run_until_complete(_current_fanout())
        self._now = 0.0

    def happen(self) -> None:
        """Something happens exactly now."""
        action = self.meanwhile.popleft() if self.meanwhile else None
        if action is not None:
            self._others.submit(action).result()

    def tick(self) -> None:
        """The fan-out serves what is due; a period has passed since the last time."""
        self.settle()
        self._now += 1.0
        if self.hub._due:
            self.loop.run_until_complete(self.hub._tick(list(self.hub._due), self._now))
        self.settle()

    def audit(self) -> None:
        """The fan-out looks at what nobody told it."""
        self.loop.run_until_complete(self.hub._auditing())
        self.settle()

    def settle(self) -> None:
        """Let the server finish what it is at."""
        self.loop.run_until_complete(self._settled())
        for page in self.pages:
            page.raise_failure()

    async def _settled(self) -> None:
        await asyncio.sleep(0)
        while self.hub._errands or self.hub.reads._starts or any(page.is_busy for page in self.pages):
            await asyncio.sleep(0.0005)  # its threads read meanwhile

    def close(self) -> None:
        """Pages leave; threads end."""
        for page in self.pages:
            page.cut()
        self.settle()
        self.hub._ticks._executor.shutdown()
        self.hub.reads.threads._executor.shutdown()
        self._others.shutdown()
        self.loop.close()


class Page:
    """One page that watches one workflow, and its network."""

    def __init__(self, site: Site, workflow_id: str) -> None:
        self.site, self.reading = site, Reading(workflow_id)
        self.wire: deque[str] = deque()  # sent, and not read yet
        self.frames: list[dict[str, Any]] = []  # read, of all connections
        self.excess = 0  # bytes that were under way when yet another frame was sent
        self.refused = False
        self._task: asyncio.Task[None] | None = None
        site.pages.append(self)

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection that the server has not closed."""
        return self._task is not None and not self._task.done() and not self._closed

    @property
    def is_busy(self) -> bool:
        """Whether the server is at something for it."""
        if self._task is None or self._task.done():
            return False
        return not self._idle or not self._inbox.empty() or self._consumer._pump is not None

    def connect(self) -> None:
        """Open a connection and subscribe, with the cursor if there is one."""
        self._consumer = LiveConsumer()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._idle = self._closed = self.refused = False
        self._sizes: deque[int] = deque()
        self._read = 0
        self.wire.clear()
        headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
        headers.append((b"cookie", self.site.cookie))
        scope = {"type": "websocket", "scheme": "ws", "headers": headers}
        self._inbox.put_nowait({"type": "websocket.connect"})
        self.say(self.reading.subscribe())
        self._task = self.site.loop.create_task(self._consumer(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        self._idle = self._inbox.empty()
        message = await self._inbox.get()
        self._idle = False
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self._closed = True
        elif message["type"] == "websocket.send":
            text = message["text"]
            under_way = sum(self._sizes)
            if under_way >= WINDOW and '"t":"hello"' not in text:
                self.excess = max(self.excess, under_way)
            self._sizes.append(len(text))
            self.wire.append(text)

    def say(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def read(self, frames: int) -> None:
        """Read so many frames of those that wait. Raises Broken."""
        for _ in range(min(frames, len(self.wire))):
            frame = json.loads(self.wire.popleft())
            self._read += 1
            if frame["t"] == "error" and frame["code"] == "unknown":
                self.refused = True
                continue
            self.frames.append(frame)
            self.reading.take(frame)

    def acknowledge(self) -> None:
        """Say how many frames were read on this connection."""
        for _ in range(len(self._sizes) - len(self.wire)):
            self._sizes.popleft()
        self.say({"t": "ack", "frames": self._read})

    def cut(self) -> None:
        """Lose the connection, with everything on the wire."""
        self.wire.clear()
        if self._task is not None and not self._task.done():
            self._inbox.put_nowait({"type": "websocket.disconnect"})
            self.site.settle()
        self._task = None

    def raise_failure(self) -> None:
        """An exception in the server is this test's."""
        if self._task is not None and self._task.done():
            self._task.result()


async def _current_fanout() -> fanout.Fanout:
    return fanout.fanout()


@contextmanager
def hand_driven_site(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Site]:
    """A site without clocks, with small frames and a small window."""
    settings.WORKFLOWS = {**settings.WORKFLOWS, "HINTS": False}
    listener = HandDrivenListener()

    async def nothing(_hub: fanout.Fanout, _work: object) -> None:
        """In place of the loops that run for ever."""

    monkeypatch.setattr(fanout, "listener", lambda: listener)
    monkeypatch.setattr(fanout.Fanout, "_for_ever", nothing)
    monkeypatch.setattr(fanout, "AUDIT_PERIOD", 0.0)
    monkeypatch.setattr(consumers, "Window", lambda: Window(WINDOW))
    monkeypatch.setattr(tail, "MAX_EVENTS", FRAME_EVENTS)
    site = Site(listener)
    _watch_reads(monkeypatch, site)
    yield site
    site.close()
    listener.close()


def _watch_reads(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    read, snapshot = reads._read, history.snapshot

    def watched_read(*arguments: Any) -> Any:
        site.happen()
        answer = read(*arguments)
        site.happen()
        return answer

    def watched_snapshot(workflow_id: str) -> Any:
        site.happen()
        state = snapshot(workflow_id)
        site.happen()
        return state

    monkeypatch.setattr(reads, "_read", watched_read)
    monkeypatch.setattr(history, "snapshot", watched_snapshot)
