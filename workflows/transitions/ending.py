"""Ends, and the way back from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple

from workflows import event_log, notify, telemetry
from workflows.errors import TransitionRefused, WorkflowNotFound
from workflows.event_log import Owner
from workflows.models import Workflow
from workflows.sql import fetch, lifecycle
from workflows.states import TRANSITIONS, EventKind, Status


class Ended(NamedTuple):
    """A workflow that ended just now. `watched`: others may wait for that, see `wakeups`."""

    workflow_id: str
    watched: bool


def succeed(owner: Owner, *, output: str) -> Ended:
    """The workflow returned. Raises Cancelled or LeaseLost when it is no longer ours."""
    data = event_log.with_preview("{}", output)
    return _end(owner, Status.SUCCEEDED, EventKind.SUCCEEDED, data, output=output, error=None)


def fail(owner: Owner, *, error: str) -> Ended:
    """The workflow raised. Raises Cancelled or LeaseLost when it is no longer ours."""
    return _end(owner, Status.FAILED, EventKind.FAILED, f'{{"error":{error}}}', output=None, error=error)


def _end(owner: Owner, status: Status, kind: EventKind, data: str, *, output: str | None, error: str | None) -> Ended:
    rows = event_log.persistently(
        lifecycle.END,
        {
            "workflow_id": owner.workflow_id,
            "token": owner.token,
            "status": status.value,
            "output": output,
            "error": error,
            "kind": kind.value,
            "op": f"end{owner.token}",
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
    return Ended(owner.workflow_id, bool(rows[0][-1]))


def cancel(workflow_ids: Sequence[str], *, by: str, reason: str) -> list[Ended]:
    """Stop these workflows for good, as far as they have not ended. Their workers notice at the next checkpoint."""
    return _cancel(lifecycle.CANCEL, {"by": by, "reason": reason}, limit=len(workflow_ids), ids=list(workflow_ids))


def cancel_overdue(*, limit: int) -> list[Ended]:
    """Stop workflows whose deadline has passed."""
    data = {"by": "", "reason": "its timeout passed", "overdue": True}
    return _cancel(lifecycle.CANCEL_OVERDUE, data, limit=limit)


def _cancel(statement: LiteralString, data: dict[str, Any], *, limit: int, **which: Any) -> list[Ended]:
    rows = fetch(
        statement,
        {
            **which,
            "limit": limit,
            "sources": sorted(TRANSITIONS["cancel"].sources),
            "kind": EventKind.CANCELLED.value,
            "op": None,
            "position": None,
            "key": None,
            "data": json.dumps(data),
        },
    )
    for workflow_id, seq, _watched in rows:
        notify.hint(workflow_id, seq)
        telemetry.ended(workflow_id, Status.CANCELLED)
    return [Ended(workflow_id, bool(watched)) for workflow_id, _seq, watched in rows]


def resume(workflow_id: str, *, by: str, reason: str) -> str:
    """Let an ended workflow go on at its first unrecorded operation; returns its queue.

    Raises WorkflowNotFound and TransitionRefused, and IntegrityError when its dedup key belongs to another one now.
    """
    rows = fetch(
        lifecycle.RESUME,
        {
            "workflow_id": workflow_id,
            "sources": sorted(TRANSITIONS["resume"].sources),
            "data": json.dumps({"by": by, "reason": reason}),
        },
    )
    if not rows:
        raise refused(workflow_id, "resume")
    seq, queue = rows[0]
    notify.hint(workflow_id, seq)
    return str(queue)


def refused(workflow_id: str, transition: str) -> Exception:
    """Why a change of status found nothing to change."""
    status = Workflow.objects.filter(id=workflow_id).values_list("status", flat=True).first()
    if status is None:
        return WorkflowNotFound(workflow_id)
    needed = ", ".join(sorted(TRANSITIONS[transition].sources))
    return TransitionRefused(
        f"Workflow {workflow_id!r} cannot {transition}: it is {status} ({transition} needs {needed})."
    )
