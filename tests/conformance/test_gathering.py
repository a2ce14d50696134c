"""Gathering: `gather` returns the results of many workflows in order, `as_completed` yields each as it ends.

Both record what they found: a replay sees the same order, the same failures and the same timeouts.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.definitions import dies_once, echo, fail, hold, note, run_until_killed, start
from tests.execution import kinds, run, work_off
from tests.wait import PATIENCE
from workflows import operations, recovery
from workflows.durable import (
    ResultTimeout,
    Status,
    WorkflowFailed,
    WorkflowHandle,
    as_completed,
    gather,
    send,
)
from workflows.models import Workflow
from workflows.sql.reads import RECORDED_OPERATIONS


def test_gather_returns_the_results_in_the_order_of_the_handles_whatever_ended_first() -> None:
    def parent() -> Any:
        children = [start(echo, index) for index in range(5)]
        return gather([*children, children[0]])

    handle = start(parent, workflow_id="family")
    run(handle)
    assert Workflow.objects.get(id="family").waiting["name"] == "5 workflows"  # type: ignore[index]
    for position in (5, 3, 1, 2, 4):
        assert handle.status() is Status.WAITING
        run(WorkflowHandle[Any](f"family-{position}"))
    work_off(handle)
    assert handle.result() == [0, 1, 2, 3, 4, 0]
    assert kinds(handle).count("results_gathered") == 1


def test_gather_of_nothing_is_an_empty_list_and_as_completed_of_nothing_ends() -> None:
    def parent() -> Any:
        return [gather([]), list(as_completed([]))]

    handle = start(parent)
    run(handle)
    assert handle.result() == [[], []]


def test_gather_waits_for_all_and_raises_the_first_failure_in_order_on_replay_too() -> None:
    def parent() -> Any:
        children = [start(echo, 1), start(fail, "second"), start(fail, "third")]
        try:
            gather(children)
        except WorkflowFailed as failed:
            outcome = [failed.workflow_id, str(failed)]
        dies_once()
        return outcome

    handle = start(parent, workflow_id="family")
    run(handle)
    for position in (3, 1):
        run(WorkflowHandle[Any](f"family-{position}"))
        assert handle.status() is Status.WAITING
    run(WorkflowHandle[Any]("family-2"))
    run_until_killed(handle)
    work_off(handle)
    assert handle.result()[0] == "family-2"
    assert "second" in handle.result()[1]


def test_gather_that_timed_out_says_so_on_replay_too_though_all_have_ended_by_then() -> None:
    def parent() -> Any:
        children = [start(hold)]
        try:
            gather(children, timeout=1.0)
        except ResultTimeout:
            outcome = "timed out"
        dies_once()
        return outcome

    handle = start(parent, workflow_id="family")
    run(handle)
    while handle.status() is Status.WAITING:
        recovery.wake_due()
    run_until_killed(handle)
    send("family-1", "go", 1)
    work_off(handle, WorkflowHandle[Any]("family-1"))
    assert handle.result() == "timed out"


def test_as_completed_yields_in_the_order_of_the_ends_and_a_replay_in_the_same_order() -> None:
    order: list[list[str]] = []

    def parent() -> Any:
        order.append([])
        children = [start(echo, index) for index in range(4)]
        for child in as_completed(children):
            order[-1].append(child.id)
        dies_once()
        return order[-1]

    handle = start(parent, workflow_id="family")
    run(handle)
    expected = [f"family-{position}" for position in (4, 2, 1, 3)]
    for child in expected:
        run(WorkflowHandle[Any](child))
        if child != expected[-1]:
            work_off_waking(handle)
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == expected
    assert all(ids == expected[: len(ids)] for ids in order)


def work_off_waking(handle: WorkflowHandle[Any]) -> None:
    """Let it go on to its next wait."""
    assert handle.status() is Status.QUEUED
    run(handle)
    assert handle.status() is Status.WAITING


def test_as_completed_yields_failed_ones_too_and_can_be_left_early() -> None:
    def parent() -> Any:
        children = [start(fail, "no"), start(hold)]
        first = next(iter(as_completed(children)))
        return [first.id, first.status(), note("after")]

    handle = start(parent, workflow_id="family")
    run(handle)
    run(WorkflowHandle[Any]("family-1"))
    run(handle)
    assert handle.result() == ["family-1", "failed", "after"]


def test_as_completed_that_timed_out_raises_and_a_replay_raises_the_same() -> None:
    def parent() -> Any:
        children = [start(echo, 1), start(hold)]
        seen = []
        try:
            for child in as_completed(children, timeout=1.0):
                seen.append(child.id)
        except ResultTimeout:
            seen.append("timed out")
        dies_once()
        return seen

    handle = start(parent, workflow_id="family")
    run(handle)
    run(WorkflowHandle[Any]("family-1"))
    run(handle)
    while handle.status() is Status.WAITING:
        recovery.wake_due()
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == ["family-1", "timed out"]


def test_two_hundred_children_are_gathered_in_one_operation(statements: list[str]) -> None:
    def parent() -> int:
        return sum(gather([start(echo, index) for index in range(200)]))

    handle = start(parent)
    run(handle)
    work_off(handle, within=2 * PATIENCE)
    assert handle.result() == sum(range(200))
    statements.clear()
    again = WorkflowHandle[Any](operations.fork(handle.id, 202).id)
    run(again)
    assert again.result() == handle.result()
    assert statements.count(RECORDED_OPERATIONS) == 1


def test_a_workflow_that_a_timeout_ended_waits_again_when_it_is_resumed() -> None:
    def one() -> Any:
        return start(hold).result(timeout=0.05)

    def all_of_them() -> Any:
        return gather([start(hold)], timeout=0.05)

    def next_of_them() -> Any:
        return [child.status() for child in as_completed([start(hold)], timeout=0.05)]

    for body in (one, all_of_them, next_of_them):
        handle = start(body, workflow_id=body.__name__)
        run(handle)
        while handle.status() is not Status.FAILED:
            recovery.wake_due()
            if handle.status() is Status.QUEUED:
                run(handle)
        send(f"{handle.id}-1", "go", "on")
        work_off(WorkflowHandle[Any](f"{handle.id}-1"))
        operations.resume(handle.id)
        work_off(handle)
        assert handle.status() is Status.SUCCEEDED
