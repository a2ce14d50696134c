"""A queue in words: what limits it, who consumes it, and what to do when nobody does."""

from __future__ import annotations

import shlex

from workflows.models import Queue


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
