"""Recovery: whoever dies, others finish the work, by themselves and without doing again what is recorded.

A workflow belongs to one execution at a time; one that lost it writes nothing more. What keeps killing its worker is
set aside after a few crashes without progress, and everything else goes on.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.conformance.definitions import CALLS, die, echo, note, run_until_killed, start
from tests.execution import WORKER, claim, crash, kinds, run, work_off
from tests.wait import PATIENCE, until
from workflows import engine, operations, recovery, registry, transitions
from workflows.durable import Status, WorkflowQuarantined, gather, receive, send, set_event, sleep
from workflows.models import Workflow


def killed_at(*places: int) -> Any:
    """A body of five steps whose worker is killed once before each of these."""

    def body() -> list[Any]:
        results = []
        for number in range(5):
            if number in places and CALLS[f"killed at {number}"] == 0:
                CALLS[f"killed at {number}"] += 1
                die()
            results.append(note(f"step {number}"))
        return results

    return body


@pytest.mark.parametrize("places", [(0,), (1,), (4,), (1, 2, 3), (0, 1, 2, 3, 4)], ids=str)
def test_what_a_killed_worker_had_recorded_is_not_done_again_and_the_result_is_right(places: tuple[int, ...]) -> None:
    handle = start(killed_at(*places))
    for _ in places:
        run_until_killed(handle)
    work_off(handle)
    assert handle.result() == [f"step {number}" for number in range(5)]
    assert {CALLS[f"step {number}"] for number in range(5)} == {1}
    assert Workflow.objects.get().takeovers == len(places)


def test_only_an_expired_lease_is_taken_away() -> None:
    handle = start(echo, 1)
    held = claim(handle)
    assert recovery.release_expired() == 0
    Workflow.objects.filter(id=handle.id).update(lease_expires_at=timezone.now())
    assert recovery.release_expired() == 1
    assert recovery.release_expired() == 0
    engine.execute(held, stopping=lambda: False)
    assert handle.status() is Status.QUEUED
    run(handle)


def test_a_recovery_of_a_dead_worker_leaves_what_a_living_one_has_claimed_since() -> None:
    handle = start(echo, 1)
    claim(handle, worker="dead:1-x/1")
    assert recovery.release_held_by(["dead:1-x/1"]) == 1
    claim(handle, worker="alive:1-x/1")
    assert recovery.release_held_by(["dead:1-x/1"]) == 0
    assert handle.status() is Status.RUNNING


def test_two_recoveries_and_many_claims_at_the_same_moment_give_it_to_one() -> None:
    handle = start(echo, 1)
    claim(handle, worker="dead:1-x/1")
    barrier = threading.Barrier(8)

    def compete(number: int) -> int:
        barrier.wait(PATIENCE)
        try:
            recovery.release_held_by(["dead:1-x/1"])
            return int(
                transitions.claim(handle.id, worker=f"host:{number}-x/1", definitions=registry.names()) is not None
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(compete, range(8))) == 1
    assert kinds(handle).count("released") == 1


def test_a_workflow_that_kills_its_workers_is_set_aside_and_others_go_on() -> None:
    def deadly() -> None:
        note("before")
        die()

    handle, beside = start(deadly), start(echo, "beside")
    for _ in range(3):
        run_until_killed(handle)
        if handle.status() is Status.QUARANTINED:
            break
    else:
        run_until_killed(handle)
    assert handle.status() is Status.QUARANTINED
    with pytest.raises(WorkflowQuarantined, match="worker died 3 times in a row"):
        handle.result()
    work_off(beside)
    assert beside.result() == "beside"
    assert CALLS["before"] == 1


def test_progress_between_crashes_keeps_a_workflow_out_of_quarantine() -> None:
    places = tuple(range(5))
    handle = start(killed_at(*places))
    for _ in places:
        run_until_killed(handle)
        assert handle.status() is Status.QUEUED
    work_off(handle)


def test_each_further_crash_is_waited_out_longer(settings: Any) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "CRASH_BACKOFF": 30.0, "CRASH_LIMIT": 5}
    handle = start(deadly_at_once)
    run_until_killed(handle)
    run_until_killed(handle)
    row = Workflow.objects.get()
    assert 25 < (row.available_at - row.status_at).total_seconds() <= 30
    assert transitions.claim(handle.id, worker=WORKER, definitions=registry.names()) is None
    operations.cancel(handle.id)


def deadly_at_once() -> None:
    die()


def test_a_waiter_of_a_quarantined_workflow_is_told() -> None:
    target = start(deadly_at_once)

    def wait() -> Any:
        try:
            return gather([target])
        except WorkflowQuarantined as ended:
            return ended.workflow_id

    waiter = start(wait)
    run(waiter)
    for _ in range(3):
        run_until_killed(target)
    recovery.deliver_wakeups()
    run(waiter)
    assert waiter.result() == target.id


def test_a_stopping_worker_hands_back_at_the_next_checkpoint_and_no_crash_is_counted() -> None:
    handle = start(killed_at())
    run(handle, stopping=lambda: CALLS["step 2"] == 1)
    row = Workflow.objects.get()
    assert (row.status, row.crashes, row.takeovers) == ("queued", 0, 0)
    work_off(handle)
    assert {CALLS[f"step {number}"] for number in range(5)} == {1}


def test_a_killed_worker_in_the_middle_of_everything_changes_no_outcome() -> None:
    """Killed once after each operation, whatever it was, the workflow ends as if it had never been."""

    def mixed(killing: bool) -> Any:
        counter = iter(range(100))

        def perhaps() -> None:
            number = next(counter)
            if killing and CALLS[f"killed {number}"] == 0:
                CALLS[f"killed {number}"] += 1
                die()

        set_event("k", 1)
        perhaps()
        results = [note("a")]
        perhaps()
        child = start(echo, "child")
        perhaps()
        sleep(0.05)
        perhaps()
        results.append(child.result())
        perhaps()
        results.append(receive("topic"))
        perhaps()
        results.append(gather([child, child]))
        perhaps()
        set_event("k", 2)
        return results

    outcomes = []
    for killing in (False, True):
        handle = start(mixed, killing)
        send(handle.id, "topic", "message")
        while handle.status() is not Status.SUCCEEDED:
            try:
                work_off(handle)
            except KeyboardInterrupt:
                crash(handle)
        recorded = [kind for kind in kinds(handle) if kind not in ("claimed", "released", "suspended", "woken")]
        outcomes.append((handle.result(), handle.values()["k"].value, recorded))
    assert outcomes[0] == outcomes[1]


def test_a_workflow_of_code_that_no_worker_has_is_left_queued_and_not_failed() -> None:
    handle = start(echo, 1)
    assert transitions.claim(handle.id, worker=WORKER, definitions=[]) is None
    assert engine.overlooked(["default"], age=0, limit=10)
    assert handle.status() is Status.QUEUED
    until(lambda: transitions.claim(handle.id, worker=WORKER, definitions=registry.names()))
