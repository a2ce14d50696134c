"""The rows: what is offered to which server, and the lines that come of it. Sides take turns; figures are medians."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeVar

from benchmarks.live.trial import Idle, Load, Outcome, Stage, baseline, idle, ours
from benchmarks.sides import NO_BAR, Line, against, within

_BUSY = 0.9  # share of a core from which on the load generator would be the limit
_PACE = 0.95  # of the events that were to be published
_MEMORY, _IDLE_CPU = 1.2, 5.0  # times a bare consumer; percent of a core, of 1,000 sockets
_NAMES = {"bare": "bare consumer", "memory": "group_send", "redis": "group_send, Redis"}
_Side = TypeVar("_Side")


class Row(NamedTuple):
    """One load on each of these servers. Bars of None: a figure that decides nothing."""

    servers: tuple[str, ...]
    sockets: int
    rate: int
    workflows: int = 1
    over_groups: float | None = None  # times the deliveries of `group_send`
    over_bare: float | None = None  # times those of a bare consumer
    p50: float | None = None  # ms
    p99: float = 100.0  # ms


BOTH = ("daphne", "uvicorn")
ROWS = {
    "hot": Row(BOTH, 300, 1000, over_groups=50, over_bare=0.8),
    "calm": Row(BOTH, 300, 100, over_bare=0.8, p99=60),
    "wide": Row(("uvicorn",), 1000, 1000, over_bare=0.8),
    "watched": Row(BOTH, 1000, 50, over_bare=0.8, p50=30),
    "spread": Row(BOTH, 1000, 1000, workflows=1000, over_bare=0.8),
    "many": Row(BOTH, 5000, 100, workflows=50, over_bare=0.8),
}
GROUPS = (*ROWS, "idle")


class Effort(NamedTuple):
    """How long and how often; `scale`: of the sockets."""

    rounds: int
    seconds: float
    scale: float

    @property
    def idle_seconds(self) -> float:
        """Long enough for a heartbeat of each socket, unless it is only to be shown that it runs."""
        return self.seconds * 2.5


def in_turn(rounds: int, sides: dict[str, Callable[[], _Side]]) -> dict[str, list[_Side]]:
    """Each side once per round: ours, baseline, ours, …"""
    found: dict[str, list[_Side]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
    return found


def row_lines(stage: Stage, row: Row, effort: Effort) -> Iterator[Line]:
    """All lines of one row."""
    for server in row.servers:
        sockets, workflows = (max(1, int(number * effort.scale)) for number in (row.sockets, row.workflows))
        load = Load(server, sockets, row.rate, effort.seconds, workflows)
        sides: dict[str, Callable[[], Outcome]] = {"ours": partial(ours, stage, load)}
        sides |= {way: partial(baseline, stage, load, way) for way in stage.ways}
        yield from _compared(_words(load), row, in_turn(effort.rounds, sides))


def _words(load: Load) -> str:
    if load.workflows == 1:
        return f"{load.server}, {load.sockets:,} x {load.rate:,}/s"
    return f"{load.server}, {load.sockets:,} on {load.workflows:,}"


def _compared(words: str, row: Row, found: dict[str, list[Outcome]]) -> Iterator[Line]:
    mine, bare = found["ours"], found["bare"]
    offered = _offered(words, row, mine)
    for way in (way for way in found if way != "ours"):
        bar = row.over_bare if way == "bare" else row.over_groups
        line = against(f"{words}: delivered", _median(mine, "rate"), _median(found[way], "rate"), _NAMES[way], bar or 0)
        if not bar:
            line = line._replace(bar=NO_BAR, ok=None)
        # A writer that fell behind delivers less, and no server can help that; a baseline has no database.
        yield line if line.ok or offered.ok else line._replace(ok=None)
    yield offered
    yield _complete(words, mine, bare)
    for name, bar in (("p50", row.p50), ("p99", row.p99)):
        line = within(f"{words}: {name}", _median(mine, name), _median(bare, name), _NAMES["bare"], bar or 0)
        yield line if bar else line._replace(bar=NO_BAR, ok=None)
    yield _share(f"{words}: server CPU", mine, bare, "server_cpu")
    yield _generator(words, mine, bare)


def _offered(words: str, row: Row, mine: list[Outcome]) -> Line:
    """Whether the writer kept its pace; behind it, deliveries say nothing about the server."""
    offered = _median(mine, "offered")
    shown = f"asked for {row.rate:,}/s"
    return Line(
        f"{words}: published", f"{offered:,.0f}/s", shown, offered / row.rate, ">= 0.95 x", offered >= 0.95 * row.rate
    )


def _complete(words: str, mine: list[Outcome], bare: list[Outcome]) -> Line:
    """The worst round: which share of the sockets had every event, once and in order."""
    worst, baseline = (min(_faultless(outcome) for outcome in taken) for taken in (mine, bare))
    flaws = [flaw for outcome in mine for flaw in outcome.flaws]
    shown, ratio = f"{_NAMES['bare']} {baseline:.1%}", worst / baseline if baseline else None
    name = ", ".join([f"{words}: complete", *flaws[:1]])
    return Line(name, f"{worst:.1%}", shown, ratio, "100 %", worst == 1)


def _faultless(outcome: Outcome) -> float:
    return 0.0 if outcome.lost or outcome.disordered or outcome.flaws else outcome.complete


def _share(name: str, mine: list[Outcome], bare: list[Outcome], field: str) -> Line:
    value, other = _median(mine, field), _median(bare, field)
    return Line(name, f"{value:.0%}", f"{_NAMES['bare']} {other:.0%}", other / value if value else None, NO_BAR, None)


def _generator(words: str, mine: list[Outcome], bare: list[Outcome]) -> Line:
    """The load generator's busiest process; and how long it or the server had work but no core: a crowded machine."""
    busiest = max(outcome.generator_cpu for outcome in [*mine, *bare])
    waited = max(max(outcome.generator_waited, outcome.server_waited) for outcome in [*mine, *bare])
    limit = f"kept waiting {waited:.0%}"
    return Line(f"{words}: load generator", f"{busiest:.0%} CPU", limit, None, f"<= {_BUSY:.0%}", busiest <= _BUSY)


def _median(outcomes: list[Any], field: str) -> float:
    return float(statistics.median(getattr(outcome, field) for outcome in outcomes))


def idle_lines(stage: Stage, effort: Effort) -> Iterator[Line]:
    """What a socket costs that nothing happens to."""
    sockets = max(100, int(1000 * effort.scale))
    for server in BOTH:
        sides: dict[str, Callable[[], Idle]] = {
            side: partial(idle, stage, server, sockets, effort.idle_seconds, ours=side == "ours")
            for side in ("ours", "bare")
        }
        found = in_turn(effort.rounds, sides)
        mine, bare = (_median(found[side], "bytes_each") / 1024 for side in ("ours", "bare"))
        yield Line(
            f"{server}, {sockets:,} idle: memory of each", f"{mine:,.1f} KB", f"{_NAMES['bare']} {bare:,.1f} KB",
            bare / mine, f"<= {_MEMORY:g} x", mine <= _MEMORY * bare,
        )  # fmt: skip
        mine, bare = (_median(found[side], "cpu") * 100 for side in ("ours", "bare"))
        yield Line(
            f"{server}, {sockets:,} idle: CPU of all", f"{mine:,.1f} %", f"{_NAMES['bare']} {bare:,.1f} %",
            bare / mine if mine else None, f"<= {_IDLE_CPU:g} %", mine <= _IDLE_CPU,
        )  # fmt: skip
