"""A wire between a browser and a server that refuses WebSockets, cuts them in mid-frame, goes deaf, or is slow."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Literal

Upgrades = Literal["pass", "refuse", "hang"]
_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_MID_FRAME_SECONDS = 0.1


class _Link:
    """One connection of the browser, and the one to the server that belongs to it."""

    def __init__(self, browser: asyncio.StreamWriter, server: asyncio.StreamWriter, is_websocket: bool) -> None:
        self.browser, self.server, self.is_websocket = browser, server, is_websocket
        self.asked = b""  # the latest request
        self.doomed = False  # ends in the middle of the next piece

    def end(self) -> None:
        """As a lost network does: without a farewell."""
        for side in (self.browser, self.server):
            side.transport.abort()


class Wire:
    """Listens on a free port and passes everything on to the server."""

    def __init__(self, port: int) -> None:
        self.upgrades: Upgrades = "pass"
        self.deaf = False  # connections stay, nothing passes
        self.slow_polls = 0.0  # seconds before an answer to a poll goes on
        self.slow_parts = 0.0  # seconds before a part of the page Now that is read again goes on
        self.lag = 0.0  # seconds before a frame of a WebSocket goes on
        self.websockets = 0  # how many were asked for
        self._server_port = port
        self._links: set[_Link] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="wire", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        return f"http://127.0.0.1:{self._port}"

    def cut(self) -> None:
        """End every WebSocket in the middle of its next frame, or soon where none comes."""
        self._loop.call_soon_threadsafe(self._doom)

    def close(self) -> None:
        """End everything."""
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()
        listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        await self._closed.wait()
        listening.close()
        for link in self._links:
            link.end()

    def _doom(self) -> None:
        for link in [link for link in self._links if link.is_websocket]:
            link.doomed = True
            self._loop.call_later(_MID_FRAME_SECONDS, link.end)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # cancelled at the end; asyncio's streams complain of that
            await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._while_deaf()
        request = await reader.read(65_536)
        is_websocket = b"upgrade: websocket" in request.lower()
        self.websockets += is_websocket
        if is_websocket and self.upgrades != "pass":
            await self._refuse(writer)
            return
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        link = _Link(writer, to_server, is_websocket)
        link.asked = request
        self._links.add(link)
        to_server.write(request)
        with suppress(OSError):
            await asyncio.gather(self._up(reader, link), self._down(from_server, link))
        link.end()
        self._links.discard(link)

    async def _refuse(self, writer: asyncio.StreamWriter) -> None:
        if self.upgrades == "refuse":
            writer.write(_REFUSAL)
            await writer.drain()
            writer.close()
        while self.upgrades == "hang":
            await asyncio.sleep(0.05)  # between two looks at whether the fault is over
        writer.transport.abort()

    async def _up(self, browser: asyncio.StreamReader, link: _Link) -> None:
        while data := await browser.read(65_536):
            await self._while_deaf()
            link.asked = data
            link.server.write(data)
            await link.server.drain()
        link.end()

    async def _down(self, server: asyncio.StreamReader, link: _Link) -> None:
        while data := await server.read(65_536):
            await self._while_deaf()
            if b" /live/poll/ " in link.asked[:40]:
                await asyncio.sleep(self.slow_polls)  # the fault itself
            if b" /now/parts " in link.asked[:40]:
                await asyncio.sleep(self.slow_parts)  # the fault itself
            if link.is_websocket:
                await asyncio.sleep(self.lag)  # the fault itself
            if link.doomed:
                link.browser.write(data[: len(data) // 2])
                await link.browser.drain()
                break
            link.browser.write(data)
            await link.browser.drain()
        link.end()

    async def _while_deaf(self) -> None:
        while self.deaf:
            await asyncio.sleep(0.05)  # between two looks at whether the fault is over
