"""Topics that are states: one read for everybody, only what changed, only for who may see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from dashboard import fanout, overview_topics, overviews, saved_views
from dashboard.overview_topics import OverviewSubscription, OverviewTopic
from tests.dashboard.test_consumers import Socket
from tests.definitions import doubling
from tests.execution import claim, run
from tests.http_client import PollClient
from tests.live_client import session_of
from tests.people import create_people
from tests.processes import Server
from workflows import bulk, operations, queues, schedules, workers
from workflows.models import Worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview_topics, "PERIOD", 0.05)


def connected(user: User, scenario: Callable[..., Awaitable[None]], *others: User) -> None:
    """Open a socket for each of these people."""
    keys = []
    for one in (user, *others):
        browser = Client()
        browser.force_login(one)
        keys.append(str(browser.session.session_key))

    async def main() -> None:
        sockets = [Socket(key) for key in keys]
        for socket in sockets:
            await socket.greeted()
        await scenario(*sockets)
        for socket in sockets:
            await socket.leave()
        assert [topic for topic in fanout.fanout().overviews._topics.values() if topic.readers] == []

    asyncio.run(main())


def test_first_comes_the_whole_then_only_what_changed() -> None:
    viewer = create_people().viewer
    doubling.start([1])
    handle = doubling.start([2])

    async def scenario(socket: Socket) -> None:
        await socket.say(t="subscribe", topic="counters")
        first = await socket.frame_of("overview")
        assert (first["topic"], first["whole"]) == ("counters", True)
        assert first["cells"] == {"queued": 2, "queued doubling": 2}
        await asyncio.to_thread(operations.cancel, handle.id)
        second = await socket.frame_of("overview")
        assert second["whole"] is False
        assert second["version"] > first["version"]
        assert second["cells"] == {"queued": 1, "queued doubling": 1, "cancelled": 1, "cancelled doubling": 1}
        await asyncio.to_thread(operations.delete, handle.id)
        assert (await socket.frame_of("overview"))["cells"] == {"cancelled": None, "cancelled doubling": None}
        assert await socket.receive_nothing(timeout=0.3)  # nothing changes, nothing is sent

    connected(viewer, scenario)


def test_a_queue_and_a_worker_are_cells_that_change_with_what_they_do() -> None:
    viewer = create_people().viewer
    now = timezone.now()
    Worker.objects.create(
        id="w", host="h", pid=1, machine="m", process_started=1, name="celery@h", queues=["default"], version="v",
        definitions=["doubling"], pool="prefork", concurrency=2, started_at=now, heartbeat_at=now + timedelta(hours=1),
    )  # fmt: skip
    handle = doubling.start([1])

    async def scenario(socket: Socket) -> None:
        await socket.say(t="subscribe", topic="queues")
        whole = (await socket.frame_of("overview"))["cells"]
        assert {name: whole["default"][name] for name in ("queued", "running", "consumers", "paused")} == {
            "queued": 1, "running": 0, "consumers": 1, "paused": False,
        }  # fmt: skip
        await socket.say(t="subscribe", topic="workers")
        frame = await socket.frame_of("overview")
        assert (frame["topic"], frame["cells"]["w"]["state"], frame["cells"]["w"]["running"]) == ("workers", "ready", 0)
        await asyncio.to_thread(claim, handle, worker="w/5")
        told = {}
        while set(told) != {"queues", "workers"}:
            frame = await socket.frame_of("overview")
            told[frame["topic"]] = frame["cells"]
        assert set(told["queues"]) == {"default"}
        assert (told["queues"]["default"]["queued"], told["queues"]["default"]["running"]) == (0, 1)
        assert told["workers"]["w"]["running"] == 1
        await socket.say(t="unsubscribe", topic="workers")
        await asyncio.to_thread(queues.pause, "default")
        frame = await socket.frame_of("overview")
        assert (frame["topic"], frame["cells"]["default"]["paused"]) == ("queues", True)

    connected(viewer, scenario)


def test_a_schedule_tells_that_it_changed_and_that_something_became_of_what_it_started() -> None:
    schedules.create("nightly", "doubling", kwargs={"numbers": [1]}, cron="30 2 * * *")

    async def scenario(socket: Socket) -> None:
        async def cell() -> dict[str, Any]:
            frame = await socket.frame_of("overview")
            assert (frame["topic"], set(frame["cells"])) == ("schedules", {"nightly"})
            assert "nightly@" not in json.dumps(frame)  # no workflow is named: some readers may not see it
            found: dict[str, Any] = frame["cells"]["nightly"]
            return found

        await socket.say(t="subscribe", topic="schedules")
        first = await cell()
        assert first["paused"] is False
        started = await asyncio.to_thread(schedules.trigger, "nightly")
        second = await cell()
        assert second == {**first, "outcomes": second["outcomes"]} != first
        await asyncio.to_thread(operations.cancel, started.id)
        third = await cell()
        assert third["outcomes"] not in (first["outcomes"], second["outcomes"])
        await asyncio.to_thread(schedules.pause, "nightly")
        assert (await cell())["paused"] is True
        await asyncio.to_thread(schedules.delete, "nightly")
        assert (await socket.frame_of("overview"))["cells"] == {"nightly": None}

    connected(create_people().viewer, scenario)


def test_a_bulk_action_is_a_cell_that_counts() -> None:
    handles = [doubling.start([number]) for number in range(2)]

    async def scenario(socket: Socket) -> None:
        await socket.say(t="subscribe", topic="bulk")
        assert (await socket.frame_of("overview"))["cells"] == {}
        action = uuid4()
        await asyncio.to_thread(bulk.begin, action, "cancel", [one.id for one in handles], by="ana")
        cells: dict[str, Any] = {}
        while not (cell := cells.get(str(action), {})).get("ended_at"):
            await asyncio.to_thread(bulk.carry_on, action)
            cells |= (await socket.frame_of("overview"))["cells"]
        assert (cell["done"], cell["refused"]) == (2, 0)

    connected(create_people().viewer, scenario)


def test_of_saved_views_nothing_is_told_but_that_something_changed() -> None:
    people = create_people()

    def save(name: str) -> int:
        return saved_views.save(people.operator.pk, name=name, query="", shared=False, by="operator").pk

    async def scenario(socket: Socket) -> None:
        async def mark() -> str:
            frame = await socket.frame_of("overview")
            assert set(frame["cells"]) == {"views"}
            assert "private" not in json.dumps(frame)
            return str(frame["cells"]["views"])

        await socket.say(t="subscribe", topic="views")
        empty = await mark()
        first, second = await asyncio.to_thread(save, "private"), await asyncio.to_thread(save, "private, too")
        marks = {empty, await mark()}
        for act in (
            lambda: saved_views.move(people.operator.pk, second, -1),
            lambda: saved_views.open_with(people.operator.pk, first),
            lambda: saved_views.change(people.operator.pk, first, name="private", shared=True, by="operator"),
            lambda: saved_views.delete(people.operator.pk, first, by="operator"),
        ):
            await asyncio.to_thread(act)
            marks.add(await mark())
        assert len(marks) == 6

    connected(people.viewer, scenario)


def test_a_silent_worker_says_so_without_any_write() -> None:
    now = timezone.now()
    Worker.objects.create(
        id="w", host="h", pid=1, machine="m", process_started=1, name="n", queues=[], version="v", definitions=[],
        pool="p", concurrency=2, started_at=now, heartbeat_at=now - timedelta(minutes=5),
    )  # fmt: skip
    assert overviews.worker_cells()["w"]["state"] == workers.SILENT
    Worker.objects.update(ended_at=now - timedelta(days=2), ended_because="died")
    assert overviews.worker_cells() == {}


@pytest.mark.parametrize(
    ("topic", "right"), [("queues", "view_queue"), ("workers", "view_worker"), ("schedules", "view_schedule")]
)
def test_who_lacks_the_right_gets_an_error_and_nothing_else(topic: str, right: str) -> None:
    viewer = create_people().viewer
    viewer.user_permissions.remove(Permission.objects.get(codename=right))

    async def scenario(socket: Socket) -> None:
        await socket.say(t="subscribe", topic=topic)
        error = await socket.frame()
        assert (error["t"], error["topic"], error["code"]) == ("error", topic, "unknown")
        assert await socket.receive_nothing(timeout=0.3)
        await socket.say(t="subscribe", topic="counters")
        assert (await socket.frame())["t"] == "overview"

    connected(viewer, scenario)


def test_a_right_that_is_taken_ends_the_topic_within_seconds_and_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "AUDIT_PERIOD", 0.1)
    viewer = create_people().viewer

    async def scenario(socket: Socket) -> None:
        for topic in ("queues", "counters"):
            await socket.say(t="subscribe", topic=topic)
            assert (await socket.frame())["topic"] == topic
        right = await asyncio.to_thread(Permission.objects.get, codename="view_queue")
        await asyncio.to_thread(viewer.user_permissions.remove, right)
        error = await socket.frame_of("error")
        assert (error["topic"], error["code"]) == ("queues", "unknown")
        await asyncio.to_thread(doubling.start, [1])
        assert (await socket.frame_of("overview"))["topic"] == "counters"
        await socket.say(t="unsubscribe", topic="queues")  # as a page does that is left
        await socket.say(t="ping")
        assert (await socket.frame_of("error"))["code"] == "bad"

    connected(viewer, scenario)


def test_many_readers_share_one_read_and_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    present = overviews.counter_cells

    def counting() -> Any:
        nonlocal reads
        reads += 1
        return present()

    kind = overview_topics._KINDS["counters"]._replace(read=counting)
    monkeypatch.setitem(overview_topics._KINDS, "counters", kind)
    monkeypatch.setattr(overview_topics, "PERIOD", 60.0)
    people = create_people()

    async def scenario(*sockets: Socket) -> None:
        for socket in sockets:
            await socket.say(t="subscribe", topic="counters")
        frames = [await socket.frame_of("overview") for socket in sockets]
        assert all(frame["whole"] for frame in frames)
        assert reads == 1

    connected(people.viewer, scenario, people.operator, people.viewer)


def test_nothing_is_read_while_nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Any:
        raise AssertionError("read although nobody follows")

    for name, kind in overview_topics._KINDS.items():
        monkeypatch.setitem(overview_topics._KINDS, name, kind._replace(read=never))

    async def scenario(socket: Socket) -> None:
        assert await socket.receive_nothing(timeout=0.4)  # several periods

    connected(create_people().viewer, scenario)


class Slow:
    """A reader that takes when it likes."""

    def wake(self, _: Any) -> None:
        """No hurry."""


def test_a_slow_reader_skips_versions_and_is_owed_only_the_difference() -> None:
    topic = OverviewTopic("counters", threads=None)  # type: ignore[arg-type]  # reads nothing here
    slow, quick = (OverviewSubscription(Slow(), topic, 1) for _ in range(2))  # type: ignore[arg-type]
    topic.readers |= {slow, quick}

    def become(**cells: int) -> None:
        topic.cells, topic.version, topic._frames = cells, topic.version + 1, {}

    become(a=1, b=1)
    assert slow.take() == quick.take()
    for number in range(2, 50):
        become(a=1, b=number)
        assert json.loads(quick.take()[0])["cells"] == {"b": number}
    become(b=1, c=1)
    assert json.loads(slow.take()[0])["cells"] == {"a": None, "c": 1}
    assert json.loads(quick.take()[0])["cells"] == {"a": None, "b": 1, "c": 1}
    assert slow.take() == []
    become(b=1, c=1)
    assert json.loads(slow.take()[0])["cells"] == {}


def test_a_poll_is_answered_with_the_whole(server: Server) -> None:
    viewer = create_people().viewer
    viewer.user_permissions.remove(Permission.objects.get(codename="view_worker"))
    doubling.start([1])
    wanted = [{"topic": topic} for topic in ("counters", "workers", "queues")]
    counters, refused, listed = PollClient(server, session_of(viewer)).frames(*wanted)
    assert (counters["whole"], counters["cells"]) == (True, {"queued": 1, "queued doubling": 1})
    assert (refused["t"], refused["topic"], refused["code"]) == ("error", "workers", "unknown")
    assert listed["cells"]["default"]["queued"] == 1


def test_the_chips_of_the_list_count_exactly_also_of_one_definition(client: Client) -> None:
    client.force_login(create_people().viewer)
    run(doubling.start([1]))
    doubling.start([2])

    def counted(address: str) -> list[str]:
        response = client.get(address)
        return [f"{one['name']} {one['count']}" for one in response.context["statuses"] if one["count"] != 0]

    assert counted("/workflows/") == ["queued 1", "succeeded 1"]
    assert counted("/workflows/?definition=doubling&status=failed") == ["queued 1", "succeeded 1"]
    assert counted("/workflows/?definition=publishing") == []
    assert {words.split()[1] for words in counted("/workflows/?q=order")} == {"None"}
