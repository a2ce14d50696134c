"""Real workers: what is promised holds between processes, promptly, and through SIGKILL.

Two pool children at least; the causes come from this process, as they come from a web process.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.definitions import awaiting, dozing, following, listening, resting, telling
from tests.processes import Worker
from tests.wait import until
from workflows import operations, queues, workers
from workflows.durable import Status, WorkflowHandle, get_event, send
from workflows.models import Event, Workflow

LEASE = {"WORKFLOWS_LEASE_SECONDS": "3", "WORKFLOWS_RENEW_INTERVAL": "1"}


def waits(*handles: WorkflowHandle[Any]) -> None:
    """Return once all of them wait without a worker."""
    until(lambda: all(handle.status() is Status.WAITING for handle in handles))


def most_at_once(*handles: WorkflowHandle[Any]) -> int:
    """How many of them held a worker at the same moment, by their histories."""
    moves = {"claimed": 1, "released": -1, "suspended": -1, "succeeded": -1}
    events = Event.objects.filter(kind__in=moves, workflow_id__in=[handle.id for handle in handles])
    running = most = 0
    for kind in events.order_by("at").values_list("kind", flat=True):
        running += moves[kind]
        most = max(most, running)
    return most


def woken_after(handle: WorkflowHandle[Any], cause: float) -> float:
    """Seconds from the cause to the end of the workflow that waited for it."""
    handle.result(timeout=20)
    return list(handle.history())[-1].at.timestamp() - cause


def test_an_idle_worker_begins_a_workflow_within_a_moment(worker: Worker) -> None:
    handles = []
    for _ in range(7):
        handle = resting.start(0.0)
        handle.result(timeout=20)
        handles.append(handle)
    delays = []
    for handle in handles:
        told = {event.kind.value: event.at for event in handle.history()}
        delays.append((told["claimed"] - told["created"]).total_seconds())
    assert statistics.median(delays) < 0.25, delays


def test_a_waiting_workflow_goes_on_within_a_moment_of_a_message_a_value_and_an_end(worker: Worker) -> None:
    listener, teller = listening.start("topic"), telling.start("k", "v")
    reader, awaiter = following.start(teller.id, "k"), awaiting.start(teller.id)
    waits(listener, teller, reader, awaiter)
    sent = time.time()
    send(listener.id, "topic", "hello")
    send(teller.id, "go", None)
    delays = [woken_after(handle, sent) for handle in (listener, reader, awaiter)]
    assert (listener.result(), reader.result()) == ("hello", "v")
    assert max(delays) < 2, delays


def test_many_more_workflows_wait_than_there_are_pool_children_and_others_run_beside_them(worker: Worker) -> None:
    waiting = [listening.start("topic") for _ in range(30)]
    waits(*waiting)
    assert resting.start(0.0).result(timeout=10) is None
    for number, handle in enumerate(waiting):
        send(handle.id, "topic", number)
    assert [handle.result(timeout=30) for handle in waiting] == list(range(30))


def test_a_sleep_ends_on_time_though_its_worker_was_killed_meanwhile(start_worker: Callable[..., Worker]) -> None:
    first = start_worker(name="first", **LEASE)
    handle = dozing.start(6.0)
    waits(handle)
    first.kill()
    start_worker(name="second", **LEASE)
    handle.result(timeout=30)
    told = {event.kind.value: event.at for event in handle.history()}
    slept = told["slept"] - told["wait_started"]
    assert timedelta(seconds=6) <= slept < timedelta(seconds=8)


def test_a_value_set_right_before_a_kill_reaches_those_who_wait_promptly_and_a_waiting_workflow_too(
    worker: Worker,
) -> None:
    teller = telling.start("k", "last words", dies=True)
    reader = following.start(teller.id, "k")
    waits(teller, reader)
    sent = time.time()
    send(teller.id, "go", None)
    assert get_event(teller.id, "k", timeout=20) == "last words"
    assert time.time() - sent < 2
    assert reader.result(timeout=20) == "last words"
    assert woken_after(reader, sent) < 3
    until(lambda: teller.status() is Status.QUARANTINED, within=40)


def test_a_killed_workers_workflow_is_finished_by_another_without_an_operator(
    start_worker: Callable[..., Worker],
) -> None:
    first = start_worker(name="first", **LEASE)
    start_worker(name="second", **LEASE)
    handles = [resting.start(3.0) for _ in range(4)]
    held = Workflow.objects.filter(status="running", worker__contains=f":{first.pid}-")
    stranded = until(lambda: list(held.values_list("id", flat=True)))
    first.kill()
    killed = time.time()
    for handle in handles:
        handle.result(timeout=30)
    for workflow_id in stranded:
        claims = [event.at for event in WorkflowHandle[Any](workflow_id).history() if event.kind == "claimed"]
        assert len(claims) == 2
        assert claims[-1].timestamp() - killed < 3 + 2 * 3 + 2  # the lease, and what the other one was busy with


def test_a_second_worker_that_starts_does_not_run_what_the_first_one_runs(start_worker: Callable[..., Worker]) -> None:
    start_worker(name="first", **LEASE)
    handle = resting.start(8.0)
    until(lambda: handle.status() is Status.RUNNING)
    start_worker(name="second", **LEASE)
    handle.result(timeout=30)
    assert [event.kind for event in handle.history()].count("claimed") == 1  # type: ignore[arg-type]


def test_a_rolling_restart_strands_nothing_and_counts_no_crash(start_worker: Callable[..., Worker]) -> None:
    options = {**LEASE, "WORKFLOWS_SHUTDOWN_GRACE": "0.5"}
    worker = start_worker(name="release-1", **options)
    running, waiting = [resting.start(1.0) for _ in range(6)], listening.start("topic")
    until(lambda: Workflow.objects.filter(status="running").exists())
    for release in (2, 3):
        following_worker = start_worker(name=f"release-{release}", **options)
        worker.terminate()
        worker = following_worker
    send(waiting.id, "topic", 1)
    for handle in (*running, waiting):
        handle.result(timeout=30)
    assert not Workflow.objects.filter(takeovers__gt=0).exists()


def test_the_concurrency_of_a_queue_holds_across_workers_and_through_a_kill(
    start_worker: Callable[..., Worker],
) -> None:
    queues.set_limits("default", concurrency=2)
    first = start_worker(name="first", concurrency=3, **LEASE)
    start_worker(name="second", concurrency=3, **LEASE)
    handles = [resting.start(0.3) for _ in range(12)]
    until(lambda: Workflow.objects.filter(status="succeeded").count() >= 3)
    assert Workflow.objects.filter(status="running").count() <= 2
    os.kill(first.children()[0], signal.SIGKILL)
    for handle in handles:
        handle.result(timeout=60)
    assert most_at_once(*handles) == 2


def test_each_worker_keeps_its_own_concurrency(start_worker: Callable[..., Worker]) -> None:
    queues.set_limits("default", worker_concurrency=1)
    start_worker(name="first", concurrency=3)
    start_worker(name="second", concurrency=3)
    handles = [resting.start(0.3) for _ in range(8)]
    for handle in handles:
        handle.result(timeout=60)
    by_worker: dict[str, list[WorkflowHandle[Any]]] = {}
    for handle in handles:
        claimed = next(event for event in handle.history() if event.kind == "claimed")
        by_worker.setdefault(claimed.data["worker"].partition("/")[0], []).append(handle)
    assert len(by_worker) == 2
    assert [most_at_once(*theirs) for theirs in by_worker.values()] == [1, 1]


def test_the_rate_of_a_queue_is_exact_across_workers_and_used_up(start_worker: Callable[..., Worker]) -> None:
    queues.set_limits("default", rate_limit=4, rate_period=1.0)
    start_worker(name="first")
    start_worker(name="second")
    handles = [resting.start(0.0) for _ in range(16)]
    for handle in handles:
        handle.result(timeout=60)
    begins = sorted(Event.objects.filter(kind="claimed").values_list("at", flat=True))
    for earlier, later in zip(begins, begins[4:], strict=False):
        assert later - earlier >= timedelta(seconds=1)
    assert begins[-1] - begins[0] < timedelta(seconds=3 + 3)


def test_a_paused_queue_begins_again_promptly_when_it_is_unpaused(worker: Worker) -> None:
    queues.pause("default")
    handle = resting.start(0.0)
    with pytest.raises(AssertionError):
        until(lambda: handle.status() is not Status.QUEUED, within=2)
    unpaused = time.time()
    queues.unpause("default")
    assert woken_after(handle, unpaused) < 3


def test_a_worker_with_queues_of_its_own_takes_nothing_from_others_which_say_that_nobody_takes_them(
    start_worker: Callable[..., Worker],
) -> None:
    queues.set_limits("counted", concurrency=1)
    start_worker(name="mail", queues="mail,counted")
    left = [resting.start(0.0), resting.using(queue="reports", priority=1_000).start(0.0)]
    mails = [resting.using(queue=name).start(0.0) for name in ("mail", "counted") * 4]
    for handle in mails:
        handle.result(timeout=30)
    assert {handle.status() for handle in left} == {Status.QUEUED}
    assert {queue.name for queue in workers.unconsumed_queues()} == {"default", "reports"}
    told = [workers.obstacle(Workflow.objects.get(id=handle.id)) for handle in left]
    assert told == [f"Nobody consumes queue {name}. Start a worker with -Q {name}." for name in ("default", "reports")]
    start_worker(name="rest", queues="reports,default")
    for handle in left:
        handle.result(timeout=30)
    assert workers.unconsumed_queues() == []


def test_a_cancelled_waiter_frees_nothing_because_it_held_nothing_and_a_cancelled_runner_stops(worker: Worker) -> None:
    waiting, running = listening.start("topic"), resting.start(1.0)
    waits(waiting)
    until(lambda: running.status() is Status.RUNNING)
    operations.cancel(waiting.id)
    operations.cancel(running.id)
    assert resting.start(0.0).result(timeout=10) is None
    assert {waiting.status(), running.status()} == {Status.CANCELLED}


@pytest.mark.parametrize("timeout", [1.0])
def test_a_deadline_cancels_within_a_moment_of_its_time(worker: Worker, timeout: float) -> None:
    handle = dozing.using(timeout=timeout).start(3_600.0)
    until(lambda: handle.status() is Status.CANCELLED, within=10)
    told = {event.kind.value: event.at for event in handle.history()}
    assert told["cancelled"] - told["claimed"] < timedelta(seconds=timeout + 2.5)
