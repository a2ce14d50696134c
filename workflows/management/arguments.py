"""What people type, as what the engine takes: `key=value` pairs, JSON, cursors, who they are."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from workflows import reader
from workflows.finding import Cursor


class Intermixed(CommandParser):
    """Lets words of any number, such as `key=value`, stand before, between and after the options, as people type."""

    _within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As always, but for a list of words among options."""
        if self._within or not any(action.nargs == "*" for action in self._get_positional_actions()):
            return super().parse_known_args(args, namespace)
        self._within = True  # what follows calls this method again, once for each kind
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


def json_or_text(text: str) -> Any:
    """JSON if it is JSON, else the text itself: `3` is a number, `"3"` and `three` are text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def pair(text: str) -> tuple[str, Any]:
    """One `key=value`. Raises ArgumentTypeError, which argparse reports with the usage."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not key=value, where key is the name of a parameter")
    return key, json_or_text(value)


def json_input(text: str) -> dict[str, Any] | list[Any]:
    """A JSON object of keyword arguments, or an array of positional ones."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"this is not JSON ({error}): {text[:80]!r}") from None
    if not isinstance(given, dict | list):
        raise argparse.ArgumentTypeError(
            "give a JSON object of arguments by name, or an array of arguments by position"
        )
    return given


def arguments(
    pairs: Sequence[tuple[str, Any]], given: dict[str, Any] | list[Any] | None
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from both sources. Raises ValueError for a name that is given twice."""
    args = given if isinstance(given, list) else []
    kwargs = dict(given) if isinstance(given, dict) else {}
    for key, value in pairs:
        if key in kwargs:
            raise ValueError(f"{key!r} is given twice; leave one out.")
        kwargs[key] = value
    return args, kwargs


def cursor(text: str) -> Cursor:
    """The place where the last page ended, as `list` printed it."""
    moment, comma, workflow_id = text.partition(",")
    try:
        created_at = datetime.fromisoformat(moment)
    except ValueError:
        created_at = None
    if not comma or created_at is None or created_at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no cursor; copy it from the end of a list")
    return Cursor(created_at, workflow_id)


def cursor_text(place: Cursor) -> str:
    """A cursor as one shell word; only the id may need quotes."""
    return f"{place.created_at.isoformat()},{place.workflow_id}"


def place(text: str) -> reader.Cursor:
    """Where a reader of one workflow stands: a seq, or a cursor as `watch --json` printed it."""
    try:
        return reader.Cursor.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def page_size(text: str) -> int:
    """A number of rows that a terminal and the database can bear."""
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def seconds(text: str) -> float:
    """A duration in seconds, not negative."""
    try:
        given = float(text)
    except ValueError:
        given = -1.0
    if not 0 <= given <= 10**8:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return given


def moment(text: str) -> datetime:
    """A time with its zone: 2026-11-23T10:00Z."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = None
    if given is None or given.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no time with a time zone; write 2026-11-23T10:00Z")
    return given


def operator() -> str:
    """Who sits at the shell, as the history names them."""
    try:
        return f"{getpass.getuser()} (shell)"
    except (OSError, KeyError):  # a container without an account for its user id
        return "shell"
