"""A bad environment is refused at start with the variable's name, the value and a good value."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config import env
from tests.processes import ROOT


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PORT", "eighty", "PORT='eighty' is not a whole number from 1 to 65535. Use PORT=8000."),
        ("PORT", "0", "PORT='0' is not a whole number"),
        ("PORT", "99999", "PORT='99999' is not a whole number"),
        ("DEBUG", "maybe", "DEBUG='maybe' is neither yes nor no. Use DEBUG=1 or DEBUG=0."),
        ("TELLTALE_HINTS", "perhaps", "TELLTALE_HINTS='perhaps' is neither yes nor no"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL='nonsense' is not a"),
        ("DATABASE_URL", "mysql://host/name", "is not a PostgreSQL database with a name. Use DATABASE_URL=postgres://"),
        ("DATABASE_URL", "postgres://host/", "is not a PostgreSQL database with a name"),
        ("WORKFLOWS_LEASE_SECONDS", "soon", "WORKFLOWS_LEASE_SECONDS='soon' is not a number"),
        ("WORKFLOWS_LEASE_SECONDS", "6", "LEASE_SECONDS (6 s)"),
        ("WORKFLOWS_LEASE_SECONDS", "-1", "WORKFLOWS['LEASE_SECONDS'] is -1; it is a number above 0"),
        ("WORKFLOWS_CRASH_LIMIT", "1.5", "WORKFLOWS['CRASH_LIMIT'] is 1.5; it is a whole number"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT='xml' is none of text, json. Use LOG_FORMAT=text."),
        ("MONITORING_TOKEN", "short", "MONITORING_TOKEN is no good secret: use at least 16 letters and digits"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "TRUSTED_PROXIES: 10.0.0.1/8 has host bits set. Use for example"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL='LOUD' is none of DEBUG, INFO, WARNING, ERROR, CRITICAL. Use LOG_LEVEL=INFO."),
        (
            "CELERY_BROKER_URL",
            "reddis://me:secret@host",
            "CELERY_BROKER_URL='reddis://me:…@host' begins with no scheme",
        ),
        ("CELERY_BROKER_URL", "localhost", "Use CELERY_BROKER_URL=redis://localhost:6379/0."),
        ("WORKFLOWS_LEESE_SECONDS", "15", "unknown names ['LEESE_SECONDS']; known are"),
    ],
)
def test_a_bad_value_stops_the_start_with_a_sentence(name: str, value: str, complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_socket_directory_and_a_network_host_are_both_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@/app?host=/run/postgresql&port=5433")
    socket = env.database("DATABASE_URL", "")
    assert (socket["HOST"], socket["PORT"], socket["NAME"], socket["USER"]) == (
        "/run/postgresql",
        5433,
        "app",
        "me",
    )
    monkeypatch.setenv("DATABASE_URL", "postgres://me:secret@db.example:5432/app?sslmode=require")
    network = env.database("DATABASE_URL", "")
    assert (network["HOST"], network["PASSWORD"]) == ("db.example", "secret")
    assert network["OPTIONS"] == {"sslmode": "require"}


def test_no_service_needs_to_run_for_the_system_checks() -> None:
    environment = {**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nowhere"}
    done = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0


def test_a_bad_database_url_is_refused_without_showing_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:se:cr@et@host/name")
    with pytest.raises(env.BadEnvironment) as refused:
        env.database("DATABASE_URL", "")
    assert "mysql://me:…@host/name" in str(refused.value)
    assert "cr" not in str(refused.value).partition("Use")[0]
