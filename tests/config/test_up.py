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
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.wait import until


class Up:
    """One `manage.py up` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o711, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
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
        until(lambda: self._alive() and "Ctrl-C stops everything" in self.log.read_text(), within=60)
        found = re.search(r"operator / (\S+)", self.log.read_text())
        assert found
        return found[1]

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return True

    def pids(self, name: str) -> list[int]:
        """Processes of ours whose command line has the name."""
        return [pid for pid, command in _processes(self.home, self.environment).items() if name in command]


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


@pytest.fixture
def up(home: Path) -> Iterator[Up]:
    """Everything running, and nothing left afterwards."""
    running = Up(home / "project")
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)
    for pid in _processes(running.home, running.environment):
        os.kill(pid, signal.SIGKILL)


def test_it_serves_prints_a_password_that_works_and_stops_everything_on_ctrl_c(up: Up) -> None:
    password = up.wait_welcome()
    with urllib.request.urlopen(f"http://localhost:{up.port}/login/") as response:
        assert response.status == 200
    assert all(up.pids(name) for name in ("daphne", "config worker -l", "config beat -l", "postgres"))
    assert (up.home / "operator").stat().st_mode & 0o777 == 0o600
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    until(lambda: not _processes(up.home, up.environment), within=10, what="all processes ended")
    assert "WARNING workflows" not in up.log.read_text()  # its pool children ended because they were told to
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
    until(lambda: not any(up.pids(name) for name in names), within=60, what="all processes ended")
    up.start()
    up.wait_welcome()


def test_a_killed_worker_is_reported_and_started_again(up: Up) -> None:
    up.wait_welcome()
    until(lambda: " ready." in up.log.read_text(), within=40)
    parent = min(up.pids("config worker -l"))
    os.kill(parent, signal.SIGKILL)
    until(lambda: "worker DIED (signal SIGKILL); starting it again" in up.log.read_text())
    until(lambda: up.log.read_text().count(" ready.") >= 2, within=40)


def test_when_the_database_dies_everything_stops_and_says_so(up: Up) -> None:
    up.wait_welcome()
    os.kill(min(up.pids("postgres")), signal.SIGKILL)
    assert up.process.wait(60) == 1
    assert "PostgreSQL ended" in up.log.read_text()
    until(lambda: not _processes(up.home, up.environment), within=10)
