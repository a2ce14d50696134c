"""The carriers over HTTP, for tests: a stream of Server-Sent Events as curl would read it, and polls."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.processes import Server
from tests.wait import PATIENCE


class Message(NamedTuple):
    """One message of a stream."""

    event: str
    id: str | None
    retry: int | None
    frame: dict[str, Any]


class StreamClient:
    """One response. `log` is every event of the workflow in the order of arrival; strict about order."""

    def __init__(self, server: Server, session: str | None, workflow_id: str, **headers: str) -> None:
        address = urlsplit(server.url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
        if session is not None:
            headers["Cookie"] = f"sessionid={session}"
        query = headers.pop("query", "")
        self._connection.request("GET", f"/workflows/{workflow_id}/stream/{query}", headers=headers)
        self._response = self._connection.getresponse()
        self.status, self.headers = self._response.status, self._response.headers
        self.last_id: str | None = None
        self.epoch, self.seq = "", 0
        self.log: list[list[Any]] = []

    def __enter__(self) -> StreamClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Go away."""
        self._connection.close()
        self._response.close()

    def content(self) -> Any:
        """The body of a refusal."""
        return json.loads(self._response.read())

    def message(self) -> Message | None:
        """The next one; None at the end."""
        fields: dict[str, str] = {}
        while (line := self._response.readline().decode()) != "\n":
            if not line:
                return None
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
        frame = json.loads(fields["data"])
        assert fields["event"] == frame["t"]
        self.last_id = fields.get("id", self.last_id)
        return Message(fields["event"], fields.get("id"), int(fields["retry"]) if "retry" in fields else None, frame)

    def take(self) -> dict[str, Any] | None:
        """The next frame, folded into the log. Fails on a gap or a repetition."""
        message = self.message()
        if message is None:
            return None
        frame = message.frame
        if frame["t"] == "snapshot":
            self.epoch, self.seq, self.log = frame["epoch"], frame["seq"], frame["events"]
        elif frame["t"] == "events":
            assert (frame["epoch"], frame["from"]) == (self.epoch, self.seq + 1), f"gap: {frame} after {self.seq}"
            self.seq = frame["to"]
            self.log += frame["events"]
        if frame["t"] in ("snapshot", "events", "receipt"):
            assert message.id == f"{self.epoch}:{self.seq}"
        else:
            assert message.id is None
        return frame

    def take_until(self, kind: str) -> dict[str, Any]:
        """Fold frames until one of this kind came."""
        while (frame := self.take()) is not None:
            if frame["t"] == kind:
                return frame
        raise AssertionError(f"the stream ended without {kind}")

    def resume(self, before: StreamClient) -> StreamClient:
        """Go on with what an earlier one has."""
        self.epoch, self.seq, self.log = before.epoch, before.seq, before.log
        return self


class PollClient:
    """Polls of one page."""

    def __init__(self, server: Server, session: str | None, *, origin: str | None = "") -> None:
        self._server, self._session = server, session
        self._origin = server.url if origin == "" else origin

    def answer(self, body: Any, **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
        """Status, content and headers of the answer to a body."""
        address = urlsplit(self._server.url)
        assert address.hostname is not None
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
        if self._origin is not None:
            headers["Origin"] = self._origin
        if self._session is not None:
            headers["Cookie"] = f"sessionid={self._session}"
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        connection.request("POST", "/live/poll/", text, headers)
        response = connection.getresponse()
        content = json.loads(response.read())
        connection.close()
        return response.status, content, response.headers

    def frames(self, *subscriptions: dict[str, Any]) -> list[dict[str, Any]]:
        """What is answered to these, after the hello."""
        wanted = [{"t": "subscribe", **one} for one in subscriptions]
        status, content, _ = self.answer({"version": 1, "subscriptions": wanted})
        assert status == 200, content
        assert content["frames"][0]["t"] == "hello"
        frames: list[dict[str, Any]] = content["frames"][1:]
        return frames
