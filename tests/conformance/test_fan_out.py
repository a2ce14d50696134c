"""Many children and back. A thousand of them, on workers: `make bench`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.definitions import SWITCH, doubling, switching
from tests.execution import WORKER, work_off
from tests.wait import PATIENCE
from workflows import engine, recovery, registry, transitions
from workflows.durable import Status, WorkflowFailed, WorkflowHandle, as_completed, gather
from workflows.models import Event, Wait, Wakeup, Workflow


@pytest.mark.parametrize("collect", ["gather", "as_completed"])
def test_two_hundred_children_run_and_their_parent_goes_on_with_all_of_them(collect: str) -> None:
    def body() -> Any:
        children = [doubling.start([number]) for number in range(200)]
        if collect == "gather":
            return sum(result[0] for result in gather(children))
        return len({child.id for child in as_completed(children)})

    SWITCH["body"] = body
    parent = switching.start()
    work_off(parent, within=2 * PATIENCE)
    assert parent.result() == (39_800 if collect == "gather" else 200)
    assert Workflow.objects.filter(parent_id=parent.id, status=Status.SUCCEEDED).count() == 200
    assert (Wait.objects.count(), Wakeup.objects.count()) == (0, 0)
    suspensions = Event.objects.filter(workflow_id=parent.id, kind="suspended").count()
    assert 1 <= suspensions <= (1 if collect == "gather" else 200)


def test_ends_come_one_by_one_in_their_order() -> None:
    order: list[str] = []

    def body() -> Any:
        children = [doubling.using(workflow_id=f"c{number}").start([number]) for number in range(4)]
        return [child.id for child in as_completed(children)]

    SWITCH["body"] = body
    parent = switching.start()
    _once(parent.id)
    for number in (2, 0, 3, 1):
        _once(f"c{number}")
        order.append(f"c{number}")
        assert parent.status() is Status.QUEUED
        _once(parent.id)
    assert parent.result() == order


def _once(workflow_id: str) -> None:
    recovery.deliver_wakeups()
    claimed = transitions.claim(workflow_id, worker=WORKER, definitions=registry.names())
    assert claimed is not None
    engine.execute(claimed, stopping=lambda: False)


@pytest.mark.parametrize("wait", ["result", "gather", "as_completed"])
def test_a_workflow_cannot_wait_for_its_own_end(wait: str) -> None:
    own: WorkflowHandle[Any] = WorkflowHandle("own")
    waits = {"result": own.result, "gather": lambda: gather([own]), "as_completed": lambda: list(as_completed([own]))}
    SWITCH["body"] = waits[wait]
    handle = switching.using(workflow_id="own").start()
    work_off(handle)
    with pytest.raises(WorkflowFailed, match="cannot wait for its own end"):
        handle.result()
