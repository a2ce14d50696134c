"""One round: pages watch while writers publish and everything breaks; then calm, and each page is compared."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from django.contrib.auth.models import User
from django.db import Error, close_old_connections, transaction
from django.test import Client as Browser

from tests.chaos.weather import Weather
from tests.continuity.clients import CARRIERS, Client, ListClient, Watching
from tests.continuity.world import LiveWorld
from tests.continuity.writer import define
from workflows import history, operations, queries
from workflows.models import Event, Workflow
from workflows.states import TERMINAL

WRITERS = 3
Kind = TypeVar("Kind", bound=Client)


class _Undone(Exception):
    """A transaction that its owner rolls back."""


class Round:
    """Everything of one round but its faults. `carriers`: by which ones pages watch."""

    def __init__(self, world: LiveWorld, chance: random.Random, carriers: list[str], workflows: int) -> None:
        self.world, self.chance = world, chance
        self.clients: list[Client] = []
        self.lists: list[ListClient] = []
        define()
        log = str(world.acknowledged)
        self.ids = [operations.start("continuity", args=[log], workflow_id=f"w{n}").id for n in range(workflows)]
        self._cookie = _signed_in()
        self._make_clients(carriers)
        self._watching = Watching([*self.clients, *self.lists])
        self._calm = threading.Event()
        self._meddling = threading.Thread(target=self._meddle, name="meddler")

    def _make_clients(self, carriers: list[str]) -> None:
        for wire, server in zip(self.world.wires, self.world.servers, strict=True):
            for number, workflow_id in enumerate([*self.ids, *self.ids[:2]]):
                for carrier in carriers:
                    name = f"{server.name}-{number}-{workflow_id}"
                    self.clients.append(self._make(CARRIERS[carrier], name, wire.port, workflow_id))
            page = self._make(ListClient, f"{server.name}-list", wire.port, "")
            page.known = dict.fromkeys(self.ids, 0)
            page.since = str(history.wire_time(Workflow.objects.earliest("created_at").created_at))
            self.lists.append(page)

    def _make(self, kind: type[Kind], name: str, port: int, workflow_id: str) -> Kind:
        return kind(name, port, self._cookie, workflow_id, random.Random(self.chance.random()))

    def begin(self, latest: float) -> None:
        """Start everybody; half of the pages come later, within `latest` seconds."""
        for client in self.clients:
            client.joins_after = self.chance.choice([0.0, self.chance.uniform(0, latest)])
        self.world.start_writers([self.ids[number::WRITERS] for number in range(WRITERS)])
        self._watching.start()
        self._meddling.start()
        self.world.pause(30, lambda: all(client.sessions for client in self.clients if not client.joins_after))

    def _meddle(self) -> None:
        """Others who write to the same histories, and roll back nearly half of the time."""
        chance = random.Random(self.chance.random())
        while not self._calm.wait(chance.uniform(0.02, 0.2)):
            with suppress(_Undone, Error), transaction.atomic():
                operations.send(chance.choice(self.ids), "noise", chance.random())
                if chance.random() < 0.45:
                    raise _Undone
            close_old_connections()

    def settle(self, within: float) -> float:
        """The faults are over: writers end, readers catch up. Returns after how many seconds all had."""
        began = time.monotonic()
        self._calm.set()
        for workflow_id in self.ids:
            self._stop(workflow_id)
        self.world.pause(within, lambda: self._ended() and self._caught_up())
        took = time.monotonic() - began
        self._watching.stop()
        return took

    def _stop(self, workflow_id: str) -> None:
        while True:
            with suppress(Error):
                close_old_connections()
                operations.send(workflow_id, "stop", True)
                return
            self.world.pause(0.2)

    def _ended(self) -> bool:
        try:
            close_old_connections()
            return not Workflow.objects.exclude(status__in=TERMINAL).exists()
        except Error:
            return False

    def _caught_up(self) -> bool:
        heads = {workflow_id: head.seq for workflow_id, head in history.heads(self.ids).items()}
        reading = all(
            client.broken or client.reading.seq == heads[client.reading.workflow_id] for client in self.clients
        )
        return reading and all(page.broken or page.known == heads for page in self.lists)

    def violations(self) -> Iterator[str]:
        """What must not be, said in sentences."""
        for client in [*self.clients, *self.lists]:
            if client.broken:
                yield f"{client.name}: {client.broken}"
        for client in self.clients:
            for difference in client.reading.differences():
                yield f"{client.name}: {difference}"
            if client.reading.resets:
                yield f"{client.name}: begun anew because of {client.reading.resets}"
        truth = {row["id"]: row for row in queries.summaries(self.ids)}
        for page in self.lists:
            for workflow_id, row in page.rows.items():
                if row != truth[workflow_id]:
                    yield f"{page.name}: row {row}, in the database {truth[workflow_id]}"
        yield from self._lost()
        yield from self.world.complaints

    def _lost(self) -> Iterator[str]:
        """What a writer's code was told is stored must be stored, once."""
        told = {tuple(line.split()) for line in self.world.acknowledged.read_text().splitlines()}
        values = Event.objects.filter(kind="value_set", key__startswith="key ").values_list("workflow_id", "data")
        stored = [(workflow_id, str(data["value"]["n"])) for workflow_id, data in values]
        if len(stored) != len(set(stored)):
            yield f"{len(stored) - len(set(stored))} values were stored twice"
        for workflow_id, number in told - set(stored):
            yield f"{workflow_id}: value {number} was acknowledged and is not there"


def _signed_in() -> str:
    browser = Browser()
    browser.force_login(User.objects.create_superuser("watcher"))
    return str(browser.cookies["sessionid"].value)


def report(one: Round, weather: Weather, settled: float, violations: list[str]) -> None:
    """What happened, for people."""
    for title, counts in (("faults injected", weather.injected), ("faults not injected", weather.skipped)):
        print(f"{title}:")
        for name, count in sorted(counts.items()):
            print(f"  {count:6} {name}")
    for carrier in sorted({client.carrier for client in one.clients}):
        some = [client for client in one.clients if client.carrier == carrier]
        events = sum(len(client.reading.log) for client in some)
        print(
            f"{carrier}: {len(some)} clients, {events:,} events in their logs, "
            f"{sum(client.sessions for client in some):,} sessions, {sum(client.losses for client in some)} lost, "
            f"{sum(client.reading.replayed for client in some):,} events replayed"
        )
    for sentence in violations:
        print(f"VIOLATION: {sentence}")
    events, faults = Event.objects.count(), sum(weather.injected.values())
    clients = len(one.clients) + len(one.lists)
    verdict = f"{len(violations)} VIOLATIONS" if violations else "zero lost, doubled or reordered"
    print(f"{events:,} events, {clients} clients, {faults} faults, caught up in {settled:.1f} s: {verdict}", flush=True)
