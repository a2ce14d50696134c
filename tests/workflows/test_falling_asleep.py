"""What happens exactly while a workflow falls asleep wakes it: the sender waits for the suspension, then sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from tests.definitions import SWITCH, following, listening, publishing, switching
from tests.execution import assert_history_is_whole, claim, run
from tests.wait import until
from workflows import event_log, operations, sql, transitions
from workflows.durable import Status, gather, send
from workflows.event_log import Owner
from workflows.models import Wait
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


def test_a_workflow_that_is_cancelled_while_it_registers_its_waits_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    child = publishing.start([1])
    register = event_log.waits_registered

    def registered_and_cancelled(owner: Owner, targets: list[str], **options: Any) -> int:
        wakes = register(owner, targets, **options)
        waits = list(Wait.objects.all())
        operations.cancel(owner.workflow_id)
        Wait.objects.bulk_create(waits)  # as if they had been committed just after the cancellation looked for them
        return wakes

    monkeypatch.setattr(event_log, "waits_registered", registered_and_cancelled)
    SWITCH["body"] = lambda: gather([child])
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.CANCELLED
    assert not Wait.objects.exists()
