"""Hints are sent after commit, in batches, and may all be lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from tests.definitions import publishing
from tests.execution import run
from tests.wait import PATIENCE, until
from workflows import notify, sql
from workflows.listener import Listener
from workflows.outbox import Outbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listening() -> Iterator[Listener]:
    """A listener of the test's own."""
    listener = Listener()
    yield listener
    listener.stop()


class Heard:
    """What a watch was told."""

    def __init__(self) -> None:
        self.seqs: list[int] = []

    def __call__(self, workflow_id: str, seq: int) -> None:
        self.seqs.append(seq)


def test_a_watch_hears_every_move_and_ends_at_the_newest(listening: Listener) -> None:
    handle, heard = publishing.start([1, 2, 3]), Heard()
    listening.watch(handle.id, 1, heard)
    run(handle)
    until(lambda: heard.seqs and heard.seqs[-1] == 6)
    assert heard.seqs == sorted(set(heard.seqs))


def test_without_any_hint_the_sweep_finds_the_move(listening: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify._outbox, "put", lambda _item: None)
    handle, heard = publishing.start([1]), Heard()
    listening.watch(handle.id, 1, heard)
    run(handle)
    until(lambda: heard.seqs and heard.seqs[-1] == 4)


def test_a_killed_listening_connection_is_replaced_and_nothing_is_missed(listening: Listener) -> None:
    handle, heard = publishing.start([1]), Heard()
    listening.watch(handle.id, 1, heard)
    until(lambda: _terminate_listeners() > 0)
    run(handle)
    until(lambda: heard.seqs and heard.seqs[-1] == 4)


def _terminate_listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND (query LIKE 'LISTEN telltale%' OR query LIKE '%asked.seq%')"
        )
        return int(cursor.fetchone()[0])


def test_an_outage_of_the_database_is_said_once_and_so_is_its_end(
    listening: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect, tries = sql.dedicated_connection, iter(range(5))

    def refused_at_first() -> Any:
        if next(tries, None) is not None:
            raise psycopg.OperationalError("the server is not there")
        return connect()

    monkeypatch.setattr(sql, "dedicated_connection", refused_at_first)
    caplog.set_level("INFO", logger="workflows")
    listening.watch("w", 0, lambda _id, _seq: None)
    until(lambda: "listening connection is back" in caplog.text)
    assert caplog.text.count("listening connection lost") == 1


def test_a_workflow_deleted_and_made_anew_is_reported_though_its_seq_went_back(listening: Listener) -> None:
    handle, heard = publishing.using(workflow_id="again").start([1, 2]), Heard()
    run(handle)
    listening.watch("again", 5, heard)
    _delete("again")
    publishing.using(workflow_id="again").start([1, 2])
    until(lambda: 1 in heard.seqs)


def _delete(workflow_id: str) -> None:
    from workflows.models import Workflow

    Workflow.objects.filter(id=workflow_id).delete()


def test_one_callback_that_raises_does_not_silence_the_others(listening: Listener) -> None:
    handle, heard = publishing.start([1]), Heard()

    def broken(_workflow_id: str, _seq: int) -> None:
        raise RuntimeError

    listening.watch(handle.id, 1, broken)
    listening.watch(handle.id, 1, heard)
    run(handle)
    until(lambda: heard.seqs and heard.seqs[-1] == 4)


@pytest.mark.parametrize(
    "payload", ["", "nonsense", "null", "[[1]]", '{"a": 1}', '[["x", "y"]]', "[[[], 1]]", "[" * 7000]
)
def test_a_hint_that_is_none_of_ours_silences_nobody(listening: Listener, payload: str) -> None:
    handle, heard = publishing.start([1]), Heard()
    listening.watch(handle.id, 1, heard)
    listening.watch_hints(lambda _moved: None)
    until(lambda: _listeners() > 0)
    thread = listening._thread
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", (notify.CHANNEL, payload))
    run(handle)
    until(lambda: heard.seqs and heard.seqs[-1] == 4)
    assert listening._thread is thread


def _listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND (query LIKE 'LISTEN telltale%' OR query LIKE '%asked.seq%')"
        )
        return int(cursor.fetchone()[0])


def test_an_ended_watch_hears_nothing_more(listening: Listener) -> None:
    handle, heard, other = publishing.start([1]), Heard(), Heard()
    watch = listening.watch(handle.id, 1, heard)
    listening.watch(handle.id, 1, other)
    listening.unwatch(watch)
    run(handle)
    until(lambda: other.seqs and other.seqs[-1] == 4)
    assert heard.seqs == []


def test_a_hint_leaves_only_when_its_transaction_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[tuple[str, int]] = []
    monkeypatch.setattr(notify._outbox, "put", put.append)
    with pytest.raises(RuntimeError), transaction.atomic():
        notify.hint("w", 1)
        raise RuntimeError
    assert put == []
    with transaction.atomic():
        notify.hint("w", 2)
        assert put == []
    assert put == [("w", 2)]


def test_many_hints_become_few_notifications_that_each_fit() -> None:
    newest = {f"{'x' * 190}{number:04}": number for number in range(500)}
    payloads = notify._payloads(newest)
    assert all(len(payload) < 8_000 for payload in payloads)
    assert len(payloads) < 20
    assert dict(pair for payload in payloads for pair in json.loads(payload)) == newest


def test_a_hint_that_cannot_be_sent_is_dropped_and_the_next_one_arrives(listening: Listener) -> None:
    with psycopg.connect(**_parameters(), autocommit=True) as ear:
        ear.execute(f"LISTEN {notify.CHANNEL}")
        notify.hint("first", 1)
        notify.flush()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE '%pg_notify%' AND datname = current_database() AND pid <> pg_backend_pid()"
            )
        notify.hint("lost", 1)
        notify.flush()
        notify.hint("second", 1)
        notify.flush()
        heard: list[Any] = []
        for message in ear.notifies(timeout=PATIENCE):
            heard += json.loads(message.payload)
            if ["second", 1] in heard:
                break
    assert ["first", 1] in heard
    assert ["second", 1] in heard


def _parameters() -> dict[str, Any]:
    with sql.dedicated_connection() as given:
        return {"host": given.info.host, "port": given.info.port, "dbname": given.info.dbname, "user": given.info.user}


def test_an_outbox_sends_the_first_item_at_once_and_collects_the_next() -> None:
    batches: list[list[int]] = []
    outbox: Outbox[int] = Outbox("test", batches.append, lambda: 600.0)
    outbox.put(1)
    until(lambda: batches == [[1]])
    for number in (2, 3, 4):
        outbox.put(number)
    outbox.flush(PATIENCE)  # which waits for no window
    assert batches == [[1], [2, 3, 4]]


def test_an_outbox_takes_items_from_many_threads_and_loses_none() -> None:
    batches: list[list[int]] = []
    outbox: Outbox[int] = Outbox("test", batches.append, lambda: 0.001)
    threads = [threading.Thread(target=lambda: [outbox.put(number) for number in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.flush(PATIENCE)
    assert sum(map(len, batches)) == 1_600


def test_flush_gives_up_after_its_time() -> None:
    release = threading.Event()
    outbox: Outbox[int] = Outbox("test", lambda _batch: release.wait() and None, lambda: 0.001)
    outbox.put(1)
    outbox.flush(timeout=0.1)  # returns, though nothing is delivered before the next line
    release.set()
