"""Waiting, in particular: many waiters, other keys, odd arguments, stopping workers, code that swallows everything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.definitions import CALLS, die, echo, only, start
from tests.conformance.waits import Target, speak, waiting_for
from tests.execution import crash, kinds, run, work_off
from tests.wait import until
from workflows import operations, recovery
from workflows.durable import (
    NotInWorkflow,
    Status,
    WorkflowHandle,
    WorkflowNotFound,
    get_event,
    receive,
    send,
    set_event,
    sleep,
    step,
)
from workflows.models import Workflow


def test_many_waiters_of_one_workflow_all_go_on() -> None:
    target = start(speak)

    def wait() -> Any:
        return get_event(target.id, "k", timeout=None)

    waiters = [start(wait) for _ in range(30)]
    for waiter in waiters:
        run(waiter)
    operations.cancel(waiters[0].id)
    run(target)
    work_off(*waiters)
    assert [waiter.result() for waiter in waiters[1:]] == ["v"] * 29


def test_another_key_or_topic_wakes_nobody() -> None:
    def speak_of_another() -> None:
        set_event("another", 1)
        sleep(3_600)

    target = start(speak_of_another)

    def wait() -> Any:
        return get_event(target.id, "k", timeout=None)

    reader, receiver = start(wait), start(only_receive)
    run(reader)
    run(receiver)
    run(target)
    send(receiver.id, "another", 1)
    recovery.deliver_wakeups()
    assert (reader.status(), receiver.status()) == (Status.WAITING, Status.WAITING)


def only_receive() -> Any:
    return receive("topic")


def test_a_wait_for_the_next_value_is_not_ended_by_the_present_one() -> None:
    def speak_twice() -> None:
        set_event("k", 1)
        receive("go on")
        set_event("k", 2)

    target = start(speak_twice)
    run(target)
    seq = target.values()["k"].seq

    def wait() -> Any:
        return get_event(target.id, "k", after=seq, timeout=None)

    waiter = start(wait)
    run(waiter)
    assert waiter.status() is Status.WAITING
    send(target.id, "go on", None)
    work_off(waiter, target)
    assert waiter.result() == 2


def test_waiting_for_a_workflow_that_does_not_exist_is_an_error() -> None:
    def wait() -> Any:
        return WorkflowHandle[Any]("nobody").result()

    waiter = start(wait)
    run(waiter)
    assert waiter.status() is Status.FAILED
    assert WorkflowNotFound("nobody").args[0] in str(Workflow.objects.get().error)


def test_a_sleep_inside_a_step_is_refused_and_names_the_cure() -> None:
    @step
    def sleepy() -> None:
        with pytest.raises(NotInWorkflow, match="between steps"):
            sleep(1)

    handle = start(only(sleepy))
    run(handle)
    assert handle.status() is Status.SUCCEEDED


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_sleep_of_nothing_is_recorded_and_takes_no_time(seconds: float) -> None:
    def doze() -> None:
        sleep(seconds)

    handle = start(doze)
    run(handle)
    assert handle.status() is Status.SUCCEEDED
    assert kinds(handle).count("slept") == 1


def test_a_sleep_of_no_number_is_an_error_of_the_body() -> None:
    def doze() -> None:
        with pytest.raises(ValueError, match="not NaN"):
            sleep(float("nan"))

    handle = start(doze)
    run(handle)
    assert handle.status() is Status.SUCCEEDED


def test_a_stopping_worker_hands_a_waiter_back_or_lets_it_sleep_and_nothing_is_lost() -> None:
    waiter, target = waiting_for("result")
    run(waiter, stopping=lambda: True)
    assert waiter.status() in (Status.QUEUED, Status.WAITING)
    work_off(waiter, target)
    assert waiter.result() == "done"


def test_a_wait_that_code_tries_to_swallow_suspends_all_the_same() -> None:
    def stubborn() -> str:
        for _ in range(3):
            try:
                receive("topic")
            except BaseException:
                CALLS["swallowed"] += 1
        return "never without a message"

    handle = start(stubborn)
    run(handle)
    assert handle.status() is Status.WAITING
    for _ in range(3):
        send(handle.id, "topic", 1)
        work_off_until_idle(handle)
    assert handle.status() is Status.SUCCEEDED


def work_off_until_idle(handle: Target) -> None:
    while handle.status() is Status.QUEUED:
        run(handle)


def test_a_restart_of_the_worker_that_held_a_short_wait_does_not_extend_it(settings: Any) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "SUSPEND_AFTER": 100.0, "SUSPEND_AT_LEAST": 100.0}
    waiter, _target = waiting_for("message", seconds=1.5)
    ends: list[str] = []

    def looked_at(*, dies: bool) -> bool:
        waiting = Workflow.objects.get(id=waiter.id).waiting
        if waiting is not None:
            ends.append(waiting["until"])
            if dies:
                die()
        return False

    with pytest.raises(KeyboardInterrupt):
        run(waiter, stopping=lambda: looked_at(dies=True))
    crash(waiter)
    run(waiter, stopping=lambda: looked_at(dies=False))
    assert waiter.result() == "timed out"
    assert len(set(ends)) == 1
    assert kinds(waiter).count("wait_started") == 1


def test_two_waits_for_the_same_workflow_in_a_row_do_not_confuse_each_other() -> None:
    target = start(echo, 1)

    def wait() -> Any:
        first = get_event(target.id, "k", timeout=0.05, default="timed out")
        return [first, target.result()]

    waiter = start(wait)

    def waits_for_the_end() -> bool:
        recovery.wake_due()
        if waiter.status() is Status.QUEUED:
            run(waiter)
        row = Workflow.objects.get(id=waiter.id)
        return row.status == "waiting" and row.waiting is not None and row.waiting["for"] == "result"

    until(waits_for_the_end)
    work_off(waiter, target)
    assert waiter.result() == ["timed out", 1]
