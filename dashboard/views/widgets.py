"""The pages of widgets: which there are, making one, changing and revoking it, and what to paste where."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard import access, acting, widget_rows, widgets
from dashboard.models import NAME_LENGTH, Scope, Widget
from dashboard.presenters import snippets
from dashboard.views.embeds import WIDTH, height, newest_script
from dashboard.views.pages import page_context
from dashboard.widget_forms import WidgetForm, initial
from dashboard.widget_rows import Refused, Subject


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every widget that this person sees."""
    _require(request)
    found = widget_rows.visible(request.user)
    context = page_context(request, "widgets") | {"widgets": found, "at": timezone.now()}
    return render(request, "dashboard/widgets.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def creation(request: HttpRequest) -> HttpResponse:
    """The form, prefilled with what it was asked for from; and what it makes."""
    _require(request, "embed", request.GET.get("of", ""))
    what = _subject(request)
    offered = widget_rows.offered_keys(request.user, what)
    if request.method == "POST":
        form = WidgetForm(request.POST, offered=offered)
        if form.is_valid():
            made = _kept(form, lambda: widget_rows.make(request.user, what, form.wish))
            if made is not None:
                notices.success(request, f"“{made.name}” is ready; copy what your page takes.")
                return redirect("dashboard:widget", made.pk)
    else:
        form = WidgetForm(initial={"name": _suggested(what), "connection_limit": 1_000}, offered=offered)
    return _form_page(request, form, what, offered, None)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def widget(request: HttpRequest, widget_id: int) -> HttpResponse:
    """One of them, with what to paste, and its change."""
    row = _row(request, widget_id, "change")
    try:
        what = widget_rows.subject_of(request.user, row)
    except Refused:
        what = Subject(Scope(row.scope), row.subject, row.view, "")  # what it shows is gone; it can still be revoked
    offered = widget_rows.offered_keys(request.user, what)
    if request.method == "POST":
        form = WidgetForm(request.POST, offered=offered, widget=row)
        if form.is_valid() and _kept(form, lambda: widget_rows.change(request.user, row, form.wish)) is not None:
            notices.success(request, "Changed; open pages follow within seconds.")
            return redirect("dashboard:widget", row.pk)
    else:
        form = WidgetForm(initial=initial(row), offered=offered, widget=row)
    return _form_page(request, form, what, offered, row)


@require_POST
@login_required
def revocation(request: HttpRequest, widget_id: int) -> HttpResponse:
    """For ever."""
    row = _row(request, widget_id, "revoke")
    widget_rows.revoke(request.user, row)
    notices.success(request, f"“{row.name}” is revoked. Pages that show it lose it within seconds.")
    return redirect("dashboard:widgets")


@require_safe
@never_cache
@login_required
def preview(request: HttpRequest) -> HttpResponse:
    """What a widget as the form says would show now: for the element on the page of the form."""
    _require(request)
    what = _subject(request)
    offered = widget_rows.offered_keys(request.user, what)
    chosen = set(request.GET.getlist("keys"))
    sketch = Widget(
        name=request.GET.get("name", "")[:NAME_LENGTH] or _suggested(what),
        scope=what.scope, subject=what.subject, view=what.view, made_by_id=int(request.user.pk or 0),
        keys=[one.key for one in offered if one.is_public and one.key in chosen],
    )  # fmt: skip
    return JsonResponse(widgets.state(sketch) or {"status": "none", "words": "Nothing to see", "label": sketch.name})


def _require(request: HttpRequest, action: str = "", target: str = "") -> None:
    """Whoever may not, and asks to act, is in the audit list."""
    if request.method == "POST":
        acting.require(request, "manage_widgets", action, "widget", target)
    elif not access.can(request.user, "manage_widgets"):
        raise PermissionDenied


def _row(request: HttpRequest, widget_id: int, action: str) -> Widget:
    _require(request, action, str(widget_id))
    try:
        return widget_rows.get(request.user, widget_id)
    except Widget.DoesNotExist:
        raise Http404 from None


def _subject(request: HttpRequest) -> Subject:
    try:
        return widget_rows.subject(request.user, request.GET.get("scope", ""), request.GET.get("of", ""))
    except Refused:
        raise Http404 from None


def _kept(form: WidgetForm, act: Any) -> Widget | None:
    """What the act made; None if it was refused, which the form then says."""
    try:
        made: Widget = act()
    except Refused as refused:
        form.add_error(None, str(refused))
        return None
    return made


def _suggested(what: Subject) -> str:
    return what.view.name if what.view else what.definition


def _form_page(
    request: HttpRequest, form: WidgetForm, what: Subject, offered: list[widget_rows.OfferedKey], row: Widget | None
) -> HttpResponse:
    context = page_context(request, "widgets") | {
        "form": form,
        "what": what,
        "of": str(what.view.pk) if what.view else what.subject,
        "hidden_keys": [one.key for one in offered if not one.is_public],
        "widget": row,
        "at": timezone.now(),
        "is_over": row is not None and _is_over(row),
        "snippets": _snippets(request, row) if row and not _is_over(row) else [],
    }
    return render(request, "dashboard/widget.html", context, status=400 if form.errors else 200)


def _is_over(row: Widget) -> bool:
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= timezone.now())


def _snippets(request: HttpRequest, row: Widget) -> list[snippets.Snippet]:
    token = widgets.token(row)

    def address(name: str, *parts: str) -> str:
        return request.build_absolute_uri(reverse(f"embed:{name}", args=parts))

    frame, (digest, integrity) = address("page", token), newest_script()
    return snippets.snippets(
        row.name,
        token,
        script=address("script"),
        edition=address("edition", digest),
        integrity=integrity,
        frame=frame,
        iframe=snippets.iframe(frame, row.name, WIDTH, height(Scope(row.scope))),
        badge=address("badge", token),
        document=address("document", token),
        shields=address("shields", token),
        wallboard=address("wallboard", token),
    )
