"""What a workflow's own code says and hears while it runs: `set_event`, `receive`, `sleep`, `track`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from workflows import context, event_log, payloads, waits, wakeups
from workflows.conf import conf
from workflows.context import Execution
from workflows.payloads import Json
from workflows.states import EventKind

T = TypeVar("T")


def workflow_id() -> str:
    """This will return the id of the workflow that the code runs in. Raises NotInWorkflow."""
    return context.required("workflow_id()").owner.workflow_id


def set_event(key: str, value: Json) -> None:
    """This will publish a value under a key: durable, visible at once, and a row of the workflow's history.

    In the workflow's body it happens exactly once: a replay does not write it again, and keeps the first value. Inside
    a step it happens at least once and stays when the step fails; inside an atomic step it commits with the step.
    Raises PayloadError (nothing is written) and NotInWorkflow.
    """
    execution = context.required("set_event()")
    payloads.checked_key(key)
    encoded = payloads.encode(value, what=f"value of key {key!r}", limit=conf().value_max_bytes)
    scope = execution.step
    if scope is None:
        position, recorded = execution.next_operation(EventKind.VALUE_SET.value, key)
        if recorded is None:
            _publish(execution, str(position), position=position, key=key, encoded=encoded, in_step=False)
    elif scope.buffered is not None:
        scope.buffered.append((key, encoded))
    else:
        op = f"{scope.position}.{scope.attempt}.{next(scope.calls)}"
        _publish(execution, op, position=scope.position, key=key, encoded=encoded, in_step=True)


def _publish(execution: Execution, op: str, *, position: int | None, key: str, encoded: str, in_step: bool) -> None:
    watched = event_log.set_value(execution.owner, op, position=position, key=key, encoded=encoded, in_step=in_step)
    if watched:
        wakeups.deliver_soon(execution.owner.workflow_id)


def receive(topic: str, *, timeout: float | None = None, default: Json = None) -> Json:
    """This will return the oldest unread message of a topic, waiting up to `timeout` seconds for one (None: no limit).

    Each message is received exactly once, also across crashes. When the timeout passes it returns `default`; a restart
    in the middle does not extend it. Raises NotInWorkflow outside a workflow's body.
    """
    payloads.checked_key(topic, what="topic")
    found = waits.receive(context.in_body("receive()"), topic, timeout=timeout)
    return default if found is None else found.content


def sleep(seconds: float) -> None:
    """This will let time pass in a workflow's body, without a worker if it is more than a moment.

    A restart in the middle does not extend it. Raises NotInWorkflow outside a workflow's body, and ValueError for NaN.
    """
    waits.sleep(context.in_body("sleep()"), seconds)


def patched(name: str) -> bool:
    """This will say whether a workflow runs the code after the change of that name.

    True for workflows that reach this point with new code; False for those that had passed it before the change. Guard
    the new operations with `if patched("name"):` and keep the old ones under `else` until no such workflow is left;
    then remove the call. Raises NotInWorkflow outside a workflow's body.
    """
    execution = context.in_body("patched()")
    payloads.checked_key(name, what="patch name")
    if not execution.patched(name):
        return False
    position, recorded = execution.next_operation(EventKind.PATCHED.value, name)
    if recorded is None:
        event_log.operation_recorded(execution.owner, EventKind.PATCHED, position, key=name, data="{}")
    return True


def track(items: Iterable[T], label: str, *, total: int | None = None, key: str = "progress") -> Iterator[T]:
    """This will yield the items and publish how far it came: `{done, total, label, rate}` under `key`.

    Publishes the start, the end, and at most every `TRACK_INTERVAL` seconds in between; rate is items per second.
    During a replay it stays silent until it reaches what is new.
    """
    execution = context.required("track()")
    payloads.checked_key(key)
    if total is None and isinstance(items, Sized):
        total = len(items)
    began = reported = time.monotonic()
    _report(execution, key, label, 0, total, None)
    done = fresh = last_told = 0
    for item in items:
        replayed = execution.is_replaying
        yield item
        done += 1
        fresh += not replayed
        now = time.monotonic()
        if replayed:
            began = now
        if now - reported >= conf().track_interval:
            reported, last_told = now, done
            _report(execution, key, label, done, total, fresh / (now - began) if fresh else None)
    if last_told == done and done:
        return
    elapsed = time.monotonic() - began
    _report(execution, key, label, done, total, fresh / elapsed if fresh and elapsed else None)


def _report(execution: Execution, key: str, label: str, done: int, total: int | None, rate: float | None) -> None:
    """Not an operation of the body: how often it is published depends on time, which a replay cannot repeat."""
    if execution.step is None and execution.is_replaying:
        return
    value = {"done": done, "total": total, "label": label, "rate": None if rate is None else round(rate, 2)}
    encoded = payloads.encode(value, what=f"value of key {key!r}", limit=conf().value_max_bytes)
    op = f"t{execution.owner.token}.{next(execution.reports)}"
    _publish(execution, op, position=None, key=key, encoded=encoded, in_step=True)
