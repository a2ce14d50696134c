"""Celery's prefork pool, with locks that a killed child does not take along.

Without an event loop in the transport (PGMQ has none) all children take their work from one pipe, and whoever waits for
it holds a semaphore. The kernel frees no semaphore: after a SIGKILL of an idle child, be it by the OOM killer, no child
would ever get work again, and the worker would be deaf while it seems to live. A record lock ends with its process.
"""

from __future__ import annotations

import fcntl
import tempfile
from typing import Any

from billiard.pool import Pool
from celery.concurrency import prefork


class Lock:
    """Held by one process of those that were forked from the one that made it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the pool

    def acquire(self, *_: Any) -> bool:
        """Wait for it, however long."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        """Let the next one have it."""
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class BlockingPool(Pool):
    """The pool for transports without an event loop; the other one has a pipe for each child and needs no locks."""

    _inqueue: Any
    _outqueue: Any

    def _setup_queues(self) -> None:
        super()._setup_queues()  # type: ignore[misc]  # mixed in by billiard
        for queue in (self._inqueue, self._outqueue):
            queue._rlock, queue._wlock = Lock(), Lock()


def install() -> None:
    """Have workers use it; called before their pool is made."""
    prefork.TaskPool.BlockingPool = BlockingPool
