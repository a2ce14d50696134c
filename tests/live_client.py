"""A browser's side of the live connection, for tests: strict about order, without any patience for gaps."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.live_reading import Parts
from tests.processes import Server
from tests.wait import PATIENCE


def session_of(user: User) -> str:
    """Sign in; the session's key."""
    browser = Client()
    browser.force_login(user)
    return browser.cookies["sessionid"].value


class LiveClient:
    """One connection. `log` is every event of the followed workflow in the order of arrival."""

    def __init__(self, server: Server, session: str | None, *, acknowledging: bool = True, **options: Any) -> None:
        headers = {} if session is None else {"Cookie": f"sessionid={session}"}
        address = f"ws://127.0.0.1:{server.port}/ws/live/"
        # No browser pings by itself, and none gives up because the answer to a ping is late.
        calm: dict[str, Any] = {"ping_interval": None, "open_timeout": PATIENCE}
        options = {"origin": server.url, "max_size": None, "compression": None, **calm, **options}
        self.socket: ClientConnection = connect(address, additional_headers=headers, **options).__enter__()
        self.acknowledging = acknowledging
        self.frames = 0
        self.parts = Parts()
        self.epoch: str | None = None
        self.seq = 0
        self.log: list[list[Any]] = []
        self.receipts: list[dict[str, Any]] = []

    def __enter__(self) -> LiveClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.socket.send(json.dumps(message))

    def follow(self, workflow_id: str, *, after: LiveClient | None = None) -> None:
        """Subscribe; as a page that comes back, from where the earlier connection stopped."""
        if after is None:
            self.say(t="subscribe", topic=f"workflow:{workflow_id}")
            return
        self.epoch, self.seq, self.log = after.epoch, after.seq, after.log
        self.say(t="subscribe", topic=f"workflow:{workflow_id}", at={"epoch": self.epoch, "seq": self.seq})

    def frame(self, within: float = PATIENCE) -> dict[str, Any]:
        """The next frame. Raises TimeoutError."""
        while True:
            message = json.loads(self.socket.recv(timeout=within))
            self.frames += 1
            if self.acknowledging:
                self.say(t="ack", frames=self.frames)
            frame = self.parts.joined(message)
            if frame is not None:
                return frame

    def take(self, within: float = PATIENCE) -> dict[str, Any]:
        """The next frame, folded into the log. Fails on a gap or a repetition."""
        frame = self.frame(within)
        if frame["t"] == "snapshot":
            self.epoch, self.seq, self.log = frame["epoch"], frame["seq"], frame["events"]
        elif frame["t"] == "events":
            assert (frame["epoch"], frame["from"]) == (self.epoch, self.seq + 1), f"gap: {frame} after {self.seq}"
            assert [event[0] for event in frame["events"]] == list(range(frame["from"], frame["to"] + 1))
            self.seq = frame["to"]
            self.log += frame["events"]
        elif frame["t"] == "receipt":
            assert frame["seq"] <= self.seq, f"receipt {frame} at {self.seq}"
            self.receipts.append(frame)
        return frame

    def take_until(self, kind: str, within: float = PATIENCE) -> dict[str, Any]:
        """Fold frames until one of this kind came; `within` so many seconds each."""
        while True:
            frame = self.take(within)
            if frame["t"] == kind:
                return frame

    def take_until_event(self, kind: str, within: float = PATIENCE) -> None:
        """Fold frames until an event of this kind is in the log; `within` so many seconds each."""
        while not any(event[2] == kind for event in self.log):
            self.take(within)

    def close_code(self, within: float = PATIENCE) -> int:
        """Read on until the server closes; its code."""
        deadline = time.monotonic() + within
        try:
            while True:
                self.frame(max(0.01, deadline - time.monotonic()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006  # what browsers say without a close frame
