"""What the palette finds on the server: ids, definitions, queues and schedules, each for those who may see them."""

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

from dashboard import access, overviews
from dashboard.filters import ListFilter, storable
from dashboard.listings import listing
from workflows import registry, schedules

MOST = 8  # of each kind
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
    for name in _having(wanted, registry.names()):
        address = f"{reverse('dashboard:workflows')}?{ListFilter(definition=name).query}"
        yield {"kind": "Definitions", "text": name, "note": "its workflows", "address": address}


def _starts(request: HttpRequest, wanted: str) -> Iterator[Found]:
    if not access.can(request.user, "start"):
        return
    for line in _having(wanted, [f"Start {name}" for name in registry.names()]):
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


_FINDERS = (_workflows, _definitions, _starts, _queues, _schedules)
