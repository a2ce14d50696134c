"""`workflow workers`, `queues`, `counts`, `prune`: who works, what waits, how many there are, and what may go."""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from workflows import counts, retention, workers
from workflows.errors import CountsWrong, InvalidInput
from workflows.management import terminal
from workflows.management.terminal import Paint
from workflows.models import Worker
from workflows.states import TERMINAL, Status
from workflows.workers import QueueState

Answer = Callable[..., dict[str, Any] | Iterable[str]]
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_STATE_COLOURS = {"ready": "green", "stopping": "yellow", "stopped": "grey", "died": "red", "silent": "red"}


def add_verbs(verb: Callable[[str, str, Answer], CommandParser]) -> None:
    """Add these verbs to the command by its own way of adding one."""
    listing = verb("workers", "list workers and what they do", show_workers)
    listing.add_argument("--all", action="store_true", dest="everyone", help="also those that ended, for a week")
    verb("queues", "list queues: what waits in them and who consumes them", show_queues)
    counting = verb("counts", "how many workflows there are, by definition and status", show_counts)
    looking = counting.add_mutually_exclusive_group()
    looking.add_argument("--check", action="store_true", help="compare with the workflows themselves, reading all")
    looking.add_argument("--rebuild", action="store_true", help="put right what such a comparison finds")
    prune = verb("prune", "remove ended workflows by age or number", prune_workflows)
    prune.add_argument("--older-than", type=age, help="ended longer ago than 90s, 15m, 12h, 30d or 8w")
    prune.add_argument("--keep", type=_count, help="all but the newest so many of each status")
    prune.add_argument("--status", action="append", default=[], choices=sorted(TERMINAL))
    prune.add_argument("--definition", help="only workflows of this definition")
    prune.add_argument("--batch", type=_count, default=500, help="workflows removed by one commit")
    prune.add_argument("--pause", type=float, default=0.0, help="seconds between batches")
    prune.add_argument("--dry-run", action="store_true", help="only say how many")


def age(text: str) -> timedelta:
    """A length of time such as `30d`. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; write 90s, 15m, 12h, 30d or 8w")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def show_workers(*, everyone: bool, as_json: bool, paint: Paint, **_: Any) -> dict[str, Any] | Iterable[str]:
    """Workers that have not ended, or all; and what no living one can execute."""
    now, held = datetime.now(UTC), workers.held_counts()
    rows = [_worker(row, now, held) for row in workers.known() if everyone or row.ended_at is None]
    stranded = [{"definition": one.definition, "workflows": one.workflows} for one in workers.stranded_definitions()]
    if as_json:
        return {"workers": rows, "stranded_definitions": stranded}
    return [*_worker_lines(rows, paint), *(_stranded_line(one) for one in stranded)]


def _worker(row: Worker, now: datetime, held: Counter[str]) -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "state": workers.state(row, now), "queues": row.queues, "pool": row.pool,
        "concurrency": row.concurrency, "holding": held[row.id], "version": row.version,
        "heartbeat_age": round(max((now - row.heartbeat_at).total_seconds(), 0.0), 1),
        "started_at": row.started_at.isoformat(),
    }  # fmt: skip


def _worker_lines(rows: list[dict[str, Any]], paint: Paint) -> Iterator[str]:
    if not rows:
        yield "No worker lives. Start one: celery -A config worker -O fair"
        return
    head = f"{'WORKER':<32}{'STATE':<10}{'POOL':<9}{'SIZE':>5}{'HOLDING':>9}{'HEARTBEAT':>11}  {'VERSION':<14}QUEUES"
    yield paint(head, "grey")
    for row in rows:
        yield (
            f"{terminal.padded(terminal.plain(row['name']), 31)} "
            f"{paint(terminal.padded(row['state'], 9), _STATE_COLOURS[row['state']])} "
            f"{terminal.padded(terminal.plain(row['pool']), 9)} {row['concurrency']:>4}"
            f"{row['holding']:>9}{row['heartbeat_age']:>9.1f} s  "
            f"{terminal.padded(terminal.plain(row['version']), 13)} {terminal.plain(', '.join(row['queues']), 80)}"
        )


def _stranded_line(stranded: dict[str, Any]) -> str:
    name = terminal.plain(stranded["definition"], 60)
    return f"{stranded['workflows']:,} of {name}: no worker knows this definition; start one with its code."


def show_queues(*, as_json: bool, paint: Paint, **_: Any) -> dict[str, Any] | Iterable[str]:
    """Every queue, and in words which of them nobody consumes."""
    now, states = datetime.now(UTC), workers.queue_states()
    if as_json:
        return {"queues": [_queue(state, now) for state in states]}
    return _queue_lines(states, now, paint)


def _queue(state: QueueState, now: datetime) -> dict[str, Any]:
    limits = state.limits
    names = ("concurrency", "worker_concurrency", "partition_concurrency", "rate_limit", "rate_period")
    return {
        "name": state.name, "queued": state.queued, "running": state.running, "consumers": state.consumers,
        "oldest_wait": _waited(state, now), "paused": bool(limits and limits.paused),
        "limits": {name: value for name in names if (value := getattr(limits, name, None)) is not None},
    }  # fmt: skip


def _waited(state: QueueState, now: datetime) -> float | None:
    """Seconds; a first one that backs off after a crash has not waited yet."""
    return None if state.oldest_at is None else round(max((now - state.oldest_at).total_seconds(), 0.0), 1)


def _queue_lines(states: list[QueueState], now: datetime, paint: Paint) -> Iterator[str]:
    if not states:
        yield "No queue holds anything, has limits or is consumed."
        return
    yield paint(f"{'QUEUE':<30}{'QUEUED':>8}{'RUNNING':>9}{'OLDEST':>11}{'CONSUMERS':>11}  LIMITS", "grey")
    for state in states:
        row = _queue(state, now)
        oldest = "–" if row["oldest_wait"] is None else f"{row['oldest_wait']:,.1f} s"
        limits = ", ".join(f"{name}={value:g}" for name, value in row["limits"].items())
        yield (
            f"{terminal.padded(terminal.plain(state.name), 29)} {state.queued:>8,}{state.running:>9,}"
            f"{oldest:>11}{state.consumers:>11}  {'paused ' if row['paused'] else ''}{limits}".rstrip()
        )
    for state in states:
        if state.queued and not state.consumers:
            name = terminal.plain(state.name, 60)
            yield paint(f"Nobody consumes {name}: start a worker with -Q {name}", "yellow")


def show_counts(*, check: bool, rebuild: bool, as_json: bool, paint: Paint, **_: Any) -> dict[str, Any] | Iterable[str]:
    """The counts, or whether they are right."""
    if check or rebuild:
        return _checked(counts.put_right() if rebuild else counts.differences(), rebuilt=rebuild, as_json=as_json)
    found = counts.everything()
    if as_json:
        return {"counts": [count._asdict() for count in found]}
    return _count_lines(found, paint)


def _count_lines(found: list[counts.Count], paint: Paint) -> Iterator[str]:
    if not found:
        yield "There are no workflows."
        return
    widths = {status.value: len(status) + 2 for status in Status}
    yield paint(f"{'DEFINITION':<30}{'':2}" + "".join(f"{name.upper():>{w}}" for name, w in widths.items()), "grey")
    of_each, of_all = counts.by_definition(found), counts.by_status(found)
    for definition in sorted({count.definition for count in found}):
        numbers = "".join(f"{of_each[definition, name] or '–':>{w}}" for name, w in widths.items())
        yield f"{terminal.padded(terminal.plain(definition), 30)}  {numbers}"
    yield f"{'all':<30}  " + "".join(f"{of_all[name] or '–':>{w}}" for name, w in widths.items())


def _checked(wrong: list[counts.Difference], *, rebuilt: bool, as_json: bool) -> Iterator[str]:
    """What was wrong. Raises CountsWrong at the end if it still is."""
    if as_json:
        yield json.dumps({"wrong": [one._asdict() for one in wrong], "rebuilt": rebuilt})
    elif not wrong:
        yield "The counts are right."
    else:
        for one in wrong:
            place = terminal.plain(f"{one.definition}, queue {one.queue}, {one.status}", 100)
            yield f"{place}: {one.told:,} counted, {one.there:,} there{' now counted' if rebuilt else ''}"
    if wrong and not rebuilt:
        raise CountsWrong(len(wrong))


def prune_workflows(
    *, older_than: timedelta | None, keep: int | None, status: list[str], definition: str | None, batch: int,
    pause: float, dry_run: bool, as_json: bool, **_: Any,
) -> dict[str, Any] | Iterable[str]:  # fmt: skip
    """Remove, or only say how many would be removed."""
    if not 0 <= pause <= 3_600:
        raise InvalidInput(f"pause is from 0 to 3600 seconds, not {pause}.")
    statuses = status or sorted(TERMINAL)
    if dry_run:
        counts = retention.prunable(older_than=older_than, keep=keep, statuses=statuses, definition=definition)
    else:
        counts = retention.prune(
            older_than=older_than, keep=keep, statuses=statuses, definition=definition, batch=batch, pause=pause
        )
    if as_json:
        return {"would_remove" if dry_run else "removed": dict(sorted(counts.items()))}
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    return [f"{'Would remove' if dry_run else 'Removed'}: {told or 'nothing'}."]
