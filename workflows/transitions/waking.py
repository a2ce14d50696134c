"""To sleep without a worker, and to be woken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from workflows import event_log, notify
from workflows.event_log import Owner
from workflows.models import Workflow
from workflows.patience import patiently
from workflows.sql import fetch, waiting
from workflows.states import ACTIVE, Status


class Woken(NamedTuple):
    """A workflow that is queued again."""

    workflow_id: str
    queue: str


def suspend(owner: Owner, *, wait: dict[str, Any], wakes: int) -> bool:
    """Give up the worker until what `wait` names happens. False: some of it has happened since `wakes` was read.

    Raises Cancelled or LeaseLost when the workflow is no longer ours.
    """
    parameters = {
        "workflow_id": owner.workflow_id,
        "token": owner.token,
        "waiting": json.dumps(wait),
        "wakes": wakes,
        "op": f"s{owner.token}",  # a claim is suspended once
    }
    rows = event_log.persistently(waiting.SUSPEND, parameters)
    if rows:
        if rows[0][0] is not None:
            notify.hint(owner.workflow_id, rows[0][0])
        return True
    row = Workflow.objects.filter(id=owner.workflow_id, token=owner.token).values_list("status", flat=True)
    status = patiently(row.first, what=f"workflow {owner.workflow_id!r}")
    if status == Status.RUNNING:
        return False
    raise event_log.refusal(owner)


def wake(workflow_ids: Sequence[str], *, reason: str) -> list[Woken]:
    """Queue those of these workflows for which enough has happened, as `workflows_wait` says."""
    return _woken(fetch(waiting.WAKE, {"ids": list(workflow_ids), "reason": reason}))


def wake_due(*, limit: int) -> list[Woken]:
    """Queue workflows whose time has come: to start, or to wait no longer."""
    return _woken(fetch(waiting.WAKE_DUE, {"limit": limit}))


def _woken(rows: list[tuple[Any, ...]]) -> list[Woken]:
    for workflow_id, _queue, seq in rows:
        notify.hint(workflow_id, seq)
    return [Woken(workflow_id, queue) for workflow_id, queue, _seq in rows]


def message_sent(
    workflow_id: str, *, topic: str, encoded: str, by: str, idempotency_key: str | None
) -> tuple[int, Woken | None] | None:
    """Put a message into an inbox, by anybody; returns its id, and the workflow if that woke it.

    None: the workflow ended or does not exist.
    """
    rows = fetch(
        waiting.SEND_MESSAGE,
        {
            "workflow_id": workflow_id,
            "key": topic,
            "body": encoded,
            "by": by,
            "idempotency_key": idempotency_key,
            "sources": sorted(ACTIVE),
            "data": json.dumps({"by": by, "bytes": len(encoded.encode())}),
        },
    )
    if not rows:
        return None
    message_id, seq, queue, woken = rows[0]
    notify.hint(workflow_id, seq)
    return int(message_id), Woken(workflow_id, queue) if woken else None
