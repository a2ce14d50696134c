"""`manage.py workflow watch` on the database: every event once, from any cursor, through losses and restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from config.postgres import Postgres
from tests.definitions import listening, publishing
from tests.execution import folded, run
from tests.processes import ROOT, Shell
from tests.wait import PATIENCE, until
from workflows import history, operations
from workflows.durable import ResultTimeout
from workflows.errors import WorkflowGone
from workflows.management import following
from workflows.models import Event, Workflow
from workflows.reader import Cursor, Moved, View
from workflows.sql import dedicated_connection

pytestmark = pytest.mark.django_db(transaction=True)


def follow(workflow_id: str, **options: Any) -> Iterator[Moved]:
    """Follow, but not for ever."""
    return following.follow(workflow_id, **{"timeout": PATIENCE, "tell": lambda _: None, **options})


def recorded(workflow_id: str, after: int = 0) -> list[list[Any]]:
    """What the database has."""
    rows = Event.objects.filter(workflow_id=workflow_id, seq__gt=after).order_by("seq")
    return [history.wire(row) for row in rows]


def seen(moves: Iterator[Moved]) -> tuple[Moved, list[list[Any]]]:
    """The last look, and all events together."""
    events: list[list[Any]] = []
    for moved in moves:
        events += moved.events
    return moved, events


def test_a_workflow_made_anew_is_shown_from_its_snapshot_and_a_deleted_one_is_said_to_be() -> None:
    listening.using(workflow_id="again").start("first")
    watched = follow("again")
    assert next(watched).snapshot == "start"
    operations.send("again", "first", 1)
    assert [event[2] for event in next(watched).events] == ["message_sent"]
    Workflow.objects.get(id="again").delete()
    listening.using(workflow_id="again").start("second")
    operations.send("again", "second", 2)
    anew = next(watched)
    assert (anew.snapshot, anew.events) == ("epoch", [])
    assert anew.state == history.snapshot("again")
    Workflow.objects.get(id="again").delete()
    with pytest.raises(WorkflowGone, match="'again' was deleted while it was watched; the last event seen is 2"):
        next(watched)


@pytest.mark.parametrize("after", [0, 1, 3, 8])
def test_a_cursor_goes_on_exactly_after_it(after: int) -> None:
    handle = publishing.start(list(range(5)))
    run(handle)
    epoch = next(follow(handle.id)).cursor.epoch
    for cursor in (Cursor(epoch, after), Cursor("", after), Cursor.parse(f"{epoch}:{after}"), Cursor.parse(str(after))):
        last, events = seen(follow(handle.id, at=cursor))
        assert events == recorded(handle.id, after)
        assert last.state == history.snapshot(handle.id)
        assert str(last.cursor) == f"{epoch}:8"


def test_a_cursor_of_another_history_or_of_the_future_starts_from_a_snapshot_and_says_so() -> None:
    handle = publishing.start([1])
    run(handle)
    for cursor, reason in ((Cursor("another", 1), "epoch"), (Cursor("", 10**9), "ahead")):
        (only,) = follow(handle.id, at=cursor)
        assert (only.snapshot, only.events, only.state) == (reason, [], history.snapshot(handle.id))


def test_events_that_retention_removed_meanwhile_are_a_reset_and_no_gap() -> None:
    handle = publishing.start(list(range(5)))
    run(handle)
    Event.objects.filter(workflow_id=handle.id, seq__lt=4).delete()
    first, then = follow(handle.id, at=Cursor("", 1))
    assert (first.snapshot, then.snapshot) == (None, "trimmed")
    assert then.state == history.snapshot(handle.id)
    assert [event[0] for event in then.earlier] == [4, 5, 6, 7, 8]


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "e:", "e:x", ":٣", str(2**63), "9" * 5000])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no cursor"):
        Cursor.parse(text)


def test_a_view_takes_doubled_events_once_and_refuses_a_hole() -> None:
    handle = publishing.start([1, 2, 3])
    run(handle)
    events = recorded(handle.id)
    view = View(handle.id)
    view.restart("e", folded_to(events, 2), "start")
    assert view.advance(events[:2]) is None
    moved = view.advance(events[:4])
    assert moved is not None
    assert moved.events == events[2:4]
    with pytest.raises(Exception, match="event 6 came after 4"):
        view.advance(events[5:])
    assert view.cursor == ("e", 4)
    view.advance(events)
    assert (view.state, view.ended) == (folded(handle.id), True)


def folded_to(events: list[list[Any]], seq: int) -> Any:
    view = View(Event.objects.get(seq=1).workflow_id)
    view.cursor = Cursor("e", 0)
    moved = view.advance(events[:seq])
    assert moved is not None
    return moved.state


def test_a_hundred_thousand_events_are_read_page_by_page_or_not_at_all() -> None:
    handle = listening.start("t")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_event (workflow_id, seq, kind, key, data, at) "
            "SELECT %(id)s, seq, 'value_set', 'key', "
            "jsonb_build_object('value', seq), clock_timestamp() FROM generate_series(2, 100000) AS seq;"
            "INSERT INTO workflows_value (workflow_id, key, value, seq, at) "
            "VALUES (%(id)s, 'key', '100000', 100000, clock_timestamp());"
            "UPDATE workflows_workflow SET last_seq = 100000 WHERE id = %(id)s",
            {"id": handle.id},
        )
    operations.cancel(handle.id)
    (only,) = follow(handle.id)
    assert (only.cursor.seq, len(only.earlier)) == (100_001, 20)
    first, *pages = follow(handle.id, at=Cursor("", 0))
    assert first.events == []
    assert max(len(page.events) for page in pages) == 1_000
    assert [event[0] for page in pages for event in page.events] == list(range(1, 100_002))


def test_a_burst_is_drawn_in_few_pieces_and_completely() -> None:
    handle = publishing.start(list(range(400)))
    work = threading.Thread(target=lambda: (run(handle), connection.close()))
    watched = follow(handle.id)
    first = next(watched)
    work.start()
    last, events = seen(watched)
    work.join(PATIENCE)
    assert events == recorded(handle.id, first.cursor.seq)
    assert last.state == history.snapshot(handle.id)


def test_sessions_that_die_meanwhile_cost_time_and_no_event() -> None:
    handle, told, events = listening.start("t"), [], []
    watched = follow(handle.id, tell=told.append)
    first = next(watched)
    for number in range(4):
        operations.send(handle.id, "other", number)
        _terminate_own_session()
        events += next(watched).events
    assert events == recorded(handle.id, first.cursor.seq)
    assert told[0].startswith("The database does not answer; asking again.")
    assert told[1].startswith("The database is back; going on after event ")
    assert len(told) == 8


def _terminate_own_session() -> None:
    with dedicated_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])


def test_an_error_that_waiting_cannot_cure_is_raised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handle, told = listening.start("t"), []
    watched = follow(handle.id, tell=told.append)
    next(watched)
    monkeypatch.setattr(following.history, "TAIL", "SELECT nonsense")
    with pytest.raises(Exception, match="nonsense") as caught:
        next(watched)
    assert not isinstance(caught.value, OperationalError)
    assert told == []


def test_the_time_is_over_also_while_events_keep_coming() -> None:
    handle = listening.start("t")
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            operations.send(handle.id, "other", 1)
        connection.close()

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        began = time.monotonic()
        with pytest.raises(ResultTimeout, match="still going on after 1 s"):
            seen(follow(handle.id, timeout=1))
        assert time.monotonic() - began > 0.9
    finally:
        stop.set()
        publisher.join(PATIENCE)


def lines(output: str) -> list[dict[str, Any]]:
    """What --json printed."""
    return [json.loads(line) for line in output.splitlines()]


def test_a_script_resumes_from_the_cursor_it_printed_last() -> None:
    listening.using(workflow_id="resumed").start("t")
    operations.send("resumed", "other", 1)
    first = Shell(
        "watch", "resumed", "--json", "--from", "0", "--timeout", "3", stdout=subprocess.PIPE, text=True
    ).end()
    assert first[0] == 3
    begun = lines(first[1])
    assert [line["seq"] for line in begun] == [1, 2]
    operations.send("resumed", "other", 2)
    operations.cancel("resumed")
    last = begun[-1]["cursor"]
    code, output = Shell("watch", "resumed", "--json", "--from", last, stdout=subprocess.PIPE, text=True).end()
    assert code == 1
    *events, end = lines(output)
    assert [[line[name] for name in ("seq", "at", "kind", "position", "key", "data")] for line in begun + events] == (
        recorded("resumed")
    )
    assert {name: end[name] for name in ("t", "status", "output", "error")} == {
        "t": "end", "status": "cancelled", "output": None, "error": None,
    }  # fmt: skip
    assert end["cursor"] == events[-1]["cursor"]


def test_a_workflow_that_is_deleted_while_it_is_watched_exits_with_4() -> None:
    listening.using(workflow_id="doomed").start("t")
    shell = Shell("watch", "doomed", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert shell.process.stdout is not None
    assert "queued" in shell.process.stdout.readline()
    Workflow.objects.get(id="doomed").delete()
    _, errors = shell.process.communicate(timeout=PATIENCE)
    assert shell.process.returncode == 4
    assert "was deleted while it was watched" in errors
    assert "Traceback" not in errors


def test_a_database_that_cannot_be_reached_exits_with_5() -> None:
    environment = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    shell = Shell("watch", "x", environment=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    code, output = shell.end()
    assert code == 5
    assert "Traceback" not in output


@pytest.fixture
def own_database(home: Path) -> Iterator[tuple[Postgres, dict[str, str]]]:
    """A server that a test may stop, with our tables."""
    server = Postgres(home)
    server.start()
    environment = {"DATABASE_URL": server.url}
    migrate = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(migrate, check=True, env={**os.environ, **environment}, cwd=ROOT)
    yield server, environment
    server.stop()


def test_restarts_of_the_database_are_survived_and_told(own_database: tuple[Postgres, dict[str, str]]) -> None:
    server, environment = own_database
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    words = ("start", "listening", "topic=t", "--id", "lasting", "--watch", "--json")
    watching = Shell(*words, environment=environment, **pipes)
    assert watching.process.stdout is not None
    assert watching.process.stderr is not None
    assert '"snapshot"' in watching.process.stdout.readline()
    for end in (server.stop, lambda: os.kill(server.pid or 0, signal.SIGKILL)):
        end()
        assert any("does not answer; asking again" in line for line in watching.process.stderr)
        until(lambda: server.pid is None)
        server.start()
        assert any("is back; going on after event 1" in line for line in watching.process.stderr)
    Shell("cancel", "lasting", environment=environment, **pipes).end()
    code, output = watching.end()
    assert code == 1
    assert [line.get("kind") or line["status"] for line in lines(output)] == ["cancelled", "cancelled"]
