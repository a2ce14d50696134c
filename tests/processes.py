"""Real processes for tests: a Celery worker and an ASGI server on the test database, and their certain end."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connection

from tests.ports import free_port
from tests.wait import PATIENCE, until

START_PATIENCE = 2 * PATIENCE  # seconds until a process has imported everything and answers
_CHILD = "telltale-test"  # how the database's sessions of our processes are called

ROOT = Path(__file__).resolve().parent.parent


def test_database_url() -> str:
    """DATABASE_URL of the database that the current test uses."""
    settings = connection.settings_dict
    return f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}&port={settings['PORT']}"


def database_connections() -> int:
    """How many there are to the test database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def process_environment() -> dict[str, str]:
    """Of a process on the test database."""
    return {**os.environ, "DATABASE_URL": test_database_url(), "PYTHONUNBUFFERED": "1", "PGAPPNAME": _CHILD}


class Process:
    """A child with a process group of its own and a log that failures show."""

    def __init__(self, name: str, arguments: list[str], log: Path, **environment: str) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                env={**process_environment(), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process itself, without its children."""
        return self._process.pid

    def text(self) -> str:
        """Its log so far; the last character may be there in part."""
        return self.log.read_text(errors="replace")

    def said(self, text: str) -> bool:
        """Whether the log has the text. Fails when the process has ended."""
        assert self._process.poll() is None, f"{self.name} ended:\n{self.text()[-4000:]}"
        return text in self.text()

    def begin(self, is_ready: Callable[[], bool]) -> None:
        """Wait until it is ready. One that does not come is killed, so that nothing of it stays behind."""
        try:
            until(is_ready, within=START_PATIENCE, what=f"{self.name} is ready")
        except BaseException as error:
            self.kill()
            error.add_note(self.text()[-4000:])
            raise

    def terminate(self, within: float = PATIENCE) -> int:
        """Ask it to stop and wait; returns its exit status."""
        self._process.terminate()
        return self._process.wait(within)

    def signal(self, number: int) -> None:
        """Send it a signal and wait for its end."""
        self._process.send_signal(number)
        self._process.wait(PATIENCE)

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
        self.begin(lambda: self.said(" ready."))

    def children(self) -> list[int]:
        """The pids of the pool."""
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(OSError):  # a thread that has ended
                found += map(int, (task / "children").read_text().split())
        return found


class Starter(Process):
    """tests/starter.py: starts workflows, as a web process does."""

    def __init__(self, log: Path, **environment: str) -> None:
        super().__init__("starter", ["-m", "tests.starter"], log, **environment)
        self.begin(lambda: self.said("ready"))
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
        lines = [line for line in self.text().split("\n")[:-1] if line.startswith("started ")]
        return lines if len(lines) == self._count else []


class Beat(Process):
    """`celery -A config beat`, which keeps its memory beside its log."""

    def __init__(self, log: Path, **environment: str) -> None:
        arguments = ["-m", "celery", "-A", "tests.worker_app", "beat", "--loglevel=INFO", "-s", f"{log}.memory"]
        super().__init__("beat", arguments, log, **environment)
        self.begin(lambda: self.said("beat: Starting"))


class Server(Process):
    """Daphne on a free port, or uvicorn."""

    def __init__(
        self, log: Path, *, application: str, kind: str = "daphne", port: int | None = None, **environment: str
    ) -> None:
        self.port = port or free_port()
        options = {
            "daphne": ["-b", "127.0.0.1", "-p", str(self.port)],
            "uvicorn": ["--host", "127.0.0.1", "--port", str(self.port), "--lifespan", "off"],
        }
        super().__init__("server", ["-m", kind, *options[kind], application], log, **environment)
        self.begin(self._answers)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        self.said("")
        try:
            asked = urllib.request.Request(f"{self.url}/login/", headers={"X-Forwarded-Proto": "https"})
            with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
                return bool(response.status == 200)
        except (OSError, http.client.HTTPException):
            return False


_ENVIRONMENT = {"COLUMNS": "100", "LINES": "30"}


def _mind_interrupts() -> None:
    """A suite that a script starts in the background (`&`) runs with SIGINT ignored, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Shell:
    """`manage.py workflow` in a process of its own, on the test database, with the definitions of the tests."""

    def __init__(self, *words: str, environment: Mapping[str, str] = {}, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from tests.worker_app import app; "
             "from django.core.management import execute_from_command_line as go; go(sys.argv)", "workflow", *words],
            cwd=ROOT,
            env={**os.environ, **_ENVIRONMENT, "DATABASE_URL": test_database_url(), **environment},
            preexec_fn=_mind_interrupts, **options,
        )  # fmt: skip

    def end(self) -> tuple[int, str]:
        """Exit code and output."""
        output, _ = self.process.communicate(timeout=START_PATIENCE)
        return self.process.returncode, output


def end_all(started: list[Any]) -> None:
    """Kill whatever still runs, and end what the database still does for it: the tables are emptied next."""
    for process in started:
        process.kill()
    connection.close_if_unusable_or_obsolete()
    until(_have_no_sessions, what="the sessions of killed processes have ended")


def sessions() -> set[int]:
    """The database server's processes for the connections of the processes that tests started."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s", [_CHILD]
        )
        return {pid for (pid,) in cursor.fetchall()}


def empty_queue() -> int:
    """This will delete all messages of the queue `default`, in the database; returns how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgmq.q_default')")
        if cursor.fetchone() == (None,):
            return 0
        cursor.execute("DELETE FROM pgmq.q_default")
        return int(cursor.rowcount)


def _have_no_sessions() -> bool:
    with connection.cursor() as cursor:
        for pid in sessions():
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    return not sessions()
