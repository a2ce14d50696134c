"""The world of a storm: its own PostgreSQL with the broker in it, workers, beat, and a supervisor that restarts them.

Everything is started from the main thread (a child's parent-death signal follows the thread), and everything ends with
`end`. Knows nothing of Django: its settings are read only once the database is there.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from config.postgres import DATABASE, USER, Postgres, PostgresError
from config.supervisor import die_with_parent
from tests.chaos.clock import Clock
from tests.chaos.disk import SmallDisk
from tests.chaos.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
LEASE = 3.0  # seconds
CRASH_LIMIT = 6
# The faults' own connections: nothing that a fault did may hold up its undoing.
_OPTIONS = (
    "-c default_transaction_read_only=off -c synchronous_commit=local -c lock_timeout=3s -c statement_timeout=10s "
    "-c idle_in_transaction_session_timeout=0"
)
_CELERY = ["celery", "-A", "tests.chaos.app"]
_STOP_WITHIN = 90.0  # seconds that a worker may take after SIGTERM
_TUNABLES = {
    "WORKFLOWS_LEASE_SECONDS": str(LEASE), "WORKFLOWS_RENEW_INTERVAL": "0.75", "WORKFLOWS_DRAIN_SECONDS": "3.0",
    "WORKFLOWS_CRASH_LIMIT": str(CRASH_LIMIT), "WORKFLOWS_CRASH_BACKOFF": "0.2", "WORKFLOWS_SHUTDOWN_GRACE": "2.0",
}  # fmt: skip


class Supervised:
    """A process group that is started again when it dies."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.name, self._arguments, self._environment, self.log = name, arguments, environment, log
        self.process: subprocess.Popen[bytes] | None = None
        self.restart_at: float | None = None
        self.stop_by: float | None = None
        self.exits: Counter[str] = Counter()

    def start(self) -> None:
        """Start it in a group of its own."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=die_with_parent(signal.SIGKILL),
            )  # fmt: skip
        self.restart_at = self.stop_by = None

    @property
    def pid(self) -> int:
        """The process, without its children."""
        assert self.process is not None
        return self.process.pid

    def children(self) -> list[int]:
        """The pids of the pool."""
        with suppress(OSError):
            tasks = Path(f"/proc/{self.pid}/task").iterdir()
            return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        return []

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to it, or to its whole group; nothing happens when it is gone."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)
        if number == signal.SIGTERM:
            self.stop_by = time.monotonic() + _STOP_WITHIN

    def tend(self, chance: random.Random) -> str | None:
        """Start it again if it died, a little later, as supervisors do. Returns a complaint."""
        assert self.process is not None
        status = self.process.poll()
        now = time.monotonic()
        if status is None:
            if self.stop_by is None or now < self.stop_by:
                return None
            self.signal(signal.SIGKILL, group=True)
            self.stop_by = None
            return f"{self.name} did not stop within {_STOP_WITHIN:g} s of SIGTERM"
        if self.restart_at is None:
            self.exits[signal.Signals(-status).name if status < 0 else f"status {status}"] += 1
            self.restart_at = now + chance.uniform(0.2, 3.0)  # orphans of a killed parent live that long
        elif now >= self.restart_at:
            self.signal(signal.SIGKILL, group=True)
            self.start()
        return None

    def end(self) -> None:
        """SIGKILL to the whole group, also to what a dead parent left in it."""
        if self.process is not None:
            self.signal(signal.SIGKILL, group=True)
            self.process.wait()


class World:
    """One storm's processes. Use `start`, `pause` in between, and `end` in any case."""

    def __init__(self, home: Path, chance: random.Random, disk: SmallDisk | None) -> None:
        self.home, self.chance, self.disk = home, chance, disk
        self.postgres = Postgres(home)
        self.bodies = home / "bodies"
        self.clock = Clock(home)
        self.proxies: list[Proxy] = []
        self.workers: list[Supervised] = []
        self.beat: Supervised | None = None
        self.complaints: list[str] = []
        self._log = (home / "postgres.log").open("ab")

    def start_database(self) -> None:
        """Start PostgreSQL; again and again while what was killed is not gone altogether."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.postgres.start(log=self._log)
                return
            except PostgresError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)  # between two tries to connect

    def stop_database(self, number: int) -> None:
        """Send the postmaster a signal (SIGINT: fast, SIGQUIT: immediate) and wait for its end.

        PostgreSQL 18 may hang in a fast stop that comes while it recovers from a crash; then it is stopped at once.
        """
        for signal_number in (number, signal.SIGQUIT, signal.SIGKILL):
            pid, deadline = self.postgres.pid, time.monotonic() + 10
            if pid is not None:
                os.kill(pid, signal_number)
            while self.postgres.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)  # PostgreSQL says nothing while it stops

    def environment(self, socket: Path | None = None) -> dict[str, str]:
        """Of every process of this world; `socket`: where its database is, if behind a proxy."""
        url = f"postgresql://{USER}@/{DATABASE}?host={socket or self.postgres.socket}&port=5432"
        return {
            **os.environ, **_TUNABLES, "DATABASE_URL": url, "TELLTALE_HOME": str(self.home), "SECRET_KEY": "a storm's",
            "DJANGO_SETTINGS_MODULE": "config.settings", "CHAOS_BODIES": str(self.bodies), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def start_workers(self, queues: list[list[str]]) -> None:
        """One worker for each list of queues, and beat. Every other one behind a wire, the last with a fake clock."""
        for number, names in enumerate(queues):
            socket = None
            if number % 2:
                proxy = Proxy(self.home / f"wire-{number}", self.postgres.socket, self.chance)
                self.proxies.append(proxy)
                socket = proxy.directory
            environment = self.environment(socket)
            if number == len(queues) - 1:
                environment.update(self.clock.environment())
            name = f"w{number}"
            arguments = ["worker", "--loglevel=INFO", "-O", "fair", "-c", "2", "-n", f"{name}@%h", "--without-mingle"]
            arguments += ["-Q", ",".join([*names, f"only-{name}"])]
            self.workers.append(Supervised(name, [*_CELERY, *arguments], environment, self.home / f"{name}.log"))
        beat = [*_CELERY, "beat", "--loglevel=INFO"]
        self.beat = Supervised("beat", beat, self.environment(), self.home / "beat.log")
        for process in self.processes():
            process.start()

    def processes(self) -> list[Supervised]:
        """Workers and beat."""
        return [*self.workers, *([self.beat] if self.beat else [])]

    def pause(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, until `done`, and restart what dies meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            for process in self.processes():
                complaint = process.tend(self.chance)
                if complaint:
                    self.complaints.append(complaint)
            if done() or time.monotonic() >= deadline:
                return
            time.sleep(0.05)  # between two looks at the processes

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection past all proxies, able to write. Raises psycopg.OperationalError while the database is away."""
        return psycopg.connect(self.environment()["DATABASE_URL"], autocommit=True, options=_OPTIONS)

    def ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement. Raises psycopg.Error."""
        with self.connect() as connection:
            cursor = connection.execute(statement, parameters or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def end(self) -> None:
        """Kill everything that still runs."""
        time.sleep(0.5)  # for what was asked to write its stacks
        for process in self.processes():
            process.end()
        self.postgres.stop(timeout=10)
        self._log.close()
