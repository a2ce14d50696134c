"""A throw-away PostgreSQL for the suite, started before Django reads its settings; never the developer's data.

Loaded by `-p tests.embedded`. With DATABASE_URL set, the suite makes its test databases on that server instead. With a
CELERY_BROKER_URL as of scripts/with_broker.py, each of xdist's workers takes a room of that broker for itself.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.postgres import Postgres


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the server in the process that controls the run; xdist's workers inherit its address."""
    home = Path(tempfile.mkdtemp(prefix="telltale-tests-"))
    home.chmod(0o711)
    os.environ["TELLTALE_HOME"] = str(home)
    os.environ.setdefault("SECRET_KEY", "only for tests")
    # How often `track` reports in between depends on time; tests tell histories event by event.
    os.environ.setdefault("WORKFLOWS_TRACK_INTERVAL", "3600")
    early_config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    if "DATABASE_URL" not in os.environ:
        server = Postgres(home, durable=False)
        log = (home / "postgres.log").open("wb")
        server.start(log=log)
        early_config.add_cleanup(server.stop)
        early_config.add_cleanup(log.close)
        os.environ["DATABASE_URL"] = server.url
    _take_a_room()
    return (yield)


def _take_a_room() -> None:
    """gw3 takes room 3: a message must reach the worker that knows its row."""
    broker, slash, room = os.environ.get("CELERY_BROKER_URL", "").rpartition("/")
    if slash and room.isdigit():
        os.environ["CELERY_BROKER_URL"] = f"{broker}/{os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw')}"
