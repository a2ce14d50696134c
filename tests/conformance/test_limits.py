"""Queues: order, limits that hold across workers, pauses, delays, deduplication, deadlines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from tests.definitions import counting, double, doubling, listening
from tests.execution import WORKER, run, work_off
from tests.processes import Worker
from tests.wait import PATIENCE, until
from workflows import engine, operations, queues, recovery, registry, transitions
from workflows.durable import (
    DuplicateWorkflow,
    Status,
    WorkflowHandle,
    receive,
    retrieve,
    set_event,
    step,
    workflow,
)
from workflows.models import Event, Workflow
from workflows.states import ACTIVE
from workflows.transitions import claiming

NAMES = registry.names


@step
def occupy(seconds: float) -> float:
    """Work of a known length."""
    time.sleep(seconds)  # the step's work, not a wait of the test
    return seconds


@workflow(queue="limited")
def occupying(seconds: float) -> float:
    """Occupies a place of its queue."""
    return occupy(seconds)


@workflow(queue="limited")
def pausing(seconds: float) -> str:
    """Waits in the middle, without a worker."""
    answer: str = receive("go", timeout=60)
    occupy(seconds)
    return answer


def claim_next(worker: str = WORKER, queue: str = "limited") -> str | None:
    """The id of what this worker gets from the queue."""
    claiming._limited._known.clear()  # what a process believes for half a second
    claimed = transitions.claim_next(queues=[queue], worker=worker, definitions=NAMES())
    return claimed.owner.workflow_id if claimed else None


def test_higher_priorities_go_first_and_equals_in_the_order_of_their_start() -> None:
    ids = [
        occupying.using(workflow_id=name, priority=priority).start(0)
        for name, priority in (("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0))
    ]
    assert [claim_next() for _ in ids] == ["b", "d", "a", "e", "c"]


def test_concurrency_counts_what_runs_and_a_dead_holder_gives_its_place_back() -> None:
    queues.set_limits("limited", concurrency=2)
    for number in range(4):
        occupying.using(workflow_id=f"w{number}").start(0)
    assert [claim_next("dead:1-x/1"), claim_next(), claim_next()] == ["w0", "w1", None]
    transitions.release_held_by(["dead:1-x/1"], limit=10)
    assert [claim_next(), claim_next()] == ["w2", None]
    assert Workflow.objects.filter(status=Status.RUNNING).count() == 2


def test_a_queue_of_one_is_not_blocked_by_a_stranded_holder() -> None:
    queues.set_limits("limited", concurrency=1)
    occupying.using(workflow_id="stranded").start(0)
    occupying.using(workflow_id="next").start(0)
    assert claim_next() == "stranded"
    Workflow.objects.filter(id="stranded").update(lease_expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert recovery.release_expired() == 1
    work_off(retrieve("stranded"), retrieve("next"))


def test_worker_concurrency_counts_each_worker_by_itself() -> None:
    queues.set_limits("limited", worker_concurrency=1)
    for number in range(4):
        occupying.using(workflow_id=f"w{number}").start(0)
    assert [claim_next("a:1-x/7"), claim_next("a:1-x/8"), claim_next("b:2-y/9")] == ["w0", None, "w1"]


def test_a_waiting_workflow_gives_its_place_to_others() -> None:
    queues.set_limits("limited", concurrency=1)
    sleeper, other = pausing.start(0), occupying.start(0)
    run_next()
    assert sleeper.status() is Status.WAITING
    run_next()
    assert other.status() is Status.SUCCEEDED


def run_next() -> None:
    """Claim and execute one of the limited queue."""
    claiming._limited._known.clear()
    claimed = transitions.claim_next(queues=["limited"], worker=WORKER, definitions=NAMES())
    assert claimed is not None
    engine.execute(claimed, stopping=lambda: False)


def test_a_partition_of_one_keeps_each_key_in_order_though_its_holder_waits() -> None:
    queues.set_limits("limited", partition_concurrency=1)
    first = pausing.using(workflow_id="a1", partition_key="a").start(0)
    occupying.using(workflow_id="a2", partition_key="a").start(0)
    occupying.using(workflow_id="b1", partition_key="b").start(0)
    occupying.using(workflow_id="none").start(0)
    run_next()
    assert first.status() is Status.WAITING
    assert [claim_next(), claim_next(), claim_next()] == ["b1", "none", None]
    operations.send("a1", "go", "on")
    run_next()
    assert first.result() == "on"
    assert claim_next() == "a2"


def test_a_rate_is_never_exceeded_in_any_window_and_used_in_full() -> None:
    queues.set_limits("limited", rate_limit=5, rate_period=3600.0)
    handles = [occupying.start(0) for _ in range(12)]
    for _ in range(5):
        run_next()
    assert claim_next() is None
    queues.set_limits("limited", rate_limit=5, rate_period=0.4)
    work_off(*handles)
    starts = sorted(Workflow.objects.filter(queue="limited").values_list("started_at", flat=True))
    for earliest, sixth in zip(starts, starts[5:], strict=False):
        assert sixth - earliest > timedelta(seconds=0.35)  # counted and written at two moments of one statement


def test_a_resumed_wait_does_not_count_as_a_start_again() -> None:
    queues.set_limits("limited", rate_limit=1, rate_period=3600.0)
    handle = pausing.start(0)
    run_next()
    operations.send(handle.id, "go", "on")
    run_next()
    assert handle.result() == "on"
    occupying.start(0)
    assert claim_next() is None


def test_a_paused_queue_is_left_alone_and_goes_on_when_it_is_not() -> None:
    queues.pause("limited", by="operator")
    handle = occupying.start(0)
    assert claim_next() is None
    assert transitions.claim(handle.id, worker=WORKER, definitions=NAMES()) is None
    queues.unpause("limited", by="operator")
    assert claim_next() == handle.id


@contextmanager
def competing(count: int, work: Callable[[str], None]) -> Iterator[None]:
    """So many threads, each a pool child of its own."""

    def body(name: str) -> None:
        try:
            work(name)
        finally:
            connection.close()

    threads = [threading.Thread(target=body, args=(f"host:{n}-abc/{n}",)) for n in range(count)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(PATIENCE)


def test_limits_hold_while_many_claim_at_once() -> None:
    queues.set_limits("limited", concurrency=3)
    for _ in range(24):
        occupying.start(0.01)
    most: list[int] = []

    def work(name: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while Workflow.objects.filter(status__in=ACTIVE).exists() and time.monotonic() < deadline:
            claimed = transitions.claim_next(queues=["limited"], worker=name, definitions=NAMES())
            if claimed is not None:
                most.append(Workflow.objects.filter(status=Status.RUNNING).count())
                engine.execute(claimed, stopping=lambda: False)

    with competing(8, work):
        pass
    assert not Workflow.objects.filter(status__in=ACTIVE).exists()
    assert max(most) <= 3


def test_limits_hold_across_worker_processes(start_worker: Callable[..., Worker]) -> None:
    queues.set_limits("default", concurrency=2, worker_concurrency=1)
    for name in ("one", "two"):
        start_worker(name=name)
    handles = [counting.start(1, 0.15) for _ in range(8)]
    until(lambda: all(handle.status() is Status.SUCCEEDED for handle in handles))
    assert _most_at_once() <= 2


def _most_at_once() -> int:
    """From the histories: how many ran at the same time."""
    moves = sorted(
        [(at, 1) for at in Event.objects.filter(kind="claimed").values_list("at", flat=True)]
        + [(at, -1) for at in Event.objects.filter(kind="succeeded").values_list("at", flat=True)]
    )
    running = most = 0
    for _, change in moves:
        running += change
        most = max(most, running)
    return most


def test_a_second_start_with_the_key_returns_the_first_or_raises_until_that_has_ended() -> None:
    first = doubling.using(dedup_key="report").start([1])
    assert doubling.using(dedup_key="report").start([2]).id == first.id
    with pytest.raises(DuplicateWorkflow, match="already"):
        doubling.using(dedup_key="report", on_duplicate="raise").start([3])
    assert doubling.using(dedup_key="report", queue="elsewhere").start([4]).id != first.id
    run(first)
    assert doubling.using(dedup_key="report", on_duplicate="raise").start([5]).id != first.id


def test_a_cancelled_workflow_frees_its_key_and_is_refused_to_resume_while_another_has_it() -> None:
    first = doubling.using(dedup_key="report").start([1])
    operations.cancel(first.id)
    second = doubling.using(dedup_key="report").start([2])
    with pytest.raises(DuplicateWorkflow, match=second.id):
        operations.resume(first.id)
    assert first.status() is Status.CANCELLED
    run(second)
    operations.resume(first.id)
    assert first.status() is Status.QUEUED


def test_a_delayed_workflow_starts_when_its_time_has_come_and_not_before() -> None:
    handle = doubling.using(delay=1.0).start([1])
    assert handle.status() is Status.DELAYED
    assert transitions.claim(handle.id, worker=WORKER, definitions=NAMES()) is None
    assert recovery.wake_due() == 0
    work_off(handle)
    row = Workflow.objects.get(id=handle.id)
    assert row.started_at is not None
    assert row.started_at - row.created_at >= timedelta(seconds=1)


def test_a_delayed_workflow_can_be_cancelled() -> None:
    handle = doubling.using(run_at=datetime.now(UTC) + timedelta(days=400)).start([1])
    operations.cancel(handle.id, by="operator", reason="not needed")
    assert handle.status() is Status.CANCELLED


def test_a_deadline_counts_from_the_first_claim_and_children_inherit_it() -> None:
    parent = parenting.using(timeout=0.5).start()
    time.sleep(0.6)  # queued for longer than the timeout: it has not begun
    assert recovery.cancel_overdue() == 0
    run(parent)
    (child,) = Workflow.objects.filter(parent_id=parent.id)
    assert child.deadline_at == Workflow.objects.get(id=parent.id).deadline_at is not None
    until(lambda: parent.status() is Status.CANCELLED or (not recovery.cancel_overdue() and False))
    until(lambda: recovery.cancel_overdue() or retrieve(child.id).status() is Status.CANCELLED)
    assert {event.data["reason"] for event in Event.objects.filter(kind="cancelled")} == {"its timeout passed"}


@workflow
def parenting() -> object:
    """Starts a child that waits for ever, and waits for it."""
    child: WorkflowHandle[object] = listening.start("never")
    set_event("child", child.id)
    double(1)
    return child.result()
