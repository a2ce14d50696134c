"""The page of saved views, and what their owners do there."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard import access, saved_views, widget_rows
from dashboard.forms import PlaceForm, SavedViewForm, first_error
from dashboard.models import SavedView
from dashboard.saved_views import Refused
from dashboard.views.listing import EVERYTHING
from dashboard.views.pages import page_context


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every view that this person may use."""
    return _rendered(request, "dashboard/views.html")


@require_safe
@never_cache
@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    """The table again, for a page that is open."""
    return _rendered(request, "dashboard/views/_table.html")


def _rendered(request: HttpRequest, template: str) -> HttpResponse:
    _require(request)
    found = saved_views.visible(_person(request))
    may_embed = widget_rows.embeddable([shown.view for shown in found], request.user)
    context = page_context(request, "workflows", live=True) | {"views": found, "may_embed": may_embed}
    return render(request, template, context)


@require_POST
@login_required
def creation(request: HttpRequest) -> HttpResponse:
    """Keep what the list shows under a name."""
    _require(request)
    form, query = SavedViewForm(request.POST), request.POST.get("query", "")

    def act() -> HttpResponse:
        made = saved_views.save(_person(request), query=query, by=_name(request), **form.cleaned_data)
        notices.success(request, f"Saved as “{made.name}”.")
        return redirect(f"{reverse('dashboard:workflows')}?{made.query or EVERYTHING}")

    return _done(request, "Not saved", act, form)


@require_POST
@login_required
def change(request: HttpRequest, view_id: int) -> HttpResponse:
    """Another name, or shared or not."""
    _require(request)
    form = SavedViewForm(request.POST)

    def act() -> HttpResponse:
        made = saved_views.change(_person(request), view_id, by=_name(request), **form.cleaned_data)
        notices.success(request, f"“{made.name}” is {'shared' if made.shared else 'yours alone'}.")
        return redirect("dashboard:views")

    return _done(request, "Not changed", act, form)


@require_POST
@login_required
def place(request: HttpRequest, view_id: int) -> HttpResponse:
    """Earlier or later among one's own."""
    _require(request)
    form = PlaceForm(request.POST)

    def act() -> HttpResponse:
        if form.is_valid():
            saved_views.move(_person(request), view_id, form.cleaned_data["by"])
        return redirect("dashboard:views")

    return _done(request, "Not moved", act)


@require_POST
@login_required
def deletion(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget it."""
    _require(request)

    def act() -> HttpResponse:
        gone = saved_views.delete(_person(request), view_id, by=_name(request))
        notices.success(request, f"“{gone}” is deleted.")
        return redirect("dashboard:views")

    return _done(request, "Not deleted", act)


@require_POST
@login_required
def default(request: HttpRequest) -> HttpResponse:
    """Let the list open with a view, or with everything."""
    _require(request)
    chosen = request.POST.get("view", "")
    if chosen and not (chosen.isascii() and chosen.isdigit() and len(chosen) < 10):
        raise Http404

    def act() -> HttpResponse:
        saved_views.open_with(_person(request), int(chosen) if chosen else None)
        return redirect("dashboard:views")

    return _done(request, "Not changed", act)


def _require(request: HttpRequest) -> None:
    if not access.can(request.user, "view"):
        raise PermissionDenied


def _person(request: HttpRequest) -> int:
    """Whose views these are; `_require` has let nobody through who has no account."""
    return int(request.user.pk or 0)


def _name(request: HttpRequest) -> str:
    return request.user.get_username()


def _done(
    request: HttpRequest, failure: str, act: Callable[[], HttpResponse], form: Form | None = None
) -> HttpResponse:
    """What the act answers, if the form is in order. What somebody else owns is answered as what is not there."""
    if form is not None and not form.is_valid():
        notices.error(request, f"{failure}: {first_error(form)}")
        return redirect("dashboard:views")
    try:
        return act()
    except SavedView.DoesNotExist:
        raise Http404 from None
    except Refused as refused:
        notices.error(request, f"{failure}: {refused}")
        return redirect("dashboard:views")
