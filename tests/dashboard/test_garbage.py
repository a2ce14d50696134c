"""The program and connections that came to stay are put aside from the garbage collector; remains are collected."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from dashboard.garbage import ENDED, GROWN, Garbage
from tests.processes import ROOT


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


class Remains:
    """A connection that refers to itself, so that only the collector can remove it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_put_aside_is_looked_at_again_when_many_have_ended_so_that_their_remains_are_collected() -> None:
    garbage, connection = Garbage(), Remains()
    garbage.look(GROWN)
    remains = weakref.ref(connection)
    del connection
    for _ in range(ENDED - 1):
        garbage.ended()
    garbage.look(GROWN)
    gc.collect()
    assert remains() is not None
    garbage.ended()
    garbage.look(GROWN)
    assert remains() is None
    assert gc.get_freeze_count() > 0


def test_the_loaded_program_is_never_looked_at_again() -> None:
    loaded = "import gc, config.asgi; print(gc.get_freeze_count(), len(gc.get_objects()))"
    printed = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    aside, watched = map(int, printed.stdout.split())
    assert aside > 100_000
    assert watched < 10_000
