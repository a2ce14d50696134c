"""The gapless history: every append, but for changes of status, which `transitions` writes together with their events.

Appending is one fenced statement (see `sql`). Every write of a workflow's own carries an operation key `op`:
"7" is operation 7 of the body, "7.w" the beginning of its wait, "7.2" the start of attempt 2 of step 7, "7.2.-" its
failure, "7.2.+" its end, "7.2.5" the fifth thing that attempt published, "t3.9" the ninth progress report of
claim 3, "s3" its suspension, "end3" its end.
It is unique per workflow, so a write whose outcome got lost with the connection is simply asked again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple

from django.db import IntegrityError, transaction

from workflows import notify
from workflows.errors import Cancelled, LeaseLost
from workflows.history import Due, StartedWait, wire_time
from workflows.models import Event, Workflow
from workflows.patience import AWAY, Patience, patiently
from workflows.payloads import Json, fits_preview
from workflows.sql import checkpoints, fetch
from workflows.sql.waiting import FORGET_WAITS, REGISTER_WAITS
from workflows.states import EventKind, Status, StepStatus


class Owner(NamedTuple):
    """Who writes: the claim of one workflow by one worker. `token` is the fence of every write."""

    workflow_id: str
    token: int
    worker: str


def set_value(owner: Owner, op: str, *, position: int | None, key: str, encoded: str, in_step: bool) -> bool:
    """Publish a value: it becomes the current one of its key, and a row of the history.

    True: other workflows wait for this key without a worker, see `wakeups`.
    """
    statement = checkpoints.SET_VALUE_IN_STEP if in_step else checkpoints.SET_VALUE
    data = f'{{"value":{encoded}}}'
    row = _record(owner, statement, EventKind.VALUE_SET, op, position=position, key=key, data=data)
    return bool(row[-1])


def step_started(owner: Owner, position: int, *, name: str, attempt: int) -> None:
    """Record that an attempt begins, so that people see it run."""
    data = json.dumps({"name": name, "attempt": attempt, "worker": owner.worker})
    op = f"{position}.{attempt}"
    _record(
        owner,
        checkpoints.START_STEP,
        EventKind.STEP_STARTED,
        op,
        position=position,
        data=data,
        name=name,
        attempt=attempt,
    )


def step_retrying(owner: Owner, position: int, *, name: str, attempt: int, error: dict[str, str], delay: float) -> Due:
    """Record that an attempt failed, and return when the next one comes: `delay` seconds from now."""
    due = time.monotonic() + delay
    data = json.dumps({"name": name, "attempt": attempt, "error": error})
    op = f"{position}.{attempt}.-"
    row = _record(
        owner, checkpoints.RETRY_STEP, EventKind.STEP_RETRYING, op, position=position, data=data,
        error=json.dumps(error), delay=delay,
    )  # fmt: skip
    text = row[1] if len(row) > 1 else _written(owner, op).data["next_attempt_at"]
    return Due(text, due)


def step_succeeded(owner: Owner, position: int, *, name: str, attempt: int, output: str) -> None:
    """Record a step's result; from now on replay returns it."""
    head = json.dumps({"name": name, "attempt": attempt})
    _finish_step(
        owner, EventKind.STEP_SUCCEEDED, position, attempt=attempt, data=with_preview(head, output),
        status=StepStatus.SUCCEEDED, output=output, error=None,
    )  # fmt: skip


def step_failed(owner: Owner, position: int, *, name: str, attempt: int, error: dict[str, str]) -> None:
    """Record a step's final error; from now on replay raises it."""
    data = json.dumps({"name": name, "attempt": attempt, "error": error})
    _finish_step(
        owner, EventKind.STEP_FAILED, position, attempt=attempt, data=data, status=StepStatus.FAILED,
        output=None, error=json.dumps(error),
    )  # fmt: skip


def _finish_step(owner: Owner, kind: EventKind, position: int, *, attempt: int, **parameters: Any) -> None:
    _record(owner, checkpoints.FINISH_STEP, kind, _end_of_step(position, attempt), position=position, **parameters)


def wait_started(owner: Owner, position: int, *, wait: dict[str, Any], timeout: float | None) -> StartedWait:
    """Record what the workflow waits for and until when; a replayed wait keeps its first end."""
    due = None if timeout is None else time.monotonic() + timeout
    op, data = f"{position}.w", json.dumps(wait)
    row = _record(
        owner, checkpoints.START_WAIT, EventKind.WAIT_STARTED, op, position=position, data=data, timeout=timeout
    )
    if len(row) > 1:
        _seq, since, until = row
    else:
        event = _written(owner, op)
        since, until = wire_time(event.at), event.data["until"]
    return StartedWait({**wait, "until": until, "since": since}, Due(until, due))


def waits_registered(owner: Owner, targets: Sequence[str], *, key: str, first: bool) -> int:
    """Ask to be woken by these workflows: when `key` is set, or when they end (key ""); `first`: by any one of them.

    Returns the count of wakes so far; a suspension is refused when another one came since. Look again after this and
    before suspending: what happened earlier wakes nobody. Raises Cancelled or LeaseLost.
    """
    rows = persistently(
        REGISTER_WAITS,
        {"workflow_id": owner.workflow_id, "token": owner.token, "targets": list(targets), "key": key, "first": first,
         "op": None},
    )  # fmt: skip
    if not rows:
        raise refusal(owner)
    return int(rows[0][0])


def waits_forgotten(owner: Owner) -> None:
    """Remove what an ended workflow registered to wait for."""
    patiently(lambda: fetch(FORGET_WAITS, {"workflow_id": owner.workflow_id}), what=f"workflow {owner.workflow_id!r}")


def operation_recorded(owner: Owner, kind: EventKind, position: int, *, key: str, data: str) -> None:
    """Record an operation without a row of its own, such as a wait's outcome; replay returns it without waiting."""
    _record(owner, checkpoints.RECORD_OPERATION, kind, str(position), position=position, key=key, data=data)


def receive_message(owner: Owner, position: int, *, topic: str) -> list[Json]:
    """Consume the oldest unread message of the topic and record it, in one statement. An empty list: none there."""
    rows = _ask(
        owner,
        checkpoints.RECEIVE_MESSAGE,
        EventKind.MESSAGE_RECEIVED,
        str(position),
        position=position,
        key=topic,
        data=None,
    )
    if rows == [(None,)]:  # recorded by an earlier try whose answer got lost
        return [_written(owner, str(position)).data["message"]]
    return [json.loads(rows[0][0])] if rows else []


def with_preview(head: str, output: str) -> str:
    """A JSON object text `head`, extended by the result if it is small, else by its size."""
    tail = f'"output":{output}' if fits_preview(output) else f'"output_bytes":{len(output.encode())}'
    return f"{head[:-1]},{tail}}}" if head != "{}" else f"{{{tail}}}"


def _record(owner: Owner, statement: LiteralString, kind: EventKind, op: str, **parameters: Any) -> tuple[Any, ...]:
    rows = _ask(owner, statement, kind, op, **parameters)
    if not rows:
        raise refusal(owner)
    if rows[0][0] is not None:
        notify.hint(owner.workflow_id, rows[0][0])
    return rows[0]


def _written(owner: Owner, op: str) -> Event:
    """The event of an operation whose first answer got lost."""
    return patiently(
        lambda: Event.objects.get(workflow_id=owner.workflow_id, op=op), what=f"workflow {owner.workflow_id!r}"
    )


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
    patience, asked_before, conflicted = Patience(f"workflow {parameters['workflow_id']!r}"), False, False
    while True:
        try:
            if asked_before and parameters["op"] and _already_recorded(parameters):
                return [(None,)]
            return fetch(statement, parameters)
        except IntegrityError:
            # The first try may have been committing still when it was looked for: then it is found now.
            if not asked_before or conflicted:
                raise
            conflicted = True
        except AWAY as error:
            patience.endure(error)
            asked_before = True


def _already_recorded(parameters: dict[str, Any]) -> bool:
    """Whether it was, by us: whoever took over records the same operations. Raises Cancelled or LeaseLost."""
    workflow_id, token = parameters["workflow_id"], parameters["token"]
    if not Event.objects.filter(workflow_id=workflow_id, op=parameters["op"]).exists():
        return False
    if not Workflow.objects.filter(id=workflow_id, token=token).exists():
        raise refusal(Owner(workflow_id, token, ""))
    return True


def is_step_recorded(owner: Owner, position: int, attempt: int) -> bool:
    """Whether this attempt's end was committed. Waits for a commit that is still under way: it holds the row."""

    def look() -> bool:
        with transaction.atomic():
            Workflow.objects.select_for_update(no_key=True).filter(id=owner.workflow_id).values_list("id").first()
            return Event.objects.filter(workflow_id=owner.workflow_id, op=_end_of_step(position, attempt)).exists()

    return patiently(look, what=f"workflow {owner.workflow_id!r}")


def _end_of_step(position: int, attempt: int) -> str:
    return f"{position}.{attempt}.+"


def hold(owner: Owner) -> None:
    """Keep the workflow this execution's until the caller's transaction ends. Raises Cancelled or LeaseLost."""
    rows = Workflow.objects.select_for_update(no_key=True).filter(id=owner.workflow_id, token=owner.token)
    if rows.filter(status=Status.RUNNING).values_list("id").first() is None:
        raise refusal(owner)


def refusal(owner: Owner) -> Cancelled | LeaseLost:
    """Why a fenced statement found nothing to write to."""
    row = Workflow.objects.filter(id=owner.workflow_id).values_list("status", flat=True)
    status = patiently(row.first, what=f"workflow {owner.workflow_id!r}")
    if status == Status.CANCELLED:
        return Cancelled(f"workflow {owner.workflow_id!r} was cancelled")
    return LeaseLost(f"workflow {owner.workflow_id!r} is {status or 'deleted'} and not ours (token {owner.token})")
