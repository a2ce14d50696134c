"""One verb for many workflows: what is selected becomes a fixed set, is confirmed, and begins as a bulk action."""

from __future__ import annotations

import json
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard import access, acting, listings
from dashboard.bulk_forms import BulkForm, SelectionForm
from dashboard.filters import ListFilter
from dashboard.forms import first_error
from dashboard.presenters.bulk import BULK_VERBS, MOST, BulkVerb, Plan, plan
from dashboard.views.listing import PAGE_ROWS
from dashboard.views.pages import page_context


@require_safe
@never_cache
@login_required
def matching(request: HttpRequest) -> HttpResponse:
    """What a filter matches now, newest first: the fixed set that the page selects. `more`: these are not all.

    With `first`, only as many as the first page of the list has.
    """
    if not access.can(request.user, "view"):
        raise PermissionDenied
    ids, more = _matching(request, request.GET, PAGE_ROWS if "first" in request.GET else MOST)
    found = access.visible_workflows(request.user).filter(pk__in=ids).values("id", "status", "pinned")
    rows = {row["id"]: row for row in found}
    return JsonResponse({"workflows": [rows[each] for each in ids if each in rows], "more": more})


def _matching(request: HttpRequest, query: QueryDict, limit: int = MOST) -> tuple[list[str], bool]:
    visible = access.visible_workflows(request.user)
    return listings.matching(ListFilter.from_query(query), visible, access.audience(request.user), limit)


@require_POST
@never_cache
@login_required
def confirmation(request: HttpRequest, verb: str) -> HttpResponse:
    """What the verb would do to the selected workflows. Changes nothing."""
    asked = _permitted(request, verb)
    form = SelectionForm(request.POST)
    if not form.is_valid():
        notices.error(request, f"Nothing is done: {first_error(form)}")
        return _to_the_list(request)
    selected = list(dict.fromkeys([*form.cleaned_data["ids"], *request.POST.getlist("id")]))
    if form.cleaned_data["matching"]:
        selected, more = _matching(request, QueryDict(form.cleaned_data["filter"]))
        if more:
            notices.warning(request, f"More match than that: these are the newest {len(selected):,}.")
    if not selected or len(selected) > MOST:
        notices.warning(request, _no_such_number(asked, len(selected)))
        return _to_the_list(request)
    return _confirm(request, plan(asked, acting.actable(request.user, asked.right, selected), len(selected)))


def _no_such_number(verb: BulkVerb, count: int) -> str:
    if not count:
        return "No workflow is selected: tick those that are meant."
    return (
        f"{count:,} workflows are selected, and a page takes {MOST:,} at once. Select fewer, or use the shell: "
        f"manage.py workflow {verb.name} --status … --definition …"
    )


def _confirm(request: HttpRequest, planned: Plan, form: BulkForm | None = None) -> HttpResponse:
    context = page_context(request, "workflows")
    context |= {
        "plan": planned,
        "ids": json.dumps(planned.ids),
        "action": form.data.get("action", "") if form else uuid4(),
        "needs_reason": planned.verb.needs_reason(len(planned.rows)),
        "form": form,
        "back": request.POST.get("back", ""),
    }
    return render(request, "dashboard/bulk_confirmation.html", context, status=422 if form else 200)


@require_POST
@never_cache
@login_required
def execution(request: HttpRequest, verb: str) -> HttpResponse:
    """Begin the verb for each workflow of the confirmed set, and lead to the page that says how far it is."""
    asked = _permitted(request, verb)
    form = BulkForm(request.POST, verb=asked)
    if not form.is_valid():
        if "ids" in form.errors or "action" in form.errors:
            notices.error(request, f"Nothing is done: {first_error(form)}")
            return _to_the_list(request)
        selected = form.cleaned_data["ids"]
        allowed = acting.actable(request.user, asked.right, selected)
        return _confirm(request, plan(asked, allowed, len(selected)), form)
    given = form.cleaned_data
    tree = asked.name == "cancel" and given["tree"]
    action = acting.begin_bulk(
        request.user, given["action"], asked.name, asked.right, given["ids"], tree=tree, reason=given["reason"]
    )
    back = QueryDict(request.POST.get("back", "")).urlencode()
    return redirect(f"{reverse('dashboard:bulk_action', args=[action.pk])}?{urlencode({'back': back})}")


def _permitted(request: HttpRequest, name: str) -> BulkVerb:
    """Raises Http404 for no verb, PermissionDenied for whom may not see workflows, or not do this to any."""
    verb = BULK_VERBS.get(name)
    if verb is None:
        raise Http404
    for right in ("view", "bulk", verb.right):
        acting.require(request, right, verb.name, "workflow", acting.MANY)
    return verb


def _to_the_list(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("back", "")
    return redirect(reverse("dashboard:workflows") + (f"?{QueryDict(back).urlencode()}" if back else ""))
