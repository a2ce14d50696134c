"""The load generator as the measurement sees it: some processes, asked together."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.live.client import Wanted
from benchmarks.live.generator import SETTLED, Plan, Question, Report, generate

_ANSWERS_WITHIN = 60.0  # beyond the patience that was asked for


class Seen(NamedTuple):
    """The reports of all processes as one. `busiest`, `kept_waiting`: of one process, shares of a core."""

    sockets: int
    complete: int
    delivered: int
    frames: int
    received: int
    lost: int
    disordered: int
    closes: dict[str, int]
    flaws: list[str]
    latencies: list[float]  # sorted, in ms
    fed: dict[str, list[int]]
    busiest: float
    kept_waiting: float

    def latency(self, part: float) -> float:
        """A percentile, in ms; not a number where nothing was sampled."""
        if not self.latencies:
            return float("nan")
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * part))]


class Crowd:
    """Sockets in several processes."""

    def __init__(self, plans: list[Plan]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipes = []
        self._processes = []
        for plan in plans:
            here, there = spawn.Pipe()
            process = spawn.Process(target=generate, args=(plan, there), daemon=True)
            process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)

    def settled(self, within: float) -> float:
        """Wait until every healthy socket has its place; the seconds that took. Raises RuntimeError."""
        began = time.monotonic()
        for pipe in self._pipes:
            if not pipe.poll(max(0.0, began + within - time.monotonic())):
                raise RuntimeError(f"the sockets were not settled within {within:g} s: {self._why()}")
            pipe.recv()
        return time.monotonic() - began

    def _why(self) -> str:
        seen = self.seen()
        return f"{seen.flaws} {seen.closes}"

    def seen(self, targets: dict[str, int] | None = None, patience: float = 0.0) -> Seen:
        """What happened since the last time, at once or as soon as everybody has the targets."""
        for pipe in self._pipes:
            pipe.send(Question(targets, patience))
        reports: list[Report] = []
        for pipe in self._pipes:
            if not pipe.poll(patience + _ANSWERS_WITHIN):
                raise RuntimeError("a process of the load generator does not answer")
            answer = pipe.recv()
            reports.append(pipe.recv() if answer == SETTLED else answer)
        return _together(reports)

    def close(self) -> None:
        """End the processes and with them the sockets."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(20)
            process.kill()


def _together(reports: list[Report]) -> Seen:
    closes: dict[str, int] = {}
    fed: dict[str, list[int]] = {}
    for report in reports:
        for why, count in report.closes.items():
            closes[why] = closes.get(why, 0) + count
        for manner, counts in report.fed.items():
            fed.setdefault(manner, []).extend(counts)
    return Seen(
        sum(r.sockets for r in reports), sum(r.complete for r in reports), sum(r.delivered for r in reports),
        sum(r.frames for r in reports), sum(r.received for r in reports), sum(r.lost for r in reports),
        sum(r.disordered for r in reports), closes, [flaw for r in reports for flaw in r.flaws],
        sorted(latency * 1000 for r in reports for latency in r.latencies), fed,
        max(r.cpu / r.wall for r in reports), max(r.kept_waiting / r.wall for r in reports),
    )  # fmt: skip


@contextmanager
def crowd(
    port: int, path: str, wanted: list[Wanted], *, acknowledging: bool, processes: int, returning: bool = False
) -> Iterator[Crowd]:
    """These sockets, dealt out to so many processes."""
    hands = [wanted[number::processes] for number in range(processes)]
    made = Crowd([Plan(port, path, hand, acknowledging, returning) for hand in hands if hand])
    try:
        yield made
    finally:
        made.close()
