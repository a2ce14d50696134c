"""Two workflows beside each other in words: which step belongs to which, where they differ first, and by how much.

What is said "here" is of the one that somebody came from, "there" of the one that it is compared with. A difference
goes from there to here: what was removed is only there, `+` is more here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

from dashboard.comparisons import Content, Pair, Side
from dashboard.presenters.sentences import error_line
from dashboard.presenters.timeline import Bar
from dashboard.presenters.times import SECOND, between, duration
from dashboard.presenters.tree import size_words
from dashboard.presenters.values import Diff, brief, diff
from workflows.history import wire_time
from workflows.queries import StepOutline
from workflows.redaction import HIDDEN

MOST_CHANGES = 12
_ALIKE, _FAR, _LEAST = 1.1, 2, SECOND  # ratios of two durations, and what one must be longer at least to be far
_SHOWN = 300  # characters of a value
_NEAR = 10  # ms that are no difference
_OTHER_OUTPUT = "returned something else"
_DID = {
    "running": "is running",
    "retrying": "waits for its next attempt",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "was cancelled",
}


@dataclass(frozen=True)
class Match:
    """A line of the alignment, from 1: a step of both, or of one. `words` say what differs, `delta` how much longer."""

    number: int
    here: StepOutline | None
    there: StepOutline | None
    words: str
    delta: str
    is_far: bool

    @property
    def name(self) -> str:
        """What the step is called."""
        step = self.here or self.there
        return step.name if step else ""

    @property
    def position(self) -> int:
        """Where it is in the program, here if it is here."""
        step = self.here or self.there
        return step.position if step else 0

    @property
    def ended_otherwise(self) -> bool:
        """Whether one side has it alone, or it has another status there."""
        return self.here is None or self.there is None or self.here.status != self.there.status

    @property
    def has_other_output(self) -> bool:
        """Whether what it returned is what differs."""
        return self.words == _OTHER_OUTPUT

    @property
    def differs(self) -> bool:
        """Whether it is among the differences: it went otherwise, or took far longer or shorter."""
        return bool(self.words) or self.is_far


@dataclass(frozen=True)
class StepSide:
    """A step of one side: what a row shows of it. `bar` is scaled to the longer of the two."""

    position: int
    status: str
    attempts: str
    took: str
    bar: Bar
    error: str


@dataclass(frozen=True)
class StepRow:
    """A line of the alignment as the page shows it."""

    match: Match
    here: StepSide | None
    there: StepSide | None


@dataclass(frozen=True)
class ContentRow:
    """A value, input, output or error of both. `words` are empty where the diff says it."""

    name: str
    here: str | None
    there: str | None
    words: str
    diff: Diff | None = None
    differs: bool = False


def align(here: Sequence[str], there: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Which place of the one list belongs to which of the other: each place once, both in their order.

    None: there is no such one on that side. What begins and ends alike is found first; what is between is aligned by
    name and by which one of its name it is, so that a thousand of one name need no longer than a thousand of many.
    """
    begin = _common(here, there)
    end = _common(here[begin:][::-1], there[begin:][::-1])
    last = (len(here) - end, len(there) - end)
    middle = (_numbered(here[begin : last[0]]), _numbered(there[begin : last[1]]))
    pairs: list[tuple[int | None, int | None]] = [(place, place) for place in range(begin)]
    for tag, *bounds in SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
        from_here, to_here, from_there, to_there = (begin + bound for bound in bounds)
        ours, theirs = range(from_here, to_here), range(from_there, to_there)
        if tag == "equal":
            pairs += zip(ours, theirs, strict=True)
        else:
            pairs += [*((place, None) for place in ours), *((None, place) for place in theirs)]
    return [*pairs, *((last[0] + place, last[1] + place) for place in range(end))]


def _common(here: Sequence[str], there: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(here, there, strict=False)))


def _numbered(names: Sequence[str]) -> list[Hashable]:
    counted: Counter[str] = Counter()
    found: list[Hashable] = []
    for name in names:
        counted[name] += 1
        found.append((name, counted[name]))
    return found


def matches(pair: Pair) -> list[Match]:
    """All lines of the alignment, in order."""
    here, there = pair.here.steps, pair.there.steps
    aligned = align([step.name for step in here], [step.name for step in there])
    return [
        _match(number, None if ours is None else here[ours], None if theirs is None else there[theirs], pair)
        for number, (ours, theirs) in enumerate(aligned, 1)
    ]


def _match(number: int, here: StepOutline | None, there: StepOutline | None, pair: Pair) -> Match:
    if here is None or there is None:
        words = _alone(there, "there", pair.here) if here is None else _alone(here, "here", pair.there)
        return Match(number, here, there, words, "", is_far=False)
    took, took_there = step_took(here), step_took(there)
    is_far = took is not None and took_there is not None and _is_far(took, took_there)
    delta = "" if took is None or took_there is None else _step_delta(took, took_there, is_far=is_far)
    return Match(number, here, there, _difference(here, there, pair.compares_outputs), delta, is_far)


def _alone(step: StepOutline | None, where: str, other: Side) -> str:
    so_far = "" if other.row.is_terminal else " so far"
    ending = "" if step is None or step.status == "succeeded" else f" and {_DID[step.status]}"
    return f"happened only {where}{so_far}{ending}"


def _difference(here: StepOutline, there: StepOutline, compares_outputs: bool) -> str:
    if here.status != there.status:
        return f"{_DID[here.status]} here, {_DID[there.status]} there"
    if here.attempt != there.attempt:
        return f"took {_attempts(here.attempt)} here, {there.attempt} there"
    is_told = compares_outputs and here.digest is not None and there.digest is not None
    return _OTHER_OUTPUT if is_told and here.digest != there.digest else ""


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"


def step_took(step: StepOutline) -> int | None:
    """What a step took, in ms, from its first attempt on; None: it goes on."""
    if step.finished_at is None:
        return None
    return max(0, round((step.finished_at - step.started_at).total_seconds() * 1000))


def _is_far(here: int, there: int) -> bool:
    longer, shorter = max(here, there), min(here, there)
    return longer >= _FAR * shorter and longer - shorter >= _LEAST


def _step_delta(here: int, there: int, *, is_far: bool) -> str:
    if abs(here - there) < _NEAR:
        return ""
    sign = "+" if here > there else "−"
    return f"{sign}{duration(abs(here - there))}" + (f", {_ratio(here, there)}" if is_far and here and there else "")


def longer(here: int, there: int) -> str:
    """How two durations in ms compare, in words and numbers: "2.4 times as long, 2 min 27 s more"."""
    if abs(here - there) < _NEAR:
        return "as long"
    more = f"{duration(abs(here - there))} {'more' if here > there else 'less'}"
    return f"{_ratio(here, there)}, {more}" if here and there else more


def _ratio(here: int, there: int) -> str:
    ratio = max(here, there) / min(here, there)
    if ratio < _ALIKE:
        return "about as long"
    times = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}".removesuffix(".0")
    return f"{times} times as {'long' if here > there else 'fast'}"


def first_differences(found: Sequence[Match]) -> list[Match]:
    """The first step that went otherwise, and the first that ended otherwise, if that is another one.

    How long a step took does not count.
    """
    first = next((match for match in found if match.words), None)
    ended = next((match for match in found if match.ended_otherwise), None)
    return [match for match in dict.fromkeys([first, ended]) if match is not None]


def alike(pair: Pair, found: Sequence[Match]) -> str:
    """What is said of steps that went alike."""
    if not found:
        return "Neither has a step."
    steps = "the only step" if len(found) == 1 else f"all {len(found):,} steps"
    more = " of those that are compared" if pair.here.has_more_steps or pair.there.has_more_steps else ""
    what = "status, attempts and outputs" if pair.compares_outputs else "status and attempts"
    return f"By {what}, {steps}{more} went alike."


def step_row(match: Match, now: str, errors: tuple[dict[int, Any], dict[int, Any]], pair: Pair) -> StepRow:
    """A line as the page shows it. `errors`: what steps of each side raised, by position."""
    spans = [0 if step is None else _span(step, now) for step in (match.here, match.there)]
    longest = max(*spans, 1)
    shown = (
        None if step is None else _step_side(step, span, longest, side.lens.error(raised.get(step.position)))
        for step, span, side, raised in zip(
            (match.here, match.there), spans, (pair.here, pair.there), errors, strict=True
        )
    )
    return StepRow(match, *shown)


def _span(step: StepOutline, now: str) -> int:
    took = step_took(step)
    return between(wire_time(step.started_at) or now, now) if took is None else took


def _step_side(step: StepOutline, span: int, longest: int, error: dict[str, Any] | None) -> StepSide:
    took = duration(span) if step.finished_at else f"{duration(span)} so far"
    attempts = _attempts(step.attempt) if step.attempt > 1 else ""
    width = max(4, span * 1000 // longest)
    return StepSide(step.position, step.status, attempts, took, Bar(0, width), error_line(error) if error else "")


def took(side: Side, now: str) -> tuple[int | None, str]:
    """What a workflow took from its first claim on, in ms and in words; None: it did not begin."""
    start, end = wire_time(side.row.started_at), wire_time(side.row.finished_at)
    if start is None:
        return None, "–"
    ms = between(start, end or now)
    return ms, duration(ms) if end else f"{duration(ms)} so far"


def value_rows(pair: Pair) -> list[ContentRow]:
    """The values by key."""
    return [content_row(key, pair.here.values.get(key), pair.there.values.get(key)) for key in pair.keys]


def payload_rows(pair: Pair) -> list[ContentRow]:
    """Input, output and error, as far as either has them."""
    found = [(of, _told(of, pair.here), _told(of, pair.there)) for of in ("input", "output", "error")]
    return [content_row(of, here, there) for of, here, there in found if here or there]


def _told(of: str, side: Side) -> Content | None:
    content = side.contents.get(of)
    return replace(content, value=error_line(content.value)) if content and of == "error" else content


def content_row(name: str, here: Content | None, there: Content | None) -> ContentRow:
    """A row; where something is nested too deeply to be looked through, with its size alone."""
    try:
        return _content_row(name, here, there)
    except RecursionError:
        return _content_row(name, *(one and replace(one, value=None, is_read=False) for one in (here, there)))


def _content_row(name: str, here: Content | None, there: Content | None) -> ContentRow:
    shown = _text(here), _text(there)
    if here is None or there is None:
        return ContentRow(name, *shown, "only there" if here is None else "only here", differs=True)
    if here.is_hidden or there.is_hidden:
        return ContentRow(name, *shown, "not told")
    told = bool(here.digest and there.digest)
    if told and here.digest == there.digest:
        return ContentRow(name, *shown, "the same")
    if not (here.is_read and there.is_read):
        return ContentRow(name, *shown, "differs" if told else "too large to tell", differs=told)
    changes = diff(there.value, here.value, most=MOST_CHANGES)
    if not changes.changes:
        return ContentRow(name, *shown, "the same" if told else "the same, as far as it is told")
    return ContentRow(name, *shown, "", changes, differs=True)


def _text(content: Content | None) -> str | None:
    if content is None:
        return None
    if content.is_hidden:
        return HIDDEN
    return brief(content.value, _SHOWN) if content.is_read else f"{size_words(content.size)} of JSON"
