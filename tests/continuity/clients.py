"""Pages that watch, by every carrier, and come back whatever happens to them. Each owns a strict `Reading`."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Iterable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from dashboard.protocol import CloseCode
from tests.live_reading import Broken, Parts, Reading

POLL_PERIOD = 0.25
SILENCE = 12.0  # seconds; pages have more patience, but a round of the suite is short
_LOST = (OSError, EOFError, ConnectionClosed, InvalidHandshake, TimeoutError, json.JSONDecodeError)
_FINAL = {CloseCode.SIGNED_OUT, CloseCode.FORBIDDEN}


class Client:
    """One page that watches one workflow at `port`. `run` ends only by cancellation, or by what must not be."""

    carrier = ""
    host = "127.0.0.1"

    def __init__(self, name: str, port: int, cookie: str, workflow_id: str, chance: random.Random) -> None:
        self.name, self.port, self.cookie, self.chance = f"{name} ({self.carrier})", port, cookie, chance
        self.reading = Reading(workflow_id)
        self.sessions = self.losses = 0
        self.joins_after = 0.0  # seconds
        self.broken: str | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Watch; after every loss come back with the cursor, a little later."""
        await asyncio.sleep(self.joins_after)
        while self.broken is None:
            try:
                await self.session()
            except _LOST:
                self.losses += 1
            except Broken as broken:
                self.broken = str(broken)
            except Exception as error:  # of the test's own making; it must not look like a quiet page
                self.broken = repr(error)
            self.hang_up()
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))  # back-off, as pages have it

    async def session(self) -> None:
        """Watch until the connection is lost."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Lose the connection, as a pulled cable does."""
        if self.writer is not None:
            self.writer.transport.abort()
            self.writer = None

    async def request(self, method: str, path: str, body: str = "", **headers: str) -> asyncio.StreamReader:
        """Ask by HTTP/1.0, whose answer ends with the connection; what follows the head of a 200."""
        reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=64 * 2**20)
        lines = [f"{method} {path} HTTP/1.0", f"Host: {self.host}:{self.port}", f"Cookie: sessionid={self.cookie}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        encoded = body.encode()
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(encoded)}"]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + encoded)
        async with asyncio.timeout(SILENCE):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split(" ", 2)[1])
        if 400 <= status < 500:
            raise Broken(f"HTTP status {status}")  # a database that is away signs nobody out
        if status != 200:
            raise ConnectionError(f"HTTP status {status}")
        self.sessions += 1
        return reader


class SocketClient(Client):
    """By WebSocket; some read slowly, and acknowledge as seldom as pages do."""

    carrier = "socket"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.slow = self.chance.random() < 0.2
        self.socket: ClientConnection | None = None

    def hang_up(self) -> None:
        if self.socket is not None:
            self.socket.transport.abort()
            self.socket = None

    async def session(self) -> None:
        headers = {"Cookie": f"sessionid={self.cookie}"}
        self.socket = socket = await connect(
            f"ws://{self.host}:{self.port}/ws/live/", additional_headers=headers, origin=f"http://{self.host}:{self.port}",
            max_size=None, compression=None, ping_interval=None, open_timeout=SILENCE,
        )  # fmt: skip
        self.sessions += 1
        try:
            await self._watch(socket)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code in _FINAL:
                raise Broken(f"closed with {closed.rcvd.code}") from closed
            raise

    async def _watch(self, socket: ClientConnection) -> None:
        frames, parts = 0, Parts()
        while True:
            async with asyncio.timeout(2.5 * SILENCE):  # a heartbeat comes every 15 s
                message = json.loads(await socket.recv())
            frames += 1
            frame = parts.joined(message)
            if frame is None:
                continue
            self.reading.take(frame)
            if frame["t"] == "hello":
                await socket.send(json.dumps(self.reading.subscribe()))
            if self.slow:
                await asyncio.sleep(self.chance.uniform(0, 0.2))  # what makes it slow
            if frames % 4 == 0 or frame["t"] != "events" or self.chance.random() < 0.5:
                await socket.send(json.dumps({"t": "ack", "frames": frames}))


class StreamClient(Client):
    """By Server-Sent Events, as curl does."""

    carrier = "stream"

    async def session(self) -> None:
        message = self.reading.subscribe()
        at = {"Last_Event_ID": f"{message['at']['epoch']}:{message['at']['seq']}"} if "at" in message else {}
        path = f"/workflows/{self.reading.workflow_id}/stream/"
        reader = await self.request("GET", path, Accept="text/event-stream", **at)
        fields: dict[str, str] = {}
        while True:
            async with asyncio.timeout(2.5 * SILENCE):
                line = (await reader.readuntil(b"\n")).decode().rstrip("\r\n")
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif "data" in fields:
                self._take(fields)
                fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        frame = json.loads(fields["data"])
        if frame["t"] != fields["event"]:
            raise Broken(f"a {frame['t']} in an event {fields['event']}")
        self.reading.take(frame)
        place = f"{self.reading.epoch}:{self.reading.seq}"
        if frame["t"] in {"snapshot", "events", "receipt"} and fields.get("id") != place:
            raise Broken(f"id {fields.get('id')!r} at {place}")


class PollingClient(Client):
    """By asking again and again."""

    carrier = "polling"

    async def session(self) -> None:
        body = json.dumps({"version": 1, "subscriptions": [self.reading.subscribe()]})
        origin = f"http://{self.host}:{self.port}"
        reader = await self.request("POST", "/live/poll/", body, Origin=origin)
        async with asyncio.timeout(SILENCE):
            text = await reader.read()
        for frame in json.loads(text)["frames"]:
            self.reading.take(frame)
        if self.reading.complete:
            await asyncio.sleep(POLL_PERIOD)  # the carrier's own pace


class ListClient(SocketClient):
    """A page of the list, by WebSocket: the newest version of each of its rows."""

    carrier = "list"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows: dict[str, dict[str, Any]] = {}
        self.known: dict[str, int] = {}
        self.since = ""

    async def _watch(self, socket: ClientConnection) -> None:
        frames = 0
        while True:
            async with asyncio.timeout(2.5 * SILENCE):
                frame = json.loads(await socket.recv())
            frames += 1
            if frame["t"] == "hello":
                chosen = {"status": [], "definition": "", "search": ""}
                message = {"t": "subscribe", "topic": "workflows", "filter": chosen, "since": self.since}
                await socket.send(json.dumps({**message, "ids": list(self.known.items())}))
            for row in frame.get("rows", ()):
                if row["seq"] <= self.known[row["id"]]:
                    raise Broken(f"row {row['id']} at {row['seq']} after {self.known[row['id']]}")
                self.rows[row["id"]], self.known[row["id"]] = row, row["seq"]
            await socket.send(json.dumps({"t": "ack", "frames": frames}))


CARRIERS: dict[str, type[Client]] = {one.carrier: one for one in (SocketClient, StreamClient, PollingClient)}


class Watching:
    """Clients at work, in a thread with a loop of its own."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._clients = list(clients)
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="clients")

    def start(self) -> None:
        """Let them connect."""
        self._thread.start()

    def stop(self) -> None:
        """End them all."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(client.run()) for client in self._clients]
        await self._over.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self._clients:
            client.hang_up()
