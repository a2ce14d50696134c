"""Events: what a workflow publishes is durable, visible at once, in order, and never lost or written twice.

`set_event(key, value)` publishes; `get_event` reads the latest value of a key, and waits for it if there is none; the
history keeps every value that ever was, with its time and the operation that set it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection

from tests.conformance.definitions import CALLS, die, note, only, run_until_killed, start
from tests.execution import claim, crash, kinds, run, work_off
from tests.wait import PATIENCE
from workflows import engine, event_log, operations
from workflows.durable import NotInWorkflow, PayloadError, Status, get_event, retrieve, set_event, step
from workflows.models import Event, Step, Value, Workflow


def publish(*values: Any) -> None:
    for value in values:
        set_event("k", value)


def read(other: str, key: str = "k", timeout: float | None = None) -> Any:
    return get_event(other, key, default="absent", timeout=timeout)


def settable() -> tuple[Any, Callable[[], None]]:
    """A workflow that has set `first` and runs on, in a thread; and a call that lets it set `second` and end."""
    go, began = threading.Event(), threading.Event()

    def held() -> None:
        set_event("first", 1)
        began.set()
        go.wait(PATIENCE)
        set_event("second", 2)

    handle = start(held)
    thread = threading.Thread(target=_run_in_thread, args=(handle,))
    thread.start()
    assert began.wait(PATIENCE)

    def end() -> None:
        go.set()
        thread.join(PATIENCE)

    return handle, end


def _run_in_thread(handle: Any) -> None:
    try:
        run(handle)
    finally:
        connection.close()


def test_a_value_is_read_by_anybody_once_it_is_set_and_the_second_value_replaces_the_first() -> None:
    handle = start(publish, "v1", "v2")
    run(handle)
    assert get_event(handle.id, "k", timeout=0) == "v2"
    assert [event.data["value"] for event in handle.history() if event.key == "k"] == ["v1", "v2"]


def test_a_value_is_visible_while_the_workflow_still_runs() -> None:
    handle, end = settable()
    seen = get_event(handle.id, "first", timeout=0)
    status = handle.status()
    end()
    assert (seen, status) == (1, Status.RUNNING)


def test_a_replay_neither_writes_an_event_again_nor_changes_its_value() -> None:
    values = iter(["first execution", "second execution"])

    def body() -> None:
        set_event("k", next(values))
        if CALLS["once"] == 0:
            CALLS["once"] += 1
            die()

    handle = start(body)
    run_until_killed(handle)
    before = handle.values()["k"]
    work_off(handle)
    assert handle.values()["k"] == before
    assert before.value == "first execution"
    assert kinds(handle).count("value_set") == 1


def test_an_event_of_the_body_is_one_row_with_its_time_and_its_position() -> None:
    def body() -> None:
        note("before")
        set_event("k", "v")

    handle = start(body)
    run(handle)
    told = Event.objects.get(workflow_id=handle.id, kind="value_set")
    assert (told.position, told.key, told.data) == (2, "k", {"value": "v"})
    row = Workflow.objects.get(id=handle.id)
    assert row.started_at is not None
    assert row.finished_at is not None
    assert row.started_at <= told.at <= row.finished_at
    assert handle.values()["k"].at == told.at
    assert handle.values()["k"].seq == told.seq


def test_an_event_of_a_step_names_the_step_and_is_visible_before_the_step_ends() -> None:
    seen = []

    @step
    def speaking() -> None:
        set_event("k", "from within")
        seen.append((Value.objects.get(key="k").value, Step.objects.get(name="speaking").status))

    handle = start(only(speaking))
    run(handle)
    assert seen == [("from within", "running")]
    assert Event.objects.get(kind="value_set").position == 1 == Step.objects.get().position


def test_an_event_of_a_step_that_fails_stays() -> None:
    @step
    def failing() -> None:
        set_event("k", "stays")
        raise ValueError

    handle = start(only(failing))
    run(handle)
    assert handle.status() is Status.FAILED
    assert handle.values()["k"].value == "stays"


def test_of_a_retried_step_the_last_attempts_value_is_current_and_all_are_in_the_history() -> None:
    tries = iter([1, 2, 3])

    @step(attempts=3, backoff=0)
    def trying() -> None:
        attempt = next(tries)
        set_event("k", attempt)
        if attempt < 3:
            raise ValueError

    handle = start(only(trying))
    work_off(handle)
    assert handle.values()["k"].value == 3
    assert [event.data["value"] for event in handle.history() if event.key == "k"] == [1, 2, 3]


def test_an_event_outside_a_workflow_is_a_clear_error_and_nothing_is_written() -> None:
    with pytest.raises(NotInWorkflow, match=r"set_event\(\) was called outside a workflow"):
        set_event("k", 1)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, float("nan"), "\x00", "\ud800", "x" * 70_000],
    ids=lambda value: type(value).__name__ + str(len(str(value)) > 99),
)
def test_a_value_that_cannot_be_stored_leaves_neither_event_nor_value(value: Any) -> None:
    def body() -> None:
        with pytest.raises(PayloadError):
            set_event("k", value)

    handle = start(body)
    run(handle)
    assert handle.status() is Status.SUCCEEDED
    assert handle.values() == {}
    assert "value_set" not in kinds(handle)


def test_an_absent_value_differs_from_a_published_null() -> None:
    handle = start(publish, None)
    assert get_event(handle.id, "k", default="absent", timeout=0) == "absent"
    run(handle)
    assert get_event(handle.id, "k", default="absent", timeout=0) is None


def test_the_values_of_a_workflow_are_one_dictionary_empty_at_first() -> None:
    def body() -> None:
        set_event("a", 1)
        set_event("b", 2)
        set_event("a", 3)

    handle = start(body)
    assert handle.values() == {}
    run(handle)
    assert {key: value.value for key, value in handle.values().items()} == {"a": 3, "b": 2}


@pytest.mark.parametrize("hints", [True, False])
def test_a_waiter_outside_returns_once_the_event_is_there_with_hints_and_without(settings: Any, hints: bool) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "HINTS": hints}
    handle, end = settable()
    told: list[int] = []

    def wait() -> None:
        told.append(get_event(handle.id, "second", timeout=PATIENCE))
        connection.close()

    waiter = threading.Thread(target=wait)
    waiter.start()
    end()
    waiter.join(2 * PATIENCE)
    assert told == [2]


def test_all_who_wait_for_one_key_get_it_though_some_of_them_leave() -> None:
    handle, end = settable()

    def wait(patience: float) -> Any:
        try:
            return get_event(handle.id, "second", default="left", timeout=patience)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        leaving = [pool.submit(wait, 0.05) for _ in range(10)]
        staying = [pool.submit(wait, PATIENCE) for _ in range(10)]
        assert {future.result() for future in leaving} == {"left"}
        end()
        assert [future.result() for future in staying] == [2] * 10


def test_a_waiter_is_told_at_once_when_the_workflow_ends_without_the_value() -> None:
    target = start(publish)
    waiter = start(read, target.id)
    run(waiter)
    assert waiter.status() is Status.WAITING
    run(target)
    work_off(waiter)
    assert waiter.result() == "absent"


def test_a_value_read_in_a_body_replays_the_same_though_it_changed_meanwhile() -> None:
    target = start(publish, "v1")
    run(target)

    def body() -> Any:
        value = get_event(target.id, "k")
        if CALLS["once"] == 0:
            CALLS["once"] += 1
            die()
        return value

    reader = start(body)
    run_until_killed(reader)
    Value.objects.filter(workflow_id=target.id).delete()
    work_off(reader)
    assert reader.result() == "v1"
    operations.delete(target.id)
    replayed = retrieve(operations.fork(reader.id, 2).id)
    work_off(replayed)
    assert replayed.result() == "v1"


def test_reading_outside_a_workflow_records_nothing_and_is_fresh_each_time() -> None:
    handle = start(publish, 1)
    before = Event.objects.count()
    assert get_event(handle.id, "k", timeout=0) is None
    assert Event.objects.count() == before
    run(handle)
    assert get_event(handle.id, "k", timeout=0) == 1


def test_a_hundred_values_set_fast_can_be_had_in_order_and_resumed_from_any_place() -> None:
    handle = start(publish, *range(100))
    run(handle)
    events = [event for event in handle.history() if event.key == "k"]
    assert [event.data["value"] for event in events] == list(range(100))
    assert [event.at for event in events] == sorted(event.at for event in events)
    middle = events[50].seq
    assert [event.data["value"] for event in handle.history(after=middle) if event.key == "k"] == list(range(51, 100))


def test_the_current_value_the_last_of_the_history_and_a_forks_value_agree() -> None:
    handle = start(publish, *range(20))
    run(handle)
    fork = retrieve(operations.fork(handle.id, 21).id)
    last = [event.data["value"] for event in handle.history() if event.key == "k"][-1]
    assert last == handle.values()["k"].value == fork.values()["k"].value == 19


@pytest.mark.parametrize("key", ["k" * 201, "", "a\nb", "\ud800"])
def test_an_impossible_key_is_refused_with_an_error(key: str) -> None:
    with pytest.raises(PayloadError):
        get_event("any", key, timeout=0)


def test_the_longest_possible_key_is_delivered_as_promptly_as_any_other() -> None:
    key = "🦆" * 200

    def body() -> None:
        set_event(key, "quack")

    handle = start(body)
    waiter = start(read, handle.id, key)
    run(waiter)
    run(handle)
    work_off(waiter)
    assert waiter.result() == "quack"


def test_a_cancelled_workflow_that_reaches_an_event_stops_and_writes_nothing() -> None:
    def body() -> None:
        operations.cancel(handle.id)
        set_event("k", "late")
        note("never")

    handle = start(body)
    run(handle)
    assert handle.status() is Status.CANCELLED
    assert handle.values() == {}
    assert CALLS["never"] == 0


def test_a_position_is_recorded_once_whatever_a_second_record_says() -> None:
    handle = start(only(lambda: None))
    owner = claim(handle).owner
    event_log.set_value(owner, "1", position=1, key="k", encoded='"first"', in_step=False)
    with pytest.raises(IntegrityError, match="event_operation_recorded_once"):
        event_log.set_value(owner, "1", position=1, key="k", encoded='"second"', in_step=False)
    assert handle.values()["k"].value == "first"
    assert kinds(handle) == ["created", "claimed", "value_set"]


@pytest.mark.parametrize("within_step", [False, True])
def test_an_execution_that_lost_its_workflow_can_publish_nothing(within_step: bool) -> None:
    @step
    def publishing() -> None:
        if handle.status() is Status.RUNNING and CALLS["lost"] == 0:
            CALLS["lost"] += 1
            crash(handle)
            set_event("k", "late")

    def body() -> None:
        if within_step:
            publishing()
        elif CALLS["lost"] == 0:
            CALLS["lost"] += 1
            crash(handle)
            set_event("k", "late")

    handle = start(body)
    engine.execute(claim(handle), stopping=lambda: False)
    assert handle.status() is Status.QUEUED
    assert handle.values() == {}
    work_off(handle)
    assert handle.values() == {}


def test_a_workflow_that_is_deleted_takes_its_events_along() -> None:
    handle = start(publish, 1)
    run(handle)
    operations.delete(handle.id)
    assert not Event.objects.filter(workflow_id=handle.id).exists()
    assert not Value.objects.filter(workflow_id=handle.id).exists()


def test_other_languages_read_a_value_as_json_with_plain_sql() -> None:
    handle = start(publish, {"name": "Ärger", "list": [1, 2.5, None, True]})
    run(handle)
    with connection.cursor() as cursor:
        cursor.execute("SELECT value::text FROM workflows_value WHERE workflow_id = %s", [handle.id])
        text = cursor.fetchone()[0]
    assert json.loads(text) == {"name": "Ärger", "list": [1, 2.5, None, True]}
