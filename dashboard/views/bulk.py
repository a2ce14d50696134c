"""One verb for many workflows: what is selected becomes a fixed set, is confirmed, and then asked for one by one."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard import access
from dashboard.bulk_forms import BulkForm, ResultForm, SelectionForm
from dashboard.filters import ListFilter
from dashboard.forms import first_error
from dashboard.listings import Listing, listing
from dashboard.presenters.bulk import BULK_VERBS, MOST, BulkVerb, Plan, Report, as_csv, as_json_lines, plan
from dashboard.views.listing import PAGE_ROWS
from dashboard.views.pages import page_context
from workflows import bulk, ids
from workflows.bulk import Outcome
from workflows.errors import WorkflowNotFound
from workflows.models import Workflow

SECONDS = 20  # what is not asked for by then is left, and said to be left
_REMEMBERED = 20  # confirmations that were carried out already, per session
_DONE = "bulk_done"


@require_safe
@never_cache
@login_required
def matching(request: HttpRequest) -> HttpResponse:
    """What a filter matches now, newest first: the fixed set that the page selects. `more`: these are not all.

    With `first`, only as many as the first page of the list has.
    """
    if not access.can(request.user, "view"):
        raise PermissionDenied
    page = _matching(request, request.GET, PAGE_ROWS if "first" in request.GET else MOST)
    rows = [{"id": row.id, "status": row.status, "pinned": row.pinned} for row in page.rows]
    return JsonResponse({"workflows": rows, "more": page.is_part})


def _matching(request: HttpRequest, query: QueryDict, limit: int = MOST) -> Listing:
    return listing(ListFilter.from_query(query), access.visible_workflows(request.user), limit=limit)


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
        page = _matching(request, QueryDict(form.cleaned_data["filter"]))
        selected = [row.id for row in page.rows]
        if page.is_part:
            notices.warning(request, f"More match than that: these are the newest {len(selected):,}.")
    if not selected or len(selected) > MOST:
        notices.warning(request, _no_such_number(asked, len(selected)))
        return _to_the_list(request)
    return _confirm(request, plan(asked, _visible(request, selected), len(selected)))


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
        "nonce": secrets.token_urlsafe(16),
        "needs_reason": planned.verb.needs_reason(len(planned.rows)),
        "form": form,
        "back": request.POST.get("back", ""),
    }
    return render(request, "dashboard/bulk_confirmation.html", context, status=422 if form else 200)


@require_POST
@never_cache
@login_required
def execution(request: HttpRequest, verb: str) -> HttpResponse:
    """Ask for the verb for each workflow of the confirmed set, and say what came of each."""
    asked = _permitted(request, verb)
    form = BulkForm(request.POST, verb=asked)
    if not form.is_valid():
        if "ids" in form.errors or "nonce" in form.errors:
            notices.error(request, f"Nothing is done: {first_error(form)}")
            return _to_the_list(request)
        selected = form.cleaned_data["ids"]
        return _confirm(request, plan(asked, _visible(request, selected), len(selected)), form)
    context = page_context(request, "workflows") | {"verb": asked, "back": request.POST.get("back", "")}
    if not _is_first(request, form.cleaned_data["nonce"]):
        return render(request, "dashboard/bulk_repeated.html", context, status=409)
    report = _carry_out(request, asked, form)
    context |= {"report": report, "left_ids": json.dumps(report.left), "lines": json.dumps(report.lines)}
    return render(request, "dashboard/bulk_result.html", context)


@require_POST
@never_cache
@login_required
def results(request: HttpRequest, verb: str, ending: str) -> HttpResponse:
    """What a result page says, as a file. It is the page's own words: nothing is kept of a result."""
    asked = _permitted(request, verb)
    make, kind = _FILES.get(ending, (None, ""))
    form = ResultForm(request.POST)
    if make is None or not form.is_valid():
        raise Http404
    name = f"{asked.name}-{timezone.now():%Y-%m-%d-%H%M%S}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(make(asked.name, form.cleaned_data["lines"]), content_type=kind, headers=headers)


_FILES = {"csv": (as_csv, "text/csv; charset=utf-8"), "jsonl": (as_json_lines, "application/x-ndjson; charset=utf-8")}


def _carry_out(request: HttpRequest, verb: BulkVerb, form: BulkForm) -> Report:
    """Bounded in time: what nobody was asked for is left, and so it is when the database goes away meanwhile."""
    selected = form.cleaned_data["ids"]
    visible = {row.id for row in _visible(request, selected)}
    outcomes = [Outcome(each, False, str(WorkflowNotFound(each))) for each in selected if each not in visible]
    wanted = [each for each in selected if each in visible]
    name = "cancel_tree" if verb.name == "cancel" and form.cleaned_data["tree"] else verb.name
    told = {"by": request.user.get_username(), "reason": form.cleaned_data["reason"]}
    until, asked, trouble = time.monotonic() + SECONDS, 0, ""
    try:
        for outcome in bulk.apply(name, wanted, **told):
            outcomes.append(outcome)
            asked += 1
            if time.monotonic() > until:
                break
    except DatabaseError as error:
        cause, _, _ = str(error).partition("\n")
        trouble = f"The database did not answer: {cause}"
    return Report(verb, outcomes, wanted[asked:], trouble)


def _permitted(request: HttpRequest, name: str) -> BulkVerb:
    """Raises Http404 for no verb, PermissionDenied for whom may not see workflows, or not do this to any."""
    verb = BULK_VERBS.get(name)
    if verb is None:
        raise Http404
    if not (access.can(request.user, "view") and access.can(request.user, verb.right)):
        raise PermissionDenied
    return verb


def _visible(request: HttpRequest, selected: Iterable[str]) -> list[Workflow]:
    """Those of the selected that exist and that this person may see, in the order of the selection."""
    order = {workflow_id: place for place, workflow_id in enumerate(selected) if ids.is_possible(workflow_id)}
    found = access.visible_workflows(request.user).filter(pk__in=order).only("id", "definition", "status", "pinned")
    return sorted(found, key=lambda row: order[row.id])


def _is_first(request: HttpRequest, nonce: str) -> bool:
    """Whether this confirmation was not carried out before: a reload of its result must not do it again."""
    carried_out: list[str] = request.session.get(_DONE, [])
    if nonce in carried_out:
        return False
    request.session[_DONE] = [*carried_out, nonce][-_REMEMBERED:]
    request.session.save()  # before it is done, which takes its time
    return True


def _to_the_list(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("back", "")
    return redirect(reverse("dashboard:workflows") + (f"?{QueryDict(back).urlencode()}" if back else ""))
