"""A workflow made from another one's beginning, and notes that change no course."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from workflows import notify
from workflows.errors import InvalidInput, WorkflowConflict, WorkflowNotFound
from workflows.sql import fetch, lifecycle
from workflows.states import EventKind


def fork(workflow_id: str, *, new_id: str, position: int, encoded_input: str | None, by: str, reason: str) -> str:
    """Make a queued workflow that has recorded what the other one had before `position`; returns its queue.

    Steps, events and values are copied as of then; messages are not. Raises WorkflowNotFound, InvalidInput (no such
    position) and WorkflowConflict (the new id is taken).
    """
    with transaction.atomic():
        cut = _cut(workflow_id, position)
        which: dict[str, Any] = {
            "workflow_id": workflow_id, "new_id": new_id, "position": position, "cut": cut, "input": encoded_input,
            "by": by,
        }  # fmt: skip
        made = fetch(lifecycle.FORK_WORKFLOW, which)
        if not made:
            raise WorkflowConflict(f"Workflow {new_id!r} exists already. Choose another id for the fork.")
        told = {"from": workflow_id, "position": position, "by": by, "reason": reason}
        if encoded_input is not None:
            told["edited"] = True
        fetch(lifecycle.FORK_EVENTS, {**which, "data": json.dumps(told)})
        fetch(lifecycle.FORK_STEPS, which)
        fetch(lifecycle.FORK_VALUES, which)
        told = {"workflow": new_id, "position": position, "by": by, "reason": reason}
        note(workflow_id, EventKind.FORK_STARTED, told)
    notify.hint(new_id, cut + 1)
    return str(made[0][0])


def _cut(workflow_id: str, position: int) -> int:
    """The seq up to which the history is copied: just before the first trace of that position, else its newest."""
    cut, last = fetch(lifecycle.FORK_CUT, {"workflow_id": workflow_id, "position": position})[0]
    if not 1 <= position <= last + 1:
        raise InvalidInput(
            f"Workflow {workflow_id!r} cannot be forked from position {position}: it has recorded {last} operations. "
            f"Choose 1 to {last + 1}."
        )
    return int(cut) if position > 1 else 1  # the first event, of its creation, belongs to every history


def note(workflow_id: str, kind: EventKind, data: dict[str, Any], *, pinned: bool | None = None) -> None:
    """Append a fact about a workflow that changes nothing of its course. Raises WorkflowNotFound."""
    rows = fetch(
        lifecycle.NOTE,
        {"workflow_id": workflow_id, "pinned": pinned, "kind": kind.value, "op": None, "position": None, "key": None,
         "data": json.dumps(data)},
    )  # fmt: skip
    if not rows:
        raise WorkflowNotFound(workflow_id)
    notify.hint(workflow_id, rows[0][0])
