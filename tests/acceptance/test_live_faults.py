"""What breaks under open pages, one thing at a time (`tests/continuity/` breaks everything at once)."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests import processes
from tests.continuity.clients import Client, SocketClient, Watching
from tests.definitions import publishing, switching
from tests.execution import run
from tests.live_client import LiveClient, session_of
from tests.live_reading import Reading
from tests.live_writer import Writer
from tests.people import People
from tests.processes import ROOT, Server, process_environment
from tests.raw_socket import RawSocket
from tests.wait import PATIENCE, until
from workflows.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

MEGABYTE = 2**20
_DIES = """
import os, sys
from tests import worker_app
from tests.definitions import SWITCH, switching
from tests.execution import run
from workflows.durable import set_event
from workflows.handles import WorkflowHandle

SWITCH["body"] = lambda: (set_event("said", sys.argv[2]), os._exit(9))
run(WorkflowHandle(sys.argv[1]))
"""


def test_what_a_process_published_right_before_it_died_is_seen(server: Server, people: People) -> None:
    for last_word in ("first", "second"):
        handle = switching.start()
        with LiveClient(server, session_of(people.viewer)) as client:
            client.follow(handle.id)
            client.take_until("snapshot")
            command = [sys.executable, "-c", _DIES, handle.id, last_word]
            assert subprocess.run(command, cwd=ROOT, env=process_environment(), check=False).returncode == 9
            client.take_until_event("value_set")
            assert client.log[-1][5] == {"value": last_word}


def test_a_long_foreign_transaction_delays_nobody(server: Server, people: People) -> None:
    elsewhere = processes.test_database_url().replace(f"/{connection.settings_dict['NAME']}?", "/postgres?")
    with psycopg.connect(elsewhere) as foreign, LiveClient(server, session_of(people.viewer)) as client:
        foreign.execute("SELECT pg_current_xact_id()")
        handle = publishing.start([1, 2, 3])
        client.follow(handle.id)
        run(handle)
        client.take_until_event("succeeded")
        assert foreign.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


CURSORS: dict[str, object] = {
    "from the future": {"epoch": "{epoch}", "seq": 10**9},
    "the largest": {"epoch": "{epoch}", "seq": 2**63 - 1},
    "of another epoch": {"epoch": "another", "seq": 1},
    "of an empty epoch": {"epoch": "", "seq": 0},
    "negative": {"epoch": "{epoch}", "seq": -1},
    "too large": {"epoch": "{epoch}", "seq": 2**63},
    "huge": {"epoch": "{epoch}", "seq": 10**400},
    "a text": {"epoch": "{epoch}", "seq": "1"},
    "a fraction": {"epoch": "{epoch}", "seq": 1.5},
    "true": {"epoch": "{epoch}", "seq": True},
    "nothing": {"epoch": "{epoch}", "seq": None},
    "without seq": {"epoch": "{epoch}"},
    "without epoch": {"seq": 1},
    "no epoch at all": {"epoch": None, "seq": 1},
    "with NUL": {"epoch": "\0", "seq": 1},
    "with half a surrogate": {"epoch": "\ud800", "seq": 1},
    "a number": 7,
    "a list": [1, 2],
}


def test_no_cursor_is_answered_with_silence(server: Server, people: People) -> None:
    handle = publishing.start([1])
    answers: dict[str, str] = {}
    with LiveClient(server, session_of(people.viewer)) as client:
        client.follow(handle.id)
        epoch = client.take_until("snapshot")["epoch"]
        for name, cursor in CURSORS.items():
            at = json.loads(json.dumps(cursor).replace("{epoch}", epoch))
            client.say(t="subscribe", topic=f"workflow:{handle.id}", at=at)
            frame = client.frame()
            answers[name] = frame.get("reason") or frame.get("code") or frame["t"]
            if frame["t"] == "reset":
                assert client.frame()["t"] == "snapshot"
    expected = dict.fromkeys(CURSORS, "bad")
    expected |= dict.fromkeys(["from the future", "the largest"], "ahead")
    expected |= dict.fromkeys(["of another epoch", "of an empty epoch", "with half a surrogate"], "epoch")
    assert answers == expected


def test_a_history_shortened_below_the_cursor_is_begun_anew(server: Server, people: People) -> None:
    writer, reading = Writer(), Reading("")
    writer.publish(20)
    reading.workflow_id = writer.id
    with LiveClient(server, session_of(people.viewer)) as client:
        client.say(**reading.subscribe())
        _take_until(client, reading, lambda: reading.complete)
    writer.publish(5)
    writer.trim(keep=3)
    with LiveClient(server, session_of(people.viewer)) as client:
        client.say(**reading.subscribe())
        _take_until(client, reading, lambda: reading.complete and bool(reading.resets))
        writer.publish(2)
        _take_until(client, reading, lambda: reading.seq == writer.head)
    assert len(reading.resets) == 1
    assert reading.differences() == []


def _take_until(client: LiveClient, reading: Reading, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        reading.take(client.frame(max(0.01, deadline - time.monotonic())))


NEVER, TRICKLE = 20, 10


def test_readers_that_never_read_or_trickle_cost_a_bounded_amount_each(server: Server, people: People) -> None:
    session = session_of(people.viewer)
    before_all, writer = Writer(), Writer()
    with LiveClient(server, session) as quick:
        quick.follow(before_all.id)
        quick.take_until("snapshot")
        before_all.publish(400, size=20_000)  # so that what a server needs once for as much is there
        _read_up_to(quick, before_all)
        quick.follow(writer.id)
        quick.take_until("snapshot")
        sockets = [RawSocket(server.port, session) for _ in range(NEVER + TRICKLE)]
        for one in sockets:
            one.send(json.dumps({"t": "subscribe", "topic": f"workflow:{writer.id}"}).encode())
        with _trickling(sockets[:TRICKLE]):
            until(lambda: _readers(server, sockets), what="all have their snapshot")
            before = _resident(server.pid)
            writer.publish(400, size=20_000)  # 8 MB for each
            _read_up_to(quick, writer)
            grown = (_resident(server.pid) - before) / len(sockets)
        for one in sockets:
            one.close()
    print(f"{grown / MEGABYTE:.2f} MB for each slow reader")
    assert grown < 1.0 * MEGABYTE
    with LiveClient(server, session) as again:
        again.follow(writer.id)
        again.take_until("snapshot")
        assert again.seq == writer.head


def _read_up_to(client: LiveClient, writer: Writer) -> None:
    while client.seq < writer.head:
        client.take()


def _readers(server: Server, sockets: list[RawSocket]) -> bool:
    return all(one.socket.recv(64) for one in sockets)


@contextmanager
def _trickling(sockets: list[RawSocket]) -> Iterator[None]:
    ended = threading.Event()

    def trickle() -> None:
        while not ended.wait(0.1):  # 1 KB a second from each
            for one in sockets:
                one.socket.recv(100)

    thread = threading.Thread(target=trickle)
    thread.start()
    yield
    ended.set()
    thread.join()


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


PAGES, CROWD_PATIENCE = 300, 2 * PATIENCE


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["deployed", "killed"])
def test_hundreds_of_pages_come_back_to_a_restarted_server_without_a_herd(
    start_server: Callable[..., Server], people: People, how: signal.Signals
) -> None:
    server = start_server(LIVE_CONNECTIONS_PER_USER=str(PAGES))
    writers = [Writer() for _ in range(5)]
    pages = _pages(server, session_of(people.viewer), writers)
    with _watching(pages):
        until(
            lambda: all(page.reading.seq for page in pages), within=CROWD_PATIENCE, what="all pages have their snapshot"
        )
        for writer in writers:
            writer.publish(20)
        _all_at_the_head(pages, writers)
        server.signal(how)
        for writer in writers:
            writer.publish(20)
        with _counting_backends() as busiest:
            start_server(port=server.port, LIVE_CONNECTIONS_PER_USER=str(PAGES))
            began = time.monotonic()
            _all_at_the_head(pages, writers)
            took = time.monotonic() - began
        for writer in writers:
            writer.publish(5)
        _all_at_the_head(pages, writers)
    print(f"{PAGES} pages live again {took:.1f} s after the server was, at most {busiest[0]} of its backends at once")
    assert [(page.broken, page.reading.resets) for page in pages] == [(None, [])] * PAGES
    assert sum(page.reading.replayed for page in pages) == PAGES * 20
    assert busiest[0] <= 20
    for page in pages[::30]:
        assert page.reading.differences() == []


def _pages(server: Server, session: str, writers: list[Writer]) -> list[Client]:
    chance = random.Random(0)
    pages: list[Client] = []
    for number in range(PAGES):
        page = SocketClient(str(number), server.port, session, writers[number % len(writers)].id, chance)
        page.slow = False
        pages.append(page)
    return pages


def _all_at_the_head(pages: list[Client], writers: list[Writer]) -> None:
    heads = {writer.id: writer.head for writer in writers}
    arrived = lambda: all(page.broken or page.reading.seq == heads[page.reading.workflow_id] for page in pages)  # noqa: E731
    until(arrived, within=CROWD_PATIENCE, what="all pages are at the head")


@contextmanager
def _watching(pages: list[Client]) -> Iterator[None]:
    watching = Watching(pages)
    watching.start()
    try:
        yield
    finally:
        watching.stop()


@contextmanager
def _counting_backends() -> Iterator[list[int]]:
    """The most that were connected at once, beside those there before."""
    busiest, ended = [0], threading.Event()
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"

    def count() -> None:
        with psycopg.connect(processes.test_database_url(), autocommit=True) as own:
            (before,) = own.execute(asked).fetchone() or (0,)
            while not ended.wait(0.02):
                (now,) = own.execute(asked).fetchone() or (0,)
                busiest[0] = max(busiest[0], now - before)

    thread = threading.Thread(target=count)
    thread.start()
    yield busiest
    ended.set()
    thread.join()


def test_pages_go_on_while_events_are_lost_to_nobody(server: Server, people: People) -> None:
    """Every notification is lost: hints are on in the server, and none is sent."""
    writer = Writer()
    with LiveClient(server, session_of(people.viewer)) as client:
        client.follow(writer.id)
        client.take_until("snapshot")
        for _ in range(5):
            seq = Event.objects.filter(workflow_id=writer.id).count()
            with connection.cursor() as cursor:  # as writers do, but for the hint
                cursor.execute(
                    "WITH moved AS (UPDATE workflows_workflow SET last_seq = last_seq + 1 WHERE id = %s RETURNING *) "
                    "INSERT INTO workflows_event (workflow_id, seq, kind, key, data, at) "
                    "SELECT id, last_seq, 'value_set', 'k', '{\"value\": 1}', clock_timestamp() FROM moved",
                    [writer.id],
                )
            while client.seq < seq + 1:
                client.take()
