"""What the pages of definitions show: how many, how well, how long, and what they publish. Every read is bounded."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from dashboard import access, estimates
from dashboard.estimates import Usual
from dashboard.trends import MINUTE, MINUTES, Span
from workflows import catalogue, counts, registry, schedules
from workflows.catalogue import Band, PublishedKey, Version
from workflows.counts import CREATED
from workflows.models import Schedule
from workflows.redaction import HIDDEN, Lens
from workflows.registry import Definition
from workflows.states import TERMINAL, Status

VERSIONS_OF, KEYS_OF = 500, 50  # the latest workflows that are looked at for them
_SAMPLE = 40  # of each stretch, for how long it took
_MOST_SCHEDULES = 100
BAD = (Status.FAILED, Status.QUARANTINED)


@dataclass(frozen=True)
class Overview:
    """One definition as it stands. known: this process can start it; usual: None below eight earlier ones.

    In the last hour so many were started, ended, and ended badly (failed or quarantined).
    """

    name: str
    known: Definition | None
    there_are: dict[str, int]
    started: int
    ended: int
    bad: int
    usual: Usual | None
    last_started: datetime | None


def overviews(now: datetime, only: str | None = None) -> list[Overview]:
    """All that are known, or of which there are workflows, by name; or this one among them."""
    there_are: dict[str, dict[str, int]] = defaultdict(dict)
    for (name, status), number in counts.by_definition(counts.everything()).items():
        there_are[name][status] = number
    hour = counts.per_minute((MINUTES - 1) * MINUTE, until=now)
    happened: Counter[tuple[str, str]] = Counter()
    for minute in hour:
        happened[minute.definition, minute.kind] += minute.workflows
    known = {definition.name: definition for definition in registry.definitions()}
    names = [name for name in sorted({*known, *there_are}) if only in (None, name)]
    usual, last = estimates.usual(names), catalogue.last_created(names)
    return [
        Overview(
            name, known.get(name), there_are[name],
            started=happened[name, CREATED],
            ended=sum(happened[name, end] for end in TERMINAL),
            bad=sum(happened[name, end] for end in BAD),
            usual=usual.get(name), last_started=last.get(name),
        )
        for name in names
    ]  # fmt: skip


def overview(name: str, now: datetime) -> Overview | None:
    """One; None: nobody knows it, and there is no workflow of it."""
    return next(iter(overviews(now, only=name)), None)


@dataclass(frozen=True)
class Past:
    """What happened in the stretches of a span: their beginnings, numbers by kind, and durations where any are known.

    band_begins: the beginnings of those of `bands`, which are longer.
    """

    begins: list[datetime]
    happened: dict[str, list[int]]
    band_begins: list[datetime]
    bands: list[Band | None]

    @property
    def bad_shares(self) -> list[float | None]:
        """In each stretch, how many of 100 that ended ended badly; None: none ended."""
        ended = [sum(numbers) for numbers in zip(*(self.happened[end] for end in TERMINAL), strict=True)]
        bad = [sum(numbers) for numbers in zip(*(self.happened[end] for end in BAD), strict=True)]
        return [100 * few / all_ if all_ else None for few, all_ in zip(bad, ended, strict=True)]


def past(name: str, span: Span, now: datetime) -> Past:
    """What happened to a definition."""
    begins = span.begins(now)
    coarse = begins[:: span.coarse]
    bands = catalogue.duration_bands(name, coarse, span.coarse * span.length, limit=_SAMPLE)
    return Past(
        begins=begins,
        happened=counts.stretches(begins[0], span.length, span.number, definition=name),
        band_begins=coarse,
        bands=[bands.get(place) for place in range(len(coarse))],
    )


@dataclass(frozen=True)
class Portrait:
    """What its latest workflows publish and which code they began with, its schedules, and the ids one may see."""

    keys: list[PublishedKey]
    versions: list[Version]
    schedules: list[Schedule]
    visible: set[str]


def portrait(user: access.Visitor, name: str) -> Portrait:
    """The rest of the page of a definition. Schedules only for who may see them."""
    lens = Lens(name, access.audience(user))
    found = catalogue.published_keys(name, limit=KEYS_OF)
    keys = [one if lens.shows(one.key) else one._replace(value=HIDDEN) for one in found]
    owners = {key.workflow_id for key in keys}
    may = access.can(user, "view_schedules")
    return Portrait(
        keys=keys,
        versions=catalogue.versions(name, limit=VERSIONS_OF),
        schedules=list(schedules.everything().filter(definition=name)[:_MOST_SCHEDULES]) if may else [],
        visible=set(access.visible_workflows(user).filter(id__in=owners).values_list("id", flat=True)),
    )
