"""A restart of the web process under many open pages: all come back with their cursors, on a few connections."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tests.definitions import publishing
from tests.execution import run
from tests.live_client import session_of
from tests.people import People
from tests.processes import Server, database_connections
from tests.wait import PATIENCE
from workflows.history import heads

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 300
WORKFLOWS = 30


class Page:
    """An open page: follows one workflow, comes back a moment after each loss, and notes when it has everything."""

    def __init__(self, workflow_id: str, epoch: str) -> None:
        self.topic, self.place = f"workflow:{workflow_id}", {"epoch": epoch, "seq": 1}
        self.receipts: list[dict[str, Any]] = []
        self.codes: list[int] = []

    async def live(self, port: int, session: str) -> None:
        """For ever."""
        while True:
            try:
                async with connect(
                    f"ws://127.0.0.1:{port}/ws/live/",
                    origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
                    additional_headers={"Cookie": f"sessionid={session}"},
                    compression=None,
                    open_timeout=PATIENCE,
                    ping_interval=None,  # no browser pings
                ) as socket:
                    await self._follow(socket)
            except (OSError, WebSocketException, InvalidStatus, TimeoutError) as error:
                closed = getattr(error, "rcvd", None)
                self.codes.append(closed.code if closed else 1006)
            await asyncio.sleep(0.25)  # as a page does after its first loss

    async def _follow(self, socket: Any) -> None:
        frames = 0
        await socket.send(json.dumps({"t": "subscribe", "topic": self.topic, "at": self.place}))
        async for text in socket:
            frame, frames = json.loads(text), frames + 1
            await socket.send(json.dumps({"t": "ack", "frames": frames}))
            if frame["t"] == "events":
                assert frame["from"] == self.place["seq"] + 1
                self.place["seq"] = frame["to"]
            elif frame["t"] == "receipt":
                self.receipts.append(frame)


def test_many_pages_come_back_after_a_restart_without_a_gap_and_without_a_crowd(
    start_server: Callable[..., Server], people: People
) -> None:
    session, handles = session_of(people.viewer), [publishing.start(list(range(20))) for _ in range(WORKFLOWS)]
    epochs = heads([handle.id for handle in handles])
    pages = [Page(handle.id, epochs[handle.id].epoch) for handle in handles for _ in range(PAGES // WORKFLOWS)]
    first = start_server(LIVE_CONNECTIONS_PER_USER=str(PAGES))

    async def scenario() -> None:
        tasks = [asyncio.create_task(page.live(first.port, session)) for page in pages]
        await receipts(1)
        before = await asyncio.to_thread(database_connections)
        assert await asyncio.to_thread(first.terminate) == 0
        for handle in handles:
            await asyncio.to_thread(run, handle)
        second = await asyncio.to_thread(lambda: start_server(port=first.port, LIVE_CONNECTIONS_PER_USER=str(PAGES)))
        await receipts(2)
        assert await asyncio.to_thread(database_connections) <= before + 20
        assert second.said("")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def receipts(number: int) -> None:
        deadline = time.monotonic() + 2 * PATIENCE
        while not all(len(page.receipts) >= number for page in pages):
            assert time.monotonic() < deadline, f"{sum(len(page.receipts) >= number for page in pages)} of {PAGES}"
            await asyncio.sleep(0.1)

    asyncio.run(scenario())
    assert all(page.place["seq"] == 23 for page in pages)
    assert all(page.codes[0] == 4408 for page in pages)
