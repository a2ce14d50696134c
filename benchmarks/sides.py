"""Two sides that take turns, and the lines that come of it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DBOS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
TIMEOUT = 180
NO_BAR = "–"  # a figure that decides nothing


class Line(NamedTuple):
    """One result. `ratio` is ours to the baseline, in the direction in which more is better."""

    name: str
    ours: str
    baseline: str
    ratio: float | None
    bar: str
    ok: bool | None

    def text(self) -> str:
        """As people read it."""
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        unknown = "" if self.bar == NO_BAR else "not measured"
        verdict = unknown if self.ok is None else "ok" if self.ok else "short"
        return f"{self.name:<44} {self.ours:>14}  {self.baseline:>26}  {ratio:>7}  {self.bar:>16}  {verdict}".rstrip()


def measure(command: list[str], processes: int, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Run one side in so many processes that begin together; their answers."""
    sides = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, **environment},
        )
        for _ in range(processes)
    ]  # fmt: skip
    for side in sides:
        while (line := side.stdout.readline()) and line != "ready\n":  # type: ignore[union-attr]
            pass
    answers = []
    for side in sides:
        side.stdin.write("go\n")  # type: ignore[union-attr]
        side.stdin.flush()  # type: ignore[union-attr]
    for side in sides:
        output, errors = side.communicate(timeout=TIMEOUT)
        if side.returncode or not output.strip():
            raise RuntimeError(f"{' '.join(command)} failed: {errors[-2000:]}")
        answers.append(json.loads(output.strip().splitlines()[-1]))
    return answers


def rate(answers: list[dict[str, Any]]) -> float:
    """Operations per second of all processes together."""
    seconds = max(a["ended"] for a in answers) - min(a["began"] for a in answers)
    return float(sum(a["count"] for a in answers) / seconds)


def percentile(answers: list[dict[str, Any]], part: float) -> float:
    """A percentile of the latencies, in milliseconds."""
    latencies = sorted(latency for answer in answers for latency in answer["latencies"])
    return float(1000 * latencies[min(len(latencies) - 1, int(len(latencies) * part))])


class Bench:
    """The sides and their environment."""

    def __init__(self, ours: dict[str, str], dbos: dict[str, str], *, rounds: int, scale: float) -> None:
        self.environment, self.dbos_environment = ours, dbos
        self.rounds, self.scale = rounds, scale

    def ours(self, name: str, count: int, processes: int = 1) -> list[dict[str, Any]]:
        """Our side, or bare psycopg's."""
        command = [sys.executable, "-m", "benchmarks.ours_side", name, str(max(min(5, count), int(count * self.scale)))]
        return measure(command, processes, self.environment)

    def dbos(self, name: str, count: int, processes: int = 1) -> list[dict[str, Any]] | None:
        """DBOS's side; None where it is not installed."""
        if not DBOS_PYTHON.exists():
            return None
        command = [str(DBOS_PYTHON), "benchmarks/dbos_side.py", name, str(max(min(5, count), int(count * self.scale)))]
        return measure(command, processes, self.dbos_environment)

    @contextmanager
    def serving_dbos(self, processes: int) -> Iterator[bool]:
        """Processes of DBOS's side that execute what is enqueued; False where it is not installed."""
        if not DBOS_PYTHON.exists():
            yield False
            return
        servers = [
            subprocess.Popen(
                [str(DBOS_PYTHON), "benchmarks/dbos_side.py", "serve"], stdout=subprocess.PIPE, text=True, cwd=ROOT,
                env={**os.environ, **self.dbos_environment},
            )
            for _ in range(processes)
        ]  # fmt: skip
        try:
            for server in servers:
                server.stdout.readline()  # type: ignore[union-attr]
            yield True
        finally:
            for server in servers:
                server.kill()
                server.wait()

    def compared(self, *sides: Callable[[], float | None]) -> list[float | None]:
        """Each side's median over the rounds, taken in turn."""
        taken = [[side() for side in sides] for _ in range(self.rounds)]
        columns = [[row[i] for row in taken if row[i] is not None] for i in range(len(sides))]
        return [statistics.median(column) if column else None for column in columns]  # type: ignore[type-var]

    def rates(self, name: str, count: int, dbos_count: int, processes: int = 1) -> list[float | None]:
        """Ours, bare psycopg (for values only) and DBOS."""

        def bare() -> float | None:
            return rate(self.ours(f"bare_{name}", count, processes)) if name == "values" else None

        def dbos() -> float | None:
            answers = self.dbos(name, dbos_count, processes)
            return rate(answers) if answers else None

        return self.compared(lambda: rate(self.ours(name, count, processes)), bare, dbos)


def against(name: str, ours: float | None, baseline: float | None, label: str, bar: float) -> Line:
    """A line of rates: more is better."""
    if ours is None or baseline is None:
        return Line(name, "–" if ours is None else f"{ours:,.0f}/s", f"{label} –", None, f">= {bar:g} x", None)
    ratio = ours / baseline
    return Line(name, f"{ours:,.0f}/s", f"{label} {baseline:,.0f}/s", ratio, f">= {bar:g} x", ratio >= bar)


def within(name: str, ours: float, baseline: float | None, label: str, bar: float) -> Line:
    """A line of latencies in milliseconds: less is better; the bar is ours alone."""
    shown = f"{label} –" if baseline is None else f"{label} {baseline:,.1f} ms"
    ratio = None if baseline is None else baseline / ours
    return Line(name, f"{ours:,.1f} ms", shown, ratio, f"<= {bar:g} ms", ours <= bar)


@contextmanager
def running(
    command: list[str], environment: dict[str, str], log: Path, *, group: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A process beside the measurements; `group`: the leader of a process group of its own, which may be killed."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=group
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
