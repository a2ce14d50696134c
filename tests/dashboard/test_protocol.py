"""Messages of the wire: what is understood, what is refused and why, and what the frames say."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest

from dashboard import decoding, protocol
from dashboard.protocol import CloseCode, ErrorCode, ResetReason

FILTER: dict[str, Any] = {"status": [], "definition": "", "search": ""}
LIST: dict[str, Any] = {"t": "subscribe", "topic": "workflows", "filter": FILTER}
PLACE = {"ids": [], "since": "2026-11-23T10:00:00Z"}


def decode(message: Any) -> Any:
    return decoding.decode(json.dumps(message))


@pytest.mark.parametrize(
    "message",
    [
        {"t": "subscribe", "topic": "workflow:order-42"},
        {"t": "subscribe", "topic": "workflow:a:b/c~%2F", "at": {"epoch": "e", "seq": 0}},
        {**LIST, "ids": [["a", 1], ["b", 2**63 - 1]], "since": "2026-11-23T10:00:00.123456Z"},
        {**LIST, "ids": [], "since": "2026-11-23T10:00:00+01:00"},
        {**LIST, **PLACE, "keys": ["amount", "käse 🧀"]},
        {**LIST, **PLACE, "filter": {**FILTER, "where": [["amount", ">", "0.5"], ["report", "?", ""]]}},
        {**LIST, **PLACE, "filter": {**FILTER, "parent": "order-42"}},
        {"t": "unsubscribe", "topic": "workflows"},
        {"t": "ack", "frames": 123},
        {"t": "pong", "n": 7},
    ],
)
def test_every_message_of_the_protocol_is_understood(message: dict[str, Any]) -> None:
    assert decode(message) == message


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ([], "object"),
        ({"t": ["ack"]}, "unknown message"),
        ({"t": "hello"}, "unknown message"),
        ({"t": "ack"}, "frames must be"),
        ({"t": "ack", "frames": -1}, "frames must be"),
        ({"t": "ack", "frames": 1.0}, "frames must be"),
        ({"t": "ack", "frames": True}, "frames must be"),
        ({"t": "ack", "frames": 2**63}, "frames must be"),
        ({"t": "subscribe"}, "topic must be"),
        ({"t": "subscribe", "topic": "workflow:"}, "unknown topic"),
        ({"t": "subscribe", "topic": "workflow:" + "x" * 201}, "unknown topic"),
        ({"t": "subscribe", "topic": "workflow:a\u0000b"}, "NUL"),
        ({"t": "subscribe", "topic": "users"}, "unknown topic"),
        ({"t": "subscribe", "topic": "workflow:a", "at": 5}, "at must be"),
        ({"t": "subscribe", "topic": "workflow:a", "at": {"epoch": "e", "seq": "1"}}, "seq must be"),
        ({"t": "subscribe", "topic": "workflow:a", "at": {"epoch": "e", "seq": None}}, "seq must be"),
        ({**LIST, "ids": [["a", 1]] * 201, "since": "2026-11-23T10:00:00Z"}, "limit is 200"),
        ({**LIST, "ids": ["a"], "since": "2026-11-23T10:00:00Z"}, "pairs"),
        ({**LIST, "ids": [], "since": "yesterday"}, "ISO 8601"),
        ({**LIST, "filter": {"status": [1], "definition": "", "search": ""}}, "status must be"),
        ({**LIST, "filter": {"status": [], "definition": "", "search": "\u0000"}}, "NUL"),
        ({**LIST, **PLACE, "keys": "a"}, "keys must be list"),
        ({**LIST, **PLACE, "keys": [1]}, "text, not int"),
        ({**LIST, **PLACE, "keys": ["\ud800"]}, "half surrogates"),
        ({**LIST, **PLACE, "keys": ["k"] * 17}, "the limit is 16"),
        ({**LIST, **PLACE, "filter": {**FILTER, "where": [["k", "~", "5"]]}}, "where must be triples"),
        ({**LIST, **PLACE, "filter": {**FILTER, "where": [["k", "=", 5]]}}, "where must be triples"),
        ({**LIST, **PLACE, "filter": {**FILTER, "where": [["\u0000", "?", ""]]}}, "control characters"),
        ({**LIST, **PLACE, "filter": {**FILTER, "where": [["k", "?", ""]] * 9}}, "the limit is 8"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused_with_the_reason(message: Any, complaint: str) -> None:
    with pytest.raises(decoding.BadMessage, match=complaint):
        decode(message)


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"t":"ack","frames":NaN}', "[" * 50_000, "\ud800"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(decoding.BadMessage):
        decoding.decode(text)


def test_no_text_whatsoever_raises_anything_else() -> None:
    dice = random.Random(20261123)
    seeds = [json.dumps({**LIST, "ids": [["a", 1]], "since": "2026-11-23T10:00:00Z"}), '{"t":"ack","frames":5}']
    for _ in range(5000):
        text = list(dice.choice(seeds))
        for _ in range(dice.randrange(1, 4)):
            text[dice.randrange(len(text))] = dice.choice('"{}[]:,0a\\\x00é-.')
        with contextlib.suppress(decoding.BadMessage):
            assert decoding.decode("".join(text))["t"] in {"subscribe", "ack"}


def test_frames_around_encoded_parts_are_json() -> None:
    frame = json.loads(protocol.events('workflow:a"b', epoch="e", first=2, last=3, encoded='[2,"x"], [3,"y"]'))
    assert frame == {
        "t": "events", "topic": 'workflow:a"b', "epoch": "e", "from": 2, "to": 3, "events": [[2, "x"], [3, "y"]],
    }  # fmt: skip
    frame = json.loads(protocol.rows(['{"id":"a"}', '{"id":"b"}'], [("c", "failed", "d")], more=True))
    assert frame == {
        "t": "rows", "topic": "workflows", "rows": [{"id": "a"}, {"id": "b"}], "fresh": [["c", "failed", "d"]],
        "more": True,
    }  # fmt: skip


def test_every_frame_has_exactly_the_fields_of_its_type() -> None:
    state = {"seq": 5, "workflow": {}, "values": {}, "steps": {}}
    frames = {
        protocol.Hello: protocol.hello(),
        protocol.Snapshot: protocol.snapshot("workflow:a", epoch="e", state=state, events=[]),
        protocol.Events: protocol.events("workflow:a", epoch="e", first=1, last=1, encoded="[1]"),
        protocol.Receipt: protocol.receipt("workflow:a", epoch="e", after=3, seq=5),
        protocol.Reset: protocol.reset("workflow:a", ResetReason.GONE),
        protocol.Rows: protocol.rows([], [], more=False),
        protocol.Overview: protocol.overview("queues", version=2, whole=False, cells={"default": None}),
        protocol.Ping: protocol.ping(1),
        protocol.Error: protocol.error(None, ErrorCode.BAD, "why"),
        protocol.Part: protocol.parts("x" * 300_000)[0],
        protocol.Close: protocol.close(CloseCode.COME_BACK),
    }
    assert set(frames) == set(protocol.SERVER_FRAMES)
    for kind, text in frames.items():
        assert set(json.loads(text)) == set(kind.__annotations__)
        assert protocol.kind(text) == json.loads(text)["t"]


def test_a_poll_is_a_list_of_subscriptions_the_last_one_for_each_topic() -> None:
    one = {"t": "subscribe", "topic": "workflow:a"}
    two = {**one, "at": {"epoch": "e", "seq": 3}}
    wanted = [one, {**LIST, "ids": [], "since": "2026-11-23T10:00:00Z"}, two]
    assert decoding.decode_poll(json.dumps({"version": 1, "subscriptions": wanted})) == [two, wanted[1]]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "version must be 1"),
        ({"version": 2, "subscriptions": []}, "version must be 1"),
        ({"version": 1}, "subscriptions must be list"),
        ({"version": 1, "subscriptions": [{}] * 129}, "limit is 128"),
        ({"version": 1, "subscriptions": [{"t": "ack", "frames": 1}]}, r'subscriptions\[0\]: .*"subscribe"'),
        (
            {"version": 1, "subscriptions": [{"t": "subscribe", "topic": "workflow:a", "at": {"epoch": "e"}}]},
            r"subscriptions\[0\]: seq must be",
        ),
    ],
)
def test_what_is_no_poll_is_refused_with_the_field(body: Any, complaint: str) -> None:
    with pytest.raises(decoding.BadMessage, match=complaint):
        decoding.decode_poll(json.dumps(body))


@pytest.mark.parametrize("text", ["", "e", "e:", ":5", "e:-1", "e:1.5", "e:x", "e:٣", f"e:{2**63}", "e:" + "1" * 5000])
def test_what_is_no_place_in_a_stream_is_refused(text: str) -> None:
    with pytest.raises(decoding.BadMessage, match="place"):
        decoding.decode_place(text)


def test_a_place_is_written_as_it_is_read() -> None:
    assert decoding.decode_place(protocol.encode_place("00000001-5", 2**63 - 1)) == {
        "epoch": "00000001-5",
        "seq": 2**63 - 1,
    }


@pytest.mark.parametrize("character", ["x", '"', "\\", "é", "€", "😀"])
def test_a_long_frame_comes_in_parts_that_every_server_sends(character: str) -> None:
    frame = json.dumps({"t": "events", "value": character * 700_000}, ensure_ascii=False)
    parts = protocol.parts(frame)
    assert max(len(part.encode()) for part in parts) < 2**20
    decoded = [json.loads(part) for part in parts]
    assert "".join(part["text"] for part in decoded) == frame
    assert [(part["n"], part["of"]) for part in decoded] == [(n + 1, len(parts)) for n in range(len(parts))]
    assert protocol.parts("{}") == ["{}"]
