"""A shop in two pages: place an order, pay for it. Async, because the first waits for an event of its workflow."""

from __future__ import annotations

import secrets
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from examples.forms import OrderForm, PaymentForm
from examples.workflows.checkout import checkout as checkout_workflow
from workflows.durable import TransitionRefused, WorkflowConflict, WorkflowHandle, WorkflowNotFound, retrieve, send

PAYMENT_URL_SECONDS = 10.0
_TABLES = ("queue", "schedule", "worker")


@require_http_methods(["GET", "POST"])
@login_required
@permission_required("workflows.start_workflow", raise_exception=True)
async def checkout(request: HttpRequest) -> HttpResponse:
    """Show the order form; place an order and go on to its payment page."""
    form = OrderForm(request.POST if request.method == "POST" else None, initial={"order_id": secrets.token_hex(4)})
    if not form.is_valid():
        return await _shop(request, form, status=422 if form.is_bound else 200)
    order = form.order()
    starter = checkout_workflow.using(workflow_id=f"order-{order['id']}")
    try:
        handle = await sync_to_async(starter.start)(order)
    except WorkflowConflict:
        form.add_error("order_id", "This order number is taken by an order with other items. Choose another number.")
        return await _shop(request, form, status=409)
    return HttpResponseRedirect(await _next_page(handle))


@sync_to_async
def _shop(request: HttpRequest, form: OrderForm, *, status: int) -> HttpResponse:
    """Rendered in a thread: the frame asks the database who is signed in, and what that person may do."""
    return render(request, "examples/checkout.html", {"form": form, **_frame(request)}, status=status)


def _frame(request: HttpRequest) -> dict[str, Any]:
    """What the console's frame around every page asks for."""
    may_view = {f"can_view_{table}s": request.user.has_perm(f"workflows.view_{table}") for table in _TABLES}
    return may_view | {
        "can_start": request.user.has_perm("workflows.start_workflow"),
        "can_view_totals": request.user.has_perm("workflows.view_workflow"),
        "can_view_audit": request.user.has_perm("workflows.view_audit"),
        "can_manage_widgets": request.user.has_perm("dashboard.manage_widgets"),
    }


async def _next_page(handle: WorkflowHandle[str]) -> str:
    """The payment page as soon as the workflow publishes it; the console's page if it does not do so in time."""
    url = await handle.aget_event("payment_url", type=str, timeout=PAYMENT_URL_SECONDS)
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else _console_page(handle.id)


def _console_page(workflow_id: str) -> str:
    return reverse("dashboard:workflow", kwargs={"workflow_id": workflow_id})


@require_http_methods(["GET", "POST"])
@login_required
@permission_required("workflows.send_message", raise_exception=True)
def pay(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Stands for a payment provider: shows what is to be paid, and sends the outcome to the workflow."""
    try:
        handle = retrieve(workflow_id)
    except WorkflowNotFound as error:
        raise Http404("No such order.") from error
    values = handle.values()
    if "payment_url" not in values:
        raise Http404("This workflow asks for no payment.")
    form = PaymentForm(request.POST or None)
    problem = _send_payment(handle, form) if request.method == "POST" else ""
    if request.method == "POST" and not problem:
        return HttpResponseRedirect(_console_page(workflow_id))
    context = {
        "order_id": workflow_id,
        "total": values["total"].value if "total" in values else "",
        "status": values["status"].value if "status" in values else "",
        "console": _console_page(workflow_id),
        "nonce": secrets.token_hex(16),
        "problem": problem,
        **_frame(request),
    }
    return render(request, "examples/pay.html", context, status=409 if problem else 200)


def _send_payment(handle: WorkflowHandle[str], form: PaymentForm) -> str:
    """Returns why the payment could not be delivered, or nothing."""
    if not form.is_valid():
        return "The form was incomplete. Load the page again."
    payment = {"outcome": form.cleaned_data["outcome"], "amount": form.cleaned_data["amount"]}
    try:
        send(handle.id, "payment", payment, idempotency_key=form.cleaned_data["nonce"])
    except TransitionRefused:
        return f"This order is closed ({handle.status()}); nothing was charged."
    return ""
