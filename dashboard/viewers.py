"""The socket of pages elsewhere that show widgets, one for all widgets of a page. Plain ASGI, without Channels.

A client says `{"t": "watch", "tokens": […], "page": …}`, the server answers each with a state and goes on, or with
`gone`: wrong, revoked, expired, and refused to this page are one answer. The token is never part of the address.

Threats, and where each is met:
- a page that the widget does not name shows it: its origin is compared, here, for every token;
- floods, huge messages, thousands of tokens or connections: limits below, `Broadcasts`, `rates`;
- a client that never reads: after 64 KB it must say something before it is sent more;
- a token that is revoked while the socket stays open: the audit of `Broadcasts`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.db import DatabaseError

from dashboard import access, acting, widgets
from dashboard.broadcasts import Broadcast, Broadcasts, Full, broadcasts, gone
from dashboard.protocol import CloseCode
from dashboard.widgets import Shown

TOKENS, MESSAGE_BYTES, MESSAGES_PER_SECOND = 2_000, 16 * 1024, 20
UNHEARD_BYTES = 64 * 1024  # under way to a client that said nothing meanwhile
PING_SECONDS, SILENT_SECONDS = 15.0, 40.0
_PING = json.dumps({"t": "ping"})

_Message = MutableMapping[str, Any]


class BadMessage(ValueError):
    """Not of this protocol."""


def decode(text: str) -> tuple[str, list[str], str]:
    """What a client says: the word, tokens, and the pass of a page of ours. Raises BadMessage."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"not JSON: {error}") from error
    if not isinstance(said, dict) or said.get("t") not in ("watch", "pong"):
        raise BadMessage('an object whose "t" is "watch" or "pong" is needed')
    tokens, page = said.get("tokens", []), said.get("page", "")
    if not isinstance(tokens, list) or len(tokens) > TOKENS or not isinstance(page, str):
        raise BadMessage(f'"tokens" is a list of up to {TOKENS} texts, "page" a text')
    if not all(isinstance(token, str) and len(token) <= 200 for token in tokens):
        raise BadMessage("a token is a text")
    return said["t"], list(dict.fromkeys(tokens)), page


async def admitted(hub: Broadcasts, token: str, origin: str, page: str, *, ours: bool) -> Shown | None:
    """What a token opens for a page; None: nothing, or not for this one."""
    found = await hub.look(token)
    return found if found is not None and (ours or widgets.admits(found.widget, origin, page)) else None


async def live(
    scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[..., Awaitable[None]]
) -> None:
    """The application of the route."""
    await _Viewer(scope, send).run(receive)


class _Viewer:
    """One page."""

    def __init__(self, scope: _Message, send: Callable[..., Awaitable[None]]) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._origin = headers.get("origin", "")
        self._ours = access.page_may_connect(scope["headers"], scope.get("scheme", "ws"), quiet=True)
        self._address = acting.address_of(str((scope.get("client") or [""])[0]), headers.get("x-forwarded-for", ""))
        self._send = send
        self._hub: Broadcasts | None = None
        self._followed: dict[str, Broadcast] = {}
        self._due: dict[str, str] = {}  # by token, the newest text
        self._owed = asyncio.Event()
        self._unheard = 0
        self._said = 0  # messages of this second
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._leaving = False

    async def run(self, receive: Callable[[], Awaitable[_Message]]) -> None:
        """Until it goes; leaves nothing behind, however that comes."""
        hub = broadcasts()
        await receive()  # its connect
        if not self._origin or not hub.rates.allows(self._address):
            await self._send({"type": "websocket.close", "code": 1000})
            return
        await self._send({"type": "websocket.accept"})
        try:
            hub.enter(self)
        except Full:
            await self._close(CloseCode.TOO_MANY)
            return
        self._hub = hub
        pump = self._loop.create_task(self._pump())
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                code = await self._hear(message.get("text") or "")
                if code is not None:
                    await self._close(code)
                    return
        finally:
            pump.cancel()
            self._hub = None
            hub.leave(self, list(self._followed.values()))

    async def _hear(self, text: str) -> CloseCode | None:
        """One message. The code to close with, if it was one too many, or too big."""
        now = self._loop.time()
        self._said = 1 if int(now) != int(self._heard_at) else self._said + 1
        self._heard_at, self._unheard = now, 0
        if len(text) > MESSAGE_BYTES:
            return CloseCode.TOO_BIG
        if self._said > MESSAGES_PER_SECOND:
            return CloseCode.FLOOD
        try:
            word, tokens, page = decode(text)
            if word == "watch":
                await self._watch([token for token in tokens if token not in self._followed], page)
        except BadMessage:
            return CloseCode.FLOOD
        except Full:
            return CloseCode.TOO_MANY
        except DatabaseError:
            return CloseCode.COME_BACK
        self._owed.set()
        return None

    async def _watch(self, tokens: list[str], page: str) -> None:
        hub = self._hub
        if hub is None:
            return
        if not hub.rates.allows(self._address):  # each token costs a signature, so questions count as requests do
            raise BadMessage("asked too often")
        if len(self._followed) + len(tokens) > TOKENS:
            raise Full
        asked = [admitted(hub, token, self._origin, page, ours=self._ours) for token in tokens]
        for token, found in zip(tokens, await asyncio.gather(*asked), strict=True):
            if found is None:
                self._due[token] = gone(token)
            elif self._hub is not None:
                self._followed[token] = broadcast = hub.follow(self, found)
                self._due[token] = broadcast.text

    def wake(self, broadcast: Broadcast) -> None:
        """Send its newest state as soon as it is ready; what was owed of it before is not sent any more."""
        self._due[broadcast.token] = broadcast.text
        if broadcast.is_gone or not self._may_stay(broadcast):
            self._due[broadcast.token] = gone(broadcast.token)
            self._followed.pop(broadcast.token, None)
            if self._hub is not None:
                self._hub.unfollow(self, broadcast)
        self._owed.set()

    def _may_stay(self, broadcast: Broadcast) -> bool:
        """Its origins may have been changed meanwhile; a page of ours in a sandbox proved what it is when it came."""
        return self._ours or self._origin == "null" or widgets.admits(broadcast.shown.widget, self._origin)

    def leave(self) -> None:
        """The server stops: come back to another."""
        self._leaving = True
        self._owed.set()

    async def _pump(self) -> None:
        """The only place that sends states."""
        while True:
            try:
                await asyncio.wait_for(self._owed.wait(), PING_SECONDS)
            except TimeoutError:
                if self._loop.time() - self._heard_at > SILENT_SECONDS:
                    self._leaving = True
                await self._say(_PING)
            self._owed.clear()
            if self._leaving:
                await self._close(CloseCode.COME_BACK)
                return
            while self._due and self._unheard < UNHEARD_BYTES:
                await self._say(self._due.pop(next(iter(self._due))))
                if self._unheard >= UNHEARD_BYTES:
                    await self._say(_PING)

    async def _say(self, text: str) -> None:
        self._unheard += len(text)
        await self._send({"type": "websocket.send", "text": text})

    async def _close(self, code: CloseCode) -> None:
        await self._send({"type": "websocket.close", "code": int(code)})
