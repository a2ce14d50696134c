"""How long workflows of a definition usually take and keep silent, and what that says of one that still goes on.

A duration is from the first claim to the end in whole milliseconds, waits included, of earlier ones and of this one
alike: when it will be done is what people ask, and what it waits for is part of that. Earlier ones are those that
succeeded; forks are left out, because they take over what another one has done.

    took = estimates.usual(["checkout"]).get("checkout")    # None below eight earlier ones
    estimates.quantile(took.took, 0.5)                      # half of them took at most so long
    estimates.outlook(took, elapsed)                        # what is left for one that has gone on for so long

Read once per definition and process in some seconds, by index; the arithmetic is pure, and its twin is
`static/js/lib/outlook.js`.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from workflows import queries

FEWEST = 8  # earlier ones; below, whatever is said of "usual" is hearsay
LOOKED_AT, HISTORIES = 200, 20  # the latest that succeeded: for durations, and for how long they kept silent
SOON, LATE, OVERDUE = 0.10, 0.90, 0.95  # between the first two are 8 of 10; beyond the third are 1 of 20
KEPT_SECONDS = 30.0
MOST_KEPT = 1_000  # definitions
_STEPS = 20  # a definition is remembered by its durations at 0 %, 5 %, … 100 %

T = TypeVar("T")


class Usual(NamedTuple):
    """How many earlier workflows were looked at, and what they took: ascending, at 0 %, 5 %, … 100 %, in ms."""

    workflows: int
    took: tuple[int, ...]


class Outlook(NamedTuple):
    """What is left, in ms: 8 of 10 earlier ones that took longer than this one so far ended within that range.

    overdue: by how much it is beyond what 19 of 20 earlier ones took; 0: it is not, and only then the range means much.
    """

    soonest: int
    latest: int
    overdue: int


def usual(definitions: Iterable[str]) -> dict[str, Usual]:
    """What workflows of these definitions usually take; those with fewer than eight earlier ones are left out."""
    return _durations.of(definitions)


def usual_silence(definitions: Iterable[str]) -> dict[str, int]:
    """How long in ms earlier ones were without an event at most, while a worker had them and they waited for nothing.

    That is, nine of ten of them in their last events. Definitions with fewer than eight earlier ones are left out.
    """
    return _silences.of(definitions)


def forget() -> None:
    """What was read is read again."""
    _durations.forget()
    _silences.forget()


def summarised(durations: Sequence[float]) -> Usual | None:
    """What is remembered of durations in ms; None if they are too few."""
    if len(durations) < FEWEST:
        return None
    ordered = sorted(durations)
    return Usual(len(ordered), tuple(round(quantile(ordered, step / _STEPS)) for step in range(_STEPS + 1)))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The duration that a share (0 … 1) of an ascending sample did not exceed, interpolated."""
    place = share * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 2)
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def share_ended(ordered: Sequence[float], elapsed: float) -> float:
    """The share of an ascending sample that had ended by then: the inverse of `quantile`."""
    after = bisect_right(ordered, elapsed)
    if after in (0, len(ordered)):
        return float(after > 0)
    below, above = ordered[after - 1], ordered[after]
    return (after - 1 + (elapsed - below) / (above - below)) / (len(ordered) - 1)


def remaining(ordered: Sequence[float], elapsed: float, share: float) -> float:
    """What a share of those that took longer than `elapsed` still needed from there. Not the mean less the elapsed:
    whoever has gone on for long has shown that it is not one of the short ones.
    """
    ended = share_ended(ordered, elapsed)
    return max(0.0, quantile(ordered, ended + share * (1 - ended)) - elapsed)


def outlook(usual: Usual, elapsed: int, at_least: int = 0) -> Outlook:
    """What is left of a workflow that has gone on for `elapsed` ms and by its own word needs `at_least` ms more."""
    soonest, latest = (int(remaining(usual.took, elapsed, share)) for share in (SOON, LATE))
    overdue = elapsed - int(quantile(usual.took, OVERDUE))
    return Outlook(max(soonest, at_least), max(latest, at_least), max(0, overdue))


class _Kept(Generic[T]):
    """Answers by definition, each kept for some seconds; that there is none is an answer, too."""

    def __init__(self, read: Callable[[Collection[str]], dict[str, T]]) -> None:
        self._read = read
        self._answers: dict[str, tuple[float, T | None]] = {}

    def of(self, definitions: Iterable[str]) -> dict[str, T]:
        now, wanted = time.monotonic(), dict.fromkeys(definitions)
        found = {name: self._answers.get(name, (0.0, None)) for name in wanted}
        missing = [name for name, (until, _answer) in found.items() if until <= now]
        if missing:
            read = self._read(missing)
            fresh = {name: (now + KEPT_SECONDS, read.get(name)) for name in missing}
            found |= fresh
            self._answers = (self._answers if len(self._answers) < MOST_KEPT else {}) | fresh
        return {name: answer for name, (_until, answer) in found.items() if answer is not None}

    def forget(self) -> None:
        self._answers = {}


def _read_durations(definitions: Collection[str]) -> dict[str, Usual]:
    found = {name: summarised(took) for name, took in queries.durations(definitions, limit=LOOKED_AT).items()}
    return {name: answer for name, answer in found.items() if answer is not None}


def _read_silences(definitions: Collection[str]) -> dict[str, int]:
    found = queries.longest_silences(definitions, limit=HISTORIES)
    return {name: int(quantile(sorted(gaps), LATE)) for name, gaps in found.items() if len(gaps) >= FEWEST}


_durations, _silences = _Kept(_read_durations), _Kept(_read_silences)
