"""Every kind of wait, and what ends it, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from tests.conformance.definitions import note, start
from tests.execution import run
from workflows import recovery
from workflows.durable import (
    ResultTimeout,
    Status,
    WorkflowHandle,
    as_completed,
    gather,
    get_event,
    receive,
    send,
    set_event,
    sleep,
)
from workflows.models import Workflow

Target = WorkflowHandle[Any]
WAITS: dict[str, Callable[[Target, float | None], Any]] = {
    "time": lambda _target, seconds: sleep(3_600 if seconds is None else seconds),
    "message": lambda _target, seconds: receive("topic", timeout=seconds, default="timed out"),
    "event": lambda target, seconds: get_event(target.id, "k", timeout=seconds, default="timed out"),
    "result": lambda target, seconds: target.result(timeout=seconds),
    "results": lambda target, seconds: gather([target], timeout=seconds),
    "completion": lambda target, seconds: [handle.id for handle in as_completed([target], timeout=seconds)],
}
CAUSES: dict[str, Callable[[Target, Target], Any]] = {
    "time": lambda waiter, _target: Workflow.objects.filter(id=waiter.id).update(wake_at=timezone.now()),
    "message": lambda waiter, _target: send(waiter.id, "topic", "hello"),
    "event": lambda _waiter, target: run(target),
    "result": lambda _waiter, target: run(target),
    "results": lambda _waiter, target: run(target),
    "completion": lambda _waiter, target: run(target),
}
WOKEN_BY = {
    "time": "time",
    "message": "message",
    "event": "event",
    "result": "ended",
    "results": "ended",
    "completion": "ended",
}  # fmt: skip


def speak() -> str:
    set_event("k", "v")
    return "done"


def waiting_for(kind: str, *, seconds: float | None = None) -> tuple[Target, Target]:
    """A workflow that waits between two steps, and the one that it waits for."""
    target = start(speak)

    def wait() -> Any:
        note("before")
        try:
            found = WAITS[kind](target, seconds)
        except ResultTimeout:
            found = "timed out"
        note("after")
        return found

    return start(wait), target


def work_off_only(handle: Target) -> None:
    """As `work_off`, but the workflow that it waits for gets no worker."""
    while handle.status() is not Status.SUCCEEDED:
        recovery.wake_due()
        if handle.status() is Status.QUEUED:
            run(handle)
