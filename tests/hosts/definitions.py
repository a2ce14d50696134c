"""Workflows that are under way when links fail: steps, and one whose own transaction is open meanwhile."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import Group

from tests.chaos.definitions import DATABASE_AWAY, body, link
from tests.wait import until
from workflows.durable import set_event, step, workflow


@step
def hold(gate: str) -> str:
    """Work that lasts until the gate is open; a later attempt finds it done."""
    if body() == 1:
        until(lambda: Path(gate).exists(), within=300)
    return "held"


@step(atomic=True, attempts=1_000, backoff=0.1, max_backoff=1.0, retry_on=DATABASE_AWAY)
def reserve(name: str, gate: str) -> str:
    """As `hold`, inside a transaction that has written: who writes the same name waits until that one is over."""
    attempt = body()
    Group.objects.create(name=name)
    if attempt == 1:
        until(lambda: Path(gate).exists(), within=300)
    return name


@workflow(name="hosts_holding")
def holding(gate: str) -> str:
    """Three steps, of which the second one lasts."""
    link(1, 0.0)
    set_event("phase", "holding")
    return f"{hold(gate)} {link(2, 0.0)}"


@workflow(name="hosts_reserving")
def reserving(name: str, gate: str) -> str:
    """The same with a transaction."""
    link(1, 0.0)
    return f"{reserve(name, gate)} {link(2, 0.0)}"


@workflow(name="hosts_chain")
def chain(numbers: list[int], seconds: float) -> int:
    """Steps, one after the other."""
    total = 0
    for number in numbers:
        total += link(number, seconds)
        set_event("total", total)
    return total
