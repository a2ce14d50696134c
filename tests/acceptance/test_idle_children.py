"""A pool child that is killed while it waits for work, as the OOM killer may, does not make its worker deaf."""

from __future__ import annotations

import os
import signal

import pytest

from tests.definitions import doubling
from tests.processes import Worker
from tests.wait import until


@pytest.mark.parametrize("which", ["first", "last", "both"])
def test_a_worker_whose_idle_pool_children_are_killed_goes_on(worker: Worker, which: str) -> None:
    assert doubling.start([1]).result(timeout=60) == [2]
    until(lambda: len(worker.children()) == 2, what="both children are there")
    for _ in range(2):
        before = worker.children()
        victims = {"first": before[:1], "last": before[1:], "both": before}[which]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        until(
            lambda victims=victims: len(worker.children()) == 2 and not set(victims) & set(worker.children()),
            what="they are replaced",
        )
        handles = [doubling.start([number]) for number in range(4)]
        assert [handle.result(timeout=60) for handle in handles] == [[number * 2] for number in range(4)]
