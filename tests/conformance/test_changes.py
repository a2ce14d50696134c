"""Code that changes under running workflows, and what operators do to ended ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.definitions import CALLS, SWITCH, double, doubling, refuse, shaky, switching
from tests.execution import assert_history_is_whole, run, work_off
from workflows import operations
from workflows.durable import (
    InvalidInput,
    Status,
    WorkflowConflict,
    WorkflowFailed,
    patched,
    receive,
    retrieve,
    set_event,
    sleep,
)
from workflows.models import Event, Step, Value, Workflow
from workflows.transitions import claiming


def body(code: Any) -> None:
    """What `switching` does from its next execution on."""
    SWITCH["body"] = code


def old() -> Any:
    """Before the change."""
    first = double(1)
    return [first, receive("go", timeout=60)]


def test_a_workflow_from_before_a_change_keeps_the_old_way_and_a_new_one_takes_the_new() -> None:
    def new() -> Any:
        first = double(10) if patched("tenfold") else double(1)
        return [first, receive("go", timeout=60)]

    body(old)
    before = switching.start()
    run(before)
    body(new)
    after = switching.start()
    run(after)
    for handle in (before, after):
        operations.send(handle.id, "go", "on")
        work_off(handle)
    assert (before.result(), after.result()) == ([2, "on"], [20, "on"])


def test_a_patch_that_is_dropped_from_the_code_is_passed_over() -> None:
    body(lambda: [patched("tenfold"), double(10), receive("go", timeout=60)])
    handle = switching.start()
    run(handle)
    body(lambda: [double(10), receive("go", timeout=60)])
    operations.send(handle.id, "go", "on")
    run(handle)
    assert handle.result() == [20, "on"]


def test_a_patch_before_a_wait_that_has_begun_leaves_the_workflow_on_the_old_way() -> None:
    body(lambda: receive("go", timeout=60))
    handle = switching.start()
    run(handle)
    body(lambda: "new" if patched("no waiting") else receive("go", timeout=60))
    operations.send(handle.id, "go", "old")
    run(handle)
    assert handle.result() == "old"


def test_a_mismatch_names_position_recorded_found_and_can_be_resumed_once_the_code_is_right() -> None:
    body(old)
    handle = switching.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claiming, "code_version", lambda: "before")
        run(handle)
    body(lambda: [set_event("instead", 1), receive("go", timeout=60)])
    operations.send(handle.id, "go", "on")
    run(handle)
    with pytest.raises(
        WorkflowFailed, match=r"Position 1 recorded step 'double'.*asks for value_set 'instead'.*before"
    ):
        handle.result()
    body(old)
    operations.resume(handle.id, by="developer", reason="put back")
    run(handle)
    assert handle.result() == [2, "on"]
    assert CALLS["double"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        lambda: [double(1), receive("another topic", timeout=60)],
        lambda: [double(1), sleep(5)],
        lambda: double(1),
        lambda: [receive("go", timeout=60), double(1)],
    ],
    ids=["another topic", "a sleep instead", "an early end", "another order"],
)
def test_a_changed_wait_is_a_mismatch_and_never_a_wrong_replay(changed: Any) -> None:
    body(old)
    handle = switching.start()
    run(handle)
    body(changed)
    operations.send(handle.id, "go", "on")
    run(handle)
    row = Workflow.objects.get(id=handle.id)
    if row.status == Status.SUCCEEDED:  # the wait had not ended, so nothing recorded was skipped
        assert row.output == 2
    else:
        assert row.error is not None
        assert row.error["type"] == "NonDeterminism"


def test_a_resumed_workflow_tries_its_failed_step_again_and_nothing_else() -> None:
    body(lambda: [double(1), shaky(3), double(2)])
    handle = switching.start()
    work_off(handle)
    assert handle.status() is Status.FAILED
    operations.resume(handle.id, by="operator", reason="the bank is back")
    run(handle)
    assert handle.result() == [2, "done", 4]
    assert (CALLS["double"], CALLS["shaky"]) == (2, 4)
    started = Event.objects.filter(workflow_id=handle.id, kind="step_started", position=2).order_by("seq")
    attempts = [event.data["attempt"] for event in started]
    assert attempts == [1, 2, 3, 4]


def test_a_caught_failure_before_the_end_stays_as_it_is_recorded() -> None:
    def code() -> Any:
        try:
            refuse()
        except ValueError:
            set_event("caught", True)
        if not CALLS["mended"]:
            raise RuntimeError("broken")
        return double(3)

    body(code)
    handle = switching.start()
    run(handle)
    CALLS["mended"] = 1
    operations.resume(handle.id)
    run(handle)
    assert handle.result() == 6
    assert CALLS["refuse"] == 1


def test_resuming_gives_a_fresh_budget_of_takeovers() -> None:
    handle = doubling.start([1])
    Workflow.objects.filter(id=handle.id).update(crashes=2)
    operations.cancel(handle.id)
    operations.resume(handle.id)
    assert Workflow.objects.get(id=handle.id).crashes == 0
    work_off(handle)


def test_a_fork_has_what_was_recorded_before_the_position_and_leaves_the_original_alone() -> None:
    original = doubling.using(workflow_id="o").start([1, 2, 3])
    run(original)
    before = [list(event) for event in original.history()]
    calls = CALLS["double"]
    copy = operations.fork("o", 3, new_id="f", by="operator", reason="once more")  # 1 is set_event, 2 the first double
    assert list(Step.objects.filter(workflow_id="f").values_list("position", flat=True)) == [2]
    assert Value.objects.get(workflow_id="f", key="phase").value == "begin"
    assert (copy.forked_from_id, copy.forked_position, copy.status) == ("o", 3, "queued")
    assert_history_is_whole("f")
    run(retrieve("f"))
    assert retrieve("f").result() == [2, 4, 6]
    assert CALLS["double"] - calls == 2
    after = [list(event) for event in original.history()]
    assert after[: len(before)] == before
    assert [event[2] for event in after[len(before) :]] == ["fork_started"]


def test_a_fork_of_a_fork_and_a_fork_at_the_end_work() -> None:
    run(doubling.using(workflow_id="o").start([1]))
    operations.fork("o", 3, new_id="f")
    operations.fork("f", 2, new_id="ff")
    last = operations.fork("o", 4, new_id="end")
    for name in ("f", "ff", last.id):
        run(retrieve(name))
        assert retrieve(name).result() == [2]


@pytest.mark.parametrize("position", [0, -1, 99])
def test_a_fork_from_nowhere_is_refused_and_leaves_nothing(position: int) -> None:
    run(doubling.using(workflow_id="o").start([1]))
    with pytest.raises(InvalidInput, match="Choose 1 to"):
        operations.fork("o", position, new_id="f")
    run(doubling.using(workflow_id="taken").start([1]))
    with pytest.raises(WorkflowConflict, match="exists already"):
        operations.fork("o", 1, new_id="taken")
    assert not Workflow.objects.filter(id="f").exists()


def test_a_restart_takes_edited_input_and_refuses_what_does_not_fit() -> None:
    run(doubling.using(workflow_id="o").start([1]))
    again = operations.restart("o", kwargs={"numbers": [5]}, by="operator", reason="typing error")
    run(retrieve(again.id))
    assert retrieve(again.id).result() == [10]
    same = operations.restart("o")
    run(retrieve(same.id))
    assert retrieve(same.id).result() == [2]
    with pytest.raises(InvalidInput):
        operations.restart("o", kwargs={"wrong": 1})


def test_a_cancelled_parent_takes_its_tree_along_and_makes_no_child_any_more() -> None:
    def code() -> Any:
        doubling.using(workflow_id="early").start([1])
        operations.cancel("root", tree=True, by="operator", reason="stop it all")
        doubling.using(workflow_id="late").start([1])

    body(code)
    handle = switching.using(workflow_id="root").start()
    run(handle)
    assert (handle.status(), retrieve("early").status()) == (Status.CANCELLED, Status.CANCELLED)
    assert not Workflow.objects.filter(id="late").exists()
    assert {e.data["by"] for e in Event.objects.filter(kind="cancelled")} == {"operator"}
