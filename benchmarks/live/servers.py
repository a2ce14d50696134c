"""The server that is measured: one process, on a core of its own where there is more than one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.sides import running

OURS, BASELINE = "config.asgi:application", "benchmarks.live.baseline_app:application"
SERVERS = {
    "daphne": ["daphne", "-v", "0", "-b", "127.0.0.1", "-p"],
    "uvicorn": ["uvicorn", "--log-level", "warning", "--no-access-log", "--port"],
}
_START_WITHIN = 60.0


class Cores(NamedTuple):
    """Who runs where; one core for both where there is no other."""

    server: set[int]
    others: set[int]

    @staticmethod
    def of_this_machine() -> Cores:
        """The first core for the server, the others for PostgreSQL, the writer and the load generator."""
        first, *others = sorted(os.sched_getaffinity(0))
        return Cores({first}, set(others) or {first})


class Server(NamedTuple):
    """One that serves."""

    pid: int
    port: int

    def cpu(self) -> float:
        """Seconds of CPU so far, of all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kept_waiting(self) -> float:
        """Seconds for which a thread was ready and had no core."""
        found = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(FileNotFoundError):  # it ended meanwhile
                found += int((task / "schedstat").read_text().split()[1])
        return found / 1e9

    def resident(self) -> int:
        """Bytes of memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(name: str, application: str, core: set[int], environment: dict[str, str], log: Path) -> Iterator[Server]:
    """A server of this kind, pinned by `taskset` before its first thread, once it accepts connections."""
    port = _free_port()
    where = ",".join(str(number) for number in sorted(core))
    command = ["taskset", "-c", where, sys.executable, "-m", *SERVERS[name], str(port), application]
    with running(command, environment, log) as process:
        _wait_until_it_accepts(process, port, log)
        yield Server(process.pid, port)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_until_it_accepts(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server does not accept connections: {log.read_text()[-2000:]}")
