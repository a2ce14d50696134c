"""The past of one workflow: its state after any event, for the page's scrubber and for links to a moment."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, snapshots
from dashboard.lineage import relatives
from dashboard.views.pages import PLACES, spans_of, visible_workflow
from workflows import queries
from workflows.history import heads, one_moment, pace, wire

STRETCH = 250  # events that a browser folds by itself between two states; static/js/live/moment_store.js knows it
MOST_MARKS = 500


@require_safe
@never_cache
@login_required
def moments(request: HttpRequest, workflow_id: str, seq: int) -> JsonResponse:
    """The state after event `seq` (0: before the first), the events before it that a page shows, and what follows."""
    lens = access.lens(request.user, visible_workflow(request, workflow_id))
    with one_moment():  # what follows must follow this state, not that of a workflow made anew
        moment = snapshots.at(workflow_id, seq, lens.audience)
        after = queries.events_after(workflow_id, seq, STRETCH) if moment else []
    following = [lens.event(wire(event)) for event in after]
    if moment is None:
        raise Http404
    return JsonResponse({"epoch": moment.epoch, "state": moment.state, "before": moment.events, "events": following})


@require_safe
@never_cache
@login_required
def marks(request: HttpRequest, workflow_id: str) -> JsonResponse:
    """The latest events that a reader may want to jump to: `[seq, kind]`, ascending, and how fast it went where.

    `pace` is the time of the event at even places of the whole history: `[seq, at]`, ascending.
    """
    visible_workflow(request, workflow_id)
    head = heads([workflow_id]).get(workflow_id)
    found = queries.landmarks(workflow_id, limit=MOST_MARKS)
    return JsonResponse({"marks": found, "pace": pace(workflow_id, head.seq, PLACES) if head else []})


@require_safe
@never_cache
@login_required
def spans(request: HttpRequest, workflow_id: str) -> JsonResponse:
    """What the timeline shows besides the steps."""
    row = visible_workflow(request, workflow_id)
    return JsonResponse(spans_of(row, row.last_seq, relatives(request.user, row)))
