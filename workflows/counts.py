"""How many workflows there are, by definition, queue and status: exact in every transaction, and never a scan.

A trigger writes each change together with what it counts. `fold`, part of every worker's round of recovery, adds
them to the sums and to the counts of their minutes. Why so: docs/decisions/0021-counts-are-sums-and-changes.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from workflows.conf import conf
from workflows.sql import counting, fetch
from workflows.states import TERMINAL

Key = TypeVar("Key")

CREATED = "created"  # what a minute counts besides statuses
CLAIMED = "claimed"  # and what is tallied besides
# Of the tallies, in seconds. What is tallied by these stays so: a change needs a migration that empties the table.
BOUNDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0]
HAPPENED = (CREATED, *sorted(TERMINAL))  # the kinds of a minute that are things that happened
_FOLD_AT_ONCE = 5_000
_MOST_FOLDS = 20  # in one round
_USUAL_DAYS = 7
_MINUTE = timedelta(minutes=1)


class Count(NamedTuple):
    """So many workflows of a definition stand in a queue with a status. None of nothing: it is left out."""

    definition: str
    queue: str
    status: str
    workflows: int


class Minute(NamedTuple):
    """So many workflows of a definition were `created`, or ended as `kind` says, in the minute that begins at `at`.

    Of a status that is no end it is by how many more (fewer: negative) there were when the minute was over.
    """

    at: datetime
    definition: str
    kind: str
    workflows: int


class QueueMinute(NamedTuple):
    """The same of a queue, which workflows leave by a claim: that is among its kinds as well."""

    at: datetime
    queue: str
    kind: str
    workflows: int


class Difference(NamedTuple):
    """Where the counts are wrong: how many there are, and how many were told."""

    definition: str
    queue: str
    status: str
    there: int
    told: int


def everything() -> list[Count]:
    """This will return all counts. In a transaction, what it has changed itself is counted."""
    return [Count(*row) for row in fetch(counting.COUNTS, {})]


def by_status(counts: Iterable[Count]) -> Counter[str]:
    """How many there are of each status."""
    return _summed((count.status, count.workflows) for count in counts)


def by_definition(counts: Iterable[Count]) -> Counter[tuple[str, str]]:
    """How many there are of each definition and status."""
    return _summed(((count.definition, count.status), count.workflows) for count in counts)


def by_queue(counts: Iterable[Count]) -> Counter[tuple[str, str]]:
    """How many there are of each queue and status."""
    return _summed(((count.queue, count.status), count.workflows) for count in counts)


def _summed(pairs: Iterable[tuple[Key, int]]) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for key, number in pairs:
        found[key] += number
    return found


def per_minute(length: timedelta, *, until: datetime | None = None, kinds: Collection[str] = HAPPENED) -> list[Minute]:
    """This will return what was created and what ended in each of the last minutes, oldest first; empty ones left out.

    `kinds` asks for others, such as the statuses that are no ends. A workflow that was resumed and ended again is
    counted again. Older minutes than TREND_SECONDS are forgotten.
    """
    return [Minute(*row) for row in fetch(counting.MINUTES, _since((until or datetime.now(UTC)) - length, kinds))]


def queues_per_minute(since: datetime, *, kinds: Collection[str] = HAPPENED) -> list[QueueMinute]:
    """This will return the same of queues, in each minute from that of `since` on."""
    return [QueueMinute(*row) for row in fetch(counting.QUEUE_MINUTES, _since(since, kinds))]


def _since(moment: datetime, kinds: Collection[str]) -> dict[str, object]:
    return {"since": moment.replace(second=0, microsecond=0), "ends": sorted(TERMINAL), "kinds": list(kinds)}


def happened_since(moment: datetime) -> dict[tuple[str, str], int]:
    """This will return what began and ended since a moment's minute, by definition and kind, as in `per_minute`."""
    since = moment.replace(second=0, microsecond=0)
    parameters = {"since": since, "ends": sorted(TERMINAL), "kinds": list(HAPPENED)}
    found = fetch(counting.HAPPENED_SINCE, parameters)
    return {(definition, kind): number for definition, kind, number in found}


def stretches(
    begin: datetime, length: timedelta, number: int, *, definition: str = "", queue: str = "",
    kinds: Collection[str] = HAPPENED,
) -> dict[str, list[int]]:  # fmt: skip
    """This will return what happened to a definition, or in a queue, in each of so many stretches of whole minutes.

    By kind, as in `per_minute`. Older minutes than TREND_SECONDS are forgotten.
    """
    parameters = {
        "of": definition or queue, "since": begin, "until": begin + number * length,
        "seconds": length.total_seconds(), "kinds": list(kinds), "ends": sorted(TERMINAL),
    }  # fmt: skip
    found = {kind: [0] * number for kind in kinds}
    for kind, place, workflows in fetch(
        counting.DEFINITION_STRETCHES if definition else counting.QUEUE_STRETCHES, parameters
    ):
        found[kind][place] += workflows
    return found


def queues_since() -> datetime | None:
    """This will return the first minute that is known of the queues; None: there is none."""
    ((since,),) = fetch(counting.QUEUES_SINCE, {})
    return since  # type: ignore[no-any-return]


def oldest_ages(
    queue: str, begin: datetime, minutes: int, *, oldest_at: datetime | None, now: datetime
) -> list[timedelta | None]:
    """This will return how old the oldest was that could be claimed from a queue, at the end of each minute.

    The minutes go from `begin` to that of `now`. oldest_at: since when the oldest of now could be claimed. None: that
    is not known, because claims were not counted yet. Of what left the queue unclaimed, nothing is known.
    """
    last = begin + (minutes - 1) * _MINUTE
    claims = dict(fetch(counting.CLAIMS, {"queue": queue, "since": begin, "until": last}))
    ((known_since,),) = fetch(counting.CLAIMS_SINCE, {})
    return ages(claims, begin, minutes, oldest_at=oldest_at, now=now, known_since=known_since)


def ages(
    claims: Mapping[datetime, datetime], begin: datetime, minutes: int, *, oldest_at: datetime | None, now: datetime,
    known_since: datetime | None,
) -> list[timedelta | None]:  # fmt: skip
    """The same from what was claimed in each minute: who waited at its end is claimed later, or waits still. Pure."""
    since, found = oldest_at or now, list[timedelta | None]()
    for place in reversed(range(minutes)):
        minute = begin + place * _MINUTE
        age = max(timedelta(0), min(minute + _MINUTE, now) - since)
        is_known = bool(age) or (known_since is not None and minute >= known_since)
        found.append(age if is_known else None)
        since = min(since, claims.get(minute, since))
    return found[::-1]


def levels(now: int, moved: Sequence[int]) -> list[int]:
    """How many there were at the end of each minute, from how many there are and by how many each minute moved them."""
    found = [now]
    for change in reversed(moved[1:]):
        found.append(max(0, found[-1] - change))
    return found[::-1]


def usual(kind: str, since: datetime, length: timedelta) -> dict[str, float] | None:
    """This will return how many of each definition a stretch that begins at this time of the day has on average.

    Counted are the last seven days, as far as the minutes go back; None: they do not go back a day.
    """
    rows = fetch(counting.STRETCHES, {"since": since, "length": length, "kind": kind, "days": _USUAL_DAYS})
    return {definition: total / days for days, definition, total in rows if definition} if rows else None


class Tally(NamedTuple):
    """So many workflows were ever CREATED, CLAIMED or ended as `kind` says, and what all of them took, in seconds.

    `name` is a queue for claims, which tell how long they were waited for; else a definition, and ends tell the time
    since the first claim. `bucket` counts the BOUNDS that it reached; -1: nothing was measured.
    """

    kind: str
    name: str
    bucket: int
    workflows: int
    seconds: float


def tallies() -> list[Tally]:
    """What ever happened; it only grows, whatever becomes of the workflows."""
    return [Tally(*row) for row in fetch(counting.TALLIES, {"ends": sorted(TERMINAL), "bounds": BOUNDS})]


def fold() -> int:
    """This will add changes to the sums, oldest first, and forget old minutes; returns how many changes."""
    kept = timedelta(seconds=conf().trend_seconds)
    parameters = {"limit": _FOLD_AT_ONCE, "ends": sorted(TERMINAL), "kept": kept, "bounds": BOUNDS}
    folded = 0
    for _ in range(_MOST_FOLDS):
        ((taken,),) = fetch(counting.FOLD, parameters)
        folded += taken
        if taken < _FOLD_AT_ONCE:
            break
    fetch(counting.FORGET_MINUTES, {"kept": kept})
    return folded


def differences() -> list[Difference]:
    """This will compare the counts with the workflows themselves, all of them; nothing means that they are right."""
    return [Difference(*row) for row in fetch(counting.DIFFERENCES, {})]


def put_right() -> list[Difference]:
    """This will correct what is wrong while workflows go on, and return what it was. Reads all workflows."""
    return [Difference(*row) for row in fetch(counting.PUT_RIGHT, {})]
