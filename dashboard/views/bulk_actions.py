"""Bulk actions, under way and past ones: how far they are, what came of each workflow, and stopping them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard import access, acting, exports
from dashboard.filters import seq_of
from dashboard.presenters.bulk import RESULT_COLUMNS, Account, account, result
from dashboard.presenters.times import iso_utc
from dashboard.views.pages import page_context
from workflows import bulk
from workflows.models import BulkAction, BulkOutcome, Workflow

PAGE_ROWS = 50
SHOWN = 100  # workflows of each outcome; the files have all


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every bulk action, newest first."""
    return render(request, "dashboard/bulk.html", _list_context(request))


@require_safe
@never_cache
@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    """The table again, for a page that is open."""
    return render(request, "dashboard/bulk/_table.html", _list_context(request))


def _list_context(request: HttpRequest) -> dict[str, Any]:
    _require_view(request)
    number = min(seq_of(request.GET.get("page", "")) or 1, 1_000)
    first = (number - 1) * PAGE_ROWS
    latest = access.visible_bulk_actions(request.user).order_by("-created_at", "-id")
    found = list(latest[first : first + PAGE_ROWS + 1])
    return page_context(request, "bulk", live=True) | {
        "rows": [_shown(account(action)) for action in found[:PAGE_ROWS]],
        "page_number": number,
        "older": number + 1 if len(found) > PAGE_ROWS else None,
        "newer": number - 1,
    }


@require_safe
@never_cache
@login_required
def action(request: HttpRequest, action_id: UUID) -> HttpResponse:
    """One of them. With `back`, it comes from the list, whose selection it carries out."""
    context = _context(request, action_id)
    context |= {"back": request.GET.get("back", ""), "is_from_list": "back" in request.GET}
    return render(request, "dashboard/bulk_action.html", context)


@require_safe
@never_cache
@login_required
def action_fragment(request: HttpRequest, action_id: UUID) -> HttpResponse:
    """How far it is, for a page that is open."""
    return render(request, "dashboard/bulk/_state.html", _context(request, action_id))


@require_safe
@never_cache
@login_required
def results(request: HttpRequest, action_id: UUID, ending: str) -> HttpResponse:
    """What came of each, as a file."""
    found = _found(request, action_id)
    if ending not in exports.KINDS:
        raise Http404
    name = f"{found.verb}-{found.created_at:%Y-%m-%d-%H%M%S}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    told = [result(found.verb, row) for row in _outcomes(request, found)]
    text = exports.whole(ending, RESULT_COLUMNS, told)
    return HttpResponse(text, content_type=exports.KINDS[ending], headers=headers)


@require_POST
@never_cache
@login_required
def abort(request: HttpRequest, action_id: UUID) -> HttpResponse:
    """Leave alone what was not asked for yet."""
    found = _found(request, action_id)
    acting.require(request, account(found).right, "abort", "bulk action", str(found.pk))
    if bulk.abort(found.pk, by=request.user.get_username()):
        notices.success(request, "Stopped. What is done stays done.")
    else:
        notices.warning(request, "It had ended already.")
    return redirect("dashboard:bulk_action", found.pk)


def _context(request: HttpRequest, action_id: UUID) -> dict[str, Any]:
    found = _found(request, action_id)
    outcomes = _outcomes(request, found)
    told = account(found)
    parts = [
        ("refused", "Refused", found.refused),
        ("done", told.done_word.capitalize(), found.done),
        ("left", "Not asked for yet" if found.ended_at is None else "Not asked for", found.left),
    ]
    return page_context(request, "bulk", live=True) | _shown(told) | {
        "parts": [
            {"outcome": name, "title": title, "count": count, "rows": list(outcomes.filter(outcome=name)[:SHOWN])}
            for name, title, count in parts
            if count
        ],
        "may_abort": found.ended_at is None and access.can(request.user, told.right),
        "left_ids": _left_ids(request, found),
        "shown": SHOWN,
    }  # fmt: skip


def _left_ids(request: HttpRequest, found: BulkAction) -> list[str]:
    """What a stopped one can be gone on with."""
    if found.ended_at is None or not found.left:
        return []
    return list(_outcomes(request, found).filter(outcome=BulkOutcome.LEFT).values_list("workflow_id", flat=True))


def _outcomes(request: HttpRequest, found: BulkAction) -> QuerySet[BulkOutcome]:
    """In the order of the selection, without the workflows that this person may not see.

    One that is gone cannot be looked at any more: who began the action knows of it, and who may delete such.
    """
    order = found.outcomes.order_by("place")
    seen = access.visible_workflows(request.user)
    shown = Q(workflow_id__in=seen.values("id"))
    if found.by == request.user.get_username() or access.can(request.user, "delete"):
        shown |= ~Q(workflow_id__in=Workflow.objects.values("id"))
    return order.filter(shown)


def _found(request: HttpRequest, action_id: UUID) -> BulkAction:
    _require_view(request)
    return get_object_or_404(access.visible_bulk_actions(request.user), pk=action_id)


def _require_view(request: HttpRequest) -> None:
    if not access.can(request.user, "view"):
        raise PermissionDenied


def _shown(told: Account) -> dict[str, Any]:
    """What the templates show of one."""
    return {
        "account": told,
        "pace": told.pace(timezone.now()),
        "action": told.action,
        "created_at": iso_utc(told.action.created_at),
        "ended_at": told.action.ended_at and iso_utc(told.action.ended_at),
    }
