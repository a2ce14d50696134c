"""One workflow that plays whatever body a test writes, and the few that real worker processes execute."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.execution import crash, run
from workflows.durable import WorkflowHandle, get_event, receive, set_event, sleep, step, workflow
from workflows.models import Workflow

CALLS: Counter[str] = Counter()  # how often the body of `note` was executed in this process
_BODIES: dict[str, Callable[..., Any]] = {}


@step
def note(name: str, result: Any = None) -> Any:
    """Count its execution and return the result."""
    CALLS[name] += 1
    return name if result is None else result


@step
def refuse(reason: str) -> None:
    """Fail for good."""
    CALLS["refuse"] += 1
    raise ValueError(reason)


@workflow(name="conformance")
def play(body: str, *args: Any) -> Any:
    """Execute the body that the test wrote; another one from the next execution on is changed code."""
    return _BODIES[body](*args)


def start(body: Callable[..., Any], *args: Any, **options: Any) -> WorkflowHandle[Any]:
    """Start a workflow with this body; inside a body, a child."""
    _BODIES[body.__name__] = body
    return play.using(**options).start(body.__name__, *args)


def only(operation: Callable[[], Any]) -> Callable[[], Any]:
    """A body of one operation."""

    def body() -> Any:
        return operation()

    body.__name__ = f"only {operation.__name__}"
    return body


def echo(value: Any) -> Any:
    """A body that returns its input."""
    return value


def deploy(old: Callable[..., Any], new: Callable[..., Any]) -> None:
    """From the next execution on, workflows of the old body execute the new one, as after a release of changed code."""
    _BODIES[old.__name__] = new


def forget_bodies() -> None:
    """Between tests."""
    _BODIES.clear()
    CALLS.clear()


def die() -> None:
    """Inside a body: what is left of a process that is killed here. To be executed by `run_until_killed`."""
    raise KeyboardInterrupt


def run_until_killed(handle: WorkflowHandle[Any]) -> None:
    """Execute it up to `die()`, then do what its neighbours do for a killed worker."""
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)


@step
def rest(seconds: float) -> None:
    """Work of a known length."""
    time.sleep(seconds)  # the step's work, not a wait of the test


@workflow(name="conformance_resting")
def resting(seconds: float) -> None:
    """One step of that length."""
    rest(seconds)


@workflow(name="conformance_listening")
def listening(topic: str) -> Any:
    """Wait for a message."""
    return receive(topic)


@workflow(name="conformance_following")
def following(other: str, key: str) -> Any:
    """Wait for another workflow's value."""
    return get_event(other, key, default="absent", timeout=None)


@workflow(name="conformance_dozing")
def dozing(seconds: float) -> None:
    """Sleep."""
    sleep(seconds)  # the engine's, durable


@workflow(name="conformance_awaiting")
def awaiting(other: str) -> Any:
    """Wait for another workflow's end."""
    return WorkflowHandle[Any](other).result()


@step
def kill_own_process() -> None:
    """SIGKILL, on the first attempt only: the second one finds the mark that the first one set."""
    set_event("about to die", True)
    os.kill(os.getpid(), signal.SIGKILL)


@workflow(name="conformance_telling")
def telling(key: str, value: Any, dies: bool = False) -> None:
    """Wait for the word, publish, and perhaps be killed before anything else can happen."""
    receive("go")
    set_event(key, value)
    if dies:
        kill_own_process()


def fail(reason: str) -> None:
    """A body that raises."""
    raise ValueError(reason)


def hold(topic: str = "go") -> Any:
    """A body that waits for a message."""
    return receive(topic)


def dies_once() -> None:
    """Kill the process that executes this, the first time."""
    if CALLS["killed"] == 0:
        CALLS["killed"] += 1
        die()


def three_steps() -> list[Any]:
    """A body of steps and values."""
    set_event("phase", "one")
    results = [note("first")]
    set_event("phase", "two")
    results.append(note("second"))
    set_event("last", True)
    return [*results, note("third")]


def fails_until_told() -> str:
    """A body whose step fails until a test says that the fault is mended."""
    note("before")
    if CALLS["mended"] == 0:
        refuse("not yet")
    return "mended"


def handle_of(workflow: Workflow) -> WorkflowHandle[Any]:
    """The handle of a row."""
    return WorkflowHandle[Any](workflow.id)
