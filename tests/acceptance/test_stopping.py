"""A worker that is told to stop ends, whatever its broker does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from tests.processes import Worker
from tests.wait import until

pytestmark = pytest.mark.django_db(transaction=True)


def backends() -> set[int]:
    """The server's processes for this database's connections."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return {pid for (pid,) in cursor.fetchall()}


def lives(pid: int) -> bool:
    """Whether the process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_told_to_stop_ends_although_its_broker_answers_no_more(start_worker: Callable[..., Worker]) -> None:
    others = backends()
    worker = start_worker(WORKFLOWS_SHUTDOWN_GRACE="0.5")
    children = worker.children()
    frozen = backends() - others
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        worker.terminate(within=30)
        until(lambda: not any(lives(pid) for pid in children), within=10, what="its pool has ended, too")
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
