"""Workers: who lives and what it does, who is gone."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, overviews, trends
from dashboard.overviews import WorkerRow
from dashboard.presenters import workers as words
from dashboard.presenters.times import iso_utc
from dashboard.views.pages import page_context
from workflows import counts


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every worker."""
    return _rendered(request, "dashboard/workers.html")


@require_safe
@never_cache
@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    """The tables again, for a page that is open."""
    return _rendered(request, "dashboard/workers/_tables.html")


def _rendered(request: HttpRequest, template: str) -> HttpResponse:
    if not access.can(request.user, "view_workers"):
        raise PermissionDenied
    found = overviews.fleet(request.user, timezone.now())
    context = page_context(request, "workers", live=access.can(request.user, "view"))
    if context["can_view_totals"]:
        context["busy"] = words.busy(trends.slots(found.known, counts.everything(), timezone.now()))
    context |= {"here": [_shown(row) for row in found.here], "gone": [_shown(row) for row in found.gone]}
    return render(request, template, context)


def _shown(row: WorkerRow) -> dict[str, Any]:
    """What the templates show of a worker."""
    worker = row.worker
    return {
        "id": worker.id,
        "name": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "state": row.state,
        "queues": worker.queues,
        "pool": f"{worker.concurrency} {'child' if worker.concurrency == 1 else 'children'}, {worker.pool}",
        "version": worker.version,
        "started_at": iso_utc(worker.started_at),
        "heartbeat_at": iso_utc(worker.heartbeat_at),
        "ended_at": worker.ended_at and iso_utc(worker.ended_at),
        "running": [
            {"id": one.id, "definition": one.definition, "child": str(one.worker).rpartition("/")[2]}
            for one in row.running
        ],
        "hidden": max(row.hidden, 0),
    }
