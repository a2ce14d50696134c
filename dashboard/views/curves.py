"""The numbers of one key of a workflow, over time."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.estimates import FEWEST
from dashboard.presenters.curves import chart
from dashboard.presenters.times import iso_utc
from dashboard.views.pages import page_context, visible_workflow
from workflows import curves
from workflows.models import Value

_OFTEN_MS, _SELDOM_MS = 1_000, 20_000  # between two readings of a key that is set all the time
_MANY = 20_000  # numbers; reading so many takes a while


@require_safe
@never_cache
@login_required
def curve(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """The page of one key, which the address names."""
    return _rendered(request, workflow_id, "dashboard/curve.html")


@require_safe
@never_cache
@login_required
def curve_fragment(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Its chart again, for a page that is open."""
    return _rendered(request, workflow_id, "dashboard/workflow/_curve.html")


def _rendered(request: HttpRequest, workflow_id: str, template: str) -> HttpResponse:
    row = visible_workflow(request, workflow_id)
    key = request.GET.get("key", "").replace("\x00", "")
    value = Value.objects.filter(workflow_id=row.id, key=key).first()
    if value is None or not access.lens(request.user, row).shows(key):
        raise Http404
    visible = access.visible_workflows(request.user)
    found, earlier, now = curves.curve(row.id, key), curves.earlier(row, key, visible), timezone.now()
    lines = chart(key, found, earlier, row.started_at, now)
    context: dict[str, Any] = {
        "workflow": row,
        "key": key,
        "lines": lines,
        "total": found.total,
        "shown": len(found.points),
        "earlier": len(earlier),
        "compared": len(earlier) >= FEWEST,
        "fewest": FEWEST,
        "last_at": iso_utc(value.at),
        "pause": _SELDOM_MS if found.total > _MANY else _OFTEN_MS,
    }
    return render(request, template, page_context(request, "workflows", live=True) | context)
