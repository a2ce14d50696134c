"""Run workflows inside the test process, by the engine's own door: claim, execute, release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflows import engine, history, registry, transitions
from workflows.fold import State, empty_state, fold
from workflows.handles import WorkflowHandle
from workflows.models import Event
from workflows.transitions import Claim

WORKER = "test-host:1-abc/1"


def claim(handle: WorkflowHandle[Any], *, worker: str = WORKER) -> Claim:
    """Claim the workflow, which must be claimable."""
    claimed = transitions.claim(handle.id, worker=worker, definitions=registry.names())
    assert claimed is not None, f"{handle.id} is {handle.status()}, not claimable"
    return claimed


def run(handle: WorkflowHandle[Any], *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Claim and execute the workflow here and now."""
    engine.execute(claim(handle), stopping=stopping)


def crash(handle: WorkflowHandle[Any]) -> None:
    """What a dead worker's neighbours do: take the running workflow from it."""
    assert handle.id in {released.workflow_id for released in transitions.release_held_by([WORKER], limit=10)}


def folded(workflow_id: str) -> State:
    """The state that the history alone tells."""
    events = Event.objects.filter(workflow_id=workflow_id).order_by("seq")
    return fold(empty_state(workflow_id), [history.wire(event) for event in events])


def assert_history_is_whole(workflow_id: str) -> None:
    """The history has no gap, and folds to exactly the rows."""
    seqs = list(Event.objects.filter(workflow_id=workflow_id).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    assert folded(workflow_id) == history.snapshot(workflow_id)


def kinds(handle: WorkflowHandle[Any]) -> list[str]:
    """The kinds of the history, in order."""
    return [event.kind.value for event in handle.history()]
