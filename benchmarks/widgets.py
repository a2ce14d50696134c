"""A status site beside a console: SOCKETS pages with a widget and SOCKETS console sockets on one workflow, one server.

    .venv/bin/python -m benchmarks.widgets [--sockets 2000] [--rate 20] [--seconds 20] [--server daphne]

Three rounds: the console's sockets alone, the widgets alone, and both at once while somebody asks for the badge all the
time. A console socket gets every event, a widget what changed of it, twice a second at most. An event's age is taken
from its commit, a state's from its `as_of`, each to its arrival. The server has a core of its own; `kept waiting` says
for which part of the time it had work and no core, near 0 on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from typing import NamedTuple

from websockets.asyncio.client import connect

from benchmarks.live import writer
from benchmarks.live.client import Wanted
from benchmarks.live.crowd import Crowd, crowd
from benchmarks.live.servers import OURS, SERVERS, Server
from benchmarks.live.trial import SETTLED_WITHIN, Stage, staged
from benchmarks.live.writer import Held

PAGE = "https://status.example"
_AT_ONCE, _AGES = 50, 200_000
_ANSWERS_WITHIN = 120.0


class Heard(NamedTuple):
    """What the pages with a widget were told in one round, and how old it was, in ms, sorted."""

    frames: int
    received: int
    ages: list[float]


class Badges(NamedTuple):
    """What one program that asks for the badge all the time got: how many, and how long each took, in ms, sorted."""

    answers: int
    took: list[float]


class Round(NamedTuple):
    """One round: seconds, shares of the server's core that it had and waited for, and what arrived."""

    seconds: float
    cpu: float
    waited: float
    console: tuple[int, float, float] | None  # events, and their ages: p50 and p99
    widgets: Heard | None
    badges: Badges | None


def part(values: list[float], share: float) -> float:
    """A percentile; not a number of nothing."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


async def _page(
    port: int, token: str, told: list[tuple[float, str]], turn: asyncio.Semaphore, ready: list[int]
) -> None:
    async with turn:
        socket = await connect(f"ws://127.0.0.1:{port}/embed/live/", origin=PAGE, compression=None)  # type: ignore[arg-type]
        await socket.send(json.dumps({"t": "watch", "tokens": [token]}))
        await socket.recv()
        ready.append(1)
    async for text in socket:
        now = time.time()
        if '"ping"' in text[:12]:  # type: ignore[operator]
            await socket.send('{"t":"pong"}')
        else:
            told.append((now, str(text)))


async def _pages(port: int, token: str, count: int, pipe: Connection) -> None:
    told: list[tuple[float, str]] = []
    ready: list[int] = []
    turn = asyncio.Semaphore(_AT_ONCE)
    pages = [asyncio.create_task(_page(port, token, told, turn, ready)) for _ in range(count)]
    while len(ready) < count:
        await asyncio.sleep(0.1)
    pipe.send("ready")
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, pipe.recv) == "report":
        heard, told[:] = list(told), []
        step = max(1, len(heard) // _AGES)
        pipe.send(Heard(len(heard), sum(len(text) for _, text in heard), sorted(_age(*one) for one in heard[::step])))
    for page in pages:
        page.cancel()


def _age(now: float, text: str) -> float:
    read_at = datetime.fromisoformat(json.loads(text)["state"]["as_of"]).timestamp()
    return (now - read_at) * 1000


def _run_pages(port: int, token: str, count: int, pipe: Connection) -> None:
    asyncio.run(_pages(port, token, count, pipe))


@contextmanager
def pages(port: int, token: str, count: int) -> Iterator[Connection]:
    """So many pages that show the widget, in a process of their own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_run_pages, args=(port, token, count, there), daemon=True)
    process.start()
    try:
        if not here.poll(SETTLED_WITHIN) or here.recv() != "ready":
            raise RuntimeError("the pages are not connected")
        yield here
        here.send("end")
    finally:
        process.join(20)
        process.kill()


@contextmanager
def badges(port: int, token: str) -> Iterator[list[float]]:
    """Somebody who asks for the badge, again and again, as image proxies do: with the ETag of the last answer."""
    took: list[float] = []
    is_over = threading.Event()

    def ask() -> None:
        connection, etag = http.client.HTTPConnection("127.0.0.1", port, timeout=60), ""
        while not is_over.is_set():
            began = time.perf_counter()
            connection.request("GET", f"/badge/{token}.svg", headers={"If-None-Match": etag} if etag else {})
            answer = connection.getresponse()
            answer.read()
            etag = answer.headers["ETag"] or etag
            took.append((time.perf_counter() - began) * 1000)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield took
    finally:
        is_over.set()
        thread.join(60)


def prepared() -> tuple[Held, str]:
    """A workflow that publishes what everybody may read, and the token of a widget of it."""
    from django.contrib.auth import get_user_model  # models need django.setup()

    from dashboard import widget_rows, widgets
    from workflows import operations, transitions
    from workflows.options import Options

    row = operations.start("inventory", options=Options(queue="benchmark"))
    claim = transitions.claim(row.id, worker="benchmark/1", definitions=["inventory"])
    assert claim is not None
    user = get_user_model().objects.filter(is_superuser=True)[0]
    what = widget_rows.subject(user, "workflow", row.id)
    wish = widget_rows.Wish("Benchmark", ["progress"], [PAGE], None, 100_000)
    return Held(*claim.owner), widgets.token(widget_rows.make(user, what, wish))


def one_round(stage: Stage, options: argparse.Namespace, *, console: bool, widgets: bool) -> Round:
    """A new server, a new workflow, and whoever looks at it."""
    held, token = prepared()
    wanted = [
        Wanted(held.topic, stage.cookies[number % len(stage.cookies)], sampled=number % 11 == 0)
        for number in range(options.sockets if console else 1)
    ]
    with (
        stage.server(options.server, OURS) as server,
        writer.writer([held]) as author,
        crowd(server.port, "/ws/live/", wanted, acknowledging=True, processes=1) as sockets,
    ):
        sockets.settled(SETTLED_WITHIN)
        if not widgets:
            return _measured(server, sockets, author, options, None, None)
        with pages(server.port, token, options.sockets) as looking:
            if not console:
                return _measured(server, sockets, author, options, looking, None)._replace(console=None)
            with badges(server.port, token) as took:
                return _measured(server, sockets, author, options, looking, took)


def _measured(
    server: Server, sockets: Crowd, author: writer.Writer, options: argparse.Namespace, looking: Connection | None,
    took: list[float] | None,
) -> Round:  # fmt: skip
    sockets.seen()
    if looking is not None:
        _report(looking)
    if took is not None:
        took.clear()
    cpu, waited = server.cpu(), server.kept_waiting()
    author.go(options.rate, options.seconds)
    published = author.done(options.seconds)
    cpu, waited = server.cpu() - cpu, server.kept_waiting() - waited
    seen = sockets.seen()
    seconds = published.ended - published.began
    return Round(
        seconds,
        cpu / seconds,
        waited / seconds,
        (seen.delivered, seen.latency(0.5), seen.latency(0.99)),
        _report(looking) if looking is not None else None,
        Badges(len(took), sorted(took)) if took is not None else None,
    )


def _report(looking: Connection) -> Heard:
    looking.send("report")
    if not looking.poll(_ANSWERS_WITHIN):
        raise RuntimeError("the pages do not answer")
    heard: Heard = looking.recv()
    return heard


def line(name: str, found: Round) -> str:
    """As people read it."""
    said = [f"{name:<18} server {100 * found.cpu:5.1f} % of a core, kept waiting {100 * found.waited:.0f} %"]
    if found.console is not None:
        events, p50, p99 = found.console
        said.append(f"console {events / found.seconds:9,.0f} events/s, age p50 {p50:.1f} p99 {p99:.1f} ms")
    if found.widgets is not None:
        heard, ages = found.widgets, found.widgets.ages
        each = heard.received / heard.frames if heard.frames else 0
        said.append(
            f"widgets {heard.frames / found.seconds:7,.0f} states/s of {each:.0f} bytes, "
            f"age p50 {part(ages, 0.5):.1f} p99 {part(ages, 0.99):.1f} ms"
        )
    if found.badges is not None:
        took = found.badges.took
        said.append(
            f"badge {found.badges.answers / found.seconds:5.0f}/s to one who asks, "
            f"p50 {part(took, 0.5):.1f} p99 {part(took, 0.99):.1f} ms"
        )
    return " | ".join(said)


def main() -> None:
    """Run and print; the last line compares."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.widgets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=2000, help="of each kind")
    parser.add_argument("--rate", type=int, default=20, help="events a second, of one workflow")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--server", choices=sorted(SERVERS), default="daphne")
    options = parser.parse_args()
    with staged(1, accounts=max(1, options.sockets // 10)) as stage:
        stage.environment.update(EMBED_REQUESTS_PER_MINUTE="1000000", EMBED_CONNECTIONS="1000000")
        alone = one_round(stage, options, console=True, widgets=False)
        print(line("console alone", alone), flush=True)
        status = one_round(stage, options, console=False, widgets=True)
        print(line("widgets alone", status), flush=True)
        both = one_round(stage, options, console=True, widgets=True)
        print(line("beside each other", both), flush=True)
        assert alone.console is not None
        assert both.console is not None
        print(
            f"the widgets cost {status.cpu / alone.cpu:.2f} of the console's sockets; beside them the console's p99 is "
            f"{both.console[2] / alone.console[2]:.2f} of what it is alone"
        )


if __name__ == "__main__":
    main()
