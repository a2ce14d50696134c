"""Celery's prefork pool, of which a killed child takes nothing along that the others need.

Without an event loop in the transport (PGMQ has none) all children take their work from one queue and answer through
another. A child may be killed at any moment, be it by the OOM killer, and its worker must not be deaf from then on,
while it seems to live:

- Whoever waits for work holds a lock. The kernel frees no semaphore; a record lock ends with its process.
- A pipe is a stream: whoever is killed between the length of a message and its content leaves that to the next one, who
  takes it for a length and everything that follows for the content. A packet is taken whole or not at all.
- A message that was taken and not accepted waits for ever and fills the pool; it is given up.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from io import BytesIO
from signal import SIGKILL
from time import monotonic
from typing import Any

from billiard.connection import Connection
from billiard.pool import Pool
from celery.concurrency import prefork

_ACCEPTED_WITHIN = 5.0  # seconds from taking a job to saying so; it takes a millisecond, unless a machine stands still
_PACKET = 64 * 1024  # bytes; a socket's buffer has room for three
_HEAD = struct.Struct("!I?")  # how many packets of the message follow, and whether this is the first


class Lock:
    """Held by one process of those that were forked from the one that made it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the pool

    def acquire(self, *_: Any) -> bool:
        """Wait for it, however long."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        """Let the next one have it."""
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class PacketConnection(Connection):
    """One end of a socket that keeps messages apart. What is left of one that nobody can have whole is passed over."""

    _handle: int

    def _send_bytes(self, buf: Any, *_: Any) -> None:
        content = bytes(buf)
        parts = [content[at : at + _PACKET] for at in range(0, len(content), _PACKET)] or [b""]
        for number, part in enumerate(parts):
            os.write(self._handle, _HEAD.pack(len(parts) - 1 - number, number == 0) + part)

    def _recv_bytes(self, maxsize: int | None = None) -> BytesIO:
        parts: list[bytes] = []
        due = 0
        for left, is_first, part in self._packets():
            if is_first:
                parts = [part]
            elif parts and left == due:
                parts.append(part)
            else:
                parts = []
            if parts and left == 0:
                break
            due = left - 1
        return BytesIO(b"".join(parts))

    def _packets(self) -> Iterator[tuple[int, bool, bytes]]:
        while packet := os.read(self._handle, _HEAD.size + _PACKET):
            yield *_HEAD.unpack_from(packet), packet[_HEAD.size :]
        raise EOFError


def packets() -> tuple[PacketConnection, PacketConnection]:
    """A reader and a writer. Raises OSError where the system has no such sockets."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return PacketConnection(reader.detach(), writable=False), PacketConnection(writer.detach(), readable=False)


class BlockingPool(Pool):
    """The pool for transports without an event loop; the other one has a pipe for each child and needs no locks."""

    _inqueue: Any
    _outqueue: Any
    _putlock: Any
    _taskqueue: Any
    _cache: dict[int, Any]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._taken_since: dict[int, float] = {}  # jobs that were taken, by whoever, and not accepted
        super().__init__(*arguments, **options)

    def _setup_queues(self) -> None:
        super()._setup_queues()  # type: ignore[misc]  # mixed in by billiard
        for queue in (self._inqueue, self._outqueue):
            queue._rlock, queue._wlock = Lock(), Lock()
            try:
                ends = packets()
            except OSError:  # macOS has none
                continue
            queue.close()
            queue._reader, queue._writer = ends
        self._quick_put, self._quick_get = self._inqueue._writer.send, self._outqueue._reader.recv

    def _join_exited_workers(self, shutdown: bool = False) -> Any:
        exited = super()._join_exited_workers(shutdown)  # type: ignore[misc]  # mixed in by billiard
        self._give_up_what_the_dead_took()
        return exited

    def _give_up_what_the_dead_took(self) -> None:
        """The workflow needs no message: whoever is idle finds its row. A task that is no workflow counts as lost."""
        now, is_empty = monotonic(), self._taskqueue.empty() and not self._inqueue._reader.poll(0)
        waiting = {number: job for number, job in list(self._cache.items()) if is_empty and not job.accepted()}
        self._taken_since = {number: self._taken_since.get(number, now) for number in waiting}
        for number, since in self._taken_since.items():
            if now - since > _ACCEPTED_WITHIN:
                waiting[number]._ack(None, now, 0, None)
                self.mark_as_worker_lost(waiting[number], -SIGKILL)
                self._putlock.release()


def install() -> None:
    """Have workers use it; called before their pool is made."""
    prefork.TaskPool.BlockingPool = BlockingPool
