"""Beginnings: a workflow that is queued, or delayed, from the outside or as a child."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import IntegrityError

from workflows import event_log, notify, tracing
from workflows.event_log import Owner
from workflows.models import Workflow
from workflows.payloads import decode
from workflows.sql import fetch
from workflows.sql.checkpoints import START_CHILD
from workflows.sql.lifecycle import DEBOUNCE, START_WORKFLOW
from workflows.states import EventKind, Status


@dataclass(frozen=True)
class Beginning:
    """What a new workflow begins with. delay, timeout: seconds; run_at: no earlier; parent: the id of its starter."""

    workflow_id: str
    definition: str
    queue: str
    encoded_input: str
    by: str = ""
    priority: int = 0
    delay: float | None = None
    run_at: datetime | None = None
    timeout: float | None = None
    dedup_key: str | None = None
    debounce_limit: float | None = None
    partition_key: str | None = None
    parent: str | None = None
    schedule: str | None = None

    def parameters(self) -> dict[str, Any]:
        """For the statements; absent facts are left out of the history."""
        created = {
            "definition": self.definition,
            "queue": self.queue,
            "by": self.by,
            "parent": self.parent,
            "schedule": self.schedule,
            "trace": tracing.caller(),
        }
        needed = ("definition", "queue", "by")
        return {
            "new_id": self.workflow_id,
            "definition": self.definition,
            "queue": self.queue,
            "input": self.encoded_input,
            "by": self.by,
            "priority": self.priority,
            "delay": self.delay,
            "run_at": self.run_at,
            "timeout": self.timeout,
            "dedup_key": self.dedup_key,
            "debounce_limit": self.debounce_limit,
            "partition_key": self.partition_key,
            "parent": self.parent,
            "schedule": self.schedule,
            "created": json.dumps({k: v for k, v in created.items() if k in needed or v is not None}),
        }


class TakenMeanwhile(Exception):
    """Somebody else took a child's id or dedup key at this very moment: nothing is recorded, look again."""


def start(beginning: Beginning) -> Workflow | None:
    """Create a queued or delayed workflow. None: its id or dedup key is taken. Joins the caller's transaction."""
    rows = fetch(START_WORKFLOW, beginning.parameters())
    if not rows:
        return None
    seq, at, status, available_at, wake_at, deadline_at = rows[0]
    notify.hint(beginning.workflow_id, seq)
    workflow = Workflow(
        id=beginning.workflow_id,
        definition=beginning.definition,
        queue=beginning.queue,
        status=status,
        input=decode(beginning.encoded_input),
        priority=beginning.priority,
        timeout=beginning.timeout,
        dedup_key=beginning.dedup_key,
        partition_key=beginning.partition_key,
        parent_id=beginning.parent,
        schedule=beginning.schedule,
        created_by=beginning.by,
        created_at=at,
        status_at=at,
        available_at=available_at,
        wake_at=wake_at,
        deadline_at=deadline_at,
        last_seq=seq,
    )
    workflow._state.adding = False  # it is in the database, as after a read
    return workflow


def debounce(beginning: Beginning) -> str | None:
    """Replace the input of the delayed workflow of this debounce key, and put it off. Returns its id; None: no such."""
    data = json.dumps({"by": beginning.by})
    told = {"kind": EventKind.DEBOUNCED.value, "op": None, "position": None, "key": None, "data": data}
    rows = fetch(DEBOUNCE, {**beginning.parameters(), **told})
    if not rows:
        return None
    workflow_id, seq = rows[0]
    notify.hint(workflow_id, seq)
    return str(workflow_id)


def start_child(owner: Owner, position: int, beginning: Beginning) -> Status | None:
    """Create a child by the checkpoint that records it in its parent. None: the id was taken, so it is attached to.

    Raises TakenMeanwhile, and Cancelled or LeaseLost when the parent is no longer ours; then there is no child.
    """
    data = {"definition": beginning.definition}
    parameters = {
        **beginning.parameters(),
        "workflow_id": owner.workflow_id,
        "token": owner.token,
        "kind": EventKind.CHILD_STARTED.value,
        "op": str(position),
        "position": position,
        "key": beginning.workflow_id,
        "data": json.dumps(data),
    }
    try:
        rows = event_log.persistently(START_CHILD, parameters)
    except IntegrityError as error:
        if isinstance(error.__cause__, psycopg.errors.NotNullViolation):
            raise TakenMeanwhile from error
        raise
    if not rows:
        raise event_log.refusal(owner)
    if len(rows[0]) == 1:  # recorded by an earlier try whose answer got lost
        return Status.QUEUED
    seq, status = rows[0]
    notify.hint(owner.workflow_id, seq)
    if status is None:
        return None
    notify.hint(beginning.workflow_id, 1)
    return Status(status)
