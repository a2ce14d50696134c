"""The embedded server: starts, survives kill -9, is stopped, and keeps what was committed."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.postgres import Postgres, PostgresError, binaries
from tests.wait import until
from workflows.sql.reads import EPOCH


@pytest.fixture
def server(home: Path) -> Iterator[Postgres]:
    """A server with fsync, as `make run` has it."""
    server = Postgres(home)
    yield server
    server.stop()


def execute(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    """Run a statement on the project's database."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_it_starts_again_after_a_stop_with_its_data(server: Postgres) -> None:
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    server.start()
    assert execute(server, "SELECT answer FROM kept") == [(42,)]


def test_it_starts_again_after_kill_9_with_what_was_committed(server: Postgres) -> None:
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: server.pid is None)
    assert server.poll() == -signal.SIGKILL
    server.start()
    assert execute(server, "SELECT answer FROM kept") == [(42,)]


def test_a_server_that_a_killed_supervisor_left_behind_is_replaced(server: Postgres) -> None:
    server.start()
    left_behind = server.pid
    second = Postgres(server.data.parent)
    second.data = server.data  # the same cluster, another supervisor
    second.start()
    try:
        assert server.poll() is not None
        assert second.pid not in {None, left_behind}
        assert execute(second, "SELECT 1") == [(1,)]
    finally:
        second.stop()


def test_a_stale_pid_file_that_names_somebody_else_harms_nobody(server: Postgres) -> None:
    server.start()
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    server.start()
    assert execute(server, "SELECT 1") == [(1,)]


def test_only_its_own_account_may_enter_its_directories_and_no_parent_is_changed(server: Postgres) -> None:
    parents = server.data.resolve().parents
    before = [stat.S_IMODE(parent.stat().st_mode) for parent in parents]
    server.start()
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    assert [stat.S_IMODE(parent.stat().st_mode) for parent in parents] == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_as_root_under_a_closed_directory_it_runs_elsewhere_and_opens_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    packages = closed / "packages"
    packages.mkdir()
    package = binaries().parent.parent
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), packages / name, symlinks=True)
    monkeypatch.setenv("PG_BINDIR", str(packages / package.name / "pginstall" / "bin"))
    server = Postgres(closed)
    try:
        server.start()
        assert execute(server, "SELECT 1") == [(1,)]
        assert not server.data.is_relative_to(closed)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        server.stop()
        shutil.rmtree(server.data.parent)


def test_a_promoted_standby_begins_another_epoch(server: Postgres) -> None:
    ask = "SELECT " + EPOCH + " FROM (SELECT timestamptz '2026-11-25 10:00Z' AS created_at) AS w"
    server.start()
    ((primary,),) = execute(server, ask)
    server.stop()
    (server.data / "standby.signal").touch(mode=0o644)
    server.start()
    ((standby,),) = execute(server, ask)
    assert execute(server, "SELECT pg_promote()") == [(True,)]
    ((promoted,),) = execute(server, ask)
    assert str(standby).startswith("standby-")
    assert len({primary, standby, promoted}) == 3
    server.stop()
    server.start()
    assert execute(server, ask) == [(promoted,)]  # an ordinary restart begins none


def test_it_listens_on_no_network_address(server: Postgres) -> None:
    server.start()
    assert execute(server, "SHOW listen_addresses") == [("",)]


def test_text_sorts_the_same_on_every_machine(server: Postgres) -> None:
    server.start()
    assert execute(server, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == [("C.UTF-8",)]


def test_a_path_too_long_for_a_socket_gets_a_short_one(home: Path) -> None:
    server = Postgres(home / ("x" * 120))
    assert len(os.fsencode(server.socket)) < 80


def test_missing_binaries_are_an_error_that_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(PostgresError, match=r"PG_BINDIR.*DATABASE_URL"):
        binaries()


def test_a_directory_that_somebody_else_made_is_refused(home: Path) -> None:
    server = Postgres(home)
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    server.socket = home / "trap"
    server.socket.symlink_to(elsewhere)
    with pytest.raises(PostgresError, match="not a directory of ours"):
        server.start()
