"""One per process: what widgets show, read once for everybody who looks, and sent only when it changed.

A widget whose workflow moved (`workflows.listener`, as for the console's topics) is read again at once, and then twice
a second at most; the others when they are due. Each state is encoded once and shared by all viewers; one that is slow
gets the newest state when it is ready, so no viewer has a queue. What is asked for over HTTP is a second old at most.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection
from typing import Protocol

from django.conf import settings

from dashboard import stopping, widgets
from dashboard.models import Scope
from dashboard.rates import Rates
from dashboard.reads import Batch, PerLoop, Threads
from dashboard.widgets import Shown
from workflows.listener import Watch, listener

TICK = 0.1  # seconds between looks at what is due
FRAME_PERIOD = 0.5  # between two states of one widget
AUDIT_PERIOD = 2.0  # until a revoked widget is noticed
FRESH = 1.0  # for how long a state answers requests
PERIODS = {Scope.WORKFLOW: 15.0}  # between reads of what does not move by itself: what is left of the time does
SHARED_PERIOD = 2.0  # of all others
_THREADS, _AT_ONCE, _MOST_KEPT = 2, 50, 10_000

_log = logging.getLogger("dashboard.broadcasts")


class Full(Exception):
    """So many look at this widget, or at all of them, that there is no room for one more."""


class Viewer(Protocol):
    """A page's connection, as the widgets see it."""

    def wake(self, broadcast: Broadcast) -> None:
        """Send its newest state as soon as it is ready."""

    def leave(self) -> None:
        """The server stops: close, and come back."""


class Broadcast:
    """A widget that somebody looks at: its newest state, encoded, and who is owed it."""

    def __init__(self, shown: Shown, now: float) -> None:
        self.number = shown.widget.pk
        self.token = widgets.token(shown.widget)
        self.viewers: set[Viewer] = set()
        self.watch: Watch | None = None
        self.moved = True  # what it begins with may be a second old
        self.is_gone = False
        self.shown, self.read_at = shown, now
        self.text = frame(self.token, shown)

    def take(self, shown: Shown, now: float) -> bool:
        """The newest state. Whether viewers are owed it: another one than before, or perhaps not for all of them."""
        is_new = shown.content != self.shown.content or shown.widget.changed_at != self.shown.widget.changed_at
        self.shown, self.read_at, self.text = shown, now, frame(self.token, shown)
        return is_new

    def end(self) -> None:
        """It may not be shown any more."""
        self.is_gone, self.text = True, gone(self.token)

    @property
    def due_at(self) -> float:
        """When it is to be read again."""
        period = PERIODS.get(Scope(self.shown.widget.scope), SHARED_PERIOD)
        return self.read_at + (FRAME_PERIOD if self.moved else period)


def frame(token: str, shown: Shown) -> str:
    """The text of a state, as sockets and polls bring it."""
    return json.dumps({"t": "state", "token": token, "state": shown.state}, separators=(",", ":"))


def gone(token: str) -> str:
    """The text that says that there is nothing to see: the same whatever the reason."""
    return json.dumps({"t": "gone", "token": token}, separators=(",", ":"))


class Broadcasts:
    """All widgets of one event loop. Idle while nobody looks."""

    def __init__(self) -> None:
        self.rates = Rates()
        self._loop = asyncio.get_running_loop()
        self._threads = Threads(_THREADS, "telltale-embed")
        self._asked: Batch[int, Shown] = Batch(self._threads, widgets.shown)
        self._kept: dict[int, tuple[float, Shown | None]] = {}
        self._broadcasts: dict[int, Broadcast] = {}
        self._viewers: set[Viewer] = set()
        self._audited_at = 0.0
        self._work: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Its loop has ended: so do its threads."""
        self._threads.close()

    def has_room(self) -> bool:
        """Whether one more page may connect."""
        return len(self._viewers) < settings.EMBED_CONNECTIONS

    async def look(self, token: str) -> Shown | None:
        """What a token opens, at most a second old; None for one that opens nothing, by the same way."""
        number, now = widgets.number(token), self._loop.time()
        until, found = self._kept.get(number, (0.0, None))
        if until <= now:
            found = await self._asked.ask(number)
            self._kept = self._kept if len(self._kept) < _MOST_KEPT else {}
            self._kept[number] = (self._loop.time() + FRESH, found)
        return found

    def enter(self, viewer: Viewer) -> None:
        """A page connected. Raises Full."""
        if not self.has_room():
            raise Full
        self._viewers.add(viewer)
        if self._work is None:
            stopping.on_stop(self._stop)
            self._work = self._loop.create_task(self._for_ever())

    def leave(self, viewer: Viewer, followed: Collection[Broadcast]) -> None:
        """It went."""
        for broadcast in followed:
            self.unfollow(viewer, broadcast)
        self._viewers.discard(viewer)
        if not self._viewers and self._work is not None:
            stopping.forget(self._stop)
            self._work.cancel()
            self._work = None

    def follow(self, viewer: Viewer, shown: Shown) -> Broadcast:
        """Look at a widget that `look` answered, from now on. Raises Full."""
        found = self._broadcasts.get(shown.widget.pk)
        if found is None:
            found = self._broadcasts[shown.widget.pk] = Broadcast(shown, self._loop.time())
            self._attach(found)
        if viewer not in found.viewers and len(found.viewers) >= found.shown.widget.connection_limit:
            raise Full
        found.viewers.add(viewer)
        return found

    def unfollow(self, viewer: Viewer, broadcast: Broadcast) -> None:
        """No longer."""
        broadcast.viewers.discard(viewer)
        if not broadcast.viewers:
            self._drop(broadcast)

    def _drop(self, broadcast: Broadcast) -> None:
        self._detach(broadcast)
        if self._broadcasts.get(broadcast.number) is broadcast:
            del self._broadcasts[broadcast.number]

    def _attach(self, broadcast: Broadcast) -> None:
        """Watch what moves it from the seq that was read on, so that nothing falls in between."""
        follows = broadcast.shown.follows
        if broadcast.watch is not None and broadcast.watch.workflow_id == follows:
            return
        self._detach(broadcast)
        if follows:
            number = broadcast.number

            def moved(_workflow_id: str, _seq: int) -> None:  # in the listener's thread
                self._loop.call_soon_threadsafe(self._heard, number)

            broadcast.watch = listener().watch(follows, broadcast.shown.state["seq"], moved)

    def _detach(self, broadcast: Broadcast) -> None:
        if broadcast.watch is not None:
            listener().unwatch(broadcast.watch)
            broadcast.watch = None

    def _heard(self, number: int) -> None:
        broadcast = self._broadcasts.get(number)
        if broadcast is not None:
            broadcast.moved = True

    def _stop(self) -> None:
        for viewer in list(self._viewers):
            viewer.leave()

    async def _for_ever(self) -> None:
        while True:
            try:
                await self._tick()
            except Exception:  # most often the database is away; what is shown says as of when it is
                _log.exception("widgets could not be read; trying again")
                await asyncio.sleep(FRAME_PERIOD)
            await asyncio.sleep(TICK)

    async def _tick(self) -> None:
        now = self._loop.time()
        if now - self._audited_at >= AUDIT_PERIOD:
            await self._audit(now)
        due = [one for one in self._broadcasts.values() if one.due_at <= now][:_AT_ONCE]
        if due:
            for broadcast in due:
                broadcast.moved = False
            try:
                found = await self._threads.ask(widgets.shown, [one.number for one in due])
            except Exception:
                for broadcast in due:
                    broadcast.moved = True
                raise
            for broadcast in due:
                self._spread(broadcast, found.get(broadcast.number))

    async def _audit(self, now: float) -> None:
        """What nobody told us: widgets that were revoked, changed, or have expired."""
        self._audited_at = now
        asked = dict(self._broadcasts)  # others may come meanwhile, of which the answer says nothing
        versions = await self._threads.ask(widgets.versions, list(asked))
        for number, broadcast in asked.items():
            if number not in versions:
                self._spread(broadcast, None)
            elif versions[number] != broadcast.shown.widget.changed_at:
                broadcast.moved = True

    def _spread(self, broadcast: Broadcast, shown: Shown | None) -> None:
        now = self._loop.time()
        self._kept[broadcast.number] = (now + FRESH, shown)
        if shown is None:
            broadcast.end()
            self._drop(broadcast)
        else:
            is_new = broadcast.take(shown, now)
            self._attach(broadcast)
            if not is_new:
                return
        for viewer in list(broadcast.viewers):
            viewer.wake(broadcast)


_broadcasts = PerLoop(Broadcasts)


def broadcasts() -> Broadcasts:
    """The widgets of the running event loop; a server process has one."""
    return _broadcasts.get()
