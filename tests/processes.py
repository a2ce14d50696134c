"""Real processes for tests: a Celery worker and an ASGI server on the test database, and their certain end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connection

from tests.wait import until

ROOT = Path(__file__).resolve().parent.parent


def test_database_url() -> str:
    """DATABASE_URL of the database that the current test uses."""
    settings = connection.settings_dict
    return f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}&port={settings['PORT']}"


class Process:
    """A child with a process group of its own and a log that failures show."""

    def __init__(self, name: str, arguments: list[str], log: Path, **environment: str) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                env={**os.environ, "DATABASE_URL": test_database_url(), "PYTHONUNBUFFERED": "1", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process itself, without its children."""
        return self._process.pid

    def said(self, text: str) -> bool:
        """Whether the log has the text. Fails when the process has ended."""
        assert self._process.poll() is None, f"{self.name} ended:\n{self.log.read_text()[-4000:]}"
        return text in self.log.read_text()

    def terminate(self, within: float = 30.0) -> int:
        """Ask it to stop and wait; returns its exit status."""
        self._process.terminate()
        return self._process.wait(within)

    def kill(self) -> None:
        """SIGKILL to the whole process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


class Worker(Process):
    """`celery -A config worker` with the prefork pool."""

    def __init__(
        self, log: Path, *, concurrency: int = 2, name: str = "w1", queues: str = "", **environment: str
    ) -> None:
        arguments = ["-m", "celery", "-A", "tests.worker_app", "worker", "--loglevel=INFO", "-O", "fair"]
        arguments += [f"--concurrency={concurrency}", "-n", f"{name}-{os.getpid()}@%h", "--without-mingle"]
        arguments += ["-Q", queues] if queues else []
        super().__init__("worker", arguments, log, **environment)
        until(lambda: self.said(" ready."), within=40, what="worker is ready")

    def children(self) -> list[int]:
        """The pids of the pool."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


class Starter(Process):
    """tests/starter.py: starts workflows, as a web process does."""

    def __init__(self, log: Path, **environment: str) -> None:
        super().__init__("starter", ["-m", "tests.starter"], log, **environment)
        until(lambda: self.said("ready"), within=40, what="starter is ready")
        self._count = 0

    def start(self) -> tuple[str, float]:
        """Start `counting`; returns the workflow's id and for how many seconds starting it held its caller up."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        self._count += 1
        started = until(self._started, what=f"workflow {self._count} is started")
        _, workflow_id, seconds = started[-1].split()
        return workflow_id, float(seconds)

    def _started(self) -> list[str]:
        self.said("")
        lines = [line for line in self.log.read_text().split("\n")[:-1] if line.startswith("started ")]
        return lines if len(lines) == self._count else []


class Beat(Process):
    """`celery -A config beat`, which keeps its memory beside its log."""

    def __init__(self, log: Path, **environment: str) -> None:
        arguments = ["-m", "celery", "-A", "tests.worker_app", "beat", "--loglevel=INFO", "-s", f"{log}.memory"]
        super().__init__("beat", arguments, log, **environment)
        until(lambda: self.said("beat: Starting"), within=40, what="beat is ready")


class Server(Process):
    """Daphne on a free port."""

    def __init__(self, log: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        arguments = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "config.asgi:application"]
        super().__init__("server", arguments, log, **environment)
        until(self._answers, within=40, what="server answers")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        self.said("")
        try:
            with urllib.request.urlopen(f"{self.url}/login/", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


def end_all(started: list[Any]) -> None:
    """Kill whatever still runs."""
    for process in started:
        process.kill()
