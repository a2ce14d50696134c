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
from dbos import DBOS, DBOSClient, SetEnqueueOptions, SetWorkflowID  # type: ignore[import-not-found]

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


@DBOS.workflow()  # type: ignore[untyped-decorator]
def inbox(count: int) -> None:
    """Receive so many messages, one after another."""
    for _ in range(count):
        DBOS.recv("in")


@DBOS.workflow()  # type: ignore[untyped-decorator]
def slept(seconds: float) -> float:
    """Wait so long; the moment at which the next line runs."""
    DBOS.sleep(seconds)
    return time.time()


@DBOS.workflow()  # type: ignore[untyped-decorator]
def told() -> float:
    """Wait for a message that says when it was sent; how long that is ago at the next line."""
    sent: float = DBOS.recv("in")
    return time.time() - sent


@DBOS.workflow()  # type: ignore[untyped-decorator]
def setter(pause: float) -> None:
    """Wait and publish the moment."""
    DBOS.sleep(pause)
    DBOS.set_event("moment", time.time())


@DBOS.workflow()  # type: ignore[untyped-decorator]
def reader(setter_id: str) -> float:
    """Wait for another workflow's value; how old it is at the next line."""
    moment: float = DBOS.get_event(setter_id, "moment")
    return time.time() - moment


@DBOS.workflow()  # type: ignore[untyped-decorator]
def parent(pause: float) -> float:
    """Wait for a child's end; how long that is ago at the next line."""
    ended: float = DBOS.start_workflow(slept, pause).get_result()
    return time.time() - ended


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


def _rated(count: int, began: float) -> dict[str, Any]:
    return {"count": count, "began": began, "ended": time.time()}


def flood(count: int) -> dict[str, Any]:
    """So many messages to one workflow that receives all the time."""
    handle = DBOS.start_workflow(inbox, count)
    began = time.time()
    for number in range(count):
        DBOS.send(handle.workflow_id, number, "in")
    handle.get_result(polling_interval_sec=0.01)
    return _rated(count, began)


def suspended(count: int) -> dict[str, Any]:
    """One message to each of so many workflows that wait, until all have ended."""
    handles = [DBOS.start_workflow(told) for _ in range(count)]
    time.sleep(3)
    began = time.time()
    for handle in handles:
        DBOS.send(handle.workflow_id, time.time(), "in")
    for handle in handles:
        handle.get_result(polling_interval_sec=0.01)
    return _rated(count, began)


def sleepers(count: int) -> dict[str, Any]:
    """So many workflows that wait two seconds each, at once."""
    began = time.time()
    for handle in [DBOS.start_workflow(slept, 2.0) for _ in range(count)]:
        handle.get_result(polling_interval_sec=0.01)
    return _rated(count, began)


_PAUSE, _APART = 1.6, 0.1  # seconds, as on our side


def wake_time(count: int) -> dict[str, Any]:
    """From the end of a durable wait to the next line; the wait begins when the workflow is started."""
    begins = []

    def start() -> Any:
        begins.append(time.time())
        return DBOS.start_workflow(slept, _PAUSE)

    ends = _staggered(count, start)
    return {"latencies": [end - begin - _PAUSE for begin, end in zip(begins, ends, strict=True)]}


def wake_message(count: int) -> dict[str, Any]:
    """From before a message is sent to the line that has it."""

    def after(handles: list[Any]) -> None:
        time.sleep(1)
        for handle in handles:
            time.sleep(_APART)
            DBOS.send(handle.workflow_id, time.time(), "in")

    return {"latencies": _staggered(count, lambda: DBOS.start_workflow(told), after)}


def wake_value(count: int) -> dict[str, Any]:
    """From before another workflow sets a value to the line that has it."""
    return {
        "latencies": _staggered(
            count, lambda: DBOS.start_workflow(reader, DBOS.start_workflow(setter, _PAUSE).workflow_id)
        )
    }


def wake_child(count: int) -> dict[str, Any]:
    """From a child's last line to its parent's next one."""
    return {"latencies": _staggered(count, lambda: DBOS.start_workflow(parent, _PAUSE))}


def _staggered(
    count: int, start: Callable[[], Any], after: Callable[[list[Any]], None] = lambda _handles: None
) -> list[float]:
    handles = []
    for _ in range(count):
        handles.append(start())
        time.sleep(_APART)
    after(handles)
    return [float(handle.get_result(polling_interval_sec=0.05)) for handle in handles]


def queue_four(count: int) -> dict[str, Any]:
    """Through a queue that lets four run at once."""
    return _through("four", count, {"global_concurrency": 4})


def queue_rated(count: int) -> dict[str, Any]:
    """Through one with a rate limit."""
    return _through("rated", count, {"limiter": {"limit": 50, "period": 1.0}})


def queue_keyed(count: int) -> dict[str, Any]:
    """Through one that lets one run at once of each of a hundred keys."""
    return _through("keyed", count, {"partition_concurrency": 1}, keys=100)


def _through(queue: str, count: int, limits: dict[str, Any], keys: int = 0) -> dict[str, Any]:
    DBOS.register_queue(queue, **limits)
    time.sleep(1.5)
    began = time.time()
    handles = []
    for number in range(count):
        if keys:
            with SetEnqueueOptions(queue_partition_key=f"k{number % keys}"):
                handles.append(DBOS.enqueue_workflow(queue, noop))
        else:
            handles.append(DBOS.enqueue_workflow(queue, noop))
    for handle in handles:
        handle.get_result(polling_interval_sec=0.01)
    return _rated(count, began)


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
    "flood": flood,
    "suspended": suspended,
    "sleepers": sleepers,
    "wake_time": wake_time,
    "wake_message": wake_message,
    "wake_value": wake_value,
    "wake_child": wake_child,
    "queue_four": queue_four,
    "queue_rated": queue_rated,
    "queue_keyed": queue_keyed,
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
