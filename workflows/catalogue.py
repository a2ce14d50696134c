"""What is known of a definition as a whole, from a bounded number of its workflows. Questions only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from workflows.queries import EVENTS_LOOKED_AT
from workflows.sql import definitions, fetch
from workflows.states import Status

_STATUSES = [status.value for status in Status]
_KEYS_LOOKED_AT, _VALUE_CHARACTERS = 100, 200  # of each workflow, and in all; of the example


def last_created(names: Collection[str]) -> dict[str, datetime]:
    """This will return when a workflow of each definition was started last; those without any are left out."""
    return dict(fetch(definitions.LAST_CREATED, {"definitions": list(names), "statuses": _STATUSES}))


class Band(NamedTuple):
    """What `workflows` of one stretch took: a tenth, half and nine tenths of them at most so long, in ms."""

    workflows: int
    low: float
    median: float
    high: float


def duration_bands(definition: str, begins: Sequence[datetime], length: timedelta, *, limit: int) -> dict[int, Band]:
    """This will return how long workflows that succeeded took in each stretch, by its place; empty ones are left out.

    Of each stretch the last `limit` that ended are looked at, forks left out.
    """
    parameters = {"definition": definition, "begins": list(begins), "length": length, "limit": limit}
    rows = fetch(definitions.DURATION_BANDS, parameters)
    return {place - 1: Band(number, *quantiles) for place, number, quantiles in rows}


class Version(NamedTuple):
    """Code that `workflows` began with, of which `bad` failed or were quarantined; when the first and last started."""

    name: str
    workflows: int
    bad: int
    first_at: datetime
    last_at: datetime


def versions(definition: str, *, limit: int) -> list[Version]:
    """This will return which code the latest workflows of a definition began with, the newest first."""
    bad = [Status.FAILED.value, Status.QUARANTINED.value]
    parameters = {"definition": definition, "statuses": _STATUSES, "limit": limit, "bad": bad}
    rows = fetch(definitions.VERSIONS, parameters)
    return [Version(*row) for row in rows]


class PublishedKey(NamedTuple):
    """A key that `workflows` have, its JSON types, how often it was set; its newest value as text, cut, when, whose."""

    key: str
    workflows: int
    types: list[str]
    sets: int
    value: str | None
    at: datetime
    workflow_id: str


def published_keys(definition: str, *, limit: int) -> list[PublishedKey]:
    """This will return the keys of the latest workflows of a definition, the most common first.

    `sets` counts in the last events of each (queries.EVENTS_LOOKED_AT): of longer histories it is too low.
    """
    parameters = {
        "definition": definition, "statuses": _STATUSES, "limit": limit, "keys": _KEYS_LOOKED_AT,
        "events": EVENTS_LOOKED_AT, "length": _VALUE_CHARACTERS,
    }  # fmt: skip
    return [PublishedKey(*row) for row in fetch(definitions.KEYS, parameters)]
