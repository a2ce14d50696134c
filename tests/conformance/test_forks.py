"""Forks: a new workflow from the recorded beginning of another one, which stays as it was but for a note.

Steps, events and values are as they were before the position; what follows is executed anew.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.definitions import CALLS, echo, fails_until_told, handle_of, note, refuse, start, three_steps
from tests.execution import assert_history_is_whole, kinds, run, work_off
from workflows import operations
from workflows.durable import (
    InvalidInput,
    InvalidWorkflowId,
    Status,
    WorkflowConflict,
    WorkflowHandle,
    patched,
    receive,
    send,
    set_event,
    sleep,
    step,
    track,
)
from workflows.models import Step, Workflow


@pytest.mark.parametrize(
    ("position", "values", "kept"),
    [
        (1, {}, 0), (2, {"phase": "one"}, 0), (3, {"phase": "one"}, 1), (4, {"phase": "two"}, 1),
        (7, {"phase": "two", "last": True}, 3),
    ],
)  # fmt: skip
def test_a_fork_has_steps_events_and_values_as_they_were_before_its_position(
    position: int, values: dict[str, Any], kept: int
) -> None:
    handle = start(three_steps)
    run(handle)
    fork = handle_of(operations.fork(handle.id, position))
    assert {key: value.value for key, value in fork.values().items()} == values
    assert Step.objects.filter(workflow_id=fork.id).count() == kept
    CALLS.clear()
    work_off(fork)
    assert fork.result() == handle.result()
    assert sum(CALLS.values()) == 3 - kept
    final = {key: value.value for key, value in fork.values().items()}
    assert final == {"phase": "two", "last": True}


def test_a_fork_leaves_the_original_unchanged_but_for_a_note_and_records_its_lineage() -> None:
    handle = start(three_steps)
    run(handle)
    history, row = list(handle.history()), Workflow.objects.filter(id=handle.id).values().get()
    fork = operations.fork(handle.id, 4, new_id="forked", by="ann", reason="try again")
    row["last_seq"] += 1
    assert Workflow.objects.filter(id=handle.id).values().get() == row
    assert list(handle.history())[:-1] == history
    noted = list(handle.history())[-1]
    assert noted.kind == "fork_started"
    assert noted.data == {"workflow": "forked", "position": 4, "by": "ann", "reason": "try again"}
    assert (fork.id, fork.forked_from_id, fork.forked_position) == ("forked", handle.id, 4)
    told = next(event for event in handle_of(fork).history() if event.kind == "forked")
    assert told.data == {"from": handle.id, "position": 4, "by": "ann", "reason": "try again"}


def test_two_forks_of_one_workflow_and_a_fork_of_a_fork_are_all_right() -> None:
    handle = start(three_steps)
    run(handle)
    forks = [handle_of(operations.fork(handle.id, position)) for position in (3, 3, 5)]
    forks.append(handle_of(operations.fork(forks[2].id, 4)))
    work_off(*forks)
    assert {str(fork.result()) for fork in forks} == {str(handle.result())}


def test_a_fork_can_be_made_of_a_running_and_of_a_waiting_workflow() -> None:
    forks: list[WorkflowHandle[Any]] = []

    def body() -> Any:
        first = note("first")
        if not forks:
            forks.append(handle_of(operations.fork(handle.id, 2)))
        return [first, receive("go")]

    handle = start(body)
    run(handle)
    forks.append(handle_of(operations.fork(handle.id, 2)))
    for each in (handle, *forks):
        send(each.id, "go", each.id)
    work_off(handle, *forks)
    assert [each.result()[1] for each in (handle, *forks)] == [handle.id, *(fork.id for fork in forks)]
    assert CALLS["first"] == 1


def test_a_fork_after_a_step_that_was_cut_off_executes_that_step_again() -> None:
    @step
    def cut_off() -> str:
        CALLS["cut off"] += 1
        if CALLS["cut off"] == 1:
            operations.cancel(handle.id)
        return "done"

    def body() -> str:
        note("before")
        return cut_off()

    handle = start(body)
    run(handle)
    forks = [handle_of(operations.fork(handle.id, 3))]
    operations.resume(handle.id)
    forks.append(handle_of(operations.fork(handle.id, 3)))
    for each in forks:
        assert_history_is_whole(each.id)
    work_off(handle, *forks)
    assert [each.result() for each in (handle, *forks)] == ["done"] * 3
    assert (CALLS["before"], CALLS["cut off"]) == (1, 4)


def test_a_fork_before_a_caught_failure_tries_that_step_again() -> None:
    handle = start(fails_until_told)
    run(handle)
    CALLS["mended"] = 1
    fork = handle_of(operations.fork(handle.id, 2))
    work_off(fork)
    assert fork.result() == "mended"
    assert handle.status() is Status.FAILED


def test_a_fork_from_any_position_of_an_eventful_history_comes_to_the_same_end() -> None:
    @step
    def flaky() -> str:
        CALLS["flaky"] += 1
        if CALLS["flaky"] == 1:
            raise ValueError("uncaught")
        return "worked"

    def eventful() -> list[Any]:
        results = [note("a"), start(echo, "child").result(), receive("go")]
        for _ in track(range(2), "tracked"):
            set_event("k", results[-1])
        try:
            refuse("caught")
        except ValueError:
            results.append(note("b"))
        sleep(0.01)
        return [*results, flaky(), patched("p"), note("c")]

    handle = start(eventful)
    run(handle)
    operations.cancel(handle.id)
    operations.resume(handle.id)
    send(handle.id, "go", "message")
    work_off(handle)
    assert handle.status() is Status.FAILED
    operations.resume(handle.id)
    work_off(handle)
    last = max(event.position or 0 for event in handle.history())
    for position in range(1, last + 2):
        fork = handle_of(operations.fork(handle.id, position))
        send(fork.id, "go", "message")
        assert_history_is_whole(fork.id)
        work_off(fork)
        assert fork.result() == handle.result() == ["a", "child", "message", "b", "worked", True, "c"]


@pytest.mark.parametrize("position", [0, -1, 8, 10**6])
def test_a_fork_from_a_position_that_does_not_exist_is_refused_and_says_which_do(position: int) -> None:
    handle = start(three_steps)
    run(handle)
    with pytest.raises(InvalidInput, match="Choose 1 to 7"):
        operations.fork(handle.id, position)
    assert Workflow.objects.count() == 1
    assert "fork_started" not in kinds(handle)


def test_a_fork_with_an_id_that_is_taken_or_impossible_is_refused_and_leaves_no_note() -> None:
    handle = start(three_steps)
    run(handle)
    with pytest.raises(WorkflowConflict):
        operations.fork(handle.id, 1, new_id=handle.id)
    with pytest.raises(InvalidWorkflowId):
        operations.fork(handle.id, 1, new_id="a b")
    assert kinds(handle)[-1] == "succeeded"
