"""The live stream over HTTP: Server-Sent Events for one workflow, and polls. Translates; asks `streams` and `polling`.

Nothing here asks the database in a thread of the request: each of those would open a connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from dashboard import access, decoding, polling, protocol
from dashboard.decoding import BadMessage
from dashboard.fanout import Fanout, fanout
from dashboard.protocol import LIMITS, CloseCode
from dashboard.seats import TooMany
from dashboard.streams import Stream

RETRY_AFTER = "5"  # seconds, for who has too many connections, or while the database is away
_View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]
_NOT_STORED = {"Cache-Control": "no-store"}


class _Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, content: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.content = status, content


def _refusing(view: _View) -> _View:
    """Scripts ask here, so a refusal is JSON: a close code of the socket, or what is wrong."""

    @wraps(view)
    async def answered(request: HttpRequest, **arguments: str) -> HttpResponseBase:
        headers = _NOT_STORED
        try:
            return await view(request, **arguments)
        except _Refusal as refusal:
            status, content = refusal.status, refusal.content
        except BadMessage as error:
            status, content = 400, {"error": str(error)}
        except TooMany as error:
            status, content = 429, {"code": CloseCode.TOO_MANY, "error": str(error)}
            headers = {**headers, "Retry-After": RETRY_AFTER}
        except DatabaseError:
            status, content = 503, {"error": "The database is away; come back."}
            headers = {**headers, "Retry-After": RETRY_AFTER}
        return JsonResponse(content, status=status, headers=headers)

    return answered


@login_not_required  # asks for itself, and answers scripts, not people
@require_GET
@_refusing
async def stream(request: HttpRequest, workflow_id: str) -> HttpResponseBase:
    """Follow one workflow as Server-Sent Events. Unknown and forbidden ones are answered alike."""
    if "Origin" in request.headers:  # which browsers leave out when a page of ours asks
        _require_our_page(request)
    hub, at = fanout(), _place(request)
    admission = await _admission(hub, request)
    if await hub.reads.head(admission.user, workflow_id) is None:
        raise _Refusal(404, {"error": protocol.UNKNOWN_WORKFLOW})
    hub.seats.ask(admission.credential.user_id)
    return StreamingHttpResponse(
        Stream(hub, admission, workflow_id, at),
        content_type="text/event-stream",
        headers={**_NOT_STORED, "X-Accel-Buffering": "no"},
    )


@csrf_exempt  # a foreign page is refused by its origin, as at the socket
@login_not_required
@require_POST
@_refusing
async def poll(request: HttpRequest) -> HttpResponseBase:
    """What is new on several topics, once."""
    _require_our_page(request)
    wanted = decoding.decode_poll(_body(request))
    hub = fanout()
    admission = await _admission(hub, request)
    if not admission.may_watch:
        raise _Refusal(403, {"code": CloseCode.FORBIDDEN})
    with hub.seats.taken(admission.credential.user_id):
        frames = await polling.answer(hub.reads, hub.overviews, admission, wanted)
    return HttpResponse(protocol.answer(frames), content_type="application/json", headers=_NOT_STORED)


def _require_our_page(request: HttpRequest) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers.items()]
    if not access.page_may_connect(headers, request.scheme or "http"):
        raise _Refusal(403, {"code": CloseCode.FORBIDDEN})


async def _admission(hub: Fanout, request: HttpRequest) -> access.Admission:
    admission = await hub.reads.admission(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
    if admission is None:
        raise _Refusal(401, {"code": CloseCode.SIGNED_OUT})
    return admission


def _place(request: HttpRequest) -> protocol.Cursor | None:
    """Where the client stands. A client that comes back says it by the header."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("at")
    return decoding.decode_place(given) if given else None


def _body(request: HttpRequest) -> str:
    announced = request.headers.get("Content-Length", "")
    too_big = announced.isdigit() and int(announced) > LIMITS["client_message_bytes"]
    if too_big or len(request.body) > LIMITS["client_message_bytes"]:
        raise _Refusal(413, {"code": CloseCode.TOO_BIG})
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise BadMessage(f"not UTF-8: {error}") from error
