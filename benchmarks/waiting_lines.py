"""The lines about what waits: messages, wakes, queues with limits, takeovers, the crowd."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.sides import Bench, Line, against, percentile, rate, running, within

WORKER_QUEUES = "default,free,four,rated,keyed"
_RATE_LIMIT = 50  # starts per second, as in `ours_waiting` and `dbos_side`
_LEASE = 15.0


def worker(queues: str, name: str, children: int) -> list[str]:
    """The command of a worker."""
    command = [sys.executable, "-m", "celery", "-q", "-A", "benchmarks.worker_app", "worker", "-l", "WARNING"]
    return [*command, "-O", "fair", "-c", str(children), "-Q", queues, "-n", f"{name}@%h"]


def _rate(bench: Bench, name: str, count: int) -> float:
    return rate(bench.ours(name, count))


def _dbos_rate(bench: Bench, name: str, count: int) -> float | None:
    answers = bench.dbos(name, count)
    return rate(answers) if answers else None


def _both(bench: Bench, name: str, count: int, dbos_count: int) -> list[float | None]:
    return bench.compared(partial(_rate, bench, name, count), partial(_dbos_rate, bench, name, dbos_count))


def message_lines(bench: Bench) -> Iterator[Line]:
    """Messages, and waits that give up the worker."""
    ours, dbos = _both(bench, "flood", 1000, 300)
    yield against("messages to one that receives all the time", ours, dbos, "DBOS", 1)
    ours, dbos = _both(bench, "suspended", 200, 60)
    yield against("messages to suspended workflows, to the end", ours, dbos, "DBOS, threads", 1)
    ours, dbos = _both(bench, "sleepers", 400, 100)
    yield against("workflows through a wait of 2 s, 4 children", ours, dbos, "DBOS, threads", 1)
    resumed, bare = bench.compared(
        lambda: percentile(bench.ours("resume", 1000), 0.5), lambda: percentile(bench.ours("bare_resume", 1000), 0.5)
    )
    assert resumed is not None
    yield within("resume with 1,000 recorded steps", resumed, bare, "psycopg, rows", 100)


def wake_lines(bench: Bench) -> Iterator[Line]:
    """From the cause to the first line after the wait."""
    for name, words in (
        ("wake_time", "time due"), ("wake_message", "message sent"), ("wake_value", "value set"),
        ("wake_child", "child ended"),
    ):  # fmt: skip
        ours, dbos = [], []
        for _ in range(bench.rounds):
            ours += bench.ours(name, 40)
            dbos += bench.dbos(name, 20) or []
        for part, bar in ((0.5, 100.0), (0.99, 500.0)):
            baseline = percentile(dbos, part) if dbos else None
            label = f"{words} to next line, p{part * 100:g}"
            yield within(label, percentile(ours, part), baseline, "DBOS, thread", bar)


def queue_lines(bench: Bench) -> Iterator[Line]:
    """Start to finished through queues."""
    for name, words, count, dbos_count in (
        ("queue_four", "concurrency 4", 500, 60), ("queue_keyed", "1 of each of 100 keys", 500, 200),
    ):  # fmt: skip
        limited, free, theirs = bench.compared(
            partial(_rate, bench, name, count), partial(_rate, bench, "queue_free", count),
            partial(_dbos_rate, bench, name, dbos_count),
        )  # fmt: skip
        yield against(f"queue, {words}", limited, free, "ours, no limit", 0.25)
        yield against(f"queue, {words}", limited, theirs, "DBOS, same limit", 1)
    answers = bench.ours("queue_rated", 300)
    words = f"queue, {_RATE_LIMIT} starts a second"
    yield against(words, rate(answers), float(_RATE_LIMIT), "limit", 0.8)
    yield against(words, rate(answers), _dbos_rate(bench, "queue_rated", 300), "DBOS, same limit", 0.8)
    most = float(answers[0]["most"])
    shown = f"limit {_RATE_LIMIT}"
    yield Line("most starts in any second", f"{most:g}", shown, _RATE_LIMIT / most, "<= limit", most <= _RATE_LIMIT)


def takeover_lines(bench: Bench, home: Path) -> Iterator[Line]:
    """Processes killed while they execute."""
    child = bench.ours("child_killed", 5)
    yield within("pool child killed to next line, worst", percentile(child, 1), None, "DBOS: nobody takes over", 2_000)
    latencies = []
    for turn in range(bench.rounds):
        with ExitStack() as stack:
            for name in ("a", "b"):
                stack.enter_context(
                    running(worker("doomed", f"{name}{turn}", 1), bench.environment, home / "doomed.log", group=True)
                )
            latencies += bench.ours("worker_killed", 1)
    worst = percentile(latencies, 1)
    yield within("worker killed to next line, worst", worst, _LEASE * 1000, "lease", _LEASE * 1000 + 2_000)


def crowd_lines(bench: Bench) -> Iterator[Line]:
    """A hundred thousand that wait."""
    answer = bench.ours("crowd", 100_000)[0]
    few, many, crowd = answer["few"], answer["many"], f"{answer['count']:,} waiting"

    def line(words: str, ours: float, baseline: float, unit: str, label: str) -> Line:
        ratio = baseline / ours if ours else 1.0
        name = f"{words}, {crowd}"
        return Line(name, f"{ours:,.2f} {unit}", f"{label} {baseline:,.2f} {unit}", ratio, ">= 0.5 x", ratio >= 0.5)

    for key, words, unit, size in (
        ("alarm", "alarm look", "ms", 1e3), ("buffers", "alarm look", "buffers", 1),
        ("round", "recovery round", "ms", 1e3), ("cpu", "idle worker", "% CPU", 1e2),
        ("resident", "idle worker", "MB", 1e-6),
    ):  # fmt: skip
        yield line(words, many[key] * size, few[key] * size, unit, "100 waiting")
    yield line("1,000 due to finished", answer["due"], answer["plain"], "s", "1,000 starts")
