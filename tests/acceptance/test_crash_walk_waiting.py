"""The crash walk through everything that waits: a worker killed at any durable statement leaves nobody asleep for ever.

A forked process is the worker: it claims, executes, suspends, wakes and delivers, and kills itself with SIGKILL just
before, or just after, its n-th durable statement, whichever workflow that concerns. Then another worker goes on.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.execution import WORKER, assert_history_is_whole, replace_fetch, work_off
from workflows import transitions
from workflows.durable import (
    WorkflowHandle,
    as_completed,
    gather,
    get_event,
    receive,
    send,
    set_event,
    sleep,
    step,
    workflow,
)
from workflows.models import Event, Message, Wait, Wakeup, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

_WALK = 170  # more than the statements of one undisturbed walk: see the last assertion of the test


@step(attempts=2, backoff=0.02)
def fails_once(name: str, attempts_file: str) -> str:
    """Fails in its first attempt, as far as the world outside knows."""
    with open(attempts_file, "a+", encoding="utf-8") as file:
        file.write("x")
        if file.tell() == 1:
            raise OSError("first attempt")
    return name


@workflow
def answering(number: int) -> int:
    """A child: says what it has, and asks its parent back."""
    parent = receive("who asks")
    set_event("half", number)
    send(parent, "answers", number)
    sleep(0.02)
    return number * 10


@workflow
def asking(attempts_file: str) -> dict[str, Any]:
    """Waits in every way there is."""
    children = [answering.start(1), answering.start(2)]
    half = [send(child.id, "who asks", children[0].id.rpartition("-")[0]) for child in children] and get_event(
        children[1].id, "half"
    )
    answers = sorted([receive("answers"), receive("answers")])
    tried = fails_once("tried", attempts_file)
    ended = sorted(child.result() for child in as_completed(children))
    return {"half": half, "answers": answers, "tried": tried, "ended": ended, "all": gather(children)}


@pytest.fixture
def eager(settings: Any) -> None:
    """Every wait suspends at once, however short it is."""
    settings.WORKFLOWS = {**settings.WORKFLOWS, "SUSPEND_AFTER": 0.001, "SUSPEND_AT_LEAST": 0.001}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("points", [range(start, _WALK, 10) for start in range(10)], ids=lambda r: f"every_10th_{r[0]}")
def test_a_worker_killed_anywhere_leaves_nobody_waiting_for_ever(points: range, side: str, tmp_path: Any) -> None:
    deaths = 0
    for point in points:
        handle = asking.using(workflow_id=f"asking-{point}").start(str(tmp_path / str(point)))
        if _work_and_die(handle, point=point, side=side) == signal.SIGKILL:
            deaths += 1
            transitions.release_held_by([WORKER], limit=10)
        work_off(handle)
        assert handle.result() == {"half": 2, "answers": [1, 2], "tried": "tried", "ended": [10, 20], "all": [10, 20]}
        for workflow_id in Workflow.objects.filter(id__startswith=handle.id).values_list("id", flat=True):
            assert_history_is_whole(workflow_id)
        assert _left_over() == (0, 0, 0)
        assert _recorded_twice(handle.id) == []
    assert 0 < deaths < len(points)


def _work_and_die(handle: WorkflowHandle[Any], *, point: int, side: str) -> int:
    connection.close()  # a connection must not be shared across the fork
    child = os.fork()
    if child == 0:
        try:
            replace_fetch(_deadly(point, side))
            work_off(handle)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status)


def _deadly(point: int, side: str) -> Callable[..., Any]:
    """Counts the statements that found something to do: how often a worker looks in vain depends on time."""
    done = iter(range(10_000))

    def between(fetch: Callable[..., Any]) -> Callable[..., Any]:
        def fetch_or_die(statement: Any, parameters: Any) -> Any:
            if side == "before" and "op" in parameters and next(done) == point:
                os.kill(os.getpid(), signal.SIGKILL)
            rows = fetch(statement, parameters)
            if side == "after" and rows and next(done) == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return rows

        return fetch_or_die

    return between


def _left_over() -> tuple[int, int, int]:
    """Waits, wakeups and unread messages of workflows that have ended."""
    return (Wait.objects.count(), Wakeup.objects.count(), Message.objects.filter(consumed_seq=None).count())


def _recorded_twice(workflow_id: str) -> list[str]:
    rows = Event.objects.filter(workflow__id__startswith=workflow_id, kind="step_succeeded")
    seen = [f"{row.workflow_id} {row.position}" for row in rows]
    return [each for each in set(seen) if seen.count(each) > 1]
