"""A published value as a cell of the list: by its type, or as the reader wants it. Pure; twin of `lib/cells.js`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from dashboard.presenters.values import Progress, brief, progress

_LINK = re.compile(r"https?://\S{1,2000}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EXACT = 10**15  # from here on the browser would round


@dataclass(frozen=True)
class Cell:
    """`kind`: one of "text", "number", "boolean", "link", "time", "progress". `at`: where a link leads, which time."""

    kind: str
    text: str
    at: str = ""
    progress: Progress | None = None


def cell(value: Any, shown_as: str = "") -> Cell:
    """The value as its renderer shows it, or as text where it is none of that."""
    return _RENDERERS.get(shown_as or _fitting(value), _text)(value) or _text(value)


def _fitting(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if _is_number(value):
        return "number"
    if isinstance(value, dict):
        return "progress"
    if isinstance(value, str) and _LINK.fullmatch(value):
        return "link"
    return "time" if isinstance(value, str) and _TIME.fullmatch(value) else "text"


def _text(value: Any) -> Cell:
    return Cell("text", brief(value))


def _number(value: Any) -> Cell | None:
    return Cell("number", _grouped(value, 4)) if _is_number(value) and abs(value) < _EXACT else None


def _percent(value: Any) -> Cell | None:
    if not _is_number(value) or abs(value) >= _EXACT / 100:
        return None
    return Cell("number", f"{_grouped(value * 100, 1)} %")


def _progress(value: Any) -> Cell | None:
    shown = progress(value)
    return Cell("progress", shown.text, progress=shown) if shown else None


def _boolean(value: Any) -> Cell | None:
    return Cell("boolean", "yes" if value else "no") if isinstance(value, bool) else None


def _link(value: Any) -> Cell | None:
    if not (isinstance(value, str) and _LINK.fullmatch(value)):
        return None
    return Cell("link", brief(value.partition("://")[2], 60), value)


def _time(value: Any) -> Cell | None:
    if not (isinstance(value, str) and _TIME.fullmatch(value)):
        return None
    try:
        at = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Cell("time", value, f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z")


_RENDERERS = {
    "number": _number, "percent": _percent, "progress": _progress, "boolean": _boolean, "link": _link, "time": _time,
}  # fmt: skip


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _grouped(value: float, decimals: int) -> str:
    """With groups of thousands and no more decimals than it needs."""
    text = f"{value:,.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
