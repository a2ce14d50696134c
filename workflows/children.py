"""Outcomes of other workflows: of one, of all, in the order of their ends; recorded where a workflow's body asks.

A success is recorded by reference if it is large: what a workflow returned never changes, and retention spares the
children of unfinished workflows. A failure is recorded whole, because a failed workflow may be resumed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from workflows import context, event_log, queries, waits
from workflows.context import Execution
from workflows.errors import (
    InvalidInput,
    ResultTimeout,
    WorkflowCancelled,
    WorkflowEnded,
    WorkflowFailed,
    WorkflowNotFound,
    WorkflowQuarantined,
)
from workflows.models import Workflow
from workflows.payloads import Json, fits_preview
from workflows.states import TERMINAL, EventKind, Status
from workflows.waits import Found

_ENDED: dict[Status, type[WorkflowEnded]] = {
    Status.FAILED: WorkflowFailed,
    Status.CANCELLED: WorkflowCancelled,
    Status.QUARANTINED: WorkflowQuarantined,
}


class Outcome(NamedTuple):
    """How a workflow ended."""

    workflow_id: str
    status: Status
    output: Json
    error: dict[str, Any] | None

    def returned(self) -> Json:
        """What it returned. Raises WorkflowFailed, WorkflowCancelled or WorkflowQuarantined."""
        if self.status in _ENDED:
            raise _ENDED[self.status](self.workflow_id, self.status, self.error)
        return self.output


def outcome_of(workflow: Workflow) -> Outcome:
    """The outcome of a workflow that has ended."""
    return Outcome(workflow.id, Status(workflow.status), workflow.output, workflow.error)


def timed_out(workflow_id: str, timeout: float | None) -> ResultTimeout:
    """The error of who waited in vain."""
    status = waits.recall(lambda: queries.get_workflow(workflow_id)).status
    return ResultTimeout(f"Workflow {workflow_id!r} is still {status} after {timeout or 0:g} s. It goes on.")


def result(execution: Execution, workflow_id: str, *, timeout: float | None) -> Json:
    """What the workflow returned, as a recorded operation of the body. Raises as `WorkflowHandle.result` does."""
    _refuse_itself(execution, [workflow_id])
    position, recorded = execution.next_operation(EventKind.RESULT_READ.value, workflow_id)
    if recorded is not None:
        return _recorded_result(workflow_id, recorded.content, timeout)
    found = waits.outlast(
        execution, position, lambda: waits.look_for_end(workflow_id), targets=[workflow_id], timeout=timeout,
        wait={"for": "result", "name": None, "workflow": workflow_id},
    )  # fmt: skip
    ended = None if found is None else waits.recall(lambda: queries.get_workflow(workflow_id))
    outcome = None if ended is None else outcome_of(ended)
    content = {"timed_out": True} if outcome is None else _content(outcome)
    event_log.operation_recorded(
        execution.owner, EventKind.RESULT_READ, position, key=workflow_id, data=json.dumps(content, ensure_ascii=False)
    )
    if outcome is None:
        raise timed_out(workflow_id, timeout)
    return outcome.returned()


def _refuse_itself(execution: Execution, workflow_ids: Collection[str]) -> None:
    """Raises InvalidInput for a workflow that would wait for its own end, for ever."""
    if execution.owner.workflow_id in workflow_ids:
        raise InvalidInput(f"Workflow {execution.owner.workflow_id!r} cannot wait for its own end.")


def _content(outcome: Outcome) -> dict[str, Any]:
    if outcome.status in _ENDED:
        return {"status": outcome.status.value, "error": outcome.error}
    small = fits_preview(json.dumps(outcome.output, ensure_ascii=False))
    return {"status": outcome.status.value, **({"output": outcome.output} if small else {})}


def _recorded_result(workflow_id: str, content: dict[str, Any], timeout: float | None) -> Json:
    if content.get("timed_out"):
        raise timed_out(workflow_id, timeout)
    if content["status"] == Status.SUCCEEDED and "output" not in content:
        return waits.recall(lambda: queries.get_workflow(workflow_id)).output
    status = Status(content["status"])
    return Outcome(workflow_id, status, content.get("output"), content.get("error")).returned()


def gather(workflow_ids: Sequence[str], *, timeout: float | None) -> list[Json]:
    """What all of them returned, in this order. Raises as `WorkflowHandle.result` does, for the first that has none."""
    ids = list(dict.fromkeys(workflow_ids))
    execution = context.current()
    if execution is not None and execution.step is None:
        failed = _recorded_gather(execution, ids, timeout)
    else:
        found = waits.until(lambda: _all_ended(ids), watching=ids, timeout=timeout, execution=execution)
        failed = _failures(ids) if found is not None else _raise_timeout(ids, timeout)
    outputs = waits.recall(lambda: queries.outputs(ids))
    for workflow_id in ids:
        if workflow_id in failed:
            told = failed[workflow_id]
            Outcome(workflow_id, Status(told["status"]), None, told["error"]).returned()
    return [outputs[workflow_id] for workflow_id in workflow_ids]


def _recorded_gather(execution: Execution, ids: list[str], timeout: float | None) -> dict[str, Any]:
    """Which of them did not succeed, and why, as a recorded operation of the body."""
    _refuse_itself(execution, ids)
    position, recorded = execution.next_operation(EventKind.RESULTS_GATHERED.value, "")
    if recorded is None:
        found = waits.outlast(
            execution, position, lambda: _all_ended(ids), targets=ids, first=False, timeout=timeout,
            wait={"for": "results", "name": _counted(ids), "workflow": None},
        )  # fmt: skip
        content: dict[str, Any] = {"count": len(ids), "failed": _failures(ids) if found else {}}
        content |= {} if found else _TIMED_OUT
        data = json.dumps(content, ensure_ascii=False)
        event_log.operation_recorded(execution.owner, EventKind.RESULTS_GATHERED, position, key="", data=data)
    else:
        content = recorded.content
    failed: dict[str, Any] = content["failed"]
    return _raise_timeout(ids, timeout) if content.get("timed_out") else failed


_TIMED_OUT = {"timed_out": True}


def _raise_timeout(ids: list[str], timeout: float | None) -> dict[str, Any]:
    raise ResultTimeout(f"Not all of {_counted(ids)} ended within {timeout or 0:g} s. They go on.")


def _counted(ids: list[str]) -> str:
    return "1 workflow" if len(ids) == 1 else f"{len(ids)} workflows"


def _all_ended(ids: list[str]) -> Found[bool] | None:
    return Found(True) if len(_ended(ids)) == len(ids) else None


def _ended(ids: list[str]) -> list[str]:
    """Those that have ended, in the order of their ends. Raises WorkflowNotFound."""
    ends = queries.ends(ids)
    for workflow_id in ids:
        if workflow_id not in ends:
            raise WorkflowNotFound(workflow_id)
    return [workflow_id for workflow_id, finished_at in ends.items() if finished_at is not None]


def _failures(ids: list[str]) -> dict[str, Any]:
    rows = Workflow.objects.filter(id__in=ids, status__in=sorted(TERMINAL - {Status.SUCCEEDED}))
    return {row.id: {"status": row.status, "error": row.error} for row in waits.recall(lambda: list(rows))}


def as_completed(workflow_ids: list[str], *, timeout: float | None) -> Iterator[str]:
    """Their ids in the order of their ends."""
    rest, ended = dict.fromkeys(workflow_ids), list[str]()
    execution = context.current()
    while rest:
        if execution is not None and execution.step is None:
            first = _recorded_completion(execution, rest, ended, timeout)
        else:
            first = _next_ended(execution, rest, ended, timeout)
        if first is None:
            _raise_timeout(list(rest), timeout)
            return
        del rest[first]
        yield first


def _next_ended(
    execution: Execution | None, rest: Collection[str], ended: list[str], timeout: float | None
) -> str | None:
    """The next of those that are known to have ended; when there is none, wait for some."""
    if not ended:
        ids = list(rest)
        found = waits.until(lambda: _some_ended(ids), watching=ids, timeout=timeout, execution=execution)
        ended += found.content if found else []
    return ended.pop(0) if ended else None


def _some_ended(ids: list[str]) -> Found[list[str]] | None:
    ended = _ended(ids)
    return Found(ended) if ended else None


def _recorded_completion(
    execution: Execution, rest: Collection[str], ended: list[str], timeout: float | None
) -> str | None:
    _refuse_itself(execution, rest)
    position, recorded = execution.next_operation(EventKind.COMPLETION_READ.value, None)
    if recorded is not None:
        return recorded.name or None
    if not ended:
        ids = list(rest)
        found = waits.outlast(
            execution, position, lambda: _some_ended(ids), targets=ids, first=True, timeout=timeout,
            wait={"for": "completion", "name": _counted(ids), "workflow": None},
        )  # fmt: skip
        ended += found.content if found else []
    first = ended.pop(0) if ended else ""
    data = json.dumps({} if first else _TIMED_OUT)
    event_log.operation_recorded(execution.owner, EventKind.COMPLETION_READ, position, key=first, data=data)
    return first or None
