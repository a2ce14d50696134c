"""One storm: faults at random moments for a given time, then calm, then the oracle's word."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from django.db import Error, close_old_connections
from django.utils import timezone

from tests.chaos import definitions, oracle, timetable
from tests.chaos.faults import FAULTS, Fault, NotPossible, Undo
from tests.chaos.load import Load
from tests.chaos.world import LEASE, World
from workflows import operations
from workflows.models import Wakeup, Worker, Workflow
from workflows.states import ACTIVE, TERMINAL

_REVIVALS = 3
_CALM = 5.0  # seconds after the last fault until schedules stop
_PROBE_WITHIN = 20.0  # seconds for each worker to show that it hears, after the storm


@dataclass
class Storm:
    """The plan and what came of it. `gap`: mean seconds between two faults."""

    world: World
    chance: random.Random
    gap: float = 1.0
    only: str = ""  # inject only faults whose name has this text
    injected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    revived: set[str] = field(default_factory=set)
    _timetable_ended: datetime = field(default_factory=timezone.now)
    _active: list[tuple[float, Fault, Callable[[], object]]] = field(default_factory=list)
    _bag: list[Fault] = field(default_factory=list)

    def rage(self, seconds: float) -> None:
        """Inject faults for so long; what they left to undo is undone at the end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._undo_what_is_due()
            self._inject(self._draw())
            self._pause(min(self.chance.expovariate(1 / self.gap), 10))
        while self._active:
            self._undo_what_is_due(everything=True)
            self.world.pause(0.2)

    def _draw(self) -> Fault:
        """Every fault comes once before any comes again."""
        if not self._bag:
            self._bag = [fault for fault in FAULTS if self.only in fault.name]
            self.chance.shuffle(self._bag)
        return self._bag.pop()

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.world.pause(min(0.2, deadline - time.monotonic()))
            self._undo_what_is_due()

    def _inject(self, fault: Fault) -> None:
        if any(active.group == fault.group for _due, active, _undo in self._active):
            self.skipped[f"{fault.name}: one of its group is in force"] += 1
            return
        try:
            undo = fault.inject(self.world, self.chance)
        except (NotPossible, psycopg.Error) as error:
            self.skipped[f"{fault.name}: {error if isinstance(error, NotPossible) else type(error).__name__}"] += 1
            return
        print(f"{time.strftime('%H:%M:%S')} {fault.name}", flush=True)
        self.injected[fault.name] += 1
        if undo is not None:
            self._later(fault, undo)

    def _later(self, fault: Fault, undo: Undo) -> None:
        self._active.append((time.monotonic() + undo.after, fault, undo.act))

    def _undo_what_is_due(self, *, everything: bool = False) -> None:
        for entry in list(self._active):
            due, _fault, undo = entry
            if everything or time.monotonic() >= due:
                try:
                    undo()
                except psycopg.Error:  # the database is away; tried again
                    continue
                self._active.remove(entry)

    def settle(self, load: Load, within: float) -> float:
        """Calm: everything must end. Returns after how many seconds it did."""
        began = time.monotonic()
        load.finish()
        self.world.pause(_CALM)
        close_old_connections()
        self._timetable_ended = timetable.end()
        self.world.pause(within, lambda: not load.is_alive() and self._ended())
        return time.monotonic() - began

    def _ended(self) -> bool:
        try:
            close_old_connections()
            return not (Workflow.objects.filter(status__in=ACTIVE).exists() or Wakeup.objects.exists())
        except Error:
            return False

    def probe(self) -> None:
        """Every worker must hear by itself, on a queue that nobody else consumes."""
        self.world.pause(5)  # those that are just being restarted
        waiting = {}
        for worker in self.world.workers:
            started = definitions.probe.using(workflow_id=f"probe-{worker.name}", queue=f"only-{worker.name}").start()
            waiting[worker.name] = started.id
        self.world.pause(_PROBE_WITHIN, lambda: not self._unheard(waiting))
        for worker in self.world.workers:
            if worker.name in self._unheard(waiting):
                worker.signal(signal.SIGUSR2, group=True)
                sentence = f"worker {worker.name} is deaf: it did not execute {waiting[worker.name]}"
                self.violations.append(f"{sentence} in {_PROBE_WITHIN:g} s; its threads are in {worker.log}")

        self._roll_call()

    def _roll_call(self) -> None:
        """The register of workers must name those that live, and nobody else."""
        living = {worker.pid: worker.name for worker in self.world.workers}
        registered: dict[int, str] = {}

        def is_right() -> bool:
            registered.clear()
            registered.update(Worker.objects.filter(ended_at__isnull=True).values_list("pid", "id"))
            return registered.keys() == living.keys()

        self.world.pause(2 * LEASE, is_right)
        if not is_right():
            self.violations.append(f"the register says that {registered} live; these do: {living}")

    def _unheard(self, waiting: dict[str, str]) -> list[str]:
        ended = set(Workflow.objects.filter(status__in=TERMINAL).values_list("id", flat=True))
        return [name for name, workflow_id in waiting.items() if workflow_id not in ended]

    def judge(self, load: Load, within: float) -> None:
        """Ask the oracle. Innocent workflows in quarantine are resumed, as their operator would, and judged again."""
        for _ in range(_REVIVALS):
            found, quarantined = oracle.violations(load.started, self.world.bodies)
            if not quarantined:
                break
            self.revived.update(quarantined)
            for workflow_id in quarantined:
                operations.resume(workflow_id, by="storm", reason="its crashes were none of its own")
            self.world.pause(within, self._ended)
        self.violations += [f"a caller of the engine saw {error}" for error in load.surprises]
        self.violations += [*found, *timetable.wrong(self._timetable_ended), *self.world.complaints]
        self.violations += [f"{workflow_id} is in quarantine again and again" for workflow_id in quarantined]
