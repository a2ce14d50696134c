"""Workflows that tests run. `CALLS` counts bodies of steps, in this process."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from typing import Any

from django.contrib.auth.models import Group

from workflows.durable import get_event, receive, set_event, step, track, workflow

CALLS: Counter[str] = Counter()
SWITCH: dict[str, Any] = {}  # what a test changes between two executions


class Refused(ValueError):
    """An error of the application's own."""


class Coded(Exception):
    """An error that is made of a number and a reason."""

    def __new__(cls, code: int, reason: str) -> Coded:
        """With both."""
        return super().__new__(cls)

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)

    def __str__(self) -> str:
        code, reason = self.args
        return f"{code}: {reason}"


@step
def double(number: int) -> int:
    """Count and double."""
    CALLS["double"] += 1
    return number * 2


@step(attempts=3, backoff=0.01)
def shaky(failures: int) -> str:
    """Fail that many times, then succeed."""
    CALLS["shaky"] += 1
    set_event("try", CALLS["shaky"])
    if CALLS["shaky"] <= failures:
        raise Refused(f"failure {CALLS['shaky']}")
    return "done"


@step
def refuse() -> None:
    """Fail at once, for good."""
    CALLS["refuse"] += 1
    raise Refused("no")


@step(atomic=True)
def make_group(name: str, *, fail: bool = False) -> str:
    """Write with the ORM and publish, in one transaction."""
    Group.objects.create(name=name)
    set_event("group", name)
    if fail:
        raise Refused("after the writes")
    return name


@workflow
def doubling(numbers: list[int]) -> list[int]:
    """Steps and values, plainly."""
    set_event("phase", "begin")
    results = [double(number) for number in track(numbers, "doubling")]
    set_event("phase", "end")
    return results


@workflow
def retrying(failures: int) -> str:
    """A step that is tried again."""
    return shaky(failures)


@workflow
def catching() -> str:
    """A recorded error is caught the same way on every execution."""
    try:
        refuse()
    except Refused as error:
        set_event("caught", str(error))
    return f"caught and {double(4)}"


@workflow
def grouping(name: str, fail: bool = False) -> str:
    """An atomic step."""
    return make_group(name, fail=fail)


@workflow
def switching() -> Any:
    """Does what the test says; it may differ between executions, as changed code does."""
    return SWITCH["body"]()


@workflow
def listening(topic: str, timeout: float | None = None) -> Any:
    """Waits for a message."""
    return receive(topic, timeout=timeout, default="nothing came")


@workflow
def following(other: str, key: str, timeout: float = 5.0) -> Any:
    """Waits for another workflow's value."""
    return get_event(other, key, default="absent", timeout=timeout)


@workflow
def publishing(values: list[Any], key: str = "key") -> None:
    """Publishes one value after another."""
    for value in values:
        set_event(key, value)


@workflow
def metering() -> None:
    """Publishes every amount that it is sent, until one is null."""
    while (amount := receive("amount")) is not None:
        set_event("amount", amount)


@step
def rest(seconds: float) -> float:
    """Work of a known length."""
    time.sleep(seconds)  # the step's work, not a wait of the test
    return seconds


@workflow
def counting(count: int, seconds: float) -> int:
    """So many steps of so many seconds."""
    return len([rest(seconds) for _ in range(count)])


@step
def hold(file: str) -> None:
    """Work that lasts until the test makes the file, so that nothing depends on how long the machine takes."""
    while not os.path.exists(file):
        time.sleep(0.02)  # between two looks


@workflow
def holding(file: str) -> None:
    """One step that lasts until the file is there."""
    hold(file)


@step
def die() -> None:
    """Take the whole process along."""
    os.kill(os.getpid(), signal.SIGKILL)


@workflow
def deadly() -> None:
    """Kills every worker that touches it."""
    die()
