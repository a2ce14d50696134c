"""The gapless history: append with the next seq, read after a seq, and the state at a seq.

Appending is one fenced statement (see `sql`). Every write of a workflow's own carries an operation key `op`:
"7" is operation 7 of the body, "7.2" the start of attempt 2 of step 7, "7.2.-" its failure, "7.2.5" the fifth thing
that attempt published, "t3.9" the ninth progress report of claim 3. It is unique per workflow, so a write whose outcome
got lost with the connection is simply asked again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import Any, LiteralString, NamedTuple

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from workflows import notify, sql, telemetry
from workflows.conf import conf
from workflows.errors import Cancelled, LeaseLost
from workflows.fold import State
from workflows.models import Event, Step, Value, Workflow
from workflows.payloads import Json, fits_preview
from workflows.states import ACTIVE, EventKind, Status, StepStatus


class Owner(NamedTuple):
    """Who writes: the claim of one workflow by one worker. `token` is the fence of every write."""

    workflow_id: str
    token: int
    worker: str


class Recorded(NamedTuple):
    """One operation found at a position: a step, or a kind of event with its key."""

    kind: str
    name: str
    status: str
    attempt: int
    failures: int
    content: Json
    error: Json


class Head(NamedTuple):
    """The newest seq of a workflow, and the epoch in which it counts (see `sql.EPOCH`)."""

    epoch: str
    seq: int


class Tail(NamedTuple):
    """Events that follow a cursor: how many, the seq of the last one, and their wire forms joined by commas."""

    epoch: str
    length: int
    last: int
    events: str


def set_value(owner: Owner, op: str, *, position: int | None, key: str, encoded: str, in_step: bool) -> None:
    """Publish a value: it becomes the current one of its key, and a row of the history."""
    statement = sql.SET_VALUE_IN_STEP if in_step else sql.SET_VALUE
    _record(owner, statement, EventKind.VALUE_SET, op, position=position, key=key, data=f'{{"value":{encoded}}}')


def step_started(owner: Owner, position: int, *, name: str, attempt: int) -> None:
    """Record that an attempt begins, so that people see it run."""
    data = json.dumps({"name": name, "attempt": attempt, "worker": owner.worker})
    op = f"{position}.{attempt}"
    _record(owner, sql.START_STEP, EventKind.STEP_STARTED, op, position=position, data=data, name=name, attempt=attempt)


def step_retrying(
    owner: Owner, position: int, *, name: str, attempt: int, error: dict[str, str], next_attempt_at: str
) -> None:
    """Record that an attempt failed and when the next one comes."""
    data = json.dumps({"name": name, "attempt": attempt, "error": error, "next_attempt_at": next_attempt_at})
    _record(
        owner, sql.RETRY_STEP, EventKind.STEP_RETRYING, f"{position}.{attempt}.-", position=position, data=data,
        error=json.dumps(error), next_attempt_at=next_attempt_at,
    )  # fmt: skip


def step_succeeded(owner: Owner, position: int, *, name: str, attempt: int, output: str) -> None:
    """Record a step's result; from now on replay returns it."""
    head = json.dumps({"name": name, "attempt": attempt})
    _finish_step(
        owner, EventKind.STEP_SUCCEEDED, position, data=with_preview(head, output), status=StepStatus.SUCCEEDED,
        output=output, error=None,
    )  # fmt: skip


def step_failed(owner: Owner, position: int, *, name: str, attempt: int, error: dict[str, str]) -> None:
    """Record a step's final error; from now on replay raises it."""
    data = json.dumps({"name": name, "attempt": attempt, "error": error})
    _finish_step(
        owner, EventKind.STEP_FAILED, position, data=data, status=StepStatus.FAILED, output=None,
        error=json.dumps(error),
    )  # fmt: skip


def _finish_step(owner: Owner, kind: EventKind, position: int, **parameters: Any) -> None:
    _record(owner, sql.FINISH_STEP, kind, str(position), position=position, **parameters)


def wait_started(owner: Owner, position: int, *, wait: dict[str, Any]) -> None:
    """Record what the workflow waits for and until when; a replayed wait keeps its first deadline."""
    data = json.dumps(wait)
    _record(owner, sql.START_WAIT, EventKind.WAIT_STARTED, f"{position}.w", position=position, data=data)


def wait_ended(owner: Owner, kind: EventKind, position: int, *, key: str, data: str) -> None:
    """Record the outcome of a wait; replay returns it without waiting."""
    _record(owner, sql.RECORD_OPERATION, kind, str(position), position=position, key=key, data=data)


def receive_message(owner: Owner, position: int, *, topic: str) -> list[Json]:
    """Consume the oldest unread message of the topic and record it, in one statement. An empty list: none there."""
    rows = _ask(
        owner, sql.RECEIVE_MESSAGE, EventKind.MESSAGE_RECEIVED, str(position), position=position, key=topic, data=None
    )
    if rows == [(None,)]:  # recorded by an earlier try whose answer got lost
        event = Event.objects.get(workflow_id=owner.workflow_id, op=str(position))
        return [event.data["message"]]
    return [json.loads(rows[0][0])] if rows else []


def message_sent(workflow_id: str, *, topic: str, encoded: str, by: str, idempotency_key: str | None) -> int | None:
    """Put a message into an inbox, by anybody; returns its id, or None when the workflow ended or does not exist."""
    rows = sql.fetch(
        sql.SEND_MESSAGE,
        {
            "workflow_id": workflow_id,
            "key": topic,
            "body": encoded,
            "by": by,
            "idempotency_key": idempotency_key,
            "sources": sorted(ACTIVE),
            "kind": EventKind.MESSAGE_SENT.value,
            "op": None,
            "position": None,
            "data": json.dumps({"by": by, "bytes": len(encoded.encode())}),
        },
    )
    if not rows:
        return None
    message_id, seq = rows[0]
    notify.hint(workflow_id, seq)
    return int(message_id)


def with_preview(head: str, output: str) -> str:
    """A JSON object text `head`, extended by the result if it is small, else by its size."""
    tail = f'"output":{output}' if fits_preview(output) else f'"output_bytes":{len(output.encode())}'
    return f"{head[:-1]},{tail}}}" if head != "{}" else f"{{{tail}}}"


def _record(owner: Owner, statement: LiteralString, kind: EventKind, op: str, **parameters: Any) -> None:
    rows = _ask(owner, statement, kind, op, **parameters)
    if not rows:
        raise refusal(owner)
    if rows[0][0] is not None:
        notify.hint(owner.workflow_id, rows[0][0])


def _ask(owner: Owner, statement: LiteralString, kind: EventKind, op: str, **parameters: Any) -> list[tuple[Any, ...]]:
    parameters = {"position": None, "key": None, "data": None, **parameters}
    return persistently(
        statement,
        {"workflow_id": owner.workflow_id, "token": owner.token, "worker": owner.worker, "kind": kind.value, "op": op,
         **parameters},
    )  # fmt: skip


def persistently(statement: LiteralString, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a checkpoint; when the database went away, ask again until it answers or patience ends.

    A commit whose answer got lost is found again by its operation key; the row then returned is (None,).
    Inside a transaction of the caller there is no second try: the transaction is gone as a whole.
    """
    deadline = time.monotonic() + conf().database_patience
    wait, asked_before = 0.05, False
    while True:
        try:
            if asked_before and _already_recorded(parameters):
                return [(None,)]
            return sql.fetch(statement, parameters)
        except IntegrityError:
            if not asked_before:
                raise
            return [(None,)]  # the first try was still committing when it was looked for
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
            telemetry.database_away(f"workflow {parameters['workflow_id']!r}", error, wait)
        connection.close()
        asked_before = True
        time.sleep(wait)
        wait = min(wait * 2, 2.0)


def _already_recorded(parameters: dict[str, Any]) -> bool:
    return Event.objects.filter(workflow_id=parameters["workflow_id"], op=parameters["op"]).exists()


def refusal(owner: Owner) -> Cancelled | LeaseLost:
    """Why a fenced statement found nothing to write to."""
    status = Workflow.objects.filter(id=owner.workflow_id).values_list("status", flat=True).first()
    if status == Status.CANCELLED:
        return Cancelled(f"workflow {owner.workflow_id!r} was cancelled")
    return LeaseLost(f"workflow {owner.workflow_id!r} is {status or 'deleted'} and not ours (token {owner.token})")


def recorded_operations(workflow_id: str) -> dict[int, Recorded]:
    """Everything recorded so far by position, in one read; what replay answers from."""
    operations: dict[int, Recorded] = {}
    for position, kind, name, status, attempt, failures, content, error in sql.fetch(
        sql.RECORDED_OPERATIONS, {"workflow_id": workflow_id}
    ):
        operations[position] = Recorded(
            kind, name, status, attempt, failures, json.loads(content) if content else None,
            json.loads(error) if error else None,
        )  # fmt: skip
    return operations


def overlooked(queues: list[str], *, definitions: list[str], age: float, limit: int) -> list[tuple[str, str]]:
    """(queue, workflow id) of rows that are claimable for `age` seconds, oldest first."""
    parameters = {"queues": queues, "definitions": definitions, "age": f"{age} seconds", "limit": limit}
    return [(queue, workflow_id) for queue, workflow_id in sql.fetch(sql.OVERLOOKED, parameters)]


def wait_deadlines(workflow_id: str) -> dict[int, str | None]:
    """By position, until when an unfinished wait lasts (ISO 8601), as recorded when it began."""
    rows = Event.objects.filter(workflow_id=workflow_id, kind=EventKind.WAIT_STARTED).values_list("position", "data")
    return {position: data["until"] for position, data in rows if position is not None}


def next_attempts(workflow_id: str) -> dict[int, str]:
    """By position, when a retrying step may be tried again (wire time)."""
    rows = Step.objects.filter(workflow_id=workflow_id, next_attempt_at__isnull=False)
    return {position: wire_time(due) or "" for position, due in rows.values_list("position", "next_attempt_at")}


def wire_time(moment: Any) -> str | None:
    """A time as all JSON of ours writes it: ISO 8601, UTC, microseconds."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def wire(event: Event) -> list[Any]:
    """An event as readers get it: [seq, at, kind, position, key, data]."""
    return [event.seq, wire_time(event.at), event.kind, event.position, event.key, event.data]


def heads(workflow_ids: Collection[str]) -> dict[str, Head]:
    """Where the histories of these workflows stand; unknown ones are left out."""
    return {row[0]: Head(row[1], row[2]) for row in sql.fetch(sql.HEADS, {"ids": list(workflow_ids)})}


def tail(cursors: Collection[tuple[str, int]], *, limit: int, max_bytes: int) -> dict[tuple[str, int], Tail]:
    """What follows each cursor (workflow id, seq), in one query for all; workflows that do not exist are left out."""
    ids, seqs = [c[0] for c in cursors], [c[1] for c in cursors]
    rows = sql.fetch(sql.TAIL, {"ids": ids, "seqs": seqs, "limit": limit, "max_bytes": max_bytes})
    return {
        (workflow_id, seq): Tail(epoch, count, last if count else seq, events or "")
        for workflow_id, seq, epoch, count, last, events in rows
    }


def snapshot(workflow_id: str) -> State | None:
    """The state of a workflow at its newest seq, as one consistent read; None if there is none. Equals the fold."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        row = Workflow.objects.filter(id=workflow_id).first()
        if row is None:
            return None
        last = Event.objects.filter(workflow_id=workflow_id).order_by("-seq").first()
        steps = list(Step.objects.filter(workflow_id=workflow_id).defer("output").order_by("position"))
        values = list(Value.objects.filter(workflow_id=workflow_id))
    return {
        "seq": row.last_seq,
        "workflow": _workflow_state(row, last),
        "values": {v.key: {"value": v.value, "seq": v.seq, "at": wire_time(v.at)} for v in values},
        "steps": {str(step.position): _step_state(step) for step in steps},
    }


def _workflow_state(row: Workflow, last: Event | None) -> dict[str, Any]:
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


def _step_state(step: Step) -> dict[str, Any]:
    return {
        "position": step.position,
        "name": step.name,
        "status": step.status,
        "attempt": step.attempt,
        "worker": step.worker,
        "started_at": wire_time(step.started_at),
        "attempt_started_at": wire_time(step.attempt_started_at),
        "finished_at": wire_time(step.finished_at),
        "next_attempt_at": wire_time(step.next_attempt_at),
        "error": step.error,
    }
