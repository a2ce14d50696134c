"""What clients say, checked field by field: messages of a socket, bodies of polls, places of streams. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from dashboard import protocol, topics
from dashboard.protocol import ClientMessage, Cursor, Subscribe
from dashboard.terms import HOWS, MOST_TERMS
from workflows.errors import PayloadError
from workflows.payloads import checked_key


class BadMessage(ValueError):
    """A client message that is not of this protocol; the text says what is wrong with which field."""


def decode(text: str) -> ClientMessage:
    """A client's message, checked field by field. Raises BadMessage."""
    message = _object(text)
    kind = message.get("t")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise BadMessage(f"unknown message {str(kind)[:40]!r}; known are {', '.join(sorted(_CHECKS))}")
    check(message)
    return cast(ClientMessage, message)


def _object(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"not JSON: {str(error)[:80]}") from error
    if not isinstance(message, dict):
        raise BadMessage("not a JSON object")
    return message


def decode_poll(text: str) -> list[Subscribe]:
    """The subscriptions of a poll, the last one for each topic. Raises BadMessage, which names the field."""
    message = _object(text)
    if message.get("version") != protocol.VERSION:
        raise BadMessage(f"version must be {protocol.VERSION}")
    asked = _field(message, "subscriptions", list)
    if len(asked) > protocol.LIMITS["subscriptions"]:
        raise BadMessage(f"subscriptions has {len(asked)} entries; the limit is {protocol.LIMITS['subscriptions']}")
    for number, one in enumerate(asked):
        try:
            if not isinstance(one, dict) or one.get("t") != "subscribe":
                raise BadMessage('must be a message whose t is "subscribe"')
            _check_subscribe(one)
        except BadMessage as error:
            raise BadMessage(f"subscriptions[{number}]: {error}") from error
    return list({one["topic"]: one for one in asked}.values())


def decode_place(text: str) -> Cursor:
    """The cursor of a stream's address or Last-Event-ID, `epoch:seq`. Raises BadMessage."""
    epoch, _, seq = text.rpartition(":")
    if not (epoch and seq.isascii() and seq.isdigit() and len(seq) < 20 and int(seq) < 2**63):
        raise BadMessage(f"the place must be <epoch>:<seq>, not {text[:40]!r}")
    return Cursor(epoch=epoch, seq=int(seq))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_subscribe(message: dict[str, Any]) -> None:
    if message.get("topic") == topics.LIST:
        _check_list(message)
        return
    if message.get("topic") in topics.OVERVIEWS:
        return
    _check_workflow_topic(message)
    if "at" in message:
        at = _field(message, "at", dict)
        _field(at, "epoch", str)
        _natural(at, "seq")


def _check_list(message: dict[str, Any]) -> None:
    chosen = _field(message, "filter", dict)
    if not all(isinstance(status, str) for status in _field(chosen, "status", list)):
        raise BadMessage("status must be a list of text")
    _field(chosen, "definition", str)
    _field(chosen, "search", str)
    if "since" in chosen:
        moment(_field(chosen, "since", str))
    if "parent" in chosen:
        _field(chosen, "parent", str)
    if "where" in chosen:
        _check_where(_field(chosen, "where", list))
    rows = _field(message, "ids", list)
    if len(rows) > protocol.LIMITS["list_rows"]:
        raise BadMessage(f"ids has {len(rows)} rows; the limit is {protocol.LIMITS['list_rows']}")
    for row in rows:
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[0], str)):
            raise BadMessage("ids must be pairs of id and seq")
        _natural({"seq": row[1]}, "seq")
    moment(_field(message, "since", str))
    if "keys" in message:
        _check_keys(_field(message, "keys", list))


def _check_keys(keys: list[Any]) -> None:
    if len(keys) > protocol.LIMITS["list_keys"]:
        raise BadMessage(f"keys has {len(keys)} entries; the limit is {protocol.LIMITS['list_keys']}")
    for key in keys:
        _check_key(key)


def _check_key(key: Any) -> None:
    try:
        checked_key(key)
    except PayloadError as error:
        raise BadMessage(f"keys: {error}") from error


def _check_where(terms: list[Any]) -> None:
    if len(terms) > MOST_TERMS:
        raise BadMessage(f"where has {len(terms)} terms; the limit is {MOST_TERMS}")
    for term in terms:
        if not (isinstance(term, list) and len(term) == 3 and isinstance(term[2], str) and term[1] in HOWS):
            raise BadMessage(f"where must be triples of key, one of {' '.join(HOWS)}, and text")
        _check_key(term[0])


def _check_workflow_topic(message: dict[str, Any]) -> None:
    if topics.workflow_id(_field(message, "topic", str)) is None:
        raise BadMessage(f"unknown topic {message['topic'][:40]!r}")


def _check_unsubscribe(message: dict[str, Any]) -> None:
    if message.get("topic") not in (topics.LIST, *topics.OVERVIEWS):
        _check_workflow_topic(message)


def _field(message: dict[str, Any], name: str, kind: type) -> Any:
    value = message.get(name)
    if not isinstance(value, kind):
        raise BadMessage(f"{name} must be {kind.__name__}")
    if isinstance(value, str) and "\x00" in value:
        raise BadMessage(f"{name} must not contain NUL")
    return value


def _natural(message: dict[str, Any], name: str) -> None:
    value = message.get(name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise BadMessage(f"{name} must be a whole number from 0 to 2^63 - 1")


_CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "subscribe": _check_subscribe,
    "unsubscribe": _check_unsubscribe,
    "ack": lambda message: _natural(message, "frames"),
    "pong": lambda message: _natural(message, "n"),
}


def moment(text: str) -> datetime:
    """A time of the wire. Raises BadMessage."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadMessage(f"{text[:40]!r} is not an ISO 8601 time") from error
