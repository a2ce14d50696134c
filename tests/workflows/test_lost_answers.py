"""A database that goes away while a workflow reads, commits or is claimed: it goes on, and nobody fails."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection

from tests.definitions import SWITCH, double, doubling, listening, make_group, publishing, switching
from tests.execution import WORKER, assert_history_is_whole, claim, crash, run
from tests.wait import until
from tests.workflows.test_database_faults import terminate_own_backend
from workflows import engine, event_log, sql, transitions
from workflows.durable import Status, get_event, send, set_event
from workflows.errors import LeaseLost
from workflows.models import Event, Message
from workflows.transitions import claiming

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_session_lost_before_the_history_is_read_does_not_fail_the_workflow() -> None:
    handle = doubling.start([1, 2])
    transitions.hand_back(claim(handle).owner)
    claimed = claim(handle)
    terminate_own_backend()
    engine.execute(claimed, stopping=lambda: False)
    assert handle.result() == [2, 4]


def test_a_session_lost_before_another_workflow_is_looked_at_does_not_fail_the_workflow() -> None:
    other = publishing.start([5])
    run(other)

    def body() -> Any:
        terminate_own_backend()
        value = get_event(other.id, "key")
        terminate_own_backend()
        return [value, other.result()]

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.result() == [5, None]
    assert_history_is_whole(handle.id)


def test_a_session_lost_while_waiting_does_not_fail_the_workflow() -> None:
    other = publishing.start([5])

    def body() -> Any:
        set_event("phase", "waits")
        terminate_own_backend()
        return get_event(other.id, "key", timeout=0.1, default="absent")

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.result() == "absent"


def test_an_atomic_step_whose_commit_was_not_answered_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    commit, lost = connection._commit, iter([True])

    def commit_and_lose() -> None:
        commit()
        if next(lost, False):
            terminate_own_backend()
            raise OperationalError("the connection was lost before the answer came")

    def body() -> list[Any]:
        monkeypatch.setattr(connection, "_commit", commit_and_lose)
        return [make_group("once"), double(2)]

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.result() == ["once", 4]
    assert Group.objects.filter(name="once").count() == 1
    assert [event.kind for event in handle.history() if event.position == 1] == [
        "step_started", "value_set", "step_succeeded",
    ]  # fmt: skip
    assert_history_is_whole(handle.id)


def test_a_workflow_whose_claim_was_not_answered_goes_back_to_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = doubling.start([1])
    fetch = claiming.fetch

    def fetch_and_lose(text: Any, parameters: Any) -> Any:
        rows = fetch(text, parameters)
        if rows and "worker" in parameters:
            raise OperationalError("the connection was lost before the answer came")
        return rows

    def work() -> int:
        return engine.work(
            workflow_id=handle.id, queues=["default"], worker=WORKER, closing=lambda: False, stopping=lambda: False
        )

    with monkeypatch.context() as patch:
        patch.setattr(claiming, "fetch", fetch_and_lose)
        with pytest.raises(OperationalError):
            work()
    assert handle.status() is Status.QUEUED
    assert work() == 1
    assert handle.result() == [2]
    assert_history_is_whole(handle.id)


def test_a_late_owner_that_must_ask_again_does_not_take_the_new_owners_record_for_its_own() -> None:
    handle = doubling.start([1])
    late = claim(handle).owner
    crash(handle)
    run(handle)
    assert "2.1" in set(Event.objects.filter(workflow_id=handle.id).values_list("op", flat=True))
    terminate_own_backend()
    with pytest.raises(LeaseLost):
        event_log.step_started(late, 2, name="double", attempt=1)


def test_a_server_that_takes_no_writes_for_a_while_does_not_fail_the_workflow() -> None:
    def body() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")  # a new session will not have it
        set_event("phase", "written")
        return double(2)

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.result() == 4


def test_a_session_lost_while_a_body_sends_delivers_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = listening.start("news")
    send_it, calls = transitions.message_sent, iter(range(9))

    def sent_and_lost(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 0:
            terminate_own_backend()
        return send_it(*args, **kwargs)

    monkeypatch.setattr(transitions, "message_sent", sent_and_lost)
    SWITCH["body"] = lambda: send(receiver.id, "news", "once")
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.SUCCEEDED
    assert [message.body for message in Message.objects.all()] == ["once"]


@pytest.mark.parametrize("what", ["a child", "a value"])
def test_a_write_that_still_commits_while_it_is_asked_again_is_done_once(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    fetch, looked = event_log.fetch, threading.Event()
    slow = sql.dedicated_connection()
    slow.autocommit = False

    def commit_once_the_second_try_waits() -> None:
        until(lambda: _waits_for_a_lock(), what="the second try waits for the first one")
        slow.commit()
        slow.close()

    committing = threading.Thread(target=commit_once_the_second_try_waits)

    def fetch_and_lose(statement: Any, parameters: Any) -> Any:
        if ("new_id" not in parameters and parameters.get("kind") != "value_set") or looked.is_set():
            return fetch(statement, parameters)
        looked.set()
        slow.execute(statement, parameters)
        committing.start()
        raise OperationalError("the connection was lost before the answer came")

    monkeypatch.setattr(event_log, "fetch", fetch_and_lose)
    SWITCH["body"] = lambda: doubling.start([1]).id if what == "a child" else set_event("phase", "written")
    handle = switching.start()
    run(handle)
    committing.join()
    assert handle.status() is Status.SUCCEEDED
    recorded = [event for event in handle.history() if event.position == 1]
    assert [event.kind for event in recorded] == ["child_started" if what == "a child" else "value_set"]
    assert_history_is_whole(handle.id)


def _waits_for_a_lock() -> bool:
    with sql.dedicated_connection() as asking:
        row = asking.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return bool(row and row[0])
