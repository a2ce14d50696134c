"""Celery alone on Redis: tasks without work that only count. Knows nothing of workflows.

Run as a worker by `celery -A benchmarks.bare_app`; as a program it is a side of a measurement, as `ours_side`.
"""

from __future__ import annotations

import json
import os
import sys
import time

import redis
from celery import Celery

URL = os.environ["BENCHMARK_REDIS"]
app = Celery("bare", broker=URL)
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True)
_counter = redis.Redis.from_url(URL)


@app.task(name="bare")
def bare() -> None:
    """Count where the message came from."""
    _counter.incr("done")


def main(count: int) -> None:
    """Send so many and wait until all were run."""
    bare.delay()
    while not int(_counter.get("done") or 0):
        time.sleep(0.01)
    print("ready", flush=True)
    sys.stdin.readline()
    _counter.set("done", 0)
    began = time.time()
    for _ in range(count):
        bare.delay()
    while int(_counter.get("done") or 0) < count:
        time.sleep(0.005)
    print(json.dumps({"count": count, "began": began, "ended": time.time()}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
