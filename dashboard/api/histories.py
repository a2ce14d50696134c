"""The history of a workflow: what follows a cursor, with a wait for it, and as a stream of Server-Sent Events."""

from __future__ import annotations

import json
from typing import Annotated, Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from ninja import Header, Query, Router
from pydantic import Field

from dashboard import decoding, tail
from dashboard.api import schemas
from dashboard.api.authentication import RequiresAsync, caller_of
from dashboard.api.schemas import Segment
from dashboard.api.waiting import Waiting, until
from dashboard.api_tokens import Scope
from dashboard.fanout import fanout
from dashboard.protocol import Cursor
from dashboard.reads import Reads
from dashboard.streams import Stream
from workflows.errors import WorkflowNotFound
from workflows.history import Head

router = Router(tags=["history"])


class Place(Waiting):
    """Where a reader stands."""

    after: int = Field(0, ge=0, lt=2**63, description="the last seq that is known")
    epoch: str = Field("", max_length=100, description="of which history; it comes with each answer")


@router.get("/workflows/{wid:workflow_id}/history", response=schemas.History, auth=RequiresAsync(Scope.READ, "view"))
async def get_history(request: HttpRequest, workflow_id: Segment, asked: Query[Place]) -> schemas.History:
    """Events after a seq, at most 1,000 or about 32 KB of them; with `wait`, as soon as there are any."""
    caller, reads = caller_of(request), fanout().reads
    user, first = caller.user, await _head(reads, caller.user, workflow_id)
    reset = tail.mismatch(Cursor(epoch=asked.epoch or first.epoch, seq=asked.after), first)
    after = asked.after if reset is None else 0

    async def moved() -> Head | None:
        head = await _head(reads, user, workflow_id)
        return head if head.seq > after or head.epoch != first.epoch else None

    await until(moved, watching=workflow_id, seconds=asked.wait, caller=caller)
    frame = await _frame(reads, (workflow_id, after, caller.audience))
    if after and (reset := tail.void(first.epoch, frame)):
        frame = await _frame(reads, (workflow_id, 0, caller.audience))
    head = await _head(reads, user, workflow_id)
    return schemas.History(
        epoch=frame.epoch, seq=frame.last, head=max(head.seq, frame.last), reset=reset and reset.value,
        events=[schemas.HistoryEvent(**event) for event in _events(frame)],
    )  # fmt: skip


async def _head(reads: Reads, user: User, workflow_id: str) -> Head:
    head = await reads.head(user, workflow_id)
    if head is None:
        raise WorkflowNotFound(workflow_id)
    return head


async def _frame(reads: Reads, place: tail.Place) -> tail.Frame:
    frame = await reads.tail(place)
    if frame is None:
        raise WorkflowNotFound(place[0])
    return frame


def _events(frame: tail.Frame) -> list[dict[str, Any]]:
    told = json.loads(frame.text)["events"] if frame.text else []
    return [dict(zip(schemas.HistoryEvent.model_fields, event, strict=True)) for event in told]


@router.get(
    "/workflows/{wid:workflow_id}/stream", auth=RequiresAsync(Scope.READ, "view"),
    openapi_extra={"responses": {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}},
)  # fmt: skip
async def follow_workflow(
    request: HttpRequest,
    workflow_id: Segment,
    at: Annotated[str, Query(max_length=200, description="the last place, epoch:seq")] = "",
    last_event_id: Annotated[
        str, Header(alias="Last-Event-ID", max_length=200, description="the same, of a client that comes back")
    ] = "",
) -> HttpResponseBase:
    """Server-Sent Events: the state now, then everything after it. docs/guides/streaming.md says what comes."""
    caller, hub = caller_of(request), fanout()
    given = last_event_id or at
    place = decoding.decode_place(given) if given else None
    if await hub.reads.head(caller.user, workflow_id) is None:
        raise WorkflowNotFound(workflow_id)
    hub.seats.ask(caller.user.pk)
    return StreamingHttpResponse(
        Stream(hub, caller.admission, workflow_id, place), content_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )  # fmt: skip
