"""The shapes of the interface's JSON. Times are ISO 8601, UTC, with microseconds, as in all JSON of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from ninja import Path, Schema
from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from workflows import ids
from workflows.ids import MAX_LENGTH
from workflows.states import EventKind, Status

_SEGMENT = "^[A-Za-z0-9._:@+=,-]{1,200}$"
_SPELLED = "Letters, digits and ._:@+=,- stand for themselves; every other byte of UTF-8 is spelled ~HH."
Segment = Annotated[str, WithJsonSchema({"type": "string", "pattern": _SEGMENT, "description": _SPELLED}), Path()]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("give the time with its zone, as in 2026-11-26T09:30:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("that is in no year from 1 to 9999 of UTC") from None


def _possible(workflow_id: str) -> str:
    if not ids.is_possible(workflow_id):
        raise ValueError("that can be no id")
    return workflow_id


Id = Annotated[str, Field(max_length=MAX_LENGTH), AfterValidator(_possible)]
Time = Annotated[datetime, AfterValidator(_aware)]
Reason = Annotated[str, Field(max_length=1_000, description="Why; it is kept in the history.")]


class Given(Schema):
    """What a caller sends: a word that is not known is a mistake, not a wish to be ignored."""

    model_config = ConfigDict(extra="forbid")


class Failure(Schema):
    """What ended a workflow, or what it raised."""

    type: str
    message: str


class Workflow(Schema):
    """One workflow, as a list shows it. `values`: of the keys asked for, as far as the caller may read them."""

    id: str
    definition: str
    queue: str
    status: Status
    seq: int = Field(description="of its newest event")
    priority: int
    pinned: bool
    created_at: Moment
    created_by: str
    started_at: Moment | None
    finished_at: Moment | None
    status_at: Moment
    wake_at: Moment | None = Field(description="when it goes on at the latest, delayed or waiting")
    waiting: dict[str, Any] | None = Field(description="what it waits for")
    parent: str | None
    forked_from: str | None
    schedule: str | None
    error: Failure | None
    values: dict[str, Any] | None = None


class WorkflowDetail(Workflow):
    """One workflow whole, as far as the caller may read it; `hidden`: it is not all of it."""

    input: Any = Field(description="args and kwargs; by argument where something of it is hidden")
    output: Any = None
    hidden: bool


class Workflows(Schema):
    """One page, newest first. `next` is the cursor of the following page; null: there is none."""

    items: list[Workflow]
    next: str | None
    looked_at: int = Field(description="workflows whose values were compared; 0: no value was asked about")


class Value(Schema):
    """What a key has now."""

    value: Any
    seq: int
    at: Moment


class Values(Schema):
    """The values that the caller may read, by key."""

    values: dict[str, Value]


class AwaitedValue(Schema):
    """A value that was waited for. `found` is false when the time was over, or the workflow ended without it."""

    key: str
    found: bool
    value: Any = None
    seq: int | None
    at: Moment | None
    status: Status


class HistoryEvent(Schema):
    """One fact of a history."""

    seq: int
    at: Moment
    kind: EventKind
    position: int | None
    key: str | None
    data: dict[str, Any]


class History(Schema):
    """What follows a cursor. Ask again with `after` = `seq` and this `epoch`, as long as `seq` is below `head`.

    `reset` says why the events are not those after the cursor but all from the beginning: another history counts
    (`epoch`), the cursor was beyond the newest event (`ahead`), or retention removed events after it (`trimmed`).
    """

    epoch: str
    seq: int
    head: int
    reset: str | None = Field(json_schema_extra={"enum": ["epoch", "ahead", "trimmed", None]})
    events: list[HistoryEvent]


class Start(Given):
    """What to start, with what, and how; the options are those of `using()`."""

    definition: str = Field(max_length=200)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    id: str | None = Field(None, max_length=MAX_LENGTH, description="By it a start is idempotent.")
    queue: str | None = Field(None, max_length=100)
    priority: int = Field(0, ge=-1_000, le=1_000)
    delay: float | None = Field(None, ge=0, description="seconds")
    run_at: Time | None = None
    timeout: float | None = Field(None, gt=0, description="seconds from its first claim")
    dedup_key: str | None = Field(None, max_length=200)
    on_duplicate: Literal["return", "raise"] = "return"
    partition_key: str | None = Field(None, max_length=200)
    debounce_key: str | None = Field(None, max_length=200)
    debounce_limit: float | None = Field(None, ge=0, description="seconds")


class Message(Given):
    """A message for a workflow's inbox."""

    topic: str = Field(max_length=200)
    message: Any


class Sent(Schema):
    """A message that is in the inbox."""

    id: int
    topic: str


class Because(Given):
    """Why."""

    reason: Reason = ""


class Cancellation(Because):
    """`tree`: its descendants, too."""

    tree: bool = False


class Fork(Because):
    """Before which position, and the id of the new workflow if it shall have a certain one."""

    position: int = Field(ge=1, le=2**31 - 1)
    id: str | None = Field(None, max_length=MAX_LENGTH)


class Restart(Because):
    """Without args and kwargs it has the same input."""

    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    id: str | None = Field(None, max_length=MAX_LENGTH)


class Filter(Given):
    """As the list's parameters."""

    q: str = Field("", max_length=500, description="as typed above the console's list: status:failed name:import*")
    status: list[Status] = Field([], description="any of these")
    definition: str = Field("", max_length=200, description="a name, or the beginning of one and *")
    since: str = Field("", max_length=50, description="when created: an age as 90m, 2h, 7d, or a time")
    parent: str = Field("", max_length=200, description="the id of a workflow: its children; none: without a parent")
    where: list[Annotated[str, Field(max_length=500)]] = Field(
        [], max_length=8, description="terms about values: event.amount:>5, event.region:eu*, key:report"
    )


class Selection(Given):
    """Which workflows: these ids, or the newest that match a filter now."""

    ids: list[Id] | None = Field(None, max_length=1_000)
    filter: Filter | None = None


class Skipped(Schema):
    """How many a verb leaves out, and why."""

    why: str
    count: int


class Preview(Schema):
    """What a verb would do. `ids` are what it applies to: send them back to do it to exactly these."""

    verb: str
    selected: int
    ids: list[str]
    skipped: list[Skipped]
    missing: int = Field(description="that do not exist, or that the caller may not see")
    more: bool = Field(description="more match the filter than one call takes")
    needs_reason: bool


class Bulk(Because):
    """The confirmed ids. `tree`, for cancel: their descendants, too."""

    ids: list[Id] = Field(min_length=1, max_length=1_000)
    tree: bool = False


class Outcome(Schema):
    """What came of one workflow; `detail` says why it was refused."""

    id: str
    outcome: str = Field(json_schema_extra={"enum": ["left", "done", "refused"]})
    detail: str


class BulkAction(Schema):
    """A verb for many, which outlives its request. `left`: these were not asked for, or not yet."""

    id: str
    verb: str
    state: str = Field(json_schema_extra={"enum": ["under way", "finished", "stopped"]})
    total: int
    done: int
    refused: int
    left: int
    outcomes: list[Outcome]


class Limits(Given):
    """What is not named stays as it is; null: no such limit. `rate_period` is in seconds."""

    concurrency: int | None = Field(None, ge=1, le=1_000_000)
    worker_concurrency: int | None = Field(None, ge=1, le=1_000_000)
    partition_concurrency: int | None = Field(None, ge=1, le=1_000_000)
    rate_limit: int | None = Field(None, ge=1, le=1_000_000)
    rate_period: float | None = Field(None, gt=0)


class Queue(Schema):
    """A queue as it stands. `oldest_at`: since when its first workflow could be claimed."""

    name: str
    queued: int
    running: int
    waiting: int
    delayed: int
    oldest_at: Moment | None
    consumers: int
    paused: bool
    limits: dict[str, int | float | None]


class Queues(Schema):
    """Every queue, by name."""

    items: list[Queue]


class Schedule(Schema):
    """When a definition is started again. `problem`: why that cannot be, or nothing."""

    name: str
    definition: str
    cron: str | None
    interval: float | None = Field(description="seconds")
    time_zone: str
    missed: str
    paused: bool
    problem: str
    next: list[Moment]
    latest: list[str] = Field(description="ids of its newest workflows that the caller may see")


class Schedules(Schema):
    """Every schedule, by name."""

    items: list[Schedule]


class Range(Given):
    """Both ends are included."""

    since: Time
    until: Time


class Backfilled(Schema):
    """The workflows that were started, and how many of the range had been before."""

    started: list[str]
    existing: int


class Parameter(Schema):
    """What a definition takes."""

    name: str
    kind: str
    required: bool
    annotation: str


class Definition(Schema):
    """What can be started."""

    name: str
    queue: str
    doc: str
    parameters: list[Parameter]


class Definitions(Schema):
    """Every definition, by name."""

    items: list[Definition]


class Me(Schema):
    """Who asks. `scopes` is null for a session; `may` is what the account may do."""

    user: str
    scopes: list[str] | None
    may: list[str]
