"""What the resources have in common: the workflow that is meant, as far as its caller may see it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from dashboard import access, acting
from dashboard.api import schemas
from dashboard.api.authentication import Caller, caller_of
from dashboard.api.problems import Problem
from workflows import ids, queries, registry
from workflows.errors import WorkflowNotFound
from workflows.history import wire_time
from workflows.models import Workflow
from workflows.redaction import Lens

SECONDS = 5  # for what one request reads


@contextmanager
def bounded() -> Iterator[None]:
    """The reads in this block see one another's transaction, and are given up when they take too long."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SECONDS}s"])
        yield


def visible(caller: Caller, workflow_id: str) -> Workflow:
    """The workflow. Raises WorkflowNotFound, also for one that the caller may not see."""
    row = access.visible_workflows(caller.user).filter(pk=ids.possible(workflow_id)).first()
    if row is None:
        raise WorkflowNotFound(workflow_id)
    return row


def actable(request: HttpRequest, workflow_id: str, right: str, action: str = "") -> Workflow:
    """The workflow, to which the caller has the right. Raises WorkflowNotFound and Problem, and the audit list has it.

    action: what it is called there, where it is not called as the right.
    """
    caller = caller_of(request)
    try:
        row = visible(caller, workflow_id)
    except WorkflowNotFound:
        acting.refuse(request, action or right, "workflow", workflow_id, acting.NOT_SEEN)
        raise
    if not access.can(caller.user, right, row):
        acting.refuse(request, action or right, "workflow", workflow_id, acting.NOT_THEIRS)
        raise Problem("forbidden", f"The account {caller.name!r} may not do this to this workflow: {right}.")
    return row


def values_of(caller: Caller, rows: Sequence[Workflow], keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """The values of these keys by workflow, as far as the caller may read them; empty where no key is asked about."""
    if not keys:
        return {}
    found = queries.list_values([row.id for row in rows], keys)
    lenses = {row.id: access.lens(caller.user, row) for row in rows}
    return {
        workflow_id: {key: value for key, value in found.get(workflow_id, {}).items() if lens.shows(key)}
        for workflow_id, lens in lenses.items()
    }


def shown(caller: Caller, row: Workflow, values: dict[str, Any] | None = None) -> schemas.Workflow:
    """What a list shows of a workflow."""
    return schemas.Workflow(**_facts(row, access.lens(caller.user, row)), values=values)


def detailed(caller: Caller, row: Workflow) -> schemas.WorkflowDetail:
    """One workflow whole, as far as the caller may read it."""
    lens = access.lens(caller.user, row)
    given = row.input if lens.reads_whole_payloads else registry.arguments_by_name(row.definition, row.input)
    output = None if row.output is None else lens.payload("output", row.output)
    return schemas.WorkflowDetail(
        **_facts(row, lens), input=lens.payload("input", given), output=output, hidden=not lens.reads_whole_payloads
    )


def located(response: HttpResponse, made: schemas.Workflow) -> schemas.Workflow:
    """The workflow, with the address of it in the answer's head."""
    response["Location"] = f"{reverse('dashboard:api:list_workflows')}/{ids.segment(made.id)}"
    return made


def _facts(row: Workflow, lens: Lens) -> dict[str, Any]:
    error = lens.error(row.error)
    failure = error and schemas.Failure(type=str(error.get("type")), message=str(error.get("message")))
    return {
        "id": row.id, "definition": row.definition, "queue": row.queue, "status": row.status, "seq": row.last_seq,
        "priority": row.priority, "pinned": row.pinned, "created_at": wire_time(row.created_at),
        "created_by": row.created_by, "started_at": wire_time(row.started_at),
        "finished_at": wire_time(row.finished_at), "status_at": wire_time(row.status_at),
        "wake_at": wire_time(row.wake_at), "waiting": row.waiting, "parent": row.parent_id,
        "forked_from": row.forked_from_id, "schedule": row.schedule, "error": failure or None,
    }  # fmt: skip
