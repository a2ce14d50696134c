"""Real workers come, stop, freeze and die, and the table says so."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from config import celery_app
from tests import processes
from tests.acceptance.test_takeover import assert_each_step_recorded_once, steps_done, takeovers
from tests.definitions import counting
from tests.wait import until
from workflows import counts, workers
from workflows.durable import Status
from workflows.models import Count, CountChange, Worker, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def row(process: processes.Worker) -> Worker:
    """The row of a worker process, as soon as there is one."""
    return until(lambda: Worker.objects.filter(pid=process.pid).first(), what="the worker is registered")


class Trap:
    """Makes a directory when somebody unpickles it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self._path,)


def send_pickled(content: object) -> None:
    """As whoever may write to the broker might."""
    with celery_app.producer_pool.acquire(block=True) as producer:
        producer.publish(
            pickle.dumps(content), routing_key="default", exchange="", content_encoding="binary",
            content_type="application/x-python-serialize",
        )  # fmt: skip


def test_a_worker_appears_with_what_it_serves_and_stops_in_the_table_too(
    start_worker: Callable[..., processes.Worker], tmp_path: Path
) -> None:
    process = start_worker(name="first", TELLTALE_CODE_VERSION="release-7", WORKFLOWS_SHUTDOWN_GRACE="0.5")
    found = row(process)
    assert found.name.startswith("first-")
    assert "default" in found.queues
    assert "counting" in found.definitions
    assert (found.version, found.pool, found.concurrency) == ("release-7", "prefork", 2)
    assert [worker.id for worker in workers.alive()] == [found.id]
    send_pickled(Trap(str(tmp_path / "sprung")))
    handle = counting.start(1_000, 0.1)
    until(lambda: handle.status() is Status.RUNNING)
    assert [workflow.id for workflow in workers.holding(found.id)] == [handle.id]
    until(lambda: process.said("Refusing to deserialize"), what="what is not JSON is refused")
    assert not (tmp_path / "sprung").exists()
    assert process.terminate() == 0
    found.refresh_from_db()
    assert found.ended_because == "stopped"
    assert found.stopping_at is not None
    assert list(workers.alive()) == []


def test_a_killed_worker_is_replaced_by_its_neighbour_long_before_its_lease_ends(
    start_worker: Callable[..., processes.Worker],
) -> None:
    both = [start_worker(name=name, WORKFLOWS_LEASE_SECONDS="600") for name in ("first", "second")]
    handle = counting.start(30, 0.1)
    until(lambda: steps_done(handle) >= 3)
    holder = str(Workflow.objects.get(id=handle.id).worker)
    died = row(next(process for process in both if f":{process.pid}-" in holder))
    os.killpg(died.pid, signal.SIGKILL)
    until(lambda: Worker.objects.get(id=died.id).ended_because == "died")
    assert handle.result(timeout=60) == 30
    assert takeovers(handle) == 1
    assert_each_step_recorded_once(handle, 30)


def test_a_frozen_worker_is_called_silent_and_lives_again_when_it_goes_on(
    start_worker: Callable[..., processes.Worker],
) -> None:
    lease = {"WORKFLOWS_LEASE_SECONDS": "2", "WORKFLOWS_RENEW_INTERVAL": "0.5"}
    process = start_worker(name="frozen", **lease)
    frozen = row(process)
    start_worker(name="second", **lease)
    os.killpg(process.pid, signal.SIGSTOP)
    until(lambda: Worker.objects.get(id=frozen.id).ended_because == "silent")
    os.killpg(process.pid, signal.SIGCONT)
    until(lambda: Worker.objects.get(id=frozen.id).ended_at is None)
    assert handle_of_revived(process) == 1


def handle_of_revived(process: processes.Worker) -> int:
    """What a workflow returns while the worker is there again."""
    assert not process.said("Traceback")
    return counting.start(1, 0.0).result(timeout=60)


def test_a_worker_takes_from_the_queues_that_remote_control_leaves_or_gives_it(
    start_worker: Callable[..., processes.Worker],
) -> None:
    process = start_worker(queues="default,mail")
    found = row(process)
    celery_app.control.cancel_consumer("default", destination=[found.name], reply=True, timeout=60)
    until(lambda: Worker.objects.get(id=found.id).queues == ["mail"])
    left = counting.start(1, 0.0)
    for _ in range(4):
        counting.using(queue="mail").start(1, 0.0).result(timeout=60)
    assert left.status() is Status.QUEUED
    assert [queue.name for queue in workers.unconsumed_queues()] == ["default"]
    celery_app.control.add_consumer("default", destination=[found.name], reply=True, timeout=60)
    assert left.result(timeout=60) == 1


def test_a_worker_sums_up_what_happened(start_worker: Callable[..., processes.Worker]) -> None:
    start_worker()
    handles = [counting.start(1, 0.0) for _ in range(5)]
    until(lambda: all(handle.status() is Status.SUCCEEDED for handle in handles))
    until(lambda: not CountChange.objects.exists(), what="nothing is left to be summed up")
    assert list(Count.objects.filter(workflows__gt=0).values_list("status", "workflows")) == [("succeeded", 5)]
    assert counts.differences() == []
    assert sum(minute.workflows for minute in counts.per_minute(timedelta(hours=1)) if minute.kind == "succeeded") == 5
