"""What people do with a workflow: each is a resource that is posted. Parse, authorise, one call, redirect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard import access, acting
from dashboard.forms import (
    CancellationForm,
    DeletionForm,
    ForkForm,
    MessageForm,
    PinForm,
    ReasonForm,
    RestartForm,
    first_error,
)
from dashboard.presenters.verbs import edited_arguments
from dashboard.views.pages import visible_workflow
from workflows import operations
from workflows.errors import TelltaleError, TransitionRefused

Given = dict[str, Any]


@require_POST
@login_required
def cancellation(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Stop a workflow for good, with a reason; its descendants, too, if wanted."""

    def act(given: Given) -> None:
        if given["tree"]:
            acting.require_tree(request, workflow_id)
        operations.cancel(workflow_id, tree=given["tree"], by=_name(request), reason=given["reason"])

    return _done(request, workflow_id, "cancel", CancellationForm, "Not cancelled", act)


@require_POST
@login_required
def messages(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Put a message into a workflow's inbox."""

    def act(given: Given) -> None:
        operations.send(workflow_id, given["topic"], given["message"], by=_name(request))
        notices.success(request, f"Message sent to “{given['topic']}”.")

    return _done(request, workflow_id, "send", MessageForm, "Not sent", act)


@require_POST
@login_required
def resumption(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Let an ended workflow go on where it was."""

    def act(given: Given) -> None:
        operations.resume(workflow_id, by=_name(request), reason=given["reason"])

    return _done(request, workflow_id, "resume", ReasonForm, "Not resumed", act)


@require_POST
@login_required
def forks(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Start a workflow that has recorded already what this one had before a position."""

    def act(given: Given) -> HttpResponse:
        made = operations.fork(
            workflow_id, given["position"], new_id=given["new_id"] or None, by=_name(request), reason=given["reason"]
        )
        notices.success(request, f"Forked from {workflow_id} at position {given['position']}.")
        return redirect("dashboard:workflow", made.id)

    return _done(request, workflow_id, "fork", ForkForm, "Not forked", act)


@require_POST
@login_required
def restarts(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Start the same definition anew, with edited input if it was edited."""

    def act(given: Given) -> HttpResponse:
        original = visible_workflow(request, workflow_id)
        if given["input"] is not None and not access.lens(request.user, original).reads_whole_payloads:
            raise ValueError("the input is hidden from you, so it can only be taken as it is.")
        args, kwargs = (None, None) if given["input"] is None else edited_arguments(original, given["input"])
        made = operations.restart(
            workflow_id, args=args, kwargs=kwargs, new_id=given["new_id"] or None, by=_name(request),
            reason=given["reason"],
        )  # fmt: skip
        notices.success(request, f"Started anew from {workflow_id}.")
        return redirect("dashboard:workflow", made.id)

    return _done(request, workflow_id, "fork", RestartForm, "Not started anew", act, action="restart")


@require_POST
@login_required
def pin(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Let retention leave a workflow alone, or no longer."""

    def act(given: Given) -> None:
        operations.pin(workflow_id, given["pinned"], by=_name(request), reason=given["reason"])

    return _done(request, workflow_id, "pin", PinForm, "Not changed", act)


@require_POST
@login_required
def deletion(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Remove an ended workflow with its history; its id must be typed."""

    def act(given: Given) -> HttpResponse:
        if given["typed_id"] != workflow_id:
            raise ValueError("the id that was typed is not this workflow's.")
        operations.delete(workflow_id, by=_name(request), reason=given["reason"])
        notices.success(request, f"Workflow {workflow_id} is deleted.")
        return redirect("dashboard:workflows")

    return _done(request, workflow_id, "delete", DeletionForm, "Not deleted", act)


def _done(
    request: HttpRequest, workflow_id: str, right: str, form_class: type[Form], refusal: str,
    act: Callable[[Given], HttpResponse | None], *, action: str = "",
) -> HttpResponse:  # fmt: skip
    """Where to go after the act. What was refused is said there.

    Raises Http404 for a workflow that this person may not see, PermissionDenied for an action they may not take.
    """
    action = action or right
    try:
        workflow = visible_workflow(request, workflow_id)
    except Http404:
        acting.refuse(request, action, "workflow", workflow_id, acting.NOT_SEEN)
        raise
    acting.require(request, right, action, "workflow", workflow_id, workflow)
    form = form_class(request.POST)
    response = None
    if not form.is_valid():
        notices.error(request, f"{refusal}: {first_error(form)}")
    else:
        try:
            response = act(form.cleaned_data)
        except TransitionRefused as refused:
            notices.warning(request, f"{refusal}: {acting.told(request.user, refused)}")
        except (TelltaleError, ValueError) as refused:
            notices.error(request, f"{refusal}: {acting.told(request.user, refused)}")
    return response or redirect("dashboard:workflow", workflow_id)


def _name(request: HttpRequest) -> str:
    return request.user.get_username()
