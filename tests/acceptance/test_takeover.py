"""Killing real processes: another one takes over, and nothing recorded is done again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.definitions import counting
from tests.execution import assert_history_is_whole
from tests.processes import Worker
from tests.wait import until
from workflows.durable import Status, WorkflowHandle
from workflows.models import Event, Workflow
from workflows.models import Worker as WorkerRow

pytestmark = pytest.mark.django_db(transaction=True)


def holder(handle: WorkflowHandle[Any]) -> int:
    """The pid of the pool child that runs the workflow."""
    worker = until(lambda: Workflow.objects.get(id=handle.id).worker, what="somebody runs it")
    return int(worker.rpartition("/")[2])


def steps_done(handle: WorkflowHandle[Any]) -> int:
    """How many steps have a recorded result."""
    return Event.objects.filter(workflow_id=handle.id, kind="step_succeeded").count()


def takeovers(handle: WorkflowHandle[Any]) -> int:
    """How often it was claimed after its worker had died."""
    return Workflow.objects.get(id=handle.id).takeovers


def assert_each_step_recorded_once(handle: WorkflowHandle[Any], count: int) -> None:
    """Every position has one result, and no body ran again after its result was there."""
    assert_history_is_whole(handle.id)
    assert steps_done(handle) == count
    finished: set[int | None] = set()
    for event in handle.history():
        if event.kind == "step_succeeded":
            finished.add(event.position)
        assert not (event.kind == "step_started" and event.position in finished)


def test_a_worker_executes_what_is_started(worker: Worker) -> None:
    handle = counting.start(5, 0.0)
    assert handle.result(timeout=60) == 5
    assert_history_is_whole(handle.id)


def test_a_killed_pool_child_is_replaced_long_before_its_lease_ends(start_worker: Callable[..., Worker]) -> None:
    start_worker(WORKFLOWS_LEASE_SECONDS="600")
    handle = counting.start(20, 0.1)
    until(lambda: steps_done(handle) >= 3)
    os.kill(holder(handle), signal.SIGKILL)
    assert handle.result(timeout=60) == 20
    assert_each_step_recorded_once(handle, 20)
    assert takeovers(handle) == 1


def test_a_killed_worker_is_replaced_by_another_when_its_lease_ends(start_worker: Callable[..., Worker]) -> None:
    lease = {"WORKFLOWS_LEASE_SECONDS": "3", "WORKFLOWS_RENEW_INTERVAL": "1"}
    first = start_worker(name="first", **lease)
    WorkerRow.objects.update(machine="another")  # so that nobody sees that its process is gone
    handle = counting.start(20, 0.1)
    until(lambda: steps_done(handle) >= 3)
    first.kill()
    start_worker(name="second", **lease)
    assert handle.result(timeout=60) == 20
    assert_each_step_recorded_once(handle, 20)
    (released,) = [event for event in handle.history() if event.kind == "released"][:1]
    assert released.data["reason"] == "lease_expired"


def test_a_worker_that_stops_warmly_hands_back_and_another_goes_on(start_worker: Callable[..., Worker]) -> None:
    first = start_worker(name="first", WORKFLOWS_SHUTDOWN_GRACE="0.5")
    handle = counting.start(1_000, 0.1)
    until(lambda: steps_done(handle) >= 3)
    assert first.terminate() == 0
    assert handle.status() is Status.QUEUED
    assert takeovers(handle) == 0
    start_worker(name="second")
    until(lambda: handle.status() is Status.RUNNING)
    assert steps_done(handle) < 1_000


def test_a_worker_that_was_frozen_past_its_lease_writes_nothing_late(start_worker: Callable[..., Worker]) -> None:
    lease = {"WORKFLOWS_LEASE_SECONDS": "2", "WORKFLOWS_RENEW_INTERVAL": "0.5"}
    frozen = start_worker(name="frozen", concurrency=1, **lease)
    handle = counting.start(50, 0.1)
    until(lambda: steps_done(handle) >= 2)
    os.killpg(frozen.pid, signal.SIGSTOP)
    start_worker(name="second", **lease)
    until(lambda: takeovers(handle) >= 1)
    os.killpg(frozen.pid, signal.SIGCONT)
    assert handle.result(timeout=60) == 50
    assert_each_step_recorded_once(handle, 50)
    until(lambda: frozen.said("this execution stopped"))


def test_a_workflow_that_kills_its_process_is_quarantined_and_others_go_on(worker: Worker) -> None:
    from tests.definitions import deadly

    poison, healthy = deadly.start(), counting.start(5, 0.05)
    assert healthy.result(timeout=60) == 5
    until(lambda: poison.status() is Status.QUARANTINED)
    assert_history_is_whole(poison.id)
    assert counting.start(1, 0.0).result(timeout=60) == 1


def test_a_lost_celery_message_is_sent_again(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    from workflows import dispatch

    monkeypatch.setattr(dispatch._outbox, "put", lambda _item: None)
    handle = counting.start(1, 0.0)
    assert handle.result(timeout=60) == 1


def test_doubled_messages_execute_a_workflow_once(worker: Worker) -> None:
    from celery import current_app

    handle = counting.start(3, 0.05)
    for _ in range(5):
        current_app.send_task("workflows.execute", kwargs={"workflow_id": handle.id}, queue="default")
    assert handle.result(timeout=60) == 3
    for _ in range(3):
        current_app.send_task("workflows.execute", kwargs={"workflow_id": handle.id}, queue="default")
    assert counting.start(1, 0.0).result(timeout=60) == 1
    assert_each_step_recorded_once(handle, 3)


def test_a_definition_that_is_gone_leaves_its_workflows_queued_and_the_worker_goes_on(worker: Worker) -> None:
    handle = counting.start(1, 0.0)
    handle.result(timeout=60)
    Workflow.objects.filter(id=handle.id).update(
        definition="deleted_long_ago", status="queued", output=None, finished_at=None
    )
    assert counting.start(2, 0.0).result(timeout=60) == 2
    assert handle.status() is Status.QUEUED
