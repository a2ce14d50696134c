"""A wire between a process and its server that can be slow, deaf, cut, or forgetful."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal

Mode = Literal["pass", "slow", "hole", "lose requests", "lose answers"]
_NAME = ".s.PGSQL.5432"


class Proxy:
    """Listens on a socket in `directory` and passes everything on to the server's socket."""

    def __init__(self, directory: Path, server: Path, chance: random.Random) -> None:
        directory.mkdir(exist_ok=True)
        self.directory, self._server = directory, server / _NAME
        self._start(directory.name, chance)

    def _start(self, name: str, chance: random.Random) -> None:
        self._chance = chance
        self.mode: Mode = "pass"
        self.delay = 0.0  # seconds, of every piece while slow
        self.tear = False  # cut the connection that answers next, in the middle of what it says
        self._links: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name=f"proxy-{name}", daemon=True).start()

    def cut(self) -> None:
        """End every connection, as a lost network does when it is noticed."""
        self._loop.call_soon_threadsafe(self._cut)

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()

    async def _listen(self) -> None:
        await asyncio.start_unix_server(self._accept, self.directory / _NAME)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._server)

    def _cut(self) -> None:
        for link in list(self._links):
            self._break(link)

    def _break(self, link: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self._links.discard(link)
        for side in link:
            side.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._while_deaf()
        try:
            from_server, to_server = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        link = (writer, to_server)
        self._links.add(link)
        with suppress(OSError):
            await asyncio.gather(
                self._pump(reader, to_server, link, "lose requests"),
                self._pump(from_server, writer, link, "lose answers"),
            )
        self._break(link)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter,
        link: tuple[asyncio.StreamWriter, asyncio.StreamWriter], loses: Mode,
    ) -> None:  # fmt: skip
        commits = False
        while data := await source.read(65_536):
            await self._while_deaf()
            if self.mode == "slow":
                await asyncio.sleep(self._chance.uniform(0, 2 * self.delay))  # the fault itself
            commits = b"COMMIT" in data
            if self.mode == loses and self._chance.random() < (0.3 if commits else 0.03):
                break  # this piece never arrives
            if self.tear and loses == "lose answers" and len(data) > 1:
                self.tear = False
                sink.write(data[: len(data) // 2])
                break
            sink.write(data)
            await sink.drain()
        self._break(link)

    async def _while_deaf(self) -> None:
        while self.mode == "hole":
            await asyncio.sleep(0.05)  # between two looks at whether the fault is over


class PortProxy(Proxy):
    """The same between browsers and a web server: listens on `port`, a free one, and passes on to `target`."""

    def __init__(self, target: int, chance: random.Random) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port, self._target = self._listening.getsockname()[1], target
        self._start(f"port-{self.port}", chance)

    async def _listen(self) -> None:
        await asyncio.start_server(self._accept, sock=self._listening)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._target)
