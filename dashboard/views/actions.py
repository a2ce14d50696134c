"""What people do: each is a resource that is posted. Parse, authorise, one call into `operations`, redirect."""

from __future__ import annotations

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from dashboard import access
from dashboard.forms import CancellationForm, MessageForm, start_form
from dashboard.presenters.definitions import definition_card, prose
from dashboard.views.pages import page_context, visible_workflow
from workflows import operations, registry
from workflows.errors import (
    InvalidInput,
    InvalidWorkflowId,
    PayloadError,
    TransitionRefused,
    UnknownDefinition,
    WorkflowConflict,
)


@require_POST
@login_required
def cancellation(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Stop a workflow for good, with a reason."""
    _authorise(request, "cancel", workflow_id)
    form = CancellationForm(request.POST)
    if not form.is_valid():
        notices.error(request, f"Not cancelled: {_first_error(form)}")
        return redirect("dashboard:workflow", workflow_id)
    try:
        operations.cancel(workflow_id, by=request.user.get_username(), reason=form.cleaned_data["reason"])
    except TransitionRefused as refused:
        notices.warning(request, str(refused))
    return redirect("dashboard:workflow", workflow_id)


@require_POST
@login_required
def messages(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Put a message into a workflow's inbox."""
    _authorise(request, "send", workflow_id)
    form = MessageForm(request.POST)
    if not form.is_valid():
        notices.error(request, f"Not sent: {_first_error(form)}")
        return redirect("dashboard:workflow", workflow_id)
    topic, body = form.cleaned_data["topic"], form.cleaned_data["message"]
    try:
        operations.send(workflow_id, topic, body, by=request.user.get_username())
    except (TransitionRefused, PayloadError) as refused:
        notices.error(request, f"Not sent: {refused}")
    else:
        notices.success(request, f"Message sent to “{topic}”.")
    return redirect("dashboard:workflow", workflow_id)


def _authorise(request: HttpRequest, action: str, workflow_id: str) -> None:
    """Raises Http404 for a workflow that this person may not see, PermissionDenied for an action they may not take."""
    row = visible_workflow(request, workflow_id)
    if not access.can(request.user, action, row):
        raise PermissionDenied


def _first_error(form: CancellationForm | MessageForm) -> str:
    name, errors = next(iter(form.errors.items()))
    return f"{name}: {errors[0]}"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def start(request: HttpRequest, name: str) -> HttpResponse:
    """The form of a definition, and starting it."""
    if not access.can(request.user, "start"):
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
        except (InvalidWorkflowId, WorkflowConflict) as refused:
            form.add_error("workflow_id", str(refused))
        except (InvalidInput, PayloadError) as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("dashboard:workflow", started.id)
    context = page_context(request, "definitions")
    context |= {"definition": definition_card(definition), "prose": prose(definition), "form": form}
    return render(request, "dashboard/start.html", context, status=422 if form.errors else 200)
