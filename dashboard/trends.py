"""The past in stretches: what ended, how many there were, and whether more failed than at other days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from workflows import counts
from workflows.counts import Count, Minute
from workflows.models import Worker
from workflows.states import ACTIVE, TERMINAL, Status

MINUTES = 60
MINUTE = timedelta(minutes=1)
_EPOCH = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A part of the past in `number` stretches of whole minutes; where one alone has too little, `coarse` are one."""

    name: str
    words: str
    length: timedelta
    number: int
    coarse: int

    def begins(self, now: datetime) -> list[datetime]:
        """The beginnings of its stretches, at round times; the last one is not over yet."""
        last = now - (now - _EPOCH) % self.length
        return [last - place * self.length for place in reversed(range(self.number))]


SPANS = {
    span.name: span
    for span in (
        Span("hour", "last hour", MINUTE, 60, 2),
        Span("day", "last 24 hours", 15 * MINUTE, 96, 2),
        Span("week", "last 7 days", 120 * MINUTE, 84, 2),
    )
}


@dataclass(frozen=True)
class Failures:
    """So many of a definition failed within the hour, the first in the minute `since`; usual: the mean of other days.

    usual is None where the counts do not go back a day.
    """

    definition: str
    failed: int
    since: datetime
    usual: float | None


@dataclass(frozen=True)
class LastHour:
    """The beginnings of its minutes, oldest first, and numbers for each; the last minute is not over yet.

    ended: how many ended, by status. levels: how many there were at the end of the minute, by status.
    usual_failures: how many fail at this hour on other days; None: the counts do not go back a day.
    """

    minutes: list[datetime]
    ended: dict[Status, list[int]]
    levels: dict[Status, list[int]]
    failures: list[Failures]
    usual_failures: float | None

    @property
    def finished(self) -> list[int]:
        """How many ended, in whatever way."""
        return [sum(ends) for ends in zip(*self.ended.values(), strict=True)]


def last_hour(there_are: Iterable[Count], now: datetime) -> LastHour:
    """This will return the hour up to `now`, at which there are so many; two reads, of counts only."""
    begin = now.replace(second=0, microsecond=0) - (MINUTES - 1) * MINUTE
    found = counts.per_minute(now - begin, until=now, kinds=list(Status))
    moved: dict[str, list[int]] = defaultdict(lambda: [0] * MINUTES)
    for minute in found:
        place = (minute.at - begin) // MINUTE
        if place < MINUTES:  # counts are dated by the clock of the database
            moved[minute.kind][place] += minute.workflows
    present = counts.by_status(there_are)
    usual = counts.usual(Status.FAILED, begin, MINUTES * MINUTE)
    return LastHour(
        minutes=[begin + place * MINUTE for place in range(MINUTES)],
        ended={status: moved[status] for status in Status if status in TERMINAL},
        levels={status: counts.levels(present[status], moved[status]) for status in Status if status in ACTIVE},
        failures=_failures(found, usual),
        usual_failures=None if usual is None else sum(usual.values()),
    )


def _failures(found: Iterable[Minute], usual: dict[str, float] | None) -> list[Failures]:
    failed: Counter[str] = Counter()
    since: dict[str, datetime] = {}
    for minute in found:  # oldest first
        if minute.kind == Status.FAILED:
            failed[minute.definition] += minute.workflows
            since.setdefault(minute.definition, minute.at)
    return [
        Failures(name, number, since[name], None if usual is None else usual.get(name, 0.0))
        for name, number in sorted(failed.items())
    ]


@dataclass(frozen=True)
class QueueHour:
    """How many were queued at the end of each of the last minutes, and how many ended in all of them."""

    queued: list[int]
    ended: int


def queue_hours(there_are: Iterable[Count], now: datetime) -> dict[str, QueueHour]:
    """This will return the hour up to `now` of every queue in which anything happened or stands; one read of counts."""
    begin = _hour(now)[0]
    moved: dict[str, list[int]] = defaultdict(lambda: [0] * MINUTES)
    ended: Counter[str] = Counter()
    for at, queue, kind, workflows in counts.queues_per_minute(begin, kinds=[Status.QUEUED, *TERMINAL]):
        if kind == Status.QUEUED:
            moved[queue][min((at - begin) // MINUTE, MINUTES - 1)] += workflows
        else:
            ended[queue] += workflows
    present = counts.by_queue(there_are)
    names = {*moved, *ended, *(queue for queue, _status in present)}
    return {
        name: QueueHour(counts.levels(present[name, Status.QUEUED], moved[name]), ended[name]) for name in names
    }  # fmt: skip


@dataclass(frozen=True)
class Slots:
    """How many workflows ran at the end of each of the last minutes, and how many the workers of then could run."""

    minutes: list[datetime]
    running: list[int]
    slots: list[int]


def slots(fleet: Iterable[Worker], there_are: Iterable[Count], now: datetime) -> Slots:
    """This will return the hour up to `now`; one read, of counts."""
    minutes = _hour(now)
    moved = [0] * MINUTES
    for minute in counts.per_minute(now - minutes[0], until=now, kinds=[Status.RUNNING]):
        moved[min((minute.at - minutes[0]) // MINUTE, MINUTES - 1)] += minute.workflows
    ends = [*minutes[1:], now]
    known = list(fleet)
    return Slots(
        minutes,
        counts.levels(counts.by_status(there_are)[Status.RUNNING], moved),
        [
            sum(
                one.concurrency
                for one in known
                if one.started_at <= end and (one.ended_at is None or one.ended_at > end)
            )
            for end in ends
        ],
    )


def _hour(now: datetime) -> list[datetime]:
    """The beginnings of its minutes."""
    last = now.replace(second=0, microsecond=0)
    return [last - place * MINUTE for place in reversed(range(MINUTES))]


@dataclass(frozen=True)
class QueuePast:
    """The past of a queue in stretches: what ended, by status, and how many there were of each other status at the end.

    oldest: how old the oldest was that could be claimed, at most, of the ends of its minutes. None: that is not known.
    """

    begins: list[datetime]
    ended: dict[Status, list[int]]
    levels: dict[Status, list[int | None]]
    oldest: list[timedelta | None]


def queue_past(name: str, span: Span, now: datetime, oldest_at: datetime | None) -> QueuePast:
    """What happened in a queue whose oldest could be claimed since then; five reads, of counts only."""
    begins = span.begins(now)
    moved = counts.stretches(begins[0], span.length, span.number, queue=name, kinds=list(Status))
    there_are, since = counts.by_queue(counts.everything()), counts.queues_since()
    first = next((place for place, begin in enumerate(begins) if since and since < begin + span.length), span.number)
    return QueuePast(
        begins,
        ended={status: moved[status] for status in Status if status in TERMINAL},
        levels={
            status: [None] * first + list(counts.levels(there_are[name, status], moved[status])[first:])
            for status in Status
            if status in ACTIVE
        },
        oldest=_oldest(name, begins[0], span, now, oldest_at),
    )


def _oldest(
    name: str, begin: datetime, span: Span, now: datetime, oldest_at: datetime | None
) -> list[timedelta | None]:
    minutes = (now - begin) // MINUTE + 1
    ages = counts.oldest_ages(name, begin, minutes, oldest_at=oldest_at, now=now)
    each = span.length // MINUTE
    parts = (ages[first : first + each] for first in range(0, span.number * each, each))
    return [max((age for age in part if age is not None), default=None) for part in parts]
