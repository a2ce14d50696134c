"""Steps: what a step returned or raised is recorded, and a workflow that goes on elsewhere does not do it again.

A step runs at least once and is recorded at most once. Retries, their back-off and their errors are part of the
record. An atomic step's database writes commit together with its record, exactly once.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from tests.conformance.definitions import CALLS, die, note, only, refuse, run_until_killed, start
from tests.execution import claim, crash, kinds, run, work_off
from workflows import engine, operations
from workflows.durable import PayloadError, Status, WorkflowFailed, set_event, step
from workflows.models import Step, Workflow


class Rejected(ValueError):
    """An error of the application's own."""


def dies_once(*operations_before: Any) -> Any:
    """A body: these steps, a killed worker the first time, then one step more."""

    def body() -> Any:
        results = [operation() for operation in operations_before]
        if CALLS["killed"] == 0:
            CALLS["killed"] += 1
            die()
        return [*results, note("after")]

    return body


def test_a_replay_returns_what_is_recorded_without_executing_the_step() -> None:
    handle = start(dies_once(lambda: note("one", {"a": [1]}), lambda: note("two")))
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == [{"a": [1]}, "two", "after"]
    assert (CALLS["one"], CALLS["two"], CALLS["after"]) == (1, 1, 1)


def test_a_recorded_error_is_raised_again_without_executing_the_step() -> None:
    def caught() -> str:
        with pytest.raises(ValueError, match="no"):
            refuse("no")
        return "caught"

    handle = start(dies_once(caught))
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == ["caught", "after"]
    assert CALLS["refuse"] == 1


def test_a_step_is_tried_so_often_and_no_more_with_doubling_pauses_and_none_after_the_last() -> None:
    @step(attempts=3, backoff=0.2)
    def shaky() -> None:
        CALLS["shaky"] += 1
        raise Rejected(f"try {CALLS['shaky']}")

    handle = start(only(shaky))
    work_off(handle)
    assert CALLS["shaky"] == 3
    starts = [event.at for event in handle.history() if event.kind == "step_started"]
    fails = [event.at for event in handle.history() if event.kind in ("step_retrying", "step_failed")]
    pauses = [(begun - failed).total_seconds() for failed, begun in zip(fails, starts[1:], strict=False)]
    assert pauses[0] >= 0.2
    assert pauses[1] >= 0.4
    assert kinds(handle)[-2:] == ["step_failed", "failed"]


def test_an_exhausted_step_ends_the_workflow_and_every_attempts_error_is_in_the_history() -> None:
    @step(attempts=2, backoff=0)
    def shaky() -> None:
        CALLS["shaky"] += 1
        raise Rejected(f"try {CALLS['shaky']}")

    handle = start(only(shaky))
    work_off(handle)
    with pytest.raises(WorkflowFailed, match="try 2") as failed:
        handle.result()
    assert failed.value.error is not None
    assert failed.value.error["type"] == "Rejected"
    assert "in shaky" in failed.value.error["traceback"]
    errors = [
        event.data["error"]["message"]
        for event in handle.history()
        if event.kind.startswith("step_") and "error" in event.data
    ]
    assert errors == ["try 1", "try 2"]


def test_an_error_that_is_not_worth_a_retry_is_raised_at_once() -> None:
    @step(attempts=5, backoff=0, retry_on=ConnectionError)
    def picky() -> None:
        CALLS["picky"] += 1
        raise Rejected("for good")

    handle = start(only(picky))
    work_off(handle)
    assert CALLS["picky"] == 1
    assert handle.status() is Status.FAILED


def test_a_step_waiting_for_its_next_attempt_holds_no_worker_and_says_so() -> None:
    @step(attempts=2, backoff=0.5)
    def shaky() -> str:
        CALLS["shaky"] += 1
        if CALLS["shaky"] == 1:
            raise Rejected
        return "done"

    handle = start(only(shaky))
    run(handle)
    row = Workflow.objects.get(id=handle.id)
    assert (row.status, row.worker) == ("waiting", None)
    assert row.waiting is not None
    assert (row.waiting["for"], row.waiting["name"], row.waiting["position"]) == ("retry", "shaky", 1)
    assert row.wake_at is not None
    assert row.wake_at > row.status_at
    work_off(handle)
    assert handle.result() == "done"


def test_attempts_that_were_made_before_a_crash_count() -> None:
    @step(attempts=3, backoff=0)
    def shaky() -> None:
        CALLS["shaky"] += 1
        if CALLS["shaky"] == 2:
            die()
        raise Rejected(f"try {CALLS['shaky']}")

    handle = start(only(shaky))
    with pytest.raises(KeyboardInterrupt):
        work_off(handle)
    crash(handle)
    work_off(handle)
    recorded = Step.objects.get()
    assert (recorded.status, recorded.failures) == ("failed", 3)
    assert CALLS["shaky"] == 4  # the attempt that was cut off is no failure of the step


def test_a_crash_in_a_back_off_neither_repeats_nor_extends_it() -> None:
    @step(attempts=2, backoff=0.6)
    def shaky() -> str:
        CALLS["shaky"] += 1
        if CALLS["shaky"] == 1:
            raise Rejected
        return "done"

    handle = start(only(shaky))
    run(handle)
    due = Step.objects.get().next_attempt_at
    operations.cancel(handle.id)
    operations.resume(handle.id)
    work_off(handle)
    assert due is not None
    assert handle.result() == "done"
    assert CALLS["shaky"] == 2


def test_a_result_that_cannot_be_stored_fails_the_workflow_instead_of_leaving_it_stuck() -> None:
    @step(attempts=3, backoff=0)
    def odd() -> Any:
        CALLS["odd"] += 1
        return object()

    handle = start(only(odd))
    work_off(handle)
    assert handle.status() is Status.FAILED
    assert CALLS["odd"] == 1
    with pytest.raises(WorkflowFailed, match=r"PayloadError.*result of step 'odd' is not JSON"):
        handle.result()


def test_a_step_outside_a_workflow_and_inside_a_step_is_a_plain_call() -> None:
    assert note("plain") == "plain"

    @step
    def outer() -> Any:
        return note("inner")

    handle = start(only(outer))
    run(handle)
    assert Step.objects.get().name == "outer"


def test_a_running_step_is_visible_with_its_start_its_attempt_and_its_worker() -> None:
    seen: list[Step] = []

    @step
    def looking() -> None:
        seen.append(Step.objects.get(workflow_id=handle.id))

    handle = start(only(looking))
    run(handle)
    (row,) = seen
    assert (row.status, row.attempt, row.worker) == ("running", 1, "test-host:1-abc/1")
    assert row.started_at is not None
    assert row.finished_at is None


def test_the_first_execution_sees_results_exactly_as_a_replay_does() -> None:
    values: list[Any] = [(1, 2), {"k": (3,)}, timezone.now(), 1.5, 10**30, "Ä", None, 1e16, 1e300, [1e22, "1e+16"]]
    seen: list[list[Any]] = []

    @step
    def giving(index: int) -> Any:
        return values[index]

    def body() -> None:
        seen.append([giving(index) for index in range(len(values))])
        if len(seen) == 1:
            die()

    handle = start(body)
    run_until_killed(handle)
    work_off(handle)
    assert [repr(value) for value in seen[0]] == [repr(value) for value in seen[1]]


def test_an_atomic_step_commits_its_writes_and_its_record_together() -> None:
    @step(atomic=True)
    def grouping() -> str:
        Group.objects.create(name="written")
        set_event("group", "written")
        if CALLS["killed"] == 0:
            CALLS["killed"] += 1
            die()
        return "done"

    handle = start(only(grouping))
    run_until_killed(handle)
    assert not Group.objects.exists()
    assert handle.values() == {}
    work_off(handle)
    assert Group.objects.count() == 1
    assert handle.values()["group"].value == "written"


def test_an_atomic_step_of_an_execution_that_lost_its_workflow_writes_nothing() -> None:
    @step(atomic=True)
    def grouping() -> None:
        Group.objects.create(name=f"written {CALLS['lost']}")

    def body() -> None:
        if CALLS["lost"] == 0:
            CALLS["lost"] += 1
            crash(handle)
        grouping()

    handle = start(body)
    run(handle)
    assert not Group.objects.exists()
    work_off(handle)
    assert Group.objects.count() == 1


def test_the_late_result_of_a_lost_execution_is_refused_and_the_owners_stands() -> None:
    answers = iter(["late", "owner's"])

    @step
    def slow() -> str:
        answer = next(answers)
        if answer == "late":
            crash(handle)
            engine.execute(claim(handle, worker="other-host:1-abc/1"), stopping=lambda: False)
        return answer

    handle = start(only(slow))
    run(handle)
    assert handle.result() == "owner's"
    assert kinds(handle).count("step_succeeded") == 1


def test_a_resumed_workflow_of_a_thousand_steps_reads_its_record_once(statements: list[str]) -> None:
    def body() -> int:
        total = sum(1 for _ in range(1_000) if note("step"))
        if CALLS["killed"] == 0:
            CALLS["killed"] += 1
            die()
        return total

    handle = start(body)
    run_until_killed(handle)
    statements.clear()
    run(handle)
    assert handle.result() == 1_000
    assert CALLS["step"] == 1_000
    assert len(statements) == 3, statements  # the claim, the record, the end


def test_a_step_that_swallows_its_payload_error_can_go_on() -> None:
    @step
    def careful() -> str:
        with pytest.raises(PayloadError):
            set_event("k", object())
        return "fine"

    handle = start(only(careful))
    run(handle)
    assert handle.result() == "fine"
