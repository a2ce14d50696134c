"""Looking as somebody else: what a viewer, or a widget, would be told, on every page and live, by one's own session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from dashboard import access


@require_POST
@login_required
def viewing(request: HttpRequest) -> HttpResponse:
    """Look as one of `access.VIEWS` from here on, or as oneself again. Only who may view sensitive values begins it."""
    view, is_looking = request.POST.get("as", ""), access.SEEN_AS in request.session
    if not access.can(request.user, "view"):
        raise PermissionDenied
    if view in access.VIEWS and not (is_looking or access.can(request.user, "view_sensitive")):
        raise PermissionDenied
    if view in access.VIEWS:
        request.session[access.SEEN_AS] = view
    else:
        request.session.pop(access.SEEN_AS, None)
    place = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(place, {request.get_host()}, require_https=request.is_secure())
    return redirect(place if is_ours else "dashboard:workflows")


@sync_and_async_middleware
def viewing_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Whoever looks as somebody else is that for each request; asked only where somebody asks who it is."""

    def start(request: HttpRequest) -> None:
        account = request.user
        request.user = SimpleLazyObject(lambda: _looking(request, account))  # type: ignore[assignment]

    async def middleware_async(request: HttpRequest) -> Any:
        start(request)
        return await get_response(request)

    def middleware(request: HttpRequest) -> Any:
        start(request)
        return get_response(request)

    return middleware_async if iscoroutinefunction(get_response) else middleware


def _looking(request: HttpRequest, account: Any) -> Any:
    if account.is_authenticated and access.SEEN_AS in request.session:
        access.see_as(account, request.session[access.SEEN_AS])
    return account
