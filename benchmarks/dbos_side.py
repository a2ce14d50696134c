"""DBOS's side of a measurement, run by the environment that has DBOS: ready, "go", measure, JSON.

usage: python benchmarks/dbos_side.py NAME COUNT   (DBOS_URL in the environment)
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from dbos import DBOS, DBOSClient, SetWorkflowID  # type: ignore[import-not-found]

URL = os.environ["DBOS_URL"]
DBOS(
    config={
        "name": "benchmark",
        "system_database_url": URL,
        "log_level": "ERROR",
        "executor_id": f"bench-{os.getpid()}",
        "application_version": "1",
    }
)


@DBOS.step()  # type: ignore[untyped-decorator]
def nothing() -> None:
    """A step without work."""


@DBOS.workflow()  # type: ignore[untyped-decorator]
def values(count: int) -> dict[str, Any]:
    """Publish so many values."""
    began = time.time()
    for number in range(count):
        DBOS.set_event("progress", number)
    return {"count": count, "began": began, "ended": time.time()}


@DBOS.workflow()  # type: ignore[untyped-decorator]
def steps(count: int) -> dict[str, Any]:
    """Run so many steps without work."""
    began = time.time()
    for _ in range(count):
        nothing()
    return {"count": count, "began": began, "ended": time.time()}


@DBOS.workflow()  # type: ignore[untyped-decorator]
def noop() -> None:
    """Do nothing."""


@DBOS.workflow()  # type: ignore[untyped-decorator]
def first_line() -> float:
    """The moment at which the first line runs."""
    return time.time()


@DBOS.workflow()  # type: ignore[untyped-decorator]
def ticks(count: int) -> None:
    """Publish the moment under one key after another."""
    for number in range(count):
        time.sleep(0.03)
        DBOS.set_event(f"tick{number}", time.time())


def flow(count: int) -> dict[str, Any]:
    """Enqueue many workflows without work and wait for all."""
    DBOS.register_queue("flow")
    DBOS.enqueue_workflow("flow", noop).get_result()
    began = time.time()
    handles = [DBOS.enqueue_workflow("flow", noop) for _ in range(count)]
    for handle in handles:
        handle.get_result(polling_interval_sec=0.01)
    return {"count": count, "began": began, "ended": time.time()}


def idle(count: int) -> dict[str, Any]:
    """Enqueue to first line, with nothing else to do."""
    DBOS.register_queue("idle")
    DBOS.enqueue_workflow("idle", first_line).get_result()
    latencies = []
    for _ in range(count):
        began = time.time()
        latencies.append(DBOS.enqueue_workflow("idle", first_line).get_result(polling_interval_sec=0.01) - began)
    return {"latencies": latencies}


def wake(count: int) -> dict[str, Any]:
    """A client that listens waits for each value."""
    client = DBOSClient(system_database_url=URL, use_listen_notify=True)
    workflow_id = str(uuid.uuid4())
    with SetWorkflowID(workflow_id):
        handle = DBOS.start_workflow(ticks, count)
    latencies = []
    for number in range(count):
        value = client.get_event(workflow_id, f"tick{number}", timeout_seconds=90)
        latencies.append(time.time() - value)
    handle.get_result()
    return {"latencies": latencies}


MEASUREMENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "values": values,
    "steps": steps,
    "flow": flow,
    "idle": idle,
    "wake": wake,
}


def main(name: str, count: str) -> None:
    """Launch, wait, measure."""
    DBOS.launch()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(MEASUREMENTS[name](int(count))), flush=True)
    os._exit(0)  # its threads would hold the process


if __name__ == "__main__":
    main(*sys.argv[1:])
