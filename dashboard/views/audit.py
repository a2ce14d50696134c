"""The audit list: who asked for what, and what came of it; as a page and as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, exports
from dashboard.audit_forms import AuditForm
from dashboard.exports import Document
from dashboard.filters import seq_of
from dashboard.forms import first_error
from dashboard.presenters.audit import shown
from dashboard.presenters.times import iso_utc
from dashboard.views.pages import page_context
from workflows import audit
from workflows.audit import Place, Wanted

ROWS, ROWS_OF_A_PART = 100, 2_000
COLUMNS = (
    "id", "at", "who", "account", "action", "target_kind", "target", "made", "result", "refusal", "detail", "reason",
    "address", "carrier",
)  # fmt: skip


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The list, latest first, narrowed by what the address says."""
    _require(request)
    form = AuditForm(request.GET)
    trouble = "" if form.is_valid() else first_error(form)
    before, after = (_place(request.GET.get(name, "")) for name in ("before", "after"))
    found = audit.page(form.wanted(), before=before, after=after, limit=ROWS)
    said = {name: text for name in form.fields if (text := request.GET.get(name, "").replace("\x00", ""))}
    context = page_context(request, "audit")
    context |= {
        "rows": [shown(row) for row in found.rows],
        "said": said,
        "trouble": trouble,
        "actions": audit.actions(),
        "newer": found.newer and _address(said, after=found.newer),
        "older": found.older and _address(said, before=found.older),
        "paged": bool(before or after),
        "narrowed": _address(said),
    }
    return render(request, "dashboard/audit.html", context, status=422 if trouble else 200)


@require_safe
@never_cache
@login_required
def export(request: HttpRequest, ending: str) -> HttpResponseBase:
    """All that the address narrows the list to, as a file."""
    _require(request)
    if ending not in exports.KINDS:
        raise Http404
    form = AuditForm(request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('dashboard:audit')}?{request.GET.urlencode()}")
    return exports.streamed(request, "audit", ending, COLUMNS, _parts(form.wanted()))


def _parts(wanted: Wanted) -> Iterator[Iterator[Document]]:
    place: Place | None = None
    while True:
        found = audit.page(wanted, before=place, limit=ROWS_OF_A_PART)
        yield map(audit.document, found.rows)
        if found.older is None:
            return
        place = found.older


def _require(request: HttpRequest) -> None:
    if not access.can(request.user, "view_audit"):
        raise PermissionDenied


def _address(said: dict[str, str], **places: Place) -> str:
    return "?" + urlencode({**said, **{name: f"{iso_utc(place.at)}~{place.id}" for name, place in places.items()}})


def _place(text: str) -> Place | None:
    """The place in the list that an address names; None for what is none."""
    moment, _, number = text.partition("~")
    entry = seq_of(number)
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return Place(at, entry) if at.tzinfo is not None and entry is not None else None
