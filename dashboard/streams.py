"""A workflow as Server-Sent Events: a reader of the fan-out, like a socket, that cannot acknowledge.

Not every server pushes back (daphne buffers without bound), so a response ends by itself after as many bytes as a
socket may have under way, or after ten minutes; the client comes back with the id of its last frame.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from asgiref.sync import SyncToAsync
from django.db import DatabaseError

from dashboard import access, protocol
from dashboard.fanout import Fanout, Refused
from dashboard.protocol import LIMITS, CloseCode
from dashboard.seats import TooMany
from dashboard.subscriptions import Subscription, WorkflowSubscription
from dashboard.window import STALL_SECONDS, Window

# When to come back, in milliseconds: after a loss spread, so that a server that starts again is not met by all at once.
RETRY = (1_000, 3_000)
RETRY_AT_ONCE = 100  # after an end that was no loss
_PLACES = frozenset(["snapshot", "events", "receipt"])  # frames after which a client can come back


def give_thread_back() -> None:
    """Django keeps a thread for each request until its end, because of middleware; that has done its part by now."""
    request = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(request, None) if request else None
    if executor is not None:
        executor.shutdown(wait=False)


class Stream:
    """The body of one response. Nothing is held before its first part is asked for, nor after its end."""

    def __init__(self, hub: Fanout, admission: access.Admission, workflow_id: str, at: protocol.Cursor | None) -> None:
        self.credential = admission.credential
        self._hub, self._user, self._workflow_id, self._at = hub, admission.user, workflow_id, at
        self._subscription: WorkflowSubscription | None = None
        self._window = Window()  # nobody acknowledges, so it closes once
        self._code: CloseCode | None = None  # why it ends
        self._retry = random.randint(*RETRY)
        self._news = asyncio.Event()
        self._waiting = False
        self._moved = False  # since the last look at it
        self._stuck = self._age = self._quiet = 0.0  # in seconds
        self._pings = 0
        self._task: asyncio.Task[None] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The parts."""
        give_thread_back()
        self._task = asyncio.current_task()
        yield self._part(protocol.hello(LIMITS["stream_heartbeat_seconds"]), retry=self._retry)
        try:
            with self._hub.seats.taken(self.credential.user_id):
                self._hub.enter(self)
                await self._subscribe()
                while self._code is None:
                    frames = self._take()
                    for frame in frames:
                        yield self._part(frame)
                    self._end_after(frames)
                    if not frames:
                        await self._wait()
        except TooMany:
            self._code = CloseCode.TOO_MANY
        finally:
            self._leave()
        yield self._part(protocol.close(self._code or CloseCode.COME_BACK), retry=self._retry)

    async def _subscribe(self) -> None:
        try:
            self._subscription = await self._hub.follow(self, self._user, self._workflow_id, self._at)
        except (Refused, DatabaseError):  # it was there a moment ago; the next request is told what became of it
            self._code = CloseCode.COME_BACK

    def _leave(self) -> None:
        subscription, self._subscription = self._subscription, None
        self._hub.leave(self, [subscription] if subscription else [])

    def _take(self) -> list[str]:
        frames = self._subscription.take() if self._subscription else []
        if not frames and self._quiet >= LIMITS["stream_heartbeat_seconds"]:
            self._pings += 1
            frames = [protocol.ping(self._pings)]
        return frames

    def _end_after(self, frames: list[str]) -> None:
        is_gone = bool(frames) and protocol.kind(frames[-1]) == "reset"  # a snapshot follows every other reset
        if is_gone or not self._window.is_open:
            self._had_its_share()

    def _had_its_share(self) -> None:
        if self._code is None:
            self._code, self._retry = CloseCode.COME_BACK, RETRY_AT_ONCE

    async def _wait(self) -> None:
        if self._code is None:
            self._news.clear()
            self._waiting = True
            try:
                await self._news.wait()
            finally:
                self._waiting = False

    def _part(self, frame: str, retry: int | None = None) -> bytes:
        """One event of the stream; with it an id, if a client can come back to it."""
        self._moved, self._quiet = True, 0.0
        self._window.sent(len(frame))
        kind = protocol.kind(frame)
        lines = [f"event: {kind}", f"data: {frame}"]
        if kind in _PLACES and self._subscription is not None:
            lines.append(f"id: {protocol.encode_place(self._subscription.epoch, self._subscription.cursor)}")
        if retry is not None:
            lines.append(f"retry: {retry}")
        return ("\n".join(lines) + "\n\n").encode()

    # What the fan-out asks of a reader

    @property
    def ready(self) -> bool:
        """Whether it waits for something to send."""
        return self._waiting

    def wake(self, subscription: Subscription) -> None:
        """There is something, or soon will be."""
        self._news.set()

    def care(self, seconds: float) -> bool:
        """Ping when it is time, and end when it is. Whether the server below has not taken a part for long."""
        self._age += seconds
        self._quiet += seconds
        self._stuck = 0.0 if self._waiting or self._moved else self._stuck + seconds
        self._moved = False
        if self._age >= LIMITS["stream_seconds"]:
            self._had_its_share()
        if self._code is not None or self._quiet >= LIMITS["stream_heartbeat_seconds"]:
            self._news.set()
        return self._stuck > STALL_SECONDS

    async def end(self, code: CloseCode) -> None:
        """Say so and end; or only end, where the server below has not taken the last part for a while."""
        self._code = code
        self._news.set()
        if self._stuck and self._task is not None:
            self._task.cancel()
