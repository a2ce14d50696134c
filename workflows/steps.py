"""Run one step: return what is recorded, or attempt, retry and record."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from django.db import transaction

from workflows import context, event_log, history, payloads, telemetry, tracing, waits, wakeups
from workflows.conf import conf
from workflows.context import Execution, StepScope
from workflows.errors import PayloadError, StepFailed
from workflows.patience import AWAY, is_away, patiently
from workflows.retries import RetryPolicy
from workflows.states import StepStatus


@dataclass(frozen=True)
class StepSpec:
    """What `@step` was told."""

    name: str
    function: Callable[..., Any]
    policy: RetryPolicy
    atomic: bool


def run(spec: StepSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a step. Outside a workflow, and inside another step, it is a plain call.

    Raises the step's error, also on replay: as its own type where that is loaded, else as StepFailed.
    """
    execution = context.current()
    if execution is None or execution.step is not None:
        return spec.function(*args, **kwargs)
    position, recorded = execution.next_operation("step", spec.name)
    if recorded is None:
        return _attempts(execution, spec, position, 0, 0, args, kwargs)
    if recorded.status == StepStatus.SUCCEEDED:
        return recorded.content
    if recorded.status == StepStatus.FAILED:
        raise_recorded(recorded.error)
    due = execution.replay.retries.get(position)
    if due is not None:  # after a takeover, or a suspension, only what is left of the back-off
        waits.back_off(execution, due, position=position, name=spec.name)
    return _attempts(execution, spec, position, recorded.attempt, recorded.failures, args, kwargs)


def _attempts(
    execution: Execution, spec: StepSpec, position: int, attempt: int, failures: int,
    args: tuple[Any, ...], kwargs: dict[str, Any],
) -> Any:  # fmt: skip
    while True:
        attempt += 1
        execution.check_stopping()
        event_log.step_started(execution.owner, position, name=spec.name, attempt=attempt)
        try:
            with telemetry.about(step=spec.name, attempt=attempt), tracing.step(spec.name, position, attempt):
                return _attempt(execution, spec, StepScope(position, attempt), args, kwargs)
        except Exception as error:
            failures += 1
            delay = None if isinstance(error, PayloadError) else spec.policy.delay(failures=failures, error=error)
            kept = payloads.error_json(error)
            if delay is None:
                event_log.step_failed(execution.owner, position, name=spec.name, attempt=attempt, error=kept)
                raise
        due = event_log.step_retrying(
            execution.owner, position, name=spec.name, attempt=attempt, error=kept, delay=delay
        )
        waits.back_off(execution, due, position=position, name=spec.name)


def _attempt(
    execution: Execution, spec: StepSpec, scope: StepScope, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if not spec.atomic:
        result = _in_scope(execution, scope, spec, args, kwargs)
        return _record(execution, spec, scope, result)
    try:
        return _attempt_in_a_transaction(execution, spec, scope, args, kwargs)
    except AWAY as error:
        # The answer to COMMIT may have got lost: then it is done, and must not be done again.
        workflow_id = execution.owner.workflow_id
        if not is_away(error) or not event_log.is_step_recorded(execution.owner, scope.position, scope.attempt):
            raise
        recorded = patiently(lambda: history.recorded(workflow_id), what=f"workflow {workflow_id!r}")
        return recorded.operations[scope.position].content


def _attempt_in_a_transaction(
    execution: Execution, spec: StepSpec, scope: StepScope, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    scope.buffered = []
    with transaction.atomic():  # the step's own writes, its events and its record commit together or not at all
        result = _in_scope(execution, scope, spec, args, kwargs)
        for key, encoded in scope.buffered:
            op = f"{scope.position}.{scope.attempt}.{next(scope.calls)}"
            if event_log.set_value(
                execution.owner, op, position=scope.position, key=key, encoded=encoded, in_step=True
            ):
                wakeups.deliver_soon(execution.owner.workflow_id)
        return _record(execution, spec, scope, result)


def _in_scope(
    execution: Execution, scope: StepScope, spec: StepSpec, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    execution.step = scope
    try:
        return spec.function(*args, **kwargs)
    finally:
        execution.step = None


def _record(execution: Execution, spec: StepSpec, scope: StepScope, result: Any) -> Any:
    text = payloads.encode(result, what=f"result of step {spec.name!r}", limit=conf().payload_max_bytes)
    event_log.step_succeeded(execution.owner, scope.position, name=spec.name, attempt=scope.attempt, output=text)
    return payloads.as_stored(result, text)


def raise_recorded(error: dict[str, str]) -> NoReturn:
    """Raise a recorded error again, saying what it said, with the traceback it had as a note.

    Only types that are loaded already are looked up; nothing is imported for it.
    """
    kind = _loaded(error)
    if kind is None:
        raise StepFailed(error)
    revived = _revived(kind, error) or _revived(_saying(kind, error["message"]), error) or StepFailed(error)
    revived.add_note(f"When the step was executed:\n{error.get('traceback', '')}")
    raise revived


def _loaded(error: dict[str, str]) -> type[Exception] | None:
    found: Any = sys.modules.get(error.get("module", ""))
    for name in error["type"].split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _revived(kind: type[Exception], error: dict[str, str]) -> Exception | None:
    """An instance made without the constructor, whose arguments nobody recorded; None if it cannot say its message."""
    message = error["message"]
    parts = (message, [StepFailed(error)]) if issubclass(kind, BaseExceptionGroup) else (message,)
    for base in kind.__mro__:  # its own way of making instances may want other arguments
        try:
            revived = base.__new__(kind, *parts)
            revived.args = (message,)
            return revived if str(revived) == message else None
        except Exception:  # noqa: S112  user code; the next base is asked
            continue
    return None


def _saying(kind: type[Exception], message: str) -> type[Exception]:
    """The type for errors that make their text of what their constructor got, as KeyError and UnicodeError do."""
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__str__": lambda _self: message}
    return type(kind.__name__, (kind,), names)
