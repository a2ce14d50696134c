"""`make bench`: the engine beside bare psycopg, bare Celery and DBOS, in one run on one server with fsync.

Sides take turns (ours, baseline, ours, …); a figure is the median of the rounds. Every line is a ratio against a named
baseline; the exit status is 0 whatever it says. `--json` for machines, `--quick` for a short look.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from config.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
DBOS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
REDIS_PORT = 6391
TIMEOUT = 180


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
        verdict = "not measured" if self.ok is None else "ok" if self.ok else "short"
        return f"{self.name:<44} {self.ours:>14}  {self.baseline:>26}  {ratio:>7}  {self.bar:>16}  {verdict}"


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
        command = [sys.executable, "-m", "benchmarks.ours_side", name, str(max(5, int(count * self.scale)))]
        return measure(command, processes, self.environment)

    def dbos(self, name: str, count: int, processes: int = 1) -> list[dict[str, Any]] | None:
        """DBOS's side; None where it is not installed."""
        if not DBOS_PYTHON.exists():
            return None
        command = [str(DBOS_PYTHON), "benchmarks/dbos_side.py", name, str(max(5, int(count * self.scale)))]
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


def execution_lines(bench: Bench) -> Iterator[Line]:
    """What needs no worker."""
    for processes, words in ((1, "one workflow"), (8, "8 processes")):
        ours, bare, dbos = bench.rates("values", 2000 // processes + 250, 400 // processes + 50, processes)
        yield against(f"set_event, {words}", ours, bare, "psycopg", 0.7)
        yield against(f"set_event, {words}", ours, dbos, "DBOS", 5)
    ours, _, dbos = bench.rates("steps", 1500, 400)
    yield against("no-op steps, one workflow", ours, dbos, "DBOS", 4)


def worker_lines(bench: Bench) -> Iterator[Line]:
    """What needs a worker with four pool children on the default broker."""

    def dbos_flow() -> float | None:
        answers = bench.dbos("flow", 600)
        return rate(answers) if answers else None

    def dbos_served() -> float | None:
        with bench.serving_dbos(4) as serving:
            answers = bench.dbos("client_flow", 1000) if serving else None
        return rate(answers) if answers else None

    def celery_flow() -> float | None:
        if "BENCHMARK_REDIS" not in bench.environment:
            return None
        command = [sys.executable, "-m", "benchmarks.bare_app", str(max(5, int(1500 * bench.scale)))]
        return rate(measure(command, 1, _without_django(bench.environment)))

    ours, served, dbos, celery = bench.compared(
        lambda: rate(bench.ours("flow", 1000)), dbos_served, dbos_flow, celery_flow
    )
    yield against("start to finished, no-op workflows", ours, served, "DBOS, 4 processes", 2)
    yield against("start to finished, no-op workflows", ours, dbos, "DBOS, 1 process", 2)
    yield against("start to finished, no-op workflows", ours, celery, "bare Celery, Redis", 0.5)
    idle, dbos_idle = bench.ours("idle", 30), bench.dbos("idle", 6)
    dbos_p50 = percentile(dbos_idle, 0.5) if dbos_idle else None
    yield within("start to first line, idle, p50", percentile(idle, 0.5), dbos_p50, "DBOS", 50)
    wake, dbos_wake = bench.ours("wake", 200), bench.dbos("wake", 60)
    for part, bar in ((0.5, 10.0), (0.99, 50.0)):
        baseline = percentile(dbos_wake, part) if dbos_wake else None
        yield within(f"commit to get_event, p{part * 100:g}", percentile(wake, part), baseline, "DBOS, listening", bar)
    killed = bench.ours("killed", 10)
    dbos_killed = bench.dbos("killed", 1) if bench.rounds > 1 else None
    baseline = percentile(dbos_killed, 0.5) if dbos_killed else None
    yield within("the same, setter killed, worst of 10", percentile(killed, 1), baseline, "DBOS, listening", 500)


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A process beside the measurements."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def redis(home: Path) -> Iterator[dict[str, str]]:
    """A Redis of our own, where there is one; else nothing."""
    if shutil.which("redis-server") is None:
        yield {}
        return
    url = f"redis://127.0.0.1:{REDIS_PORT}/0"
    command = ["redis-server", "--port", str(REDIS_PORT), "--bind", "127.0.0.1", "--save", ""]
    with running(command, {}, home / "redis.log"):
        yield {"BENCHMARK_REDIS": url}


def lines(bench: Bench, home: Path) -> Iterator[Line]:
    """All measurements, as they are done."""
    yield from execution_lines(bench)
    with ExitStack() as stack:
        bench.environment.update(stack.enter_context(redis(home)))
        apps = ["benchmarks.worker_app", *(["benchmarks.bare_app"] if "BENCHMARK_REDIS" in bench.environment else [])]
        for app in apps:
            command = [sys.executable, "-m", "celery", "-q", "-A", app, "worker", "-l", "WARNING", "-O", "fair"]
            command += ["-c", "4", "-n", f"{app}@%h"]
            environment = bench.environment if app.endswith("worker_app") else _without_django(bench.environment)
            stack.enter_context(running(command, environment, home / f"{app}.log"))
        yield from worker_lines(bench)


def _without_django(environment: dict[str, str]) -> dict[str, str]:
    """Celery alone: with settings named it would load the project, its queues and its lease keeper."""
    return {**environment, "DJANGO_SETTINGS_MODULE": ""}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the operations, one round: shows that it runs, decides nothing"
    )
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="telltale-bench-"))
    home.chmod(0o711)
    server = Postgres(home)
    with (home / "postgres.log").open("wb") as log:
        server.start(log=log)
    try:
        environment = _environment(home, server)
        bench = Bench(*environment, rounds=1 if options.quick else 3, scale=0.1 if options.quick else 1.0)
        for line in lines(bench, home):
            print(json.dumps(line._asdict()) if options.json else line.text(), flush=True)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _environment(home: Path, server: Postgres) -> tuple[dict[str, str], dict[str, str]]:
    """Environments of our side and of DBOS's, each with its database on the one server."""
    ours = {
        "DATABASE_URL": server.url,
        "TELLTALE_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "only for benchmarks",
        "LOG_LEVEL": "ERROR",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env={**os.environ, **ours}, check=True)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE dbos")
    return ours, {"DBOS_URL": server.url.replace("/telltale?", "/dbos?").replace("postgresql:", "postgresql+psycopg:")}


if __name__ == "__main__":
    main()
