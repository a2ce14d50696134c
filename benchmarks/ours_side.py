"""Our side of a measurement, and bare psycopg's: a process that gets ready, waits for "go", measures, prints JSON.

usage: python -m benchmarks.ours_side NAME COUNT   (settings and DATABASE_URL in the environment)
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import django

from benchmarks import crowd, ours_waiting

Measurement = Callable[[], dict[str, Any]]


def executing(name: str, count: int) -> Measurement:
    """One workflow with many operations, executed here."""
    from benchmarks import definitions
    from workflows import engine, transitions

    handle = getattr(definitions, name).start(count)
    claim = transitions.claim(handle.id, worker=f"bench/{uuid.uuid4()}", definitions=[f"benchmark_{name}"])
    assert claim is not None

    def measure() -> dict[str, Any]:
        began = time.time()
        engine.execute(claim, stopping=lambda: False)
        return {"count": count, "began": began, "ended": time.time()}

    return measure


def bare_values(count: int) -> Measurement:
    """The same statement by psycopg alone: prepared, one commit each, nothing around it."""
    from benchmarks import definitions
    from workflows import sql, transitions
    from workflows.sql.checkpoints import SET_VALUE

    handle = definitions.values.start(count)
    claim = transitions.claim(handle.id, worker=f"bare/{uuid.uuid4()}", definitions=["benchmark_values"])
    assert claim is not None
    connection = sql.dedicated_connection()
    fixed = {"workflow_id": handle.id, "token": claim.owner.token, "kind": "value_set", "key": "progress"}

    def measure() -> dict[str, Any]:
        began = time.time()
        with connection.cursor() as cursor:
            for number in range(count):
                parameters = {**fixed, "op": str(number), "position": number, "data": f'{{"value":{number}}}'}
                cursor.execute(SET_VALUE, parameters, prepare=True)
                cursor.fetchall()
        return {"count": count, "began": began, "ended": time.time()}

    return measure


def flow(count: int) -> Measurement:
    """Start many workflows without work; a worker elsewhere runs them."""
    from benchmarks import definitions
    from workflows.models import Workflow

    definitions.noop.start().result(timeout=60)

    def measure() -> dict[str, Any]:
        began = time.time()
        for _ in range(count):
            definitions.noop.start()
        while Workflow.objects.filter(status__in=["queued", "running"], definition="benchmark_noop").exists():
            time.sleep(0.01)
        return {"count": count, "began": began, "ended": time.time()}

    return measure


def idle(count: int) -> Measurement:
    """Start to first line, with a worker that has nothing else to do."""
    from benchmarks import definitions

    definitions.first_line.start().result(timeout=60)

    def measure() -> dict[str, Any]:
        latencies = []
        for _ in range(count):
            time.sleep(0.25)  # until the worker is idle again
            began = time.time()
            latencies.append(definitions.first_line.start().result(timeout=60) - began)
        return {"latencies": latencies}

    return measure


def wake(count: int) -> Measurement:
    """Another process publishes; this one waits for each value: from the publish's return there to ours here."""
    from benchmarks import definitions

    def measure() -> dict[str, Any]:
        handle = definitions.ticks.using(queue="nobody's").start(count, 0.03)
        setter = subprocess.Popen([sys.executable, "-m", "benchmarks.ours_side", "execute", handle.id])
        returned: dict[int, float] = {}
        seq = 0
        while count - 1 not in returned:
            number = handle.get_event("tick", type=int, after=seq, timeout=30)
            returned[number] = time.time()
            seq = handle.values()["tick"].seq
        setter.wait(60)
        moments = handle.result(timeout=30)
        return {"latencies": [max(0.0, moment - moments[number]) for number, moment in returned.items()]}

    return measure


def killed(count: int) -> Measurement:
    """As `wake`, but the publisher is killed as soon as its publish has returned."""
    from benchmarks import definitions
    from workflows import operations

    def measure() -> dict[str, Any]:
        latencies = []
        for _ in range(count):
            handle = definitions.last_word.using(queue="nobody's").start()
            setter = subprocess.Popen([sys.executable, "-m", "benchmarks.ours_side", "execute", handle.id])
            published = handle.get_event("last", type=float, timeout=30)
            latencies.append(time.time() - published)
            setter.wait(30)
            operations.cancel(handle.id)  # nobody else shall be killed by it
        return {"latencies": latencies}

    return measure


def execute(workflow_id: str) -> None:
    """Claim and run one workflow in this process."""
    from workflows import engine, notify, registry, transitions

    claim = transitions.claim(workflow_id, worker=f"bench/{uuid.uuid4()}", definitions=registry.names())
    assert claim is not None
    engine.execute(claim, stopping=lambda: False)
    notify.flush()


MEASUREMENTS: dict[str, Callable[[int], Measurement]] = {
    "values": lambda count: executing("values", count),
    "steps": lambda count: executing("steps", count),
    "bare_values": bare_values,
    "flow": flow,
    "idle": idle,
    "wake": wake,
    "killed": killed,
    **ours_waiting.MEASUREMENTS,
    "crowd": crowd.crowd,
}


def main(name: str, argument: str) -> None:
    """Get ready, wait, measure."""
    django.setup()
    import benchmarks.definitions  # noqa: F401  definitions need loaded apps

    if name == "execute":
        execute(argument)
        return
    measure = MEASUREMENTS[name](int(argument))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(measure()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
