"""The list of workflows: what its address asks for, and the page that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, estimates, lineage, saved_views
from dashboard.columns import RENDERERS, Columns, Look
from dashboard.filters import ListFilter, understood
from dashboard.listings import list_query, listing
from dashboard.presenters.bulk import BULK_VERBS, MOST
from dashboard.presenters.rows import ListRow, Place, families, list_row
from dashboard.presenters.times import iso_utc
from dashboard.views.pages import page_context
from workflows import counts, finding, queries, redaction, registry
from workflows.models import Workflow
from workflows.states import Status
from workflows.visibility import Visibility

PAGE_ROWS = 50
MOST_KEYS = 200  # offered for a column
COUNTED, BRIEFLY, COUNT_SECONDS = 1_000, 0.1, 5.0  # without being asked and how long that may take; when asked
WIDER = "7d"
EVERYTHING = "all=1"  # the word of an address that wants no saved view


@require_safe
@never_cache
@login_required
def workflows(request: HttpRequest) -> HttpResponse:
    """The list, newest first. Without any word in the address it is the view that this person opens with."""
    if not access.can(request.user, "view"):
        raise PermissionDenied
    views = saved_views.visible(int(request.user.pk or 0))
    opens_with = next((shown.view for shown in views if shown.is_default), None)
    if opens_with is not None and not request.GET:
        return redirect(f"{request.path}?{opens_with.query or EVERYTHING}")
    typed, look = ListFilter.from_query(request.GET), Look.from_query(request.GET)
    wanted, problems = understood(typed)
    addressed: Callable[..., str] = partial(_address, everything=EVERYTHING if opens_with else "")
    address = partial(addressed, wanted, look)
    if (wanted != typed and not problems) or "column" in request.GET:
        return redirect(f"{request.path}{address()}")  # what the address says from here on
    context = page_context(request, "workflows", live=True)
    context |= {
        "filter": wanted,
        "typed": typed.search if problems else wanted.search,
        "problems": problems,
        "filtered": bool(wanted.query),
        "columns": look.columns,
        "look": look,
        "renderers": RENDERERS,
        "unfiltered": addressed(ListFilter(), look),
        "usual_columns": addressed(wanted, look.usual),
        "regrouped": addressed(wanted, replace(look, grouped=not look.grouped), **_place(request)),
        "newest": address(),
        "definitions": registry.names(),
        "views": views,
        "view_query": list_query(wanted, look),
        "opens_with": opens_with,
        "back": request.GET.urlencode(),
        **_rows(request, wanted, look, address, context["now"]),
        **_selection(request, wanted),
    }
    context["total"] = _total(request, wanted, context)
    return render(request, "dashboard/workflows.html", context)


def _rows(
    request: HttpRequest, wanted: ListFilter, look: Look, address: Callable[..., str], now: str
) -> dict[str, Any]:
    """One page of the list, the ways to its neighbours, and the workflow that is peeked at."""
    place = _place(request)
    within, paged = access.visible_workflows(request.user), bool(place)
    audience = access.audience(request.user)
    page = listing(wanted, within, audience, **place, limit=PAGE_ROWS)
    keys = list(dict.fromkeys([*look.columns.keys, *wanted.keys]))
    summaries = [redaction.summary(one, audience, keys) for one in queries.summaries_of(page.rows, keys)]
    parents = lineage.parents(request.user, page.rows)
    places = families(parents) if look.grouped else {row: Place(0, parent) for row, parent in parents.items()}
    rows = _shown(page.rows, summaries, look.columns, places, now)
    peeked = request.GET.get("peek", "").replace("\x00", "")
    return {
        "rows": rows,
        "numeric": {column.key for row in rows for column, cell in row.columns if cell and cell.kind == "number"},
        "paged": paged,
        "newer": page.newer and address(after=page.newer),
        "older": page.older and address(before=page.older),
        "looked_at": page.looked_at,
        "further": page.further and address(before=page.further),
        "wider": None if page.rows or paged else _wider(wanted, within, audience, look),
        "peek": within.filter(pk=peeked).first() if peeked else None,
        "list": _live_list(wanted, summaries, keys, since=now, first=not paged),
    }


def _shown(
    found: list[Workflow], summaries: list[dict[str, Any]], columns: Columns, places: dict[str, Place], now: str
) -> list[ListRow]:
    """The rows of the list in the order of their places.

    What is usual is read for definitions of which something goes on; a fork is not usual.
    """
    going = {row.id: row.definition for row in found if row.finished_at is None and row.forked_from_id is None}
    usual = estimates.usual(going.values())
    rows = {summary["id"]: summary for summary in summaries}
    return [list_row(rows[row], columns, usual.get(going.get(row, "")), now, place) for row, place in places.items()]


class Wider(NamedTuple):
    """How many match where nothing does yet, if one looks further back; `more`: and others."""

    since: str
    found: int
    more: bool
    address: str


def _wider(wanted: ListFilter, within: QuerySet[Workflow], audience: Visibility | None, look: Look) -> Wider | None:
    """The same filter since longer ago; None where it has no such bound, or where that is looked for one by one."""
    wide = replace(wanted, since=WIDER)
    if wanted.where or wanted.earliest is None or wide.earliest is None or wanted.earliest <= wide.earliest:
        return None
    page = listing(wide, within, audience, limit=10)
    return Wider(WIDER, len(page.rows), page.older is not None, f"?{list_query(wide, look)}")


class Total(NamedTuple):
    """How many match; `found` None: it would take too long to say. `exactly`: where to ask for the exact number."""

    found: int | None
    is_exact: bool
    exactly: str = ""


def _total(request: HttpRequest, wanted: ListFilter, context: dict[str, Any]) -> Total | None:
    """Exact where sums or the page itself know; else up to a bound, and exactly when asked. None: nobody counts."""
    if context["matching"] is not None:
        return Total(context["matching"], is_exact=True)
    if wanted.where:
        return None
    if not context["paged"] and context["older"] is None:
        return Total(len(context["rows"]), is_exact=True)
    found = wanted.rows() & wanted.within(access.visible_workflows(request.user))
    if request.GET.get("count") == "exactly":
        return Total(finding.count(found, most=None, seconds=COUNT_SECONDS), is_exact=True)
    counted = finding.count(found, most=COUNTED + 1, seconds=BRIEFLY)
    is_exact = counted is not None and counted <= COUNTED
    return Total(counted if is_exact else COUNTED, is_exact, "" if is_exact else f"{context['newest']}&count=exactly")


def _live_list(
    wanted: ListFilter, summaries: list[queries.Summary], shown_keys: list[str], *, since: str, first: bool
) -> dict[str, Any]:
    """What the live page goes on from. `asks`: where it asks what newly matches, because nobody will tell."""
    asks = f"{reverse('dashboard:matching')}?{wanted.query}&first" if wanted.where and first else ""
    return {
        "rows": summaries, "filter": wanted.wire, "keys": shown_keys, "since": since, "first": first, "asks": asks,
    }  # fmt: skip


def _selection(request: HttpRequest, wanted: ListFilter) -> dict[str, Any]:
    """How many there are, and what this person may do with many at once."""
    verbs = BULK_VERBS.values() if access.can(request.user, "bulk") else ()
    bulk_verbs = [verb for verb in verbs if access.can(request.user, verb.right)]
    statuses = _counted_statuses(wanted, known=access.can(request.user, access.VIEW_TOTALS))
    return {
        "statuses": statuses,
        "bulk_verbs": bulk_verbs,
        "verbs_wire": [verb.wire for verb in bulk_verbs],
        "matching": _matching(wanted, statuses),
        "most": MOST,
    }


@require_safe
@never_cache
@login_required
def keys(request: HttpRequest) -> HttpResponse:
    """Keys that were published lately, by what a filter matches: for who chooses a column or types a term."""
    if not access.can(request.user, "view"):
        raise PermissionDenied
    wanted, _ = understood(ListFilter.from_query(request.GET))
    found = wanted.rows() & wanted.within(access.visible_workflows(request.user))
    return JsonResponse({"keys": queries.published_keys(found, limit=MOST_KEYS)})


def _counted_statuses(wanted: ListFilter, *, known: bool) -> list[dict[str, Any]]:
    """The statuses and how many there are; None where the sums do not know, because that would read the table."""
    if not known or wanted.search or wanted.since or wanted.parent or wanted.where:
        return [{"name": status.value, "count": None} for status in Status]
    found = counts.by_status(count for count in counts.everything() if wanted.is_of(count.definition))
    return [{"name": status.value, "count": found[status.value]} for status in Status]


def _matching(wanted: ListFilter, statuses: list[dict[str, Any]]) -> int | None:
    """How many the filter matches; None where that was not counted."""
    shown = [status["count"] for status in statuses if not wanted.status or status["name"] in wanted.status]
    return None if None in shown else sum(shown)


def _place(request: HttpRequest) -> dict[str, finding.Cursor]:
    """Where the page begins: `before` or `after` a place; empty for the first page."""
    found = {name: _cursor(request.GET.get(name, "")) for name in ("before", "after")}
    return {name: place for name, place in found.items() if place is not None}


def _cursor(text: str) -> finding.Cursor | None:
    """The place in the list that an address names; None for what is none."""
    moment, _, workflow_id = text.partition("~")
    try:
        created_at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    usable = created_at.tzinfo is not None and workflow_id and "\x00" not in workflow_id
    return finding.Cursor(created_at, workflow_id) if usable else None


def _address(wanted: ListFilter, look: Look, *, everything: str, **places: finding.Cursor) -> str:
    """The query of a page's address, with its question mark. `everything`: what it says where that would be empty."""
    spelled = {name: f"{iso_utc(place.created_at)}~{place.workflow_id}" for name, place in places.items()}
    return f"?{list_query(wanted, look, **spelled) or everything}"
