"""DBOS's side of a measurement, run by the environment that has DBOS: ready, "go", measure, JSON.

usage: python benchmarks/dbos_side.py NAME COUNT   (DBOS_URL in the environment)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
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
def ticks(count: int) -> list[float]:
    """Publish under one key after another; the moments at which each publish had returned."""
    moments = []
    for number in range(count):
        time.sleep(0.03)
        DBOS.set_event(f"tick{number}", number)
        moments.append(time.time())
    return moments


@DBOS.workflow()  # type: ignore[untyped-decorator]
def last_word() -> None:
    """Publish the moment and be killed."""
    time.sleep(1.0)  # until the reader waits
    DBOS.set_event("last", time.time())
    os.kill(os.getpid(), signal.SIGKILL)


def flow(count: int) -> dict[str, Any]:
    """Enqueue many workflows without work and wait for all, in one process that also executes them."""
    DBOS.register_queue("flow")
    DBOS.enqueue_workflow("flow", noop).get_result()
    began = time.time()
    handles = [DBOS.enqueue_workflow("flow", noop) for _ in range(count)]
    for handle in handles:
        handle.get_result(polling_interval_sec=0.01)
    return {"count": count, "began": began, "ended": time.time()}


def client_flow(count: int) -> dict[str, Any]:
    """Enqueue from a client and wait for all; processes of the role `serve` execute them."""
    client = DBOSClient(system_database_url=URL)
    options = {"queue_name": "served", "workflow_name": "noop", "app_version": "1"}
    client.enqueue(options).get_result()
    database = psycopg.connect(URL.replace("+psycopg", ""), autocommit=True)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    for _ in range(count):
        client.enqueue(options)
    unfinished = "SELECT 1 FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING') AND queue_name = 'served'"
    while database.execute(unfinished + " LIMIT 1").fetchone():
        time.sleep(0.01)
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
    """A client that listens waits for each value; another process publishes."""
    client = DBOSClient(system_database_url=URL, use_listen_notify=True)
    workflow_id = str(uuid.uuid4())
    setter = _elsewhere("ticks", workflow_id, str(count))
    returned = []
    for number in range(count):
        client.get_event(workflow_id, f"tick{number}", timeout_seconds=90)
        returned.append(time.time())
    setter.wait(60)
    moments = client.retrieve_workflow(workflow_id).get_result()
    return {"latencies": [max(0.0, back - moment) for back, moment in zip(returned, moments, strict=True)]}


def killed(_count: int) -> dict[str, Any]:
    """As `wake`, but the publisher is killed as soon as its publish has returned. Once: it takes a minute."""
    client = DBOSClient(system_database_url=URL, use_listen_notify=True)
    workflow_id = str(uuid.uuid4())
    setter = _elsewhere("last_word", workflow_id)
    published = client.get_event(workflow_id, "last", timeout_seconds=150)
    latency = time.time() - published
    setter.wait(30)
    return {"latencies": [latency]}


def _elsewhere(name: str, workflow_id: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, "execute", name, workflow_id, *arguments])


def execute(name: str, workflow_id: str, *arguments: str) -> None:
    """Run one workflow in this process."""
    DBOS.launch()
    with SetWorkflowID(workflow_id):
        {"ticks": ticks, "last_word": last_word}[name](*(int(argument) for argument in arguments))
    time.sleep(0.5)  # until its notifications have left
    os._exit(0)


def serve() -> None:
    """Execute what clients enqueue, until terminated."""
    DBOS.launch()
    DBOS.register_queue("served")
    print("serving", flush=True)
    signal.pause()


MEASUREMENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "values": values,
    "steps": steps,
    "flow": flow,
    "idle": idle,
    "wake": wake,
    "killed": killed,
}


def main(name: str, *arguments: str) -> None:
    """Launch, wait, measure."""
    if name == "execute":
        execute(*arguments)
    if name == "serve":
        serve()
    count = arguments[0]
    if name == "client_flow":  # launches nothing: it must not execute what it enqueues
        print(json.dumps(client_flow(int(count))), flush=True)
        os._exit(0)
    DBOS.launch()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(MEASUREMENTS[name](int(count))), flush=True)
    os._exit(0)  # its threads would hold the process


if __name__ == "__main__":
    main(*sys.argv[1:])
