"""Finds workflows: filters, pages of a list, and how many there are. No read walks through what nobody asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.expressions import Combinable, RawSQL
from django.db.models.functions import Concat
from django.db.models.lookups import Exact, In, StartsWith
from psycopg.errors import QueryCanceled

from workflows.models import Workflow
from workflows.sql import fetch, reads
from workflows.states import Status

_FEW = 5_000  # workflows with ids that begin alike: so many are looked at one by one
TOP = "none"  # in place of a parent's id: those that have no parent


class Cursor(NamedTuple):
    """A place in the list of workflows, newest first."""

    created_at: datetime
    workflow_id: str


class Page(NamedTuple):
    """One page of workflows, newest first, and where its neighbours begin (None: there are none)."""

    rows: list[Workflow]
    newer: Cursor | None
    older: Cursor | None


def listed(
    *, statuses: Sequence[str] = (), definition: str = "", search: str = "", since: datetime | None = None,
    parent: str = "",
) -> QuerySet[Workflow]:  # fmt: skip
    """This will return the workflows that match a list's filter.

    `definition` is a name, or the beginning of one and `*`; `search` an id or its beginning; `since`: created then or
    later; `parent`: children of this workflow, or TOP.
    """
    found = Workflow.objects.all()
    if parent:
        found = found.filter(parent__isnull=True) if parent == TOP else found.filter(parent_id=parent)
    of = _out_of_index if parent not in ("", TOP) else F
    if statuses:
        found = found.filter(In(of("status"), statuses))
    if definition.endswith("*"):
        found = found.filter(StartsWith(of("definition"), definition[:-1]))
    elif definition:
        found = found.filter(Exact(of("definition"), definition))
    if search:
        found = found.filter(StartsWith(of("id"), search))
    if since is not None:
        found = found.filter(created_at__gte=since)
    return found


def _out_of_index(name: str) -> Combinable:
    """A column as no index has it: of a family all are read by the index of children, and looked at one by one.

    Else the planner goes through another index in the hope to meet them, or through all of a status for few of them.
    """
    return Concat(name, Value(""))


def workflow_page(
    *,
    statuses: Sequence[str] = (),
    definition: str = "",
    search: str = "",
    since: datetime | None = None,
    parent: str = "",
    definitions: Sequence[str] = (),
    before: Cursor | None = None,
    after: Cursor | None = None,
    limit: int = 50,
    within: QuerySet[Workflow] | None = None,
) -> Page:
    """This will return one page, newest first: older than `before`, or the nearest newer than `after`.

    `within` restricts to what the asking user may see; `definitions` are those of which `definition` is the beginning.
    """
    wanted = _Wanted(statuses, definition, definitions, search, parent)
    found = listed(since=since, parent=parent)
    if within is not None:
        found = found & within
    if after is not None:
        places = _nearest(found.filter(_newer_than(after)), wanted, limit + 1, newest_first=False)
        more_newer, rows = len(places) > limit, at(places[:limit][::-1])
        return Page(rows, _cursor(rows, 0) if more_newer else None, _cursor(rows, -1))
    if before is not None:
        found = found.filter(_older_than(before))
    places = _nearest(found, wanted, limit + 1, newest_first=True)
    more_older, rows = len(places) > limit, at(places[:limit])
    return Page(rows, _cursor(rows, 0) if before is not None else None, _cursor(rows, -1) if more_older else None)


def places(
    *,
    statuses: Sequence[str] = (),
    definition: str = "",
    search: str = "",
    since: datetime | None = None,
    parent: str = "",
    definitions: Sequence[str] = (),
    before: Cursor | None = None,
    limit: int,
    within: QuerySet[Workflow],
) -> list[Cursor]:
    """This will return where the newest that `workflow_page` would list stand, without reading their rows."""
    found = listed(since=since, parent=parent) & within
    if before is not None:
        found = found.filter(_older_than(before))
    return _nearest(found, _Wanted(statuses, definition, definitions, search, parent), limit, newest_first=True)


class _Wanted(NamedTuple):
    """A list's filter; see `workflow_page`."""

    statuses: Sequence[str]
    definition: str
    definitions: Sequence[str]
    search: str
    parent: str

    @property
    def names(self) -> Sequence[str]:
        """The definitions that are meant, as far as they are known by name."""
        return self.definitions or ([self.definition] if self.definition and self.definition[-1] != "*" else [])


def _nearest(found: QuerySet[Workflow], wanted: _Wanted, limit: int, *, newest_first: bool) -> list[Cursor]:
    """Where the first rows in order are. Only places are read here, which every index of the list has itself."""
    if wanted.parent not in ("", TOP):
        return _among_children(found, wanted, limit, newest_first=newest_first)
    if wanted.search:
        few = [row[0] for row in fetch(reads.BEGINNING_SO, {"begin": wanted.search, "limit": _FEW + 1})]
        if len(few) <= _FEW:  # in no order, so that nobody walks through a list in the hope to meet them
            meant = found & listed(statuses=wanted.statuses, definition=wanted.definition)
            return _sorted(meant.filter(id__in=few).values_list("created_at", "id"), limit, newest_first=newest_first)
        found = found & listed(search=wanted.search)
    if wanted.definition and not wanted.names:
        found = found & listed(definition=wanted.definition)
    order = ("-created_at", "-id") if newest_first else ("created_at", "id")
    if not (wanted.statuses or wanted.names or wanted.parent == TOP):
        return [Cursor(*place) for place in found.order_by(*order).values_list("created_at", "id")[:limit]]
    places = _of_each(found, wanted.statuses or list(Status), wanted.names, order, limit)
    return _sorted(places, limit, newest_first=newest_first)


def _among_children(found: QuerySet[Workflow], wanted: _Wanted, limit: int, *, newest_first: bool) -> list[Cursor]:
    """Where the first children of one workflow are; of those that match something, in an order of no index, either."""
    met = listed(
        statuses=wanted.statuses, definition=wanted.definition, search=wanted.search, parent=wanted.parent
    )  # fmt: skip
    created_at = F("created_at")
    is_narrowed = bool(wanted.statuses or wanted.definition or wanted.search)
    when = ExpressionWrapper(created_at + timedelta(0), DateTimeField()) if is_narrowed else created_at
    order = (when.desc(), F("id").desc()) if newest_first else (when.asc(), F("id").asc())
    return [Cursor(*place) for place in (found & met).order_by(*order).values_list("created_at", "id")[:limit]]


def _of_each(
    found: QuerySet[Workflow], statuses: Sequence[str], names: Sequence[str], order: Sequence[str], limit: int
) -> list[tuple[datetime, str]]:
    """The first places of each status, or of each definition and status, in one statement."""
    arm = found.filter(status=RawSQL("s.status", ()))
    if names:
        arm = arm.filter(definition=RawSQL("d.definition", ()))
    try:
        asked, given = arm.order_by(*order).values_list("created_at", "id")[:limit].query.sql_with_params()
    except EmptyResultSet:
        return []
    statement = reads.NEAREST_OF_DEFINITIONS if names else reads.NEAREST_OF_STATUSES
    each = [list(statuses), list(names)] if names else [list(statuses)]
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{arm}", asked), [*each, *given])
        rows: list[tuple[datetime, str]] = cursor.fetchall()
    return rows


def _sorted(places: Iterable[tuple[datetime, str]], limit: int, *, newest_first: bool) -> list[Cursor]:
    return [Cursor(*place) for place in sorted(places, reverse=newest_first)[:limit]]


def at(places: Sequence[Cursor]) -> list[Workflow]:
    """This will return the rows at these places; one that is gone meanwhile is left out."""
    rows = Workflow.objects.defer("input", "output").in_bulk([place.workflow_id for place in places])
    return [rows[place.workflow_id] for place in places if place.workflow_id in rows]


def _cursor(rows: list[Workflow], index: int) -> Cursor | None:
    return Cursor(rows[index].created_at, rows[index].id) if rows else None


def _older_than(cursor: Cursor) -> Q:
    return Q(created_at__lte=cursor.created_at) & (
        Q(created_at__lt=cursor.created_at) | Q(created_at=cursor.created_at, id__lt=cursor.workflow_id)
    )


def _newer_than(cursor: Cursor) -> Q:
    return Q(created_at__gte=cursor.created_at) & (
        Q(created_at__gt=cursor.created_at) | Q(created_at=cursor.created_at, id__gt=cursor.workflow_id)
    )


def count(found: QuerySet[Workflow], *, most: int | None, seconds: float) -> int | None:
    """This will return how many there are, up to `most`; None when that would take longer than so many seconds."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{int(seconds * 1_000)}ms"])
            counted = found.order_by()[:most].count()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return counted
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise
