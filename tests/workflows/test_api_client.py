"""The API's Python client against servers that are busy, break off, lie, or are none of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from workflows import api
from workflows.api import Client
from workflows.errors import (
    ApiProblem,
    Forbidden,
    NotTelltale,
    ResultTimeout,
    SignedOut,
    TransitionRefused,
    Unreachable,
    WorkflowFailed,
    WorkflowNotFound,
)

JSON, PROBLEM = "application/json", "application/problem+json"
Answer = tuple[int, str, bytes]


def said(content: Any, status: int = 200) -> Answer:
    return status, JSON, json.dumps(content).encode()


def problem(kind: str, status: int) -> Answer:
    content = {"type": f"urn:problem-type:telltale:{kind}", "status": status, "detail": "because"}
    return status, PROBLEM, json.dumps(content).encode()


BREAK = (0, "", b"")  # the connection, after the request was read


class Pretender:
    """A server that answers by a script and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        pretender, left = self, list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                pretender.asked.append((self.command, self.path, self.headers["Authorization"], body))
                status, kind, content = left.pop(0)
                if not status:
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("Location" if status == 302 else "Content-Type", kind)
                if status in (429, 503):
                    self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

            def finish(self) -> None:
                if not self.wfile.closed:
                    super().finish()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.client = Client(f"http://127.0.0.1:{self._server.server_port}", "tt_secret")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def pretend() -> Iterator[Callable[..., Pretender]]:
    started: list[Pretender] = []

    def start(*answers: Answer) -> Pretender:
        started.append(Pretender(*answers))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are counted in hundredths here."""
    monkeypatch.setattr(api, "_FIRST", 0.01)


def test_a_start_whose_answer_was_lost_is_asked_for_again_with_the_same_id(pretend: Callable[..., Pretender]) -> None:
    there = pretend(BREAK, problem("database-away", 503), problem("too-many-requests", 429), said({"id": "x"}, 201))
    assert there.client.start("doubling", [1]).id == "x"
    assert {one[2] for one in there.asked} == {"Bearer tt_secret"}
    (body,) = {one[3] for one in there.asked}
    assert json.loads(body)["args"] == [[1]]
    assert len(json.loads(body)["id"]) == 36


def test_a_message_is_sent_again_with_its_key_and_a_cancellation_is_not(pretend: Callable[..., Pretender]) -> None:
    there = pretend(BREAK, said({"id": 1, "topic": "go"}, 201), problem("too-many-requests", 429), BREAK)
    workflow = api.RemoteWorkflow(there.client, "a/b")
    workflow.send("go", None)
    with pytest.raises(Unreachable):
        workflow.cancel()
    assert [one[1] for one in there.asked] == ["/api/v1/workflows/a~2Fb/messages"] * 2 + [
        "/api/v1/workflows/a~2Fb/cancellation"
    ] * 2  # who asks too often was not heard at all


def test_a_result_is_waited_for_and_an_end_without_one_raises(pretend: Callable[..., Pretender]) -> None:
    row = {"status": "running", "output": None, "error": None}
    failed = {**row, "status": "failed", "error": {"type": "ValueError", "message": "no"}}
    there = pretend(said(row), said({**row, "status": "succeeded", "output": 7}), said(failed), said(row))
    workflow = api.RemoteWorkflow(there.client, "w")
    assert workflow.result() == 7
    with pytest.raises(WorkflowFailed, match="ValueError: no"):
        workflow.result()
    with pytest.raises(ResultTimeout):
        workflow.result(timeout=0)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem("unauthenticated", 401), SignedOut),
        (problem("missing-scope", 403), Forbidden),
        (problem("not-found", 404), WorkflowNotFound),
        (problem("transition-refused", 409), TransitionRefused),
        (problem("duplicate-workflow", 409), ApiProblem),
        ((200, "text/html", b"<h1>hello</h1>"), NotTelltale),
        ((302, "http://elsewhere.example/", b""), NotTelltale),
        ((200, JSON, b"{"), NotTelltale),
    ],
)
def test_each_refusal_is_an_exception_of_its_own(
    pretend: Callable[..., Pretender], answer: Answer, error: type[Exception]
) -> None:
    there = pretend(answer)
    with pytest.raises(error):
        there.client.retrieve("w")
    assert len(there.asked) == 1


def test_a_list_is_read_page_by_page_and_a_history_part_by_part(pretend: Callable[..., Pretender]) -> None:
    pages = [{"items": [{"id": "b"}], "next": "c="}, {"items": [{"id": "a"}], "next": None}]
    parts = [{"events": [{"seq": seq}], "seq": seq, "head": 2, "epoch": "e"} for seq in (1, 2)]
    there = pretend(*map(said, [*pages, *parts]))
    assert [row["id"] for row in there.client.workflows(status=["failed", "queued"])] == ["b", "a"]
    assert [event["seq"] for event in api.RemoteWorkflow(there.client, "w").history()] == [1, 2]
    assert [one[1].partition("?")[2] for one in there.asked] == [
        "status=failed&status=queued&limit=200&cursor=", "status=failed&status=queued&limit=200&cursor=c%3D",
        "after=0&epoch=", "after=1&epoch=e",
    ]  # fmt: skip


def test_a_token_is_one_word() -> None:
    with pytest.raises(ValueError, match="API token"):
        Client("http://localhost", "two words")
