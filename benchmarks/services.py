"""What the benchmarks run beside themselves: an embedded PostgreSQL with fsync, and a Redis where there is one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.sides import ROOT, running
from config.postgres import Postgres

REDIS_PORT = 6391


@contextmanager
def database() -> Iterator[tuple[Path, dict[str, str]]]:
    """A directory that is removed in the end, and the environment of a migrated database in it.

    From here on a SIGTERM unwinds as Ctrl-C does, so that nothing is left behind.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    home = Path(tempfile.mkdtemp(prefix="telltale-bench-"))
    home.chmod(0o711)
    server = Postgres(home)
    with (home / "postgres.log").open("wb") as log:
        server.start(log=log)
    try:
        environment = {
            "DATABASE_URL": server.url,
            "TELLTALE_HOME": str(home),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "only for benchmarks",
            "LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)
        yield home, environment
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def redis(home: Path) -> Iterator[dict[str, str]]:
    """A Redis of our own, where there is one; else nothing."""
    if shutil.which("redis-server") is None:
        yield {}
        return
    url = f"redis://127.0.0.1:{REDIS_PORT}/0"
    command = ["redis-server", "--port", str(REDIS_PORT), "--bind", "127.0.0.1", "--save", ""]
    with running(command, {}, home / "redis.log"):
        yield {"BENCHMARK_REDIS": url}
