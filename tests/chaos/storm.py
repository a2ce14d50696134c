"""One storm: faults at random moments for a given time, then calm, then the oracle's word."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from datetime import datetime

from django.db import Error, close_old_connections
from django.utils import timezone

from tests.chaos import definitions, oracle, timetable
from tests.chaos.load import Load
from tests.chaos.weather import Weather
from workflows import operations
from workflows.models import Wakeup, Worker, Workflow
from workflows.states import ACTIVE, TERMINAL

_REVIVALS = 3
_CALM = 5.0  # seconds after the last fault until schedules stop
_PROBE_WITHIN = 60.0  # seconds for each worker to show that it hears, after the storm


@dataclass
class Storm(Weather):
    """Bad weather over workers, and what came of it."""

    violations: list[str] = field(default_factory=list)
    revived: set[str] = field(default_factory=set)
    _timetable_ended: datetime = field(default_factory=timezone.now)

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

        self.world.pause(_PROBE_WITHIN, is_right)
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
