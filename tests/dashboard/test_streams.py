"""One stream on the fan-out itself: its heartbeat, its share of time, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from django.contrib.auth.models import User

from dashboard import access, fanout, streams
from dashboard.protocol import LIMITS, CloseCode
from dashboard.streams import Stream
from tests.definitions import publishing
from tests.execution import run
from tests.live_client import session_of
from tests.wait import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def with_stream(scenario: Callable[[Stream, AsyncIterator[bytes]], Awaitable[None]]) -> None:
    session = session_of(User.objects.create_superuser("root"))
    (admission,) = access.admissions([session]).values()
    handle = publishing.start([1])
    run(handle)

    async def main() -> None:
        hub = fanout.fanout()
        stream = Stream(hub, admission, handle.id, None)
        parts = aiter(stream)
        assert "hello" in fields(await anext(parts))["event"]
        assert (hub._readers, hub.seats.number) == (set(), 0)  # nothing is held before somebody takes parts
        assert fields(await anext(parts))["event"] == "snapshot"
        assert (hub._readers, hub.seats.number) == ({stream}, 1)
        await scenario(stream, parts)
        await parts.aclose()  # type: ignore[attr-defined]  # as Django does
        assert (hub._readers, hub._topics, hub._loops, hub.seats.number) == (set(), {}, [], 0)

    asyncio.run(main())


def fields(part: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in part.decode().strip().split("\n"))


def test_a_quiet_stream_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stream: Stream, parts: AsyncIterator[bytes]) -> None:
        for n in (1, 2):
            part = fields(await asyncio.wait_for(anext(parts), PATIENCE))
            assert json.loads(part["data"])["n"] == n
            assert "id" not in part

    monkeypatch.setitem(LIMITS, "stream_heartbeat_seconds", 1.0)  # type: ignore[arg-type]
    with_stream(scenario)


def test_a_stream_that_is_old_ends_and_asks_its_client_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stream: Stream, parts: AsyncIterator[bytes]) -> None:
        part = fields(await asyncio.wait_for(anext(parts), PATIENCE))
        assert (part["event"], part["retry"]) == ("close", str(streams.RETRY_AT_ONCE))
        assert json.loads(part["data"])["code"] == 4408
        with pytest.raises(StopAsyncIteration):
            await anext(parts)

    monkeypatch.setitem(LIMITS, "stream_seconds", 1.0)  # type: ignore[arg-type]
    with_stream(scenario)


def test_a_stream_whose_server_takes_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async def blocked(stream: Stream) -> None:
        async for _ in stream:
            await asyncio.sleep(3600)  # as uvicorn waits for a client that does not read

    async def scenario(stream: Stream, parts: AsyncIterator[bytes]) -> None:
        other = Stream(stream._hub, access.Admission(stream._user, stream.credential, True), stream._workflow_id, None)
        task = asyncio.create_task(blocked(other))
        while not other._task:
            await asyncio.sleep(0)
        other._hub.enter(other)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)
        other._leave()

    monkeypatch.setattr(streams, "STALL_SECONDS", 1.5)
    with_stream(scenario)


def test_a_stream_that_is_ended_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stream: Stream, parts: AsyncIterator[bytes]) -> None:
        waiting = asyncio.ensure_future(anext(parts))
        while not stream.ready:
            await asyncio.sleep(0)
        await stream.end(CloseCode.FORBIDDEN)
        part = fields(await waiting)
        assert (part["event"], json.loads(part["data"])["code"]) == ("close", 4403)
        assert streams.RETRY[0] <= int(part["retry"]) <= streams.RETRY[1]

    with_stream(scenario)


def test_a_stream_whose_client_goes_away_while_it_waits_is_forgotten() -> None:
    async def scenario(stream: Stream, parts: AsyncIterator[bytes]) -> None:
        waiting = asyncio.ensure_future(anext(parts))
        while not stream.ready:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with_stream(scenario)
