"""One page of a list: what a filter matches, newest first.

Terms about published values are known to no index: one would cost every `set_event`. So the newest workflows that match
the rest are looked at one by one, which is bounded, and the page says where that ended.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet

from dashboard.columns import Look
from dashboard.filters import ListFilter
from workflows import counts, finding, queries, visibility
from workflows.finding import Cursor
from workflows.models import Workflow
from workflows.visibility import Visibility

LOOKED_AT = 10_000  # workflows, for one page
SECONDS = 3.0
AT_ONCE = 1_000  # read together


class Listing(NamedTuple):
    """The rows, where the neighbouring pages begin (None: there are none), and how far values were looked for.

    `further`: where to go on looking, because that ended before the page was full; None: everything was looked at.
    """

    rows: list[Workflow]
    newer: Cursor | None
    older: Cursor | None
    looked_at: int = 0
    further: Cursor | None = None

    @property
    def is_part(self) -> bool:
        """Whether older ones may match as well."""
        return self.older is not None or self.further is not None


def list_query(wanted: ListFilter, look: Look, **more: str) -> str:
    """The query of a list's address."""
    rest = urlencode([*look.pairs, *more.items()], safe=",:")
    return "&".join(part for part in (wanted.query, rest) if part)


def listing(
    wanted: ListFilter, within: QuerySet[Workflow], audience: Visibility | None, *, before: Cursor | None = None,
    after: Cursor | None = None, limit: int,
) -> Listing:  # fmt: skip
    """The page older than `before`, or the nearest newer than `after`; with `where`, pages lead to older ones only.

    What the audience may not read is not found by it either.
    """
    within = wanted.within(within)
    if wanted.where:
        found = _looked_for(wanted, within, audience, before, limit)
        return Listing(finding.at(found.places), None, found.older, found.looked_at, found.further)
    page = finding.workflow_page(
        statuses=wanted.status, definitions=_meant(wanted), before=before, after=after, limit=limit, within=within,
        **wanted.terms,
    )  # fmt: skip
    return Listing(*page)


def matching(
    wanted: ListFilter, within: QuerySet[Workflow], audience: Visibility | None, limit: int
) -> tuple[list[str], bool]:
    """The ids of the newest that match, without their rows, and whether there are more than `limit`."""
    within = wanted.within(within)
    if wanted.where:
        found = _looked_for(wanted, within, audience, None, limit)
        return [place.workflow_id for place in found.places], bool(found.older or found.further)
    places = finding.places(
        statuses=wanted.status, definitions=_meant(wanted), limit=limit + 1, within=within, **wanted.terms
    )
    return [place.workflow_id for place in places[:limit]], len(places) > limit


def _meant(wanted: ListFilter) -> list[str]:
    known = {count.definition for count in counts.everything()} if wanted.definition.endswith("*") else ()
    return wanted.definitions(known)


class _Found(NamedTuple):
    """Places, and the rest as in `Listing`."""

    places: list[Cursor]
    older: Cursor | None
    looked_at: int
    further: Cursor | None


def _looked_for(
    wanted: ListFilter, within: QuerySet[Workflow], audience: Visibility | None, before: Cursor | None, limit: int
) -> _Found:
    definitions = _meant(wanted)
    found: list[Cursor] = []
    looked_at, place, until = 0, before, time.monotonic() + SECONDS
    while True:
        chunk = finding.places(
            statuses=wanted.status, definitions=definitions, before=place, limit=AT_ONCE, within=within, **wanted.terms
        )
        values = _readable(queries.list_values([each.workflow_id for each in chunk], wanted.keys), audience)
        found += [each for each in chunk if wanted.meets(values.get(each.workflow_id, {}))]
        looked_at += len(chunk)
        place = chunk[-1] if len(chunk) == AT_ONCE else None
        if place is None or len(found) > limit or looked_at >= LOOKED_AT or time.monotonic() > until:
            break
    is_full = len(found) > limit
    older, further = (found[limit - 1], None) if is_full else (None, place)
    return _Found(found[:limit], older, looked_at, further)


def _readable(values: dict[str, dict[str, Any]], audience: Visibility | None) -> dict[str, dict[str, Any]]:
    """Without the values that this audience may not read."""
    definitions = queries.definitions_of(values)
    return {
        workflow_id: {
            key: value
            for key, value in found.items()
            if visibility.is_shown(definitions.get(workflow_id, ""), key, audience)
        }
        for workflow_id, found in values.items()
    }
