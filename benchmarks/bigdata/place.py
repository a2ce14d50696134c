"""Where the data set lives: the database of DATABASE_URL, or an embedded server with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from benchmarks.sides import ROOT
from config.postgres import Postgres

HOME = ROOT / ".big-data"
_DATA_IN = "data-in"  # the server's data may lie elsewhere, where its account can reach it


@contextmanager
def database() -> Iterator[Path]:
    """A migrated database that Django is set up for; the directory is for logs and static files."""
    home = Path(os.environ.get("TELLTALE_HOME") or HOME).resolve()
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    server = None
    if not os.environ.get("DATABASE_URL"):
        server = Postgres(home, durable=False)  # what a crash of the machine destroys is made again
        (home / _DATA_IN).write_text(str(server.data))
        with (home / "postgres.log").open("ab") as log:
            server.start(log=log)
    try:
        os.environ.update(TELLTALE_HOME=str(home), DJANGO_SETTINGS_MODULE="config.settings")
        os.environ.setdefault("SECRET_KEY", "only for benchmarks")
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        if server is not None:
            os.environ["DATABASE_URL"] = server.url
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        django.setup()
        yield home
    finally:
        if server is not None:
            server.stop()


def remove() -> str:
    """Delete the embedded server's data; says what was done."""
    home = Path(os.environ.get("TELLTALE_HOME") or HOME).resolve()
    if not (home / _DATA_IN).exists():
        return f"There is no data set in {home}."
    data = Path((home / _DATA_IN).read_text())
    if (data / "postmaster.pid").exists():
        return f"A server runs on {data}; stop it first."
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
    return f"Removed {data} and {home}."


def size_of_database() -> str:
    """How much room it takes, in words."""
    from django.db import connection  # Django is set up by now

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        return str(cursor.fetchone()[0])
