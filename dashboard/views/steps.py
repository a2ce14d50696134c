"""The steps of a workflow as a table: what each took, returned in bytes, and raised, and the way to a fork from it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import F, Func, IntegerField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.filters import seq_of
from dashboard.presenters.sentences import error_line
from dashboard.views.pages import page_context, visible_workflow
from workflows.history import wire_time
from workflows.models import Step
from workflows.redaction import Lens

STEPS_ROWS = 200
_LARGEST_POSITION = 2**31 - 1


@require_safe
@never_cache
@login_required
def steps(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """All steps, in the order of the program; those after a position that the address names."""
    row = visible_workflow(request, workflow_id)
    lens = access.lens(request.user, row)
    after = min(seq_of(request.GET.get("after", "")) or 0, _LARGEST_POSITION)
    size = Func(F("output"), template="octet_length((%(expressions)s)::text)", output_field=IntegerField())
    found = Step.objects.filter(workflow_id=row.id, position__gt=after).defer("output").annotate(size=size)
    shown = list(found.order_by("position")[: STEPS_ROWS + 1])
    context = page_context(request, "workflows") | {
        "workflow": row,
        "steps": [_shown(step, lens) for step in shown[:STEPS_ROWS]],
        "paged": after > 0,
        "next": shown[STEPS_ROWS - 1].position if len(shown) > STEPS_ROWS else None,
        "can_fork": access.can(request.user, "fork"),
    }
    return render(request, "dashboard/steps.html", context)


def _shown(step: Any, lens: Lens) -> dict[str, Any]:
    """What the template shows of one; of an output and an error, what may be read."""
    error = lens.error(step.error)
    return {
        "position": step.position,
        "name": step.name,
        "status": step.status,
        "attempt": step.attempt,
        "started_at": wire_time(step.started_at),
        "finished_at": wire_time(step.finished_at),
        "size": step.size if lens.reads_payloads else None,
        "error_line": error_line(error) if error else "",
    }
