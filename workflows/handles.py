"""A workflow seen from outside: status, values, history, result. Read and awaited; also within other workflows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast, overload

from workflows import children, context, event_log, ids, operations, queries, steps, waits
from workflows.context import Execution
from workflows.errors import NotInWorkflow, PayloadError
from workflows.patience import patiently
from workflows.payloads import Json, checked_key
from workflows.retries import RetryPolicy
from workflows.states import EventKind, Status
from workflows.steps import StepSpec
from workflows.waits import Found, PublishedValue

R = TypeVar("R")
T = TypeVar("T")

_MISSING: Any = object()
_ZERO: dict[type, Any] = {str: "", int: 0, float: 0.0, bool: False, list: [], dict: {}}


class HistoryEvent(NamedTuple):
    """One row of a workflow's history."""

    seq: int
    at: datetime
    kind: EventKind
    position: int | None
    key: str | None
    data: dict[str, Json]


class WorkflowHandle(Generic[R]):
    """One workflow. Cheap to make; every call reads afresh. Raises WorkflowNotFound for what cannot be an id."""

    def __init__(self, workflow_id: str) -> None:
        self.id = ids.possible(workflow_id)

    def __repr__(self) -> str:
        return f"WorkflowHandle({self.id!r})"

    def status(self) -> Status:
        """This will return the status as it is now. Raises WorkflowNotFound."""
        return waits.read(self.id).status

    def result(self, timeout: float | None = None) -> R:
        """This will wait until the workflow ended, for at most `timeout` seconds, and return what it returned.

        In the body of a workflow the outcome is recorded: a replay returns the same, a restart in the middle does not
        extend the timeout, and a longer wait holds no worker. Raises WorkflowFailed, WorkflowCancelled,
        WorkflowQuarantined (all with `.error`), ResultTimeout and WorkflowNotFound.
        """
        execution = context.current()
        if execution is not None and execution.step is None:
            return cast(R, children.result(execution, self.id, timeout=timeout))
        found = waits.until(
            lambda: waits.look_for_end(self.id), watching=[self.id], timeout=timeout, execution=execution
        )
        return self._outcome(found, timeout)

    async def aresult(self, timeout: float | None = None) -> R:
        """As `result`, for ASGI views: holds no thread while it waits."""
        found = await waits.auntil(lambda: waits.look_for_end(self.id), watching=[self.id], timeout=timeout)
        return cast(R, await waits.in_thread(lambda: self._outcome(found, timeout)))

    def _outcome(self, found: Found[Status] | None, timeout: float | None) -> R:
        if found is None:
            raise children.timed_out(self.id, timeout)
        return cast(R, children.outcome_of(queries.get_workflow(self.id)).returned())

    @overload
    def get_event(self, key: str, *, type: type[T], timeout: float | None = ..., after: int | None = ...) -> T: ...
    @overload
    def get_event(
        self, key: str, *, type: type | None = ..., default: Any = ..., timeout: float | None = ...,
        after: int | None = ...,
    ) -> Any: ...  # fmt: skip
    def get_event(
        self, key: str, *, type: type | None = None, default: Any = _MISSING, timeout: float | None = 60.0,
        after: int | None = None,
    ) -> Any:  # fmt: skip
        """This will return the latest value of a key, waiting until it is set, `timeout` seconds passed (None: no
        limit), or the workflow ended without it. Then it returns `default`, else the zero value of `type`
        (`""`, `0`, `0.0`, `False`, `[]`, `{}`), else None. `after=seq` waits for a value that is newer than that event.

        In the body of a workflow the outcome is recorded: a replay returns the same, and a restart in the middle does
        not extend the timeout. Raises WorkflowNotFound, and PayloadError when the value is not of `type`.
        """
        checked_key(key)
        execution = context.current()
        if execution is not None and execution.step is None:
            found = _recorded_value(execution, self.id, key, timeout, after)
        else:
            found = _content(
                waits.until(
                    lambda: waits.look_for_value(self.id, key, after), watching=[self.id], timeout=timeout,
                    execution=execution,
                )
            )  # fmt: skip
        return _typed(self.id, key, found, type, default)

    async def aget_event(
        self, key: str, *, type: type | None = None, default: Any = _MISSING, timeout: float | None = 60.0,
        after: int | None = None,
    ) -> Any:  # fmt: skip
        """As `get_event`, for ASGI views: holds no thread while it waits."""
        checked_key(key)
        found = await waits.auntil(
            lambda: waits.look_for_value(self.id, key, after), watching=[self.id], timeout=timeout
        )
        return _typed(self.id, key, _content(found), type, default)

    def stream(self, key: str, *, after: int = 0, timeout: float | None = None) -> Iterator[PublishedValue]:
        """This will yield every value that the key gets, in order and without a gap, until the workflow has ended.

        after: the seq to go on after. timeout: seconds to wait for the next one (None: no limit); then it ends, too.
        Raises WorkflowNotFound, and NotInWorkflow in the body of a workflow, where it could not be replayed.
        """
        checked_key(key)
        execution = context.current()
        if execution is not None and execution.step is None:
            raise NotInWorkflow("stream() in the body of a workflow could not be replayed. Call it inside a step.")

        def look() -> Found[list[PublishedValue]] | None:
            ended = waits.look_for_end(self.id)
            values = queries.values_after(self.id, key, after)
            return Found(values) if values or ended else None

        while found := waits.until(look, watching=[self.id], timeout=timeout, execution=execution):
            if not found.content:
                return
            yield from found.content
            after = found.content[-1].seq

    def values(self) -> dict[str, PublishedValue]:
        """This will return the current value of every key, with the seq and time of the event that set it."""
        return queries.values(self.id)

    def history(self, after: int = 0) -> Iterator[HistoryEvent]:
        """This will yield the events after a seq, in order, up to the newest one."""
        while events := queries.events_after(self.id, after):
            for event in events:
                yield HistoryEvent(event.seq, event.at, EventKind(event.kind), event.position, event.key, event.data)
            after = events[-1].seq


def _content(found: Found[PublishedValue | None] | None) -> Found[Json] | None:
    """The value alone; None where there is none, be it by timeout or because the workflow ended without it."""
    return Found(found.content.value) if found is not None and found.content is not None else None


def _recorded_value(
    execution: Execution, workflow_id: str, key: str, timeout: float | None, after: int | None
) -> Found[Json] | None:
    """The outcome as an operation of the body: from the record, or waited for and recorded."""
    position, recorded = execution.next_operation(EventKind.EVENT_READ.value, key)
    if recorded is not None:
        return None if recorded.content.get("absent") else Found(recorded.content["value"])

    def look() -> Found[PublishedValue | None] | None:
        return waits.look_for_value(workflow_id, key, after)

    wait = {"for": "event", "name": key, "workflow": workflow_id}
    found = waits.outlast(execution, position, look, wait=wait, timeout=timeout, targets=[workflow_id], key=key)
    content = _content(found)
    outcome = {"workflow": workflow_id, **({"absent": True} if content is None else {"value": content.content})}
    event_log.operation_recorded(execution.owner, EventKind.EVENT_READ, position, key=key, data=json.dumps(outcome))
    return content


def _typed(workflow_id: str, key: str, found: Found[Json] | None, wanted: type | None, default: Any) -> Any:
    if found is None:
        return _fallback(wanted, default)
    value = found.content
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is not None and type(value) is not wanted:
        raise PayloadError(
            f"Key {key!r} of workflow {workflow_id!r} holds {type(value).__name__}, not {wanted.__name__}. "
            "Ask for its real type, or for none."
        )
    return value


def _fallback(wanted: type | None, default: Any) -> Any:
    if default is not _MISSING:
        return default
    zero = _ZERO.get(wanted) if wanted is not None else None
    return zero.copy() if isinstance(zero, list | dict) else zero


def retrieve(workflow_id: str) -> WorkflowHandle[Any]:
    """This will return the handle of an existing workflow. Raises WorkflowNotFound."""
    handle = WorkflowHandle[Any](workflow_id)
    handle.status()
    return handle


def get_event(
    workflow_id: str, key: str, *, type: type | None = None, default: Any = _MISSING, timeout: float | None = 60.0,
    after: int | None = None,
) -> Any:  # fmt: skip
    """This will do what `WorkflowHandle.get_event` does, by id."""
    return WorkflowHandle[Any](workflow_id).get_event(key, type=type, default=default, timeout=timeout, after=after)


def send(workflow_id: str, topic: str, message: Any, *, idempotency_key: str | None = None) -> None:
    """This will put a message into a workflow's inbox; it waits there until the workflow receives it.

    In the body of a workflow it is recorded as a step and sent exactly once. Raises WorkflowNotFound,
    TransitionRefused (the workflow has ended) and PayloadError.
    """
    execution = context.current()
    if execution is None or execution.step is not None:
        operations.send(workflow_id, topic, message, idempotency_key=idempotency_key, by=_sender(execution))
        return
    key = idempotency_key or f"{execution.owner.workflow_id}-{execution.position + 1}"
    spec = StepSpec(f"send {topic}"[:200], _send, RetryPolicy(), atomic=False)
    steps.run(spec, (workflow_id, topic, message, key, _sender(execution)), {})


def _send(workflow_id: str, topic: str, message: Any, idempotency_key: str, by: str) -> None:
    """A database that is away is asked again: the idempotency key makes one message of it."""
    patiently(
        lambda: operations.send(workflow_id, topic, message, idempotency_key=idempotency_key, by=by),
        what=f"message to workflow {workflow_id!r}",
    )


def _sender(execution: Execution | None) -> str:
    return f"workflow {execution.owner.workflow_id}"[:200] if execution else ""


def gather(handles: Sequence[WorkflowHandle[R]], *, timeout: float | None = None) -> list[R]:
    """This will wait until all these workflows ended and return what they returned, in their order.

    Raises what `result` would of the first in order that has none, and ResultTimeout. In the body of a workflow it is
    one recorded operation, and a longer wait holds no worker.
    """
    return cast(list[R], children.gather([handle.id for handle in handles], timeout=timeout))


def as_completed(handles: Sequence[WorkflowHandle[R]], *, timeout: float | None = None) -> Iterator[WorkflowHandle[R]]:
    """This will yield the handles in the order in which the workflows end.

    In the body of a workflow the order is recorded, and a longer wait holds no worker. Raises ResultTimeout when none
    of the rest ended within `timeout` seconds, and WorkflowNotFound.
    """
    by_id = {handle.id: handle for handle in handles}
    for workflow_id in children.as_completed(list(by_id), timeout=timeout):
        yield by_id[workflow_id]
