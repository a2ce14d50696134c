"""What happens exactly while a workflow falls asleep wakes it: the sender waits for the suspension, then sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from tests.definitions import following, listening, publishing
from tests.execution import assert_history_is_whole, claim, run
from tests.wait import until
from workflows import sql, transitions
from workflows.durable import Status, send
from workflows.transitions import Claim

pytestmark = pytest.mark.django_db(transaction=True)
_BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def while_suspending(claimed: Claim, wait: dict[str, Any], act: Callable[[], object]) -> None:
    """Call `act` in a thread while the suspension is written but not committed; return when both are done."""
    failures: list[Exception] = []

    def in_thread() -> None:
        try:
            act()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=in_thread)
    with sql.dedicated_connection() as other, transaction.atomic():
        wait = {"name": None, "workflow": None, "until": None, "since": None, **wait}
        assert transitions.suspend(claimed.owner, wait=wait, wakes=0)
        thread.start()
        until(lambda: other.execute(_BLOCKED).fetchall()[0][0], what="the other one waits for the row")
    thread.join()
    assert not failures, failures


def test_a_message_that_comes_while_its_receiver_falls_asleep_wakes_it() -> None:
    handle = listening.start("go")
    claimed = claim(handle)
    while_suspending(claimed, {"for": "message", "name": "go"}, lambda: send(handle.id, "go", "hello"))
    assert handle.status() is Status.QUEUED
    assert_history_is_whole(handle.id)
    run(handle)
    assert handle.result() == "hello"


def test_a_wakeup_that_comes_while_a_workflow_falls_asleep_wakes_it() -> None:
    handle = following.start(publishing.start([1]).id, "key")
    claimed = claim(handle)
    wait = {"for": "event", "name": "key"}
    while_suspending(claimed, wait, lambda: transitions.wake([handle.id], reason="event"))
    assert handle.status() is Status.QUEUED
    assert_history_is_whole(handle.id)
