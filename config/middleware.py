"""Django's middleware, where ours must differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.contrib.auth import middleware
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.views.csrf import csrf_failure

from dashboard.views.probes import PATHS

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FOR_OTHERS = "/embed/state/"
# What no page of ours uses, so that no script that gets in does either.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()" for feature in ("camera", "geolocation", "microphone", "payment", "usb", "browsing-topics")
)


@sync_and_async_middleware
def permissions_policy(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Says on every answer which of the browser's features pages may not use."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponseBase:
            return _with_policy(await get_response(request))

        return answer
    return lambda request: _with_policy(get_response(request))


def _with_policy(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
    return response


@sync_and_async_middleware
def own_site_only(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Refuses what a page of another site would change, whatever cookies and tokens come with it."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponseBase:
            return _refused(request) if _is_foreign(request) else await get_response(request)

        return answer
    return lambda request: _refused(request) if _is_foreign(request) else get_response(request)


def _is_foreign(request: HttpRequest) -> bool:
    """As browsers say it. Programs say nothing; what is for pages of others knows nobody, and acts on nothing."""
    if request.method in _SAFE or request.headers.get("Sec-Fetch-Site") != "cross-site":
        return False
    return request.path_info != _FOR_OTHERS and request.headers.get("Origin") not in settings.CSRF_TRUSTED_ORIGINS


def _refused(request: HttpRequest) -> HttpResponseBase:
    return csrf_failure(request, reason="a page of another site asked")


class LoginRequiredMiddleware(middleware.LoginRequiredMiddleware):
    """Does not look up who asks where nobody needs to sign in.

    Django's looks first, in the request's own thread, on a connection to the database that only this request uses.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        """None lets the view answer."""
        if not getattr(view_func, "login_required", True):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)


@sync_and_async_middleware
def probes(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The first of all: answers /healthz, /readyz and /metrics before host, scheme and sign-in are checked."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponseBase:
            probe = PATHS.get(request.path_info)
            return await (probe or get_response)(request)

        return answer

    def answer_at_once(request: HttpRequest) -> HttpResponseBase:
        probe = PATHS.get(request.path_info)
        return async_to_sync(probe)(request) if probe else get_response(request)

    return answer_at_once
