"""The Python client against servers that lie, break off, lead elsewhere, or are none of ours."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args, get_type_hints

import pytest
from django.conf import settings

from dashboard import protocol
from workflows import client, reader, remote
from workflows.client import Console, Moved, follow
from workflows.errors import CannotWatch, NotTelltale, SignedOut, Unreachable
from workflows.fold import empty_state, fold

AT = "2026-11-23T10:00:00.000000Z"
EVENTS: list[list[Any]] = [
    [1, AT, "created", None, None, {"definition": "d", "queue": "q"}],
    [2, AT, "claimed", None, None, {"worker": "w"}],
    *([seq, AT, "value_set", seq, "key", {"value": seq}] for seq in range(3, 8)),
    [8, AT, "succeeded", None, None, {"output": "done"}],
]
FORM = b'<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="tok"></form>'
HELLO = {"t": "hello", "version": 1, "server_time": AT, "heartbeat": 15}


def state(seq: int) -> dict[str, Any]:
    return fold(empty_state("w"), EVENTS[:seq])


def snapshot(seq: int, epoch: str = "e") -> dict[str, Any]:
    return {"t": "snapshot", "topic": "workflow:w", "epoch": epoch, "seq": seq, "state": state(seq), "events": []}


def events(first: int, last: int, epoch: str = "e") -> dict[str, Any]:
    told = EVENTS[first - 1 : last]
    return {"t": "events", "topic": "workflow:w", "epoch": epoch, "from": first, "to": last, "events": told}


def receipt(seq: int) -> dict[str, Any]:
    return {"t": "receipt", "topic": "workflow:w", "epoch": "e", "after": 0, "seq": seq, "replayed": seq}


def sse(*frames: Any) -> bytes:
    """A stream of these frames, after a hello."""
    return b"".join(f"event: x\ndata: {json.dumps(frame)}\n\n".encode() for frame in (HELLO, *frames))


class Pretender:
    """A server that signs everybody in and then answers by a script: (status, type or place, body) for each stream."""

    def __init__(self, *answers: tuple[int, str, bytes], login: tuple[int, str] = (302, "/")) -> None:
        self.asked: list[tuple[str, str, str | None]] = []  # method, path, cookies
        self.answers, self.login = list(answers), login
        pretender = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pretender.asked.append(("GET", self.path, self.headers["Cookie"]))
                if self.path == "/login/":
                    self.answer(200, "text/html", FORM, "csrftoken=tok; Path=/")
                else:
                    self.answer(*pretender.answers.pop(0) if pretender.answers else (503, "text/plain", b""))

            def do_POST(self) -> None:
                pretender.asked.append(("POST", self.path, self.headers["Cookie"]))
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(*pretender.login, b"", "sessionid=secret; Path=/; HttpOnly")

            def answer(self, status: int, kind: str, body: bytes, cookie: str = "") -> None:
                self.send_response(status)
                self.send_header("Location" if status in {301, 302, 307, 308} else "Content-Type", kind)
                if cookie:
                    self.send_header("Set-Cookie", cookie)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def streams(self) -> list[str]:
        """The addresses of streams that were asked for, without what they have in common."""
        return [path.removeprefix("/workflows/w/stream/") for _, path, _ in self.asked if path != "/login/"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Pretend = Callable[..., Pretender]


@pytest.fixture
def pretend() -> Iterator[Pretend]:
    """Makes pretenders."""
    made: list[Pretender] = []

    def make(*answers: tuple[int, str, bytes], **options: Any) -> Pretender:
        made.append(Pretender(*answers, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def stream(*frames: Any) -> tuple[int, str, bytes]:
    return 200, "text/event-stream", sse(*frames)


def followed(pretender: Pretender, told: list[str] | None = None) -> list[Moved]:
    """All that the client gives of it."""
    console = Console(pretender.url, user="viewer", password="secret")
    return list(follow(console, "w", timeout=60, tell=(told if told is not None else []).append))


def assert_complete(moves: list[Moved], after: int = 2) -> None:
    assert [event for moved in moves for event in moved.events] == EVENTS[after:]
    assert moves[-1].state == state(8)


def test_a_gap_is_healed_from_the_cursor(pretend: Pretend) -> None:
    told: list[str] = []
    pretender = pretend(stream(snapshot(2), events(5, 6)), stream(events(3, 8), receipt(8)))
    assert_complete(followed(pretender, told))
    assert pretender.streams == ["", "?at=e%3A2"]
    assert "event 5 came after 2" in told[0]
    assert told[1].startswith("Connected again.")


@pytest.mark.parametrize(
    "broken",
    [
        [receipt(4)],  # announces what did not come
        [events(3, 4, "another")],
        [{**events(3, 4), "events": [EVENTS[2], EVENTS[4]]}],  # a hole inside
    ],
)
def test_what_cannot_be_trusted_is_asked_for_again(pretend: Pretend, broken: list[Any]) -> None:
    pretender = pretend(stream(snapshot(2), *broken), stream(events(3, 8)))
    assert_complete(followed(pretender))
    assert pretender.streams == ["", "?at=e%3A2"]


def test_doubled_events_count_once_and_what_is_unknown_is_left_alone(pretend: Pretend) -> None:
    body = sse(snapshot(2), events(1, 2), events(3, 5), {"t": "weather"}, events(4, 6), events(6, 8))
    assert_complete(followed(pretend((200, "text/event-stream; charset=utf-8", b": comment\n\nfoo: bar\n\n" + body))))


def test_a_frame_that_was_cut_off_is_not_taken(pretend: Pretend) -> None:
    whole = sse(snapshot(2), events(3, 4))
    for cut in (1, 2, 30, 200):
        pretender = pretend((200, "text/event-stream", whole[:-cut]), stream(events(3, 8)))
        assert_complete(followed(pretender))


def test_a_reset_says_why_the_view_was_rebuilt(pretend: Pretend) -> None:
    for reason in ("epoch", "ahead", "trimmed"):
        reset = {"t": "reset", "topic": "workflow:w", "reason": reason}
        moves = followed(pretend(stream(snapshot(2), reset, snapshot(5, "f"), events(6, 8, "f"))))
        assert [moved.snapshot for moved in moves] == ["start", reason, None]
        assert moves[-1].cursor == ("f", 8)


def test_a_busy_server_is_asked_again_once_it_had_answered(pretend: Pretend) -> None:
    told: list[str] = []
    busy = (503, "text/html", b"")
    assert_complete(followed(pretend(stream(snapshot(2)), busy, (429, "text/plain", b""), stream(events(3, 8))), told))
    for word, sentence in zip(("the stream ended", "answers 503", "answers 429"), told[:3], strict=True):
        assert word in sentence
    with pytest.raises(Unreachable, match="answers 503 Service Unavailable"):
        followed(pretend(busy))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, "text/html", b"<html>"), "answers 200 OK; a console would not"),
        ((404, "text/html", b"<html>"), "answers 404"),
        ((200, "text/event-stream", b"data: {\n\n"), "something that is no frame"),
        ((200, "text/event-stream", b"data: [1]\n\n"), "something that is no frame"),
        ((200, "text/event-stream", b"data: \xff\n\n"), "something that is no frame"),
        (stream({**HELLO, "version": 2}), "speaks version 2 of the protocol, not 1"),
        (stream({"t": "snapshot"}), "sent a 'snapshot' that is none"),
        (stream({**snapshot(2), "state": None}), "sent a 'snapshot' that is none"),
        (stream(snapshot(2), {**events(3, 3), "events": 5}), "sent a 'events' that is none"),
        (stream(snapshot(2), {**events(3, 3), "events": [[3]]}), "sent a 'events' that is none"),
        (stream({"t": "reset"}), "sent a 'reset' that is none"),
    ],
)
def test_what_is_no_console_is_said_to_be_none(pretend: Pretend, answer: tuple[int, str, bytes], message: str) -> None:
    with pytest.raises(NotTelltale) as caught:
        followed(pretend(answer))
    assert message in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed_so_nobody_else_hears_a_secret(pretend: Pretend, status: int) -> None:
    elsewhere = pretend()
    assert_complete(followed(pretend(stream(snapshot(2), events(3, 8)), login=(302, elsewhere.url))))
    with pytest.raises(NotTelltale, match="which is not followed"):
        followed(pretend((status, f"{elsewhere.url}/workflows/w/stream/", b"")))
    assert elsewhere.asked == []


def test_the_session_travels_to_the_address_and_is_renewed_once(pretend: Pretend) -> None:
    refused = (401, "application/json", b"{}")
    pretender = pretend(stream(snapshot(2)), refused, stream(events(3, 8)))
    assert_complete(followed(pretender))
    assert [method for method, *_ in pretender.asked] == ["GET", "POST", "GET", "GET", "GET", "POST", "GET"]
    assert [cookies for *_, cookies in pretender.asked[:3]] == [
        None,
        "csrftoken=tok",
        "csrftoken=tok; sessionid=secret",
    ]
    with pytest.raises(SignedOut):
        followed(pretend(refused, refused, refused))


def test_a_refused_form_is_no_session(pretend: Pretend) -> None:
    with pytest.raises(SignedOut, match="does not accept this name and password: 'viewer'"):
        followed(pretend(login=(200, "text/html")))
    with pytest.raises(CannotWatch, match="answers 403"):
        followed(pretend(login=(403, "text/html")))


def test_the_words_are_those_of_the_protocol() -> None:
    kinds = {get_args(get_type_hints(frame)["t"])[0] for frame in protocol.SERVER_FRAMES}
    # Of topics that a stream has not, and of sockets, whose frames have a limit.
    assert kinds - set(client.FRAMES) <= {"rows", "overview", "part"}
    assert set(client.FRAMES) <= kinds
    assert {*reader.RESETS, client.GONE} == {reason.value for reason in protocol.ResetReason}
    assert client.UNKNOWN == protocol.ErrorCode.UNKNOWN
    codes = protocol.CloseCode
    assert (client.SIGNED_OUT, client.FORBIDDEN, client.TOO_MANY) == (codes.SIGNED_OUT, codes.FORBIDDEN, codes.TOO_MANY)
    assert (protocol.VERSION, protocol.LIMITS["silence_seconds"]) == (client.VERSION, remote.SILENCE)
    assert remote.SESSION == settings.SESSION_COOKIE_NAME


def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long this thread sleeps from now on, without doing it; what other threads do is none of ours."""
    waits: list[float] = []
    sleep, here = time.sleep, threading.get_ident()
    monkeypatch.setattr(
        client.time, "sleep", lambda seconds: (waits.append if threading.get_ident() == here else sleep)(seconds)
    )
    return waits


def test_a_server_that_breaks_off_after_each_answer_is_not_asked_without_a_pause(
    pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = pauses(monkeypatch)
    pretender = pretend(*(stream(events(seq, seq)) if seq > 2 else stream(snapshot(2)) for seq in range(2, 9)))
    assert_complete(followed(pretender))
    assert len(waits) == 6
    assert all(0.2 <= wait <= 0.3 for wait in waits)


def test_the_pauses_double_are_spread_and_begin_where_the_server_says(
    pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = pauses(monkeypatch)
    busy = (503, "text/html", b"")
    first = (200, "text/event-stream", b"retry: 1000\n" + sse(snapshot(2)))
    assert_complete(followed(pretend(first, *[busy] * 6, stream(events(3, 8)))))
    for wait, planned in zip(waits, [1, 2, 4, 8, 8, 8, 8], strict=True):
        assert 0.8 * planned <= wait <= 1.2 * planned
    assert len(set(waits)) == len(waits)
