"""Blocking until something is true: a value is set, a message is there, a workflow ended, a time has come.

Woken by the listener, never by polling the tables. Inside a workflow the wait also ends when the workflow is cancelled,
lost, or handed back, and its end is durable: a restart in the middle does not extend it. A wait of the body that
outlasts a short grace gives up the worker.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from asgiref.sync import sync_to_async
from django.db.models import OuterRef, Subquery

from workflows import context, event_log
from workflows.conf import conf
from workflows.context import Execution
from workflows.errors import WorkflowNotFound
from workflows.event_log import Owner
from workflows.history import Due
from workflows.listener import listener
from workflows.models import Value, Workflow
from workflows.patience import patiently
from workflows.payloads import Json
from workflows.states import TERMINAL, EventKind, Status

T = TypeVar("T")
_LONGEST_TIMEOUT = 100 * 365.25 * 86_400
_FEW_TARGETS = 8  # with more, watching them all for the grace costs more than suspending
_STOP_CHECK = 0.2  # seconds between looks at the worker's wish to stop


class Found(NamedTuple, Generic[T]):
    """What a wait was for; wrapped, so that a found None differs from nothing found."""

    content: T


class PublishedValue(NamedTuple):
    """The current value of a key, the seq of the event that set it, and when."""

    value: Json
    seq: int
    at: datetime


class Reading(NamedTuple):
    """One look at a workflow and one of its keys."""

    status: Status
    last_seq: int
    value: PublishedValue | None


def checked_timeout(timeout: float | None) -> float | None:
    """Seconds to wait, 0 to a hundred years; None for ever, which infinity means too. Raises ValueError for NaN."""
    if timeout is None or timeout == math.inf:
        return None
    if math.isnan(timeout):
        raise ValueError("A timeout is a number of seconds, or None for no limit; it is not NaN.")
    return min(max(timeout, 0.0), _LONGEST_TIMEOUT)


def read(workflow_id: str, key: str = "") -> Reading:
    """Status and current value in one statement. Raises WorkflowNotFound."""
    value = Value.objects.filter(workflow_id=OuterRef("id"), key=key)
    row = (
        Workflow.objects.filter(id=workflow_id)
        .annotate(
            v_seq=Subquery(value.values("seq")), v_at=Subquery(value.values("at")), v=Subquery(value.values("value"))
        )
        .values_list("status", "last_seq", "v", "v_seq", "v_at")
        .first()
    )
    if row is None:
        raise WorkflowNotFound(workflow_id)
    status, last_seq, content, seq, at = row
    return Reading(Status(status), last_seq, None if seq is None else PublishedValue(content, seq, at))


def look_for_value(workflow_id: str, key: str, after: int | None) -> Found[PublishedValue | None] | None:
    """The value if it is set (and newer than `after`); Found(None) once the workflow ended without it; else None."""
    reading = read(workflow_id, key)
    if reading.value is not None and (after is None or reading.value.seq > after):
        return Found(reading.value)
    return Found(None) if reading.status in TERMINAL else None


def look_for_end(workflow_id: str) -> Found[Status] | None:
    """The status once the workflow has ended."""
    status = read(workflow_id).status
    return Found(status) if status in TERMINAL else None


def until(
    look: Callable[[], Found[T] | None], *, watching: Iterable[str], timeout: float | None, execution: Execution | None
) -> Found[T] | None:
    """Block until `look` finds something or `timeout` seconds passed (None: for ever); looks at once, then when woken.

    With an execution, raises Cancelled, LeaseLost or HandBack as soon as that execution must stop.
    """
    timeout = checked_timeout(timeout)
    if execution is not None:
        look = _patient(look, execution)
    found = look()
    if found is not None or timeout == 0:
        return found
    deadline = None if timeout is None else time.monotonic() + timeout
    moved = threading.Event()
    own = [execution.owner.workflow_id] if execution else []
    with ExitStack() as watches:
        for workflow_id in {*watching, *own}:
            watch = listener().watch(workflow_id, -1, lambda _id, _seq: moved.set())
            watches.callback(listener().unwatch, watch)
        while True:
            if execution is not None:
                check_owned(execution.owner)
            found = look()
            if found is not None or not _sleep(moved, deadline, execution):
                return found
            moved.clear()


def _patient(look: Callable[[], Found[T] | None], execution: Execution) -> Callable[[], Found[T] | None]:
    """A workflow does not fail because the database was away while it looked."""
    return lambda: patiently(look, what=f"workflow {execution.owner.workflow_id!r}")


def recall(read: Callable[[], T]) -> T:
    """Look something up: in a workflow as patiently as it writes, elsewhere at once."""
    execution = context.current()
    return read() if execution is None else patiently(read, what=f"workflow {execution.owner.workflow_id!r}")


def _sleep(moved: threading.Event, deadline: float | None, execution: Execution | None) -> bool:
    """Wait for a move. False: the deadline passed first."""
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        if execution is None:
            return moved.wait(left)
        execution.check_stopping()
        if moved.wait(_STOP_CHECK if left is None else min(left, _STOP_CHECK)):
            return True


def check_owned(owner: Owner) -> None:
    """Raises Cancelled or LeaseLost when the workflow is no longer this execution's."""
    ours = Workflow.objects.filter(id=owner.workflow_id, token=owner.token, status=Status.RUNNING)
    if not patiently(ours.exists, what=f"workflow {owner.workflow_id!r}"):
        raise event_log.refusal(owner)


async def auntil(
    look: Callable[[], Found[T] | None], *, watching: Iterable[str], timeout: float | None
) -> Found[T] | None:
    """As `until`, for ASGI views: holds no thread while it waits."""
    timeout = checked_timeout(timeout)
    found = await sync_to_async(look)()
    if found is not None or timeout == 0:
        return found
    loop, moved = asyncio.get_running_loop(), asyncio.Event()
    with ExitStack() as watches:
        for workflow_id in set(watching):
            watch = listener().watch(workflow_id, -1, lambda _id, _seq: _set_in(loop, moved))
            watches.callback(listener().unwatch, watch)
        try:
            async with asyncio.timeout(timeout):
                while (found := await sync_to_async(look)()) is None:
                    await moved.wait()
                    moved.clear()
        except TimeoutError:
            return None
    return found


def _set_in(loop: asyncio.AbstractEventLoop, moved: asyncio.Event) -> None:
    loop.call_soon_threadsafe(moved.set)


async def in_thread(read: Callable[[], T]) -> T:
    """One synchronous read from async code."""
    return await sync_to_async(read)()


def outlast(
    execution: Execution, position: int, look: Callable[[], Found[T] | None], *,
    wait: dict[str, Any], timeout: float | None, targets: Sequence[str] = (), key: str = "", first: bool = True,
) -> Found[T] | None:  # fmt: skip
    """Wait in a workflow's body until `look` finds something; None: the timeout passed.

    The end of the wait is recorded when it begins, so a restart in the middle does not extend it. A wait that outlasts
    its grace gives up the worker (raises Suspend) until one of the `targets` sets `key` or ends, or all of them if not
    `first`; a message or the end of the wait wake it, too.
    """
    look = _patient(look, execution)
    execution.check_waitable()
    started = execution.replay.waits.get(position)
    if started is None:
        if (found := look()) is not None:
            return found
        started = event_log.wait_started(execution.owner, position, wait=wait, timeout=checked_timeout(timeout))
    if len(targets) <= _FEW_TARGETS and wait["for"] != "time":
        found = until(look, watching=targets, timeout=_sooner(started.due, conf().suspend_after), execution=execution)
        if found is not None:
            return found
    return _sleep_without_worker(execution, look, started.wait, started.due, targets, key, first)


def _sooner(due: Due, seconds: float) -> float:
    left = due.left()
    return seconds if left is None else min(left, seconds)


def _sleep_without_worker(
    execution: Execution, look: Callable[[], Found[T] | None], wait: dict[str, Any], due: Due,
    targets: Sequence[str], key: str, first: bool,
) -> Found[T] | None:  # fmt: skip
    left = due.left()
    if left is not None and left <= conf().suspend_at_least:  # not worth the way to the database and back
        return until(look, watching=targets, timeout=left, execution=execution)
    wakes = event_log.waits_registered(execution.owner, targets, key=key, first=first)
    if (found := look()) is not None:
        return found
    execution.check_stopping()
    raise execution.suspend(wait, wakes)


def back_off(execution: Execution, due: Due, *, position: int, name: str) -> None:
    """Let the time until a step's next attempt pass."""
    if (due.left() or 0) > 0:
        wait = {"for": "retry", "name": name, "workflow": None, "position": position, "until": due.text}
        _sleep_without_worker(execution, lambda: None, wait, due, (), "", True)


def sleep(execution: Execution, seconds: float) -> None:
    """Let time pass in a workflow's body, as a recorded operation."""
    position, recorded = execution.next_operation(EventKind.SLEPT.value, "")
    if recorded is None:
        wait = {"for": "time", "name": None, "workflow": None}
        outlast(execution, position, lambda: None, wait=wait, timeout=seconds)
        event_log.operation_recorded(execution.owner, EventKind.SLEPT, position, key="", data="{}")


def receive(execution: Execution, topic: str, *, timeout: float | None) -> Found[Json] | None:
    """The next message of a topic, recorded as an operation of the body; None: the timeout passed (recorded too)."""
    position, recorded = execution.next_operation(EventKind.MESSAGE_RECEIVED.value, topic)
    if recorded is not None:
        return None if recorded.content.get("timed_out") else Found(recorded.content["message"])

    def look() -> Found[Json] | None:
        messages = event_log.receive_message(execution.owner, position, topic=topic)
        return Found(messages[0]) if messages else None

    wait = {"for": "message", "name": topic, "workflow": None}
    found = outlast(execution, position, look, wait=wait, timeout=timeout)
    if found is None:
        event_log.operation_recorded(
            execution.owner, EventKind.MESSAGE_RECEIVED, position, key=topic, data='{"timed_out":true}'
        )
    return found
