"""A wire between one worker and PostgreSQL that can be slow, deaf, cut, or forgetful."""

from __future__ import annotations

import asyncio
import random
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
        self.directory, self._server, self._chance = directory, server / _NAME, chance
        self.mode: Mode = "pass"
        self.delay = 0.0  # seconds, of every piece while slow
        self._links: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name=f"proxy-{directory.name}", daemon=True).start()

    def cut(self) -> None:
        """End every connection, as a lost network does when it is noticed."""
        self._loop.call_soon_threadsafe(self._cut)

    def _run(self) -> None:
        self._loop.run_until_complete(asyncio.start_unix_server(self._accept, self.directory / _NAME))
        self._loop.run_forever()

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
            from_server, to_server = await asyncio.open_unix_connection(self._server)
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
            sink.write(data)
            await sink.drain()
        self._break(link)

    async def _while_deaf(self) -> None:
        while self.mode == "hole":
            await asyncio.sleep(0.05)  # between two looks at whether the fault is over
