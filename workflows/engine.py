"""Run executions: claim a workflow, replay what is recorded, go on until it ends, is lost, or is handed back."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError

from workflows import (
    context,
    dispatch,
    event_log,
    history,
    payloads,
    registry,
    telemetry,
    tracing,
    transitions,
    wakeups,
)
from workflows.conf import conf
from workflows.context import Execution
from workflows.errors import HandBack, Stop, Suspend
from workflows.history import Replay
from workflows.patience import patiently
from workflows.redaction import Lens
from workflows.transitions import Claim
from workflows.visibility import Visibility


def work(
    *, workflow_id: str, queues: list[str], worker: str, closing: Callable[[], bool], stopping: Callable[[], bool]
) -> int:
    """This will execute the workflow if it is claimable, then others of these queues for a bounded time.

    `closing`: the worker takes nothing new; `stopping`: its grace is over too, so what runs is handed back.
    Returns how many workflows were executed.
    """
    if worker in _unsure:
        _let_go(worker)
        _unsure.discard(worker)
    try:
        return _work(workflow_id, queues, worker, closing, stopping)
    except (DatabaseError, InterfaceError):
        _unsure.add(worker)
        _let_go(worker)
        raise


# This process's name while it may hold a workflow that it does not know of, because the answer to a claim got lost. Let
# go at once, and again before the next work: the claim may have been committed only after the first look.
_unsure: set[str] = set()


def _let_go(worker: str) -> None:
    """Give back whatever this process holds: it executes nothing now, yet the worker goes on renewing the lease."""
    for released in patiently(lambda: transitions.let_go(worker), what=f"worker {worker!r}"):
        dispatch.wake(released.queue, released.workflow_id)


def _work(
    workflow_id: str, queues: list[str], worker: str, closing: Callable[[], bool], stopping: Callable[[], bool]
) -> int:
    definitions = registry.names()
    until = time.monotonic() + conf().drain_seconds
    executed = 0
    claim = transitions.claim(workflow_id, worker=worker, definitions=definitions)
    while True:
        if claim is None:
            claim = transitions.claim_next(queues=queues, worker=worker, definitions=definitions)
            if claim is None:
                _come_back_for_rates(queues)
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


def _come_back_for_rates(queues: list[str]) -> None:
    """A queue at its rate limit needs a message when the limit allows a further start; later ones are swept."""
    opening = transitions.next_start(queues)
    if opening is not None and 0 < opening[1] <= conf().overlooked_after:
        queue, delay = opening
        for _queue, workflow_id in overlooked([queue], age=0, limit=1):
            dispatch.wake(queue, workflow_id, delay=delay)


def execute(claim: Claim, *, stopping: Callable[[], bool]) -> None:
    """This will run one claimed workflow to its end, or until this execution must stop."""
    workflow_id, token, _worker = claim.owner
    whole = _machine_lens(claim.definition).reads_whole_payloads
    span = tracing.execution(workflow_id, claim.definition, token, whole=whole, starter=lambda: _starter(workflow_id))
    with telemetry.about(workflow_id=workflow_id, definition=claim.definition), span:
        while _must_look_again(claim, stopping):
            claim = claim._replace(first=False)


def _starter(workflow_id: str) -> str | None:
    return patiently(lambda: history.starter(workflow_id), what=f"workflow {workflow_id!r}")


def _must_look_again(claim: Claim, stopping: Callable[[], bool]) -> bool:
    """One pass through the body. True: it wanted to wait, but what it waits for has just happened."""
    owner = claim.owner
    try:
        output = _run_body(claim, _execution(claim, stopping))
        wakeups.tell([transitions.succeed(owner, output=output)])
    except Suspend as stop:
        return _is_refused_suspension(claim, stop)
    except HandBack as stop:
        telemetry.stopped(owner.workflow_id, str(stop))
        for released in transitions.hand_back(owner):
            dispatch.wake(released.queue, released.workflow_id)
    except Stop as stop:
        telemetry.stopped(owner.workflow_id, str(stop))
    except Exception as error:
        _fail(claim, error)
    return False


def _is_refused_suspension(claim: Claim, stop: Suspend) -> bool:
    try:
        return not transitions.suspend(claim.owner, wait=stop.wait, wakes=stop.wakes)
    except Stop as lost:
        telemetry.stopped(claim.owner.workflow_id, str(lost))
        event_log.waits_forgotten(claim.owner)
        return False


def _execution(claim: Claim, stopping: Callable[[], bool]) -> Execution:
    workflow_id = claim.owner.workflow_id
    replay = Replay({}, {}, {})
    if not claim.first:
        replay = patiently(lambda: history.recorded(workflow_id), what=f"workflow {workflow_id!r}")
    return Execution(owner=claim.owner, replay=replay, version=claim.version, stopping=stopping)


def _run_body(claim: Claim, execution: Execution) -> str:
    definition = registry.get(claim.definition)
    with context.entered(execution):
        output = definition.function(*claim.input["args"], **claim.input["kwargs"])
    execution.check_complete()
    return payloads.encode(output, what=f"result of workflow {claim.definition!r}", limit=conf().payload_max_bytes)


def _machine_lens(definition: str) -> Lens:
    """Logs and traces are read by whoever looks after the machines."""
    return Lens(definition, Visibility.STAFF)


def _fail(claim: Claim, error: Exception) -> None:
    lens = _machine_lens(claim.definition)
    tracing.failed(error)
    try:
        wakeups.tell([transitions.fail(claim.owner, error=payloads.encode_error(error))])
    except Stop as stop:
        telemetry.stopped(claim.owner.workflow_id, str(stop))
    else:
        shown = None if lens.reads_whole_payloads else lens.error(payloads.error_json(error))
        telemetry.failed(claim.owner.workflow_id, claim.definition, error, shown)


def overlooked(queues: list[str], *, age: float, limit: int) -> list[tuple[str, str]]:
    """(queue, workflow id) of rows that are claimable for `age` seconds and were not claimed, oldest first."""
    return history.overlooked(queues, definitions=registry.names(), age=age, limit=limit)
