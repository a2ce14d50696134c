"""Removing workflows with everything that belongs to them, in one statement and without loading any of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from workflows.sql import fetch

# Foreign keys are checked at the end of the transaction, so the order does not matter. Relatives stay, as orphans.
_DELETE: LiteralString = """
WITH events AS (DELETE FROM workflows_event WHERE workflow_id = ANY(%(ids)s)),
steps AS (DELETE FROM workflows_step WHERE workflow_id = ANY(%(ids)s)),
kept AS (DELETE FROM workflows_value WHERE workflow_id = ANY(%(ids)s)),
messages AS (DELETE FROM workflows_message WHERE workflow_id = ANY(%(ids)s)),
waits AS (DELETE FROM workflows_wait WHERE workflow_id = ANY(%(ids)s) OR target_id = ANY(%(ids)s)),
wakeups AS (DELETE FROM workflows_wakeup WHERE target_id = ANY(%(ids)s)),
relatives AS (
    UPDATE workflows_workflow
    SET parent_id = CASE WHEN parent_id <> ALL(%(ids)s) THEN parent_id END,
        forked_from_id = CASE WHEN forked_from_id <> ALL(%(ids)s) THEN forked_from_id END
    WHERE (parent_id = ANY(%(ids)s) OR forked_from_id = ANY(%(ids)s)) AND id <> ALL(%(ids)s)
)
DELETE FROM workflows_workflow WHERE id = ANY(%(ids)s) RETURNING id"""


def delete_rows(ids: Sequence[str]) -> int:
    """This will remove these workflows; returns how many there were. Only for ended ones, which nobody writes to."""
    return len(fetch(_DELETE, {"ids": list(ids)}))
