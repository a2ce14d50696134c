"""Run executions: claim a workflow, replay what is recorded, go on until it ends, is lost, or is handed back."""

from __future__ import annotations

import time
from collections.abc import Callable

from workflows import context, dispatch, event_log, payloads, registry, telemetry, transitions
from workflows.conf import conf
from workflows.context import Execution
from workflows.errors import HandBack, Stop
from workflows.transitions import Claim


def work(
    *, workflow_id: str, queues: list[str], worker: str, closing: Callable[[], bool], stopping: Callable[[], bool]
) -> int:
    """This will execute the workflow if it is claimable, then others of these queues for a bounded time.

    `closing`: the worker takes nothing new; `stopping`: its grace is over too, so what runs is handed back.
    Returns how many workflows were executed.
    """
    definitions = registry.names()
    until = time.monotonic() + conf().drain_seconds
    executed = 0
    claim = transitions.claim(workflow_id, worker=worker, definitions=definitions)
    while True:
        if claim is None:
            claim = transitions.claim_next(queues=queues, worker=worker, definitions=definitions)
            if claim is None:
                return executed
        execute(claim, stopping=stopping)
        executed += 1
        claim = None
        if closing() or time.monotonic() > until:
            _pass_on(queues)
            return executed


def _pass_on(queues: list[str]) -> None:
    """This process returns to the broker: what it leaves behind needs another message."""
    for queue, workflow_id in overlooked(queues, age=0, limit=1):
        dispatch.wake(queue, workflow_id)


def execute(claim: Claim, *, stopping: Callable[[], bool]) -> None:
    """This will run one claimed workflow to its end, or until this execution must stop."""
    execution = _execution(claim, stopping)
    try:
        output = _run_body(claim, execution)
        transitions.succeed(claim.owner, output=output)
    except HandBack as stop:
        telemetry.stopped(claim.owner.workflow_id, str(stop))
        for released in transitions.hand_back(claim.owner):
            dispatch.wake(released.queue, released.workflow_id)
    except Stop as stop:
        telemetry.stopped(claim.owner.workflow_id, str(stop))
    except Exception as error:
        _fail(claim, error)


def _execution(claim: Claim, stopping: Callable[[], bool]) -> Execution:
    workflow_id = claim.owner.workflow_id
    return Execution(
        owner=claim.owner,
        recorded={} if claim.first else event_log.recorded_operations(workflow_id),
        deadlines={} if claim.first else event_log.wait_deadlines(workflow_id),
        next_attempts={} if claim.first else event_log.next_attempts(workflow_id),
        stopping=stopping,
    )


def _run_body(claim: Claim, execution: Execution) -> str:
    definition = registry.get(claim.definition)
    with context.entered(execution):
        output = definition.function(*claim.input["args"], **claim.input["kwargs"])
    execution.check_complete()
    return payloads.encode(output, what=f"result of workflow {claim.definition!r}", limit=conf().payload_max_bytes)


def _fail(claim: Claim, error: Exception) -> None:
    try:
        transitions.fail(claim.owner, error=payloads.encode_error(error))
    except Stop as stop:
        telemetry.stopped(claim.owner.workflow_id, str(stop))


def overlooked(queues: list[str], *, age: float, limit: int) -> list[tuple[str, str]]:
    """(queue, workflow id) of rows that are claimable for `age` seconds and were not claimed, oldest first."""
    return event_log.overlooked(queues, definitions=registry.names(), age=age, limit=limit)
