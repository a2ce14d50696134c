"""Code changes: a workflow that began with old code is not led astray by new code.

What it asks for must be what it recorded; otherwise it stops with an error that names both, and can be resumed once the
code is right again. `patched("name")` lets old workflows keep the old path while new ones take the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tests.conformance.definitions import CALLS, deploy, echo, note, refuse, start
from tests.execution import assert_history_is_whole, claim, kinds, run, work_off
from workflows import engine, operations, versions
from workflows.durable import (
    NotInWorkflow,
    Status,
    WorkflowFailed,
    WorkflowHandle,
    gather,
    get_event,
    patched,
    receive,
    send,
    set_event,
    sleep,
    step,
)
from workflows.models import Step, Workflow


def pause() -> Any:
    return receive("go on")


def original() -> Any:
    note("old")
    pause()
    return note("end")


def under_way(body: Callable[..., Any]) -> WorkflowHandle[Any]:
    """A workflow of this body that waits for the word to go on."""
    handle = start(body)
    run(handle)
    assert handle.status() is Status.WAITING
    return handle


def go_on(handle: WorkflowHandle[Any]) -> Any:
    """Let it go on to its end, and return its result."""
    send(handle.id, "go on", None)
    work_off(handle)
    return handle.result(timeout=0)


@step
def another() -> None:
    CALLS["another"] += 1


OPERATIONS: dict[str, Callable[[], Any]] = {
    "step 'another'": another,
    "value_set 'k'": lambda: set_event("k", 1),
    "message_received 'other'": lambda: receive("other"),
    "event_read 'k'": lambda: get_event("nobody", "k", timeout=0),
    "slept": lambda: sleep(1),
    "child_started": lambda: start(echo, 1),
    "result_read 'x'": lambda: WorkflowHandle[Any]("x").result(),
    "results_gathered": lambda: gather([]),
}


@pytest.mark.parametrize("found", OPERATIONS)
def test_another_operation_than_the_recorded_one_is_refused_naming_position_and_both(found: str) -> None:
    handle = under_way(original)

    def changed() -> Any:
        OPERATIONS[found]()
        pause()

    deploy(original, changed)
    with pytest.raises(WorkflowFailed, match="NonDeterminism: Position 1 recorded step 'note'") as failed:
        go_on(handle)
    assert f"asks for {found}" in str(failed.value)
    assert kinds(handle)[-1] == "failed"


@pytest.mark.parametrize("found", OPERATIONS)
def test_another_wait_than_the_one_that_began_is_refused(found: str) -> None:
    handle = under_way(original)

    def changed() -> Any:
        note("old")
        OPERATIONS[found]()

    deploy(original, changed)
    with pytest.raises(WorkflowFailed, match="Position 2 recorded a wait for message_received 'go on'") as failed:
        go_on(handle)
    assert f"asks for {found}" in str(failed.value)


def test_the_refusal_names_the_versions_of_the_code_when_they_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.transitions.claiming.code_version", lambda: "release-1")
    handle = under_way(original)
    monkeypatch.setattr("workflows.context.code_version", lambda: "release-2")

    def changed() -> Any:
        refuse("never asked for")

    deploy(original, changed)
    with pytest.raises(WorkflowFailed, match="began with code version release-1, this worker has release-2"):
        go_on(handle)


def test_a_step_in_its_back_off_is_cut_off_by_the_refusal_and_tried_again_once_the_code_is_right() -> None:
    @step(attempts=3, backoff=60)
    def shaky() -> str:
        CALLS["shaky"] += 1
        if CALLS["shaky"] == 1:
            raise ValueError("not yet")
        return "worked"

    def old() -> str:
        return shaky()

    def new() -> None:
        set_event("k", "v")

    handle = start(old)
    run(handle)
    Workflow.objects.update(wake_at=timezone.now())
    deploy(old, new)
    work_off(handle)
    assert (handle.status(), Step.objects.get().status) == (Status.FAILED, "cancelled")
    assert_history_is_whole(handle.id)
    deploy(old, old)  # put back
    operations.resume(handle.id)
    work_off(handle)
    assert (handle.result(), Step.objects.get().status) == ("worked", "succeeded")


def test_a_refused_workflow_goes_on_when_the_code_is_put_back() -> None:
    handle = under_way(original)

    def changed() -> Any:
        set_event("k", "wrong")

    deploy(original, changed)
    with pytest.raises(WorkflowFailed, match="NonDeterminism"):
        go_on(handle)
    deploy(original, original)
    operations.resume(handle.id)
    work_off(handle)
    assert handle.result() == "end"
    assert (CALLS["old"], CALLS["end"], handle.values()) == (1, 1, {})


def test_code_that_ends_before_what_is_recorded_is_refused() -> None:
    handle = under_way(original)

    def shorter() -> str:
        return "too early"

    deploy(original, shorter)
    with pytest.raises(WorkflowFailed, match="the code now asks for the end of the workflow"):
        go_on(handle)


def test_swallowing_the_refusal_records_nothing() -> None:
    handle = under_way(original)

    def stubborn() -> Any:
        for _ in range(3):
            try:
                set_event("k", "wrong")
            except Exception:
                CALLS["swallowed"] += 1
        return "as if nothing had happened"

    deploy(original, stubborn)
    with pytest.raises(WorkflowFailed, match="NonDeterminism"):
        go_on(handle)
    assert handle.values() == {}


def with_patch() -> Any:
    note("old")
    if patched("better"):
        note("new")
    pause()
    return note("end")


def test_an_old_workflow_keeps_the_old_path_and_a_new_one_takes_the_new_one() -> None:
    old = under_way(original)
    deploy(original, with_patch)
    new = start(with_patch)
    run(new)
    assert (go_on(old), CALLS["new"]) == ("end", 1)
    assert (go_on(new), CALLS["new"]) == ("end", 1)
    assert "patched" not in kinds(old)
    assert kinds(new).count("patched") == 1


def test_an_old_workflow_that_has_not_reached_the_change_yet_takes_the_new_path() -> None:
    handle = under_way(original)

    def changed_further_on() -> Any:
        note("old")
        pause()
        return note("new end") if patched("further on") else note("end")

    deploy(original, changed_further_on)
    assert go_on(handle) == "new end"


def test_a_patched_workflow_decides_the_same_on_every_replay() -> None:
    def body() -> Any:
        decided = [patched("one"), patched("two")]
        pause()
        decided.append(patched("three"))
        receive("go on")
        return [*decided, patched("one")]

    handle = under_way(body)
    send(handle.id, "go on", None)
    run(handle)
    assert go_on(handle) == [True, True, True, True]


def test_a_patch_can_be_removed_when_no_workflow_of_the_old_code_is_left() -> None:
    handle = start(with_patch)
    run(handle)

    def cleaned() -> Any:
        note("old")
        note("new")
        pause()
        return note("end")

    deploy(with_patch, cleaned)
    assert go_on(handle) == "end"
    assert (CALLS["old"], CALLS["new"], CALLS["end"]) == (1, 1, 1)


def test_removing_one_of_two_patches_leaves_the_other_ones_decision() -> None:
    def two_patches() -> Any:
        if patched("one"):
            CALLS["one"] += 1
        if patched("two"):
            note("second path")
        pause()
        return note("end")

    handle = under_way(two_patches)

    def one_patch() -> Any:
        if patched("two"):
            note("second path")
        else:
            return "the path before the change"
        pause()
        return note("end")

    deploy(two_patches, one_patch)
    assert go_on(handle) == "end"


def test_a_removed_patch_at_the_very_end_is_passed_over() -> None:
    def ends_with_a_patch() -> Any:
        pause()
        patched("last")
        refuse("try again") if CALLS["refuse"] == 0 else None
        return "done"

    handle = under_way(ends_with_a_patch)
    with pytest.raises(WorkflowFailed):
        go_on(handle)

    def cleaned() -> Any:
        pause()
        try:
            refuse("again")
        except ValueError:
            return "done"

    deploy(ends_with_a_patch, cleaned)
    operations.resume(handle.id)
    work_off(handle)
    assert handle.result() == "done"


def test_a_patch_in_front_of_a_running_wait_keeps_the_old_wait() -> None:
    handle = under_way(pause_only)

    def changed() -> Any:
        if patched("new wait"):
            return sleep(3_600)
        return pause()

    deploy(pause_only, changed)
    assert go_on(handle) is None
    assert "patched" not in kinds(handle)


def pause_only() -> Any:
    return pause()


def test_a_child_that_is_waited_for_may_change_its_code_too() -> None:
    def parent() -> Any:
        return start(original).result()

    handle = start(parent, workflow_id="family")
    run(handle)
    child = WorkflowHandle[Any]("family-1")
    run(child)
    deploy(original, with_patch)
    assert go_on(child) == "end"
    work_off(handle)
    assert handle.result() == "end"


def test_patched_outside_a_body_is_an_error() -> None:
    with pytest.raises(NotInWorkflow):
        patched("x")


def test_a_workflow_keeps_the_version_that_it_began_with_and_every_claim_tells_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workflows.transitions.claiming.code_version", lambda: "release-1")
    handle = under_way(original)
    monkeypatch.setattr("workflows.transitions.claiming.code_version", lambda: "release-2")
    send(handle.id, "go on", None)
    engine.execute(claim(handle), stopping=lambda: False)
    assert Workflow.objects.get().version == "release-1"
    claims = [event.data["version"] for event in handle.history() if event.kind == "claimed"]
    assert claims == ["release-1", "release-2"]
    assert versions.code_version()
