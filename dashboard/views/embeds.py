"""What widgets are to pages elsewhere: the script, the frame, badges, JSON, oEmbed and the wallboard. Only for tokens.

Nobody is signed in here, no cookie is read or set, and nothing acts. Whatever is wrong with a token is answered alike.
Nothing asks the database in a thread of the request, as in `views.live`.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Coroutine
from functools import cache, wraps
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from dashboard import access, acting, widgets
from dashboard.broadcasts import broadcasts, frame, gone
from dashboard.models import Scope
from dashboard.presenters import badges
from dashboard.presenters.snippets import iframe
from dashboard.viewers import MESSAGE_BYTES, BadMessage, admitted, decode
from dashboard.widgets import Shown

RETRY_AFTER = "30"  # seconds
WIDTH = 360  # of a frame, in pixels
_SCRIPT = "embed/telltale.js"
_HEIGHTS = {Scope.VIEW: 480}
_HEIGHT = 160
_UNKNOWN = {"error": "This token opens nothing here."}
_THEMES = {"light": "light", "dark": "dark"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
_View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


def _limited(view: _View) -> _View:
    """So many requests of one address, and none that is stored, refers to where it came from, or is listed."""

    @login_not_required
    @wraps(view)
    async def answered(request: HttpRequest, **arguments: str) -> HttpResponseBase:
        try:
            found = (
                await view(request, **arguments)
                if broadcasts().rates.allows(acting.client_address(request))
                else _later(429, "Too many requests.")
            )
        except DatabaseError:
            found = _later(503, "The database is away; come back.")
        found.headers.setdefault("Cache-Control", "no-store")
        found.headers["Referrer-Policy"] = "no-referrer"
        found.headers["X-Robots-Tag"] = "noindex"
        return found

    return answered


def _later(status: int, why: str) -> HttpResponse:
    return JsonResponse({"error": why}, status=status, headers={"Retry-After": RETRY_AFTER})


class _Script(NamedTuple):
    """One edition of the element. integrity: as a page says which it wants."""

    text: bytes
    packed: bytes
    digest: str
    integrity: str


@cache
def _scripts() -> dict[str, _Script]:
    """Each edition by its digest, the newest first; pages that name an earlier one go on to load that."""
    newest = Path(str(finders.find(_SCRIPT)))
    found = [newest, *sorted((newest.parent / "earlier").glob("*.js"))]
    return {made.digest: made for made in map(_edition, found)}


def _edition(file: Path) -> _Script:
    text = file.read_bytes()
    integrity = base64.b64encode(hashlib.sha384(text).digest()).decode()
    return _Script(text, gzip.compress(text, mtime=0), hashlib.sha256(text).hexdigest()[:20], f"sha384-{integrity}")


def newest_script() -> tuple[str, str]:
    """The digest that its address has, and the integrity that a page may ask for."""
    newest = next(iter(_scripts().values()))
    return newest.digest, newest.integrity


@login_not_required
@require_safe
async def script(request: HttpRequest) -> HttpResponseBase:
    """The element, for any page. One address for all of version 1: what is put right reaches pages within minutes."""
    return _sent(request, next(iter(_scripts().values())), "public, max-age=300")


@login_not_required
@require_safe
async def edition(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Exactly this one, for pages that check what they load: kept for ever, and never put right."""
    found = _scripts().get(digest)
    if found is None:
        return HttpResponse("There is no such edition.", status=404, content_type="text/plain")
    return _sent(request, found, "public, max-age=31536000, immutable")


def _sent(request: HttpRequest, edition: _Script, keep: str) -> HttpResponseBase:
    text, packed, etag = edition.text, edition.packed, f'"{edition.digest}"'
    wants = "gzip" in request.headers.get("Accept-Encoding", "")
    headers = {
        "Cache-Control": keep,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Accept-Encoding",
        "ETag": etag,
        **({"Content-Encoding": "gzip"} if wants else {}),
    }
    found = HttpResponse(packed if wants else text, content_type="text/javascript; charset=utf-8", headers=headers)
    return get_conditional_response(request, etag=etag, response=found) or found


@require_safe
@_limited
async def page(request: HttpRequest, token: str) -> HttpResponseBase:
    """The widget in a frame. Which pages may hold it says its row; that of an unknown one says nothing to anybody."""
    shown = await broadcasts().look(token)
    found = _rendered(request, "dashboard/embed.html", token, shown)
    holders = ["*"] if shown is None else ["'self'", *shown.widget.origins]
    found.headers["Content-Security-Policy"] = f"{_POLICY}; frame-ancestors {' '.join(holders)}"
    found.xframe_options_exempt = True  # the policy above says it better
    return found


@require_safe
@_limited
async def wallboard(request: HttpRequest, token: str) -> HttpResponseBase:
    """The widget on a whole screen, for weeks."""
    return _rendered(request, "dashboard/wallboard.html", token, await broadcasts().look(token))


def _rendered(request: HttpRequest, template: str, token: str, shown: Shown | None) -> HttpResponse:
    asked = urlencode({"format": "json", "url": request.build_absolute_uri(request.path)})
    context = {
        "token": token,
        "shown": shown,
        "page": widgets.page_pass(shown.widget.pk) if shown else "",
        "origins": " ".join(shown.widget.origins) if shown else "",
        "oembed": f"{request.build_absolute_uri(reverse('embed:oembed'))}?{asked}",
        "theme": _THEMES.get(request.GET.get("theme", ""), "auto"),
    }
    return HttpResponse(render_to_string(template, context), status=200 if shown else 404)


@csrf_exempt  # it acts on nothing, and knows nobody
@require_POST
@_limited
async def states(request: HttpRequest) -> HttpResponseBase:
    """What the socket says, once, where no socket gets through. A page reads only what it is admitted to."""
    origin = request.headers.get("Origin", "")
    try:
        if len(request.body) > MESSAGE_BYTES:
            raise BadMessage("too long")
        _, tokens, page_pass = decode(request.body.decode())
    except ValueError as error:  # UnicodeDecodeError is one, too
        return JsonResponse({"error": str(error)}, status=400)
    frames = [await _frame(request, token, origin, page_pass) for token in tokens]
    text = f'{{"frames":[{",".join(frames)}]}}'
    headers = {"Access-Control-Allow-Origin": origin or "*", "Vary": "Origin"}
    return HttpResponse(text, content_type="application/json", headers=headers)


async def _frame(request: HttpRequest, token: str, origin: str, page_pass: str) -> str:
    found = await admitted(broadcasts(), token, origin, page_pass, ours=_is_ours(request))
    return frame(token, found) if found else gone(token)


def _is_ours(request: HttpRequest) -> bool:
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in request.headers.items()]
    return access.page_may_connect(headers, request.scheme or "http", quiet=True)


@require_safe
@_limited
async def badge(request: HttpRequest, token: str) -> HttpResponseBase:
    """The picture: for images, whose requests name no origin. Never one that is missing."""
    shown = await broadcasts().look(token)
    return _kept_by_etag(request, badges.svg(shown and shown.state), "image/svg+xml")


@require_safe
@_limited
async def shields(request: HttpRequest, token: str) -> HttpResponseBase:
    """The same for shields.io."""
    shown = await broadcasts().look(token)
    return _kept_by_etag(request, _json(badges.shields(shown and shown.state)), "application/json")


def _kept_by_etag(request: HttpRequest, text: str, content_type: str) -> HttpResponseBase:
    """Who keeps it must ask each time, and is told in few bytes that it is the same. Proxies of images obey that."""
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'
    headers = {"Cache-Control": "no-cache, max-age=0", "ETag": etag, "Access-Control-Allow-Origin": "*"}
    found = HttpResponse(text, content_type=content_type, headers=headers)
    found.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return get_conditional_response(request, etag=etag, response=found) or found


def _json(content: dict[str, Any]) -> str:
    return JsonResponse(content).content.decode()


@require_safe
@_limited
async def document(request: HttpRequest, token: str) -> HttpResponseBase:
    """The state itself, for programs, and for pages of an origin that the widget names."""
    origin, shown = request.headers.get("Origin", ""), await broadcasts().look(token)
    if shown is not None and origin and not (_is_ours(request) or widgets.admits(shown.widget, origin)):
        shown = None
    headers = {"Access-Control-Allow-Origin": origin or "*", "Vary": "Origin", "Cache-Control": "no-cache"}
    return JsonResponse(shown.state if shown else _UNKNOWN, status=200 if shown else 404, headers=headers)


@require_safe
@_limited
async def oembed(request: HttpRequest) -> HttpResponseBase:
    """The frame for who pastes an address: of a frame, a badge or a wallboard of this site."""
    if request.GET.get("format", "json") != "json":
        return JsonResponse({"error": "Only format=json is known."}, status=501)
    address = _split(request.GET.get("url", ""))
    token = widgets.TOKEN.search(address.path) if address and address.netloc == request.get_host() else None
    shown = await broadcasts().look(token[0] if token else "")
    if shown is None or token is None:
        return JsonResponse(_UNKNOWN, status=404)
    size = (_most(request, "maxwidth", WIDTH), _most(request, "maxheight", height(Scope(shown.widget.scope))))
    content = {
        "version": "1.0",
        "type": "rich",
        "title": shown.widget.name,
        "provider_name": "Telltale",
        "provider_url": request.build_absolute_uri("/"),
        "cache_age": 3600,
        "width": size[0],
        "height": size[1],
        "html": iframe(request.build_absolute_uri(reverse("embed:page", args=[token[0]])), shown.widget.name, *size),
    }
    return JsonResponse(content, headers={"Access-Control-Allow-Origin": "*"})


def _split(address: str) -> Any:
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _most(request: HttpRequest, name: str, wanted: int) -> int:
    given = request.GET.get(name, "")
    return min(wanted, int(given)) if given.isascii() and given.isdigit() and 0 < len(given) < 6 else wanted


def height(scope: Scope) -> int:
    """Of a frame before it has said how high it is, in pixels."""
    return _HEIGHTS.get(scope, _HEIGHT)
