"""A queue in words: what limits it, who consumes it, and what to do when nobody does."""

from __future__ import annotations

import shlex
from datetime import timedelta

from dashboard.presenters.charts import STACK, Bars, Lines, Series, bars, lines
from dashboard.trends import QueuePast
from workflows.models import Queue
from workflows.states import Status


def limits(queue: Queue | None) -> list[str]:
    """Each limit as a few words; nothing for none."""
    if queue is None:
        return []
    counts = [
        (queue.concurrency, "running at once"),
        (queue.worker_concurrency, "on each worker"),
        (queue.partition_concurrency, "of each partition"),
    ]
    words = [f"{count} {what}" for count, what in counts if count is not None]
    if queue.rate_limit is not None:
        words.append(f"{queue.rate_limit} started per {queue.rate_period:g} s")
    return words


def consumers(count: int) -> str:
    """How many workers take from it."""
    return "nobody" if count == 0 else "1 worker" if count == 1 else f"{count} workers"


def command(name: str) -> str:
    """How a worker for this queue is started."""
    return f"celery -A config worker -Q {shlex.quote(name)}"


def throughput(past: QueuePast) -> Bars:
    """What ended of it in each stretch."""
    return bars(past.begins, {status.value: past.ended[status] for status in STACK})


def depth(past: QueuePast) -> Lines | None:
    """How many were queued and running at the end of each stretch; None: nothing is known of it yet."""
    shown = [Series(status.value, status.value, past.levels[status]) for status in (Status.QUEUED, Status.RUNNING)]
    if all(number is None for one in shown for number in one.numbers):
        return None
    return lines(past.begins, shown, "count", past.begins[-1])


def oldest(past: QueuePast) -> Lines | None:
    """How old the oldest queued one was, at most, in each stretch; None: nothing is known of it yet."""
    if all(age is None for age in past.oldest):
        return None
    ages = [None if age is None else age // timedelta(milliseconds=1) for age in past.oldest]
    return lines(past.begins, [Series("oldest", Status.QUEUED.value, ages)], "ms", past.begins[-1])
