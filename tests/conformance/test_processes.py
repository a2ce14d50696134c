"""Real workers: what is promised holds between processes, promptly, and through SIGKILL.

Two pool children at least; the causes come from this process, as they come from a web process. That something happens
by the quick way is seen by closing the slow one: nobody sweeps, or the lease outlasts the test. So nothing depends on
how busy the machine is; how quick the quick way is, `make bench` tells.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.conformance.definitions import awaiting, dozing, following, listening, resting, telling
from tests.definitions import holding
from tests.execution import kinds
from tests.processes import Worker
from tests.wait import until
from workflows import operations, queues, workers
from workflows.durable import Status, WorkflowHandle, get_event, send
from workflows.models import Event, Workflow

LONG_LEASE = {"WORKFLOWS_LEASE_SECONDS": "600"}  # nobody loses it while the machine stands still
NO_SWEEPS = {"WORKFLOWS_RECOVERY_INTERVAL": "600"}


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


def test_an_idle_worker_is_told_of_a_workflow_and_need_not_look_for_it(start_worker: Callable[..., Worker]) -> None:
    start_worker(**NO_SWEEPS)
    for _ in range(3):
        resting.start(0.0).result(timeout=60)


def test_a_waiting_workflow_is_told_of_a_message_a_value_and_an_end(start_worker: Callable[..., Worker]) -> None:
    start_worker(**NO_SWEEPS)
    listener, teller = listening.start("topic"), telling.start("k", "v")
    reader, awaiter = following.start(teller.id, "k"), awaiting.start(teller.id)
    waits(listener, teller, reader, awaiter)
    send(listener.id, "topic", "hello")
    send(teller.id, "go", None)
    assert [handle.result(timeout=60) for handle in (listener, reader, awaiter)] == ["hello", "v", None]


def test_many_more_workflows_wait_than_there_are_pool_children_and_others_run_beside_them(worker: Worker) -> None:
    waiting = [listening.start("topic") for _ in range(30)]
    waits(*waiting)
    assert resting.start(0.0).result(timeout=60) is None
    for number, handle in enumerate(waiting):
        send(handle.id, "topic", number)
    assert [handle.result(timeout=60) for handle in waiting] == list(range(30))


def test_a_sleep_ends_at_its_time_though_its_worker_was_killed_meanwhile(start_worker: Callable[..., Worker]) -> None:
    first = start_worker(name="first")
    handle = dozing.start(3.0)
    waits(handle)
    due = Workflow.objects.get(id=handle.id).wake_at
    first.kill()
    start_worker(name="second")
    handle.result(timeout=60)
    told = [event for event in handle.history() if event.kind in ("wait_started", "woken", "slept")]
    assert [event.kind for event in told] == ["wait_started", "woken", "slept"]
    assert due is not None
    assert told[0].at + timedelta(seconds=3) == due <= told[1].at


def test_a_value_set_right_before_a_kill_reaches_those_who_wait_promptly_and_a_waiting_workflow_too(
    start_worker: Callable[..., Worker],
) -> None:
    start_worker(**LONG_LEASE)
    teller = telling.start("k", "last words", dies=True)
    reader = following.start(teller.id, "k")
    waits(teller, reader)
    send(teller.id, "go", None)
    assert get_event(teller.id, "k", timeout=60) == "last words"
    assert reader.result(timeout=60) == "last words"
    until(lambda: teller.status() is Status.QUARANTINED)


def test_a_killed_workers_workflow_is_finished_by_another_without_an_operator(
    start_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    first = start_worker(name="first", **LONG_LEASE)
    handles = [holding.start(str(tmp_path / "go on")) for _ in range(2)]
    until(lambda: all(handle.status() is Status.RUNNING for handle in handles))
    start_worker(name="second", **LONG_LEASE)
    first.kill()
    (tmp_path / "go on").touch()
    for handle in handles:
        handle.result(timeout=60)
        assert kinds(handle).count("claimed") == 2


def test_a_second_worker_that_starts_does_not_run_what_the_first_one_runs(
    start_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    start_worker(name="first", **LONG_LEASE)
    handle = holding.start(str(tmp_path / "go on"))
    until(lambda: handle.status() is Status.RUNNING)
    start_worker(name="second", **LONG_LEASE)
    resting.start(0.0).result(timeout=60)
    (tmp_path / "go on").touch()
    handle.result(timeout=60)
    assert kinds(handle).count("claimed") == 1


def test_a_rolling_restart_strands_nothing_and_counts_no_crash(start_worker: Callable[..., Worker]) -> None:
    options = {**LONG_LEASE, "WORKFLOWS_SHUTDOWN_GRACE": "0.5"}
    worker = start_worker(name="release-1", **options)
    running, waiting = [resting.start(1.0) for _ in range(6)], listening.start("topic")
    until(lambda: Workflow.objects.filter(status="running").exists())
    for release in (2, 3):
        following_worker = start_worker(name=f"release-{release}", **options)
        worker.terminate()
        worker = following_worker
    send(waiting.id, "topic", 1)
    for handle in (*running, waiting):
        handle.result(timeout=60)
    assert not Workflow.objects.filter(takeovers__gt=0).exists()


def test_the_concurrency_of_a_queue_holds_across_workers_and_through_a_kill(
    start_worker: Callable[..., Worker],
) -> None:
    queues.set_limits("default", concurrency=2)
    first = start_worker(name="first", concurrency=3, **LONG_LEASE)
    start_worker(name="second", concurrency=3, **LONG_LEASE)
    handles = [resting.start(0.3) for _ in range(12)]
    until(lambda: Workflow.objects.filter(status="succeeded").count() >= 3)
    assert Workflow.objects.filter(status="running").count() <= 2
    os.kill(first.children()[0], signal.SIGKILL)
    for handle in handles:
        handle.result(timeout=60)
    assert 1 <= most_at_once(*handles) <= 2


def test_each_worker_keeps_its_own_concurrency(start_worker: Callable[..., Worker], tmp_path: Path) -> None:
    queues.set_limits("default", worker_concurrency=1)
    for name in ("first", "second"):
        start_worker(name=name, concurrency=3)
    handles = [holding.start(str(tmp_path / "go on")) for _ in range(5)]
    running = Workflow.objects.filter(status="running").values_list("worker", flat=True)
    until(lambda: len({str(claimant).partition("/")[0] for claimant in running.all()}) == 2, what="both work")
    (tmp_path / "go on").touch()
    by_worker: dict[str, list[WorkflowHandle[Any]]] = {}
    for handle in handles:
        handle.result(timeout=60)
        claimed = next(event for event in handle.history() if event.kind == "claimed")
        by_worker.setdefault(claimed.data["worker"].partition("/")[0], []).append(handle)
    assert [most_at_once(*theirs) for theirs in by_worker.values()] == [1, 1]


def test_the_rate_of_a_queue_is_exact_across_workers(start_worker: Callable[..., Worker]) -> None:
    queues.set_limits("default", rate_limit=4, rate_period=1.0)
    start_worker(name="first")
    start_worker(name="second")
    handles = [resting.start(0.0) for _ in range(16)]
    for handle in handles:
        handle.result(timeout=60)
    begins = sorted(Event.objects.filter(kind="claimed").values_list("at", flat=True))
    for earlier, later in zip(begins, begins[4:], strict=False):
        assert later - earlier >= timedelta(seconds=0.95)  # counted and written at two moments of one statement


def test_a_paused_queue_begins_again_when_it_is_unpaused(start_worker: Callable[..., Worker]) -> None:
    start_worker(queues="default,bulk")
    queues.pause("default")
    handle = resting.start(0.0)
    resting.using(queue="bulk").start(0.0).result(timeout=60)  # the worker takes from others meanwhile
    assert handle.status() is Status.QUEUED
    queues.unpause("default")
    handle.result(timeout=60)


def test_a_worker_with_queues_of_its_own_takes_nothing_from_others_which_say_that_nobody_takes_them(
    start_worker: Callable[..., Worker],
) -> None:
    queues.set_limits("counted", concurrency=1)
    start_worker(name="mail", queues="mail,counted")
    left = [resting.start(0.0), resting.using(queue="reports", priority=1_000).start(0.0)]
    mails = [resting.using(queue=name).start(0.0) for name in ("mail", "counted") * 4]
    for handle in mails:
        handle.result(timeout=60)
    assert {handle.status() for handle in left} == {Status.QUEUED}
    assert [queue.name for queue in workers.unconsumed_queues()] == ["default", "reports"]
    told = [workers.obstacle(Workflow.objects.get(id=handle.id)) for handle in left]
    assert told == [f"Nobody consumes queue {name}. Start a worker with -Q {name}." for name in ("default", "reports")]
    start_worker(name="rest", queues="reports,default")
    for handle in left:
        handle.result(timeout=60)
    assert workers.unconsumed_queues() == []


def test_a_cancelled_waiter_frees_nothing_because_it_held_nothing_and_a_cancelled_runner_stops(
    worker: Worker, tmp_path: Path
) -> None:
    waiting, running = listening.start("topic"), holding.start(str(tmp_path / "go on"))
    waits(waiting)
    until(lambda: running.status() is Status.RUNNING)
    operations.cancel(waiting.id)
    operations.cancel(running.id)
    (tmp_path / "go on").touch()
    assert resting.start(0.0).result(timeout=60) is None
    assert {waiting.status(), running.status()} == {Status.CANCELLED}


def test_a_deadline_cancels_a_workflow_that_sleeps_for_longer(worker: Worker) -> None:
    handle = dozing.using(timeout=1.0).start(3_600.0)
    until(lambda: handle.status() is Status.CANCELLED)
    told = {event.kind.value: event.at for event in handle.history()}
    assert told["cancelled"] - told["claimed"] >= timedelta(seconds=1)
