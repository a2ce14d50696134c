"""A worker that is told to stop ends, whatever its broker does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.processes import Worker, empty_queue, sessions
from tests.wait import until

pytestmark = pytest.mark.django_db(transaction=True)


def lives(pid: int) -> bool:
    """Whether the process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def send(pids: set[int], number: int) -> None:
    """A signal to all of them that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def test_a_worker_told_to_stop_ends_although_its_broker_answers_no_more(start_worker: Callable[..., Worker]) -> None:
    empty_queue()  # who executes what earlier tests sent is not ended by force
    worker = start_worker(WORKFLOWS_SHUTDOWN_GRACE="0.5")
    children = worker.children()
    frozen = sessions()
    try:
        send(frozen, signal.SIGSTOP)
        worker.terminate()
        until(lambda: not any(lives(pid) for pid in children), what="its pool has ended, too")
    finally:
        send(frozen, signal.SIGCONT)
