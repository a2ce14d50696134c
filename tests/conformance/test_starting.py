"""Starting: one id is one workflow, what cannot be stored is refused, and a start belongs to the caller's transaction.

Options say in which queue, how urgent, not before when, for how long at most, and what a second start with the same
dedup key does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tests.conformance.definitions import CALLS, die, echo, listening, note, run_until_killed, start
from tests.execution import kinds, run, work_off
from tests.wait import until
from workflows import operations, recovery
from workflows.durable import (
    DuplicateWorkflow,
    InvalidInput,
    InvalidWorkflowId,
    PayloadError,
    Status,
    UnknownDefinition,
    WorkflowConflict,
    sleep,
)
from workflows.models import Event, Workflow


def once(*_args: Any) -> Any:
    return note("once")


def doze(seconds: float) -> None:
    sleep(seconds)


def assert_nothing_written() -> None:
    assert not Workflow.objects.exists()
    assert not Event.objects.exists()


def test_an_id_that_is_started_twice_is_executed_once_with_one_result() -> None:
    first = start(once, "input", workflow_id="order-1")
    second = start(once, "input", workflow_id="order-1")
    work_off(first, second)
    third = start(once, "input", workflow_id="order-1")
    assert first.result() == second.result() == third.result() == "once"
    assert CALLS["once"] == 1


def test_an_id_with_other_input_or_another_definition_is_a_conflict_that_shows_both() -> None:
    start(once, "input", workflow_id="order-1")
    with pytest.raises(WorkflowConflict, match=r"'input'.*'other'"):
        start(once, "other", workflow_id="order-1")
    with pytest.raises(WorkflowConflict, match=r"'conformance'.*'conformance_listening'"):
        listening.using(workflow_id="order-1").start("topic")
    assert Workflow.objects.count() == 1


UNSTORABLE: dict[str, Any] = {
    "not a number": float("nan"), "infinity": float("inf"), "NUL": "a\x00b", "half a surrogate": "\ud800", "set": {1},
    "bytes": b"x", "object": object(), "huge": "x" * 1_100_000, "endless number": 10**5_000, "tuple key": {(1, 2): 3},
    "NUL in a key": {"a\x00": 1}, "infinity by digits": {"a": [1e999]},
}  # fmt: skip


@pytest.mark.parametrize("name", UNSTORABLE)
def test_input_that_cannot_be_stored_is_refused_and_nothing_is_written(name: str) -> None:
    with pytest.raises(PayloadError):
        start(once, UNSTORABLE[name])
    assert_nothing_written()


def test_input_that_is_nested_too_deeply_or_in_circles_is_refused_and_nothing_is_written() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    circle: list[Any] = []
    circle.append(circle)
    for value in (deep, circle):
        with pytest.raises(PayloadError):
            start(once, value)
    assert_nothing_written()
    del circle[:]
    while deep:
        deep = deep.pop()


@pytest.mark.parametrize("depth", [100, 900])
def test_input_that_is_nested_deeply_is_either_refused_or_comes_back_whole(depth: int) -> None:
    value: Any = "core"
    for _ in range(depth):
        value = [value]
    try:
        handle = start(echo, value)
    except PayloadError:
        assert_nothing_written()
        return
    run(handle)
    assert handle.result() == value


HOSTILE: list[Any] = [
    "", "'; DROP TABLE workflows_workflow; --", "<script>alert(1)</script>", "%(id)s %s {0}", "\\u0000", "🦆\u202e",
    10**4_000, 1e300, 2.251799813685243e16, ["1e+16\"", 1e22], -0.0, {"__proto__": {"x": 1}},
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_input_comes_back_as_it_was_given(value: Any) -> None:
    handle = start(echo, value)
    run(handle)
    assert handle.result() == value


def test_an_extreme_number_is_the_same_input_the_second_time() -> None:
    for value in (1e300, 1.5e16, 5e-324, 2**70, -0.0):
        assert start(echo, value, workflow_id=f"n{value}").id == start(echo, value, workflow_id=f"n{value}").id


def test_arguments_that_do_not_fit_are_refused_with_the_signature() -> None:
    with pytest.raises(InvalidInput, match=r"conformance_listening\(topic: str\)"):
        listening.start()  # type: ignore[call-arg]
    with pytest.raises(UnknownDefinition, match="no-such-definition"):
        operations.start("no-such-definition")
    assert_nothing_written()


@pytest.mark.parametrize("workflow_id", ["", " ", "a b", "a\x00", "x" * 201, "a\u200bb", "\ud800"])
def test_an_id_that_nobody_could_see_or_copy_is_refused(workflow_id: str) -> None:
    with pytest.raises(InvalidWorkflowId):
        start(once, workflow_id=workflow_id)
    assert_nothing_written()


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 1_001}, {"priority": 1.5}, {"priority": True}, {"delay": -1}, {"delay": float("nan")},
        {"delay": 1, "run_at": timezone.now()}, {"run_at": timezone.now().replace(tzinfo=None)}, {"timeout": 0},
        {"run_at": datetime.fromisoformat("9999-12-31T23:59:59-14:00")},
        {"timeout": float("inf")}, {"on_duplicate": "replace"}, {"queue": "q" * 101}, {"timeout": "5"},
    ],
    ids=lambda options: "-".join(options),
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        start(once, **options)
    assert_nothing_written()


@pytest.mark.parametrize(
    "options", [{"dedup_key": ""}, {"partition_key": "\x00"}, {"queue": ""}, {"dedup_key": "k" * 201}]
)
def test_keys_that_cannot_be_stored_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        start(once, **options)
    assert_nothing_written()


def test_a_start_in_a_transaction_is_invisible_before_the_commit_and_absent_after_a_rollback() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        start(once)
        raise ZeroDivisionError
    assert_nothing_written()
    with transaction.atomic():
        handle = start(once)
    work_off(handle)
    assert handle.result() == "once"


def test_a_delayed_workflow_is_not_started_before_its_time_and_says_when_that_is() -> None:
    handle = start(once, delay=1.0)
    row = Workflow.objects.get()
    assert row.status == "delayed"
    assert row.wake_at is not None
    assert abs((row.wake_at - row.created_at).total_seconds() - 1.0) < 0.001
    recovery.wake_due()
    assert handle.status() is Status.DELAYED
    work_off(handle)
    row.refresh_from_db()
    assert row.started_at is not None
    assert row.started_at >= row.created_at + timedelta(seconds=1)
    assert kinds(handle)[:3] == ["created", "due", "claimed"]


def test_a_time_to_start_in_the_past_is_now() -> None:
    handle = start(once, run_at=timezone.now() - timedelta(days=1))
    assert handle.status() is Status.QUEUED
    work_off(handle)


@pytest.mark.parametrize("moment", ["2038-01-19T03:14:08Z", "2400-02-29T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_far_ahead_is_kept_exactly_and_waited_for(moment: str) -> None:
    handle = start(once, run_at=datetime.fromisoformat(moment), timeout=100 * 365 * 86_400)
    row = Workflow.objects.get(id=handle.id)
    assert (row.status, row.wake_at) == ("delayed", datetime.fromisoformat(moment))
    assert recovery.wake_due() == 0
    left = recovery.next_alarm()
    assert left is not None
    assert left > 11 * 365 * 86_400


def test_a_sleep_of_a_hundred_years_ends_when_it_says() -> None:
    handle = start(doze, 100 * 365 * 86_400)
    run(handle)
    row = Workflow.objects.get(id=handle.id)
    assert (row.status, row.waiting["until"][:4]) == ("waiting", str(row.wake_at.year))
    assert row.wake_at.year >= 2125
    assert recovery.wake_due() == 0


def test_a_delayed_workflow_can_be_cancelled_and_resumed() -> None:
    handle = start(once, delay=3_600)
    operations.cancel(handle.id)
    assert handle.status() is Status.CANCELLED
    operations.resume(handle.id)
    work_off(handle)
    assert handle.result() == "once"


def test_a_second_start_with_a_dedup_key_returns_the_unfinished_first_or_is_an_error_that_names_it() -> None:
    first = start(once, "a", dedup_key="nightly")
    assert start(once, "b", dedup_key="nightly").id == first.id
    with pytest.raises(DuplicateWorkflow, match=f"nightly.*{first.id}") as duplicate:
        start(once, "c", dedup_key="nightly", on_duplicate="raise")
    assert duplicate.value.workflow_id == first.id
    assert start(once, dedup_key="nightly", queue="another queue").id != first.id
    assert start(once, dedup_key="another key").id != first.id


def test_an_id_that_is_taken_is_refused_by_choice_and_the_error_says_how_that_one_is() -> None:
    first = start(once, "a", workflow_id="order-42")
    events = list(first.history())
    with pytest.raises(DuplicateWorkflow, match="'order-42' exists already: it is queued"):
        start(once, "a", workflow_id="order-42", on_duplicate="raise")
    assert list(first.history()) == events
    work_off(first)
    with pytest.raises(DuplicateWorkflow, match="it is succeeded"):
        start(once, "b", workflow_id="order-42", on_duplicate="raise")


@pytest.mark.parametrize("end", ["success", "cancel", "failure"])
def test_a_dedup_key_is_free_again_at_the_end(end: str) -> None:
    def failing() -> None:
        raise ValueError

    first = start(failing if end == "failure" else once, dedup_key="nightly")
    if end == "cancel":
        operations.cancel(first.id)
    else:
        run(first)
    assert start(once, dedup_key="nightly", on_duplicate="raise").id != first.id


def test_a_dedup_key_is_held_while_waiting() -> None:
    first = start(doze, 3_600, dedup_key="nightly")
    run(first)
    assert first.status() is Status.WAITING
    assert start(doze, 1, dedup_key="nightly").id == first.id


def test_a_workflow_that_cannot_go_on_beside_its_successor_is_not_resumed() -> None:
    first = start(once, dedup_key="nightly")
    operations.cancel(first.id)
    second = start(once, dedup_key="nightly")
    with pytest.raises(DuplicateWorkflow, match=second.id):
        operations.resume(first.id)
    assert first.status() is Status.CANCELLED
    work_off(second)
    operations.resume(first.id)
    work_off(first)


def test_a_deadline_counts_from_the_first_claim_and_cancels() -> None:
    handle = start(doze, 3_600, timeout=1.5)
    assert Workflow.objects.get().deadline_at is None
    run(handle)
    row = Workflow.objects.get()
    assert row.started_at is not None
    assert row.deadline_at == row.started_at + timedelta(seconds=1.5)
    assert recovery.cancel_overdue() == 0
    until(lambda: recovery.cancel_overdue())
    cancelled = list(handle.history())[-1]
    assert (cancelled.kind, cancelled.data["reason"]) == ("cancelled", "its timeout passed")


def test_a_workflow_that_its_deadline_ended_has_its_whole_timeout_again_when_it_is_resumed() -> None:
    handle = start(doze, 0.3, timeout=0.1)
    run(handle)
    until(lambda: recovery.cancel_overdue())
    operations.resume(handle.id)
    run(handle)
    row = Workflow.objects.get()
    claimed = [event.at for event in handle.history() if event.kind == "claimed"][-1]
    assert row.deadline_at == claimed + timedelta(seconds=0.1)


def test_a_restart_in_the_middle_does_not_move_the_deadline() -> None:
    deadlines = []

    def body() -> None:
        deadlines.append(Workflow.objects.get().deadline_at)
        if len(deadlines) < 3:
            die()

    handle = start(body, timeout=100)
    for _ in range(2):
        run_until_killed(handle)
    work_off(handle)
    assert len(set(deadlines)) == 1
    assert deadlines[0] is not None
