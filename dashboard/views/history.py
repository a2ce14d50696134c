"""The history of one workflow, part by part, for the list on its page; and one event as it is stored."""

from __future__ import annotations

from dataclasses import asdict

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.filters import chosen_events, seq_of
from dashboard.presenters import history
from dashboard.views.pages import HISTORY_ROWS, visible_workflow
from workflows.history import Part, event_text, heads, one_moment, part_after, part_before


@require_safe
@never_cache
@login_required
def part(request: HttpRequest, workflow_id: str) -> JsonResponse:
    """The rows that are nearest before, or after, an event, and from where to where they are all there are.

    `until` is where the history ends for this reader: whoever looks at the past reads nothing beyond.
    """
    lens = access.lens(request.user, visible_workflow(request, workflow_id))
    before, after, until = (seq_of(request.GET.get(name, "")) for name in ("before", "after", "until"))
    chosen = chosen_events(request.GET)
    with one_moment():  # else the rows may be those of a workflow made anew meanwhile
        head = heads([workflow_id]).get(workflow_id)
        if head is None:
            raise Http404
        newest = min(head.seq, until or head.seq)
        if after is not None and before is None:
            found = part_after(workflow_id, min(after, newest), chosen, limit=HISTORY_ROWS, newest=newest, lens=lens)
        else:
            place = min(before or newest + 1, newest + 1)
            found = part_before(workflow_id, place, chosen, limit=HISTORY_ROWS, lens=lens)
    return JsonResponse({"epoch": head.epoch, **_wire(found)})


def _wire(found: Part) -> dict[str, object]:
    return {"first": found.first, "last": found.last, "rows": [asdict(row) for row in history.rows(found.entries)]}


@require_safe
@never_cache
@login_required
def event(request: HttpRequest, workflow_id: str, seq: int) -> HttpResponse:
    """One event as the database has it: every digit of every number."""
    lens = access.lens(request.user, visible_workflow(request, workflow_id))
    text = event_text(workflow_id, seq, lens)
    if text is None:
        raise Http404
    return HttpResponse(text, content_type="application/json")
