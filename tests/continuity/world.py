"""The world of a round: its own PostgreSQL, two web servers behind wires, writers, and a supervisor that restarts them.

One server is daphne and hears hints, the other is uvicorn and only sweeps. Knows nothing of Django.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

from tests.chaos.proxy import PortProxy
from tests.chaos.world import Supervised, World
from tests.ports import free_port

_QUEUE_PAGES = "64"  # the least: 512 KB
_SERVERS = {
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}", "config.asgi:application"],
    "uvicorn": ["uvicorn", "--no-access-log", "--port", "{port}", "config.asgi:application"],
}


class LiveWorld(World):
    """Servers and writers instead of workers."""

    def __init__(self, home: Path, chance: random.Random) -> None:
        super().__init__(home, chance, disk=None)
        self.servers: list[Supervised] = []
        self.writers: list[Supervised] = []
        self.wires: list[PortProxy] = []
        self.acknowledged = home / "acknowledged"

    def start_database(self) -> None:
        """Start PostgreSQL; its queue of notifications is so small that a fault can fill it."""
        super().start_database()
        if self.ask("SHOW max_notify_queue_pages") != [(_QUEUE_PAGES,)]:
            self.ask("ALTER SYSTEM SET max_notify_queue_pages = " + _QUEUE_PAGES)
            self.stop_database(signal.SIGINT)
            super().start_database()

    def start_servers(self) -> None:
        """Each at the end of a wire of its own, to which clients connect."""
        for name, arguments in _SERVERS.items():
            port = free_port()
            environment = {**self.environment(), "TELLTALE_HINTS": "on" if name == "daphne" else "off"}
            command = [word.format(port=port) for word in arguments]
            self.servers.append(Supervised(name, command, environment, self.home / f"{name}.log"))
            self.servers[-1].start()
            self.wires.append(PortProxy(port, self.chance))

    def start_writers(self, shares: list[list[str]]) -> None:
        """One writer for each list of workflows; every other one sends no hints."""
        for number, ids in enumerate(shares):
            name = f"writer-{number}"
            environment = {**self.environment(), "TELLTALE_HINTS": "off" if number % 2 else "on"}
            arguments = ["tests.continuity.writer", name, *ids]
            self.writers.append(Supervised(name, arguments, environment, self.home / f"{name}.log"))
            self.writers[-1].start()

    def processes(self) -> list[Supervised]:
        """Whatever is restarted when it dies, writers also when they are done."""
        return [*self.servers, *self.writers]
