"""What judges live delivery must notice when something is wrong with it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from benchmarks.live.client import Client, Manner, Tally, Wanted
from benchmarks.soak import _slope

BUFFER = bytearray(64 * 1024)
AT = "2026-01-01T00:00:00.000000Z"


class Wire:
    """A client that has shaken hands, and the server's end of its connection."""

    def __init__(self) -> None:
        self.server, connection = socket.socketpair()
        connection.setblocking(False)
        self.client, self.tally = Client(Wanted("workflow:w", "", sampled=True)), Tally()
        self.client.connection = connection
        self.client.rest, self.client.frames, self.client.unacknowledged = b"", 0, 0
        self.client.greeted, self.client.ack_due = True, False

    def hear(self, *payloads: bytes, limit: int = len(BUFFER)) -> None:
        """Everything that the server says arrives, in pieces of `limit` bytes."""
        said = b"".join(payloads)
        self.server.sendall(said)
        for _ in range(0, len(said), limit):
            self.client.read(BUFFER, limit, self.tally)


@pytest.fixture
def wire() -> Iterator[Wire]:
    found = Wire()
    yield found
    found.server.close()
    found.client.connection.close()


def frame(content: object, *, opcode: int = 1) -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    length = bytes([len(body)]) if len(body) < 126 else b"\x7e" + len(body).to_bytes(2, "big")
    return bytes([128 | opcode]) + length + body


def events(first: int, last: int) -> bytes:
    found = [[seq, AT, "value_set", None, "progress", {"value": seq}] for seq in range(first, last + 1)]
    return frame({"t": "events", "topic": "workflow:w", "epoch": "e", "from": first, "to": last, "events": found})


def test_an_unbroken_stream_is_counted_without_a_fault(wire: Wire) -> None:
    wire.hear(frame({"t": "snapshot", "topic": "workflow:w", "epoch": "e", "seq": 4}), events(5, 8), events(9, 9))
    assert (wire.tally.delivered, wire.tally.lost, wire.tally.disordered, wire.tally.flaws) == (5, 0, 0, [])
    assert wire.client.seq == 9
    assert len(wire.tally.latencies) == 5


def test_frames_that_arrive_in_pieces_are_put_together(wire: Wire) -> None:
    wire.hear(events(1, 6), events(7, 7), limit=17)
    assert (wire.tally.delivered, wire.tally.lost, wire.client.frames) == (7, 0, 2)


def test_a_hole_is_counted_as_lost(wire: Wire) -> None:
    wire.hear(events(1, 3), events(6, 7))
    assert wire.tally.lost == 2


def test_an_event_that_comes_twice_or_too_late_is_noticed(wire: Wire) -> None:
    wire.hear(events(1, 3), events(3, 4))
    assert wire.tally.disordered == 1


def test_a_reset_is_a_flaw(wire: Wire) -> None:
    wire.hear(frame({"t": "reset", "topic": "workflow:w", "reason": "epoch"}))
    assert "reset" in wire.tally.flaws[0]


def test_a_frame_with_fewer_events_than_it_says_is_a_flaw(wire: Wire) -> None:
    wire.hear(events(1, 3).replace(b'"to":3', b'"to":4'))
    assert wire.tally.flaws == ["3 events in a frame from 1 to 4"]


def test_why_the_server_closed_is_counted(wire: Wire) -> None:
    wire.hear(frame((4408).to_bytes(2, "big"), opcode=8))
    assert wire.tally.closes == {f"{Manner.HEALTHY} 4408": 1}


def test_an_acknowledgement_says_how_many_frames_came(wire: Wire) -> None:
    wire.hear(events(1, 1), events(2, 5))
    wire.client.acknowledge()
    said = wire.server.recv(1000)
    assert json.loads(said[6:]) == {"t": "ack", "frames": 2}


def test_a_slope_is_not_turned_by_one_bad_sample() -> None:
    assert _slope([0, 1, 2, 3, 4], [10, 10, 500, 10, 10]) == 0
    assert _slope([0, 1, 2, 3, 4], [10, 12, 14, 16, 18]) == 2
