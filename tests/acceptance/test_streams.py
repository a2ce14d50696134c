"""Server-Sent Events from a real server: the history as a socket brings it, with a client that only reads."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_live import history, running
from tests.definitions import SWITCH, publishing, switching
from tests.execution import run
from tests.http_client import StreamClient
from tests.live_client import session_of
from tests.people import PASSWORD, TAKEN, People, take_away
from tests.processes import ROOT, Server, database_connections
from tests.wait import until
from workflows.durable import set_event
from workflows.models import Event, Workflow

GUIDE = ROOT / "docs" / "guides" / "streaming.md"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("hints", ["1", "0"])
def test_a_stream_brings_every_event_once_and_in_order(
    start_server: Callable[..., Server], people: People, hints: str
) -> None:
    server, handle = start_server(TELLTALE_HINTS=hints), publishing.start(list(range(300)))
    with StreamClient(server, session_of(people.viewer), handle.id) as client:
        assert client.status == 200
        assert client.headers["Content-Type"] == "text/event-stream"
        assert client.headers["Cache-Control"] == "no-store"
        assert client.headers["X-Accel-Buffering"] == "no"
        hello = client.message()
        assert hello is not None
        assert (hello.event, hello.frame["heartbeat"]) == ("hello", 15)
        assert hello.retry is not None
        client.take_until("snapshot")
        with running(handle):
            while client.seq < 303:
                client.take()
    assert client.log == history(handle.id)


def test_a_stream_goes_on_from_its_last_id_and_says_that_it_is_complete(server: Server, people: People) -> None:
    session, handle = session_of(people.viewer), publishing.start(list(range(20)))
    first = StreamClient(server, session, handle.id)
    first.take_until("snapshot")
    run(handle)
    first.close()
    assert first.last_id is not None
    for headers in ({"Last-Event-ID": first.last_id}, {"query": f"?at={first.last_id}"}):
        with StreamClient(server, session, handle.id, **headers).resume(first) as client:
            receipt = client.take_until("receipt")
            assert (receipt["after"], receipt["seq"], receipt["replayed"]) == (1, 23, 22)
            assert client.log == history(handle.id)
        first.seq, first.log = 1, first.log[:1]


def test_a_stream_ends_by_itself_after_its_share_and_goes_on_with_the_next_request(
    server: Server, people: People
) -> None:
    session, handle = session_of(people.viewer), switching.start()
    SWITCH["body"] = lambda: [set_event("key", "x" * 20_000) for _ in range(100)] and None  # 2 MB
    client = StreamClient(server, session, handle.id)
    client.take_until("snapshot")
    responses = 1
    with running(handle):
        while client.seq < 103:
            if client.take() is None:
                before, responses = client, responses + 1
                assert before.last_id is not None
                client = StreamClient(server, session, handle.id, **{"Last-Event-ID": before.last_id}).resume(before)
    client.close()
    assert client.log == history(handle.id)
    assert responses >= 3  # 2 MB in shares of 512 KiB, of which the last frame may bring 256 KiB too many


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_guides_commands_work(server: Server, people: People, tmp_path: Path) -> None:
    sign_in, once, for_ever, poll = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    handle = switching.start()
    SWITCH["body"] = lambda: [set_event("key", "x" * 20_000) for _ in range(60)] and None  # more than one response
    names = {"URL": server.url, "NAME": "viewer", "PASSWORD": PASSWORD, "ID": handle.id}
    bash = partial(subprocess.Popen, cwd=tmp_path, env=os.environ | names, stdout=subprocess.PIPE, text=True)
    with bash(["bash", "-ec", sign_in + for_ever], start_new_session=True) as following:
        assert following.stdout is not None
        frames = (json.loads(line) for line in following.stdout)
        assert next(frame for frame in frames if frame["t"] == "snapshot")["seq"] == 1
        run(handle)
        log = [event for frame in frames_until_event(frames, 63) for event in frame["events"]]
        assert log == history(handle.id)[1:]
        os.killpg(following.pid, signal.SIGTERM)
    with bash(["bash", "-ec", sign_in + once], start_new_session=True) as watching:
        assert watching.stdout is not None
        assert "event: snapshot\n" in watching.stdout  # a line of it, sooner or later
        os.killpg(watching.pid, signal.SIGTERM)
    with bash(["bash", "-ec", sign_in + poll]) as polling:
        assert [frame["t"] for frame in json.loads(polling.communicate()[0])["frames"]] == ["hello", "snapshot"]


def frames_until_event(frames: Iterator[dict[str, Any]], seq: int) -> Iterator[dict[str, Any]]:
    """Those with events, up to the one that has this event."""
    for frame in frames:
        if frame["t"] == "events":
            yield frame
            if frame["to"] >= seq:
                return


def test_foreign_and_wrong_requests_are_refused_with_their_reason(server: Server, people: People) -> None:
    handle = publishing.start([1])
    session = session_of(people.viewer)

    def refusal(session: str | None, workflow_id: str = handle.id, **headers: str) -> tuple[int, Any]:
        with StreamClient(server, session, workflow_id, **headers) as client:
            return client.status, client.content()

    assert refusal(None) == (401, {"code": 4401})
    assert refusal("' OR 1=1") == (401, {"code": 4401})
    unknown = refusal(session, "guessed")
    assert unknown[0] == 404
    assert refusal(session_of(people.stranger)) == unknown
    assert refusal(session, Origin="http://evil.example") == (403, {"code": 4403})
    for place in ("nonsense", "e:-1", "e:9223372036854775808"):
        status, content = refusal(session, **{"Last-Event-ID": place})
        assert status == 400
        assert "<epoch>:<seq>" in content["error"]


@pytest.mark.parametrize(
    ("place", "reason"), [("another:1", "epoch"), ("{epoch}:1000000", "ahead"), ("{epoch}:2", "trimmed")]
)
def test_a_place_that_is_none_is_answered_by_a_reset_and_a_snapshot(
    server: Server, people: People, place: str, reason: str
) -> None:
    session, handle = session_of(people.viewer), publishing.start(list(range(10)))
    run(handle)
    with StreamClient(server, session, handle.id) as client:
        epoch = client.take_until("snapshot")["epoch"]
    Event.objects.filter(workflow_id=handle.id, seq__lt=6).delete()
    with StreamClient(server, session, handle.id, **{"Last-Event-ID": place.format(epoch=epoch)}) as client:
        assert client.take_until("reset")["reason"] == reason
        snapshot = client.take()
        assert snapshot is not None
        assert (snapshot["t"], snapshot["seq"]) == ("snapshot", 13)


@pytest.mark.parametrize("taken", TAKEN)
def test_what_is_taken_from_a_reader_ends_its_open_stream(server: Server, people: People, taken: str) -> None:
    client = StreamClient(server, session_of(people.viewer), publishing.start([1]).id)
    client.take_until("snapshot")
    take_away(people.viewer, taken)
    assert client.take_until("close")["code"] == (4403 if taken == "right" else 4401)
    assert client.take() is None


def test_a_workflow_that_is_deleted_ends_its_streams(server: Server, people: People) -> None:
    session, handle = session_of(people.viewer), publishing.start([1])
    with StreamClient(server, session, handle.id) as client:
        client.take_until("snapshot")
        Workflow.objects.filter(pk=handle.id).delete()
        assert client.take_until("reset")["reason"] == "gone"
        assert client.take_until("close")["code"] == 4408
        assert client.take() is None


def test_an_account_has_so_many_streams_and_sockets_and_gets_a_place_back(
    start_server: Callable[..., Server], people: People
) -> None:
    server, session = start_server(LIVE_CONNECTIONS_PER_USER="3"), session_of(people.viewer)
    handle = publishing.start([1])
    streams = [StreamClient(server, session, handle.id) for _ in range(3)]
    for one in streams:
        one.take_until("snapshot")
    with StreamClient(server, session, handle.id) as refused:
        assert refused.status == 429
        assert refused.headers["Retry-After"]
        assert refused.content()["code"] == 4430
    with StreamClient(server, session_of(people.operator), handle.id) as other:
        assert other.status == 200
    streams[0].close()

    def admitted() -> bool:
        with StreamClient(server, session, handle.id) as again:
            return again.status == 200

    until(admitted, what="the place is free again")
    for one in streams:
        one.close()


def test_streams_hold_neither_threads_nor_database_connections(server: Server, people: People) -> None:
    session, handle = session_of(people.viewer), publishing.start([1])
    with StreamClient(server, session, handle.id) as first:
        first.take_until("snapshot")
        threads, connections = _threads(server.pid), database_connections()
        streams = [StreamClient(server, session, handle.id) for _ in range(60)]
        for one in streams:
            one.take_until("snapshot")
        assert _threads(server.pid) <= threads + 20
        assert database_connections() <= connections + 20
        for one in streams:
            one.close()


def _threads(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return int(status.read().split("Threads:")[1].split()[0])
