"""How many events one server process on one core delivers to many sockets that watch one workflow, and how late.

    taskset -c 1-3 python -m benchmarks.live --sockets 300 --rate 1000 --seconds 10

A real workflow publishes at the given rate; a real server (pinned to core 0) serves; clients in two processes check
that every event arrives once and in order. Latency is from the event's database time to the arrival of its frame, on
a sample of the sockets. Needs DJANGO_SETTINGS_MODULE and a migrated database; writes one workflow, one account and one
session into it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import time
from datetime import datetime
from multiprocessing.queues import Queue
from pathlib import Path
from typing import NamedTuple

import django

SAMPLED = 15  # every so many-th socket also decodes its frames
CLIENT_PROCESSES = 2
SERVERS = {"daphne": ["daphne", "-p"], "uvicorn": ["uvicorn", "--no-access-log", "--port"]}


class Report(NamedTuple):
    """What one client process saw."""

    delivered: int
    frames: int
    complete: int
    errors: list[str]
    latencies: list[float]


class Client(asyncio.Protocol):
    """A browser, reduced to what the benchmark needs: reads frames, acknowledges, checks that nothing is missing."""

    def __init__(self, port: int, cookie: str, topic: str, *, sampled: bool) -> None:
        self.port, self.cookie, self.topic, self.sampled = port, cookie, topic, sampled
        self.buffer = bytearray()
        self.frames = self.seq = self.unacknowledged = 0
        self.greeted = self.acknowledging = self.ended = False
        self.latencies: list[float] = []
        self.error = ""

    def itself(self) -> Client:
        """What the event loop calls a protocol factory."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /ws/live/ HTTP/1.1\r\nHost: localhost:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost:{self.port}\r\n"
            f"Cookie: sessionid={self.cookie}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames."""
        self.buffer += data
        if not self.greeted:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.greeted = True
            del self.buffer[: end + 4]
            self.say({"t": "subscribe", "topic": self.topic})
        while len(self.buffer) >= 2:
            length, start = self.buffer[1], 2
            if length == 126:
                length, start = int.from_bytes(self.buffer[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(self.buffer[2:10], "big"), 10
            if len(self.buffer) < start + length:
                return
            text = bytes(self.buffer[start : start + length])
            del self.buffer[: start + length]
            self.frame(text)

    def frame(self, text: bytes) -> None:
        """Check one frame, and acknowledge as a page does."""
        self.frames += 1
        self.unacknowledged += len(text)
        if self.unacknowledged >= 65536:
            self.acknowledge()
        elif not self.acknowledging:
            self.acknowledging = True
            asyncio.get_running_loop().call_later(0.25, self.acknowledge)
        head = text[:260]
        if text.startswith(b'{"t":"events"'):
            first, last = _number(head, b'"from":'), _number(head, b'"to":')
            if first != self.seq + 1:
                self.error = f"from {first} after {self.seq}"
            self.seq = last
            if self.sampled:
                now = time.time()
                self.latencies += [now - datetime.fromisoformat(e[1]).timestamp() for e in json.loads(text)["events"]]
            self.ended = self.ended or b'"succeeded"' in text[-200:]
        elif text.startswith(b'{"t":"snapshot"'):
            self.seq = _number(head, b'"seq":')

    def acknowledge(self) -> None:
        """Say how many frames have arrived."""
        self.acknowledging, self.unacknowledged = False, 0
        self.say({"t": "ack", "frames": self.frames})

    def say(self, message: dict[str, object]) -> None:
        """Send one masked text frame; a mask of zeros is a mask."""
        body = json.dumps(message).encode()
        length = bytes([128 | len(body)]) if len(body) < 126 else bytes([254]) + struct.pack(">H", len(body))
        self.transport.write(b"\x81" + length + b"\0\0\0\0" + body)


def _number(text: bytes, name: bytes) -> int:
    start = text.index(name) + len(name)
    end = start
    while text[end : end + 1].isdigit():
        end += 1
    return int(text[start:end])


def watch(port: int, cookie: str, topic: str, sockets: int, ready: Queue[int], reports: Queue[Report]) -> None:
    """One client process."""

    async def main() -> Report:
        loop = asyncio.get_running_loop()
        clients = []
        for number in range(sockets):
            client = Client(port, cookie, topic, sampled=number % SAMPLED == 0)
            await loop.create_connection(client.itself, "127.0.0.1", port)
            clients.append(client)
        while not all(client.seq for client in clients):
            await asyncio.sleep(0.05)
        started = sum(client.seq for client in clients)
        ready.put(sockets)
        patience = time.monotonic() + 120
        while not all(client.ended for client in clients) and time.monotonic() < patience:
            await asyncio.sleep(0.1)
        return Report(
            sum(client.seq for client in clients) - started,
            sum(client.frames for client in clients),
            sum(client.ended for client in clients),
            [client.error for client in clients if client.error],
            [latency for client in clients for latency in client.latencies],
        )

    reports.put(asyncio.run(main()))


def publish(workflow_id: str) -> None:
    """The worker: executes the workflow in a process of its own."""
    django.setup()
    from workflows import engine, transitions  # models need django.setup()

    _definition()
    claim = transitions.claim(workflow_id, worker="benchmark/1", definitions=["benchmark_live"])
    assert claim is not None
    engine.execute(claim, stopping=lambda: False)


def _definition() -> object:
    from workflows.durable import set_event, workflow  # models need django.setup()

    @workflow(name="benchmark_live")
    def benchmark_live(rate: int, seconds: float) -> float:
        started = time.perf_counter()
        for number in range(int(rate * seconds)):
            pause = started + number / rate - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            set_event("progress", {"done": number, "total": int(rate * seconds), "label": "benchmark", "rate": rate})
        return time.perf_counter() - started

    return benchmark_live


def serve(port: int, *, core: str, name: str) -> subprocess.Popen[bytes]:
    """A server of its own, pinned to one core, once it accepts connections."""
    command = ["taskset", "-c", core, sys.executable, "-m", *SERVERS[name], str(port), "config.asgi:application"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return server
    raise SystemExit(f"{name} ended with {server.returncode} before it served; is port {port} taken?")


def _account() -> str:
    from django.contrib.auth import get_user_model  # models need django.setup()
    from django.test import Client as Browser

    user, _ = get_user_model().objects.get_or_create(username="benchmark", is_superuser=True)
    browser = Browser()
    browser.force_login(user)
    return browser.cookies["sessionid"].value


def main() -> None:
    """Run once and print one line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sockets", type=int, default=300)
    options.add_argument("--rate", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--server", choices=sorted(SERVERS), default="daphne")
    options.add_argument("--port", type=int, default=18472)
    options.add_argument("--core", default="0", help="of the server; give the rest to this script with taskset")
    given = options.parse_args()
    django.setup()
    workflow_id = _definition().start(given.rate, given.seconds).id  # type: ignore[attr-defined]
    cookie = _account()
    server = serve(given.port, core=given.core, name=given.server)
    try:
        spawn = multiprocessing.get_context("spawn")
        ready: Queue[int] = spawn.Queue()
        reports: Queue[Report] = spawn.Queue()
        share = given.sockets // CLIENT_PROCESSES
        arguments = (given.port, cookie, f"workflow:{workflow_id}", share, ready, reports)
        clients = [spawn.Process(target=watch, args=arguments) for _ in range(CLIENT_PROCESSES)]
        for client in clients:
            client.start()
        for _ in clients:
            ready.get(timeout=120)
        writer = spawn.Process(target=publish, args=(workflow_id,))
        began = time.time()
        writer.start()
        found = [reports.get(timeout=given.seconds + 150) for _ in clients]
        writer.join()
        cpu = _cpu_seconds(server.pid)
    finally:
        server.terminate()
        server.wait()
    _print(given, found, share * CLIENT_PROCESSES, cpu, time.time() - began)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print(given: argparse.Namespace, found: list[Report], sockets: int, cpu: float, wall: float) -> None:
    latencies = sorted(latency * 1000 for report in found for latency in report.latencies)
    p50, p99 = (latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
    delivered = sum(report.delivered for report in found)
    errors = [error for report in found for error in report.errors]
    print(
        f"{sockets} sockets x {given.rate} events/s for {given.seconds:.0f} s: {delivered:,} events delivered"
        f" ({delivered / given.seconds:,.0f}/s) in {sum(report.frames for report in found):,} frames;"
        f" complete {sum(report.complete for report in found)}/{sockets}, gaps {len(errors)} {errors[:1]};"
        f" latency p50 {p50:.0f} p99 {p99:.0f} max {latencies[-1]:.0f} ms; server CPU {cpu:.1f} s of {wall:.1f} s"
    )


if __name__ == "__main__":
    main()
