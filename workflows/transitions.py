"""Every change of a workflow's status: guarded by the status and token believed in, together with its event.

The only writer of `status`. Which statuses a change may start from stands in `states.TRANSITIONS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, LiteralString, NamedTuple

from workflows import event_log, notify, sql, telemetry
from workflows.conf import conf
from workflows.errors import TransitionRefused, WorkflowNotFound
from workflows.event_log import Owner
from workflows.models import Workflow
from workflows.payloads import Json, decode
from workflows.states import TRANSITIONS, EventKind, Status


class Claim(NamedTuple):
    """A workflow that this worker may execute now."""

    owner: Owner
    definition: str
    input: Json
    first: bool  # nothing can have been recorded yet


class Released(NamedTuple):
    """A workflow that lost its worker. `delay`: seconds until it may be claimed again."""

    workflow_id: str
    queue: str
    quarantined: bool
    delay: float


def start(*, workflow_id: str, definition: str, queue: str, encoded_input: str, by: str) -> Workflow | None:
    """Create a queued workflow. None: the id is taken. Joins the caller's transaction."""
    rows = sql.fetch(
        sql.START_WORKFLOW,
        {
            "workflow_id": workflow_id,
            "definition": definition,
            "queue": queue,
            "input": encoded_input,
            "by": by,
            **_event(EventKind.CREATED, {"definition": definition, "queue": queue, "by": by}),
        },
    )
    if not rows:
        return None
    seq, at = rows[0]
    notify.hint(workflow_id, seq)
    workflow = Workflow(
        id=workflow_id,
        definition=definition,
        queue=queue,
        status=Status.QUEUED,
        input=decode(encoded_input),
        created_by=by,
        created_at=at,
        status_at=at,
        available_at=at,
        last_seq=seq,
    )
    workflow._state.adding = False  # it is in the database, as after a read
    return workflow


def claim(workflow_id: str, *, worker: str, definitions: list[str]) -> Claim | None:
    """Take this workflow if it is claimable and its definition is one of those."""
    return _claim(sql.CLAIM, worker, definitions, workflow_id=workflow_id)


def claim_next(*, queues: list[str], worker: str, definitions: list[str]) -> Claim | None:
    """Take the workflow that is claimable for the longest time in these queues."""
    return _claim(sql.CLAIM_NEXT, worker, definitions, queues=queues)


def _claim(statement: LiteralString, worker: str, definitions: list[str], **which: Any) -> Claim | None:
    rows = sql.fetch(
        statement,
        {"worker": worker, "definitions": definitions, "lease": f"{conf().lease_seconds} seconds", **which},
    )
    if not rows:
        return None
    workflow_id, token, definition, input_text, seq = rows[0]
    notify.hint(workflow_id, seq)
    telemetry.claimed(workflow_id, definition, token)
    return Claim(Owner(workflow_id, token, worker), definition, decode(input_text), first=seq == 2)


def succeed(owner: Owner, *, output: str) -> None:
    """The workflow returned. Raises Cancelled or LeaseLost when it is no longer ours."""
    _end(owner, Status.SUCCEEDED, EventKind.SUCCEEDED, event_log.with_preview("{}", output), output=output, error=None)


def fail(owner: Owner, *, error: str) -> None:
    """The workflow raised. Raises Cancelled or LeaseLost when it is no longer ours."""
    _end(owner, Status.FAILED, EventKind.FAILED, f'{{"error":{error}}}', output=None, error=error)


def _end(owner: Owner, status: Status, kind: EventKind, data: str, *, output: str | None, error: str | None) -> None:
    rows = event_log.persistently(
        sql.END,
        {
            "workflow_id": owner.workflow_id,
            "token": owner.token,
            "status": status.value,
            "output": output,
            "error": error,
            "kind": kind.value,
            "op": "end",
            "position": None,
            "key": None,
            "data": data,
        },
    )
    if not rows:
        raise event_log.refusal(owner)
    if rows[0][0] is not None:
        notify.hint(owner.workflow_id, rows[0][0])
    telemetry.ended(owner.workflow_id, status)


def cancel(workflow_id: str, *, by: str, reason: str) -> None:
    """Stop a workflow for good. Its worker notices at the next checkpoint.

    Raises WorkflowNotFound, or TransitionRefused when it has ended already.
    """
    rows = sql.fetch(
        sql.CANCEL,
        {
            "workflow_id": workflow_id,
            "sources": sorted(TRANSITIONS["cancel"].sources),
            **_event(EventKind.CANCELLED, {"by": by, "reason": reason}),
        },
    )
    if not rows:
        raise _refused(workflow_id, "cancel")
    notify.hint(workflow_id, rows[0][0])
    telemetry.ended(workflow_id, Status.CANCELLED)


def _refused(workflow_id: str, transition: str) -> Exception:
    status = Workflow.objects.filter(id=workflow_id).values_list("status", flat=True).first()
    if status is None:
        return WorkflowNotFound(workflow_id)
    needed = ", ".join(sorted(TRANSITIONS[transition].sources))
    return TransitionRefused(
        f"Workflow {workflow_id!r} cannot {transition}: it is {status} ({transition} needs {needed})."
    )


def hand_back(owner: Owner) -> list[Released]:
    """The owner gives the workflow back to its queue, because its worker stops. No crash is counted."""
    which = {"workflow_id": owner.workflow_id, "token": owner.token}
    return _release(sql.RELEASE_OWNED, which, reason="shutdown", crash=False, limit=1)


def release_expired(*, limit: int) -> list[Released]:
    """Take workflows from workers whose lease ran out."""
    return _release(sql.RELEASE_EXPIRED, {}, reason="lease_expired", crash=True, limit=limit)


def release_held_by(workers: Iterable[str], *, limit: int) -> list[Released]:
    """Take workflows from workers that are known to be dead."""
    return _release(sql.RELEASE_HELD_BY, {"workers": list(workers)}, reason="worker_lost", crash=True, limit=limit)


def _release(
    statement: LiteralString, which: dict[str, Any], *, reason: str, crash: bool, limit: int
) -> list[Released]:
    limit_of_crashes = conf().crash_limit
    error = {
        "type": "Quarantined",
        "module": "workflows",
        "message": f"Its worker died {limit_of_crashes} times in a row without recording an operation.",
        "traceback": "",
    }
    rows = sql.fetch(
        statement,
        {
            **which,
            "reason": reason,
            "crash": int(crash),
            "crash_limit": limit_of_crashes,
            "crash_backoff": conf().crash_backoff,
            "error": json.dumps(error),
            "limit": limit,
        },
    )
    for workflow_id, _queue, seq, hopeless, _delay in rows:
        notify.hint(workflow_id, seq)
        telemetry.released(workflow_id, reason, hopeless=hopeless)
    return [Released(workflow_id, queue, hopeless, delay) for workflow_id, queue, _seq, hopeless, delay in rows]


def _event(kind: EventKind, data: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind.value, "op": None, "position": None, "key": None, "data": json.dumps(data)}
