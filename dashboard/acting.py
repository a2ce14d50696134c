"""Who acts through this site, and from where: what the audit list is told of each request."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware

from dashboard import access
from workflows import audit
from workflows.audit import Carrier, Origin
from workflows.models import Workflow

API = "/api/"
NOT_THEIRS = "They may not do this."
NOT_SEEN = "There is no such workflow, or it is not theirs to see."

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest) -> str:
    """Whose machine asks."""
    return address_of(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_of(peer: str, forwarded: str) -> str:
    """Whose machine asks, as far as the machines before ours can be believed; empty if it has no address.

    X-Forwarded-For is anybody's to write. So it is read from its end, and only for as long as what it was told by is
    one of TRUSTED_PROXIES; `unix` there means whoever connects by a socket in the file system.
    """
    told = [part.strip() for part in forwarded.split(",") if part.strip()]
    nearest = _address(peer)
    is_trusted = _is_trusted(nearest) if nearest else not peer and "unix" in settings.TRUSTED_PROXIES
    while told and is_trusted:
        further = _address(told.pop())
        if further is None:
            break  # what a proxy of ours says it does not know; nobody further away knows better
        nearest, is_trusted = further, _is_trusted(further)
    return str(nearest or "")


def _address(text: str) -> _Address | None:
    """The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _is_trusted(address: _Address) -> bool:
    networks = (ipaddress.ip_network(each) for each in settings.TRUSTED_PROXIES if each != "unix")
    return any(address in network for network in networks)


def _origin(request: HttpRequest) -> Origin:
    if request.path.startswith(reverse("admin:index")):
        carrier = Carrier.ADMIN
    else:
        carrier = Carrier.API if request.path_info.startswith(API) else Carrier.PAGE
    return Origin(carrier, client_address(request), getattr(request.user, "pk", None))


@sync_and_async_middleware
def acting_middleware(get_response: Any) -> Any:
    """What is done while a request is answered was asked for by it."""

    def asked_by(request: HttpRequest) -> Callable[[], Origin]:
        return lambda: _origin(request)

    async def middleware_async(request: HttpRequest) -> Any:
        with audit.asked_through(asked_by(request)):
            return await get_response(request)

    def middleware(request: HttpRequest) -> Any:
        with audit.asked_through(asked_by(request)):
            return get_response(request)

    return middleware_async if iscoroutinefunction(get_response) else middleware


def require(
    request: HttpRequest, right: str, action: str, kind: str, target: str, workflow: Workflow | None = None
) -> None:
    """Raises PermissionDenied unless this person has the right, to this workflow or at all; the audit list has it."""
    if not access.can(request.user, right, workflow):
        refuse(request, action, kind, target, NOT_THEIRS)
        raise PermissionDenied


def refuse(request: HttpRequest, action: str, kind: str, target: str, why: str) -> None:
    """Write that this person was refused something, before anything was tried."""
    audit.refused(action, kind, target, by=request.user.get_username(), why=why)
