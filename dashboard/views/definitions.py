"""Definitions: how many workflows of each there are, how long they take, how they end, and what they publish."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard import definitions as read
from dashboard.presenters import portraits
from dashboard.presenters.definitions import definition_card, prose
from dashboard.presenters.times import iso_utc
from dashboard.trends import SPANS
from dashboard.views.pages import page_context
from workflows import registry


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every definition that is known, or of which there are workflows."""
    return _rendered(request, "dashboard/definitions.html")


@require_safe
@never_cache
@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    """The table again, for a page that is open."""
    return _rendered(request, "dashboard/definitions/_table.html")


def _rendered(request: HttpRequest, template: str) -> HttpResponse:
    _require_view(request)
    now = timezone.now()
    rows = [
        (portraits.row(one), definition_card(one.known) if one.known else None) for one in read.overviews(now)
    ]  # fmt: skip
    return render(
        request, template, page_context(request, "definitions", live=True) | {"rows": rows} | _closed(request)
    )


@require_safe
@never_cache
@login_required
def definition(request: HttpRequest, name: str) -> HttpResponse:
    """One definition."""
    return _portrayed(request, name, "dashboard/definition.html")


@require_safe
@never_cache
@login_required
def definition_fragment(request: HttpRequest, name: str) -> HttpResponse:
    """Its parts again, for a page that is open."""
    return _portrayed(request, name, "dashboard/definitions/_portrait.html")


def _portrayed(request: HttpRequest, name: str, template: str) -> HttpResponse:
    _require_view(request)
    now = timezone.now()
    one = read.overview(name, now)
    if one is None:
        raise Http404
    span = SPANS.get(request.GET.get("span", ""), SPANS["hour"])
    past, portrait = read.past(name, span, now), read.portrait(request.user, name)
    known: dict[str, Any] = {}
    if one.known:
        known = {"card": definition_card(one.known), "prose": prose(one.known)}
    context = page_context(request, "definitions", live=True) | known | _closed(request)
    context |= {
        "now": iso_utc(now),
        "row": portraits.row(one),
        "span": span,
        "spans": SPANS.values(),
        "bars": portraits.throughput(past),
        "failures": portraits.failures(past, now),
        "durations": portraits.durations(past, now),
        "keys": portraits.keys(portrait),
        "versions": portraits.versions(portrait),
        "schedules": portraits.schedules(portrait),
    }
    return render(request, template, context)


def _closed(request: HttpRequest) -> dict[str, Any]:
    """The definitions that somebody may not start who may start others."""
    return {"closed": [name for name in registry.names() if not access.may_start(request.user, name)]}


def _require_view(request: HttpRequest) -> None:
    if not access.can(request.user, access.VIEW_TOTALS):
        raise PermissionDenied
