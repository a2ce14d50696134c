"""Now: what there is, what needs somebody, what came of the last hour, and the queues."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, overviews, trends
from dashboard.attention import attention
from dashboard.presenters import attention as words
from dashboard.presenters import away as away_words
from dashboard.presenters import schedules as schedule_words
from dashboard.presenters.charts import STACK, Mark, bars
from dashboard.presenters.tiles import tiles
from dashboard.presenters.times import iso_utc
from dashboard.views.pages import page_context
from workflows import counts, registry, schedules, workers
from workflows.workers import QueueState

STRIP = 12
NAMED = 8  # schedules beside the chart
LONGEST_AWAY = timedelta(days=1)


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page that one begins with. It is about all workflows: who sees some begins with the list of those."""
    if access.can(request.user, "view") and not access.can(request.user, access.VIEW_TOTALS):
        return redirect("dashboard:workflows")
    return _rendered(request, "dashboard/now.html")


@require_safe
@never_cache
@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    """Its parts again, for a page that is open."""
    return _rendered(request, "dashboard/now/_parts.html")


@require_safe
@never_cache
@login_required
def away(request: HttpRequest) -> HttpResponse:
    """What happened in the last `seconds` of the address, for who did not look; no content: nothing did."""
    if not access.can(request.user, access.VIEW_TOTALS):
        raise PermissionDenied
    asked = request.GET.get("seconds", "")
    seconds = int(asked[:9]) if asked.isdecimal() else 0
    now, length = timezone.now(), min(timedelta(seconds=seconds), LONGEST_AWAY)
    shown = away_words.away(counts.happened_since(now - length)) if seconds else None
    if shown is None or not (shown.began or shown.ended):
        return HttpResponse(status=204)
    context = {"away": shown, "since": iso_utc(now - length), "is_cut": length == LONGEST_AWAY}
    return render(request, "dashboard/now/_away.html", context)


def _rendered(request: HttpRequest, template: str) -> HttpResponse:
    if not access.can(request.user, access.VIEW_TOTALS):
        raise PermissionDenied
    now = timezone.now()
    found, queues = counts.everything(), overviews.queue_rows()
    hour = trends.last_hour(found, now)
    needs = attention(request.user, now, queues=queues, found=found, failures=hour.failures)
    oldest = min((queue.oldest_at for queue in queues if queue.oldest_at), default=None)
    context = page_context(request, "now", live=True) | {"now": iso_utc(now)}
    changes = workers.code_changes(hour.minutes[0]) if context["can_view_workers"] else []
    started = schedules.started(hour.minutes[0]) if context["can_view_schedules"] else []
    context |= {
        "tiles": tiles(counts.by_status(found), hour, oldest),
        "needs": [words.sentence(finding, context["now"]) for finding in needs.findings],
        "needs_more": needs.is_cut,
        "unseen": needs.unseen,
        "bars": bars(
            hour.minutes,
            {status.value: hour.ended[status] for status in STACK},
            [Mark(change.at, change.version) for change in changes] + schedule_words.marks(started),
        ),
        "changes": [{"at": iso_utc(change.at), "version": change.version} for change in changes],
        "starts": (starts := schedule_words.starts(started))[:NAMED],
        "starts_left_out": max(0, len(starts) - NAMED),
        "is_new": not found,
        "definitions": registry.names(),
    }
    if context["can_view_queues"]:
        context |= {"queues": _strip(queues), "queues_left_out": max(0, len(queues) - STRIP)}
    return render(request, template, context)


def _strip(queues: list[QueueState]) -> list[dict[str, Any]]:
    """The busiest queues, by name, so that they stay where they are."""
    busiest = sorted(queues, key=lambda queue: -(queue.queued + queue.running))[:STRIP]
    return [
        {
            "name": queue.name,
            "queued": queue.queued,
            "running": queue.running,
            "workers": queue.consumers,
            "deserted": bool(queue.queued and not queue.consumers),
            "paused": bool(queue.limits and queue.limits.paused),
        }
        for queue in sorted(busiest, key=lambda queue: queue.name)
    ]
