"""How long a workflow has left, and whether it is silent for longer than usual, in words. JSON in, text out.

Its twin is `static/js/lib/outlook.js`, which goes on counting by the server's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboard.estimates import LATE, OVERDUE, SOON, Outlook, Usual, outlook, quantile
from dashboard.presenters.times import DAY, HOUR, MINUTE, SECOND, between, estimate, iso_of, local, milliseconds
from dashboard.presenters.values import rest
from dashboard.zones import shown_name

_BEGUN = frozenset({"running", "waiting", "queued"})  # queued again: it has a first claim
_WITH_A_TIME = frozenset({"time", "retry"})  # waits whose end is known
_UNITS = ((2 * MINUTE, SECOND, "s"), (2 * HOUR, MINUTE, "min"), (2 * DAY, HOUR, "h"))
_FINE, _COARSE = 1, 5  # seconds that a range is rounded to, below and from twenty seconds on
_QUIET_AT_LEAST, _TIMES_USUAL = 30 * SECOND, 2  # silent: both


@dataclass(frozen=True)
class TimeLeft:
    """For a cell, for a page, and what it is concluded from. overdue: beyond what nearly all earlier ones took."""

    short: str
    words: str
    why: str
    overdue: bool = False


def wire(usual: Usual | None) -> str:
    """What is usual, as an attribute of an element: how many earlier ones, then their quantiles; "" for nothing."""
    return "" if usual is None else " ".join(str(number) for number in (usual.workflows, *usual.took))


def time_left(workflow: dict[str, Any], usual: Usual | None, now: str, progress: Any = None) -> TimeLeft | None:
    """What is left for a workflow (of a state or a summary); None: it has not begun, has ended, or nobody knows."""
    if usual is None or workflow["status"] not in _BEGUN or not workflow["started_at"]:
        return None
    elapsed, at_least = between(workflow["started_at"], now), max(rest(progress), _asleep(workflow["waiting"], now))
    found = outlook(usual, elapsed, at_least)
    if found.overdue >= SECOND:
        return _overdue(usual, found)
    return _left(usual, found, milliseconds(now), by_itself=at_least > outlook(usual, elapsed).soonest)


def _asleep(waiting: dict[str, Any] | None, now: str) -> int:
    """How long it will be asleep, where that is known."""
    known = waiting and waiting["for"] in _WITH_A_TIME and waiting.get("until")
    return between(now, waiting["until"]) if waiting and known else 0


def _overdue(usual: Usual, found: Outlook) -> TimeLeft:
    late, at_most = _roughly(found.overdue), estimate(int(quantile(usual.took, OVERDUE)))
    why = f"19 of 20 earlier ones took {at_most} at most, waits included{_of(usual)}."
    return TimeLeft(f"overdue +{late}", f"Overdue by {late}", why, overdue=True)


def _left(usual: Usual, found: Outlook, now: int, *, by_itself: bool) -> TimeLeft:
    span = _span(found.soonest, found.latest)
    words = f"{'Probably' if span.startswith('<') else 'About'} {_spoken(span)} left"
    if found.latest >= 2 * MINUTE:
        words += f", done around {_clocks(now + found.soonest, now + found.latest, now)}"
    took = _span(int(quantile(usual.took, SOON)), int(quantile(usual.took, LATE)))
    why = (
        f"8 of 10 earlier ones took {_spoken(took)}, waits included{_of(usual)}. "
        "What is left is judged by those that took longer than this one so far."
    )
    return TimeLeft(span, words, why + " By its own word it is not done sooner." * by_itself)


def _of(usual: Usual) -> str:
    return f" (the last {usual.workflows} that succeeded)"


def _spoken(span: str) -> str:
    return span.replace("<", "less than")


def _unit(ms: int) -> tuple[int, str]:
    return next(((unit, word) for below, unit, word in _UNITS if ms < below), (DAY, "d"))


def _span(low: int, high: int) -> str:
    """A range in one unit, outwards: "3–5 min", "4 min", "< 2 min"."""
    unit, word = _unit(high)
    step = _COARSE if unit == SECOND and high >= 20 * SECOND else _FINE
    first, last = low // (unit * step) * step, max(1, -(-high // (unit * step))) * step
    if low == high or first == last:
        return f"{last} {word}"
    return f"{first}–{last} {word}" if first else f"< {last} {word}"


def _roughly(ms: int) -> str:
    """One unit, of what has passed already."""
    unit, word = _unit(ms)
    return f"{ms // unit} {word}"


def _clocks(first: int, last: int, now: int) -> str:
    """From when to when, to the minute; with the date where that is not today's."""
    (day, start, first_zone), (last_day, end, zone) = _minute(first), _minute(last)
    if day != last_day or first_zone != zone:  # the clocks change in between
        return f"{day} {start}{'' if first_zone == zone else f' {first_zone}'} – {last_day} {end} {zone}"
    date = "" if day == _minute(now)[0] else f"{day} "
    return f"{date}{start} {zone}" if start == end else f"{date}{start}–{end} {zone}"


def _minute(ms: int) -> tuple[str, str, str]:
    moment = local(iso_of(ms))
    return f"{moment:%Y-%m-%d}", f"{moment:%H:%M}", shown_name(moment)


def silence(workflow: dict[str, Any], usual: int | None, now: str) -> str:
    """That a running workflow has said nothing for much longer than earlier ones (`usual`: ms at most); else ""."""
    last = workflow["last_event"]
    if usual is None or workflow["status"] != "running" or workflow["waiting"]:
        return ""
    if last is None or last["kind"] == "step_retrying":
        return ""
    quiet = between(last["at"], now)
    if quiet < max(_QUIET_AT_LEAST, _TIMES_USUAL * usual):
        return ""
    return f"No event for {_roughly(quiet)}; usually {estimate(max(usual, SECOND))} at most."
