"""Schedules: when they are due, what came of them, and their verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard import access, acting, overviews, zones
from dashboard.forms import BackfillForm, PauseForm, first_error
from dashboard.overviews import ScheduleRow
from dashboard.presenters import schedules as words
from dashboard.presenters.times import iso_utc
from dashboard.presenters.tree import tree
from dashboard.views.pages import page_context
from workflows import schedules
from workflows.errors import ScheduleNotFound, TelltaleError
from workflows.models import Schedule
from workflows.redaction import Lens

NEXT_TIMES = 10


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every schedule."""
    return _rendered(request, "dashboard/schedules.html")


@require_safe
@never_cache
@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    """The table again, for a page that is open."""
    return _rendered(request, "dashboard/schedules/_table.html")


def _rendered(request: HttpRequest, template: str) -> HttpResponse:
    _require(request, "view_schedules")
    context = _page_context(request)
    context["rows"] = [_shown(row) for row in overviews.schedule_rows(request.user)]
    return render(request, template, context)


@require_safe
@never_cache
@login_required
def schedule(request: HttpRequest, name: str) -> HttpResponse:
    """One schedule."""
    return _portrayed(request, name, "dashboard/schedule.html")


@require_safe
@never_cache
@login_required
def schedule_fragment(request: HttpRequest, name: str) -> HttpResponse:
    """How it is, for a page that is open."""
    return _portrayed(request, name, "dashboard/schedules/_state.html")


def _portrayed(request: HttpRequest, name: str, template: str) -> HttpResponse:
    _require(request, "view_schedules")
    row = overviews.schedule_row(request.user, name, times=NEXT_TIMES)
    if row is None:
        raise Http404
    own_zone = row.schedule.time_zone if row.schedule.cron else ""
    zones.use(request, own_zone)
    context = _page_context(request) | {"zone": zones.control(request, own_zone)}
    shown, now = words.occurrences(row.schedule, row.outcomes), timezone.now()
    context |= {"latest": shown, "took": words.durations(shown, now), "late": words.lateness(shown, now)}
    context |= {"schedule": _shown(row), "input": tree(_input(request, row.schedule), whole=True)}
    return render(request, template, context)


def _input(request: HttpRequest, of: Schedule) -> str:
    """What each start is given, as far as this person may read it."""
    return Lens(of.definition, access.audience(request.user)).payload_text("input", json.dumps(of.input))


@require_POST
@login_required
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Start no occurrence, or again the next ones."""
    form = PauseForm(request.POST)
    acting.require(request, "change_schedule", form.verb, "schedule", name)
    _check(name)

    def act() -> HttpResponse:
        paused = form.cleaned_data["paused"]
        (schedules.pause if paused else schedules.unpause)(name, by=_name(request))
        notices.success(request, f"Schedule {name} {'is paused' if paused else 'goes on'}.")
        return redirect("dashboard:schedules")

    if form.is_valid():
        return _done(request, name, "Not changed", act)
    notices.error(request, f"Not changed: {first_error(form)}")
    return redirect("dashboard:schedule", name)


@require_POST
@login_required
def triggers(request: HttpRequest, name: str) -> HttpResponse:
    """Start a workflow of the schedule now, besides its occurrences."""
    _require_start(request, "trigger", name)
    _check(name)

    def act() -> HttpResponse:
        started = schedules.trigger(name, by=_name(request))
        notices.success(request, f"Started by schedule {name}, now.")
        return redirect("dashboard:workflow", started.id)

    return _done(request, name, "Not started", act)


@require_POST
@login_required
def backfills(request: HttpRequest, name: str) -> HttpResponse:
    """Start the occurrences of a past range that have not been started."""
    _require_start(request, "backfill", name)
    _check(name)
    form = BackfillForm(request.POST)

    def act() -> HttpResponse:
        done = schedules.backfill(name, form.cleaned_data["since"], form.cleaned_data["until"], by=_name(request))
        existing = f"; {done.existing} had been started before" if done.existing else ""
        notices.success(request, f"{len(done.started)} occurrences started{existing}.")
        return redirect("dashboard:schedule", name)

    if form.is_valid():
        return _done(request, name, "Not started", act)
    notices.error(request, f"Not started: {first_error(form)}")
    return redirect("dashboard:schedule", name)


def _done(request: HttpRequest, name: str, refusal: str, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Where the act leads; what was refused is said on the schedule's page."""
    try:
        return act()
    except (TelltaleError, ValueError) as refused:
        notices.error(request, f"{refusal}: {acting.told(request.user, refused)}")
    return redirect("dashboard:schedule", name)


def _require(request: HttpRequest, right: str) -> None:
    if not access.can(request.user, right):
        raise PermissionDenied


def _require_start(request: HttpRequest, action: str, name: str) -> None:
    for right in ("view_schedules", "start"):
        acting.require(request, right, action, "schedule", name)


def _page_context(request: HttpRequest) -> dict[str, Any]:
    """What both pages need: they move for who may open a socket, and have the verbs that somebody may use."""
    can_change, can_trigger = access.can(request.user, "change_schedule"), access.can(request.user, "start")
    verbs = {"can_change": can_change, "can_trigger": can_trigger, "has_verbs": can_change or can_trigger}
    return page_context(request, "schedules", live=access.can(request.user, "view")) | verbs


def _check(name: str) -> None:
    try:
        schedules.get(name)
    except ScheduleNotFound:
        raise Http404 from None


def _name(request: HttpRequest) -> str:
    return request.user.get_username()


def _shown(row: ScheduleRow) -> dict[str, Any]:
    """What the templates show of a schedule."""
    found = row.schedule
    return {
        "name": found.name,
        "definition": found.definition,
        "when": words.when(found),
        "cron": found.cron or "",
        "missed": words.missed(found),
        "paused": found.paused,
        "problem": row.problem,
        "next": [iso_utc(moment) for moment in row.next_times],
        "outcomes": row.outcomes,
        "options": found.options,
        "changed_at": iso_utc(found.changed_at),
        "changed_by": found.changed_by,
    }
