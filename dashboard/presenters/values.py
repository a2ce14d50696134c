"""JSON values as text, the difference between two of them, and what the conventional keys mean."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeGuard

from dashboard.presenters.times import DAY, estimate
from workflows import visibility
from workflows.redaction import HIDDEN
from workflows.visibility import Visibility

BRIEF_LENGTH = 120
MOST_CHANGES = 6
_CHANGE_LENGTH = 60
_BEYOND_COUNTING, _LEAST_RATE, _LONGEST_REST = 1e15, 1e-9, 100 * 365 * DAY
_ABSENT = object()
_WHO_READS = {
    Visibility.PUBLIC: "Widgets may show it to anybody",
    Visibility.ADMIN: "Only who may view sensitive values reads it",
    Visibility.NEVER: "Nobody reads it: it is for the workflow itself",
}


def readers(definition: str) -> dict[str, list[str]]:
    """The keys that others read than those who may view values: who, in a word and in a sentence."""
    return {key: [level.value, _WHO_READS[level]] for key, level in visibility.declared_of(definition).items()}


def brief(value: Any, limit: int = BRIEF_LENGTH) -> str:
    """One line: text as it is, everything else as compact JSON, cut to `limit` characters."""
    text = value if isinstance(value, str) else _compact(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _compact(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(", ", ": "))


def _plain(value: Any) -> Any:
    """Floats that are whole become integers: the browser cannot tell 1.0 from 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class Change:
    """One path that differs. `old` or `new` is None where the path was, or is, absent."""

    path: str
    old: str | None
    new: str | None
    delta: str = ""


@dataclass(frozen=True)
class Diff:
    """The first few changes, and how many more there are."""

    changes: list[Change]
    more: int = 0


def first(value: Any) -> Diff:
    """The diff of a value that had no predecessor."""
    return Diff([Change("", None, brief(value))])


def diff(old: Any, new: Any, *, most: int = MOST_CHANGES, length: int = _CHANGE_LENGTH) -> Diff:
    """Which paths differ, depth first in the order of the new value: at most so many, each side cut to `length`."""
    changes = list(_changes("", old, new, length))
    return Diff(changes[:most], max(0, len(changes) - most))


def _changes(path: str, old: Any, new: Any, length: int) -> list[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(f"{path}.{key}", old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in {**new, **old}]
        return [change for pair in pairs for change in _changes(*pair, length)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        items = enumerate(zip(old, new, strict=True))
        return [change for index, (was, now) in items for change in _changes(f"{path}[{index}]", was, now, length)]
    if type(old) is type(new) and old == new:
        return []
    if _is_number(old) and _is_number(new) and old == new:
        return []
    return [Change(path.removeprefix("."), _text(old, length), _text(new, length), _delta(old, new))]


def _text(value: Any, length: int) -> str | None:
    return None if value is _ABSENT else brief(value, length)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> TypeGuard[float]:
    """A number that something was counted to: exact in the browser, too."""
    return _is_number(value) and abs(value) < _BEYOND_COUNTING


def _delta(old: Any, new: Any) -> str:
    """The signed difference of two numbers, to at most six decimals."""
    if not (_is_number(old) and _is_number(new)):
        return ""
    text = f"{new - old:+.6f}".rstrip("0").rstrip(".")
    return "" if text in ("+0", "-0") else text


@dataclass(frozen=True)
class Progress:
    """What the key `progress` says. `fraction` is None while the total is unknown."""

    fraction: float | None
    text: str

    @property
    def thousandths(self) -> int:
        """For `<progress max="1000">`."""
        return int((self.fraction or 0) * 1000)


def sets_told(sets: int) -> str:
    """How often a key was set."""
    return "set once" if sets == 1 else f"set {sets:,} times"


def progress(value: Any, phase: Any = None) -> Progress | None:
    """The progress published under the conventional keys; None when there is none or it is malformed."""
    words = phase if isinstance(phase, str) and phase != HIDDEN else ""
    if _is_number(value) and 0 <= value <= 1:
        return Progress(float(value), _joined([f"{int(value * 100)} %", words]))
    if not (isinstance(value, dict) and _is_count(value.get("done"))):
        return Progress(None, words) if words else None
    done, total, label = value["done"], value.get("total"), value.get("label")
    words = words or (label if isinstance(label, str) else "")
    if not (_is_count(total) and total > 0):
        return Progress(None, _joined([_number(done), words, _rate(value)]))
    fraction = min(1.0, max(0.0, done / total))
    moving = [_rate(value), _left(value)] if done < total else []
    parts = [f"{_number(done)} of {_number(total)}", words, *moving]
    return Progress(fraction, _joined(parts))


def _joined(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)


def _number(value: float) -> str:
    """With groups of thousands; one decimal below a hundred, if it has any."""
    cut = int(value * 10) / 10 if abs(value) < 100 else int(value)
    return f"{int(cut):,}" if cut == int(cut) else str(cut)


def _rate(value: dict[str, Any]) -> str:
    rate = value.get("rate")
    return f"{_number(rate)}/s" if _is_count(rate) and rate >= 0.1 else ""


def rest(value: Any) -> int:
    """How many ms the rest takes at the rate that a progress declares; 0: it declares none, or one that is no use."""
    if not isinstance(value, dict):
        return 0
    done, total, rate = (value.get(name) for name in ("done", "total", "rate"))
    if not (_is_count(done) and _is_count(total) and _is_count(rate)) or rate <= _LEAST_RATE or done >= total:
        return 0
    ms = int((total - done) / rate * 1000)
    return ms if ms < _LONGEST_REST else 0


def _left(value: dict[str, Any]) -> str:
    ms = rest(value)
    return f"about {estimate(ms)} left" if ms else ""
