"""A browser reduced to what is measured: it shakes hands, cuts frames, acknowledges, and misses nothing unnoticed.

Knows the socket protocol as a client does, and imports nothing of the server's.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import struct
import time
from array import array
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

ACK_BYTES = 64 * 1024
_RECEIVE_BUFFER = 4096  # of one that trickles: the kernel shall not read in its place
_HEAD = 500  # bytes of a frame in which its numbers stand
_TIME = re.compile(rb'\[\d+, ?"(\d{4}-[0-9T:.-]{10,24})Z"')
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Manner(StrEnum):
    """How a client reads."""

    HEALTHY = "healthy"  # everything, and acknowledges as a page does
    SILENT = "silent"  # everything, and never acknowledges
    TRICKLE = "trickle"  # a kilobyte a second


class Wanted(NamedTuple):
    """One socket: what it watches, as whom, how, and whether the age of its events is taken."""

    topic: str
    cookie: str
    manner: Manner = Manner.HEALTHY
    sampled: bool = False


class Tally:
    """What the sockets of one process saw since the last report."""

    def __init__(self) -> None:
        self.delivered = self.frames = self.received = self.lost = self.disordered = 0
        self.latencies = array("f")
        self.flaws: list[str] = []
        self.closes: dict[str, int] = {}


class Client:
    """One socket."""

    __slots__ = (
        "ack_due", "connection", "epoch", "fed", "frames", "greeted", "rest", "seq", "settled", "unacknowledged",
        "wanted",
    )  # fmt: skip

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.epoch, self.seq = b"", 0
        self.fed = 0  # events so far
        self.settled = False

    def connect(self, port: int, path: str) -> None:
        """Open the connection and shake hands; the answer is read later. It comes back with its cursor."""
        self.connection = socket.socket()
        if self.wanted.manner is Manner.TRICKLE:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.connect(("127.0.0.1", port))
        self.connection.setblocking(False)
        self.rest = b""
        self.frames = self.unacknowledged = 0
        self.greeted = self.ack_due = False
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost:{port}\r\n"
            f"Cookie: sessionid={self.wanted.cookie}\r\n\r\n".encode()
        )

    def read(self, buffer: bytearray, limit: int, tally: Tally) -> bool:
        """Take what has arrived; false once the connection has ended."""
        try:
            count = self.connection.recv_into(buffer, limit)
        except BlockingIOError:
            return True
        except OSError:
            count = 0
        if not count:
            self._closed("without a code", tally)
            return False
        tally.received += count
        data, end = buffer, count
        if self.rest:
            data = bytearray(self.rest)
            data += memoryview(buffer)[:count]
            end = len(data)
        used = self._cut(data, end, tally)
        if used < 0:
            return False
        self.rest = bytes(memoryview(data)[used:end]) if used < end else b""
        return True

    def _cut(self, data: bytearray, end: int, tally: Tally) -> int:
        """Take whole frames; how many bytes they were, or -1 after a close."""
        at = 0
        if not self.greeted:
            at = data.find(b"\r\n\r\n", 0, end) + 4
            if at < 4:
                return 0
            if not data.startswith(b"HTTP/1.1 101"):
                self._closed(bytes(data[:40]).decode("latin-1").split("\r")[0], tally)
                return -1
            self.greeted = True
        while end - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            stop = start + length
            if end < stop:
                break
            if data[at] == 128 | _TEXT:
                self._text(data, start, stop, tally)
            elif not self._control(data[at], data[start:stop], tally):
                return -1
            at = stop
        return at

    def _control(self, head: int, payload: bytearray, tally: Tally) -> bool:
        if head == 128 | _PING:
            self._write(_PONG, bytes(payload))
        elif head == 128 | _CLOSE:
            self._closed(str(int.from_bytes(payload[:2], "big")), tally)
            return False
        elif head != 128 | _PONG:
            tally.flaws.append(f"a frame that begins with {head:#x}")
        return True

    def _text(self, data: bytearray, start: int, stop: int, tally: Tally) -> None:
        self.frames += 1
        self.unacknowledged += stop - start
        tally.frames += 1
        if data.startswith(b'{"t":"events"', start):
            self._events(data, start, stop, tally)
        elif data.startswith(b'{"t":"snapshot"', start):
            self.epoch, self.seq = _word(data, b'"epoch":"', start), _number(data, b'"seq":', start)
            self.settled = True
        elif data.startswith(b'{"t":"receipt"', start):
            self.settled = True
        elif data.startswith(b'{"t":"hello"', start):
            at = {"at": {"epoch": self.epoch.decode(), "seq": self.seq}} if self.epoch else {}
            self.say({"t": "subscribe", "topic": self.wanted.topic, **at})
        elif data.startswith(b'{"t":"ping"', start):
            self.say({"t": "pong", "n": _number(data, b'"n":', start)})
        else:  # a reset or an error: neither is due in a measurement
            tally.flaws.append(bytes(data[start : min(stop, start + 200)]).decode())

    def _events(self, data: bytearray, start: int, stop: int, tally: Tally) -> None:
        first, last = _number(data, b'"from":', start), _number(data, b'"to":', start)
        if first <= self.seq:
            tally.disordered += 1
        tally.lost += max(0, first - self.seq - 1)
        self.seq = last
        self.fed += last - first + 1
        tally.delivered += last - first + 1
        if self.wanted.sampled:
            now = time.time()
            times = _TIME.findall(data, start, stop)
            if len(times) != last - first + 1:
                tally.flaws.append(f"{len(times)} events in a frame from {first} to {last}")
            for at in times:
                tally.latencies.append(now - datetime.fromisoformat(at.decode() + "+00:00").timestamp())

    def acknowledge(self) -> None:
        """Say how many frames have arrived."""
        self.ack_due, self.unacknowledged = False, 0
        self.say({"t": "ack", "frames": self.frames})

    def say(self, message: dict[str, object]) -> None:
        """Send one message."""
        self._write(_TEXT, json.dumps(message).encode())

    def _write(self, opcode: int, body: bytes) -> None:
        """One masked frame; a mask of zeros is a mask."""
        length = bytes([128 | len(body)]) if len(body) < 126 else bytes([254]) + struct.pack(">H", len(body))
        with suppress(OSError):  # of a connection that ended: reading will find that
            self.connection.send(bytes([128 | opcode]) + length + b"\0\0\0\0" + body)

    def _closed(self, why: str, tally: Tally) -> None:
        name = f"{self.wanted.manner} {why}"
        tally.closes[name] = tally.closes.get(name, 0) + 1


def _number(data: bytearray, name: bytes, start: int) -> int:
    at = data.index(name, start, start + _HEAD) + len(name)
    end = at
    while 48 <= data[end] <= 57:
        end += 1
    return int(data[at:end])


def _word(data: bytearray, name: bytes, start: int) -> bytes:
    at = data.index(name, start, start + _HEAD) + len(name)
    return bytes(data[at : data.index(b'"', at)])
