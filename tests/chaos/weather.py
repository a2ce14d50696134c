"""Faults at random moments for a given time, each ended in time. Knows nothing of Django."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from tests.chaos.faults import Fault, NotPossible, Undo
from tests.chaos.world import World


@dataclass
class Weather:
    """The plan and what was injected. `gap`: mean seconds between two faults."""

    world: World
    chance: random.Random
    faults: list[Fault]
    gap: float = 1.0
    injected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
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
            self._bag = list(self.faults)
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
        except NotPossible as error:
            self.skipped[f"{fault.name}: {error}"] += 1
            return
        except psycopg.Error as error:  # another fault is in force; this one comes again after the others
            self.skipped[f"{fault.name}: {type(error).__name__}, put off"] += 1
            self._bag.insert(0, fault)
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
