"""One verb for many workflows: what it would do to whom, and then doing it to exactly these."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Header, Router

from dashboard import access, acting
from dashboard.api import pages, schemas
from dashboard.api.authentication import Caller, Requires, caller_of
from dashboard.api.problems import NOT_FOUND, Problem
from dashboard.api.reading import bounded
from dashboard.api_tokens import Scope
from dashboard.presenters.bulk import BULK_VERBS, MOST, BulkVerb, account, plan
from workflows import bulk
from workflows.errors import InvalidInput
from workflows.models import BulkAction, BulkOutcome

router = Router(tags=["bulk"])
Verb = Literal["cancel", "resume", "pin", "unpin", "delete"]


@router.post("/bulk/{verb}/preview", response=schemas.Preview, auth=Requires(Scope.BULK, "view", "bulk"))
def preview_bulk(request: HttpRequest, verb: Verb, body: schemas.Selection) -> schemas.Preview:
    """What the verb would do to these workflows. Changes nothing."""
    caller = caller_of(request)
    asked = _permitted(request, verb)
    if (body.ids is None) == (body.filter is None):
        raise InvalidInput("Give ids or a filter, one of them.")
    more = False
    with bounded():
        if body.filter is not None:
            page = pages.matching(caller, pages.filter_of(body.filter), MOST)
            selected, more = [row.id for row in page.rows], page.is_part
        else:
            selected = list(dict.fromkeys(body.ids or []))
        planned = plan(asked, acting.actable(caller.user, asked.right, selected), len(selected))
    return schemas.Preview(
        verb=verb, selected=len(selected), ids=planned.ids, missing=planned.missing, more=more,
        skipped=[schemas.Skipped(why=each.why, count=each.count) for each in planned.skipped],
        needs_reason=asked.needs_reason(len(planned.rows)),
    )  # fmt: skip


@router.post("/bulk/{verb}", response={201: schemas.BulkAction}, auth=Requires(Scope.BULK, "view", "bulk"))
def begin_bulk(
    request: HttpRequest,
    response: HttpResponse,
    verb: Verb,
    body: schemas.Bulk,
    idempotency_key: Annotated[UUID | None, Header(alias="Idempotency-Key", description="the action's id")] = None,
) -> schemas.BulkAction:
    """Ask for the verb for each of these workflows. Few are done by the answer; many go on after it."""
    caller = caller_of(request)
    asked, selected = _permitted(request, verb), list(dict.fromkeys(body.ids))
    if asked.needs_reason(len(selected)) and not body.reason.strip():
        raise InvalidInput(f"Give a reason: {verb} for {len(selected)} workflows needs one.")
    tree = verb == "cancel" and body.tree
    action = acting.begin_bulk(
        caller.user, idempotency_key or uuid4(), verb, asked.right, selected, tree=tree, reason=body.reason
    )
    if action.by != caller.name:
        raise Problem("not-found", NOT_FOUND)  # somebody else's, under an id that was guessed
    response["Location"] = reverse("dashboard:api:get_bulk", args=[action.pk])
    return _report(caller, action.pk)


@router.get("/bulk/actions/{uuid:action_id}", response=schemas.BulkAction, auth=Requires(Scope.BULK, "view", "bulk"))
def get_bulk(request: HttpRequest, action_id: UUID) -> schemas.BulkAction:
    """How far it is, and what came of each workflow."""
    with bounded():
        return _report(caller_of(request), action_id)


@router.delete("/bulk/actions/{uuid:action_id}", response=schemas.BulkAction, auth=Requires(Scope.BULK, "view", "bulk"))
def abort_bulk(request: HttpRequest, action_id: UUID) -> schemas.BulkAction:
    """Leave alone what was not asked for yet."""
    caller = caller_of(request)
    _report(caller, action_id)
    bulk.abort(action_id, by=caller.name)
    return _report(caller, action_id)


def _report(caller: Caller, action_id: UUID) -> schemas.BulkAction:
    """A caller's own action: its outcomes name workflows, which others may not see. Raises Problem."""
    action = BulkAction.objects.filter(id=action_id, by=caller.name).first()
    if action is None:
        raise Problem("not-found", NOT_FOUND)
    outcomes = BulkOutcome.objects.filter(action=action).order_by("place")
    return schemas.BulkAction(
        id=str(action.pk), verb=action.verb, state=account(action).state, total=action.total, done=action.done,
        refused=action.refused, left=action.left,
        outcomes=[schemas.Outcome(id=each.workflow_id, outcome=each.outcome, detail=each.detail) for each in outcomes],
    )  # fmt: skip


def _permitted(request: HttpRequest, name: str) -> BulkVerb:
    verb, caller = BULK_VERBS[name], caller_of(request)
    if not access.can(caller.user, verb.right):
        acting.refuse(request, name, "workflow", acting.MANY, acting.NOT_THEIRS)
        raise Problem("forbidden", f"The account {caller.name!r} may not: {verb.right}.")
    return verb
