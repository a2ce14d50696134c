"""One process of the load generator: all its sockets on one epoll, so that it is not what is measured.

Speaks with `crowd` over a pipe: says when all its sockets are settled, then answers each `Question` with a `Report`.
"""

from __future__ import annotations

import gc
import heapq
import random
import select
import time
from array import array
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from benchmarks.live.client import ACK_BYTES, Client, Manner, Tally, Wanted

SETTLED = "settled"
ACK_SECONDS = (2.5, 5.0)
_CONNECTING = 32  # at once, of one process
_ROUND = 0.02  # seconds between looks at what is due, while nothing arrives
_BUFFER = 1024 * 1024
_TRICKLE = 1024  # bytes a second
_LOOKS = 0.05  # seconds between looks whether everybody has everything
_BACK_AFTER = (0.25, 1.0)  # seconds until a closed one comes back


class Plan(NamedTuple):
    """What one process does. `acknowledging`: as our protocol wants; `returning`: closed ones come back."""

    port: int
    path: str
    sockets: list[Wanted]
    acknowledging: bool
    returning: bool = False


class Question(NamedTuple):
    """Wait until each healthy socket has its topic's event of this seq, or for so many seconds; then report."""

    targets: dict[str, int] | None = None
    patience: float = 0.0


class Report(NamedTuple):
    """What the sockets of one process saw since the last one, and what that took."""

    sockets: int  # healthy ones
    complete: int  # of those, with everything that was asked for
    delivered: int
    frames: int
    received: int  # bytes
    lost: int
    disordered: int
    closes: dict[str, int]
    flaws: list[str]
    latencies: array[float]  # seconds
    fed: dict[str, list[int]]  # events so far of each socket, by manner, slow ones only
    cpu: float  # seconds
    kept_waiting: float  # seconds that the process was ready and had no core
    wall: float  # seconds


class Generator:
    """The sockets of this process."""

    def __init__(self, plan: Plan, pipe: Connection) -> None:
        self._plan, self._pipe = plan, pipe
        self._poll = select.epoll()
        self._poll.register(pipe, select.EPOLLIN)
        self._by_file: dict[int, Client] = {}
        self._clients = [Client(wanted) for wanted in plan.sockets]
        self._unsettled: set[Client] = set()
        self._coming: Iterator[Client] = iter(self._clients)
        self._back: list[tuple[float, Client]] = []
        self._acks: list[tuple[float, int, Client]] = []  # a heap
        self._trickling: list[Client] = []
        self._trickle_at = 0.0
        self._buffer = bytearray(_BUFFER)
        self._question: tuple[Question, float] | None = None
        self._look_at = 0.0
        self._greeted = False
        self._restart()

    def _restart(self) -> None:
        self._tally = Tally()
        self._began, self._cpu, self._kept_waiting = time.monotonic(), time.process_time(), _kept_waiting()

    def run(self) -> None:
        """Until the pipe is closed."""
        pipe = self._pipe.fileno()
        while True:
            for file, _ in self._poll.poll(_ROUND):
                if file != pipe:
                    self._read(self._by_file[file])
                elif not self._asked():
                    return
            now = time.monotonic()
            self._connect(now)
            self._acknowledge(now)
            if now >= self._trickle_at:
                self._trickle(now)
            self._answer(now)

    def _asked(self) -> bool:
        try:
            question: Question = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            return False
        self._question = question, time.monotonic() + question.patience
        self._look_at = 0.0
        return True

    def _connect(self, now: float) -> None:
        while self._back and self._back[0][0] <= now:
            self._open(self._back.pop(0)[1])
        self._unsettled = {client for client in self._unsettled if not client.settled}
        while len(self._unsettled) < _CONNECTING:
            client = next(self._coming, None)
            if client is None:
                break
            self._open(client)
            if client.wanted.manner is Manner.HEALTHY:
                self._unsettled.add(client)
        else:
            return
        if not self._unsettled and not self._back and not self._greeted:
            self._greeted = True
            self._pipe.send(SETTLED)

    def _open(self, client: Client) -> None:
        try:
            client.connect(self._plan.port, self._plan.path)
        except OSError as error:
            self._tally.flaws.append(str(error))
            return
        if client.wanted.manner is Manner.TRICKLE:
            self._trickling.append(client)
        else:
            self._by_file[client.connection.fileno()] = client
            self._poll.register(client.connection, select.EPOLLIN)

    def _read(self, client: Client, limit: int = _BUFFER) -> None:
        frames = client.frames
        if not client.read(self._buffer, limit, self._tally):
            self._end(client)
        elif client.frames != frames and self._plan.acknowledging and client.wanted.manner is not Manner.SILENT:
            if client.unacknowledged >= ACK_BYTES:
                client.acknowledge()
            elif not client.ack_due:
                client.ack_due = True
                due = time.monotonic() + random.uniform(*ACK_SECONDS)
                heapq.heappush(self._acks, (due, id(client), client))

    def _end(self, client: Client) -> None:
        if client.wanted.manner is Manner.TRICKLE:
            self._trickling.remove(client)
        else:
            del self._by_file[client.connection.fileno()]
            self._poll.unregister(client.connection)
        client.connection.close()
        client.ack_due = False
        if self._plan.returning or not self._greeted:  # a crowded machine may not answer a handshake in time
            self._back.append((time.monotonic() + random.uniform(*_BACK_AFTER), client))
            self._back.sort(key=lambda one: one[0])

    def _acknowledge(self, now: float) -> None:
        while self._acks and self._acks[0][0] <= now:
            client = heapq.heappop(self._acks)[2]
            if client.ack_due:
                client.acknowledge()

    def _trickle(self, now: float) -> None:
        self._trickle_at = now + 1.0
        for client in list(self._trickling):
            self._read(client, _TRICKLE)

    def _answer(self, now: float) -> None:
        if self._question is None or now < self._look_at:
            return
        self._look_at = now + _LOOKS
        (targets, _), until = self._question
        healthy = [client for client in self._clients if client.wanted.manner is Manner.HEALTHY]
        complete = sum(client.seq >= targets.get(client.wanted.topic, 0) for client in healthy) if targets else 0
        if targets and complete < len(healthy) and now < until:
            return
        self._pipe.send(self._report(len(healthy), complete, now))
        self._question = None
        self._restart()

    def _report(self, sockets: int, complete: int, now: float) -> Report:
        tally = self._tally
        return Report(
            sockets,
            complete,
            tally.delivered,
            tally.frames,
            tally.received,
            tally.lost,
            tally.disordered,
            tally.closes,
            tally.flaws[:5],
            tally.latencies,
            self._fed(),
            time.process_time() - self._cpu,
            _kept_waiting() - self._kept_waiting,
            now - self._began,
        )

    def _fed(self) -> dict[str, list[int]]:
        slow = (Manner.SILENT, Manner.TRICKLE)
        return {manner: [c.fed for c in self._clients if c.wanted.manner is manner] for manner in slow}


def _kept_waiting() -> float:
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


def generate(plan: Plan, pipe: Connection) -> None:
    """The body of the process."""
    gc.freeze()
    Generator(plan, pipe).run()
