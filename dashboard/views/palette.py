"""What the palette finds: ids, views, definitions, queues, schedules and bulk actions, for those who may see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypedDict

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, overviews, saved_views
from dashboard.filters import ListFilter, storable
from dashboard.listings import listing
from dashboard.presenters.bulk import account
from workflows import registry, schedules

MOST = 8  # of each kind
_LATEST = 100  # bulk actions
_RIGHTS = ("view", "start", "view_queues", "view_schedules")  # any of them finds something


class Found(TypedDict):
    """One line of the palette: under which head, what it says, what stands beside it, and where it leads."""

    kind: str
    text: str
    note: str
    address: str


@require_safe
@never_cache
@login_required
def found(request: HttpRequest) -> JsonResponse:
    """What has the asked text in its name, or begins with it where that is an id. A few of each kind.

    Raises PermissionDenied for whom there is nothing to find.
    """
    if not any(access.can(request.user, right) for right in _RIGHTS):
        raise PermissionDenied
    wanted = storable(request.GET.get("q", ""))
    lines = [line for find in _FINDERS for line in islice(find(request, wanted), MOST)] if wanted else []
    return JsonResponse({"found": lines})


def _workflows(request: HttpRequest, wanted: str) -> Iterator[Found]:
    if not access.can(request.user, "view"):
        return
    visible, audience = access.visible_workflows(request.user), access.audience(request.user)
    for row in listing(ListFilter(search=wanted), visible, audience, limit=MOST).rows:
        address = reverse("dashboard:workflow", args=[row.id])
        yield {"kind": "Workflows", "text": row.id, "note": f"{row.definition}, {row.status}", "address": address}


def _definitions(request: HttpRequest, wanted: str) -> Iterator[Found]:
    if not access.can(request.user, "view"):
        return
    for name in islice(_having(wanted, registry.names()), MOST // 2):
        address = reverse("dashboard:definition", args=[name])
        yield {"kind": "Definitions", "text": name, "note": "how often, how long", "address": address}
        address = f"{reverse('dashboard:workflows')}?{ListFilter(definition=name).query}"
        yield {"kind": "Definitions", "text": f"Workflows of {name}", "note": "", "address": address}


def _views(request: HttpRequest, wanted: str) -> Iterator[Found]:
    if not access.can(request.user, "view"):
        return
    for shown in saved_views.visible(int(request.user.pk or 0)):
        if wanted.casefold() in shown.view.name.casefold():
            note = "" if shown.is_own else f"shared by {shown.view.owner}"
            address = f"{reverse('dashboard:workflows')}?{shown.view.query}"
            yield {"kind": "Views", "text": shown.view.name, "note": note, "address": address}


def _bulk(request: HttpRequest, wanted: str) -> Iterator[Found]:
    """By who asked, or why: of the latest ones."""
    for action in access.visible_bulk_actions(request.user).order_by("-created_at", "-id")[:_LATEST]:
        told = account(action)
        text = f"{told.verb} {action.total:,} by {action.by or 'nobody'}"
        if wanted.casefold() in f"{text} {action.reason}".casefold():
            address = reverse("dashboard:bulk_action", args=[action.pk])
            yield {"kind": "Bulk", "text": text, "note": action.reason, "address": address}


def _starts(request: HttpRequest, wanted: str) -> Iterator[Found]:
    names = [name for name in registry.names() if access.may_start(request.user, name)]
    for line in _having(wanted, [f"Start {name}" for name in names]):
        address = reverse("dashboard:start", args=[line.removeprefix("Start ")])
        yield {"kind": "Start", "text": line, "note": "", "address": address}


def _queues(request: HttpRequest, wanted: str) -> Iterator[Found]:
    if not access.can(request.user, "view_queues"):
        return
    for name in _having(wanted, [row.name for row in overviews.queue_rows()]):
        address = reverse("dashboard:queue", args=[name])
        yield {"kind": "Queues", "text": name, "note": "", "address": address}


def _schedules(request: HttpRequest, wanted: str) -> Iterator[Found]:
    if not access.can(request.user, "view_schedules"):
        return
    for schedule in schedules.everything().filter(name__icontains=wanted)[:MOST]:
        address = reverse("dashboard:schedule", args=[schedule.name])
        yield {"kind": "Schedules", "text": schedule.name, "note": schedule.definition, "address": address}


def _having(wanted: str, names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if wanted.casefold() in name.casefold())


_FINDERS = (_workflows, _views, _definitions, _starts, _queues, _schedules, _bulk)
