"""The crash walk: a process killed at any commit point of the engine recovers to the outcome of an undisturbed run.

A forked process executes the workflow and kills itself with SIGKILL just before, or just after, its n-th durable
statement. Then its neighbours' part is done: the workflow is released, claimed again and finished.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from tests.definitions import double, refuse
from tests.execution import assert_history_is_whole, claim, crash, replace_fetch, run
from workflows import engine, sql
from workflows.durable import WorkflowHandle, receive, send, set_event, step, workflow
from workflows.models import Event, Message, Step, Value

pytestmark = pytest.mark.django_db(transaction=True)


@step(attempts=3, backoff=0.0)
def second_time(attempts_file: str) -> int:
    """Fails in its first attempt only, counted outside of the process, as the world outside is."""
    with open(attempts_file, "a+", encoding="utf-8") as file:
        file.write("x")
        file.seek(0)
        count = len(file.read())
    set_event("attempts seen", min(count, 2))
    if count == 1:
        raise OSError("first attempt")
    return 7


@step(atomic=True)
def make_group(name: str) -> str:
    """Exactly once: the group's name is unique."""
    Group.objects.create(name=name)
    set_event("group", name)
    return name


@workflow
def everything(attempts_file: str, group: str) -> dict[str, Any]:
    """Every kind of operation there is."""
    set_event("phase", "begin")
    doubled = double(21)
    tried = second_time(attempts_file)
    made = make_group(group)
    try:
        refuse()
    except ValueError as error:
        set_event("refused", str(error))
    message = receive("go")
    nothing = receive("never", timeout=0, default="nothing")
    set_event("phase", "end")
    return {"doubled": doubled, "tried": tried, "made": made, "message": message, "nothing": nothing}


@pytest.fixture
def start_everything(tmp_path: Any) -> Callable[[str], WorkflowHandle[Any]]:
    """Start `everything` with a world of its own, its message already sent."""

    def start(name: str) -> WorkflowHandle[Any]:
        handle = everything.using(workflow_id=name).start(str(tmp_path / name), name)
        send(name, "go", {"amount": 3})
        return handle

    return start


# The durable statements of one undisturbed execution, in order: the table of commit points. Claiming comes first.
POINTS = (
    "load what is recorded",
    "set phase begin", "start double", "finish double", "start second_time 1", "set attempts seen", "retry second_time",
    "start second_time 2", "set attempts seen again", "finish second_time", "start make_group", "set group",
    "finish make_group", "start refuse", "fail refuse", "set refused", "receive go", "look for never",
    "wait for never", "look again for never", "time out never", "set phase end", "end",
)  # fmt: skip


def test_the_table_of_commit_points_is_complete(start_everything: Callable[[str], WorkflowHandle[Any]]) -> None:
    handle = start_everything("undisturbed")
    claimed = claim(handle)
    statements: list[str] = []
    original = sql.fetch
    replace_fetch(_watching(statements))
    try:
        engine.execute(claimed, stopping=lambda: False)
    finally:
        replace_fetch(lambda _: original)
    assert len(statements) == len(POINTS), statements


def _watching(statements: list[str]) -> Callable[..., Any]:
    def between(fetch: Callable[..., Any]) -> Callable[..., Any]:
        def watched(statement: Any, parameters: Any) -> Any:
            statements.append(f"{parameters.get('kind')} {parameters.get('op')}")
            return fetch(statement, parameters)

        return watched

    return between


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("point", range(len(POINTS)), ids=[name.replace(" ", "_") for name in POINTS])
def test_a_process_killed_at_a_commit_point_recovers_to_the_same_outcome(
    point: int, side: str, start_everything: Callable[[str], WorkflowHandle[Any]], tmp_path: Path
) -> None:
    handle = start_everything("disturbed")
    last_words = tmp_path / "last words"
    assert _execute_and_die(handle, last_words, point=point, side=side) == signal.SIGKILL, last_words.read_text()
    if handle.status() == "running":
        crash(handle)
        run(handle)
    assert handle.result() == {
        "doubled": 42, "tried": 7, "made": "disturbed", "message": {"amount": 3}, "nothing": "nothing",
    }  # fmt: skip
    assert_history_is_whole(handle.id)
    assert _outcome(handle.id) == {
        "steps": [(2, "double", "succeeded"), (3, "second_time", "succeeded"), (4, "make_group", "succeeded"),
                  (5, "refuse", "failed")],
        "values": {"phase": "end", "attempts seen": 2, "group": "disturbed", "refused": "no"},
        "groups": 1,
        "unread": 0,
        "twice recorded": [],
    }  # fmt: skip


def _execute_and_die(handle: WorkflowHandle[Any], last_words: Path, *, point: int, side: str) -> int:
    """Execute in a forked process that kills itself at the point; returns the signal that ended it.

    Should it end of something else, its last words are why.
    """
    last_words.write_text("It executed the workflow to its end.")
    connection.close()  # a connection must not be shared across the fork
    child = os.fork()
    if child == 0:
        try:
            claimed = claim(handle)
            replace_fetch(_deadly(point, side))
            engine.execute(claimed, stopping=lambda: False)
        except BaseException:
            last_words.write_text(traceback.format_exc())
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status)


def _deadly(point: int, side: str) -> Callable[..., Any]:
    seen = iter(range(10_000))

    def between(fetch: Callable[..., Any]) -> Callable[..., Any]:
        def fetch_or_die(statement: Any, parameters: Any) -> Any:
            here = next(seen) == point
            if here and side == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            rows = fetch(statement, parameters)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return rows

        return fetch_or_die

    return between


def _outcome(workflow_id: str) -> dict[str, Any]:
    finished = Event.objects.filter(workflow_id=workflow_id, kind__in=["step_succeeded", "step_failed"])
    positions = list(finished.values_list("position", flat=True))
    return {
        "steps": list(
            Step.objects.filter(workflow_id=workflow_id).order_by("position").values_list("position", "name", "status")
        ),
        "values": dict(Value.objects.filter(workflow_id=workflow_id).values_list("key", "value")),
        "groups": Group.objects.count(),
        "unread": Message.objects.filter(consumed_seq=None).count(),
        "twice recorded": [position for position in set(positions) if positions.count(position) > 1],
    }
