"""Executing and replaying: what is recorded is not done again, what changed is refused."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import Group

from tests.definitions import (
    CALLS,
    SWITCH,
    Coded,
    Refused,
    catching,
    double,
    doubling,
    grouping,
    publishing,
    retrying,
    switching,
)
from tests.execution import assert_history_is_whole, claim, crash, kinds, run
from workflows import engine, operations
from workflows.durable import (
    NotInWorkflow,
    PayloadError,
    Status,
    StepFailed,
    WorkflowCancelled,
    WorkflowFailed,
    set_event,
)
from workflows.errors import Cancelled, HandBack
from workflows.models import Event, Step, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_workflow_runs_its_steps_and_returns_their_results() -> None:
    handle = doubling.start([1, 2, 3])
    run(handle)
    assert handle.status() is Status.SUCCEEDED
    assert handle.result() == [2, 4, 6]
    assert {key: value.value for key, value in handle.values().items()}["phase"] == "end"
    assert_history_is_whole(handle.id)


def test_a_replay_repeats_no_recorded_step_and_no_recorded_event() -> None:
    def body() -> list[int]:
        set_event("phase", SWITCH["phase"])
        results = [double(1), double(2)]
        if SWITCH["phase"] == "first":
            raise KeyboardInterrupt
        return [*results, double(3)]

    SWITCH.update(body=body, phase="first")
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):  # as a killed process: nothing is recorded of it
        run(handle)
    crash(handle)
    SWITCH["phase"] = "second"
    run(handle)
    assert handle.result() == [2, 4, 6]
    assert CALLS["double"] == 3
    assert handle.values()["phase"].value == "first"
    assert kinds(handle).count("value_set") == 1
    assert_history_is_whole(handle.id)


def test_a_changed_operation_is_refused_with_both_names() -> None:
    def interrupted() -> None:
        double(1)
        raise KeyboardInterrupt

    SWITCH["body"] = interrupted
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)
    SWITCH["body"] = lambda: set_event("phase", "new")
    run(handle)
    with pytest.raises(WorkflowFailed, match=r"Position 1 recorded step 'double'.*value_set 'phase'"):
        handle.result()


def test_a_workflow_that_ends_before_its_recorded_operations_is_refused() -> None:
    def interrupted() -> None:
        double(1)
        raise KeyboardInterrupt

    SWITCH["body"] = interrupted
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)
    SWITCH["body"] = lambda: None
    run(handle)
    with pytest.raises(WorkflowFailed, match="the end of the workflow"):
        handle.result()


def test_swallowing_the_refusal_of_changed_code_does_not_help() -> None:
    def interrupted() -> None:
        double(1)
        raise KeyboardInterrupt

    def swallowing() -> str:
        try:
            set_event("phase", "new")
        except Exception:
            return "went on"
        return "unreachable"

    SWITCH["body"] = interrupted
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)
    SWITCH["body"] = swallowing
    run(handle)
    assert handle.status() is Status.FAILED


def test_a_step_is_tried_again_and_each_attempt_is_visible() -> None:
    handle = retrying.start(2)
    run(handle)
    assert handle.result() == "done"
    assert kinds(handle).count("step_retrying") == 2
    step = Step.objects.get(workflow_id=handle.id)
    assert (step.status, step.attempt, step.failures) == ("succeeded", 3, 2)
    assert handle.values()["try"].value == 3
    assert_history_is_whole(handle.id)


def test_an_exhausted_step_fails_the_workflow_with_type_message_and_traceback() -> None:
    handle = retrying.start(99)
    run(handle)
    with pytest.raises(WorkflowFailed, match="Refused: failure 3") as caught:
        handle.result()
    assert caught.value.error is not None
    assert "tests/definitions.py" in caught.value.error["traceback"]
    assert_history_is_whole(handle.id)


def test_attempts_that_failed_before_a_crash_still_count() -> None:
    handle = retrying.start(99)
    owned = claim(handle)
    with pytest.raises(HandBack):
        _execute_until_second_attempt(owned)
    crash(handle)
    run(handle)
    step = Step.objects.get(workflow_id=handle.id)
    assert step.failures == 3
    assert CALLS["shaky"] == 3


def _execute_until_second_attempt(owned: object) -> None:
    """Stop where a retry would begin, as a killed worker would, without handing back."""
    from workflows import context  # only this test goes below the engine's door

    execution = engine._execution(owned, lambda: CALLS["shaky"] >= 1)  # type: ignore[arg-type]
    with context.entered(execution):
        retrying.function(99)


def test_a_recorded_error_is_raised_again_as_its_own_type() -> None:
    def body() -> str:
        result = catching.function()
        if SWITCH["crash"]:
            raise KeyboardInterrupt
        return result

    SWITCH.update(body=body, crash=True)
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)
    SWITCH["crash"] = False
    run(handle)
    assert handle.result() == "caught and 8"
    assert CALLS["refuse"] == 1


def test_an_error_of_an_unknown_type_is_raised_as_step_failed() -> None:
    from workflows.steps import raise_recorded

    with pytest.raises(StepFailed, match=r"gone\.Error: it broke"):
        raise_recorded({"type": "gone.Error", "module": "no.such.module", "message": "it broke", "traceback": ""})
    with pytest.raises(Refused, match="it broke"):
        raise_recorded({"type": "Refused", "module": "tests.definitions", "message": "it broke", "traceback": ""})


def test_a_recorded_error_says_what_it_said_however_its_type_is_made() -> None:
    from django.core.exceptions import ValidationError

    from workflows.payloads import error_json
    from workflows.steps import raise_recorded

    first = [
        Coded(7, "over limit"), KeyError("missing"), ValidationError("bad field"), FileNotFoundError(2, "gone", "/x"),
        ExceptionGroup("many", [ValueError("a"), KeyError("b")]),
    ]  # fmt: skip
    with pytest.raises(UnicodeDecodeError) as undecodable:
        b"\xff".decode()
    for error in [*first, undecodable.value]:
        recorded = error_json(error)
        with pytest.raises(type(error)) as raised:
            raise_recorded(recorded)
        again = error_json(raised.value)
        assert (again["module"], again["type"], again["message"]) == (
            recorded["module"], recorded["type"], recorded["message"],
        )  # fmt: skip
        assert "When the step was executed:" in again["traceback"]


def test_an_atomic_step_commits_its_writes_events_and_record_together() -> None:
    handle = grouping.start("accounting")
    run(handle)
    assert Group.objects.filter(name="accounting").count() == 1
    assert handle.values()["group"].value == "accounting"
    assert_history_is_whole(handle.id)


def test_an_atomic_step_that_fails_leaves_neither_writes_nor_events() -> None:
    handle = grouping.start("accounting", fail=True)
    run(handle)
    assert handle.status() is Status.FAILED
    assert not Group.objects.exists()
    assert handle.values() == {}


def test_an_event_set_in_a_plain_step_stays_when_the_step_fails() -> None:
    handle = retrying.start(99)
    run(handle)
    assert handle.status() is Status.FAILED
    assert handle.values()["try"].value == 3


def test_a_cancelled_workflow_stops_before_its_next_checkpoint() -> None:
    def body() -> None:
        double(1)
        operations.cancel(handle.id, by="operator", reason="wrong order")
        try:
            double(2)
        except Exception:
            CALLS["swallowed"] += 1

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.CANCELLED
    assert CALLS == {"double": 1}
    with pytest.raises(WorkflowCancelled):
        handle.result()
    assert_history_is_whole(handle.id)


def test_a_workflow_cancelled_after_its_last_step_never_becomes_succeeded() -> None:
    def body() -> str:
        double(1)
        operations.cancel(handle.id)
        return "finished anyway"

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.CANCELLED
    assert Workflow.objects.get(id=handle.id).output is None


def test_even_code_that_swallows_everything_records_nothing_after_a_cancel() -> None:
    def body() -> None:
        operations.cancel(handle.id)
        for _ in range(3):
            try:
                double(1)
            except BaseException as stop:
                SWITCH.setdefault("stops", []).append(type(stop))

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert kinds(handle)[-1] == "cancelled"
    assert CALLS["double"] == 0
    assert SWITCH["stops"] == [Cancelled] * 3


def test_a_late_worker_writes_nothing() -> None:
    def body() -> None:
        double(1)
        if SWITCH.pop("lose", False):
            crash(handle)
            run(handle)  # another worker takes over and finishes
            SWITCH["after"] = kinds(handle)
            set_event("late", True)

    SWITCH.update(body=body, lose=True)
    handle = switching.start()
    run(handle)
    assert kinds(handle) == SWITCH["after"]
    assert "late" not in handle.values()
    assert CALLS["double"] == 1


def test_a_stopping_worker_hands_its_workflow_back_at_the_next_checkpoint() -> None:
    handle = doubling.start([1, 2, 3])
    run(handle, stopping=lambda: CALLS["double"] >= 2)
    assert handle.status() is Status.QUEUED
    row = Workflow.objects.get(id=handle.id)
    assert (row.crashes, row.takeovers) == (0, 0)
    run(handle)
    assert handle.result() == [2, 4, 6]
    assert CALLS["double"] == 3
    assert_history_is_whole(handle.id)


def test_a_result_that_is_not_json_fails_the_workflow_instead_of_leaving_it_stuck() -> None:
    SWITCH["body"] = lambda: object()
    handle = switching.start()
    run(handle)
    with pytest.raises(WorkflowFailed, match="result of workflow 'switching' is not JSON"):
        handle.result()


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (object(), "is not JSON"),
        ({1, 2}, "is not JSON"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        ("half \ud800 pair", "surrogate"),
        ("nul \x00 inside", "NUL"),
        ("x" * 1_000_000, "bytes of JSON; the limit is 65,536"),
        ("x" * 100_000_000, "bytes of JSON; the limit is 65,536"),
    ],
    ids=["object", "set", "nan", "infinity", "surrogate", "nul", "1 MB", "100 MB"],
)
def test_a_value_that_cannot_be_stored_is_refused_and_nothing_is_written(value: object, complaint: str) -> None:
    def body() -> str:
        before = Event.objects.count()
        with pytest.raises(PayloadError, match=complaint) as caught:
            set_event("total", value)
        assert "'total'" in str(caught.value)
        assert Event.objects.count() == before
        set_event("total", "fine")
        return "went on"

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.result() == "went on"


@pytest.mark.parametrize("key", ["", "k" * 300, "with\nnewline", "nul\x00", "half \ud800", 7], ids=repr)
def test_a_key_that_cannot_be_stored_is_refused(key: str) -> None:
    def body() -> None:
        with pytest.raises(PayloadError):
            set_event(key, 1)

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.SUCCEEDED


def test_hostile_but_storable_text_round_trips() -> None:
    values = ["<script>alert(1)</script>", "\\u0000", "\u202e", "🙂", {"__proto__": 1}, 2**80, None, [], -0.5]
    handle = publishing.start(values)
    run(handle)
    assert [event.data["value"] for event in handle.history() if event.kind == "value_set"] == values


def test_set_event_outside_a_workflow_is_an_error_that_names_the_cure() -> None:
    with pytest.raises(NotInWorkflow, match="@workflow"):
        set_event("key", 1)


def test_set_event_from_a_thread_of_the_users_own_is_refused() -> None:
    caught: list[BaseException] = []

    def in_thread() -> None:
        try:
            set_event("key", 1)
        except NotInWorkflow as error:
            caught.append(error)

    def body() -> None:
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()

    SWITCH["body"] = body
    run(switching.start())
    assert len(caught) == 1


def test_a_step_outside_a_workflow_is_a_plain_call() -> None:
    assert double(21) == 42
    assert not Step.objects.exists()


def test_a_step_inside_a_step_is_a_plain_call() -> None:
    from workflows.durable import step

    @step
    def outer() -> int:
        return double(2) + 1

    SWITCH["body"] = outer
    handle = switching.start()
    run(handle)
    assert handle.result() == 5
    assert Step.objects.filter(workflow_id=handle.id).count() == 1


def test_the_first_execution_sees_a_result_as_a_replay_will() -> None:
    from workflows.durable import step

    @step
    def pair() -> tuple[int, int]:
        return 1, 2

    SWITCH["body"] = lambda: repr(pair())
    handle = switching.start()
    run(handle)
    assert handle.result() == "[1, 2]"


def test_a_workflow_started_in_a_body_is_started_once() -> None:
    def body() -> str:
        child = doubling.start([5])
        if SWITCH.pop("crash", False):
            raise KeyboardInterrupt
        return child.id

    SWITCH.update(body=body, crash=True)
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)
    run(handle)
    assert handle.result() == f"{handle.id}-1"
    assert Workflow.objects.filter(definition="doubling").count() == 1
