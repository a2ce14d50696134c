"""Hostile clients on the live socket: each is refused by itself, and a page beside them goes on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.live_client import LiveClient, session_of
from tests.live_writer import Writer
from tests.people import People
from tests.processes import Server
from tests.raw_socket import CONTINUATION, TEXT, RawSocket
from tests.wait import until

pytestmark = pytest.mark.django_db(transaction=True)

MEGABYTE = 2**20


@pytest.fixture
def session(people: People) -> str:
    return session_of(people.viewer)


@contextmanager
def a_page_beside(server: Server, session: str) -> Iterator[None]:
    """Somebody else's page: the server's memory stays flat, and afterwards events still arrive."""
    writer = Writer()
    with LiveClient(server, session) as page:
        page.follow(writer.id)
        page.take_until("snapshot")
        before = _resident(server.pid)
        yield
        assert _resident(server.pid) - before < 12 * MEGABYTE
        writer.publish(3)
        while page.seq < writer.head:
            page.take()


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_a_huge_frame_and_a_message_of_endless_fragments_end_their_connection(server: Server, session: str) -> None:
    with a_page_beside(server, session):
        attacker = RawSocket(server.port, session)
        with suppress(OSError):
            attacker.send(b"x" * 2 * MEGABYTE)
        assert attacker.end() in {1009, None}
        attacker = RawSocket(server.port, session)
        with suppress(OSError):
            attacker.send(b"x" * 1000, final=False)
            for _ in range(20_000):  # 20 MB
                attacker.send(b"x" * 1000, opcode=CONTINUATION, final=False)
        assert attacker.end() in {1009, None}


def test_a_million_empty_fragments_cost_little(server: Server, session: str) -> None:
    with a_page_beside(server, session):
        attacker = RawSocket(server.port, session)
        attacker.send(b"", final=False)
        with suppress(OSError):
            for _ in range(100):
                attacker.socket.sendall(b"\x00\x80\0\0\0\0" * 10_000)
            attacker.send(b"{}", opcode=CONTINUATION)
        attacker.close()


def test_a_compression_bomb_finds_no_compression(server: Server, session: str) -> None:
    with a_page_beside(server, session):
        attacker = RawSocket(server.port, session, extensions="permessage-deflate")
        assert b"permessage-deflate" not in attacker.head
        packer = zlib.compressobj(wbits=-15)
        bomb = packer.compress(b"0" * 20 * MEGABYTE) + packer.flush(zlib.Z_SYNC_FLUSH)
        attacker.send(bomb[:-4], opcode=TEXT, compressed=True)
        assert attacker.end() in {1002, None}  # a protocol error, said or not


def test_ten_thousand_subscriptions_are_refused_one_by_one_or_at_once(server: Server, session: str) -> None:
    with a_page_beside(server, session), LiveClient(server, session) as attacker:
        with suppress(ConnectionClosed):
            for number in range(10_000):
                attacker.socket.send(json.dumps({"t": "subscribe", "topic": f"workflow:{number}"}))
        answers = [_answer(attacker)]
        while answers[-1] == "unknown" and len(answers) < 10_000:  # which a very slow server has the time for
            answers.append(_answer(attacker))
        assert answers[-1] == "4429" or answers == ["unknown"] * 10_000


def _answer(attacker: LiveClient) -> str:
    try:
        return str(attacker.frame().get("code", "unknown"))
    except ConnectionClosed as closed:
        return str(closed.rcvd.code if closed.rcvd else None)


def test_a_foreign_page_is_refused_and_written_down(server: Server, session: str) -> None:
    for origin in ("http://evil.example", "http://other.example/'quoted'", None, "null"):
        with pytest.raises(InvalidStatus):
            LiveClient(server, session, origin=origin)
    for told in ("'http://evil.example'", "http://other.example/'quoted'", "''", "'null'"):
        until(lambda told=told: server.said(told), what=f"{told} is in the log")
