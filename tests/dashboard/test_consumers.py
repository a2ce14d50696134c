"""One socket: what it answers, when it is closed, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from dashboard import consumers, fanout, protocol
from dashboard.consumers import LiveConsumer
from tests.definitions import publishing
from tests.execution import run
from tests.wait import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


class Socket(WebsocketCommunicator):  # type: ignore[misc]  # Channels has no types
    """A page's socket on the consumer itself."""

    def __init__(self, session_key: str) -> None:
        headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
        headers.append((b"cookie", f"sessionid={session_key}".encode()))
        super().__init__(LiveConsumer.as_asgi(), "/ws/live/", headers=headers)

    async def greeted(self) -> None:
        """Connect, and hear the hello."""
        assert (await self.connect(timeout=PATIENCE))[0]
        assert (await self.frame())["t"] == "hello"

    async def leave(self) -> None:
        """Disconnect, unless the server did so."""
        if not self.future.done():
            await self.disconnect(timeout=PATIENCE)

    async def say(self, **message: Any) -> None:
        await self.send_to(text_data=json.dumps(message))

    async def frame(self, within: float = PATIENCE) -> dict[str, Any]:
        frame: dict[str, Any] = await self.receive_json_from(timeout=within)
        return frame

    async def frame_of(self, kind: str) -> dict[str, Any]:
        """The next of this kind."""
        while True:
            frame = await self.frame()
            if frame["t"] == kind:
                return frame

    async def close_code(self, within: float = PATIENCE) -> int:
        """What the server closes with, whatever it sends before."""
        while True:
            output = await self.receive_output(timeout=within)
            if output["type"] == "websocket.close":
                return int(output["code"])


def with_socket(scenario: Callable[[Socket], Awaitable[None]]) -> None:
    user = User.objects.create_superuser("root", password="x")
    browser = Client()
    browser.force_login(user)
    key = str(browser.session.session_key)

    async def main() -> None:
        socket = Socket(key)
        await socket.greeted()
        await scenario(socket)
        await socket.leave()
        hub = fanout.fanout()
        assert (hub._readers, hub._topics, hub._lists, hub._loops) == (set(), {}, set(), [])
        assert hub.seats.number == 0

    asyncio.run(main())


def test_a_page_that_says_nothing_of_the_protocol_is_told_so_and_stays() -> None:
    async def scenario(socket: Socket) -> None:
        for text in ("[]", "hello", '{"t":"ack","frames":99}'):
            await socket.send_to(text_data=text)
            assert (await socket.frame())["code"] == "bad"
        await socket.send_to(bytes_data=b"\x00")
        assert (await socket.frame())["code"] == "bad"

    with_socket(scenario)


def test_a_second_subscription_to_a_topic_replaces_the_first() -> None:
    handle = publishing.start([1, 2])

    async def scenario(socket: Socket) -> None:
        for _ in range(2):
            await socket.say(t="subscribe", topic=f"workflow:{handle.id}")
            snapshot = await socket.frame_of("snapshot")
        await asyncio.to_thread(run, handle)
        seqs: list[int] = []
        while seqs[-1:] != [5]:
            seqs += [event[0] for event in (await socket.frame_of("events"))["events"]]
        assert seqs == list(range(snapshot["seq"] + 1, 6))

    with_socket(scenario)


def test_after_unsubscribing_nothing_comes() -> None:
    handle = publishing.start([1, 2])

    async def scenario(socket: Socket) -> None:
        await socket.say(t="subscribe", topic=f"workflow:{handle.id}")
        await socket.frame_of("snapshot")
        await socket.say(t="unsubscribe", topic=f"workflow:{handle.id}")
        await asyncio.to_thread(run, handle)
        assert await socket.receive_nothing(timeout=0.6)

    with_socket(scenario)


def test_who_acknowledges_nothing_is_asked_to_come_back_with_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "STALL_SECONDS", 1.5)

    async def scenario(socket: Socket) -> None:
        assert await socket.close_code() == 4408

    with_socket(scenario)


def test_one_of_which_nothing_is_heard_is_gone_although_all_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "SILENCE_SECONDS", 1.5)

    async def scenario(socket: Socket) -> None:
        await socket.say(t="ack", frames=1)
        assert await socket.close_code() == 4408

    with_socket(scenario)


def test_who_was_signed_out_meanwhile_is_told_so_at_its_next_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "AUDIT_PERIOD", 3600.0)

    async def scenario(socket: Socket) -> None:
        await asyncio.to_thread(Session.objects.all().delete)
        await socket.say(t="subscribe", topic="workflow:any")
        assert await socket.close_code() == 4401

    with_socket(scenario)


def test_a_reader_that_acknowledges_stays() -> None:
    async def scenario(socket: Socket) -> None:
        await socket.say(t="ack", frames=1)
        assert await socket.receive_nothing(timeout=0.5)

    with_socket(scenario)


def test_a_failure_inside_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = publishing.start([1])

    def broken(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    async def scenario(socket: Socket) -> None:
        await socket.say(t="subscribe", topic=f"workflow:{handle.id}")
        await socket.frame_of("snapshot")
        monkeypatch.setattr(fanout.fanout().reads, "head", broken)
        await socket.say(t="subscribe", topic="workflow:other")
        with pytest.raises(RuntimeError):
            await socket.wait(PATIENCE)

    with_socket(scenario)


def test_a_frame_that_cannot_be_sent_ends_the_connection_instead_of_its_news(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = publishing.start([1])

    def broken(_frame: str) -> list[str]:
        raise ValueError("too long")

    async def scenario(socket: Socket) -> None:
        monkeypatch.setattr(protocol, "parts", broken)
        await socket.say(t="subscribe", topic=f"workflow:{handle.id}")
        assert await socket.close_code() == 4408

    with_socket(scenario)
