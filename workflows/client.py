"""Watch workflows from anywhere: sign in to a console over HTTP, and follow one as its page does.

    console = Console("https://console.example", user="viewer", password=secret)
    for moved in follow(console, "order-42", timeout=3600):
        print(moved.state["workflow"]["status"], moved.events)

The standard library is all that this needs: no Django, no database. A lost connection is made anew, and goes on from
the cursor, so that every event arrives once and in order.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from workflows import ids
from workflows.errors import (
    CannotWatch,
    Forbidden,
    NotTelltale,
    NotVisible,
    ResultTimeout,
    SignedOut,
    Unreachable,
)
from workflows.reader import EPOCH, RESETS, START, Cursor, Deadline, Gap, Moved, Tell, View
from workflows.remote import SILENCE, Console, Lost, reason

__all__ = ["Console", "Cursor", "Moved", "follow"]

# The words of `dashboard.protocol`, as far as a stream of one workflow needs them (see FRAMES, too); a test compares.
VERSION = 1
GONE, UNKNOWN = "gone", "unknown"
SIGNED_OUT, FORBIDDEN, TOO_MANY = 4401, 4403, 4430

_FIRST, _LAST, _JITTER = 0.25, 8.0, 0.2  # seconds until the next try, doubled up to the last, ±20 %
_REFUSALS = ("application/json", "application/problem+json")
_MOST_BYTES = 256 * 1024 * 1024  # of one line; no frame of a console is nearly as long


def follow(
    console: Console,
    workflow_id: str,
    *,
    at: Cursor | None = None,
    timeout: float | None = None,
    tell: Tell = lambda _: None,
) -> Iterator[Moved]:
    """Yield the present state, what came after the cursor `at` if given, then every change until it ended.

    `timeout` is in seconds. After the first answer, losses are told to `tell` and tried again for ever.
    Raises WorkflowNotFound, WorkflowGone when it is deleted meanwhile, CannotWatch, ResultTimeout, InvalidWorkflowId.
    """
    view = View(ids.checked(workflow_id), at)
    return _Stream(console, view, Deadline(workflow_id, timeout), tell).moves()


class _Stream:
    """One workflow's stream, over as many responses as it takes."""

    def __init__(self, console: Console, view: View, deadline: Deadline, tell: Tell) -> None:
        self._console, self._view, self._deadline, self._tell = console, view, deadline, tell
        self._first, self._tries, self._told = _FIRST, 0, False
        self._why, self._renewed, self._admitted = START, False, False
        self._orderly = False  # this response ended as it should, not by a loss

    def moves(self) -> Iterator[Moved]:
        """Everything, until the workflow ended. A response that had its share is followed by the next at once."""
        while not self._view.ended:
            before, began, why, self._orderly = self._view.cursor, time.monotonic(), "", False
            try:
                yield from self._response()
                why = "" if self._orderly or self._view.ended else "the stream ended"
            except ResultTimeout:
                raise
            except (OSError, http.client.HTTPException, Lost, Gap) as error:
                why = reason(error)
                self._deadline.left(SILENCE)  # a wait may have ended because the time is over
                if not self._admitted:
                    raise Unreachable(f"{self._console.address} cannot be watched: {why}") from error
            moved = self._view.cursor != before
            if moved or time.monotonic() - began > SILENCE:
                self._tries = 0
            if why or not moved:
                self._pause(why)
        self._back("")

    def _pause(self, why: str) -> None:
        self._tries += 1
        wait = min(_LAST, self._first * 2 ** min(self._tries - 1, 10)) * random.uniform(1 - _JITTER, 1 + _JITTER)
        if why:
            self._told = True
            self._tell(f"Connection lost ({why}); trying again in {wait:.1f} s.")
        time.sleep(self._deadline.left(wait))

    def _response(self) -> Iterator[Moved]:
        console, view = self._console, self._view
        if not console.signed_in:
            console.fill_in(self._deadline.left(SILENCE))
        at = f"?at={quote(str(view.cursor), safe='')}" if view.begun else ""
        path = console.streams % ids.segment(view.workflow_id) + at
        headers = {"Accept": "text/event-stream"}
        with console.ask("GET", path, timeout=self._deadline.left(SILENCE), headers=headers) as (answer, wire):
            if answer.status == http.client.UNAUTHORIZED and not self._renewed:
                self._renewed = self._orderly = True
                console.fill_in(self._deadline.left(SILENCE))
                return
            self._admit(answer)
            for frame in self._frames(answer, wire):
                moved = self._take(frame)
                if moved is not None:
                    yield moved
                if frame.get("t") == "snapshot" and not view.caught_up:
                    self._orderly = True
                    return  # a reader that came with a cursor asks for what is between
                if view.ended:
                    return

    def _admit(self, answer: http.client.HTTPResponse) -> None:
        view, address = self._view, self._console.address
        if answer.status == http.client.UNAUTHORIZED:
            raise SignedOut(f"{address} does not accept the session; sign in again.")
        if answer.status == http.client.FORBIDDEN:
            raise Forbidden(f"{address} does not let this account watch workflows; it needs the right to view them.")
        if answer.status == http.client.NOT_FOUND and answer.headers.get_content_type() in _REFUSALS:
            doubt = ", or this account lost the right to view it"
            raise view.gone(doubt) if view.begun else NotVisible(view.workflow_id, address)
        if answer.status != http.client.OK or answer.headers.get_content_type() != "text/event-stream":
            self._console.refuse(answer)
        self._renewed, self._admitted = False, True

    def _frames(self, answer: http.client.HTTPResponse, wire: socket.socket) -> Iterator[dict[str, Any]]:
        """What the stream says, message by message; one that was cut off is not said."""
        data: list[bytes] = []
        while True:
            wire.settimeout(self._deadline.left(SILENCE))
            line = answer.readline(_MOST_BYTES)
            field, _, value = line.rstrip(b"\r\n").partition(b":")
            if not line.endswith(b"\n"):
                return
            if field == b"data":
                data.append(value.strip())
            elif field == b"retry" and value.strip().isdigit():
                self._first = min(int(value) / 1000, _LAST)
            elif not field and data:
                yield self._decoded(b"\n".join(data))
                data = []

    def _decoded(self, data: bytes) -> dict[str, Any]:
        try:
            frame = json.loads(data)
            if isinstance(frame, dict):
                return frame
        except (ValueError, RecursionError):
            pass
        raise NotTelltale(f"{self._console.address} streams something that is no frame: {data[:40]!r}.")

    def _take(self, frame: dict[str, Any]) -> Moved | None:
        """Kinds that are unknown here are of a newer server, and left alone."""
        taken = FRAMES.get(str(frame.get("t")))
        try:
            return taken(self, frame) if taken else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NotTelltale(f"{self._console.address} sent a {frame.get('t')!r} that is none: {error!r}.") from error

    def _hello(self, frame: dict[str, Any]) -> None:
        if frame["version"] != VERSION:
            spoken = f"speaks version {frame['version']!r} of the protocol, not {VERSION}"
            raise NotTelltale(f"{self._console.address} {spoken}; update the older of the two.")

    def _snapshot(self, frame: dict[str, Any]) -> Moved:
        why, self._why = self._why, START
        self._back("")
        return self._view.restart(frame["epoch"], frame["state"], why, frame["events"])

    def _events(self, frame: dict[str, Any]) -> Moved | None:
        if frame["epoch"] != self._view.cursor.epoch:
            raise Lost("events of another history came")
        return self._view.advance(frame["events"])

    def _receipt(self, frame: dict[str, Any]) -> None:
        if frame["seq"] > self._view.cursor.seq:
            raise Lost(f"events up to {frame['seq']} were announced and did not come")
        self._back(f"{frame['replayed']} events replayed, no gap.")

    def _reset(self, frame: dict[str, Any]) -> None:
        if frame["reason"] == GONE:
            raise self._view.gone()
        self._why = frame["reason"] if frame["reason"] in RESETS else EPOCH

    def _error(self, frame: dict[str, Any]) -> None:
        if frame["code"] == UNKNOWN:
            raise NotVisible(self._view.workflow_id, self._console.address)
        raise CannotWatch(f"{self._console.address} refuses: {frame['message']}")

    def _close(self, frame: dict[str, Any]) -> None:
        """Other codes only mean to come back."""
        self._orderly = True
        if frame["code"] == FORBIDDEN:
            raise Forbidden(f"{self._console.address} does not let this account watch workflows any more.")
        if frame["code"] == SIGNED_OUT:
            self._console.fill_in(self._deadline.left(SILENCE))
        if frame["code"] == TOO_MANY:
            raise Lost("this account has too many connections there; close some")

    def _ping(self, frame: dict[str, Any]) -> None:
        """That it came is all that it says."""

    def _back(self, how: str) -> None:
        if self._told:
            self._tell(f"Connected again. {how}".rstrip())
        self._told = False


FRAMES: dict[str, Callable[[_Stream, dict[str, Any]], Moved | None]] = {
    "hello": _Stream._hello,
    "snapshot": _Stream._snapshot,
    "events": _Stream._events,
    "receipt": _Stream._receipt,
    "reset": _Stream._reset,
    "ping": _Stream._ping,
    "error": _Stream._error,
    "close": _Stream._close,
}
