"""What may be stored: exact round trips, or an error that names the thing and the cure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows import payloads
from workflows.errors import PayloadError

LIMIT = 10_000
text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
numbers = st.integers(min_value=-(10**30), max_value=10**30) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.django_db
@settings(max_examples=60)
@given(value=values)
def test_what_is_accepted_comes_back_from_the_database_as_it_was(value: Any) -> None:
    encoded = payloads.encode(value, what="value", limit=1_000_000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [encoded])
        (stored,) = cursor.fetchone()
    assert _same(json.loads(stored), value)
    assert payloads.as_stored(value, encoded) == value


def _same(stored: Any, value: Any) -> bool:
    """Equal; a float without a fraction may come back as an integer of the same decimal digits (jsonb is decimal)."""
    if isinstance(value, list):
        return len(stored) == len(value) and all(map(_same, stored, value))
    if isinstance(value, dict):
        return stored.keys() == value.keys() and all(_same(stored[key], value[key]) for key in value)
    return float(stored) == value if isinstance(value, float) else stored == value and type(stored) is type(value)


@given(value=st.text())
def test_any_text_is_stored_or_refused_never_broken(value: str) -> None:
    try:
        encoded = payloads.encode(value, what="value", limit=1_000_000)
    except PayloadError:
        assert "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value)
    else:
        assert payloads.decode(encoded) == value


@given(value=st.text())
def test_error_texts_are_made_storable(value: str) -> None:
    storable = payloads.storable_text(value, limit=50)
    storable.encode()
    assert "\x00" not in storable
    assert len(storable) < 120


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert payloads.decode(payloads.encode("\\u0000", what="value", limit=LIMIT)) == "\\u0000"


@pytest.mark.parametrize("depth", [10, 100_000])
def test_depth_is_stored_or_refused(depth: int) -> None:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    if depth == 10:
        payloads.encode(nested, what="value", limit=LIMIT)
    else:
        with pytest.raises(PayloadError, match="nested too deeply"):
            payloads.encode(nested, what="value", limit=LIMIT)


def test_a_circle_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(PayloadError, match=r"[Cc]ircular"):
        payloads.encode(circle, what="value", limit=LIMIT)


def test_an_error_whose_message_cannot_be_read_is_still_kept() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert payloads.error_json(Broken())["message"] == "<its message could not be read>"


def test_a_long_traceback_is_cut_in_the_middle() -> None:
    try:
        raise ValueError("x" * 100_000)
    except ValueError as error:
        kept = payloads.error_json(error)
    assert kept["traceback"].startswith("Traceback")
    assert len(kept["traceback"]) < 17_000
    assert "left out" in kept["traceback"]
