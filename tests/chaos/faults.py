"""What can go wrong, as a table: each fault does one thing to the world and may leave something to undo later.

`rows` are the numbers of docs/guides/faults.md.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NamedTuple

import psycopg

from tests.chaos.proxy import Mode, Proxy
from tests.chaos.world import LEASE, World


class Undo(NamedTuple):
    """What ends a fault, and after how many seconds."""

    after: float
    act: Callable[[], object]


class Fault(NamedTuple):
    """One entry of the table. Of one `group`, at most one is in force at a time."""

    name: str
    rows: tuple[int, ...]
    group: str
    inject: Callable[[World, random.Random], Undo | None]


class NotPossible(Exception):
    """This fault cannot be injected here, or not now."""


FAULTS: list[Fault] = []
Inject = Callable[[World, random.Random], Undo | None]


def fault(name: str, *rows: int, group: str = "") -> Callable[[Inject], Inject]:
    """Enter a function into the table."""

    def enter(inject: Inject) -> Inject:
        FAULTS.append(Fault(name, rows, group or name, inject))
        return inject

    return enter


def _a_child(world: World, chance: random.Random) -> int:
    children = [pid for worker in world.workers for pid in worker.children()]
    if not children:
        raise NotPossible("no pool child lives now")
    return chance.choice(children)


def _kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@fault("SIGKILL of a pool child", 1, 3)
def kill_child(world: World, chance: random.Random) -> None:
    _kill(_a_child(world, chance), signal.SIGKILL)


@fault("SIGKILL of a worker and its children", 1, 2)
def kill_worker(world: World, chance: random.Random) -> None:
    chance.choice(world.workers).signal(signal.SIGKILL, group=True)


@fault("SIGKILL of a worker, its children live on", 2)
def kill_parent(world: World, chance: random.Random) -> None:
    chance.choice(world.workers).signal(signal.SIGKILL)


@fault("SIGKILL of all workers and of beat", 2)
def kill_everything(world: World, chance: random.Random) -> None:
    for process in world.processes():
        process.signal(signal.SIGKILL, group=True)


@fault("SIGSTOP of a pool child for longer than its lease", 4, 5)
def stop_child(world: World, chance: random.Random) -> Undo:
    pid = _a_child(world, chance)
    _kill(pid, signal.SIGSTOP)
    return Undo(LEASE * chance.uniform(1.2, 2.5), lambda: _kill(pid, signal.SIGCONT))


@fault("SIGSTOP of a worker and its children for longer than their leases", 4, 5)
def stop_worker(world: World, chance: random.Random) -> Undo:
    worker = chance.choice(world.workers)
    process = worker.process
    worker.signal(signal.SIGSTOP, group=True)

    def go_on() -> None:
        if worker.process is process:
            worker.signal(signal.SIGCONT, group=True)

    return Undo(LEASE * chance.uniform(1.2, 2.5), go_on)


@fault("SIGTERM of a worker (warm shutdown)", 6)
def terminate_worker(world: World, chance: random.Random) -> None:
    chance.choice(world.workers).signal(signal.SIGTERM)


@fault("SIGQUIT of a worker (cold shutdown)", 7)
def quit_worker(world: World, chance: random.Random) -> None:
    chance.choice(world.workers).signal(signal.SIGQUIT)


@fault("slow commits of history, and SIGTERM meanwhile", 5, 6, group="trigger")
def slow_commit(world: World, chance: random.Random) -> Undo:
    world.ask(
        "CREATE OR REPLACE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(random() * 0.3); RETURN NULL; END $$"
    )
    world.ask(
        "CREATE CONSTRAINT TRIGGER chaos_slow AFTER INSERT ON workflows_event DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION chaos_slow()"
    )
    chance.choice(world.workers).signal(signal.SIGTERM)
    return Undo(chance.uniform(2, 5), lambda: world.ask("DROP TRIGGER IF EXISTS chaos_slow ON workflows_event"))


def _restart(world: World, chance: random.Random, number: int) -> Undo:
    world.stop_database(number)
    return Undo(chance.choice([0.0, 1.0, 4.0]), world.start_database)


@fault("PostgreSQL restarts (fast)", 12, group="postgres")
def restart_fast(world: World, chance: random.Random) -> Undo:
    return _restart(world, chance, signal.SIGINT)


@fault("PostgreSQL restarts (immediate, with crash recovery)", 12, 24, group="postgres")
def restart_immediate(world: World, chance: random.Random) -> Undo:
    return _restart(world, chance, signal.SIGQUIT)


@fault("SIGKILL of one of PostgreSQL's processes (all restart)", 13, 24, group="postgres")
def kill_backend(world: World, chance: random.Random) -> None:
    rows = world.ask(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    if not rows:
        raise NotPossible("no connection to kill")
    _kill(chance.choice(rows)[0], signal.SIGKILL)


_OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"


@fault("pg_terminate_backend of a few random connections", 13)
def terminate_backends(world: World, chance: random.Random) -> None:
    world.ask(
        f"SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE {_OTHERS} "
        "ORDER BY random() LIMIT %s) AS chosen",
        chance.randrange(1, 8),
    )


@fault("pg_terminate_backend of all connections", 13)
def terminate_all_backends(world: World, chance: random.Random) -> None:
    world.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OTHERS}")


@fault("pg_terminate_backend of the connections that LISTEN", 14)
def terminate_listeners(world: World, chance: random.Random) -> None:
    world.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OTHERS} AND query ILIKE '%%listen%%'")


@fault("committed, but the client sees an error (a standby that does not exist)", 9, 11, group="ghost")
def ghost_standby(world: World, chance: random.Random) -> Undo:
    world.ask("ALTER SYSTEM SET synchronous_standby_names = 'ghost'")
    world.ask("SELECT pg_reload_conf()")

    def end() -> None:
        world.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OTHERS} AND wait_event = 'SyncRep'")
        world.ask("ALTER SYSTEM RESET synchronous_standby_names")
        world.ask("SELECT pg_reload_conf()")

    return Undo(chance.uniform(0.3, 2.0), end)


@fault("the database is read-only for a while", 22, group="read-only")
def read_only(world: World, chance: random.Random) -> Undo:
    world.ask("ALTER DATABASE telltale SET default_transaction_read_only = on")
    terminate_all_backends(world, chance)

    def end() -> None:
        world.ask("ALTER DATABASE telltale RESET default_transaction_read_only")
        terminate_all_backends(world, chance)

    return Undo(chance.uniform(1, 4), end)


@fault("no connection is left", 20, group="connections")
def exhaust_connections(world: World, chance: random.Random) -> Undo:
    held = ExitStack()
    with suppress(psycopg.OperationalError):
        for _ in range(300):
            held.enter_context(world.connect())
    terminate_some = chance.random() < 0.5
    if terminate_some:  # those that lose theirs do not get it back
        with suppress(NotPossible):
            kill_child(world, chance)
    return Undo(chance.uniform(2, 5), held.close)


@fault("the disk of the history is full", 23, group="disk")
def full_disk(world: World, chance: random.Random) -> Undo:
    if world.disk is None:
        raise NotPossible("mounting is not allowed here")
    world.disk.fill()
    return Undo(chance.uniform(1, 6), world.disk.free)


@fault("a foreign transaction stays open", 17)
def foreign_transaction(world: World, chance: random.Random) -> Undo:
    connection = psycopg.connect(f"postgresql://postgres@/postgres?host={world.postgres.socket}&port=5432")
    connection.execute("SELECT pg_current_xact_id()")
    return Undo(chance.uniform(5, 20), connection.close)


@fault("a user's transaction holds the row of a running workflow", 18)
def hold_row(world: World, chance: random.Random) -> Undo:
    connection = world.connect()
    connection.execute("BEGIN")
    connection.execute(
        "SELECT id FROM workflows_workflow WHERE finished_at IS NULL ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    return Undo(chance.choice([0.5, 2.0, 5.0]), connection.close)


@fault("a user's transaction and the engine want two rows in opposite order", 19)
def deadlock(world: World, chance: random.Random) -> Undo:
    connection = world.connect()
    connection.execute("BEGIN")
    for order in ("id", "id DESC"):
        with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            connection.execute(
                f"SELECT id FROM workflows_workflow WHERE finished_at IS NULL ORDER BY {order} LIMIT 1 FOR UPDATE"
            )
    return Undo(0.5, connection.close)


def _queue_tables(world: World) -> list[str]:
    rows = world.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'pgmq' AND tablename LIKE 'q\\_%%'")
    if not rows:
        raise NotPossible("the broker has no queue yet")
    return [f'pgmq."{name}"' for (name,) in rows]


@fault("Celery's messages are lost", 26)
def lose_messages(world: World, chance: random.Random) -> None:
    for table in _queue_tables(world):
        if "pidbox" not in table:
            world.ask(f"DELETE FROM {table} WHERE random() < %s", chance.choice([0.5, 1.0]))


@fault("Celery's messages are doubled and shuffled", 27)
def double_messages(world: World, chance: random.Random) -> None:
    for table in _queue_tables(world):
        if "pidbox" not in table:
            world.ask(
                f"INSERT INTO {table} (vt, message, headers) SELECT clock_timestamp() + random() * interval '2 s', "
                f"message, headers FROM {table}, generate_series(1, 3) ORDER BY random() LIMIT 100"
            )


@fault("the broker's tables are gone for a while", 26, group="broker")
def break_broker(world: World, chance: random.Random) -> Undo:
    world.ask("ALTER SCHEMA pgmq RENAME TO pgmq_away")
    return Undo(chance.uniform(1, 8), lambda: world.ask("ALTER SCHEMA pgmq_away RENAME TO pgmq"))


@fault("messages and hints for workflows that ended, sent by hand", 27)
def late_messages(world: World, chance: random.Random) -> None:
    from workflows import dispatch  # Django's settings are there by now

    ended = world.ask(
        "SELECT id, queue FROM workflows_workflow WHERE finished_at IS NOT NULL ORDER BY random() LIMIT 5"
    )
    for workflow_id, queue in ended:
        for _ in range(5):
            dispatch.wake(queue, workflow_id)
        world.ask("SELECT pg_notify('telltale', %s)", f'[["{workflow_id}", 1000000]]')
    world.ask("SELECT pg_notify('telltale', %s)", chance.choice(["", "nonsense", "[[1]]", '{"a": 1}', '[["x", "y"]]']))


def _spoil(world: World, chance: random.Random, mode: Mode, seconds: float, *, cut: bool) -> Undo:
    proxy = chance.choice(world.proxies)
    if proxy.mode != "pass":
        raise NotPossible("that wire is spoilt already")
    proxy.mode = mode
    proxy.delay = chance.choice([0.01, 0.05, 0.2])
    return Undo(seconds, lambda: _mend(proxy, cut=cut))


def _mend(proxy: Proxy, *, cut: bool) -> None:
    if cut:
        proxy.cut()
    proxy.mode = "pass"


@fault("the database is slow to answer one worker", 36)
def slow_wire(world: World, chance: random.Random) -> Undo:
    return _spoil(world, chance, "slow", chance.uniform(2, 8), cut=False)


@fault("one worker's connections are cut", 10, 11)
def cut_wire(world: World, chance: random.Random) -> None:
    chance.choice(world.proxies).cut()


@fault("a black hole before one worker, then everything arrives late", 28, 36)
def black_hole_late(world: World, chance: random.Random) -> Undo:
    return _spoil(world, chance, "hole", LEASE * chance.uniform(0.5, 3), cut=False)


@fault("a black hole before one worker, then its connections are cut", 28, 36)
def black_hole_cut(world: World, chance: random.Random) -> Undo:
    return _spoil(world, chance, "hole", LEASE * chance.uniform(0.5, 3), cut=True)


@fault("requests (also COMMIT) of one worker are lost", 10)
def lose_requests(world: World, chance: random.Random) -> Undo:
    return _spoil(world, chance, "lose requests", chance.uniform(2, 5), cut=False)


@fault("answers (also to COMMIT) to one worker are lost", 9, 11)
def lose_answers(world: World, chance: random.Random) -> Undo:
    return _spoil(world, chance, "lose answers", chance.uniform(2, 5), cut=False)


@fault("the clock of one worker jumps by two hours", 31, 32)
def step_clock(world: World, chance: random.Random) -> Undo:
    if not world.clock.available:
        raise NotPossible("there is no C compiler for the shim")
    world.clock.step(chance.choice([7_200, -7_200]))
    return Undo(chance.uniform(2, 8), lambda: world.clock.step(0))
