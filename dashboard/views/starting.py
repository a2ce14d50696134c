"""The form of a definition, and starting it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from dashboard import access, acting
from dashboard.forms import start_form
from dashboard.presenters.definitions import definition_card, prose
from dashboard.views.pages import page_context
from workflows import operations, registry
from workflows.errors import InvalidInput, InvalidWorkflowId, PayloadError, UnknownDefinition, WorkflowConflict


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def start(request: HttpRequest, name: str) -> HttpResponse:
    """The form of a definition, and starting it."""
    if not access.may_start(request.user, name):
        if request.method == "POST":
            acting.refuse(request, "start", "definition", name, acting.NOT_THEIRS)
        raise PermissionDenied
    try:
        definition = registry.get(name)
    except UnknownDefinition:
        raise Http404 from None
    form = start_form(definition)(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            started = operations.start(
                name, kwargs=form.arguments(), workflow_id=form.cleaned_data["workflow_id"] or None,
                by=request.user.get_username(),
            )  # fmt: skip
            if not acting.may_be_answered(request.user, started):
                raise WorkflowConflict(acting.ID_TAKEN)
        except InvalidWorkflowId as refused:
            form.add_error("workflow_id", str(refused))
        except WorkflowConflict:  # whose own text tells the input of the other one
            form.add_error("workflow_id", acting.ID_TAKEN)
        except (InvalidInput, PayloadError) as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("dashboard:workflow", started.id)
    context = page_context(request, "definitions")
    context |= {"definition": definition_card(definition), "prose": prose(definition), "form": form}
    return render(request, "dashboard/start.html", context, status=422 if form.errors else 200)
