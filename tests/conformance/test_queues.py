"""Queues: the order in which workflows begin, and limits that hold across all workers at every moment.

Higher priority first, then who waits longest. A row of `Queue` limits how many run at once (in all, on each worker, of
each partition key), how many begin in any period, or pauses the queue.
"""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.conformance.definitions import echo, start
from tests.execution import run, work_off
from tests.wait import PATIENCE, until
from workflows import engine, operations, queues, recovery, registry, transitions
from workflows.durable import InvalidInput, Status, WorkflowHandle, receive, send
from workflows.models import Event, Queue, Workflow
from workflows.transitions import Claim


@pytest.fixture
def queue() -> str:
    """A queue that no other test uses."""
    return f"queue-{uuid.uuid4()}"


def take(queue: str, *, worker: str = "host:1-a/1") -> Claim | None:
    """What a worker gets from the queue now."""
    return transitions.claim_next(queues=[queue], worker=worker, definitions=registry.names())


def take_all(queue: str, *, worker: str = "host:1-a/1") -> list[Claim]:
    """Everything that the limits let a worker have now."""
    taken = []
    while (claim := take(queue, worker=worker)) is not None:
        taken.append(claim)
    return taken


def finish(claim: Claim) -> None:
    engine.execute(claim, stopping=lambda: False)


def wait_for_word() -> Any:
    return receive("go")


def test_higher_priority_goes_first_and_within_one_priority_who_waits_longest(queue: str) -> None:
    for name, priority in (("a", 0), ("b", 5), ("c", -5), ("d", 5), ("e", 0), ("f", 1_000)):
        start(echo, name, queue=queue, priority=priority)
    assert [claim.input["args"][1] for claim in take_all(queue)] == ["f", "b", "d", "a", "e", "c"]


def test_a_limited_queue_keeps_the_same_order(queue: str) -> None:
    queues.set_limits(queue, concurrency=100)
    for name, priority in (("a", 0), ("b", 5), ("c", -5), ("d", 5)):
        start(echo, name, queue=queue, priority=priority)
    assert [claim.input["args"][1] for claim in take_all(queue)] == ["b", "d", "a", "c"]


def test_a_delayed_workflow_queues_up_by_the_time_it_was_due(queue: str) -> None:
    late = start(echo, "delayed", queue=queue, delay=0.05)
    until(lambda: recovery.wake_due())
    start(echo, "now", queue=queue)
    assert [claim.input["args"][1] for claim in take_all(queue)] == ["delayed", "now"]
    assert late.status() is Status.RUNNING


def test_what_a_worker_has_no_code_for_stays_for_one_that_has(queue: str) -> None:
    handle = start(echo, 1, queue=queue)
    assert transitions.claim_next(queues=[queue], worker="host:1-a/1", definitions=["another"]) is None
    assert handle.status() is Status.QUEUED


def test_no_more_run_at_once_than_the_concurrency_and_an_end_makes_room(queue: str) -> None:
    queues.set_limits(queue, concurrency=2)
    for number in range(5):
        start(echo, number, queue=queue)
    taken = [*take_all(queue, worker="host:1-a/1"), *take_all(queue, worker="host:2-b/1")]
    assert len(taken) == 2
    finish(taken[0])
    assert len(take_all(queue, worker="host:2-b/1")) == 1


def taken_by_competing_workers(queue: str, count: int) -> int:
    """How many workflows so many workers get, that all claim at the same moment until there is none for them."""
    barrier = threading.Barrier(count)

    def compete(number: int) -> int:
        barrier.wait(PATIENCE)
        try:
            return len(take_all(queue, worker=f"host:{number}-x/1"))
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return sum(pool.map(compete, range(count)))


def test_the_concurrency_holds_though_many_workers_claim_at_the_same_moment(queue: str) -> None:
    queues.set_limits(queue, concurrency=3)
    for number in range(20):
        start(echo, number, queue=queue)
    assert taken_by_competing_workers(queue, 10) == 3
    assert Workflow.objects.filter(status="running").count() == 3


def test_a_limited_queue_cannot_be_circumvented_by_claiming_an_id(queue: str) -> None:
    queues.set_limits(queue, concurrency=1)
    handles = [start(echo, number, queue=queue) for number in range(2)]
    take(queue)
    for handle in handles:
        assert transitions.claim(handle.id, worker="host:1-a/2", definitions=registry.names()) is None


def test_a_waiting_workflow_gives_its_place_to_others(queue: str) -> None:
    queues.set_limits(queue, concurrency=1)
    first, second = start(wait_for_word, queue=queue), start(echo, 2, queue=queue)
    claim = take(queue)
    assert claim is not None
    finish(claim)
    assert first.status() is Status.WAITING
    claim = take(queue)
    assert claim is not None
    assert claim.owner.workflow_id == second.id
    send(first.id, "go", 1)
    assert take(queue) is None
    finish(claim)
    claim = take(queue)
    assert claim is not None
    assert claim.owner.workflow_id == first.id
    finish(claim)


def test_the_concurrency_holds_through_a_recovery(queue: str) -> None:
    queues.set_limits(queue, concurrency=2)
    for number in range(6):
        start(echo, number, queue=queue)
    assert len(take_all(queue, worker="dead:1-x/1")) == 2
    recovery.release_held_by(["dead:1-x/1"])
    assert len(take_all(queue, worker="alive:1-x/1")) == 2


def test_no_more_run_on_one_worker_than_its_concurrency_however_many_children_it_has(queue: str) -> None:
    queues.set_limits(queue, worker_concurrency=2)
    for number in range(10):
        start(echo, number, queue=queue)
    first = [take(queue, worker=f"host:1-a/{child}") for child in range(4)]
    second = [take(queue, worker=f"host:11-a/{child}") for child in range(4)]
    assert [sum(claim is not None for claim in claims) for claims in (first, second)] == [2, 2]


def test_a_partition_runs_one_after_the_other_in_the_order_of_their_starts_and_beside_other_partitions(
    queue: str,
) -> None:
    queues.set_limits(queue, partition_concurrency=1)
    for number, key in enumerate(["x", "x", "y", "x", "y", None, None]):
        start(echo, number, queue=queue, partition_key=key)
    began = []
    while taken := take_all(queue):
        began.append([claim.input["args"][1] for claim in taken])
        for claim in taken:
            finish(claim)
    assert began == [[0, 2, 5, 6], [1, 4], [3]]


def test_a_waiting_workflow_keeps_its_place_in_its_partition(queue: str) -> None:
    queues.set_limits(queue, partition_concurrency=1)
    first, second = (
        start(wait_for_word, queue=queue, partition_key="x"), start(echo, 2, queue=queue, partition_key="x"),
    )  # fmt: skip
    for claim in take_all(queue):
        finish(claim)
    assert first.status() is Status.WAITING
    assert take(queue) is None
    send(first.id, "go", 1)
    work_off(first, second)
    assert first_claim(second) > first_end(first)


def first_claim(handle: WorkflowHandle[Any]) -> Any:
    return next(event.at for event in handle.history() if event.kind == "claimed")


def first_end(handle: WorkflowHandle[Any]) -> Any:
    return next(event.at for event in handle.history() if event.kind == "succeeded")


def test_a_resumed_workflow_waits_until_its_partition_has_room(queue: str) -> None:
    queues.set_limits(queue, partition_concurrency=1)
    first, second = (start(wait_for_word, queue=queue, partition_key="x") for _ in range(2))
    claim = take(queue)
    assert claim is not None
    finish(claim)
    operations.cancel(first.id)
    claim = take(queue)
    assert claim is not None
    assert claim.owner.workflow_id == second.id
    operations.resume(first.id)
    assert take(queue) is None
    finish(claim)
    send(second.id, "go", 1)
    send(first.id, "go", 1)
    work_off(first, second)
    assert first.status() is Status.SUCCEEDED


def test_never_more_begin_in_any_period_than_the_rate_allows_and_the_rate_is_used_up(queue: str) -> None:
    queues.set_limits(queue, rate_limit=3, rate_period=3_600)
    handles = [start(echo, number, queue=queue) for number in range(10)]
    begun = take_all(queue)
    assert len(begun) == 3
    for claim in begun:
        finish(claim)
    queues.set_limits(queue, rate_limit=3, rate_period=0.5)
    work_off(*handles)
    begins = sorted(Event.objects.filter(kind="claimed").values_list("at", flat=True))
    assert len(begins) == 10
    for earlier, later in zip(begins, begins[3:], strict=False):
        assert later - earlier >= timedelta(seconds=0.45)  # counted and written at two moments of one statement


def test_the_rate_counts_beginnings_not_the_way_back_from_a_wait(queue: str) -> None:
    queues.set_limits(queue, rate_limit=1, rate_period=3_600)
    handle = start(wait_for_word, queue=queue)
    claim = take(queue)
    assert claim is not None
    finish(claim)
    send(handle.id, "go", 1)
    work_off(handle)
    start(echo, 1, queue=queue)
    assert take(queue) is None


def test_the_rate_holds_though_many_workers_claim_at_the_same_moment(queue: str) -> None:
    queues.set_limits(queue, rate_limit=4, rate_period=3_600)
    for number in range(20):
        start(echo, number, queue=queue)
    assert taken_by_competing_workers(queue, 8) == 4


def test_nothing_begins_in_a_paused_queue_and_what_runs_goes_on(queue: str) -> None:
    running = start(echo, 1, queue=queue)
    claim = take(queue)
    assert claim is not None
    queues.pause(queue, by="ann")
    waiting = start(echo, 2, queue=queue)
    assert take(queue) is None
    assert transitions.claim(waiting.id, worker="host:1-a/1", definitions=registry.names()) is None
    finish(claim)
    assert running.status() is Status.SUCCEEDED
    assert Queue.objects.get(name=queue).changed_by == "ann"
    queues.unpause(queue)
    work_off(waiting)


def test_a_changed_limit_holds_from_the_next_claim_on(queue: str) -> None:
    queues.set_limits(queue, concurrency=1)
    for number in range(4):
        start(echo, number, queue=queue)
    assert len(take_all(queue)) == 1
    queues.set_limits(queue, concurrency=3)
    assert len(take_all(queue)) == 2
    queues.forget(queue)
    assert len(until(lambda: take_all(queue))) == 1


def test_limits_of_one_queue_leave_others_alone(queue: str) -> None:
    queues.set_limits(queue, concurrency=1)
    for number in range(3):
        start(echo, number, queue=queue)
    free = [start(echo, number, queue=f"{queue}-free") for number in range(3)]
    take_all(queue)
    both = []
    while claim := transitions.claim_next(
        queues=[queue, f"{queue}-free"], worker="host:2-b/1", definitions=registry.names()
    ):
        both.append(claim.owner.workflow_id)
    assert both == [handle.id for handle in free]


@pytest.mark.parametrize(
    "limits",
    [{"concurrency": 0}, {"concurrency": -1}, {"worker_concurrency": 1.5}, {"rate_limit": 3}, {"rate_period": 1.0},
     {"rate_limit": 1, "rate_period": 0}, {"rate_limit": 1, "rate_period": float("nan")},
     {"partition_concurrency": True}],
    ids=str,
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused(queue: str, limits: Any) -> None:
    with pytest.raises(InvalidInput):
        queues.set_limits(queue, **limits)
    assert not Queue.objects.filter(name=queue).exists()


def test_no_partition_starves_behind_a_long_one(queue: str) -> None:
    queues.set_limits(queue, partition_concurrency=1)
    for number in range(20):
        start(echo, number, queue=queue, partition_key="busy")
    start(echo, "quiet", queue=queue, partition_key="quiet")
    assert [claim.input["args"][1] for claim in take_all(queue)] == [0, "quiet"]


def test_a_workflow_that_waits_in_its_queue_is_found_if_its_message_was_lost(queue: str) -> None:
    handle = start(echo, 1, queue=queue)
    Workflow.objects.filter(id=handle.id).update(available_at=timezone.now() - timedelta(seconds=5))
    assert engine.overlooked([queue], age=1, limit=10) == [(queue, handle.id)]
    run(handle)
