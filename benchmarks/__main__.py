"""`make bench`: the engine beside bare psycopg, bare Celery and DBOS, in one run on one server with fsync.

Sides take turns (ours, baseline, ours, …); a figure is the median of the rounds. Every line is a ratio against a named
baseline; the exit status is 0 whatever it says. `--json` for machines, `--quick` for a short look.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks import waiting_lines
from benchmarks.services import database, redis
from benchmarks.sides import Bench, Line, against, measure, percentile, rate, running, within


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


GROUPS = ("execution", "worker", "messages", "wakes", "queues", "takeovers", "crowd")


def lines(bench: Bench, home: Path, groups: list[str]) -> Iterator[Line]:
    """All measurements, as they are done."""
    if "execution" in groups:
        yield from execution_lines(bench)
    if "worker" in groups:
        with ExitStack() as stack:
            bench.environment.update(stack.enter_context(redis(home)))
            if "BENCHMARK_REDIS" in bench.environment:
                command = [sys.executable, "-m", "celery", "-q", "-A", "benchmarks.bare_app", "worker", "-l", "WARNING"]
                command += ["-O", "fair", "-c", "4", "-n", "bare@%h"]
                stack.enter_context(running(command, _without_django(bench.environment), home / "bare.log"))
            stack.enter_context(
                running(waiting_lines.worker("default", "ours", 4), bench.environment, home / "ours.log")
            )
            yield from worker_lines(bench)
    if {*groups} - {"execution", "worker"}:
        yield from _lines_of_what_waits(bench, home, groups)


def _lines_of_what_waits(bench: Bench, home: Path, groups: list[str]) -> Iterator[Line]:
    command = waiting_lines.worker(waiting_lines.WORKER_QUEUES, "waits", 4)
    with running(command, bench.environment, home / "waits.log") as worker:
        bench.environment["BENCHMARK_WORKER"] = str(worker.pid)
        for group, found in (
            ("messages", waiting_lines.message_lines(bench)),
            ("wakes", waiting_lines.wake_lines(bench)),
            ("queues", waiting_lines.queue_lines(bench)),
            ("takeovers", waiting_lines.takeover_lines(bench, home)),
            ("crowd", waiting_lines.crowd_lines(bench)),
        ):
            if group in groups:
                yield from found


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
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, metavar="GROUP", help=", ".join(GROUPS))
    options = parser.parse_args()
    with database() as (home, environment):
        bench = Bench(
            environment, _dbos(environment), rounds=1 if options.quick else 3, scale=0.1 if options.quick else 1.0
        )
        for line in lines(bench, home, list(options.only)):
            print(json.dumps(line._asdict()) if options.json else line.text(), flush=True)


def _dbos(environment: dict[str, str]) -> dict[str, str]:
    """The environment of DBOS's side, with a database on the same server."""
    url = environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE dbos")
    return {"DBOS_URL": url.replace("/telltale?", "/dbos?").replace("postgresql:", "postgresql+psycopg:")}


if __name__ == "__main__":
    main()
