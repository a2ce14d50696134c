"""A real server, real sockets, real commits: what a browser sees is the history, whatever breaks on the way."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.definitions import SWITCH, counting, publishing, switching
from tests.execution import run
from tests.live_client import LiveClient, session_of
from tests.people import TAKEN, People, take_away
from tests.processes import Server, Worker
from tests.wait import PATIENCE, until
from workflows.durable import set_event
from workflows.handles import WorkflowHandle
from workflows.history import wire, wire_time
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def history(workflow_id: str) -> list[list[Any]]:
    """What the database has."""
    return [wire(event) for event in Event.objects.filter(workflow_id=workflow_id).order_by("seq")]


@contextmanager
def running(handle: WorkflowHandle[Any]) -> Iterator[None]:
    """The workflow runs in a thread of the test."""

    def work() -> None:
        try:
            run(handle)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(2 * PATIENCE)


class Bursts:
    """A workflow that publishes bursts of values, each when the test lets it; so what breaks, breaks meanwhile."""

    def __init__(self, count: int, size: int) -> None:
        self._allowed, self._count, self._size = threading.Semaphore(0), count, size
        SWITCH["body"] = self._publish
        self.handle = switching.start()

    def allow(self) -> None:
        """Let one more burst begin."""
        self._allowed.release()

    def _publish(self) -> None:
        for burst in range(self._count):
            assert self._allowed.acquire(timeout=PATIENCE), f"the test allowed no burst {burst}"
            for number in range(self._size):
                set_event("key", burst * self._size + number)


@pytest.mark.parametrize("hints", ["on", "off"])
def test_a_browser_sees_every_event_of_a_worker_once_and_in_order(
    start_server: Callable[..., Server], start_worker: Callable[..., Worker], people: People, hints: str
) -> None:
    server, _ = start_server(TELLTALE_HINTS=hints), start_worker(TELLTALE_HINTS=hints)
    handle = counting.start(20, 0.01)
    with LiveClient(server, session_of(people.viewer)) as client:
        client.follow(handle.id)
        client.take_until_event("succeeded")
    assert client.log == history(handle.id)


@pytest.mark.parametrize("hints", ["on", "off"])
def test_cut_sockets_resume_from_their_cursor_with_a_receipt(
    start_server: Callable[..., Server], people: People, hints: str
) -> None:
    server, session, seed = start_server(TELLTALE_HINTS=hints), session_of(people.viewer), random.randrange(10**6)
    dice, bursts = random.Random(seed), Bursts(8, 300)
    handle = bursts.handle
    client = LiveClient(server, session)
    client.follow(handle.id)
    client.take_until("snapshot")
    with running(handle):
        for _ in range(8):
            bursts.allow()
            known = client.seq
            for _ in range(dice.randrange(1, 4)):
                if client.seq < known + 250:  # more of this burst will come
                    client.take()
            client.socket.socket.close()  # no farewell, as when a cable is pulled
            before, client = client, LiveClient(server, session)
            client.follow(handle.id, after=before)
            receipt = client.take_until("receipt")
            assert receipt["replayed"] == receipt["seq"] - receipt["after"]
        client.take_until_event("succeeded")
    client.socket.close()
    assert client.log == history(handle.id), f"seed {seed}"


def test_a_killed_listening_connection_costs_time_and_nothing_else(server: Server, people: People) -> None:
    bursts = Bursts(3, 300)
    handle = bursts.handle
    with LiveClient(server, session_of(people.viewer)) as client:
        client.follow(handle.id)
        client.take_until("snapshot")
        with running(handle):
            for _ in range(3):
                until(_kill_listeners)
                bursts.allow()
                client.take_until("events")
            client.take_until_event("succeeded")
    assert client.log == history(handle.id)


def _kill_listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND (query LIKE 'LISTEN%' OR query LIKE '%<> asked.seq%')"
        )
        return int(cursor.fetchone()[0])


def test_subscribing_exactly_while_events_commit_misses_and_doubles_nothing(server: Server, people: People) -> None:
    session, results = session_of(people.viewer), []
    handle = publishing.start(list(range(3000)))

    def watch() -> None:
        with LiveClient(server, session) as client:
            client.follow(handle.id)
            client.take_until_event("succeeded")
            results.append(client.log)

    with running(handle):
        watchers = [threading.Thread(target=watch) for _ in range(30)]
        for watcher in watchers:
            watcher.start()
            time.sleep(0.02)  # so that joins spread over the time in which events commit
        for watcher in watchers:
            watcher.join(PATIENCE)
    whole = history(handle.id)
    assert len(results) == 30
    for log in results:
        assert log == whole[-len(log) :]


def test_a_reader_that_never_reads_costs_little_memory_and_nobodys_time(server: Server, people: People) -> None:
    session = session_of(people.viewer)
    handle = switching.start()
    SWITCH["body"] = lambda: [set_event("key", "x" * 20_000) for _ in range(1500)] and None  # 30 MB
    slow = LiveClient(server, session, acknowledging=False, max_queue=1)
    slow.follow(handle.id)
    slow.take_until("snapshot")
    before = _resident(server.pid)
    with LiveClient(server, session) as quick:
        quick.follow(handle.id)
        quick.take_until("snapshot")
        with running(handle):
            quick.take_until_event("succeeded")
    assert _resident(server.pid) - before < 24 * 2**20
    received = 0
    with pytest.raises((TimeoutError, ConnectionClosed)):  # on a busy machine it has stalled for a minute by now
        while True:
            received += len(str(slow.frame(within=1.0)))
    assert received < 2**20  # the window, and one frame more
    with LiveClient(server, session) as again:
        again.epoch, again.seq, again.log = quick.epoch, 2, quick.log[:2]
        again.say(t="subscribe", topic=f"workflow:{handle.id}", at={"epoch": quick.epoch, "seq": 2})
        again.take_until_event("succeeded")
        assert again.log == quick.log
    slow.socket.close()


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
def test_a_foreign_page_gets_no_socket(server: Server, people: People, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        LiveClient(server, session_of(people.operator), origin=origin and origin.format(port=server.port))
    assert refused.value.response.status_code == 403


def test_who_is_not_signed_in_or_has_no_right_is_told_so(server: Server, people: People) -> None:
    assert LiveClient(server, None).close_code() == 4401
    assert LiveClient(server, session_of(people.stranger)).close_code() == 4403


def test_an_unknown_workflow_is_refused_and_the_connection_goes_on(server: Server, people: People) -> None:
    handle = publishing.start([1])
    with LiveClient(server, session_of(people.viewer)) as client:
        client.follow("guessed")
        assert client.take_until("error")["code"] == "unknown"
        client.say(t="subscribe", topic=f"workflow:{handle.id}", at={"epoch": "e", "seq": -1})
        assert client.take_until("error")["code"] == "bad"
        client.say(t="subscribe", topic=f"workflow:{handle.id}", at={"epoch": "another", "seq": 1})
        assert client.take_until("reset")["reason"] == "epoch"
        assert client.take()["t"] == "snapshot"
        client.say(t="subscribe", topic=f"workflow:{handle.id}", at={"epoch": client.epoch, "seq": 10**9})
        assert client.take_until("reset")["reason"] == "ahead"
        assert client.take()["t"] == "snapshot"


@pytest.mark.parametrize("taken", TAKEN)
def test_what_is_taken_from_a_watcher_ends_its_open_socket(server: Server, people: People, taken: str) -> None:
    client = LiveClient(server, session_of(people.viewer))
    client.take_until("hello")
    take_away(people.viewer, taken)
    assert client.close_code() == (4403 if taken == "right" else 4401)


def test_a_workflow_made_anew_under_its_watchers_is_a_new_history(server: Server, people: People) -> None:
    first = publishing.using(workflow_id="again").start([1, 2])
    run(first)
    with LiveClient(server, session_of(people.viewer)) as client:
        client.follow("again")
        client.take_until("snapshot")
        with transaction.atomic():  # else the server may look in between, and find it gone
            Workflow.objects.filter(pk="again").delete()
            anew = publishing.using(workflow_id="again").start([1, 2, 3, 4, 5, 6])
        run(anew)
        assert client.take_until("reset")["reason"] == "epoch"
        client.take_until("snapshot")
        client.take_until_event("succeeded")
        assert client.log == history("again")
        Workflow.objects.filter(pk="again").delete()
        assert client.take_until("reset")["reason"] == "gone"


@pytest.mark.parametrize("hints", ["on", "off"])
def test_a_list_patches_visible_rows_and_counts_what_newly_matches(
    start_server: Callable[..., Server], people: People, hints: str
) -> None:
    server = start_server(TELLTALE_HINTS=hints)
    visible = publishing.start([1, 2])
    since = wire_time(Workflow.objects.get(pk=visible.id).created_at)
    chosen = {"status": ["succeeded", "queued"], "definition": "publishing", "search": ""}
    with LiveClient(server, session_of(people.viewer)) as client:
        client.say(t="subscribe", topic="workflows", filter=chosen, ids=[[visible.id, 1]], since=since)
        assert client.take_until("rows")["rows"] == []
        run(visible)
        until(lambda: _row(client.take_until("rows"), visible.id) == "succeeded")
        other = publishing.start([3])
        counting.start(1, 0.0)  # matches no definition of the filter
        assert client.take_until("rows")["fresh"] == [[other.id, "queued", "publishing"]]
        run(other)
        until(lambda: [other.id, "succeeded", "publishing"] in client.take_until("rows")["fresh"])


def _row(frame: dict[str, Any], workflow_id: str) -> str | None:
    found = [row["status"] for row in frame["rows"] if row["id"] == workflow_id]
    return found[0] if found else None


def test_floods_huge_messages_and_too_many_subscriptions_are_refused(server: Server, people: People) -> None:
    session = session_of(people.viewer)
    with LiveClient(server, session) as client:
        client.socket.send("x" * 70_000)
        assert client.close_code() == 4413
    with LiveClient(server, session, acknowledging=False) as client:
        with contextlib.suppress(ConnectionClosed):  # the server need not wait for the last of them
            for _ in range(20_000):
                client.socket.send("{}")
        assert client.close_code() == 4429
    handles = [publishing.start([n]) for n in range(129)]
    with LiveClient(server, session) as client:
        for handle in handles:
            client.follow(handle.id)
        refused = client.take_until("error")
        assert (refused["code"], refused["topic"]) == ("limit", f"workflow:{handles[128].id}")
