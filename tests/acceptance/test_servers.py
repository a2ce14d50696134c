"""What must hold on every ASGI server: all carriers bring the history, a server that stops says so, hostile clients."""

from __future__ import annotations

import base64
import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.acceptance.test_live import history, running
from tests.definitions import SWITCH, publishing, switching
from tests.execution import run
from tests.http_client import PollClient, StreamClient
from tests.live_client import LiveClient, session_of
from tests.people import People
from tests.processes import Server
from tests.wait import PATIENCE, until
from workflows.durable import set_event

pytestmark = pytest.mark.django_db(transaction=True)

needs_uvicorn = pytest.mark.skipif(find_spec("uvicorn") is None, reason="uvicorn is not installed")
on_each = pytest.mark.parametrize("kind", ["daphne", pytest.param("uvicorn", marks=needs_uvicorn)])


@on_each
def test_all_carriers_bring_the_whole_history(start_server: Callable[..., Server], people: People, kind: str) -> None:
    server, session = start_server(kind=kind), session_of(people.viewer)
    handle = publishing.start(list(range(400)))
    with LiveClient(server, session) as page, StreamClient(server, session, handle.id) as stream:
        page.follow(handle.id)
        page.take_until("snapshot")
        stream.take_until("snapshot")
        with running(handle):
            page.take_until_event("succeeded")
            while stream.seq < 403:
                stream.take()
        place = {"epoch": page.epoch, "seq": 1}
        frames = PollClient(server, session).frames({"topic": f"workflow:{handle.id}", "at": place})
    assert page.log == stream.log == history(handle.id)
    assert page.log[1:] == [event for frame in frames if frame["t"] == "events" for event in frame["events"]]
    assert frames[-1]["t"] == "receipt"


@on_each
def test_a_server_that_stops_tells_its_readers_and_ends_at_once(
    start_server: Callable[..., Server], people: People, kind: str
) -> None:
    server, session, handle = start_server(kind=kind), session_of(people.viewer), publishing.start([1, 2])
    page, stream = LiveClient(server, session), StreamClient(server, session, handle.id)
    page.follow(handle.id)
    page.take_until("snapshot")
    stream.take_until("snapshot")
    run(handle)
    page.take_until_event("succeeded")
    codes: list[int] = []
    listening = threading.Thread(target=lambda: codes.append(page.close_code()))  # the farewell wants an answer
    listening.start()
    server.terminate()
    listening.join()
    assert codes == [4408]
    assert stream.take_until("close")["code"] == 4408
    assert stream.last_id is not None
    again = start_server(kind=kind, port=server.port)
    with StreamClient(again, session, handle.id, **{"Last-Event-ID": stream.last_id}).resume(stream) as resumed:
        assert resumed.take_until("receipt")["seq"] == 5


@on_each
def test_a_stream_that_nobody_reads_costs_its_share_and_no_more(
    start_server: Callable[..., Server], people: People, kind: str
) -> None:
    server, session, handle = start_server(kind=kind), session_of(people.viewer), switching.start()
    SWITCH["body"] = lambda: [set_event("key", "x" * 20_000) for _ in range(1000)] and None  # 20 MB
    with StreamClient(server, session, handle.id) as quick:
        quick.take_until("snapshot")
        silent = [_unread_stream(server, session, handle.id) for _ in range(10)]
        before = _resident(server.pid)
        run(handle)
        assert _resident(server.pid) - before < 32 * 2**20
    for one in silent:
        one.close()


def _unread_stream(server: Server, session: str, workflow_id: str) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", server.port))
    path, host = f"/workflows/{workflow_id}/stream/", f"127.0.0.1:{server.port}"
    one.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: sessionid={session}\r\n\r\n".encode())
    return one


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@on_each
def test_a_frame_of_two_megabytes_ends_the_connection(
    start_server: Callable[..., Server], people: People, kind: str
) -> None:
    server, session = start_server(kind=kind), session_of(people.viewer)
    before = _resident(server.pid)
    with LiveClient(server, session) as client:
        client.take_until("hello")
        with suppress(ConnectionClosed):
            client.socket.send("x" * 2 * 2**20)
        assert client.close_code() in (1009, 4413, 1006)  # the server's limit, or ours, or cut while we still sent
    assert _resident(server.pid) - before < 16 * 2**20


@on_each
def test_a_compressed_bomb_is_not_unpacked(start_server: Callable[..., Server], people: People, kind: str) -> None:
    server, session = start_server(kind=kind), session_of(people.viewer)
    before = _resident(server.pid)
    with LiveClient(server, session, compression="deflate") as client:
        client.take_until("hello")
        with suppress(ConnectionClosed):
            client.socket.send("x" * 200 * 2**20)
        assert client.close_code() in (1009, 4413, 1006)
    assert _resident(server.pid) - before < 64 * 2**20


@on_each
def test_a_flood_of_fragments_costs_nobody_but_the_sender(
    start_server: Callable[..., Server], people: People, kind: str
) -> None:
    server, session = start_server(kind=kind), session_of(people.viewer)
    before = _resident(server.pid)
    flood = _raw_socket(server, session)
    with suppress(OSError):
        flood.sendall(_fragment(0x01, b"x"))
        for _ in range(1000):
            flood.sendall(_fragment(0x00, b"x") * 1000)
    with LiveClient(server, session) as client:
        client.take_until("hello")
    assert _resident(server.pid) - before < 96 * 2**20
    flood.close()


def _raw_socket(server: Server, session: str) -> socket.socket:
    """A WebSocket after its handshake, for what no library would send."""
    one = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    key, host = base64.b64encode(os.urandom(16)).decode(), f"127.0.0.1:{server.port}"
    lines = ["GET /ws/live/ HTTP/1.1", f"Host: {host}", f"Origin: http://{host}", f"Cookie: sessionid={session}"]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    one.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += one.recv(4096)
    assert b" 101 " in answer
    return one


def _fragment(opcode: int, payload: bytes) -> bytes:
    """A masked frame without the mark of the last one."""
    return struct.pack("!BB4s", opcode, 0x80 | len(payload), b"\0\0\0\0") + payload


@on_each
def test_a_connection_cut_without_a_word_leaves_nothing_behind(
    start_server: Callable[..., Server], people: People, kind: str
) -> None:
    server = start_server(kind=kind, LIVE_CONNECTIONS_PER_USER="20")
    session, handle = session_of(people.viewer), publishing.start([1])
    for _ in range(10):
        for one in [_raw_socket(server, session), _unread_stream(server, session, handle.id)]:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a farewell
            one.close()

    def all_free() -> bool:
        opened = [StreamClient(server, session, handle.id) for _ in range(20)]
        free = all(one.status == 200 and one.take_until("snapshot") for one in opened)
        for one in opened:
            one.close()
        return free

    until(all_free, what="all places are free again")
