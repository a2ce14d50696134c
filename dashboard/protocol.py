"""Every WebSocket message in both directions, the close codes and the limits: protocol version 1.

The twin of `static/js/live/protocol.js` (a test compares the words); `docs/protocol.md` is generated from this module.
Frames are JSON text, encoded here; what clients say is checked by `decoding`. Who may ask is decided elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from django.utils.crypto import salted_hmac

from dashboard import topics

VERSION = 1
UNKNOWN_WORKFLOW = "There is no such workflow, or you may not see it."  # one answer for both
UNKNOWN_OVERVIEW = "There is no such overview, or you may not see it."


class CloseCode(IntEnum):
    """Why the server ends a connection. Any other code, or none: come back."""

    SIGNED_OUT = 4401  # no session, or it ended; sign in first
    FORBIDDEN = 4403  # the account may not watch workflows
    COME_BACK = 4408  # silent for long, or the database is away, or a stream had its share; come back with your cursor
    TOO_BIG = 4413  # one message above the limit
    FLOOD = 4429  # more messages than any page of ours sends
    TOO_MANY = 4430  # the account has too many connections; close some


class ErrorCode(StrEnum):
    """Why a message was refused."""

    UNKNOWN = "unknown"  # no such workflow, or one or an overview that this account may not see
    LIMIT = "limit"  # too many subscriptions on this connection
    BAD = "bad"  # not of this protocol; the text says which field and why


class ResetReason(StrEnum):
    """Why a stream starts again from a snapshot."""

    EPOCH = "epoch"  # the cursor counts in another history
    AHEAD = "ahead"  # the cursor is beyond the newest event
    TRIMMED = "trimmed"  # events after the cursor were removed, by retention or by hand
    GONE = "gone"  # the workflow was deleted; no snapshot follows


LIMITS: Mapping[str, float] = {
    "subscriptions": 128,
    "list_rows": 200,
    "list_keys": 16,
    "client_message_bytes": 64 * 1024,
    "unacknowledged_bytes": 512 * 1024,
    "message_characters": 240 * 1024,
    "snapshot_events": 200,
    "heartbeat_seconds": 15,
    "silence_seconds": 25,
    "stream_heartbeat_seconds": 15,
    "stream_seconds": 600,
    "ack_seconds": 5,
    "ack_bytes": 64 * 1024,
}


class Cursor(TypedDict):
    """Where a reader stands: the last event it has, and in which history that counts."""

    epoch: str
    seq: int


class Filter(TypedDict):
    """Which workflows a list shows: any of these statuses (none: all), a definition or the beginning of one and `*`,
    the beginning of an id, those created since a time, the children of a workflow (or "none": those without a parent),
    and terms `[key, how, operand]` about published values (`how`:
    = < <= > >=, ^ begins with, ? is there). Whatever newly matches such terms is not told: ask for the list again."""

    status: list[str]
    definition: str
    search: str
    since: NotRequired[str]
    parent: NotRequired[str]
    where: NotRequired[list[tuple[str, str, str]]]


class SubscribeWorkflow(TypedDict):
    """Follow one workflow: from the cursor `at`, or from a snapshot. A second one for a topic replaces the first."""

    t: Literal["subscribe"]
    topic: str
    at: NotRequired[Cursor]


class SubscribeList(TypedDict):
    """Follow a list: visible rows `[id, seq]`, and what matches the filter and is not among them.

    `keys`: published keys whose values come with each row.
    """

    t: Literal["subscribe"]
    topic: Literal["workflows"]
    filter: Filter
    ids: list[tuple[str, int]]
    since: str
    keys: NotRequired[list[str]]


class SubscribeOverview(TypedDict):
    """Follow the counts of all workflows, the queues, workers, schedules, bulk actions, or saved views."""

    t: Literal["subscribe"]
    topic: Literal["counters", "queues", "workers", "schedules", "bulk", "views"]


class Unsubscribe(TypedDict):
    """Stop following a topic."""

    t: Literal["unsubscribe"]
    topic: str


class Ack(TypedDict):
    """How many frames arrived on this connection so far, all kinds counted."""

    t: Literal["ack"]
    frames: int


class Pong(TypedDict):
    """The answer to a ping."""

    t: Literal["pong"]
    n: int


Subscribe: TypeAlias = SubscribeWorkflow | SubscribeList | SubscribeOverview
ClientMessage: TypeAlias = Subscribe | Unsubscribe | Ack | Pong


class Hello(TypedDict):
    """The first frame; before it nothing is subscribed."""

    t: Literal["hello"]
    version: int
    server_time: str
    heartbeat: float


class Snapshot(TypedDict):
    """The state of a workflow at `seq` and the latest events up to it."""

    t: Literal["snapshot"]
    topic: str
    epoch: str
    seq: int
    state: dict[str, Any]
    events: list[list[Any]]


Events = TypedDict(
    "Events",
    {"t": Literal["events"], "topic": str, "epoch": str, "from": int, "to": int, "events": list[list[Any]]},
)
Events.__doc__ = (
    "All events `from` to `to`, without a hole, each `[seq, at, kind, position, key, data]`. What this account may not "
    'read says `"(hidden)"` in its place.'
)


class Receipt(TypedDict):
    """A resumed stream is complete: everything after `after` up to `seq` was sent, `replayed` events."""

    t: Literal["receipt"]
    topic: str
    epoch: str
    after: int
    seq: int
    replayed: int


class Reset(TypedDict):
    """What the client knows of the topic is void; a snapshot follows, unless the workflow is gone."""

    t: Literal["reset"]
    topic: str
    reason: ResetReason


class Rows(TypedDict):
    """Visible rows that moved (the higher seq wins), and rows `[id, status, definition]` that newly match.

    `more`: there are more fresh ones than were listed.
    """

    t: Literal["rows"]
    topic: Literal["workflows"]
    rows: list[dict[str, Any]]
    fresh: list[tuple[str, str, str]]
    more: bool


class Overview(TypedDict):
    """What a topic that is a state is like: `whole`, or only the cells that changed since the last frame (null: gone).

    `counters`: by status, `"failed"`, and by status and definition, `"failed checkout"`; none of nothing. `queues` and
    `schedules`: by name. `workers` and `bulk`: by id. `views`: one cell, which is another text after any change.
    """

    t: Literal["overview"]
    topic: Literal["counters", "queues", "workers", "schedules", "bulk", "views"]
    version: int
    whole: bool
    cells: dict[str, Any]


class Ping(TypedDict):
    """The heartbeat; a client that hears nothing for `silence_seconds` connects anew."""

    t: Literal["ping"]
    n: int
    server_time: str


class Error(TypedDict):
    """A message was refused; `topic` says which subscription, if any."""

    t: Literal["error"]
    topic: str | None
    code: ErrorCode
    message: str


class Part(TypedDict):
    """On a socket, piece `n` (from 1) of a frame that is too long for one message; joined they are its text."""

    t: Literal["part"]
    n: int
    of: int
    text: str


class Close(TypedDict):
    """On a stream, the last frame: what a socket says by its close code."""

    t: Literal["close"]
    code: CloseCode


CLIENT_MESSAGES = (SubscribeWorkflow, SubscribeList, SubscribeOverview, Unsubscribe, Ack, Pong)
SERVER_FRAMES = (Hello, Snapshot, Events, Receipt, Reset, Rows, Overview, Ping, Error, Part, Close)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(frame: Mapping[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def encode_place(epoch: str, seq: int) -> str:
    """The text of a cursor on a stream."""
    return f"{epoch}:{seq}"


def kind(frame: str) -> str:
    """The word of an encoded frame of ours, which always stands first."""
    return frame[6 : frame.index('"', 6)]


def answer(frames: Sequence[str]) -> str:
    """The text of a poll's answer, around frames that are encoded already."""
    return f'{{"frames":[{",".join(frames)}]}}'


def hello(heartbeat: float = LIMITS["heartbeat_seconds"]) -> str:
    """The text of a `Hello`."""
    return _text(Hello(t="hello", version=VERSION, server_time=_now(), heartbeat=heartbeat))


def snapshot(topic: str, *, epoch: str, state: dict[str, Any], events: Sequence[list[Any]]) -> str:
    """The text of a `Snapshot`."""
    return _text(Snapshot(t="snapshot", topic=topic, epoch=epoch, seq=state["seq"], state=state, events=list(events)))


def events(topic: str, *, epoch: str, first: int, last: int, encoded: str) -> str:
    """The text of an `Events`, around events that the database has encoded already."""
    head = _text({"t": "events", "topic": topic, "epoch": epoch, "from": first, "to": last})
    return f'{head[:-1]},"events":[{encoded}]}}'


def receipt(topic: str, *, epoch: str, after: int, seq: int) -> str:
    """The text of a `Receipt`."""
    return _text(Receipt(t="receipt", topic=topic, epoch=epoch, after=after, seq=seq, replayed=seq - after))


def reset(topic: str, reason: ResetReason) -> str:
    """The text of a `Reset`."""
    return _text(Reset(t="reset", topic=topic, reason=reason))


def rows(encoded: Sequence[str], fresh: Sequence[tuple[str, str, str]], *, more: bool) -> str:
    """The text of a `Rows`, around rows that were encoded once for all their readers."""
    tail = json.dumps({"fresh": fresh, "more": more}, ensure_ascii=False, separators=(",", ":"))
    return f'{{"t":"rows","topic":"{topics.LIST}","rows":[{",".join(encoded)}],{tail[1:]}'


def overview(topic: str, *, version: int, whole: bool, cells: Mapping[str, Any]) -> str:
    """The text of an `Overview`."""
    return _text({"t": "overview", "topic": topic, "version": version, "whole": whole, "cells": cells})


def mark_of(found: Sequence[Any]) -> str:
    """The text of a cell that says no more of something than whether it is still the same, also to who guesses it."""
    return salted_hmac("dashboard.protocol", _text({"found": found})).hexdigest()[:16]


def ping(n: int) -> str:
    """The text of a `Ping`."""
    return _text(Ping(t="ping", n=n, server_time=_now()))


def parts(frame: str) -> list[str]:
    """The messages that bring a frame over a socket. daphne sends none above a megabyte, which these are below."""
    size = int(LIMITS["message_characters"])  # of at most four bytes each
    if len(frame) <= size:
        return [frame]
    pieces = [frame[start : start + size] for start in range(0, len(frame), size)]
    return [_text(Part(t="part", n=n, of=len(pieces), text=piece)) for n, piece in enumerate(pieces, start=1)]


def close(code: CloseCode) -> str:
    """The text of a `Close`."""
    return _text(Close(t="close", code=code))


def error(topic: str | None, code: ErrorCode, message: str) -> str:
    """The text of an `Error`."""
    return _text(Error(t="error", topic=topic, code=code, message=message))
