"""Children: a workflow started in the body of another one is recorded there, started once, and can be waited for.

Its id is made of its parent's, it inherits its parent's deadline, its result is recorded where it is asked for, and
cancelling a tree reaches everything below.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.conformance.definitions import (
    CALLS,
    dies_once,
    echo,
    fail,
    hold,
    note,
    only,
    play,
    run_until_killed,
    start,
)
from tests.execution import crash, run, work_off
from tests.wait import until
from workflows import operations, recovery
from workflows.durable import (
    DuplicateWorkflow,
    Status,
    WorkflowConflict,
    WorkflowEnded,
    WorkflowHandle,
    gather,
    sleep,
    step,
)
from workflows.models import Workflow
from workflows.options import Options


def test_a_childs_id_is_made_of_its_parents_and_the_position_and_a_replay_attaches_to_it() -> None:
    def parent() -> Any:
        note("first")
        children = [start(echo, index) for index in range(2)]
        dies_once()
        return [child.id for child in children]

    handle = start(parent, workflow_id="family")
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == ["family-2", "family-3"]
    assert Workflow.objects.filter(parent_id="family").count() == 2
    started = [event for event in handle.history() if event.kind == "child_started"]
    assert [(event.key, event.position, event.data) for event in started] == [
        ("family-2", 2, {"definition": "conformance", "attached": False}),
        ("family-3", 3, {"definition": "conformance", "attached": False}),
    ]


def test_a_parent_that_was_deleted_and_started_anew_has_children_of_its_own() -> None:
    def parent(value: str) -> Any:
        child = start(echo, value)
        dies_once()
        return child.result()

    for value in ("first", "second"):
        handle = start(parent, value, workflow_id="family")
        if value == "first":
            run_until_killed(handle)
        work_off(handle)
        assert handle.result() == value
        if value == "first":
            operations.delete("family")
    assert Workflow.objects.get(id="family-1").parent_id is None
    assert Workflow.objects.get(parent_id="family").id.startswith("family-1-")


def test_a_child_with_an_id_of_its_own_that_exists_already_is_attached_to() -> None:
    existing = start(echo, "theirs", workflow_id="known")

    def parent() -> Any:
        return start(echo, "theirs", workflow_id="known").result()

    handle = start(parent)
    work_off(handle)
    assert handle.result() == "theirs"
    assert Workflow.objects.get(id=existing.id).parent_id is None


def test_a_child_whose_id_belongs_to_another_workflow_is_a_conflict_on_every_execution() -> None:
    start(echo, "theirs", workflow_id="known")

    def parent() -> Any:
        try:
            start(echo, "mine", workflow_id="known")
        except WorkflowConflict:
            note("conflict")
        dies_once()
        return "went on"

    handle = start(parent)
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == "went on"


def test_a_child_that_was_refused_as_a_duplicate_is_refused_on_replay_too() -> None:
    twin = start(echo, 1, dedup_key="one at a time")

    def parent() -> str:
        try:
            start(echo, 2, dedup_key="one at a time", on_duplicate="raise")
            outcome = "started"
        except DuplicateWorkflow:
            outcome = str(note("refused"))
        dies_once()
        return outcome

    handle = start(parent)
    run_until_killed(handle)
    run(twin)
    run(handle)
    assert handle.result() == "refused"


def test_a_child_that_was_deduplicated_is_the_same_one_on_replay_though_its_input_differs() -> None:
    start(echo, "theirs", dedup_key="one at a time", workflow_id="twin")

    def parent() -> Any:
        child = start(echo, "mine", dedup_key="one at a time")
        dies_once()
        return [child.id, child.result()]

    handle = start(parent)
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == ["twin", "theirs"]


def test_a_child_whose_dedup_key_is_taken_at_the_very_moment_is_the_one_that_took_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look = operations._twin
    twins: list[Any] = []

    def look_too_early(*told: Any) -> Any:
        found = look(*told)
        if not twins:
            twins.append(start_outside())
        return found

    def start_outside() -> Any:
        return operations.start(
            "conformance", args=["echo", "theirs"], options=Options(dedup_key="one at a time"), workflow_id="twin"
        )

    def parent() -> Any:
        child = start(echo, "mine", dedup_key="one at a time")
        return [child.id, child.result()]

    handle = start(parent)
    monkeypatch.setattr(operations, "_twin", look_too_early)
    run(handle)
    work_off(handle)
    assert handle.result() == ["twin", "theirs"]
    assert [event.key for event in handle.history() if event.kind == "child_started"] == ["twin"]


def test_a_start_within_a_step_has_the_workflow_as_its_parent() -> None:
    @step
    def starting() -> str:
        return start(echo, 1).id

    def parent() -> str:
        return starting()

    handle = start(parent)
    run(handle)
    assert Workflow.objects.get(id=handle.result()).parent_id == handle.id


def test_a_parent_that_was_cancelled_can_make_no_child() -> None:
    def parent() -> None:
        operations.cancel(handle.id)
        start(echo, 1)

    handle = start(parent)
    run(handle)
    assert handle.status() is Status.CANCELLED
    assert Workflow.objects.count() == 1


def test_a_step_of_a_cancelled_parent_can_make_no_child_that_its_tree_would_miss() -> None:
    @step
    def starting() -> None:
        operations.cancel(handle.id, tree=True)
        start(echo, 1)

    handle = start(only(starting))
    run(handle)
    assert handle.status() is Status.CANCELLED
    assert Workflow.objects.count() == 1


def test_a_parent_that_lost_its_lease_makes_a_child_once() -> None:
    def parent() -> Any:
        if CALLS["lost"] == 0:
            CALLS["lost"] += 1
            crash(handle)
        return start(echo, 1).result()

    handle = start(parent)
    run(handle)
    assert Workflow.objects.count() == 1
    work_off(handle)
    assert Workflow.objects.count() == 2
    assert handle.result() == 1


def test_a_result_is_recorded_and_replayed_though_the_child_is_gone() -> None:
    def parent() -> Any:
        result = start(echo, {"a": [1]}).result()
        dies_once()
        return result

    handle = start(parent, workflow_id="family")
    run(handle)
    run(WorkflowHandle[Any]("family-1"))
    run_until_killed(handle)
    operations.delete("family-1")
    work_off(handle)
    assert handle.result() == {"a": [1]}


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_a_failed_or_cancelled_child_raises_in_its_parent_and_on_replay_the_same(end: str) -> None:
    def parent() -> Any:
        child = start(fail, "no") if end == "fail" else start(hold)
        try:
            child.result()
        except WorkflowEnded as ended:
            outcome = [type(ended).__name__, ended.workflow_id, (ended.error or {}).get("message")]
        dies_once()
        return outcome

    handle = start(parent, workflow_id="family")
    run(handle)
    if end == "cancel":
        operations.cancel("family-1")
    else:
        run(WorkflowHandle[Any]("family-1"))
    run_until_killed(handle)
    work_off(handle)
    expected = {"fail": ["WorkflowFailed", "family-1", "no"], "cancel": ["WorkflowCancelled", "family-1", None]}
    assert handle.result() == expected[end]


def test_cancelling_a_tree_reaches_everything_below_and_nothing_beside() -> None:
    def grandparent() -> Any:
        return start(parent).result()

    def parent() -> Any:
        return gather([start(hold), start(hold)])

    handle, beside = start(grandparent, workflow_id="root"), start(hold)
    run(handle)
    run(WorkflowHandle[Any]("root-1"))
    run(WorkflowHandle[Any]("root-1-1"))
    operations.cancel("root", tree=True, by="ann", reason="enough")
    family = Workflow.objects.filter(id__startswith="root")
    assert {row.status for row in family} == {"cancelled"}
    assert family.count() == 4
    assert beside.status() is Status.QUEUED
    for row in family:
        told = list(WorkflowHandle[Any](row.id).history())[-1].data
        assert (told["by"], told["reason"]) == ("ann", "enough")


def test_cancelling_without_the_tree_leaves_the_children_alone() -> None:
    def parent() -> Any:
        return start(hold).result()

    handle = start(parent, workflow_id="root")
    run(handle)
    operations.cancel("root")
    assert WorkflowHandle[Any]("root-1").status() is Status.QUEUED


def test_a_tree_is_cancelled_below_a_root_that_has_ended() -> None:
    def parent() -> None:
        start(hold)

    run(start(parent, workflow_id="root"))
    operations.cancel("root", tree=True)
    assert WorkflowHandle[Any]("root-1").status() is Status.CANCELLED


def test_a_deadline_is_inherited_and_a_child_can_have_an_earlier_one_but_no_later() -> None:
    def parent() -> Any:
        return gather([start(hold), start(hold, timeout=1), start(hold, timeout=10_000)])

    run(start(parent, workflow_id="root", timeout=100))
    deadline = Workflow.objects.get(id="root").deadline_at
    assert deadline is not None
    children = [WorkflowHandle[Any](f"root-{position}") for position in (1, 2, 3)]
    assert {Workflow.objects.get(id=child.id).deadline_at for child in children} == {deadline}
    for child in children:
        run(child)
    deadlines = [Workflow.objects.get(id=child.id).deadline_at for child in children]
    assert (deadlines[0], deadlines[2]) == (deadline, deadline)
    second = Workflow.objects.get(id="root-2")
    assert second.started_at is not None
    assert second.deadline_at == second.started_at + timedelta(seconds=1)


def test_a_passed_deadline_ends_the_parent_and_its_children_though_all_of_them_wait() -> None:
    def parent() -> Any:
        return start(hold).result()

    handle = start(parent, workflow_id="root", timeout=0.3)
    run(handle)
    child = WorkflowHandle[Any]("root-1")
    run(child)
    while handle.status() is Status.WAITING or child.status() is Status.WAITING:
        recovery.cancel_overdue()
    assert (handle.status(), child.status()) == (Status.CANCELLED, Status.CANCELLED)


def test_a_deadline_that_many_share_ends_all_of_them_at_one_look() -> None:
    def parent() -> None:
        for index in range(25):
            start(echo, index)
        sleep(3_600)

    handle = start(parent, timeout=2)
    run(handle)
    assert until(lambda: recovery.cancel_overdue(limit=10)) == 26
    assert not Workflow.objects.exclude(status="cancelled").exists()


def test_a_parent_resumed_after_its_failed_child_was_resumed_sees_its_success() -> None:
    def flaky() -> str:
        CALLS["flaky"] += 1
        if CALLS["flaky"] == 1:
            raise ValueError("first time")
        return "second time"

    def parent() -> Any:
        return start(flaky).result()

    handle = start(parent, workflow_id="root")
    work_off(handle)
    assert handle.status() is Status.FAILED
    operations.resume("root-1")
    work_off(WorkflowHandle[Any]("root-1"))
    operations.resume("root")
    work_off(handle)
    assert handle.result() == "second time"


def test_a_resumed_parent_gives_its_resumed_child_the_whole_timeout_again() -> None:
    def child() -> str:
        CALLS["child"] += 1
        if CALLS["child"] == 1:
            raise ValueError("first time")
        return "second time"

    def parent() -> Any:
        return start(child).result(timeout=2.0)

    handle = start(parent, workflow_id="root")
    run(handle)
    work_off(handle)
    assert handle.status() is Status.FAILED
    began = next(event.at for event in handle.history() if event.kind == "wait_started")
    until(lambda: timezone.now() > began + timedelta(seconds=2))
    operations.resume("root-1")
    operations.resume("root")
    run(handle)
    assert handle.status() is Status.WAITING
    work_off(handle)
    assert handle.result() == "second time"


def test_a_child_in_another_queue_with_a_delay_is_waited_for() -> None:
    def parent() -> Any:
        return start(echo, "late", queue="elsewhere", delay=0.2, priority=5).result()

    handle = start(parent, workflow_id="root")
    work_off(handle)
    child = Workflow.objects.get(id="root-1")
    assert (child.queue, child.priority, handle.result()) == ("elsewhere", 5, "late")
    assert play.name == child.definition


def test_sleeping_children_of_a_sleeping_parent_all_end() -> None:
    def napper(seconds: float) -> float:
        sleep(seconds)
        return seconds

    def parent() -> Any:
        children = [start(napper, 0.1 * index) for index in range(4)]
        sleep(0.2)
        return gather(children)

    handle = start(parent)
    work_off(handle)
    assert handle.result() == [0.0, 0.1, 0.2, 0.30000000000000004]
