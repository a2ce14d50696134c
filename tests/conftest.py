"""Fixtures of the suite. Real PostgreSQL, real worker and server processes, a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connections
from psycopg import sql

from config import celery_app
from config.broker import SCHEME, transport_options
from dashboard import estimates
from tests.definitions import CALLS, SWITCH
from tests.people import People, create_people
from tests.processes import ROOT, Process, Server, Worker, end_all
from tests.wait import PATIENCE, until
from workflows.listener import listener

# Whether examples are found at random is the explorer's matter (HYPOTHESIS_PROFILE=explore): a suite says the same of
# the same code each time. No example is too slow, because the machine may be.
_PATIENT: Any = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("suite", derandomize=True, **_PATIENT)
hypothesis.settings.register_profile("explore", **_PATIENT)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """PGMQ is in the test database, too; at the end, background threads must not keep that from being dropped."""
    if celery_app.conf.broker_url.startswith(f"{SCHEME}:"):
        celery_app.conf.broker_transport_options = transport_options(connections["default"].settings_dict)
    with django_db_blocker.unblock():
        Group.objects.all().delete()  # the roles that a site begins with: each test begins without any group
    yield
    listener().stop()
    with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
        until(lambda: _is_alone(cursor), what="all others have left the test database")


def _is_alone(cursor: Any) -> bool:
    cursor.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return bool(cursor.fetchone() == (0,))


@pytest.fixture(autouse=True)
def nothing_earlier() -> None:
    """What a process keeps of another test's workflows is not of this one."""
    estimates.forget()
    CALLS.clear()
    SWITCH.clear()


@pytest.fixture
def swept(db: None) -> None:
    """Tables and indexes as small as their rows: plans and pages read depend on what other tests wrote and rolled back.

    Asked for before a test writes. On a connection of its own, because VACUUM runs in no transaction.
    """
    tables = [model._meta.db_table for model in apps.get_app_config("workflows").get_models()]
    named = sql.SQL(", ").join(map(sql.Identifier, tables))
    with psycopg.connect(**connections["default"].get_connection_params(), autocommit=True) as other:
        other.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(named))


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory for a server of the test's own, which the account that PostgreSQL drops to can reach."""
    directory = Path(tempfile.mkdtemp(prefix="telltale-home-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def people(db: None) -> People:
    """operator, viewer and stranger."""
    return create_people()


@pytest.fixture
def start_worker(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts Celery workers on the test database; they are killed at the end."""
    started: list[Process] = []

    def start(**options: Any) -> Worker:
        worker = Worker(tmp_path / f"worker-{len(started)}.log", **options)
        started.append(worker)
        return worker

    yield start
    end_all(started)


@pytest.fixture
def worker(start_worker: Callable[..., Worker]) -> Worker:
    """One Celery worker with two pool children."""
    return start_worker()


@pytest.fixture(scope="session")
def collected_static(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The hashed static files, as a server without DEBUG needs them; once per process of the run."""
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=ROOT, check=True, env=os.environ
    )


@pytest.fixture
def application() -> str:
    """What servers serve: the project."""
    return "config.asgi:application"


@pytest.fixture
def start_server(
    transactional_db: None, collected_static: None, tmp_path: Path, application: str
) -> Iterator[Callable[..., Server]]:
    """Starts ASGI servers on the test database; they are killed at the end."""
    started: list[Process] = []

    def start(**options: Any) -> Server:
        server = Server(tmp_path / f"server-{len(started)}.log", **{"application": application, **options})
        started.append(server)
        return server

    yield start
    end_all(started)


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    """One daphne."""
    return start_server()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, headless, driven by Playwright. Absent: the test is skipped and says so.

    Not for the whole session: while Playwright is there, the thread has its event loop, and other tests need their own.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("NO BROWSER: chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright  # only where a browser is

    expect.set_options(timeout=PATIENCE * 1000)
    # Playwright's synchronous API runs an event loop in this thread. Only here: elsewhere Django's own check must find
    # a query in an event loop, as a real server would.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
            timeout=PATIENCE * 1000,
        )
        yield browser
        browser.close()
