"""Operators' verbs: cancel, resume, fork, restart, pin, delete. Each records who and why, or says what it needs.

Cancelling stops before the next checkpoint and cannot be swallowed. Resuming goes on at the first unrecorded operation.
Restarting begins anew, with edited input if given. What forking promises is in `test_forks`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.definitions import (
    CALLS,
    die,
    echo,
    fails_until_told,
    handle_of,
    note,
    refuse,
    run_until_killed,
    start,
)
from tests.execution import assert_history_is_whole, kinds, run, work_off
from workflows import bulk, operations
from workflows.durable import (
    InvalidInput,
    Status,
    TransitionRefused,
    WorkflowFailed,
    WorkflowNotFound,
    receive,
    send,
    set_event,
    sleep,
    step,
)
from workflows.models import Event, Step, Workflow

VERBS: dict[str, Any] = {
    "cancel": operations.cancel,
    "resume": operations.resume,
    "fork": lambda workflow_id: operations.fork(workflow_id, 1),
    "restart": operations.restart,
    "pin": lambda workflow_id: operations.pin(workflow_id, True),
    "delete": operations.delete,
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_for_nobody_is_an_error_that_says_so(verb: str) -> None:
    with pytest.raises(WorkflowNotFound, match="nobody"):
        VERBS[verb]("nobody")


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_a_verb_that_comes_too_late_is_refused_and_says_what_it_needs(verb: str) -> None:
    handle = start(echo, 1)
    run(handle)
    before = list(handle.history())
    with pytest.raises(TransitionRefused, match=f"cannot {verb}: it is succeeded .{verb} needs "):
        VERBS[verb](handle.id)
    assert list(handle.history()) == before
    assert handle.result() == 1


def test_a_running_or_waiting_workflow_cannot_be_resumed() -> None:
    def doze() -> None:
        sleep(3_600)

    handle = start(doze)
    for _ in range(2):
        with pytest.raises(TransitionRefused):
            operations.resume(handle.id)
        if handle.status() is Status.QUEUED:
            run(handle)


def test_who_cancelled_and_why_stands_in_the_history() -> None:
    handle = start(echo, 1)
    operations.cancel(handle.id, by="ann", reason="mistake\x00 of \ud800 mine")
    told = list(handle.history())[-1]
    assert (told.kind, told.data["by"]) == ("cancelled", "ann")
    assert told.data["reason"].startswith("mistake")


def test_a_cancel_stops_before_the_next_step_and_the_running_step_ends() -> None:
    @step
    def cancelled_meanwhile() -> None:
        operations.cancel(handle.id)
        CALLS["ended"] += 1

    def body() -> None:
        cancelled_meanwhile()
        note("never")

    handle = start(body)
    run(handle)
    assert handle.status() is Status.CANCELLED
    assert (CALLS["ended"], CALLS["never"]) == (1, 0)
    assert Step.objects.get().status == "cancelled"


def test_a_cancel_cannot_be_swallowed_and_after_the_last_step_it_never_becomes_a_success() -> None:
    def body() -> str:
        operations.cancel(handle.id)
        try:
            note("never")
        except Exception:
            CALLS["swallowed"] += 1
        return "success"

    def without_a_step() -> str:
        operations.cancel(handle.id)
        return "success"

    for each in (body, without_a_step):
        handle = start(each)
        run(handle)
        assert handle.status() is Status.CANCELLED
    assert (CALLS["never"], CALLS["swallowed"]) == (0, 0)


def test_who_resumed_and_why_stands_in_the_history_and_the_error_is_gone() -> None:
    handle = start(fails_until_told)
    run(handle)
    assert handle.status() is Status.FAILED
    CALLS["mended"] = 1
    operations.resume(handle.id, by="ann", reason="the cause is gone")
    row = Workflow.objects.get()
    assert (row.status, row.error, row.finished_at) == ("queued", None, None)
    told = list(handle.history())[-1]
    assert (told.kind, told.data["by"], told.data["reason"]) == ("resumed", "ann", "the cause is gone")


def test_the_step_whose_error_ended_a_workflow_is_executed_again_after_a_resume() -> None:
    @step(attempts=2, backoff=0)
    def flaky() -> str:
        CALLS["flaky"] += 1
        if CALLS["flaky"] <= 3:
            raise ValueError(f"try {CALLS['flaky']}")
        return "worked"

    def body() -> Any:
        return [note("before"), flaky(), note("after")]

    handle = start(body)
    work_off(handle)
    assert handle.status() is Status.FAILED
    operations.resume(handle.id)
    work_off(handle)
    assert handle.result() == ["before", "worked", "after"]
    assert (CALLS["before"], CALLS["flaky"], CALLS["after"]) == (1, 4, 1)


def test_an_error_that_was_caught_stays_recorded_through_a_resume() -> None:
    def body() -> str:
        with pytest.raises(ValueError, match="caught"):
            refuse("caught")
        note("between")
        if CALLS["mended"] == 0:
            raise RuntimeError("the body's own")
        return "done"

    handle = start(body)
    run(handle)
    assert handle.status() is Status.FAILED
    CALLS["mended"] = 1
    operations.resume(handle.id)
    work_off(handle)
    assert handle.result() == "done"
    assert CALLS["refuse"] == 1


def published_failure(attempt: Callable[[], Any]) -> Any:
    """The usual way to let a page know: publish the failure, and raise it again."""
    set_event("phase", "working")
    try:
        done = attempt()
    except Exception as error:
        set_event("phase", "failed")
        set_event("why", str(error))
        raise
    note("after")
    set_event("phase", "done")
    return done


def test_a_step_whose_failure_was_published_before_it_ended_the_workflow_is_executed_again_after_a_resume() -> None:
    @step
    def fetch() -> str:
        CALLS["fetch"] += 1
        if CALLS["fetch"] < 3:
            raise ValueError("no file")
        return "fetched"

    def body() -> Any:
        return published_failure(fetch)

    handle = start(body)
    for failures in (1, 2):
        work_off(handle)
        assert (handle.status(), handle.values()["phase"].value) == (Status.FAILED, "failed")
        assert CALLS["fetch"] == failures
        operations.resume(handle.id)
    work_off(handle)
    assert (handle.result(), handle.values()["phase"].value) == ("fetched", "done")
    assert (CALLS["fetch"], CALLS["after"]) == (3, 1)
    phases = [event.data["value"] for event in handle.history() if event.key == "phase"]
    assert phases == ["working", "failed", "failed", "done"]
    for position in range(1, 5):
        work_off(handle_of(operations.fork(handle.id, position, new_id=f"from-{position}")))
        assert_history_is_whole(f"from-{position}")


def test_a_child_whose_failure_was_published_before_it_ended_its_parent_is_asked_again_after_a_resume() -> None:
    @step
    def fetch() -> str:
        if CALLS["mended"] == 0:
            raise ValueError("no file")
        return "fetched"

    def fetching() -> str:
        return fetch()

    child = start(fetching)

    def body() -> Any:
        return published_failure(child.result)

    parent = start(body)
    work_off(child, parent)
    assert parent.status() is Status.FAILED
    CALLS["mended"] = 1
    operations.resume(child.id)
    operations.resume(parent.id)
    work_off(child, parent)
    assert parent.result() == "fetched"
    assert parent.values()["phase"].value == "done"


def test_a_cancelled_workflow_goes_on_where_it_was() -> None:
    def body() -> Any:
        return [note("first"), receive("go"), note("last")]

    handle = start(body)
    run(handle)
    operations.cancel(handle.id)
    with pytest.raises(TransitionRefused):
        send(handle.id, "go", 1)
    operations.resume(handle.id)
    send(handle.id, "go", 1)
    work_off(handle)
    assert handle.result() == ["first", 1, "last"]
    assert CALLS["first"] == 1


def test_many_rounds_of_cancel_and_resume_repeat_no_recorded_step() -> None:
    def body() -> list[Any]:
        results = []
        for number in range(12):
            results.append(note(f"step {number}"))
            if CALLS[f"cancelled {number}"] == 0:
                CALLS[f"cancelled {number}"] += 1
                operations.cancel(handle.id)
        return results

    handle = start(body)
    while handle.status() is not Status.SUCCEEDED:
        run(handle)
        if handle.status() is Status.CANCELLED:
            operations.resume(handle.id)
    assert handle.result() == [f"step {number}" for number in range(12)]
    assert {CALLS[f"step {number}"] for number in range(12)} == {1}
    recorded = Step.objects.filter(workflow_id=handle.id).values_list("position", flat=True)
    assert sorted(recorded) == list(range(1, 13))


def test_a_quarantined_workflow_gets_a_fresh_budget_of_crashes_when_it_is_resumed() -> None:
    def body() -> str:
        if CALLS["mended"] == 0:
            die()
        return "lives"

    handle = start(body)
    for _ in range(3):
        run_until_killed(handle)
    assert handle.status() is Status.QUARANTINED
    operations.resume(handle.id)
    run_until_killed(handle)
    assert handle.status() is Status.QUEUED
    CALLS["mended"] = 1
    work_off(handle)
    assert handle.result() == "lives"


def test_a_restart_begins_anew_with_the_same_or_with_edited_input() -> None:
    handle = start(echo, "typo")
    run(handle)
    same = handle_of(operations.restart(handle.id, by="ann"))
    edited = handle_of(operations.restart(handle.id, args=["echo", "corrected"], new_id="corrected"))
    work_off(same, edited)
    assert (handle.result(), same.result(), edited.result()) == ("typo", "typo", "corrected")
    told = next(event for event in edited.history() if event.kind == "forked")
    assert told.data["edited"] is True


def test_a_restart_with_input_that_does_not_fit_is_refused_and_nothing_is_written() -> None:
    handle = start(echo, 1)
    run(handle)
    events = Event.objects.count()
    edits: list[dict[str, Any]] = [{"args": []}, {"kwargs": {"unknown": 1}}, {"args": ["echo", float("nan")]}]
    for wrong in edits:
        with pytest.raises((InvalidInput, ValueError)):
            operations.restart(handle.id, **wrong)
    assert (Workflow.objects.count(), Event.objects.count()) == (1, events)


def test_a_pin_is_a_fact_of_the_history_and_changes_nothing_else() -> None:
    handle = start(echo, 1)
    operations.pin(handle.id, True, by="ann", reason="evidence")
    assert Workflow.objects.get().pinned
    operations.pin(handle.id, False, by="bob")
    assert not Workflow.objects.get().pinned
    run(handle)
    assert kinds(handle) == ["created", "pinned", "unpinned", "claimed", "succeeded"]


def test_one_verb_for_many_does_what_it_can_and_says_what_it_could_not() -> None:
    done, open_one = start(echo, 1), start(echo, 2)
    run(done)
    outcomes = list(bulk.apply("cancel", [done.id, "nobody", open_one.id], by="ann"))
    assert [outcome.done for outcome in outcomes] == [False, False, True]
    assert "it is succeeded" in outcomes[0].detail
    with pytest.raises(InvalidInput, match="No verb"):
        bulk.apply("explode", [done.id])


def test_the_error_of_a_failed_workflow_survives_beside_a_fork_that_succeeds() -> None:
    handle = start(fails_until_told)
    run(handle)
    with pytest.raises(WorkflowFailed, match="not yet"):
        handle.result()
    CALLS["mended"] = 1
    work_off(handle_of(operations.restart(handle.id)))
    with pytest.raises(WorkflowFailed, match="not yet"):
        handle.result()
