"""The fan-out on a real database, with readers that only count: pulls, paces, shares, and forgets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from dashboard import access, fanout, subscriptions, tail
from dashboard.fanout import Fanout, Refused
from dashboard.protocol import CloseCode
from dashboard.subscriptions import READERS_PER_TICK, Subscription
from tests.definitions import SWITCH, publishing, switching
from tests.execution import run
from tests.wait import PATIENCE
from workflows import sql
from workflows.durable import set_event
from workflows.listener import listener
from workflows.models import Event
from workflows.visibility import Visibility

pytestmark = pytest.mark.django_db(transaction=True)


class CountingReader:
    """Takes whatever is ready at once, and keeps it."""

    def __init__(self) -> None:
        self.credential = access.Credential("key", 0, "hash", Visibility.ADMIN)
        self.ready = True
        self.frames: list[str] = []
        self.times: list[float] = []
        self.ended: CloseCode | None = None
        self.subscription: Subscription | None = None

    def wake(self, subscription: Subscription) -> None:
        while self.ready and (frames := subscription.take()):
            self.frames += frames
            self.times.append(time.monotonic())

    def care(self, seconds: float) -> bool:
        return False

    async def end(self, code: CloseCode) -> None:
        self.ended = code

    def seqs(self) -> list[int]:
        """Of all events that arrived."""
        decoded = [json.loads(frame) for frame in self.frames]
        return [event[0] for frame in decoded if frame["t"] == "events" for event in frame["events"]]


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> User:
    """Somebody who may see everything; these readers have no sessions, so the audit is not for them."""
    monkeypatch.setattr(fanout, "AUDIT_PERIOD", 3600.0)
    return User.objects.create_superuser("root")


async def follow(hub: Fanout, user: User, workflow_id: str, **at: Any) -> CountingReader:
    reader = CountingReader()
    hub.enter(reader)
    cursor = {"epoch": at["epoch"], "seq": at["seq"]} if at else None
    reader.subscription = await hub.follow(reader, user, workflow_id, cursor)  # type: ignore[arg-type]
    reader.wake(reader.subscription)
    return reader


async def until(condition: Callable[[], bool], within: float = PATIENCE) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


def with_hub(scenario: Callable[[Fanout], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario(fanout.fanout())

    asyncio.run(main())


async def publish(count: int, pause: float = 0.0) -> str:
    """A workflow that publishes so many values, run beside the event loop."""
    handle = await asyncio.to_thread(switching.start)

    def body() -> None:
        for number in range(count):
            set_event("n", number)
            time.sleep(pause)  # the rate of the events is what some tests are about

    SWITCH["body"] = body
    await asyncio.to_thread(run, handle)
    return str(handle.id)


def test_readers_at_the_same_cursor_get_the_very_same_frame(user: User) -> None:
    async def scenario(hub: Fanout) -> None:
        handle = await asyncio.to_thread(publishing.start, list(range(20)))
        readers = [await follow(hub, user, handle.id) for _ in range(5)]
        await asyncio.to_thread(run, handle)
        await until(lambda: all(reader.seqs()[-1:] == [23] for reader in readers))
        for frames in zip(*(reader.frames[1:] for reader in readers), strict=True):
            assert all(frame is frames[0] for frame in frames)

    with_hub(scenario)


def test_one_reader_gets_at_most_30_frames_a_second(user: User) -> None:
    async def scenario(hub: Fanout) -> None:
        handle = await asyncio.to_thread(switching.start)
        reader = await follow(hub, user, handle.id)
        SWITCH["body"] = lambda: [set_event("n", n) or time.sleep(0.002) for n in range(400)] and None
        began = time.monotonic()
        await asyncio.to_thread(run, handle)
        await until(lambda: reader.seqs()[-1:] == [403])
        took = reader.times[-1] - began
        assert len(reader.frames) - 1 <= took / subscriptions.FRAME_PERIOD + 2

    with_hub(scenario)


def test_a_reader_that_is_not_ready_gets_everything_later_in_larger_frames(user: User) -> None:
    async def scenario(hub: Fanout) -> None:
        handle = await asyncio.to_thread(switching.start)
        SWITCH["body"] = lambda: [set_event("n", n) or time.sleep(0.002) for n in range(300)] and None
        slow, quick = await follow(hub, user, handle.id), await follow(hub, user, handle.id)
        slow.ready = False
        await asyncio.to_thread(run, handle)
        await until(lambda: quick.seqs()[-1:] == [303])
        assert len(slow.frames) == 1
        slow.ready = True
        assert slow.subscription is not None
        slow.wake(slow.subscription)
        await until(lambda: slow.seqs() == quick.seqs())
        assert len(slow.frames) == 2 <= len(quick.frames)

    with_hub(scenario)


def test_one_query_serves_all_topics_and_cursors_of_a_tick(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def spied(places: set[tail.Place]) -> dict[tail.Place, tail.Frame]:
        asked.append(len(places))
        return read(places)

    read = tail.read
    monkeypatch.setattr(tail, "read", spied)

    async def scenario(hub: Fanout) -> None:
        ids = [await publish(5) for _ in range(10)]
        first = await follow(hub, user, ids[0])
        epochs = {id_: json.loads((await follow(hub, user, id_)).frames[0])["epoch"] for id_ in ids}
        asked.clear()
        readers = [follow(hub, user, id_, epoch=epochs[id_], seq=seq) for id_ in ids for seq in (1, 3)]
        followed = await asyncio.gather(*readers)
        await until(lambda: all(reader.seqs()[-1:] == [8] for reader in followed))
        assert first.seqs() == []
        assert sum(asked) == 20
        assert len(asked) <= 4

    with_hub(scenario)


def test_many_readers_take_turns(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(hub: Fanout) -> None:
        handle = await asyncio.to_thread(publishing.start, [1])
        readers = [await follow(hub, user, handle.id) for _ in range(READERS_PER_TICK * 2 + 1)]
        await asyncio.to_thread(run, handle)
        await until(lambda: all(reader.seqs()[-1:] == [4] for reader in readers))

    with_hub(scenario)


def test_a_database_that_goes_away_costs_time_and_nothing_else(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([OperationalError("gone")] * 5)
    read = tail.read

    def failing(places: set[tail.Place]) -> dict[tail.Place, tail.Frame]:
        error = next(failures, None)
        if error is not None:
            raise error
        return read(places)

    async def scenario(hub: Fanout) -> None:
        handle = await asyncio.to_thread(publishing.start, [1, 2, 3])
        reader = await follow(hub, user, handle.id)
        monkeypatch.setattr(tail, "read", failing)
        await asyncio.to_thread(run, handle)
        await until(lambda: reader.seqs() == [2, 3, 4, 5, 6])

    with_hub(scenario)
    assert next(failures, None) is None


def test_nobody_believes_to_be_live_while_the_database_does_not_answer(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "AUDIT_PERIOD", 0.0)
    monkeypatch.setattr(fanout, "CARE_PERIOD", 0.05)
    monkeypatch.setattr(fanout, "AUDIT_PATIENCE", 0.1)

    async def scenario(hub: Fanout) -> None:
        with sql.dedicated_connection() as other, other.transaction():
            other.execute("LOCK TABLE django_session")  # whatever reads it has no answer
            reader = await follow(hub, user, await publish(1))
            await until(lambda: reader.ended is CloseCode.COME_BACK)

    with_hub(scenario)


def test_a_resumed_reader_gets_its_receipt_after_everything_it_speaks_of(user: User) -> None:
    async def scenario(hub: Fanout) -> None:
        workflow_id = await publish(2500)
        epoch = json.loads((await follow(hub, user, workflow_id)).frames[0])["epoch"]
        reader = await follow(hub, user, workflow_id, epoch=epoch, seq=100)
        await until(lambda: '"receipt"' in reader.frames[-1] if reader.frames else False)
        assert reader.seqs() == list(range(101, 2504))
        assert json.loads(reader.frames[-1])["replayed"] == 2403
        assert len(reader.frames) < 20  # hundreds of events a frame

    with_hub(scenario)


def test_who_is_far_behind_catches_up_without_waiting_for_turns(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "FRAME_PERIOD", 60.0)

    async def scenario(hub: Fanout) -> None:
        workflow_id = await publish(2500)
        others = [await follow(hub, user, workflow_id) for _ in range(3)]
        epoch = json.loads(others[0].frames[0])["epoch"]
        reader = await follow(hub, user, workflow_id, epoch=epoch, seq=1)
        await until(lambda: '"receipt"' in reader.frames[-1] if reader.frames else False)
        assert reader.seqs() == list(range(2, 2504))
        assert len(reader.frames) > 5

    with_hub(scenario)


def test_events_that_were_deleted_lead_to_a_snapshot_not_to_a_gap(user: User) -> None:
    async def scenario(hub: Fanout) -> None:
        workflow_id = await publish(10)
        epoch = json.loads((await follow(hub, user, workflow_id)).frames[0])["epoch"]
        await asyncio.to_thread(Event.objects.filter(workflow_id=workflow_id, seq__lte=6).delete)
        reader = await follow(hub, user, workflow_id, epoch=epoch, seq=3)
        await until(lambda: len(reader.frames) == 2)
        assert [json.loads(frame)["t"] for frame in reader.frames] == ["reset", "snapshot"]
        assert json.loads(reader.frames[0])["reason"] == "trimmed"

    with_hub(scenario)


def test_what_nobody_follows_is_forgotten(user: User) -> None:
    async def scenario(hub: Fanout) -> None:
        workflow_id = await publish(1)
        reader = await follow(hub, user, workflow_id)
        assert workflow_id in listener()._watches
        assert reader.subscription is not None
        hub.leave(reader, [reader.subscription])
        assert workflow_id not in listener()._watches
        with pytest.raises(Refused):
            await follow(hub, user, "unknown")
        assert "unknown" not in listener()._watches

    with_hub(scenario)
