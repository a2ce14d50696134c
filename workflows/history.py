"""Reading the gapless history: what replay answers from, what follows a cursor, and the state at a seq."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, NamedTuple

from django.db import connection, transaction
from django.db.models import Func, Max, Q, QuerySet, TextField

from workflows.fold import State, advance, empty_state
from workflows.models import Event, Value, Workflow
from workflows.payloads import Json
from workflows.redaction import EVERYWHERE, Lens
from workflows.sql import fetch
from workflows.sql.claiming import OVERLOOKED
from workflows.sql.reads import (
    EVENT_TEXT,
    HEADS,
    NEWER_GROUPS,
    NEWER_PART,
    OLDER_GROUPS,
    OLDER_PART,
    PACE,
    RECORDED_OPERATIONS,
    SETS,
    STEPS,
    TAIL,
)
from workflows.states import EventKind

LOOKED_THROUGH = 10_000  # events, for one part of a history
_NAMES = ("seq", "at", "kind", "position", "key", "data")  # of the parts of an event in wire form
_LOOK_BACK = 500  # events, for the value that another one replaced
_PART_BYTES = 512 * 1024  # of the events of one part, as the database keeps them


class Recorded(NamedTuple):
    """One operation found at a position: a step, or a kind of event with its key."""

    kind: str
    name: str
    status: str
    attempt: int
    failures: int
    content: Json
    error: Json


class Due(NamedTuple):
    """The end of something that waits: in wire form, and by this process's monotonic clock. None: it has no end."""

    text: str | None
    moment: float | None

    def left(self) -> float | None:
        """Seconds until then, negative when it has passed; None: for ever."""
        return None if self.moment is None else self.moment - time.monotonic()


class StartedWait(NamedTuple):
    """A wait that has begun: what for (as in `Workflow.waiting`), and until when."""

    wait: dict[str, Any]
    due: Due


class Replay(NamedTuple):
    """All that is recorded of a workflow, by position."""

    operations: dict[int, Recorded]
    waits: dict[int, StartedWait]
    retries: dict[int, Due]


class Head(NamedTuple):
    """The newest seq of a workflow, and the epoch in which it counts (see `sql.reads.EPOCH`)."""

    epoch: str
    seq: int


class Tail(NamedTuple):
    """Events that follow a cursor: how many, the seq of the last one, and their wire forms joined by commas.

    `head` is the newest seq of the workflow, which may have more events, or fewer, if some were removed.
    """

    definition: str
    epoch: str
    head: int
    length: int
    last: int
    events: str


class Chosen(NamedTuple):
    """What a reader wants to see of a history: events of a kind, of a key, with a text in them. Empty: of all.

    `grouped`: values of one key that follow each other are one entry.
    """

    kind: str = ""
    key: str = ""
    find: str = ""
    grouped: bool = False


class Entry(NamedTuple):
    """An event in wire form, which may stand for so many values in a row (`times`), from `first` on.

    `before` is the text of the value that was replaced; None: there was none, or it was long ago.
    """

    first: int
    times: int
    event: list[Any]
    previous_at: str | None
    before: str | None


class Part(NamedTuple):
    """All that was chosen from event `first` to event `last`, ascending."""

    first: int
    last: int
    entries: list[Entry]


def recorded(workflow_id: str) -> Replay:
    """Everything recorded so far, in one read; the ends of waits are counted by the database's clock."""
    replay, now = Replay({}, {}, {}), time.monotonic()
    for position, kind, name, status, attempt, failures, content, error, until, left in fetch(
        RECORDED_OPERATIONS, {"workflow_id": workflow_id}
    ):
        found = json.loads(content) if content else None
        due = Due(until, None if left is None else now + left)
        if kind == "wait_started":
            replay.waits[position] = StartedWait(found or {}, due)
            continue
        replay.operations[position] = Recorded(
            kind, name, status, attempt, failures, found, json.loads(error) if error else None
        )
        if until is not None:
            replay.retries[position] = due
    return replay


def overlooked(queues: list[str], *, definitions: list[str], age: float, limit: int) -> list[tuple[str, str]]:
    """(queue, workflow id) of rows that are claimable for `age` seconds, oldest first."""
    parameters = {"queues": queues, "definitions": definitions, "age": f"{age} seconds", "limit": limit}
    return [(queue, workflow_id) for queue, workflow_id in fetch(OVERLOOKED, parameters)]


def wire_time(moment: Any) -> str | None:
    """A time as all JSON of ours writes it: ISO 8601, UTC, microseconds."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def wire(event: Event) -> list[Any]:
    """An event as readers get it: [seq, at, kind, position, key, data]."""
    return [event.seq, wire_time(event.at), event.kind, event.position, event.key, event.data]


def starter(workflow_id: str) -> str | None:
    """Where the code that started a workflow was in a trace, if it was in one (see `tracing`)."""
    row = Event.objects.filter(workflow_id=workflow_id, seq=1).values_list("data__trace", flat=True).first()
    return row if isinstance(row, str) else None


def heads(workflow_ids: Collection[str]) -> dict[str, Head]:
    """Where the histories of these workflows stand; unknown ones are left out."""
    return {row[0]: Head(row[1], row[2]) for row in fetch(HEADS, {"ids": list(workflow_ids)})}


def tail(cursors: Collection[tuple[str, int]], *, limit: int, max_bytes: int) -> dict[tuple[str, int], Tail]:
    """What follows each cursor (workflow id, seq), in one query for all; workflows that do not exist are left out."""
    ids, seqs = [c[0] for c in cursors], [c[1] for c in cursors]
    rows = fetch(TAIL, {"ids": ids, "seqs": seqs, "limit": limit, "max_bytes": max_bytes})
    return {
        (workflow_id, seq): Tail(definition, epoch, head, count, last if count else seq, events or "")
        for workflow_id, seq, definition, epoch, head, count, last, events in rows
    }


def part_before(
    workflow_id: str, seq: int, chosen: Chosen = Chosen(), *, limit: int, lens: Lens | None = None,  # noqa: B008  a value
) -> Part:  # fmt: skip
    """The nearest entries before a seq, of at most LOOKED_THROUGH events: `first` says how far it looked.

    `lens`: as who reads it sees it, who does not find by a text what is hidden; None: as it is recorded.
    """
    low, high = max(1, seq - LOOKED_THROUGH), max(0, seq - 1)
    statement = OLDER_GROUPS if chosen.grouped else OLDER_PART
    entries, is_all = _entries(statement, workflow_id, chosen, low, high, limit, lens)
    if len(entries) > 1 and is_all and low > 1 and entries[0].times > 1 and entries[0].first == low:
        entries, is_all = entries[1:], False  # it may have begun earlier; the next part has all of it
    return Part(low if is_all else entries[0].first, high, entries)


def part_after(
    workflow_id: str, seq: int, chosen: Chosen = Chosen(), *, limit: int, newest: int, lens: Lens | None = None,  # noqa: B008
) -> Part:  # fmt: skip
    """The nearest entries after a seq and up to `newest`, of at most LOOKED_THROUGH events, as `lens` shows them."""
    low, high = seq + 1, min(seq + LOOKED_THROUGH, newest)
    statement = NEWER_GROUPS if chosen.grouped else NEWER_PART
    entries, is_all = _entries(statement, workflow_id, chosen, low, high, limit, lens)
    if len(entries) > 1 and is_all and high < newest and entries[-1].times > 1 and entries[-1].event[0] == high:
        entries, is_all = entries[:-1], False
    return Part(low, high if is_all else entries[-1].event[0], entries)


def _entries(
    statement: LiteralString, workflow_id: str, chosen: Chosen, low: int, high: int, limit: int, lens: Lens | None
) -> tuple[list[Entry], bool]:
    """The entries of a stretch, and whether these are all of them."""
    find = chosen.find.lower()
    rows = fetch(
        statement,
        {"workflow_id": workflow_id, "low": low, "high": high, "limit": limit, "kind": chosen.kind, "key": chosen.key,
         "find": find, "escaped": json.dumps(find, ensure_ascii=False)[1:-1], "look_back": _LOOK_BACK,
         "max_bytes": _PART_BYTES, **(lens.unsearched if lens else EVERYWHERE)},
    )  # fmt: skip
    entries = [
        Entry(first, count, [seq, at, kind, position, key, json.loads(data)], previous_at, before)
        for first, count, seq, at, kind, position, key, data, previous_at, before, _found in rows
    ]
    if lens is not None:
        entries = [_seen(lens, entry) for entry in entries]
    return entries, not rows or len(rows) == rows[0][-1] < limit


def _seen(lens: Lens, entry: Entry) -> Entry:
    shown = lens.event(entry.event)
    return entry if shown is entry.event else entry._replace(event=shown, before=None)


def event_text(workflow_id: str, seq: int, lens: Lens | None = None) -> str | None:
    """One event as readable JSON, written by the database, which loses no digit; None if there is none.

    `lens`: as who reads it sees it.
    """
    rows = fetch(EVENT_TEXT, {"workflow_id": workflow_id, "seq": min(seq, 2**63 - 1)})
    if not rows:
        return None
    text: str = rows[0][0]
    if lens is None:
        return text
    told = json.loads(text)
    event = [told[name] for name in _NAMES]
    shown = lens.event(event)
    return text if shown is event else json.dumps(dict(zip(_NAMES, shown, strict=True)), indent=4, ensure_ascii=False)


_STATUS_KINDS = frozenset({
    EventKind.CREATED, EventKind.DUE, EventKind.CLAIMED, EventKind.SUSPENDED, EventKind.WOKEN, EventKind.RELEASED,
    EventKind.RESUMED, EventKind.FORKED, EventKind.SUCCEEDED, EventKind.FAILED, EventKind.CANCELLED,
    EventKind.QUARANTINED,
})  # fmt: skip


def status_events(workflow_id: str, limit: int) -> list[Event]:
    """The latest events that changed the workflow's status, ascending."""
    return list(of_kinds(workflow_id, _STATUS_KINDS).order_by("-seq")[:limit])[::-1]


def of_kinds(workflow_id: str, kinds: Collection[EventKind]) -> QuerySet[Event]:
    """The events of one history that are of these kinds.

    The kind is compared as an expression, else the planner may look at everybody's events of such kinds for them.
    """
    events = Event.objects.alias(said=Func("kind", function="concat", output_field=TextField()))
    return events.filter(workflow_id=workflow_id, said__in=[kind.value for kind in kinds])


def pace(workflow_id: str, newest: int, places: int) -> list[tuple[int, str]]:
    """Seq and time of events at so many even places of a history: how fast it went where."""
    seqs = sorted({1 + (newest - 1) * place // max(1, places - 1) for place in range(places)})
    return [(seq, at) for seq, at in fetch(PACE, {"workflow_id": workflow_id, "seqs": seqs})]


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read inside is read as of one moment, unless a transaction of the caller's is open already."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def snapshot(workflow_id: str) -> State | None:
    """The state of a workflow at its newest seq, as one consistent read; None if there is none. Equals the fold."""
    with one_moment():
        row = Workflow.objects.defer("input", "output").filter(id=workflow_id).first()  # as large as they like
        if row is None:
            return None
        last = Event.objects.filter(workflow_id=workflow_id).order_by("-seq").first()
        steps = _steps(workflow_id)
        values = list(Value.objects.filter(workflow_id=workflow_id))
        counted = all(value.sets is not None for value in values)
        sets = {value.key: value.sets for value in values} if counted else _sets(workflow_id, row.last_seq)
    return {
        "seq": row.last_seq,
        "workflow": workflow_state(row, last),
        "values": {v.key: {"value": v.value, "seq": v.seq, "at": wire_time(v.at), "sets": sets[v.key]} for v in values},
        "steps": steps,
    }


def state_at(workflow_id: str, seq: int) -> State | None:
    """The state after event `seq` (0: before the first): the fold of everything up to it, `snapshot` for the past.

    None: there is no such event. Of the values only the last of each key is read; the others only count.
    """
    state = empty_state(workflow_id)
    events = Event.objects.filter(workflow_id=workflow_id, seq__lte=seq)
    values = Q(kind=EventKind.VALUE_SET)
    latest = events.filter(values).values("key").annotate(last=Max("seq")).values("last")
    with one_moment():
        for event in events.filter(~values | Q(seq__in=latest)).order_by("seq").iterator(chunk_size=2_000):
            advance(state, wire(event))
        sets = _sets(workflow_id, seq) if state["values"] else {}
    for key, value in state["values"].items():
        value["sets"] = sets[key]
    return state if state["seq"] == seq else None


def _sets(workflow_id: str, seq: int) -> dict[str, int]:
    """How often each key was set up to an event, of all that happened, also of what the history has no more."""
    return dict(fetch(SETS, {"workflow_id": workflow_id, "seq": seq}))


def placed_snapshot(workflow_id: str) -> tuple[str, State] | None:
    """The epoch and the state in it: what a reader without a cursor begins with; None if there is no such workflow."""
    # The epoch first: should the workflow be deleted and made anew in between, the tail notices the old epoch.
    head = heads([workflow_id]).get(workflow_id)
    state = snapshot(workflow_id)
    return None if head is None or state is None else (head.epoch, state)


def workflow_state(row: Workflow, last: Event | None) -> dict[str, Any]:
    """The part of a state that is the workflow's own."""
    return {
        "id": row.id,
        "definition": row.definition,
        "queue": row.queue,
        "status": row.status,
        "created_at": wire_time(row.created_at),
        "started_at": wire_time(row.started_at),
        "finished_at": wire_time(row.finished_at),
        "worker": row.worker,
        "takeovers": row.takeovers,
        "wake_at": wire_time(row.wake_at),
        "deadline_at": wire_time(row.deadline_at),
        "version": row.version,
        "waiting": row.waiting,
        "error": row.error,
        "last_event": last and last_event(last),
    }


def last_event(event: Event) -> dict[str, Any]:
    """What a list shows of the newest event."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "key": event.key,
        "position": event.position,
        "name": event.data.get("name"),
        "at": wire_time(event.at),
    }


STEP_FIELDS = (
    "position", "name", "status", "attempt", "worker", "started_at", "attempt_started_at", "finished_at",
    "next_attempt_at", "error",
)  # fmt: skip


def _steps(workflow_id: str) -> dict[str, dict[str, Any]]:
    """The steps by position, as `sql.reads.STEPS` tells them."""
    rows = fetch(STEPS, {"workflow_id": workflow_id})
    told = (dict(zip(STEP_FIELDS, row, strict=True)) for row in rows)
    return {
        str(step["position"]): step if step["error"] is None else step | {"error": json.loads(step["error"])}
        for step in told
    }
