"""Two workflows beside each other: where a failed one left the way of one that succeeded."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import comparisons
from dashboard.comparisons import MOST_KEYS, MOST_STEPS, Pair
from dashboard.filters import seq_of
from dashboard.presenters import comparison
from dashboard.presenters.comparison import Match, StepRow
from dashboard.views.pages import page_context, visible_workflow
from workflows import ids, queries

STEPS_ROWS = 100


@require_safe
@never_cache
@login_required
def compare(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """A workflow beside the one that the address names; else beside the last of its definition that succeeded."""
    here, asked = visible_workflow(request, workflow_id), request.GET.get("with", "").strip()
    if asked and not ids.is_possible(asked):
        raise Http404
    there = asked or comparisons.last_success(request.user, here)
    pair = comparisons.read(request.user, here.id, there) if there else None
    if there and pair is None:
        raise Http404
    context = page_context(request, "workflows") | {"workflow": here, "asked": asked}
    context |= _compared(request, pair, context["now"]) if pair else {}
    return render(request, "dashboard/compare.html", context)


def _compared(request: HttpRequest, pair: Pair, now: str) -> dict[str, Any]:
    only, page = "only" in request.GET, max(1, seq_of(request.GET.get("page", "")) or 1)
    matches = comparison.matches(pair)
    shown = [match for match in matches if match.differs] if only else matches
    (ms, took), (ms_there, took_there) = (comparison.took(side, now) for side in (pair.here, pair.there))
    values, payloads = comparison.value_rows(pair), comparison.payload_rows(pair)
    has_more = len(shown) > page * STEPS_ROWS
    return {
        "pair": pair,
        "sides": [("Here", pair.here, took), ("There", pair.there, took_there)],
        "longer": "" if ms is None or ms_there is None else comparison.longer(ms, ms_there),
        "firsts": [(match, 1 + shown.index(match) // STEPS_ROWS) for match in comparison.first_differences(matches)],
        "alike": comparison.alike(pair, matches),
        "only": only,
        "steps": _rows(pair, shown[(page - 1) * STEPS_ROWS : page * STEPS_ROWS], now),
        "aligned": len(matches),
        "differing": sum(match.differs for match in matches),
        "has_more_steps": pair.here.has_more_steps or pair.there.has_more_steps,
        "earlier": page - 1 if page > 1 else None,
        "later": page + 1 if has_more else None,
        "tables": [
            ("Input, output, error", [row for row in payloads if row.differs or not only], len(payloads), ""),
            ("Values", [row for row in values if row.differs or not only], len(values), "value"),
        ],
        "most_steps": MOST_STEPS,
        "most_keys": MOST_KEYS,
        "goes_on": not (pair.here.row.is_terminal and pair.there.row.is_terminal),
        "address": urlencode({"with": pair.there.row.id}),
    }


def _rows(pair: Pair, matches: list[Match], now: str) -> list[StepRow]:
    """With the errors of these alone: of all together they may be as large as a history."""
    here = [match.here.position for match in matches if match.here]
    there = [match.there.position for match in matches if match.there]
    errors = queries.step_errors(pair.here.row.id, here), queries.step_errors(pair.there.row.id, there)
    return [comparison.step_row(match, now, errors, pair) for match in matches]


@require_safe
@never_cache
@login_required
def pair(request: HttpRequest) -> HttpResponse:
    """The page of two workflows that are named alike: `?a=<id>&b=<id>`. Raises Http404 for what no two ids are."""
    here, there = (request.GET.get(name, "") for name in ("a", "b"))
    if not (ids.is_possible(here) and ids.is_possible(there)):
        raise Http404
    return redirect(f"{reverse('dashboard:compare', args=[here])}?{urlencode({'with': there})}")
