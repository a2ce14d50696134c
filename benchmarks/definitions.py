"""The workflows that are measured."""

from __future__ import annotations

import os
import signal
import time

from workflows.durable import get_event, receive, set_event, sleep, step, workflow


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


@workflow(name="benchmark_inbox")
def inbox(count: int) -> None:
    """Receive so many messages, one after another."""
    for _ in range(count):
        receive("in", timeout=60)


@workflow(name="benchmark_slept")
def slept(seconds: float) -> float:
    """Wait so long; the moment at which the next line runs."""
    sleep(seconds)
    return time.time()


@workflow(name="benchmark_told")
def told() -> float:
    """Wait for a message that says when it was sent; how long that is ago at the next line."""
    sent: float = receive("in", timeout=60)
    return time.time() - sent


@workflow(name="benchmark_setter")
def setter(pause: float) -> None:
    """Wait and publish the moment."""
    sleep(pause)
    set_event("moment", time.time())


@workflow(name="benchmark_reader")
def reader(setter_id: str) -> float:
    """Wait for another workflow's value; how old it is at the next line."""
    moment = get_event(setter_id, "moment", type=float, timeout=60)
    return time.time() - moment


@workflow(name="benchmark_parent")
def parent(pause: float) -> float:
    """Wait for a child's end; how long that is ago at the next line."""
    ended = slept.start(pause).result()
    return time.time() - ended


@workflow(name="benchmark_long")
def long(count: int) -> None:
    """Many steps, then a wait."""
    for _ in range(count):
        nothing()
    receive("go", timeout=600)


@step
def own_pid() -> int:
    """The process that executes it first."""
    return os.getpid()


@workflow(name="benchmark_held")
def held() -> float:
    """Hold the first process until it is killed; the moment at which the next one goes on."""
    pid = own_pid()
    set_event("pid", pid)
    if os.getpid() == pid:
        time.sleep(120)
    return time.time()


@workflow(name="benchmark_watched")
def watched() -> None:
    """Executed by nobody: `live.writer` claims it and checkpoints in its place."""
