"""JSON of any size and depth as a tree to fold open, with every digit as the database wrote it. Never breaks a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LARGE = 64 * 1024  # characters; more are shown only when somebody asks
MOST_LINES = 2_000
_ONE_LINE, _LONGEST_TEXT, _BEGINNING = 80, 2_000, 4_000  # characters
_OPEN_LEVELS, _OPEN_ITEMS = 3, 40


class Digits(str):
    """A number as it is written."""

    __slots__ = ()


@dataclass(frozen=True)
class Line:
    """One line of the tree. `opens` begins a part that can be folded, `closes` ends the latest one; else it is a leaf.

    `name` is the key in quotes or the index, empty at the top; `type` is that of JSON; `cut` counts the characters, or
    the items, that are not shown.
    """

    name: str = ""
    text: str = ""
    type: str = ""
    cut: int = 0
    opens: bool = False
    closes: bool = False
    is_open: bool = False


@dataclass(frozen=True)
class Tree:
    """What there is of a value: its lines, or only its size, or where it cannot be taken apart, how its text begins."""

    size: str
    lines: list[Line] | None = None
    is_cut: bool = False
    beginning: str = ""


def as_it_is(value: Any) -> Any:
    """The shape of most payloads."""
    return value


def tree(text: str, shape: Callable[[Any], Any] = as_it_is, *, whole: bool = False) -> Tree:
    """The tree of a JSON text. `shape` may arrange the value first. A large one only if the whole is wanted."""
    size = size_words(len(text.encode()))
    if len(text) > LARGE and not whole:
        return Tree(size)
    try:
        value = shape(json.loads(text, parse_int=Digits, parse_float=Digits))
    except (RecursionError, ValueError):
        return Tree(size, beginning=text[:_BEGINNING], is_cut=len(text) > _BEGINNING)
    lines: list[Line] = []
    for line in _lines(value):
        lines.append(line)
        if len(lines) >= MOST_LINES:
            return Tree(size, [*lines, *_closing(lines)], is_cut=True)
    return Tree(size, lines)


def size_words(size: int) -> str:
    """Bytes in a unit that people read."""
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.1f} KB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _closing(lines: list[Line]) -> list[Line]:
    """What is open still must be closed, in HTML, too."""
    left_open = sum(line.opens for line in lines) - sum(line.closes for line in lines)
    return [Line(closes=True)] * left_open


def _lines(value: Any) -> Iterator[Line]:
    """Depth first, with a stack of our own: values may be nested deeper than functions may."""
    stack: list[Iterator[tuple[str, Any]]] = [iter([("", value)])]
    while stack:
        name, item = next(stack[-1], (None, None))
        if name is None:
            stack.pop()
            if stack:
                yield Line(closes=True)
            continue
        short = _one_line(item)
        if short is not None or not isinstance(item, dict | list):
            yield _leaf(name, item, short)
            continue
        opened = len(stack) < _OPEN_LEVELS and len(item) <= _OPEN_ITEMS
        yield Line(name, _summary(item), type_name(item), opens=True, is_open=opened or len(stack) == 1)
        stack.append(_items(item))


def _items(item: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(item, list):
        return ((str(index), child) for index, child in enumerate(item))
    return ((json.dumps(key, ensure_ascii=False), child) for key, child in item.items())


def _summary(item: dict[str, Any] | list[Any]) -> str:
    noun = "item" if isinstance(item, list) else "key"
    brackets = "[…]" if isinstance(item, list) else "{…}"
    return f"{brackets} {len(item):,} {noun}{'' if len(item) == 1 else 's'}"


def _leaf(name: str, item: Any, short: str | None) -> Line:
    if short is not None:
        return Line(name, short, type_name(item))
    text = json.dumps(item, ensure_ascii=False)
    cut = max(0, len(text) - _LONGEST_TEXT)
    return Line(name, text[:_LONGEST_TEXT] + "…" if cut else text, type_name(item), cut)


def type_name(item: Any) -> str:
    """What JSON calls it."""
    if isinstance(item, Digits):
        return "number"
    names = {dict: "object", list: "array", str: "text", bool: "boolean"}
    return names.get(type(item), "null")


def _one_line(item: Any) -> str | None:
    """The compact JSON of something small; None: it does not fit."""
    parts: list[str] = []
    return "".join(parts) if _write(item, parts, [_ONE_LINE]) else None


def _write(item: Any, parts: list[str], room: list[int]) -> bool:
    """Append the compact JSON; False as soon as it takes more room. Each level takes some, so this is not deep."""
    if isinstance(item, dict):
        inner = [(f"{json.dumps(key, ensure_ascii=False)}: ", child) for key, child in item.items()][:_ONE_LINE]
        return _write_all("{", inner, "}", parts, room)
    if isinstance(item, list):
        return _write_all("[", [("", child) for child in item[:_ONE_LINE]], "]", parts, room)
    if isinstance(item, Digits):
        return _append(str(item), parts, room)
    if isinstance(item, str) and len(item) > _ONE_LINE:
        return False
    return _append(json.dumps(item, ensure_ascii=False), parts, room)


def _write_all(begin: str, inner: list[tuple[str, Any]], end: str, parts: list[str], room: list[int]) -> bool:
    if not _append(begin, parts, room):
        return False
    for place, (name, child) in enumerate(inner):
        if not (_append(", " if place else "", parts, room) and _append(name, parts, room)):
            return False
        if not _write(child, parts, room):
            return False
    return _append(end, parts, room)


def _append(text: str, parts: list[str], room: list[int]) -> bool:
    room[0] -= len(text)
    parts.append(text)
    return room[0] >= 0
