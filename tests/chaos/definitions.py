"""Workflows whose outcome no fault may change. Every body of a step leaves a line in a file: who ran, and as what.

`kinds` says with what they are started and what must come of it.
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db import InterfaceError, OperationalError

from workflows import context
from workflows.durable import (
    as_completed,
    gather,
    get_event,
    receive,
    set_event,
    sleep,
    step,
    track,
    workflow,
    workflow_id,
)

DATABASE_AWAY = (OperationalError, InterfaceError)


class Stumbled(ValueError):
    """An error of the application's own."""


def body() -> int:
    """Leave a line "workflow position attempt pid" for the oracle; returns the attempt."""
    execution = context.required("body()")
    scope = execution.step
    assert scope is not None
    line = f"{execution.owner.workflow_id} {scope.position} {scope.attempt} {os.getpid()}\n"
    file = os.open(os.environ["CHAOS_BODIES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    return scope.attempt


@step
def link(number: int, seconds: float) -> int:
    """One link of a chain: some work, one result."""
    body()
    time.sleep(seconds)  # the step's work
    return number * 2 + 1


@step(attempts=4, backoff=0.1)
def stumble(failures: int) -> int:
    """Fails in its first attempts."""
    attempt = body()
    set_event("tried", True)
    if attempt <= failures:
        raise Stumbled("stumbled")
    return failures


@step(attempts=1_000, backoff=0.1, max_backoff=1.0, retry_on=DATABASE_AWAY, atomic=True)
def enrol(name: str) -> str:
    """Exactly once: the group's name is unique."""
    body()
    Group.objects.create(name=name)
    set_event("group", name)
    return name


@step
def refuse() -> None:
    """Fails for good."""
    body()
    raise Stumbled("refused")


@step(attempts=3, backoff=0.1)
def write_to_a_full_disk(text: str) -> int:
    """The first attempt finds its disk full; the next one has found another place."""
    attempt = body()
    with Path("/dev/full" if attempt == 1 else "/dev/null").open("w") as file:
        return file.write(text)


@step
def devour(size: int) -> int:
    """Takes more memory than its process may have."""
    body()
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 1024**2, before[1]))
    try:
        return len(bytearray(size))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@step
def abort() -> None:
    """Takes its process along, always."""
    body()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


@workflow(name="storm_chain")
def chain(numbers: list[int], seconds: float) -> int:
    """Steps, one after the other."""
    set_event("phase", "begin")
    total = 0
    for number in numbers:
        total += link(number, seconds)
    set_event("phase", "end")
    return total


@workflow(name="storm_stumbling")
def stumbling(failures: int) -> int:
    """A step that is tried again."""
    return stumble(failures) + link(failures, 0.02)


@workflow(name="storm_enrolling")
def enrolling(names: list[str]) -> list[str]:
    """Atomic steps with writes of their own."""
    return [enrol(name) for name in names]


@workflow(name="storm_counting")
def counting(count: int) -> list[int]:
    """Values, one after the other, each read back at once."""
    read = []
    for number in range(count):
        set_event("count", number)
        read.append(get_event(workflow_id(), "count", timeout=0))
    return read


@workflow(name="storm_tracking")
def tracking(count: int) -> int:
    """Progress over steps."""
    return sum(link(number, 0.05) for number in track(range(count), "links"))


@workflow(name="storm_listening")
def listening(count: int) -> list[Any]:
    """Messages, in the order in which they were sent."""
    heard: list[Any] = []
    for _ in range(count):
        heard.append(receive("go"))
        set_event("heard", len(heard))
    return heard


@workflow(name="storm_waiting_in_vain")
def waiting_in_vain(seconds: float) -> str:
    """A wait that only time ends."""
    answer = receive("never", timeout=seconds, default="nobody came")
    return f"{answer}, {link(1, 0.01)}"


@workflow(name="storm_publishing")
def publishing(answer: int) -> None:
    """Publishes what another workflow waits for."""
    link(1, 0.3)
    set_event("answer", answer)
    link(2, 0.1)


@workflow(name="storm_following")
def following(other: str, answer: int) -> Any:
    """Starts another workflow and waits for its value."""
    publishing.using(workflow_id=other).start(answer)
    return get_event(other, "answer", timeout=None)


@workflow(name="storm_sleeping")
def sleeping(naps: list[float]) -> int:
    """Work between naps."""
    total = 0
    for number, seconds in enumerate(naps, 1):
        sleep(seconds)
        total += link(1, 0.01)
        set_event("naps", number)
    return total


@workflow(name="storm_child")
def child(number: int) -> int:
    """Ten times the number."""
    link(number, 0.02 * (number % 7))
    if number % 3 == 0:
        sleep(0.5)
    return number * 10


@workflow(name="storm_gathering")
def gathering(numbers: list[int]) -> int:
    """Children, all at once."""
    return sum(gather([child.start(number) for number in numbers]))


@workflow(name="storm_racing")
def racing(numbers: list[int]) -> int:
    """Children in the order of their ends."""
    return sum(handle.result() for handle in as_completed([child.start(number) for number in numbers]))


@workflow(name="storm_sleepers")
def sleepers(count: int) -> None:
    """Children that sleep until somebody cancels the whole tree."""
    gather([sleeping.start([3_600.0]) for _ in range(count)])


@workflow(name="storm_asking")
def asking(numbers: list[int]) -> int:
    """One child after the other."""
    return sum(child.start(number).result() for number in numbers)


@workflow(name="storm_catching")
def catching() -> str:
    """A recorded error is caught the same way in every execution."""
    try:
        refuse()
    except Stumbled as error:
        set_event("caught", str(error))
    return f"caught, {link(4, 0.02)}"


@workflow(name="storm_disk_full")
def disk_full(text: str) -> int:
    """A step whose disk is full."""
    return write_to_a_full_disk(text)


@workflow(name="storm_hungry")
def hungry(size: int) -> int:
    """A step that eats memory."""
    return devour(size)


@workflow(name="storm_poison")
def poison() -> None:
    """Kills every worker that touches it."""
    abort()


@workflow(name="storm_probe")
def probe() -> int:
    """Shows that a worker hears."""
    return link(1, 0.0)
