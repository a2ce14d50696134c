"""Pages: each reads once through `queries` or `snapshots`, asks presenters, and renders. Complete without scripts."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, estimates, snapshots
from dashboard.filters import chosen_events, seq_of
from dashboard.lineage import Relatives, children_after, relatives
from dashboard.presenters import charts, curves, history, outlook, values
from dashboard.presenters import retention as retention_words
from dashboard.presenters.outlook import silence, time_left
from dashboard.presenters.sentences import error_line, sentence
from dashboard.presenters.timeline import phase, timeline
from dashboard.presenters.times import iso_utc
from dashboard.presenters.tree import tree
from dashboard.presenters.values import progress
from dashboard.presenters.verbs import editable_input, fork_positions, verbs
from dashboard.snapshots import Snapshot
from workflows import queries, registry, retention, workers
from workflows.history import STEP_FIELDS, pace, part_before, status_events, wire, wire_time
from workflows.models import Workflow
from workflows.redaction import Lens
from workflows.states import EventKind, Status

HISTORY_ROWS = 200
PEEK_ROWS = 20
CHILDREN_ROWS = 200
MOST_PHASES = 500
PLACES = 200  # of a history, at which its times are looked at
_NAVIGATION = (
    access.VIEW_TOTALS,
    "start",
    "view_queues",
    "view_schedules",
    "view_workers",
    "manage_widgets",
    "view_audit",
)
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
        "can_look_as": access.can(request.user, "view_sensitive"),
        "looks_as": request.session.get(access.SEEN_AS),
        "sample": SAMPLE,
    }


@require_safe
@never_cache
@login_required
def workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """One workflow. Unknown and forbidden ones are answered alike; to whom none is forbidden, with what is known."""
    try:
        row = visible_workflow(request, workflow_id)
    except Http404:
        return _absent(request, workflow_id)
    lens = access.lens(request.user, row)
    snapshot = snapshots.read(workflow_id, lens.audience)
    if snapshot is None:
        raise Http404
    context = page_context(request, "workflows", live=True)
    moment = _asked_moment(request, snapshot, lens)
    shown, whole = moment or snapshot, "whole" in request.GET
    state, status = shown.state, shown.state["workflow"]["status"]
    at = state["workflow"]["last_event"]["at"] if moment else context["now"]
    ending = _ending(shown)
    family = relatives(request.user, row)
    spans = spans_of(row, snapshot.seq, family)
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
        "kept": retention_words.kept(retention.fate(row)) if row.is_terminal and not row.pinned else "",
        "admin_address": reverse("admin:workflows_workflow_change", args=[quote(row.id)]),
        "relatives": family,
        "sentence": sentence(state, at, ending[5] if ending else None),
        "progress": progress(_value(state, "progress"), _value(state, "phase")),
        "outlook": _outlook(row, state, at),
        "values": _shown_values(shown),
        "readers": values.readers(row.definition),
        "timeline": timeline(state, at, **{part: spans[part] for part in ("phases", "events", "children")}),
        "error_line": error_line(state["workflow"]["error"]) if state["workflow"]["error"] else "",
        "lens": lens,
        "input": tree(_text(row, "input", lens), partial(registry.arguments_by_name, row.definition), whole=whole),
        "output": tree(_text(row, "output", lens), whole=whole) if status == row.status == Status.SUCCEEDED else None,
        **_verbs(request, row, state, lens),
        **_history(request, shown, lens),
        "page": {**_page_data(snapshot, moment), "spans": spans},
    }
    return render(request, "dashboard/workflow.html", context)


def _absent(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Why it is not there. Raises Http404 where it may be another's."""
    if not access.can(request.user, access.VIEW_TOTALS):
        raise Http404
    deletion = queries.deletion(workflow_id)
    context = page_context(request, "workflows") | {
        "workflow_id": workflow_id,
        "deleted": deletion and retention_words.deleted(deletion),
        "removed": retention_words.removed(retention.scheduled_rules()),
    }
    return render(request, "errors/absent.html", context, status=404)


def _shown_values(shown: Snapshot) -> list[dict[str, Any]]:
    """The current values by key; of numbers also the last ones, as far as the latest events have them."""
    numbers = curves.recent(shown.events)
    readers = values.readers(shown.state["workflow"]["definition"] or "")
    return [
        {
            "key": key,
            "text": values.brief(value["value"], 2000),
            "at": value["at"],
            "sets": value["sets"],
            "sets_told": values.sets_told(value["sets"]),
            "numbers": numbers.get(key, []),
            "line": charts.curve_line(numbers[key]) if key in numbers else "",
            "is_number": curves.number_of(value["value"]) is not None,
            "readers": readers.get(key),
        }
        for key, value in sorted(shown.state["values"].items())
    ]


@require_safe
@never_cache
@login_required
def peek(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """The little of a workflow that is shown beside the list: its values and its last events."""
    row = visible_workflow(request, workflow_id)
    lens = access.lens(request.user, row)
    snapshot = snapshots.read(workflow_id, lens.audience)
    if snapshot is None:
        raise Http404
    state, now, ending = snapshot.state, iso_utc(timezone.now()), _ending(snapshot)
    part = part_before(workflow_id, snapshot.seq + 1, limit=PEEK_ROWS, lens=lens)
    context = {
        "workflow": state["workflow"],
        "row": row,
        "at": now,
        "sentence": sentence(state, now, ending[5] if ending else None),
        "progress": progress(_value(state, "progress"), _value(state, "phase")),
        "values": _shown_values(snapshot),
        "readers": values.readers(row.definition),
        "history": history.rows(part.entries)[::-1],
        "history_part": part,
        "most": PEEK_ROWS,
        "page": _page_data(snapshot, None),
    }
    return render(request, "dashboard/workflows/_peek.html", context)


def spans_of(row: Workflow, newest: int, family: Relatives) -> dict[str, Any]:
    """What the timeline shows besides the steps: since when it had which status, some of its events, its children.

    As of the event `newest`, whatever has happened since: a page adds what it hears after that one.
    """
    changes = (phase(wire(event)) for event in status_events(row.id, MOST_PHASES) if event.seq <= newest)
    return {
        "seq": newest,
        "phases": [change for change in changes if change is not None],
        "events": [at for _, at in pace(row.id, newest, PLACES)],
        "children": [
            {"id": child.id, "url": reverse("dashboard:workflow", args=[child.id]),
             "definition": child.definition, "status": child.status,
             "created_at": wire_time(child.created_at), "finished_at": wire_time(child.finished_at)}
            for child in family.children
        ],
    }  # fmt: skip


def _asked_moment(request: HttpRequest, snapshot: Snapshot, lens: Lens) -> Snapshot | None:
    """The workflow after the event that the address names; None: it names none, or the last one. Raises Http404."""
    asked = request.GET.get("seq", "")
    if not asked or asked == str(snapshot.seq):
        return None
    seq = seq_of(asked)
    moment = snapshots.at(snapshot.state["workflow"]["id"], seq, lens.audience) if seq else None
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
        ending, steps = _ending(shown), shown.state["steps"].values()
        # The names of their fields once, not ten times for each of thousands.
        rows = [[step[field] for field in STEP_FIELDS] for step in steps]
        state = shown.state | {"steps": {"fields": STEP_FIELDS, "rows": rows}}
        return {"state": state, "events": [ending] if ending else []}

    return {**start(snapshot), "epoch": snapshot.epoch, "moment": start(moment) if moment else None}


def visible_workflow(request: HttpRequest, workflow_id: str) -> Workflow:
    """The workflow, if this person may see it. Raises Http404 otherwise, whatever the reason."""
    # What it was given and what it returned may be large, or nested deeper than can be decoded here.
    row = access.visible_workflows(request.user).defer("input", "output").filter(pk=workflow_id).first()
    if row is None:
        raise Http404
    return row


def _verbs(request: HttpRequest, row: Workflow, state: dict[str, Any], lens: Lens) -> dict[str, Any]:
    """What this person may do with it, and what the forms begin with."""
    allowed = {
        f"can_{verb}": access.allows(request.user, verb, row)
        for verb in ("cancel", "send", "resume", "fork", "pin", "delete")
    }
    asked = seq_of(request.GET.get("fork", ""))
    positions = fork_positions(state["steps"].values(), asked) if allowed["can_fork"] else []
    editable = editable_input(row) if allowed["can_fork"] and lens.reads_whole_payloads else None
    standing = {"verbs": verbs(row.status), "pinned": row.pinned}
    return {**allowed, **standing, "fork_positions": positions, "fork_asked": bool(asked), "editable": editable}


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


def _text(row: Workflow, of: str, lens: Lens) -> str:
    return lens.payload_text(of, queries.payload_text(row.id, of) or "null")


def _history(request: HttpRequest, shown: Snapshot, lens: Lens) -> dict[str, Any]:
    """The latest part of what is chosen of the history, or the part before the event that the address names."""
    before, chosen = seq_of(request.GET.get("before", "")), chosen_events(request.GET)
    workflow_id = shown.state["workflow"]["id"]
    place = min(before, shown.seq + 1) if before else shown.seq + 1
    part = part_before(workflow_id, place, chosen, limit=HISTORY_ROWS, lens=lens)
    terms = urlencode({name: term for name, term in chosen._asdict().items() if term and name != "grouped"})
    return {
        "history": history.rows(part.entries)[::-1],
        "history_part": part,
        "history_paged": bool(before),
        "history_older": "&".join(filter(None, (f"before={part.first}", terms))) if part.first > 1 else "",
        "chosen": chosen,
        "kinds": [(kind.value, history.label(kind)) for kind in EventKind],
    }


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
