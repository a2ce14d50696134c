"""What a caller does with one workflow: each is a resource that is posted, as in the console."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Header, Router

from dashboard import acting
from dashboard.api import schemas
from dashboard.api.authentication import Requires, caller_of
from dashboard.api.reading import actable, located, shown
from dashboard.api.schemas import Segment
from dashboard.api_tokens import Scope
from workflows import operations

router = Router(tags=["verbs"])


@router.post(
    "/workflows/{wid:workflow_id}/messages", response={201: schemas.Sent}, auth=Requires(Scope.OPERATE, "send")
)
def send_message(
    request: HttpRequest,
    workflow_id: Segment,
    body: schemas.Message,
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", max_length=200, description="one message of it, ever")
    ] = None,
) -> schemas.Sent:
    """Put a message into a workflow's inbox."""
    caller = caller_of(request)
    row = actable(request, workflow_id, "send")
    sent = operations.send(row.id, body.topic, body.message, by=caller.name, idempotency_key=idempotency_key)
    return schemas.Sent(id=sent.pk, topic=sent.topic)


@router.post(
    "/workflows/{wid:workflow_id}/cancellation", response=schemas.Workflow, auth=Requires(Scope.OPERATE, "cancel")
)
def cancel_workflow(request: HttpRequest, workflow_id: Segment, body: schemas.Cancellation) -> schemas.Workflow:
    """Stop a workflow for good: before its next checkpoint, if it is running."""
    caller = caller_of(request)
    row = actable(request, workflow_id, "cancel")
    if body.tree:
        acting.require_tree(request, row.id)
    return shown(caller, operations.cancel(row.id, tree=body.tree, by=caller.name, reason=body.reason))


@router.post(
    "/workflows/{wid:workflow_id}/resumption", response=schemas.Workflow, auth=Requires(Scope.OPERATE, "resume")
)
def resume_workflow(request: HttpRequest, workflow_id: Segment, body: schemas.Because) -> schemas.Workflow:
    """Let an ended workflow go on at its first unrecorded operation."""
    caller = caller_of(request)
    row = actable(request, workflow_id, "resume")
    return shown(caller, operations.resume(row.id, by=caller.name, reason=body.reason))


@router.post(
    "/workflows/{wid:workflow_id}/forks", response={201: schemas.Workflow}, auth=Requires(Scope.OPERATE, "fork")
)
def fork_workflow(
    request: HttpRequest, response: HttpResponse, workflow_id: Segment, body: schemas.Fork
) -> schemas.Workflow:
    """Start a workflow that has recorded already what this one recorded before a position."""
    caller = caller_of(request)
    row = actable(request, workflow_id, "fork")
    made = operations.fork(row.id, body.position, new_id=body.id, by=caller.name, reason=body.reason)
    return located(response, shown(caller, made))


@router.post(
    "/workflows/{wid:workflow_id}/restarts", response={201: schemas.Workflow}, auth=Requires(Scope.OPERATE, "fork")
)
def restart_workflow(
    request: HttpRequest, response: HttpResponse, workflow_id: Segment, body: schemas.Restart
) -> schemas.Workflow:
    """Start the same definition anew, with the same input or another one."""
    caller = caller_of(request)
    row = actable(request, workflow_id, "fork", "restart")
    made = operations.restart(
        row.id, args=body.args, kwargs=body.kwargs, new_id=body.id, by=caller.name, reason=body.reason
    )
    return located(response, shown(caller, made))
