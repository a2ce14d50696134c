"""Our side of what waits: messages, durable waits, queues with limits, takeovers."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from typing import Any

Measurement = Callable[[], dict[str, Any]]


def _rated(count: int, began: float) -> dict[str, Any]:
    return {"count": count, "began": began, "ended": time.time()}


def _wait_until_waiting(ids: list[str]) -> None:
    from workflows.models import Workflow

    while Workflow.objects.filter(id__in=ids).exclude(status="waiting").exists():
        time.sleep(0.05)


def flood(count: int) -> Measurement:
    """So many messages to one workflow that receives all the time."""
    from benchmarks import definitions

    def measure() -> dict[str, Any]:
        handle = definitions.inbox.start(count)
        while handle.status() == "queued":
            time.sleep(0.01)
        began = time.time()
        for number in range(count):
            _send(handle.id, number)
        handle.result(timeout=120)
        return _rated(count, began)

    return measure


def _send(workflow_id: str, message: Any) -> None:
    from workflows.durable import send

    send(workflow_id, "in", message)


def suspended(count: int) -> Measurement:
    """One message to each of so many workflows that wait without a worker, until all have ended."""
    from benchmarks import definitions

    def measure() -> dict[str, Any]:
        handles = [definitions.told.start() for _ in range(count)]
        _wait_until_waiting([handle.id for handle in handles])
        began = time.time()
        for handle in handles:
            _send(handle.id, time.time())
        for handle in handles:
            handle.result(timeout=120)
        return _rated(count, began)

    return measure


def sleepers(count: int) -> Measurement:
    """So many workflows that wait two seconds each, at once."""
    from benchmarks import definitions

    definitions.noop.start().result(timeout=60)

    def measure() -> dict[str, Any]:
        began = time.time()
        handles = [definitions.slept.start(2.0) for _ in range(count)]
        for handle in handles:
            handle.result(timeout=120)
        return _rated(count, began)

    return measure


def resume(count: int) -> Measurement:
    """From the claim to the end of a workflow that has so many recorded steps and was waiting."""
    from workflows import engine, transitions

    handle = _prepared(count)

    def measure() -> dict[str, Any]:
        began = time.time()
        claim = transitions.claim(handle.id, worker=f"bench/{uuid.uuid4()}", definitions=["benchmark_long"])
        assert claim is not None
        engine.execute(claim, stopping=lambda: False)
        latency = time.time() - began
        assert handle.status() == "succeeded"
        return {"latencies": [latency]}

    return measure


def bare_resume(count: int) -> Measurement:
    """The same rows read by psycopg alone."""
    from workflows import sql
    from workflows.sql.reads import RECORDED_OPERATIONS

    handle = _prepared(count)
    connection = sql.dedicated_connection()

    def measure() -> dict[str, Any]:
        began = time.time()
        rows = connection.execute(RECORDED_OPERATIONS, {"workflow_id": handle.id}).fetchall()
        latency = time.time() - began
        assert len(rows) > count
        return {"latencies": [latency]}

    return measure


def _prepared(count: int) -> Any:
    from benchmarks import definitions
    from workflows import engine, transitions

    handle = definitions.long.using(queue="nobody's").start(count)
    claim = transitions.claim(handle.id, worker=f"bench/{uuid.uuid4()}", definitions=["benchmark_long"])
    assert claim is not None
    engine.execute(claim, stopping=lambda: False)
    assert handle.status() == "waiting"
    from workflows.durable import send

    send(handle.id, "go", None)
    return handle


_PAUSE = 1.6  # seconds: longer than a wait that keeps its worker
_APART = 0.1  # seconds between two workflows: each finds the system idle


def wake_time(count: int) -> Measurement:
    """From the recorded end of a durable wait to the next line."""
    from datetime import datetime

    from benchmarks import definitions

    def latency(handle: Any) -> float:
        due = next(event.data["until"] for event in handle.history() if event.kind == "wait_started")
        return float(handle.result(timeout=60) - datetime.fromisoformat(due).timestamp())

    return _staggered(count, lambda: definitions.slept.start(_PAUSE), latency=latency)


def wake_message(count: int) -> Measurement:
    """From before a message is sent to the line that has it."""
    from benchmarks import definitions

    def after(handles: list[Any]) -> None:
        _wait_until_waiting([handle.id for handle in handles])
        for handle in handles:
            time.sleep(_APART)
            _send(handle.id, time.time())

    return _staggered(count, definitions.told.start, after=after)


def wake_value(count: int) -> Measurement:
    """From before another workflow sets a value to the line that has it."""
    from benchmarks import definitions

    return _staggered(count, lambda: definitions.reader.start(definitions.setter.start(_PAUSE).id))


def wake_child(count: int) -> Measurement:
    """From a child's last line to its parent's next one."""
    from benchmarks import definitions

    return _staggered(count, lambda: definitions.parent.start(_PAUSE))


def _staggered(
    count: int,
    start: Callable[[], Any],
    *,
    after: Callable[[list[Any]], None] = lambda _handles: None,
    latency: Callable[[Any], float] = lambda handle: float(handle.result(timeout=60)),
) -> Measurement:
    def measure() -> dict[str, Any]:
        handles = []
        for _ in range(count):
            handles.append(start())
            time.sleep(_APART)
        after(handles)
        for handle in handles:
            handle.result(timeout=60)
        return {"latencies": [latency(handle) for handle in handles]}

    return measure


RATE_LIMIT, RATE_PERIOD = 50, 1.0


def queue_free(count: int) -> Measurement:
    """Start to finished through a queue without limits."""
    return _through("free", count, {})


def queue_four(count: int) -> Measurement:
    """Through one that lets four run at once."""
    return _through("four", count, {"concurrency": 4})


def queue_rated(count: int) -> Measurement:
    """Through one with a rate limit; also the most starts seen in any window of its period."""
    return _through("rated", count, {"rate_limit": RATE_LIMIT, "rate_period": RATE_PERIOD})


def queue_keyed(count: int) -> Measurement:
    """Through one that lets one run at once of each of a hundred keys."""
    return _through("keyed", count, {"partition_concurrency": 1}, keys=100)


def _through(queue: str, count: int, limits: dict[str, Any], keys: int = 0) -> Measurement:
    from benchmarks import definitions
    from workflows.models import Workflow
    from workflows.queues import set_limits

    if limits:
        set_limits(queue, **limits)
    definitions.noop.using(queue=queue).start().result(timeout=60)
    time.sleep(RATE_PERIOD + 0.5)  # every process knows the limits, and the first start has left the window

    def measure() -> dict[str, Any]:
        began = time.time()
        ids = [
            definitions.noop.using(queue=queue, partition_key=f"k{number % keys}" if keys else None).start().id
            for number in range(count)
        ]
        unfinished = Workflow.objects.filter(queue=queue, status__in=["queued", "running"])
        while unfinished.exists():
            time.sleep(0.01)
        result = _rated(count, began)
        starts = sorted(
            moment.timestamp() for moment in Workflow.objects.filter(id__in=ids).values_list("started_at", flat=True)
        )
        most = max(sum(1 for later in starts[i:] if later < first + RATE_PERIOD) for i, first in enumerate(starts))
        return {**result, "most": most}

    return measure


def child_killed(count: int) -> Measurement:
    """From SIGKILL of a pool child to the next line of what it executed."""
    return _killing(count, "default", lambda pid, _worker: os.kill(pid, signal.SIGKILL))


def worker_killed(count: int) -> Measurement:
    """From SIGKILL of a whole worker to the next line; another worker lives. Its parent is named in the claim."""

    def kill(_pid: int, worker: str) -> None:
        leader = int(worker.partition("/")[0].rpartition(":")[2].partition("-")[0])
        os.killpg(leader, signal.SIGKILL)  # the benchmark made each of these workers a group of its own

    return _killing(count, "doomed", kill)


def _killing(count: int, queue: str, kill: Callable[[int, str], None]) -> Measurement:
    from benchmarks import definitions
    from workflows.models import Workflow

    def measure() -> dict[str, Any]:
        latencies = []
        for _ in range(count):
            handle = definitions.held.using(queue=queue).start()
            pid = handle.get_event("pid", type=int, timeout=60)
            worker = Workflow.objects.get(id=handle.id).worker or ""
            time.sleep(1.5)  # the keeper of its worker has seen it
            began = time.time()
            kill(pid, worker)
            latencies.append(handle.result(timeout=120) - began)
        return {"latencies": latencies}

    return measure


MEASUREMENTS: dict[str, Callable[[int], Measurement]] = {
    name: globals()[name]
    for name in (
        "flood", "suspended", "sleepers", "resume", "bare_resume", "wake_time", "wake_message", "wake_value",
        "wake_child", "queue_free", "queue_four", "queue_rated", "queue_keyed", "child_killed", "worker_killed",
    )
}  # fmt: skip
