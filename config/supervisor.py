"""One foreground process that runs the others: prefixes their logs, restarts none silently, stops all of them.

Children die with it even on `kill -9` where the system can do that (Linux). Knows processes, not what they are for.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1  # prctl(2)
_QUICK, _MOST_QUICK_DEATHS = 10.0, 4
_COLOURS = ("36", "33", "35", "32", "34")


class AlreadyRunning(RuntimeError):
    """Another supervisor holds the lock; the message says where it is."""


class Lock:
    """Held by the one supervisor of a project; tells the next one where to find it. A dead holder leaves it free."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            raise AlreadyRunning(self._file.read().strip() or "it is just starting") from None
        self.tell("it is just starting")

    def tell(self, text: str) -> None:
        """What a second start should say of this one."""
        self._file.truncate(0)
        self._file.write(text)
        self._file.flush()


@dataclass
class Service:
    """One child: its command, and how long it may take to stop after SIGTERM."""

    name: str
    command: Sequence[str]
    stop_within: float = 10.0
    deaths: list[float] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    restart_at: float = 0.0


class Supervisor:
    """Runs services until one cannot be kept alive or a signal asks to stop."""

    def __init__(self, services: Sequence[Service], *, watch: Callable[[], str | None]) -> None:
        """`watch` returns a complaint when something outside the services has died (the database)."""
        self._services, self._watch = services, watch
        self._stop = threading.Event()
        self._width = max(len(service.name) for service in services)
        self._printing = threading.Lock()

    def run(self) -> int:
        """Run until stopped; returns the exit status: 0 asked to stop, 1 something could not be kept alive."""
        previous = [signal.signal(number, lambda *_: self._stop.set()) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            for service in self._services:
                self._start(service)
            return self._supervise()
        finally:
            self.stop_all()
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), previous, strict=True):
                signal.signal(number, handler)

    def _supervise(self) -> int:
        while not self._stop.wait(0.2):
            complaint = self._watch()
            if complaint:
                self.say("up", complaint)
                return 1
            for service in self._services:
                if not self._keep_alive(service):
                    return 1
        self.say("up", "stopping")
        return 0

    def _keep_alive(self, service: Service) -> bool:
        now = time.monotonic()
        if service.process is None:
            if now >= service.restart_at:
                self._start(service)
            return True
        status = service.process.poll()
        if status is None:
            return True
        service.process = None
        service.deaths = [death for death in service.deaths if now - death < _QUICK * _MOST_QUICK_DEATHS] + [now]
        if len(service.deaths) >= _MOST_QUICK_DEATHS:
            self.say(
                "up",
                f"{service.name} died {len(service.deaths)} times in a short while ({_described(status)}); giving up",
            )
            return False
        wait = 0.5 * 2 ** (len(service.deaths) - 1)
        service.restart_at = now + wait
        self.say("up", f"{service.name} DIED ({_described(status)}); starting it again in {wait:g} s")
        return True

    def _start(self, service: Service) -> None:
        service.process = subprocess.Popen(
            service.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", bufsize=1, start_new_session=True, preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  calls prctl only, which takes no lock
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        arguments = (service.name, service.process.stdout)
        threading.Thread(target=self._copy, args=arguments, name=f"log-{service.name}", daemon=True).start()

    def _copy(self, name: str, output: IO[str] | None) -> None:
        for line in output or ():
            self.say(name, line.rstrip("\n"))

    def say(self, name: str, line: str) -> None:
        """Print a line with its process's name before it."""
        names = [service.name for service in self._services]
        prefix = f"{name:<{self._width}} |"
        if sys.stdout.isatty():
            colour = _COLOURS[names.index(name) % len(_COLOURS)] if name in names else "1"
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        with self._printing:
            print(prefix, line, flush=True)  # noqa: T201  this is the console

    def stop_all(self) -> None:
        """SIGTERM in the order of the list, each with its time, then SIGKILL to what is left of it."""
        for service in self._services:
            if service.process is not None and service.process.poll() is None:
                service.process.terminate()
        deadline = time.monotonic()
        for service in self._services:
            if service.process is None:
                continue
            try:
                service.process.wait(max(0.1, deadline + service.stop_within - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say("up", f"{service.name} did not stop in {service.stop_within:g} s; killing it")
            _kill_group(service.process.pid)
            service.process.wait()
            service.process = None


def _described(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def die_with_parent(number: int) -> Callable[[], None] | None:
    """A child asks Linux for a signal at its parent's death: `kill -9` of the supervisor leaves nobody behind."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return ask
