"""A database that goes away in the middle: a write with unknown outcome is asked again and happens once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from tests.definitions import SWITCH, double, doubling, switching
from tests.execution import assert_history_is_whole, run
from workflows import event_log
from workflows.durable import Status, set_event
from workflows.sql import dedicated_connection

pytestmark = pytest.mark.django_db(transaction=True)


def terminate_own_backend() -> None:
    """As a failover or a restarted server does: the session is gone, the client learns it at its next word."""
    with dedicated_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])


def test_a_session_lost_before_a_checkpoint_is_replaced() -> None:
    def body() -> int:
        set_event("phase", "begin")
        terminate_own_backend()
        set_event("phase", "middle")
        terminate_own_backend()
        return double(2)

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.result() == 4
    assert_history_is_whole(handle.id)


@pytest.mark.parametrize("statement", range(1, 9))
def test_an_answer_lost_after_the_commit_does_not_write_twice(statement: int, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = doubling.start([1, 2])
    fetch, calls = event_log.fetch, iter(range(100))

    def fetch_and_lose(text: Any, parameters: Any) -> Any:
        rows = fetch(text, parameters)
        if next(calls) == statement:
            terminate_own_backend()
            raise OperationalError("the connection was lost before the answer came")
        return rows

    monkeypatch.setattr(event_log, "fetch", fetch_and_lose)
    run(handle)
    assert handle.result() == [2, 4]
    assert_history_is_whole(handle.id)
    operations = [event.position for event in handle.history() if event.kind == "step_succeeded"]
    assert operations == [2, 3]


def test_a_transaction_lost_with_its_connection_is_not_half_asked_again() -> None:
    def body() -> str:
        try:
            with transaction.atomic():
                set_event("inside", 1)
                terminate_own_backend()
                set_event("inside", 2)
        except OperationalError:
            connection.close()
        return "rolled back"

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.SUCCEEDED
    assert "inside" not in handle.values()
    assert_history_is_whole(handle.id)


def test_patience_ends(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "DATABASE_PATIENCE": 0.2}
    fetch = event_log.fetch

    def away(text: Any, parameters: Any) -> Any:
        if parameters.get("kind") == "value_set":
            raise OperationalError("the database is away")
        return fetch(text, parameters)

    def body() -> None:
        monkeypatch.setattr(event_log, "fetch", away)
        try:
            set_event("phase", 1)
        finally:
            monkeypatch.setattr(event_log, "fetch", fetch)

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.FAILED
