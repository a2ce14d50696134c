"""How often a key was set: exact at every event, whatever was forgotten, and told without reading a history."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.definitions import publishing
from tests.execution import run
from tests.live_writer import Writer
from workflows import history, operations
from workflows.models import Event, Value

pytestmark = pytest.mark.django_db(transaction=True)


def _sets(workflow_id: str, seq: int | None = None) -> dict[str, int]:
    """By key, at an event; None: now."""
    state = history.snapshot(workflow_id) if seq is None else history.state_at(workflow_id, seq)
    assert state is not None
    return {key: value["sets"] for key, value in state["values"].items()}


def _published(values: int) -> Writer:
    """A workflow that set so many values under three keys, one after the other."""
    writer = Writer()
    writer.publish(values)
    return writer


def _counted(workflow_id: str, seq: int) -> dict[str, int]:
    """By key, one by one."""
    keys = Event.objects.filter(workflow_id=workflow_id, kind="value_set", seq__lte=seq).values_list("key", flat=True)
    return {str(key): list(keys).count(key) for key in keys}


def test_a_key_knows_at_every_event_how_often_it_was_set() -> None:
    writer = _published(7)
    assert sorted(_sets(writer.id).values()) == [2, 2, 3]
    assert _sets(writer.id) == _counted(writer.id, writer.head)
    for seq in range(1, writer.head + 1):
        assert _sets(writer.id, seq) == _counted(writer.id, seq)


def test_what_was_set_before_that_was_counted_is_told_by_its_history_and_goes_on_to_be() -> None:
    writer = _published(4)
    Value.objects.filter(workflow_id=writer.id).update(sets=None)
    writer.publish(5)
    assert set(Value.objects.filter(workflow_id=writer.id).values_list("sets", flat=True)) == {None}
    assert _sets(writer.id) == _counted(writer.id, writer.head) == dict.fromkeys(("k0", "k1", "k2"), 3)
    assert _sets(writer.id, 6) == _counted(writer.id, 6)


def test_a_history_that_was_shortened_forgets_no_setting() -> None:
    writer = _published(9)
    told = {seq: _sets(writer.id, seq) for seq in (9, writer.head)}
    writer.trim(keep=4)
    assert _sets(writer.id) == told[writer.head] == dict.fromkeys(("k0", "k1", "k2"), 3)
    assert _sets(writer.id, 9).items() <= told[9].items()
    writer.publish(1)
    assert sorted(_sets(writer.id).values()) == [3, 3, 4]


def test_a_fork_has_set_what_it_took_over_and_what_it_set_itself() -> None:
    handle = publishing.start([1, 2, 3])
    run(handle)
    assert _sets(handle.id) == {"key": 3}
    fork = operations.fork(handle.id, 3, by="operator")
    assert _sets(fork.id) == {"key": 2}
    run(type(handle)(fork.id))
    assert _sets(fork.id) == {"key": 3}


def test_no_history_is_read_to_tell_how_often_its_keys_were_set() -> None:
    writer = _published(3)
    with CaptureQueriesContext(connection) as queries:
        assert _sets(writer.id)
    assert not [query["sql"] for query in queries if "count(" in query["sql"].lower()]
