"""The socket of widgets, driven as a server drives it: who is told what, when, and who is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from dashboard import broadcasts, viewers, widget_rows, widgets
from dashboard.models import Widget
from dashboard.protocol import CloseCode
from dashboard.widget_rows import Wish
from tests.people import People
from tests.wait import PATIENCE
from workflows import operations
from workflows.models import Workflow
from workflows.options import Options

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "https://wiki.example.com"


class Socket:
    """One page's connection: what the server sent, and what it hears."""

    def __init__(self, origin: str = PAGE, address: str = "10.0.0.1") -> None:
        headers = [(b"host", b"console.example"), *([(b"origin", origin.encode())] if origin else [])]
        scope: Any = {"headers": headers, "scheme": "ws", "client": [address, 1]}
        self._to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_server.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(viewers.live(scope, self._to_server.get, self._sent.put))

    def say(self, **message: Any) -> None:
        self._to_server.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def watch(self, *tokens: str, **more: str) -> None:
        self.say(t="watch", tokens=tokens, **more)

    async def hears(self) -> dict[str, Any]:
        """The next thing that it was sent: what it was told, or how it was closed."""
        while True:
            message = await asyncio.wait_for(self._sent.get(), PATIENCE)
            if message["type"] == "websocket.close":
                return {"t": "close", "code": message["code"]}
            if message["type"] == "websocket.send":
                told: dict[str, Any] = json.loads(message["text"])
                return told

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not condition(told := await self.hears()):
            pass
        return told

    async def end(self) -> None:
        self._to_server.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait_for(self._task, PATIENCE)


def make(people: People, workflow_id: str, *, limit: int = 10, origin: str = PAGE) -> Widget:
    if not Workflow.objects.filter(pk=workflow_id).exists():
        operations.start("checkout", kwargs={"order": {}}, workflow_id=workflow_id, options=Options(queue="nobody"))
    what = widget_rows.subject(people.operator, "workflow", workflow_id)
    return widget_rows.make(people.operator, what, Wish("W", [], [origin], None, limit))


def live(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_a_socket_is_told_each_change_once_and_the_end_of_a_revoked_widget(people: People) -> None:
    widget, other = make(people, "a"), make(people, "a", origin="https://other.example")
    token, hidden = widgets.token(widget), widgets.token(other)

    async def story() -> None:
        first, second, hub = Socket(), Socket(), broadcasts.broadcasts()
        first.watch(token, hidden, "tw_9_x")
        told = [await first.hears() for _ in range(3)]
        assert {one["token"]: one["t"] for one in told} == {hidden: "gone", "tw_9_x": "gone", token: "state"}
        second.watch(token)
        assert (await second.hears())["state"]["status"] == "queued"
        await sync_to_async(operations.cancel)("a", by="ana")
        for one in (first, second):
            assert (await one.until(lambda told: told["t"] == "state"))["state"]["status"] == "cancelled"
        await sync_to_async(widget_rows.revoke)(people.operator, widget)
        for one in (first, second):
            assert await one.until(lambda told: told["t"] == "gone") == {"t": "gone", "token": token}
            await one.end()
        assert (hub._viewers, hub._broadcasts, hub._work) == (set(), {}, None)  # nothing is left behind

    live(story())


def test_a_widget_that_is_looked_at_while_the_others_are_audited_is_not_taken_for_revoked(people: People) -> None:
    first, second = make(people, "a"), make(people, "b")

    async def story() -> None:
        hub, socket, shown = (
            broadcasts.broadcasts(),
            Socket(),
            await broadcasts.broadcasts().look(widgets.token(second)),
        )
        socket.watch(widgets.token(first))
        assert (await socket.hears())["t"] == "state"
        let_go = threading.Event()
        held = [asyncio.ensure_future(hub._threads.ask(let_go.wait, PATIENCE)) for _ in range(broadcasts._THREADS)]
        audit = asyncio.ensure_future(hub._audit(0.0))
        await asyncio.sleep(0)  # it has asked by now, and waits for a thread
        late = Late()
        assert shown is not None
        followed = hub.follow(late, shown)
        let_go.set()
        await asyncio.gather(audit, *held)
        assert not followed.is_gone
        hub.unfollow(late, followed)
        await socket.end()

    live(story())


class Late:
    """A viewer that keeps nothing."""

    def wake(self, broadcast: broadcasts.Broadcast) -> None: ...

    def leave(self) -> None: ...


def test_a_page_loses_a_widget_that_does_not_name_it_any_more(people: People) -> None:
    widget = make(people, "a")

    async def story() -> None:
        socket = Socket()
        socket.watch(widgets.token(widget))
        assert (await socket.hears())["t"] == "state"
        wish = Wish("W", [], ["https://other.example"], None, 10)
        await sync_to_async(widget_rows.change)(people.operator, widget, wish)
        assert (await socket.until(lambda told: told["t"] == "gone"))["token"] == widgets.token(widget)
        await socket.end()

    live(story())


def test_a_sandboxed_page_is_ours_only_with_the_pass_of_its_widget(people: People) -> None:
    widget = make(people, "a")
    token = widgets.token(widget)

    async def story() -> None:
        for page, word in (
            ("", "gone"),
            (widgets.page_pass(widget.pk + 1), "gone"),
            (widgets.page_pass(widget.pk), "state"),
        ):
            socket = Socket("null")
            socket.watch(token, page=page)
            assert (await socket.hears())["t"] == word
            await socket.end()

    live(story())


def test_whoever_is_one_too_many_or_says_too_much_is_closed(people: People, settings: Any) -> None:
    token = widgets.token(make(people, "a", limit=1))
    settings.EMBED_CONNECTIONS = 3

    async def closed(socket: Socket) -> int:
        return int((await socket.until(lambda told: told["t"] == "close"))["code"])

    async def story() -> None:
        assert await closed(Socket(origin="")) == 1000  # no page at all
        first, second = Socket(), Socket()
        first.watch(token)
        assert (await first.hears())["t"] == "state"
        second.watch(token)
        assert await closed(second) == CloseCode.TOO_MANY
        loud, long = Socket(), Socket()
        for _ in range(viewers.MESSAGES_PER_SECOND * 3):
            loud.say(t="pong")
        assert await closed(loud) == CloseCode.FLOOD
        long.say(t="watch", tokens=[], page="x" * viewers.MESSAGE_BYTES)
        assert await closed(long) == CloseCode.TOO_BIG
        bad = Socket()
        bad.say(t="act")
        assert await closed(bad) == CloseCode.FLOOD
        others = [Socket() for _ in range(2)]
        assert await closed(Socket()) == CloseCode.TOO_MANY
        settings.EMBED_REQUESTS_PER_MINUTE = 1
        guesser = others.pop()
        guesser.watch("tw_1_guess")  # each question counts as a request does
        assert await closed(guesser) == CloseCode.FLOOD
        settings.EMBED_REQUESTS_PER_MINUTE = 0
        assert await closed(Socket(address="10.0.0.2")) == 1000
        for socket in (first, *others):
            await socket.end()

    live(story())
