"""What follows a place comes in frames that also a slow line gets through."""

from __future__ import annotations

import json

import pytest

from dashboard import tail
from tests.definitions import publishing
from tests.execution import run
from workflows import history
from workflows.visibility import Visibility

pytestmark = pytest.mark.django_db(transaction=True)

SLOW, STUCK = 1024, 40  # bytes a second, and the seconds after which the first server gives up on a ping behind a frame


def test_a_line_of_a_kilobyte_a_second_gets_each_frame_of_a_long_history_through_in_time() -> None:
    handle = publishing.start([letter * 8_000 for letter in "abcdefghijklmnopqrst"])
    run(handle)
    newest, seq, seqs = history.heads([handle.id])[handle.id].seq, 0, []
    while seq < newest:
        place: tail.Place = (handle.id, seq, Visibility.STAFF)
        frame = tail.read({place})[place]
        assert len(frame.text) < SLOW * STUCK
        seqs += [event[0] for event in json.loads(frame.text)["events"]]
        seq = frame.last
    assert seqs == list(range(1, newest + 1))


def test_a_value_larger_than_a_frame_comes_alone() -> None:
    handle = publishing.start(["x" * 60_000, "next"])
    run(handle)
    place: tail.Place = (handle.id, 2, Visibility.STAFF)
    found = json.loads(tail.read({place})[place].text)
    assert [len(event[5]["value"]) for event in found["events"]] == [60_000]
