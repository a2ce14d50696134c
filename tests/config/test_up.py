"""`manage.py up`, as `make run` runs it: real processes, stopped and killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes import ROOT, START_PATIENCE
from tests.wait import PATIENCE, until


class Up:
    """One `manage.py up` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o711, exist_ok=True)
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start it, as often as one likes."""
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment.update(TELLTALE_HOME=str(self.home), PORT=str(self.port), PYTHONUNBUFFERED="1")
        self.environment = environment
        self.log = self.home.parent / "up.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--concurrency=1", "--no-demo"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_welcome(self) -> str:
        """Wait for the closing block; returns the password it prints."""
        until(lambda: self._alive() and "Ctrl-C stops everything" in self.text(), within=START_PATIENCE)
        found = re.search(r"operator / (\S+)", self.text())
        assert found
        return found[1]

    def text(self) -> str:
        """What it said so far; the last character may be there in part."""
        return self.log.read_text(errors="replace")

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.text()
        return True

    def end(self, number: int) -> int:
        """Send it a signal and wait for its end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(START_PATIENCE)

    def pids(self, name: str) -> list[int]:
        """Processes of ours whose command line has the name."""
        return [pid for pid, command in _processes(self.home, self.environment).items() if name in command]

    def parent(self, name: str) -> int:
        """The one of them that started the others."""
        pids = until(lambda: self.pids(name), what=f"{name} runs")
        return next(pid for pid in pids if _parent(pid) not in pids)


def _processes(home: Path, environment: dict[str, str]) -> dict[int, str]:
    """Processes that belong to this home: by their environment, and PostgreSQL by its data directory."""
    found = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                ours = f"TELLTALE_HOME={home}".encode() in (directory / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if ours and command.strip():
                found[int(directory.name)] = command
    return found


def _parent(pid: int) -> int:
    """The pid of its parent; 0 when it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


@pytest.fixture
def up(home: Path) -> Iterator[Up]:
    """Everything running, and nothing left afterwards."""
    running = Up(home / "project")
    yield running
    if running.process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            running.end(signal.SIGINT)
    for pid in _processes(running.home, running.environment):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_it_serves_prints_a_password_that_works_and_stops_everything_on_ctrl_c(up: Up) -> None:
    password = up.wait_welcome()
    with urllib.request.urlopen(f"http://localhost:{up.port}/login/", timeout=PATIENCE) as response:
        assert response.status == 200
    names = ("daphne", "config worker -l", "config beat -l", "postgres")
    until(lambda: all(up.pids(name) for name in names), what="all processes are what they shall be")
    assert (up.home / "operator").stat().st_mode & 0o777 == 0o600
    assert up.end(signal.SIGINT) == 0
    until(lambda: not _processes(up.home, up.environment), what="all processes ended")
    assert "WARNING workflows" not in up.text()  # its pool children ended because they were told to
    up.start()
    assert up.wait_welcome() == password


def test_a_second_start_says_that_one_is_up_and_where(up: Up) -> None:
    up.wait_welcome()
    second = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=up.environment, capture_output=True, text=True, check=False
    )
    assert second.returncode != 0
    assert f"Telltale is up already: http://localhost:{up.port}/" in second.stderr


def test_a_port_that_somebody_else_uses_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, "manage.py", "up"], cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "TELLTALE_HOME": str(tmp_path), "PORT": str(port)},
        )  # fmt: skip
    assert refused.returncode != 0
    assert f"Nothing can listen on port {port}: Address already in use." in refused.stderr
    assert "PORT=8000 make run" in refused.stderr
    assert not (tmp_path / "postgres").exists()


def test_after_kill_9_nothing_is_left_behind_and_the_next_start_works(up: Up) -> None:
    up.wait_welcome()
    up.process.kill()
    up.process.wait()
    names = ("daphne", "config worker -l", "config beat -l", "postgres")
    until(lambda: not any(up.pids(name) for name in names), what="all processes ended")
    up.start()
    up.wait_welcome()


def test_a_killed_worker_is_reported_and_started_again(up: Up) -> None:
    up.wait_welcome()
    until(lambda: " ready." in up.text(), within=START_PATIENCE)
    os.kill(up.parent("config worker -l"), signal.SIGKILL)
    until(lambda: "worker DIED (signal SIGKILL); starting it again" in up.text())
    until(lambda: up.text().count(" ready.") >= 2, within=START_PATIENCE)


def test_when_the_database_dies_everything_stops_and_says_so(up: Up) -> None:
    up.wait_welcome()
    os.kill(up.parent("postgres"), signal.SIGKILL)
    assert up.process.wait(START_PATIENCE) == 1
    assert "PostgreSQL ended" in up.text()
    until(lambda: not _processes(up.home, up.environment), what="all processes ended")
