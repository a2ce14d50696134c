"""Debounced starts, and reading every value of a key."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from tests.definitions import SWITCH, doubling, publishing, switching
from tests.execution import assert_history_is_whole, run, work_off
from tests.wait import PATIENCE, until
from workflows import recovery
from workflows.durable import DuplicateWorkflow, InvalidInput, NotInWorkflow, Status, set_event
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_further_starts_replace_the_input_until_it_begins() -> None:
    first = doubling.using(debounce_key="doc", delay=0.4).start([1])
    assert doubling.using(debounce_key="doc", delay=0.4).start([2]).id == first.id
    before = Workflow.objects.get(id=first.id)
    assert doubling.using(debounce_key="doc", delay=30.0, debounce_limit=60.0).start([3]).id == first.id
    after = Workflow.objects.get(id=first.id)
    assert after.input == {"args": [[3]], "kwargs": {}}
    assert before.wake_at is not None
    assert after.wake_at is not None
    assert after.wake_at > before.wake_at
    assert doubling.using(debounce_key="doc", delay=0.05).start([4]).id == first.id
    until(lambda: recovery.wake_due())
    second = doubling.using(debounce_key="doc", delay=0.05).start([5])  # the first has begun: the key is free
    assert second.id != first.id
    run(first)
    assert first.result() == [8]
    assert_history_is_whole(first.id)
    work_off(second)


def test_the_limit_counts_from_the_first_start() -> None:
    first = doubling.using(debounce_key="doc", delay=0.1, debounce_limit=0.2).start([1])
    doubling.using(debounce_key="doc", delay=3600.0).start([2])
    until(lambda: recovery.wake_due())
    run(first)
    assert first.result() == [4]


def test_a_key_of_others_is_not_replaced() -> None:
    publishing.using(dedup_key="doc", queue="default").start([1])
    with pytest.raises(DuplicateWorkflow):
        doubling.using(debounce_key="doc", delay=1.0).start([1])


@pytest.mark.parametrize(
    "options",
    [{"debounce_key": "k"}, {"debounce_key": "k", "delay": 1.0, "dedup_key": "d"}, {"debounce_limit": 1.0}],
)
def test_impossible_debouncing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="debounce_"):
        doubling.using(**options)


def test_a_stream_has_every_value_in_order_and_ends_with_the_workflow() -> None:
    handle = publishing.start(list(range(700)))
    read: list[Any] = []
    reader = threading.Thread(target=lambda: (read.extend(handle.stream("key")), connection.close()))
    reader.start()
    run(handle)
    reader.join(PATIENCE)
    assert [value.value for value in read] == list(range(700))
    assert [value.value for value in handle.stream("key", after=read[-3].seq)] == [698, 699]
    assert list(handle.stream("other")) == []


def test_a_stream_ends_when_nothing_comes_in_time() -> None:
    handle = publishing.start([1])
    assert list(handle.stream("key", timeout=0.1)) == []


def test_a_stream_in_a_body_is_refused() -> None:
    def body() -> None:
        with pytest.raises(NotInWorkflow, match="inside a step"):
            next(publishing.start([1]).stream("key"))
        set_event("refused", True)

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.SUCCEEDED
