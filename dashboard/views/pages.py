"""Pages: each reads once through `queries` or `snapshots`, asks presenters, and renders. Complete without scripts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, estimates, snapshots
from dashboard.lineage import children_after, relatives
from dashboard.presenters import charts, curves, history, outlook, values
from dashboard.presenters.outlook import silence, time_left
from dashboard.presenters.sentences import error_line, sentence
from dashboard.presenters.timeline import timeline
from dashboard.presenters.times import iso_utc
from dashboard.presenters.values import payload, previous_values, progress
from dashboard.presenters.verbs import editable_input, fork_positions, verbs
from dashboard.snapshots import Snapshot
from workflows import queries, registry, workers
from workflows.errors import UnknownDefinition
from workflows.history import wire
from workflows.models import Workflow
from workflows.states import Status

HISTORY_ROWS = 200
PEEK_ROWS = 20
CHILDREN_ROWS = 200
_NAVIGATION = ("start", "view_queues", "view_schedules", "view_workers")
SAMPLE = """from workflows.durable import set_event, step, track, workflow

@step(attempts=3)
def resize(photo): ...

@workflow
def album(photos: list):
    for photo in track(photos, "resizing"):   # publishes progress
        resize(photo)
    set_event("url", publish(photos))         # seen at once"""


def page_context(request: HttpRequest, section: str, *, live: bool = False) -> dict[str, Any]:
    """What every page of the console needs."""
    return {
        "section": section,
        "live": live,
        "now": iso_utc(timezone.now()),
        **{f"can_{action}": access.can(request.user, action) for action in _NAVIGATION},
        "sample": SAMPLE,
    }


@require_safe
@never_cache
@login_required
def workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """One workflow. Unknown and forbidden ones are answered alike."""
    row = visible_workflow(request, workflow_id)
    snapshot = snapshots.read(workflow_id)
    if snapshot is None:
        raise Http404
    context = page_context(request, "workflows", live=True)
    moment = _asked_moment(request, snapshot)
    shown, whole = moment or snapshot, "whole" in request.GET
    state, status = shown.state, shown.state["workflow"]["status"]
    at = state["workflow"]["last_event"]["at"] if moment else context["now"]
    ending = _ending(shown)
    context |= {
        "workflow": state["workflow"],
        "moment": moment,
        "at": at,
        "seq": shown.seq,
        "last": snapshot.seq,
        "ahead": snapshot.seq - shown.seq,
        "row": row,
        "obstacle": None if moment else workers.obstacle(row),
        "created_by": row.created_by,
        "relatives": relatives(request.user, row),
        "sentence": sentence(state, at, ending[5] if ending else None),
        "progress": progress(_value(state, "progress"), _value(state, "phase")),
        "outlook": _outlook(row, state, at),
        "values": _shown_values(shown),
        "timeline": timeline(state, at),
        "error_line": error_line(state["workflow"]["error"]) if state["workflow"]["error"] else "",
        "input": payload(_input(row), whole=whole),
        "output": payload(row.output, whole=whole) if status == row.status == Status.SUCCEEDED else None,
        **_verbs(request, row, state),
        **_history(request, shown),
        "page": _page_data(snapshot, moment),
    }
    return render(request, "dashboard/workflow.html", context)


def _shown_values(shown: Snapshot) -> list[dict[str, Any]]:
    """The current values by key; of numbers also the last ones, as far as the latest events have them."""
    numbers = curves.recent(shown.events)
    return [
        {
            "key": key,
            "text": values.brief(value["value"], 2000),
            "at": value["at"],
            "numbers": numbers.get(key, []),
            "line": charts.curve_line(numbers[key]) if key in numbers else "",
            "is_number": curves.number_of(value["value"]) is not None,
        }
        for key, value in sorted(shown.state["values"].items())
    ]


@require_safe
@never_cache
@login_required
def peek(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """The little of a workflow that is shown beside the list: its values and its last events."""
    row = visible_workflow(request, workflow_id)
    snapshot = snapshots.read(workflow_id)
    if snapshot is None:
        raise Http404
    state, now, ending = snapshot.state, iso_utc(timezone.now()), _ending(snapshot)
    rows = history.rows(snapshot.events[-PEEK_ROWS:], previous_values(snapshot.events))
    context = {
        "workflow": state["workflow"],
        "row": row,
        "at": now,
        "sentence": sentence(state, now, ending[5] if ending else None),
        "progress": progress(_value(state, "progress"), _value(state, "phase")),
        "values": _shown_values(snapshot),
        "history": rows[::-1],
        "most": PEEK_ROWS,
        "page": _page_data(snapshot, None),
    }
    return render(request, "dashboard/workflows/_peek.html", context)


def _asked_moment(request: HttpRequest, snapshot: Snapshot) -> Snapshot | None:
    """The workflow after the event that the address names; None: it names none, or the last one. Raises Http404."""
    asked = request.GET.get("seq", "")
    if not asked or asked == str(snapshot.seq):
        return None
    known = asked.isascii() and asked.isdigit() and len(asked) < 19 and int(asked) > 0
    moment = snapshots.at(snapshot.state["workflow"]["id"], int(asked)) if known else None
    if moment is None:
        raise Http404
    return moment


def _ending(shown: Snapshot) -> list[Any] | None:
    """The event that ended the workflow, if it has: it says who and why."""
    status = shown.state["workflow"]["status"]
    return next((event for event in shown.events[::-1] if event[2] == status), None)


def _page_data(snapshot: Snapshot, moment: Snapshot | None) -> dict[str, Any]:
    """What the elements go on from. The history is on the page as text; of its events they need only how it ended."""

    def start(shown: Snapshot) -> dict[str, Any]:
        ending = _ending(shown)
        return {"state": shown.state, "events": [ending] if ending else []}

    return {**start(snapshot), "epoch": snapshot.epoch, "moment": start(moment) if moment else None}


def visible_workflow(request: HttpRequest, workflow_id: str) -> Workflow:
    """The workflow, if this person may see it. Raises Http404 otherwise, whatever the reason."""
    row = access.visible_workflows(request.user).filter(pk=workflow_id).first()
    if row is None:
        raise Http404
    return row


def _verbs(request: HttpRequest, row: Workflow, state: dict[str, Any]) -> dict[str, Any]:
    """What this person may do with it, and what the forms begin with."""
    allowed = {
        f"can_{verb}": access.can(request.user, verb) for verb in ("cancel", "send", "resume", "fork", "pin", "delete")
    }
    positions = fork_positions(state["steps"].values()) if allowed["can_fork"] else []
    editable = editable_input(row) if allowed["can_fork"] else None
    standing = {"verbs": verbs(row.status), "pinned": row.pinned}
    return {**allowed, **standing, "fork_positions": positions, "editable": editable}


def _outlook(row: Workflow, state: dict[str, Any], at: str) -> dict[str, Any]:
    """What is left at that moment, and whether it is silent, by what is usual for its definition. Forks are not."""
    name, workflow = row.definition, state["workflow"]
    usual = None if row.forked_from_id else estimates.usual([name]).get(name)
    usual_silence = estimates.usual_silence([name]).get(name)
    return {
        "usual": outlook.wire(usual),
        "silence": usual_silence,
        "left": time_left(workflow, usual, at, _value(state, "progress")),
        "quiet": silence(workflow, usual_silence, at),
    }


def _value(state: dict[str, Any], key: str) -> Any:
    return state["values"].get(key, {}).get("value")


def _input(row: Workflow) -> Any:
    """The arguments by name; as they were stored, if the definition is gone or takes others by now."""
    args, kwargs = row.arguments
    try:
        return dict(registry.get(row.definition).signature.bind(*args, **kwargs).arguments) if args else kwargs
    except (UnknownDefinition, TypeError):
        return row.input


def _history(request: HttpRequest, snapshot: Snapshot) -> dict[str, Any]:
    """The latest part of the history, or the part before the event that the address names; newest first."""
    before = request.GET.get("before", "")
    paged = before.isascii() and before.isdigit() and len(before) < 19
    workflow_id = snapshot.state["workflow"]["id"]
    events = _events(workflow_id, int(before)) if paged else snapshot.events
    first = events[0][0] if events else 1
    # Looking one part further back finds the value that nearly every change on this part replaced.
    earlier = _events(workflow_id, first) if first > 1 else []
    known = {event[4]: event[5]["value"] for event in earlier if event[2] == "value_set"}
    rows = history.rows(events, previous_values(events, known))
    return {"history": rows[::-1], "history_paged": paged, "history_older": first if first > 1 else None}


def _events(workflow_id: str, before: int) -> list[list[Any]]:
    events = queries.latest_events(workflow_id, limit=HISTORY_ROWS, before=before)
    return [wire(event) for event in events]


@require_safe
@never_cache
@login_required
def relatives_fragment(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """The children and forks again, for a page that is open."""
    row = visible_workflow(request, workflow_id)
    context = {"workflow": row, "relatives": relatives(request.user, row)}
    return render(request, "dashboard/workflow/_relatives.html", context)


@require_safe
@never_cache
@login_required
def obstacle_fragment(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """What keeps workers from it, again, for a page that is open."""
    row = visible_workflow(request, workflow_id)
    return render(request, "dashboard/workflow/_obstacle.html", {"obstacle": workers.obstacle(row)})


@require_safe
@never_cache
@login_required
def children(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """All children, in the order of their start."""
    row = visible_workflow(request, workflow_id)
    wanted = request.GET.get("after", "").replace("\x00", "")
    after = access.visible_workflows(request.user).filter(parent_id=row.id, id=wanted).first() if wanted else None
    found = children_after(request.user, row.id, after, CHILDREN_ROWS + 1)
    context = page_context(request, "workflows")
    context |= {"workflow": row, "children": found[:CHILDREN_ROWS], "paged": after is not None}
    context["next"] = found[CHILDREN_ROWS - 1].id if len(found) > CHILDREN_ROWS else None
    return render(request, "dashboard/children.html", context)
