"""What happens to the readers of a round: a table as `tests/chaos/faults.py`, from which those of the database are."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from contextlib import suppress

import psycopg

from tests.chaos import faults as common
from tests.chaos.faults import Fault, Undo
from tests.chaos.proxy import Mode
from tests.continuity.world import LiveWorld

_OF_THE_DATABASE = {
    common.restart_fast, common.restart_immediate, common.kill_backend, common.terminate_backends,
    common.terminate_all_backends, common.terminate_listeners, common.ghost_standby, common.exhaust_connections,
    common.foreign_transaction, common.hold_row,
}  # fmt: skip
FAULTS: list[Fault] = [fault for fault in common.FAULTS if fault.inject in _OF_THE_DATABASE]
Inject = Callable[[LiveWorld, random.Random], Undo | None]


def _fault(name: str, *rows: int) -> Callable[[Inject], Inject]:
    def enter(inject: Inject) -> Inject:
        FAULTS.append(Fault(name, rows, name, inject))  # type: ignore[arg-type]  # these know their world
        return inject

    return enter


@_fault("SIGKILL of a web process", 38)
def kill_server(world: LiveWorld, chance: random.Random) -> None:
    chance.choice(world.servers).signal(signal.SIGKILL, group=True)


@_fault("SIGTERM of a web process", 38)
def terminate_server(world: LiveWorld, chance: random.Random) -> None:
    chance.choice(world.servers).signal(signal.SIGTERM)


@_fault("a web process is frozen for a while", 36)
def stop_server(world: LiveWorld, chance: random.Random) -> Undo:
    server = chance.choice(world.servers)
    server.signal(signal.SIGSTOP, group=True)
    return Undo(chance.uniform(0.5, 4), lambda: server.signal(signal.SIGCONT, group=True))


@_fault("SIGKILL of a writer", 8)
def kill_writer(world: LiveWorld, chance: random.Random) -> None:
    chance.choice(world.writers).signal(signal.SIGKILL, group=True)


@_fault("all connections of browsers to one server are cut", 35)
def cut(world: LiveWorld, chance: random.Random) -> None:
    chance.choice(world.wires).cut()


@_fault("browsers' connections break in the middle of a frame", 35)
def tear(world: LiveWorld, chance: random.Random) -> Undo:
    wire = chance.choice(world.wires)
    wire.tear = True
    return Undo(0.5, lambda: setattr(wire, "tear", False))


def _spoil(world: LiveWorld, chance: random.Random, mode: Mode) -> Undo:
    wire = chance.choice(world.wires)
    wire.mode, wire.delay = mode, chance.choice([0.01, 0.05, 0.2])
    return Undo(chance.uniform(1, 5), lambda: setattr(wire, "mode", "pass"))


@_fault("the wire between browsers and server is slow", 37)
def slow_wire(world: LiveWorld, chance: random.Random) -> Undo:
    return _spoil(world, chance, "slow")


@_fault("a black hole between browsers and server, then everything arrives late", 36)
def black_hole(world: LiveWorld, chance: random.Random) -> Undo:
    return _spoil(world, chance, "hole")


@_fault("answers to browsers are lost with their connection", 35)
def lose_answers(world: LiveWorld, chance: random.Random) -> Undo:
    return _spoil(world, chance, "lose answers")


@_fault("hints that are wrong, late or no hints at all", 15)
def wrong_hints(world: LiveWorld, chance: random.Random) -> None:
    (workflow_id,) = world.ask("SELECT id FROM workflows_workflow ORDER BY random() LIMIT 1")[0]
    for payload in ("", "nonsense", "[[1]]", '{"a": 1}', '[["x", "y"]]', "null", "[[[], 1]]"):
        world.ask("SELECT pg_notify('telltale', %s)", payload)
    for seq in (1, 10_000_000):
        world.ask("SELECT pg_notify('telltale', %s)", f'[["{workflow_id}", {seq}]]')


@_fault("the queue of notifications is full", 16)
def fill_notifications(world: LiveWorld, chance: random.Random) -> Undo:
    listener = world.connect()
    listener.execute("LISTEN nothing")
    listener.execute("BEGIN")
    listener.execute("SELECT 1")  # while this is open, nothing leaves the queue
    with suppress(psycopg.errors.ProgramLimitExceeded), world.connect() as flood:
        for _ in range(1_000):
            flood.execute("SELECT pg_notify('nothing', repeat('x', 7000) || random())")
    before = _published(world)

    def end() -> None:
        with suppress(psycopg.Error):  # else the database was restarted meanwhile
            listener.execute("SELECT 1")
            world.pause(30, lambda: _published(world) != before)  # writers may just be restarted
            if _published(world) == before:
                world.complaints.append("nobody published while the queue of notifications was full")
        listener.close()

    return Undo(chance.uniform(4, 6), end)


def _published(world: LiveWorld) -> int:
    return int(world.ask("SELECT sum(last_seq) FROM workflows_workflow")[0][0])
