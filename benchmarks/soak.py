"""`make soak`: half an hour of one server with 2,000 sockets over some tens of workflows, and slow readers among them.

One workflow is hot: it has a third of the events, and the slow readers. Half of those read everything and never
acknowledge, half read a kilobyte a second; both come back with their cursors when they are closed. Every 30 seconds
memory and the ages of arriving events are taken. The verdict: every healthy reader has every event, once and in order,
and was never closed; the slow ones miss none of what they get, and are bounded; neither memory nor p99 rises. The exit
status is 1 when it does not hold.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from benchmarks.live import writer
from benchmarks.live.client import Manner, Wanted
from benchmarks.live.crowd import Crowd, Seen, crowd
from benchmarks.live.servers import OURS, SERVERS, Server
from benchmarks.live.trial import SETTLED_WITHIN, staged

_SAMPLE = 30.0  # seconds, in a run that is long enough for ten of them
_AGES = 20_000  # ages of events taken per sample, about
_SLOW = 0.02  # of the sockets
_HOT = 1 / 3  # of the events
_WARM_UP = 0.2  # of the run, before slopes are taken: until then the slow ones' buffers fill
_JUDGED_FROM = 10.0  # minutes; slopes of less say nothing
_MEMORY_RISE, _P99_RISE = 0.05, 0.25  # over the whole run, of the median
_P99_NOISE = 10.0  # ms of rise that are none
_MB = 1024 * 1024
# Of a reader that never reads, a server may hold the window and the one frame that was let into it.
_BYTES_OF_A_SLOW_ONE = 512 * 1024 + 32 * 1024
_PATIENCE = 60.0  # seconds for the last events to arrive


class Sample(NamedTuple):
    """What one period showed."""

    minute: float
    resident: float  # MB
    cpu: float  # percent of the server's core
    delivered: float  # events per second, to all
    p50: float  # ms from commit to arrival
    p99: float
    came_back: int  # slow ones that were closed
    waited: float  # percent of the time, of all threads, in which the server or its readers had work and no core

    def text(self) -> str:
        """As a row."""
        return (
            f"{self.minute:>7.1f}  {self.resident:>9.1f}  {self.cpu:>6.1f}  {self.delivered:>11,.0f}  {self.p50:>8.1f}"
            f"  {self.p99:>8.1f}  {self.came_back:>10}  {self.waited:>8.0f}"
        )


HEAD = (
    f"{'minute':>7}  {'memory MB':>9}  {'CPU %':>6}  {'delivered/s':>11}  {'p50 ms':>8}  {'p99 ms':>8}"
    f"  {'came back':>10}  {'waited %':>8}"
)


class Finding(NamedTuple):
    """One part of the verdict; `ok` None: the run was too short to say."""

    name: str
    shown: str
    bar: str
    ok: bool | None

    def text(self) -> str:
        """As a row."""
        verdict = "not judged" if self.ok is None else "ok" if self.ok else "FAILED"
        return f"{self.name:<44} {self.shown:>40}  {self.bar:>28}  {verdict}"


class Soak:
    """One run and what it collects."""

    def __init__(self, server: Server, sockets: Crowd, period: float) -> None:
        self._server, self._sockets, self._period = server, sockets, period
        self._at_rest = server.resident()
        self.samples: list[Sample] = []
        self.seen: list[Seen] = []

    def run(self, seconds: float) -> Iterator[Sample]:
        """Sample for so long."""
        self._sockets.seen()
        began = time.monotonic()
        for number in range(1, round(seconds / self._period) + 1):
            cpu, waited, since = self._server.cpu(), self._server.kept_waiting(), time.monotonic()
            time.sleep(max(0.0, began + number * self._period - since))
            seen = self._sockets.seen()
            now = time.monotonic()
            self.seen.append(seen._replace(latencies=[]))
            waited = max((self._server.kept_waiting() - waited) / (now - since), seen.kept_waiting)
            sample = Sample(
                (now - began) / 60, self._server.resident() / _MB, 100 * (self._server.cpu() - cpu) / (now - since),
                seen.delivered / (now - since), seen.latency(0.5), seen.latency(0.99), sum(seen.closes.values()),
                100 * waited,
            )  # fmt: skip
            self.samples.append(sample)
            yield sample

    def verdict(self, published: writer.Published, slow: int, minutes: float) -> Iterator[Finding]:
        """What is to be said of it all."""
        last = self._sockets.seen(published.targets, _PATIENCE)
        self.seen.append(last)
        yield from self._healthy(last)
        yield from self._slow(last, slow)
        settled = [one for one in self.samples if one.minute >= minutes * _WARM_UP]
        long_enough = minutes >= _JUDGED_FROM and len(settled) > 2
        for name, field, unit, part, noise in (
            ("memory", "resident", "MB", _MEMORY_RISE, 0.0), ("p99", "p99", "ms", _P99_RISE, _P99_NOISE),
        ):  # fmt: skip
            values = [getattr(one, field) for one in settled]
            rise = _slope([one.minute for one in settled], values) * (settled[-1].minute - settled[0].minute)
            bar = max(part * statistics.median(values), noise)
            shown = f"{rise:+.1f} {unit} from {statistics.median(values[:3]):.1f} {unit}"
            yield Finding(f"{name} over the run", shown, f"<= {bar:+.1f} {unit}", rise <= bar if long_enough else None)

    def _healthy(self, last: Seen) -> Iterator[Finding]:
        whole = last.complete == last.sockets
        yield Finding("healthy readers with every event", f"{last.complete:,} of {last.sockets:,}", "all", whole)
        lost, disordered = (sum(getattr(seen, field) for seen in self.seen) for field in ("lost", "disordered"))
        shown = f"{lost} and {disordered} of {sum(seen.delivered for seen in self.seen):,}"
        yield Finding("events lost, and doubled or reordered", shown, "0 and 0", not lost and not disordered)
        closed = sum(count for why, count in self._closes().items() if why.startswith(Manner.HEALTHY))
        yield Finding("healthy readers closed", f"{closed}", "0", closed == 0)
        flaws = [flaw for seen in self.seen for flaw in seen.flaws]
        yield Finding("resets and errors", f"{len(flaws)} {flaws[:1] or ''}", "0", not flaws)

    def _slow(self, last: Seen, slow: int) -> Iterator[Finding]:
        for manner, counts in sorted(last.fed.items()):
            closes = {why: count for why, count in self._closes().items() if why.startswith(manner)}
            shown = f"{min(counts)} to {max(counts)} each, {closes or 'none closed'}"
            yield Finding(f"{len(counts)} {manner} readers got events", shown, "some", min(counts) > 0)
        most = max(sample.resident for sample in self.samples) * _MB - self._at_rest
        each = most / slow / 1024
        bar = _BYTES_OF_A_SLOW_ONE / 1024
        yield Finding("memory that came, per slow reader", f"{each:.0f} KB", f"<= {bar:.0f} KB", each <= bar)

    def _closes(self) -> dict[str, int]:
        closes: dict[str, int] = {}
        for seen in self.seen:
            for why, count in seen.closes.items():
                closes[why] = closes.get(why, 0) + count
        return closes


def _slope(times: list[float], values: list[float]) -> float:
    """The median of all slopes between two samples (Theil and Sen): one bad sample does not turn it."""
    pairs = combinations(zip(times, values, strict=True), 2)
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs) if len(times) > 1 else 0.0


def _wanted(held: list[writer.Held], cookies: list[str], sockets: int, sampled_each: int) -> list[Wanted]:
    """Healthy ones over all workflows, slow ones on the first."""
    slow = _slow_ones(sockets)
    healthy = [
        Wanted(
            held[number % len(held)].topic, cookies[number % len(cookies)], sampled=number % sampled_each == 0
        )
        for number in range(sockets - slow)
    ]  # fmt: skip
    manners = (Manner.SILENT, Manner.TRICKLE)
    return [*healthy, *(Wanted(held[0].topic, cookies[n % len(cookies)], manners[n % 2]) for n in range(slow))]


def _slow_ones(sockets: int) -> int:
    return max(2, int(sockets * _SLOW))


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=200, help="events a second, of all workflows together")
    parser.add_argument("--workflows", type=int, default=40)
    parser.add_argument("--server", choices=sorted(SERVERS), default="daphne")
    parser.add_argument("--generators", type=int, default=2, help="processes of the load generator")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    options = parser.parse_args()

    def show(line: Sample | Finding) -> None:
        print(json.dumps(line._asdict()) if options.json else line.text(), flush=True)

    if not options.json:
        print(HEAD)
    failed = False
    for line in soak(options):
        show(line)
        failed = failed or (isinstance(line, Finding) and line.ok is False)
    sys.exit(failed)


def soak(options: argparse.Namespace) -> Iterator[Sample | Finding]:
    """The samples as they come, then the findings."""
    seconds = options.minutes * 60
    period = min(_SAMPLE, seconds / 10)
    with staged(options.generators, accounts=max(1, options.sockets // 10)) as stage:
        held = writer.workflows(options.workflows)
        others = len(held) - 1
        turns = [held[0]] * max(1, round(others * _HOT / (1 - _HOT))) + held[1:]
        each = options.sockets * options.rate * period / options.workflows / _AGES
        wanted = _wanted(held, stage.cookies, options.sockets, max(1, round(each)) | 1)
        with (
            stage.server(options.server, OURS) as server,
            writer.writer(turns) as author,
            crowd(
                server.port, "/ws/live/", wanted, acknowledging=True, processes=stage.generators, returning=True
            ) as sockets,
        ):
            sockets.settled(SETTLED_WITHIN)
            run = Soak(server, sockets, period)
            author.go(options.rate, seconds)
            yield from run.run(seconds)
            yield from run.verdict(author.done(period), _slow_ones(options.sockets), options.minutes)


if __name__ == "__main__":
    main()
