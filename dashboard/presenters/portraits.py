"""A definition as its pages show it: numbers with their words, and its past as charts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from dashboard.definitions import KEYS_OF, VERSIONS_OF, Overview, Past, Portrait
from dashboard.estimates import FEWEST, OVERDUE, Usual, quantile
from dashboard.presenters import schedules as schedule_words
from dashboard.presenters.attention import list_of
from dashboard.presenters.charts import STACK, Bars, Lines, Series, amount, bars, lines
from dashboard.presenters.times import duration, iso_utc
from workflows.states import Status

_LEVELS = (Status.RUNNING, Status.QUEUED, Status.WAITING, Status.DELAYED)
_TYPES = {
    "string": "text", "number": "number", "boolean": "true or false", "object": "object", "array": "list",
    "null": "nothing",
}  # fmt: skip


class Usually(NamedTuple):
    """What half, and what 19 of 20, took at most, of so many."""

    half: str
    most: str
    workflows: int


class Row(NamedTuple):
    """A definition in a table. `address` is the list of its workflows, `bad_share` empty where none ended."""

    name: str
    known: bool
    address: str
    levels: list[dict[str, Any]]
    started: int
    ended: int
    bad: int
    bad_share: str
    usually: Usually | None
    last_started: str | None


def row(one: Overview) -> Row:
    """The row of a definition."""
    return Row(
        name=one.name,
        known=one.known is not None,
        address=list_of(definition=one.name),
        levels=[
            {
                "status": status.value,
                "number": one.there_are.get(status, 0),
                "address": list_of(status=(status.value,), definition=one.name),
            }
            for status in _LEVELS
        ],
        started=one.started,
        ended=one.ended,
        bad=one.bad,
        bad_share=amount("percent", 100 * one.bad / one.ended) if one.ended else "",
        usually=_usually(one.usual) if one.usual else None,
        last_started=iso_utc(one.last_started) if one.last_started else None,
    )


def _usually(usual: Usual) -> Usually:
    half, most = (duration(round(quantile(usual.took, share))) for share in (0.5, OVERDUE))
    return Usually(half, most, usual.workflows)


def throughput(past: Past) -> Bars:
    """What ended in each stretch."""
    return bars(past.begins, {status.value: past.happened[status] for status in STACK})


def failures(past: Past, now: datetime) -> Lines | None:
    """Of 100 that ended, how many ended badly; None: none ended."""
    shares = past.bad_shares
    if not any(share is not None for share in shares):
        return None
    return lines(past.begins, [Series("failed or quarantined", "failed", shares)], "percent", now)


def durations(past: Past, now: datetime) -> Lines | None:
    """How long the middle one took, and between which durations eight of ten were; None: none succeeded.

    A stretch with fewer than eight has only its middle one.
    """
    if not any(past.bands):
        return None
    wide = [band if band and band.workflows >= FEWEST else None for band in past.bands]
    series = [
        Series("nine of ten within", "edge", [band.high if band else None for band in wide]),
        Series("half within", "median", [band.median if band else None for band in past.bands]),
        Series("one of ten within", "edge", [band.low if band else None for band in wide]),
    ]
    return lines(past.band_begins, series, "ms", now, band=(0, 2))


def keys(portrait: Portrait) -> dict[str, Any]:
    """The keys that its latest workflows have."""
    found = [
        {
            "key": one.key,
            "types": " or ".join(_TYPES[name] for name in one.types),
            "workflows": one.workflows,
            "each": amount("count", max(one.sets, one.workflows) / one.workflows),
            "example": one.value or "",
            "at": iso_utc(one.at),
            "owner": one.workflow_id if one.workflow_id in portrait.visible else None,
        }
        for one in portrait.keys
    ]
    return {"rows": found, "looked_at": KEYS_OF}


def versions(portrait: Portrait) -> dict[str, Any]:
    """The code that its latest workflows began with."""
    found = [
        {
            "name": one.name,
            "workflows": one.workflows,
            "bad": one.bad,
            "first_at": iso_utc(one.first_at),
            "last_at": iso_utc(one.last_at),
        }
        for one in portrait.versions
    ]
    return {"rows": found, "looked_at": VERSIONS_OF}


def schedules(portrait: Portrait) -> list[dict[str, Any]]:
    """Its schedules."""
    return [
        {
            "name": one.name,
            "when": schedule_words.when(one),
            "paused": one.paused,
            "next_at": one.next_at and iso_utc(one.next_at),
        }
        for one in portrait.schedules
    ]
