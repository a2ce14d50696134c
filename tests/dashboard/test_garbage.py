"""Connections that came to stay are put aside from the garbage collector, and given back when they have gone."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from dashboard.garbage import ENDED, GROWN, Garbage


@pytest.fixture(autouse=True)
def nothing_put_aside() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_a_few_connections_are_left_to_the_collector() -> None:
    Garbage().look(GROWN - 1)
    assert gc.get_freeze_count() == 0


def test_many_connections_are_put_aside_once_and_again_when_as_many_more_have_come() -> None:
    garbage = Garbage()
    garbage.look(GROWN)
    aside = gc.get_freeze_count()
    assert aside > 0
    more = [[number] for number in range(10_000)]  # lists, which are looked at
    garbage.look(2 * GROWN - 1)
    assert gc.get_freeze_count() <= aside
    garbage.look(2 * GROWN)
    assert gc.get_freeze_count() > aside
    assert len(more) == 10_000


def test_what_was_put_aside_is_given_back_when_many_have_ended_so_that_their_remains_are_collected() -> None:
    garbage = Garbage()
    garbage.look(GROWN)
    for _ in range(ENDED - 1):
        garbage.ended()
    garbage.look(GROWN)
    assert gc.get_freeze_count() > 0
    garbage.ended()
    garbage.look(GROWN)
    assert gc.get_freeze_count() == 0
    garbage.look(GROWN)
    assert gc.get_freeze_count() > 0
