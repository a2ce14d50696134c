"""The worker's side of leases: who I am, that my children live, and that I am stopping.

The parent process renews, not the pool child, whose interpreter lock a step may hold for long. It also notices a killed
child within a fraction of a second, and looks for what other workers left behind. Knows nothing of Celery: `tasks` says
which processes the pool has.
"""

from __future__ import annotations

import mmap
import os
import random
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable

from django.db import close_old_connections, connection

from workflows import recovery, telemetry, workers
from workflows.conf import conf
from workflows.sql import fetch
from workflows.sql.claiming import RENEW
from workflows.workers import Description

# Seconds that the start and the end of a worker wait for a database that does not answer.
_START_PATIENCE, _END_PATIENCE = 10.0, 5.0
_RENEW_TRIES, _RENEW_PAUSE = 20, 0.02  # how often a locked row is tried again, and seconds in between
_WATCH_INTERVAL = 0.2  # seconds between looks at the pool's processes
_DOUBLE = struct.Struct("d")
# Shared with the pool children, which are forked from this process: when the grace of a stopping worker ends, as
# time.monotonic(), which is one clock for all processes of a machine. 0: not stopping.
_stop_at = mmap.mmap(-1, _DOUBLE.size)
# Made in the parent, before it forks; a restarted worker with the same pid is another worker.
_HOST = socket.gethostname()[:100]
_WORKER = f"{_HOST}:{os.getpid()}-{secrets.token_hex(3)}"


def identity(pid: int | None = None) -> str:
    """The name under which a pool process claims workflows: host, worker process, pool process."""
    return f"{_WORKER}/{os.getpid() if pid is None else pid}"


def description(*, name: str, pool: str, concurrency: int) -> Description:
    """This worker, to be called in its parent process. `name` is Celery's."""
    return Description(id=_WORKER, host=_HOST, pid=os.getpid(), name=name, pool=pool, concurrency=concurrency)


def announce_stop() -> None:
    """This worker stops: its workflows may go on for the grace, then hand themselves back."""
    _DOUBLE.pack_into(_stop_at, 0, time.monotonic() + conf().shutdown_grace)


def is_stopping() -> bool:
    """Whether a stopping worker's grace is over."""
    (moment,) = _DOUBLE.unpack_from(_stop_at)
    return bool(moment) and time.monotonic() >= float(moment)


def is_stop_announced() -> bool:
    """Whether the worker takes no new workflows any more."""
    return bool(_DOUBLE.unpack_from(_stop_at)[0])


class Keeper:
    """One thread in the worker's parent process. Without a description it keeps leases, but is not shown to people."""

    def __init__(
        self,
        *,
        living: Callable[[], Iterable[int]],
        queues: Callable[[], list[str]],
        described: Description | None = None,
    ) -> None:
        self._living, self._queues, self._described = living, queues, described
        self._known: set[int] = set()
        self._told: list[str] | None = None  # which queues people, and the children, believe it consumes
        self._said_stopping = False
        self._renew_at = self._recover_at = 0.0  # time.monotonic()
        self._began, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="telltale-leases", daemon=True)

    def start(self) -> None:
        """Keep leases until the process ends; also while it stops, because its children still work.

        Returns once the worker is registered, so that one which says that it is ready is known to others. A database
        that is away holds up no start: the thread goes on asking.
        """
        self._thread.start()
        self._began.wait(_START_PATIENCE)

    def end(self) -> None:
        """Stop keeping leases, because no child lives any more; operators see that the worker stopped."""
        self._ended.set()
        self._thread.join(_END_PATIENCE)
        if self._described is None or self._thread.is_alive():
            return
        try:
            workers.ended(self._described.id, because=workers.STOPPED)
        except Exception as error:  # the database is away: others will find out
            telemetry.keeper_failed(error)
        finally:
            connection.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._look_after()
            except Exception as error:  # the database may be away; the thread must survive it
                telemetry.keeper_failed(error)
                connection.close()
            self._began.set()
            self._ended.wait(_WATCH_INTERVAL)
        connection.close()

    def _look_after(self) -> None:
        now = time.monotonic()
        self._watch_children()
        self._say_when_stopping()
        if self._told != self._queues():
            self._heartbeat()
        self._began.set()
        if now >= self._renew_at:
            self._renew_at = now + (conf().renew_interval if self._renew() else 0)
        if now >= self._recover_at:
            self._recover()
            self._recover_at = now + conf().recovery_interval * random.uniform(0.8, 1.2)  # workers out of step

    def _watch_children(self) -> None:
        living = set(self._living())
        dead = self._known - living
        if dead:
            claimants = [identity(pid) for pid in dead]
            for claimant in claimants:
                if not is_stop_announced():  # then they end because they were told to
                    telemetry.pool_child_died(claimant)
            recovery.release_held_by(claimants)
        self._known = living

    def _renew(self) -> bool:
        """False: a row was locked at every try, as that of a workflow which writes all the time may be."""
        close_old_connections()
        skipped = self._renew_leases()
        for _ in range(_RENEW_TRIES):
            if not skipped:
                break
            self._ended.wait(_RENEW_PAUSE)
            skipped = self._renew_leases()
        self._heartbeat()
        return not skipped

    def _heartbeat(self) -> None:
        queues = self._queues()
        if self._described is not None and not workers.heartbeat(self._described.id, queues):
            workers.register(self._described, queues)
        self._told = queues

    def _renew_leases(self) -> int:
        """How many leases were not renewed because something holds their rows just now."""
        lease, interval = conf().lease_seconds, conf().renew_interval
        which = {"workers": [identity(pid) for pid in self._known], "fresh": f"{lease - interval / 2} seconds"}
        return int(fetch(RENEW, {**which, "lease": f"{lease} seconds"})[0][0])

    def _say_when_stopping(self) -> None:
        if self._described is not None and is_stop_announced() and not self._said_stopping:
            workers.stopping(self._described.id)
            self._said_stopping = True

    def _recover(self) -> None:
        workers.bury(except_for=_WORKER)
        recovery.release_expired()
        recovery.cancel_overdue()
        recovery.deliver_wakeups()
        recovery.fold_counts()
        if not is_stop_announced():
            idle = len(self._known) - recovery.held_by([identity(pid) for pid in self._known])
            if idle > 0:
                recovery.redispatch(self._queues(), limit=idle)
