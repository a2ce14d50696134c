"""The workflows that are measured."""

from __future__ import annotations

import os
import signal
import time

from workflows.durable import set_event, step, workflow


@step
def nothing() -> None:
    """A step without work."""


@workflow(name="benchmark_values")
def values(count: int) -> None:
    """Publish so many values."""
    for number in range(count):
        set_event("progress", number)


@workflow(name="benchmark_steps")
def steps(count: int) -> None:
    """Run so many steps without work."""
    for _ in range(count):
        nothing()


@workflow(name="benchmark_noop")
def noop() -> None:
    """Do nothing."""


@workflow(name="benchmark_first_line")
def first_line() -> float:
    """The moment at which the first line runs, as Unix time."""
    return time.time()


@workflow(name="benchmark_ticks")
def ticks(count: int, pause: float) -> list[float]:
    """Publish numbers; the moments at which each publish had returned, as Unix time."""
    moments = []
    for number in range(count):
        time.sleep(pause)
        set_event("tick", number)
        moments.append(time.time())
    return moments


@workflow(name="benchmark_last_word")
def last_word() -> None:
    """Publish the moment and be killed."""
    time.sleep(0.5)  # until the reader waits
    set_event("last", time.time())
    os.kill(os.getpid(), signal.SIGKILL)
