"""Waiting: a workflow that waits holds no worker, says what it waits for, and goes on as soon as that happens.

It waits for a time, a message, another workflow's value or end, the ends of many, or a step's next attempt. How long is
counted from the moment when the wait began, whatever is restarted meanwhile, and its outcome is recorded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from tests.conformance.definitions import CALLS, die, note, run_until_killed, start
from tests.conformance.waits import CAUSES, WAITS, WOKEN_BY, speak, waiting_for, work_off_only
from tests.execution import kinds, run, work_off
from workflows import operations, recovery, transitions, wakeups
from workflows.durable import (
    Status,
    WorkflowHandle,
)
from workflows.models import Wait, Wakeup, Workflow

every_wait = pytest.mark.parametrize("kind", list(WAITS))
with_a_cause = pytest.mark.parametrize("kind", [kind for kind in WAITS if kind != "time"])


@every_wait
def test_a_waiting_workflow_holds_no_worker_and_says_what_it_waits_for_and_since_when(kind: str) -> None:
    began = timezone.now()
    waiter, target = waiting_for(kind)
    run(waiter)
    row = Workflow.objects.get(id=waiter.id)
    assert (row.status, row.worker, row.lease_expires_at) == ("waiting", None, None)
    assert row.waiting is not None
    assert row.waiting["for"] == kind
    named = {"message": "topic", "event": "k", "results": "1 workflow", "completion": "1 workflow"}.get(kind)
    assert row.waiting["name"] == named
    assert row.waiting["workflow"] == (target.id if kind in ("event", "result") else None)
    assert began <= datetime.fromisoformat(row.waiting["since"]) <= timezone.now()


@every_wait
def test_a_waiting_workflow_says_until_when_it_waits_at_most(kind: str) -> None:
    waiter, _target = waiting_for(kind, seconds=100)
    run(waiter)
    row = Workflow.objects.get(id=waiter.id)
    assert row.waiting is not None
    end = datetime.fromisoformat(row.waiting["until"])
    assert end - datetime.fromisoformat(row.waiting["since"]) == timedelta(seconds=100)
    assert row.wake_at == end


@with_a_cause
def test_a_wait_without_a_limit_has_no_end(kind: str) -> None:
    waiter, _target = waiting_for(kind)
    run(waiter)
    row = Workflow.objects.get(id=waiter.id)
    assert row.waiting is not None
    assert (row.waiting["until"], row.wake_at) == (None, None)


@with_a_cause
def test_the_cause_alone_queues_it_again_and_it_goes_on_without_repeating_a_step(kind: str) -> None:
    waiter, target = waiting_for(kind)
    run(waiter)
    CAUSES[kind](waiter, target)
    assert waiter.status() is Status.QUEUED
    assert Workflow.objects.get(id=waiter.id).waiting is None
    run(waiter)
    expected = {
        "message": "hello", "event": "v", "result": "done", "results": ["done"], "completion": [target.id],
    }  # fmt: skip
    assert waiter.result() == expected[kind]
    assert (CALLS["before"], CALLS["after"]) == (1, 1)
    woken = next(event for event in waiter.history() if event.kind == "woken")
    assert woken.data == {"reason": WOKEN_BY[kind]}


@every_wait
def test_time_alone_queues_it_again_when_its_limit_has_passed(kind: str) -> None:
    waiter, target = waiting_for(kind, seconds=0.3)
    operations.cancel(target.id) if kind == "time" else None
    run(waiter)
    work_off_only(waiter)
    assert waiter.result() == (None if kind == "time" else "timed out")
    told = {event.kind.value: event for event in waiter.history()}
    assert told["woken"].data == {"reason": "time"}
    assert told["woken"].at - told["wait_started"].at >= timedelta(seconds=0.3)


@every_wait
def test_a_crash_in_the_middle_does_not_extend_a_wait(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waiter, _target = waiting_for(kind, seconds=100)
    with monkeypatch.context() as patch:
        patch.setattr(transitions, "suspend", lambda *_args, **_named: die())
        run_until_killed(waiter)
    began = next(event for event in waiter.history() if event.kind == "wait_started")
    run(waiter)
    assert Workflow.objects.get(id=waiter.id).wake_at == began.at + timedelta(seconds=100)
    assert kinds(waiter).count("wait_started") == 1


@every_wait
def test_a_cancelled_and_resumed_wait_keeps_its_end(kind: str) -> None:
    waiter, _target = waiting_for(kind, seconds=100)
    run(waiter)
    end = Workflow.objects.get(id=waiter.id).wake_at
    operations.cancel(waiter.id)
    operations.resume(waiter.id)
    run(waiter)
    assert Workflow.objects.get(id=waiter.id).wake_at == end


@every_wait
def test_a_recorded_wait_is_not_waited_for_again_on_replay(kind: str) -> None:
    waiter, target = waiting_for(kind, seconds=0.01)
    run(waiter)
    work_off_only(waiter)
    position = 4 if kind == "completion" else 3
    fork = operations.fork(waiter.id, position)
    run(WorkflowHandle[Any](target.id))
    again = WorkflowHandle[Any](fork.id)
    run(again)
    assert again.result() == waiter.result()
    assert "suspended" not in kinds(again)[kinds(again).index("forked") :]


@with_a_cause
def test_what_happens_while_it_falls_asleep_is_not_missed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waiter, target = waiting_for(kind)
    suspend = transitions.suspend
    late = [lambda: CAUSES[kind](waiter, target)]

    def suspend_late(owner: Any, **told: Any) -> bool:
        if owner.workflow_id == waiter.id and late:
            late.pop()()
        return suspend(owner, **told)

    monkeypatch.setattr(transitions, "suspend", suspend_late)
    run(waiter)
    work_off(waiter)
    assert waiter.status() is Status.SUCCEEDED
    assert (CALLS["before"], CALLS["after"]) == (1, 1)


@pytest.mark.parametrize("kind", ["event", "result", "results", "completion"])
def test_a_wakeup_that_a_killed_process_did_not_deliver_is_delivered_by_another(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiter, target = waiting_for(kind)
    run(waiter)
    with monkeypatch.context() as patch:
        patch.setattr(wakeups, "deliver", lambda _target: 0)
        CAUSES[kind](waiter, target)
    assert waiter.status() is Status.WAITING
    recovery.deliver_wakeups()
    assert waiter.status() is Status.QUEUED
    work_off(waiter)
    assert not Wakeup.objects.exists()


@every_wait
def test_a_cancelled_waiter_ends_at_once_and_is_not_woken_again(kind: str) -> None:
    waiter, target = waiting_for(kind, seconds=100)
    run(waiter)
    operations.cancel(waiter.id)
    row = Workflow.objects.get(id=waiter.id)
    assert (row.status, row.wake_at) == ("cancelled", None)
    assert not Wait.objects.filter(workflow_id=waiter.id).exists()
    run(target)
    recovery.wake_due()
    recovery.deliver_wakeups()
    assert waiter.status() is Status.CANCELLED


@with_a_cause
def test_what_is_there_already_is_taken_without_falling_asleep(kind: str) -> None:
    waiter, target = waiting_for(kind)
    CAUSES[kind](waiter, target)
    run(waiter)
    assert waiter.status() is Status.SUCCEEDED
    assert "suspended" not in kinds(waiter)


@every_wait
def test_a_wait_inside_a_transaction_of_the_body_is_refused_instead_of_holding_it_open(kind: str) -> None:
    target = start(speak)

    def wait() -> str:
        with pytest.raises(TransactionManagementError, match="transaction"), transaction.atomic():
            WAITS[kind](target, None)
        return str(note("after"))

    handle = start(wait)
    run(handle)
    assert handle.result() == "after"
    run(target)
