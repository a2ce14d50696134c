"""One trial: a server, a crowd of sockets, and somebody who publishes. What comes of it is an `Outcome`."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import django

from benchmarks.live import writer
from benchmarks.live.client import Wanted
from benchmarks.live.crowd import Crowd, Seen, crowd
from benchmarks.live.servers import BASELINE, OURS, Cores, Server, serving
from benchmarks.live.writer import Published
from benchmarks.services import database, redis

SETTLED_WITHIN = 240.0
_PATIENCE = 15.0  # seconds after the last event, for those who must have everything
_SAMPLES = 200_000  # ages of events that are taken in one trial, about
_WARM = 50  # sockets that a server has served before its memory is looked at


class Stage(NamedTuple):
    """What all trials share."""

    environment: dict[str, str]
    home: Path
    cores: Cores
    generators: int
    cookies: list[str]

    @contextmanager
    def server(self, name: str, application: str) -> Iterator[Server]:
        """A server of ours, or of the baselines."""
        settings = {"DJANGO_SETTINGS_MODULE": "benchmarks.live.baseline_settings"} if application == BASELINE else {}
        with serving(
            name, application, self.cores.server, {**self.environment, **settings}, self.home / "server.log"
        ) as one:
            yield one

    @property
    def ways(self) -> list[str]:
        """How the baselines send."""
        return ["bare", "memory", *(["redis"] if "BENCHMARK_REDIS" in self.environment else [])]


@contextmanager
def staged(generators: int, accounts: int) -> Iterator[Stage]:
    """A database, perhaps a Redis, and people; this process and all it starts leave the server's core alone."""
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, cores.others)
    with database() as (home, environment), redis(home) as more:
        environment.update(more, LIVE_CONNECTIONS_PER_USER="1000000")  # a few accounts hold all sockets
        os.environ.update(environment)
        django.setup()
        yield Stage(environment, home, cores, generators, writer.cookies(accounts))


class Load(NamedTuple):
    """How much is asked of a server. `rate`: events a second of all workflows together."""

    server: str
    sockets: int
    rate: int
    seconds: float
    workflows: int = 1

    def wanted(self, topics: list[str], cookies: list[str]) -> list[Wanted]:
        """The sockets, over the topics and accounts; enough of them take the age of their events."""
        expected = self.sockets * self.rate * self.seconds / self.workflows
        step = max(1, round(expected / _SAMPLES)) | 1  # odd, so that each process has some of them
        return [
            Wanted(topics[number % len(topics)], cookies[number % len(cookies)], sampled=number % step == 0)
            for number in range(self.sockets)
        ]


class Outcome(NamedTuple):
    """What one side did with a load."""

    rate: float  # deliveries per second while events were published
    offered: float  # events per second that were published
    complete: float  # share of the sockets that had every event in the end
    lost: int
    disordered: int
    p50: float  # ms from commit to arrival
    p99: float
    server_cpu: float  # share of its core while events were published
    server_waited: float  # share of that time in which it had work and no core
    generator_cpu: float  # share of a core, of the busiest process
    generator_waited: float  # likewise
    flaws: list[str]


def ours(stage: Stage, load: Load) -> Outcome:
    """Our server, and a writer that checkpoints into real workflows."""
    held = writer.workflows(load.workflows)
    wanted = load.wanted([one.topic for one in held], stage.cookies)
    with (
        stage.server(load.server, OURS) as server,
        writer.writer(held) as author,
        crowd(server.port, "/ws/live/", wanted, acknowledging=True, processes=stage.generators) as sockets,
    ):
        sockets.settled(SETTLED_WITHIN)

        def publish() -> Published:
            author.go(load.rate, load.seconds)
            return author.done(load.seconds)

        return _measured(server, sockets, publish, _PATIENCE)


def baseline(stage: Stage, load: Load, way: str) -> Outcome:
    """A baseline, which publishes within its server. A layer drops what is too much, so nobody waits long for it."""
    wanted = load.wanted([f"workflow:baseline-{number}" for number in range(load.workflows)], stage.cookies)
    with (
        stage.server(load.server, BASELINE) as server,
        crowd(server.port, f"/ws/{way}/", wanted, acknowledging=False, processes=stage.generators) as sockets,
    ):
        sockets.settled(SETTLED_WITHIN)
        asked = {"way": way, "rate": load.rate, "seconds": load.seconds, "topics": load.workflows}
        return _measured(
            server, sockets, lambda: _post(server.port, asked, load.seconds), _PATIENCE if way == "bare" else 1.0
        )


def _post(port: int, asked: dict[str, Any], seconds: float) -> Published:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds * 10 + 60)
    connection.request("POST", f"/publish/?{urlencode(asked)}")
    return Published(**json.loads(connection.getresponse().read()))


def _measured(server: Server, sockets: Crowd, publish: Any, patience: float) -> Outcome:
    sockets.seen()  # from here on
    cpu, waited = server.cpu(), server.kept_waiting()
    published: Published = publish()
    seconds = published.ended - published.began
    cpu, waited = server.cpu() - cpu, server.kept_waiting() - waited
    during = sockets.seen()
    after = sockets.seen(published.targets, patience)
    ages = sorted(during.latencies + after.latencies)
    both = after._replace(latencies=ages)
    return Outcome(
        during.delivered / seconds,
        published.sent / seconds,
        after.complete / after.sockets,
        during.lost + after.lost,
        during.disordered + after.disordered,
        both.latency(0.5),
        both.latency(0.99),
        cpu / seconds,
        waited / seconds,
        during.busiest,
        during.kept_waiting,
        [*_flaws(during), *_flaws(after)],
    )


def _flaws(seen: Seen) -> list[str]:
    return [*seen.flaws, *(f"{count} closed: {why}" for why, count in seen.closes.items())]


class Idle(NamedTuple):
    """What sockets cost that nothing happens to."""

    bytes_each: float
    cpu: float  # share of the server's core, of all together


def idle(stage: Stage, name: str, sockets: int, seconds: float, *, ours: bool) -> Idle:
    """Sockets, each with a subscription, of our server or of a bare consumer's."""
    topics = [one.topic for one in writer.workflows(10)] if ours else ["workflow:baseline-0"]
    path = "/ws/live/" if ours else "/ws/bare/"

    def some(count: int) -> list[Wanted]:
        return Load(name, count, 0, 0).wanted(topics, stage.cookies)

    with stage.server(name, OURS if ours else BASELINE) as server:
        with crowd(server.port, path, some(_WARM), acknowledging=ours, processes=1) as first:
            first.settled(SETTLED_WITHIN)
        before = server.resident()
        with crowd(server.port, path, some(sockets), acknowledging=ours, processes=stage.generators) as crowded:
            crowded.settled(SETTLED_WITHIN)
            resident, cpu = server.resident(), server.cpu()
            _rest(crowded, seconds)
            return Idle((resident - before) / sockets, (server.cpu() - cpu) / seconds)


def _rest(crowded: Crowd, seconds: float) -> None:
    """Let time pass, with pings answered; a socket that ends meanwhile is no idle one."""
    time.sleep(seconds)
    seen = crowded.seen()
    if _flaws(seen):
        raise RuntimeError(f"idle sockets ended: {_flaws(seen)}")
