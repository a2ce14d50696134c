"""Who acts through this site, and from where: what the audit list is told of each request."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware

from dashboard import access
from workflows import audit, bulk, ids, queries
from workflows.audit import Carrier, Origin
from workflows.errors import DuplicateWorkflow, WorkflowConflict, WorkflowNotFound
from workflows.models import BulkAction, Workflow

API = "/api/"
BULK_SECONDS = 1.0  # of the request; whatever is left by then is carried on with behind it
NOT_THEIRS = "They may not do this."
NOT_SEEN = "There is no such workflow, or it is not theirs to see."
MANY = "what was selected"  # the target of a verb for many, before it is known which they are
ID_TAKEN = "A workflow of this id exists already, of another definition or with other input. Choose another id."
TREE_NOT_THEIRS = "something below it goes on that is not yours to cancel. Cancel it without its children."

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotTheirs(ValueError):
    """Something that this person may not do to all that it would be done to."""


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


def require_tree(request: HttpRequest, workflow_id: str) -> None:
    """Raises NotTheirs if this person may not cancel all that goes on below a workflow; the audit list has it."""
    if _reaching_too_far(request.user, [workflow_id]):
        refuse(request, "cancel", "workflow", workflow_id, TREE_NOT_THEIRS)
        raise NotTheirs(TREE_NOT_THEIRS)


def _reaching_too_far(user: access.Visitor, roots: Collection[str]) -> set[str]:
    """Those of these below which something goes on that this person may not cancel: all of a tree ends, or nothing."""
    below = queries.active_descendants(roots)
    refused = access.refused(user, "cancel", {one for descendants in below.values() for one in descendants})
    return {root for root, descendants in below.items() if refused.intersection(descendants)}


def actable(user: access.Visitor, right: str, selected: Collection[str]) -> list[Workflow]:
    """Those of these workflows that exist and that this person may see and do this to, in their order."""
    order = {workflow_id: place for place, workflow_id in enumerate(selected) if ids.is_possible(workflow_id)}
    found = access.visible_workflows(user).filter(pk__in=order).defer("input", "output", "error")
    return sorted((row for row in found if access.allows(user, right, row)), key=lambda row: order[row.id])


def may_be_answered(user: access.Visitor, started: Workflow) -> bool:
    """Whether a start may be answered with this workflow, which may have been there already with the same input.

    Who guesses inputs would learn by that what they may not read; also of a fork of theirs, or of a schedule's start.
    """
    is_given = started.forked_from_id is None and started.schedule is None
    if started.created_by == user.get_username() and is_given:
        return True
    return access.can(user, "view", started) and access.lens(user, started).reads_whole_payloads


def told(user: access.Visitor, refusal: Exception) -> str:
    """Why something was refused, without what this person may not know of another workflow."""
    if isinstance(refusal, DuplicateWorkflow) and access.refused(user, "view", [refusal.workflow_id]):
        return refusal.brief
    return refusal.brief if isinstance(refusal, WorkflowConflict) else str(refusal)


def refusals(user: access.Visitor, right: str, selected: Collection[str], *, tree: bool) -> dict[str, str]:
    """Why this person may not do this to some of these workflows, by id. What they do not see, there is not."""
    theirs = {row.id for row in actable(user, right, selected)}
    found = {each: str(WorkflowNotFound(each)) for each in selected if each not in theirs}
    return found | dict.fromkeys(_reaching_too_far(user, theirs) if tree else (), TREE_NOT_THEIRS)


def begin_bulk(
    user: access.Visitor, action_id: UUID, verb: str, right: str, selected: Sequence[str], *, tree: bool, reason: str
) -> BulkAction:
    """Begin a verb for these workflows, or return the action that has the id already, which may be somebody else's.

    Few are done by the end of this. Of many the rest goes on by itself, whoever looks or does not.
    """
    told = {"by": user.get_username(), "reason": reason}
    name = "cancel_tree" if tree else verb
    action = bulk.begin(action_id, name, selected, refused=refusals(user, right, selected, tree=tree), **told)
    if action.by == told["by"] and not bulk.carry_on(action.pk, seconds=BULK_SECONDS):
        transaction.on_commit(bulk.carry_on_in_background)
    return action


def refuse(request: HttpRequest, action: str, kind: str, target: str, why: str) -> None:
    """Write that this person was refused something, before anything was tried."""
    audit.refused(action, kind, target, by=request.user.get_username(), why=why)
