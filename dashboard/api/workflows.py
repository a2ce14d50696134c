"""Workflows: the list, one of them, what it published, and starting one."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Header, Query, Router
from pydantic import Field

from dashboard import access, acting
from dashboard.api import pages, schemas
from dashboard.api.authentication import Requires, RequiresAsync, caller_of
from dashboard.api.problems import NOT_FOUND, Problem
from dashboard.api.reading import bounded, detailed, located, shown, values_of, visible
from dashboard.api.schemas import Segment
from dashboard.api.waiting import MOST_SECONDS, Waiting, until
from dashboard.api_tokens import Scope
from dashboard.fanout import fanout
from workflows import operations, queries, visibility, waits
from workflows.errors import InvalidInput
from workflows.history import wire_time
from workflows.options import Options
from workflows.payloads import checked_key

router = Router(tags=["workflows"])


class Asked(schemas.Filter):
    """What a list is asked for: a filter, and which part of what matches."""

    values: list[str] = Field([], max_length=20, description="keys whose values are wanted, too")
    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=1_000, description="the `next` of the page before")


@router.get("/workflows", response=schemas.Workflows, auth=Requires(Scope.READ, "view"))
def list_workflows(request: HttpRequest, asked: Query[Asked]) -> schemas.Workflows:
    """Workflows that match, newest first."""
    caller, keys = caller_of(request), [checked_key(key) for key in asked.values]
    wanted, before = pages.filter_of(asked), pages.place(asked.cursor)
    with bounded():
        page = pages.matching(caller, wanted, asked.limit, before)
        values = values_of(caller, page.rows, keys)
        items = [shown(caller, row, values.get(row.id)) for row in page.rows]
    following = page.older or page.further
    return schemas.Workflows(items=items, next=following and pages.cursor(following), looked_at=page.looked_at)


@router.post("/workflows", response={201: schemas.Workflow}, auth=Requires(Scope.START, "start"))
def start_workflow(
    request: HttpRequest,
    response: HttpResponse,
    body: schemas.Start,
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", max_length=200, description="the id, if the body has none")
    ] = None,
) -> schemas.Workflow:
    """Start a workflow. Asked again with the same id and input, it is answered alike and starts nothing."""
    given = body.dict(exclude={"definition", "args", "kwargs", "id"})
    if body.id is not None and idempotency_key is not None and body.id != idempotency_key:
        raise InvalidInput("The id and the Idempotency-Key differ; the id is the key, so give one of them.")
    caller = caller_of(request)
    if not access.may_start(caller.user, body.definition):
        acting.refuse(request, "start", "definition", body.definition, acting.NOT_THEIRS)
        raise Problem("forbidden", f"The account {caller.name!r} may not start {body.definition!r}.")
    started = operations.start(
        body.definition, args=body.args, kwargs=body.kwargs, workflow_id=body.id or idempotency_key,
        options=Options(**given), by=caller.name,
    )  # fmt: skip
    if not acting.may_be_answered(caller.user, started):
        raise Problem("workflow-conflict", acting.ID_TAKEN)
    return located(response, shown(caller, started))


@router.get("/workflows/{wid:workflow_id}", response=schemas.WorkflowDetail, auth=RequiresAsync(Scope.READ, "view"))
async def get_workflow(
    request: HttpRequest,
    workflow_id: Segment,
    wait: Annotated[float, Query(ge=0, le=MOST_SECONDS, description="seconds, for its end")] = 0.0,
) -> schemas.WorkflowDetail:
    """One workflow, with its input, output and error; with `wait`, as soon as it has ended."""
    caller, threads = caller_of(request), fanout().reads.threads
    row = await threads.ask(visible, caller, workflow_id)
    if wait and not row.is_terminal:
        await until(lambda: threads.ask(waits.look_for_end, row.id), watching=row.id, seconds=wait, caller=caller)
        row = await threads.ask(visible, caller, workflow_id)
    return await threads.ask(detailed, caller, row)


@router.get("/workflows/{wid:workflow_id}/values", response=schemas.Values, auth=Requires(Scope.READ, "view"))
def get_values(request: HttpRequest, workflow_id: Segment) -> schemas.Values:
    """What every key has now that the caller may read."""
    caller = caller_of(request)
    with bounded():
        row = visible(caller, workflow_id)
        found = queries.values(row.id)
    lens = access.lens(caller.user, row)
    return schemas.Values(
        values={
            key: schemas.Value(value=each.value, seq=each.seq, at=wire_time(each.at) or "")
            for key, each in found.items()
            if lens.shows(key)
        }
    )


@router.get(
    "/workflows/{wid:workflow_id}/values/{wid:key}", response=schemas.AwaitedValue,
    auth=RequiresAsync(Scope.READ, "view"),
)  # fmt: skip
async def get_value(
    request: HttpRequest, workflow_id: Segment, key: Segment, asked: Query[Waiting]
) -> schemas.AwaitedValue:
    """The value of one key; with `wait`, as soon as it is set (and newer than `after`), or the workflow has ended."""
    caller, threads = caller_of(request), fanout().reads.threads
    checked_key(key)
    row = await threads.ask(visible, caller, workflow_id)
    if not visibility.is_shown(row.definition, key, caller.audience):
        raise Problem("not-found", NOT_FOUND)
    found = await until(
        lambda: threads.ask(waits.look_for_value, row.id, key, asked.after), watching=row.id, seconds=asked.wait,
        caller=caller,
    )  # fmt: skip
    reading = await threads.ask(waits.read, row.id, key)
    value = found and found.content
    return schemas.AwaitedValue(
        key=key, found=value is not None, value=value and value.value, seq=value and value.seq,
        at=value and wire_time(value.at), status=reading.status,
    )  # fmt: skip
