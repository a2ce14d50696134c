"""Queues: what stands in them, who consumes them, their limits."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard import access, acting, overviews
from dashboard.forms import LimitsForm, PauseForm, first_error
from dashboard.presenters import queues as words
from dashboard.presenters.charts import level_line
from dashboard.presenters.times import iso_utc
from dashboard.trends import SPANS, QueueHour, queue_hours, queue_past
from dashboard.views.pages import page_context
from workflows import counts, queues
from workflows.errors import TelltaleError
from workflows.workers import QueueState


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every queue."""
    return _rendered(request, "dashboard/queues.html")


@require_safe
@never_cache
@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    """The table again, for a page that is open."""
    return _rendered(request, "dashboard/queues/_table.html")


def _rendered(request: HttpRequest, template: str) -> HttpResponse:
    _require(request, "view_queues")
    context = page_context(request, "queues", live=access.can(request.user, "view"))
    hours = queue_hours(counts.everything(), timezone.now())
    context |= {"rows": [_shown(row) | _past_hour(hours.get(row.name)) for row in overviews.queue_rows()]} | _may(
        request
    )
    return render(request, template, context)


@require_safe
@never_cache
@login_required
def queue(request: HttpRequest, name: str) -> HttpResponse:
    """One queue and its limits; also one that has nothing yet, so that limits can be set beforehand."""
    _require(request, "view_queues")
    row = overviews.queue_row(name)
    found = row.limits
    initial = {field: getattr(found, field) for field in LimitsForm.base_fields} if found else {}
    return _queue_page(request, row, LimitsForm(initial=initial))


@require_safe
@never_cache
@login_required
def queue_fragment(request: HttpRequest, name: str) -> HttpResponse:
    """Its numbers and charts again, for a page that is open."""
    _require(request, "view_queues")
    return render(request, "dashboard/queues/_state.html", _queue_context(request, overviews.queue_row(name)))


def _queue_page(request: HttpRequest, row: QueueState, form: LimitsForm) -> HttpResponse:
    context = _queue_context(request, row) | {"form": form}
    return render(request, "dashboard/queue.html", context, status=422 if form.errors else 200)


def _queue_context(request: HttpRequest, row: QueueState) -> dict[str, Any]:
    span = SPANS.get(request.GET.get("span", ""), SPANS["hour"])
    past = queue_past(row.name, span, timezone.now(), row.oldest_at)
    context = page_context(request, "queues", live=access.can(request.user, "view")) | _may(request)
    return context | {
        "queue": _shown(row),
        "span": span,
        "spans": SPANS.values(),
        "depth": words.depth(past),
        "oldest": words.oldest(past),
        "bars": words.throughput(past),
    }


@require_POST
@login_required
def limits(request: HttpRequest, name: str) -> HttpResponse:
    """Set the limits; what is left empty is none."""
    acting.require(request, "change_queue", "limit", "queue", name)
    form = LimitsForm(request.POST)
    if form.is_valid():
        try:
            queues.set_limits(name, by=request.user.get_username(), **form.cleaned_data)
        except (TelltaleError, ValueError) as refused:
            form.add_error(None, str(refused))
        else:
            notices.success(request, f"The limits of queue {name} hold from the next claim on.")
            return redirect("dashboard:queue", name)
    return _queue_page(request, overviews.queue_row(name), form)


@require_POST
@login_required
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Let no worker claim from it, or let them again."""
    form = PauseForm(request.POST)
    acting.require(request, "change_queue", form.verb, "queue", name)
    if not form.is_valid():
        notices.error(request, f"Not changed: {first_error(form)}")
        return redirect("dashboard:queues")
    change = queues.pause if form.cleaned_data["paused"] else queues.unpause
    try:
        change(name, by=request.user.get_username())
    except (TelltaleError, ValueError) as refused:
        notices.error(request, f"Not changed: {refused}")
    else:
        paused = form.cleaned_data["paused"]
        notices.success(request, f"Queue {name} {'is paused; what runs goes on' if paused else 'goes on'}.")
    return redirect("dashboard:queues")


def _require(request: HttpRequest, action: str) -> None:
    if not access.can(request.user, action):
        raise PermissionDenied


def _may(request: HttpRequest) -> dict[str, Any]:
    return {"can_change": access.can(request.user, "change_queue"), "can_view": access.can(request.user, "view")}


def _past_hour(hour: QueueHour | None) -> dict[str, Any]:
    return {"ended": hour.ended if hour else 0, "line": level_line(hour.queued) if hour else None}


def _shown(state: QueueState) -> dict[str, Any]:
    """What the templates show of a queue."""
    return {
        "name": state.name,
        "queued": state.queued,
        "running": state.running,
        "waiting": state.waiting,
        "delayed": state.delayed,
        "oldest_at": state.oldest_at and iso_utc(state.oldest_at),
        "limits": words.limits(state.limits),
        "row": state.limits,
        "changed_at": state.limits and iso_utc(state.limits.changed_at),
        "paused": bool(state.limits and state.limits.paused),
        "consumers": words.consumers(state.consumers),
        "deserted": state.consumers == 0,
        "needed": state.consumers == 0 and bool(state.queued or state.running or state.waiting or state.delayed),
        "command": words.command(state.name),
    }
