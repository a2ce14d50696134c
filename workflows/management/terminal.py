"""Text for terminals: hostile characters made visible, columns, bars and colours. Pure.

Names, values and errors come from anywhere. Nothing of them may reach a terminal as a control sequence, so every
piece of text passes `plain` before colours are added.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeGuard

from workflows.states import EventKind, Status, StepStatus

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_COLOURS = {"grey": 90, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "bold": 1}
_LARGEST = 10**15
_STATUS: dict[str, tuple[str, str]] = {
    Status.DELAYED: ("◷", "magenta"),
    Status.QUEUED: ("○", "grey"),
    Status.RUNNING: ("◐", "blue"),
    Status.WAITING: ("⧗", "cyan"),
    Status.SUCCEEDED: ("✓", "green"),
    Status.FAILED: ("✗", "red"),
    Status.CANCELLED: ("⊘", "yellow"),
    Status.QUARANTINED: ("▣", "red"),
    StepStatus.RETRYING: ("↻", "yellow"),
}
_UNKNOWN = ("·", "grey")


def plain(text: object, width: int | None = None) -> str:
    """One line that moves no cursor, hides nothing and turns nothing round; cut to `width` columns."""
    shown = "".join(_visible(character) for character in str(text))
    return shown if width is None else clipped(shown, width)


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in _ESCAPED
    return character.encode("unicode_escape").decode() if hidden else character


def plain_lines(text: str) -> list[str]:
    """The same for text of several lines, such as tracebacks."""
    return [plain(line) for line in text.splitlines()]


def clipped(text: str, width: int) -> str:
    """Cut to so many columns, with an ellipsis for what is missing."""
    if columns(text) <= width:
        return text
    used, kept = 1, []
    for character in text:
        used += columns(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…" if width > 0 else ""


def columns(text: str) -> int:
    """How many columns a text takes; a combining mark is counted, so that a heap of them is cut like any text."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, width: int) -> str:
    """Exactly so many columns."""
    text = clipped(text, width)
    return text + " " * (width - columns(text))


def compact(value: Any, width: int) -> str:
    """A value as one line of JSON."""
    return plain(json.dumps(value, ensure_ascii=False, default=str), width)


def pretty(value: Any, *, limit: int = 4_000) -> list[str]:
    """A value as indented JSON lines, cut at `limit` characters."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    cut = [f"… {len(text) - limit:,} more characters; see --json"] if len(text) > limit else []
    return plain_lines(text[:limit]) + cut


def status_mark(status: str) -> str:
    """A status as shape and word."""
    return f"{_STATUS.get(status, _UNKNOWN)[0]} {plain(status)}"


def status_colour(status: str) -> str:
    """The colour that goes with it."""
    return _STATUS.get(status, _UNKNOWN)[1]


def bar(progress: Any, width: int = 24) -> str:
    """A `progress` value (a number from 0 to 1, or what `track` publishes) as a bar; nothing for anything else."""
    if _is_amount(progress):
        return f"{_blocks(float(progress), width)} {min(max(progress, 0), 1):.0%}"
    if not isinstance(progress, dict) or not _is_amount(progress.get("done")):
        return ""
    done, total, rate = progress["done"], progress.get("total"), progress.get("rate")
    known = _is_amount(total) and total > 0
    share = _blocks(done / total, width) if known else "·" * width
    pace = f"  {rate:,.1f}/s" if _is_amount(rate) else ""
    return f"{share} {plain(progress.get('label', ''), 30)} {done:,}{f' of {total:,}' if known else ''}{pace}"


def _is_amount(value: Any) -> TypeGuard[float]:
    """Anybody may publish `progress`; only numbers that can be drawn are taken for one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _blocks(share: float, width: int) -> str:
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "█" * filled + "░" * (width - filled)


def event_line(event: Sequence[Any]) -> str:
    """One row of the history, from its wire form."""
    seq, at, kind, position, key, data = event
    place = "" if position is None else f"[{position}]"
    return f"{clock(at)}  {seq:>5}  {kind:<16} {place:>6} {_about(kind, key, data)}"


def _about(kind: str, key: str | None, data: dict[str, Any]) -> str:
    if kind == EventKind.VALUE_SET:
        return f"{plain(key, 40)} = {compact(data.get('value'), 100)}"
    error = data.get("error")
    told = {
        "name": data.get("name") or key or data.get("definition"),
        "try": data["attempt"] if data.get("attempt", 1) != 1 else None,
        "error": error and f"{error.get('type')}: {error.get('message')}",
        "output": compact(data["output"], 80) if data.get("output") is not None else None,
        "reason": data.get("reason"),
        "by": data.get("by"),
        "worker": data.get("worker") if kind in {EventKind.CLAIMED, EventKind.RELEASED} else None,
        "until": data.get("until"),
    }
    words = [plain(value if word == "name" else f"{word} {value}", 160) for word, value in told.items() if value]
    return "  ".join(words)


def clock(moment: str | None) -> str:
    """The time of day of a wire time, to the millisecond, UTC."""
    return "" if moment is None else moment[11:23]


def moment(when: datetime | str | None) -> str:
    """A point in time, to the second, UTC."""
    if when is None:
        return "-"
    text = when if isinstance(when, str) else when.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text[:10]} {text[11:19]} UTC"


class Paint:
    """Colours, or none: the output is no terminal, or the user wants none."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled

    def __call__(self, text: str, *colours: str) -> str:
        codes = ";".join(str(_COLOURS[colour]) for colour in colours if colour in _COLOURS)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.enabled and codes else text

    def status(self, status: str, width: int = 0) -> str:
        """A status in its colour, padded before it is coloured."""
        return self(padded(status_mark(status), width) if width else status_mark(status), status_colour(status))
