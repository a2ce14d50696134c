"""Inputs, outputs and values: as a tree to fold open, and as they are stored."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.filters import seq_of
from dashboard.presenters.tree import as_it_is, tree
from dashboard.views.pages import visible_workflow
from workflows import queries, registry

PARTS = ("input", "output", "step", "value")
_LARGEST_POSITION = 2**31


@require_safe
@never_cache
@login_required
def payload(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """One payload: a file with the stored JSON, or with `view=tree` what the page shows of it."""
    row = visible_workflow(request, workflow_id)
    of, key = request.GET.get("of", ""), request.GET.get("key", "").replace("\x00", "")
    position = seq_of(request.GET.get("position", "")) or 0
    if of not in PARTS or position >= _LARGEST_POSITION:
        raise Http404
    lens, text = access.lens(request.user, row), queries.payload_text(row.id, of, position=position, key=key)
    if text is not None:
        text = lens.value_text(key, text) if of == "value" else lens.payload_text(of, text)
    if request.GET.get("view") == "tree":
        shape = partial(registry.arguments_by_name, row.definition) if of == "input" else as_it_is
        shown = None if text is None else tree(text, shape, whole=True)
        return render(request, "dashboard/workflow/_tree.html", {"tree": shown})
    if text is None:
        raise Http404
    name = "-".join(part for part in (slugify(row.id)[:80], of, slugify(key), str(position or "")) if part)
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return HttpResponse(text, content_type="application/json", headers=headers)
