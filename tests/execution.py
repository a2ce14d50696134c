"""Run workflows inside the test process, by the engine's own door: claim, execute, release."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.wait import until
from workflows import engine, history, recovery, registry, sql, transitions
from workflows.fold import State, empty_state, fold
from workflows.handles import WorkflowHandle
from workflows.models import Event, Workflow
from workflows.states import TERMINAL, Status
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


def work_off(*handles: WorkflowHandle[Any], within: float = 20.0) -> None:
    """Be the worker: execute whatever is claimable, and wake what is due, until these workflows have ended."""
    until(lambda: work_once() or all(handle.status() in TERMINAL for handle in handles), within=within)


def work_once() -> bool:
    """Execute one workflow of any queue. False always: the condition of `work_off` is the end of its workflows."""
    recovery.wake_due()
    recovery.deliver_wakeups()
    queues = list(Workflow.objects.filter(status=Status.QUEUED).values_list("queue", flat=True).distinct())
    claimed = transitions.claim_next(queues=queues, worker=WORKER, definitions=registry.names())
    if claimed is not None:
        engine.execute(claimed, stopping=lambda: False)
    return False


def replace_fetch(replacement: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put something between the engine and every durable statement of this process."""
    present = sql.fetch
    ours = replacement(present)
    for name, module in list(sys.modules.items()):
        if name.startswith("workflows") and getattr(module, "fetch", None) is present:
            module.fetch = ours  # type: ignore[attr-defined]


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
