"""/healthz, /readyz and /metrics: for machines, reserved before anything else of a request is looked at.

Who asks is often an address, not a name of ours, knows neither https nor a session, and must be answered while the
database hangs. So `config.middleware` sends these paths here before the checks of host, scheme and sign-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.crypto import constant_time_compare

from dashboard import fanout, metrics, readiness

_Probe = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]]
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _probe(view: _Probe) -> _Probe:
    @wraps(view)
    async def answered(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = await view(request)
        for name, value in _HEADERS.items():
            response[name] = value
        return response

    return answered


@_probe
async def alive(request: HttpRequest) -> HttpResponse:
    """This process answers. Asks nothing of anybody."""
    return HttpResponse("ok\n", content_type="text/plain")


@_probe
async def ready(request: HttpRequest) -> HttpResponse:
    """Whether this process can serve: 200, or 503; with `?strict` also 503 for what is only degraded.

    What is amiss and how to cure it is for staff and for who has the token.
    """
    found, trusted = await asyncio.gather(readiness.readiness(), _is_trusted(request))
    good = found.status == "ready" or (found.status == "degraded" and "strict" not in request.GET)
    content = found.as_json() if trusted else {"status": found.status}
    return JsonResponse(content, status=200 if good else 503, json_dumps_params={"indent": 2})


@_probe
async def scrape(request: HttpRequest) -> HttpResponse:
    """Prometheus' text, for who has the token; without a token in the settings there is no such page."""
    if not settings.MONITORING_TOKEN:
        return HttpResponse("Set MONITORING_TOKEN to have metrics.\n", status=404, content_type="text/plain")
    if not _has_token(request):
        return HttpResponse(
            "Authorization: Bearer with MONITORING_TOKEN, please.\n",
            status=401, content_type="text/plain", headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
        )  # fmt: skip
    page = await readiness.page()
    text, content_type = metrics.encoded(page, request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=content_type)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = settings.MONITORING_TOKEN
    return bool(expected) and scheme.lower() == "bearer" and constant_time_compare(given.strip(), expected)


async def _is_trusted(request: HttpRequest) -> bool:
    """Whether it has the token or is signed in as staff. A database that hangs knows nobody."""
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if _has_token(request) or not session_key:
        return _has_token(request)
    try:
        asked = fanout.fanout().reads.admission(session_key)
        admission = await asyncio.wait_for(asked, readiness.ANSWER_WITHIN)
    except (TimeoutError, DatabaseError, InterfaceError):
        return False
    return admission is not None and admission.user.is_staff


PATHS: dict[str, _Probe] = {"/healthz": alive, "/readyz": ready, "/metrics": scrape}
