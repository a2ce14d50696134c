"""Pieces that several statements share. In all of them `chosen` is the CTE with the locked workflow: id, seq, at."""

from __future__ import annotations

from typing import LiteralString


def wire_time(moment: LiteralString) -> LiteralString:
    """A time inside JSON: ISO 8601, UTC, microseconds."""
    return "to_char((" + moment + ") AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


def logged(data: LiteralString = "%(data)s::jsonb") -> LiteralString:
    """Append the event that a statement is about."""
    return (
        """
logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, op, position, key, data, at)
    SELECT id, seq, %(kind)s, %(op)s, %(position)s::int, %(key)s, """
        + data
        + """, at FROM chosen
    RETURNING seq
)"""
    )


def owned(extra: LiteralString = "", returning: LiteralString = "") -> LiteralString:
    """A checkpoint by the owner: takes the next seq, provided that token and status are the owner's."""
    return (
        """
WITH chosen AS (
    UPDATE workflows_workflow SET last_seq = last_seq + 1 """
        + extra
        + """
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running'
    RETURNING id, last_seq AS seq, clock_timestamp() AS at"""
        + returning
        + """
), """
    )


# A recorded operation is progress, so the count of crashes begins anew.
PROGRESS: LiteralString = ", crashes = 0"

# What ends tells those who wait for it, and waits for nothing any more.
TELL_OF_END: LiteralString = """
told AS (
    INSERT INTO workflows_wakeup (target_id, key) SELECT id, '' FROM chosen WHERE watched
), unwaited AS (
    DELETE FROM workflows_wait USING chosen WHERE workflow_id = chosen.id
)"""

# The columns of a new workflow, and their values; `clock` has `at`, `due` has when it may start.
NEW_COLUMNS: LiteralString = """
    (id, definition, queue, status, input, token, crashes, takeovers, wakes, priority, partition_key, dedup_key,
     debounce_until, timeout, deadline_at, available_at, wake_at, last_seq, created_by, created_at, status_at,
     parent_id, schedule, pinned)"""
NEW_VALUES: LiteralString = """
    %(new_id)s, %(definition)s, %(queue)s, CASE WHEN due > clock.at THEN 'delayed' ELSE 'queued' END, %(input)s::jsonb,
    0, 0, 0, 0, %(priority)s::int, %(partition_key)s, %(dedup_key)s,
    clock.at + %(debounce_limit)s::float8 * interval '1 second', %(timeout)s::float8, inherited.deadline_at,
    greatest(due, clock.at), CASE WHEN due > clock.at THEN due END, 1, %(by)s, clock.at, clock.at, inherited.id,
    %(schedule)s, false"""
NEW_SOURCES: LiteralString = """
    CROSS JOIN LATERAL (
        SELECT coalesce(%(run_at)s::timestamptz, clock.at + %(delay)s::float8 * interval '1 second', clock.at) AS due
    ) AS due
    LEFT JOIN workflows_workflow AS inherited ON inherited.id = %(parent)s"""
NEW_RETURNING: LiteralString = """
    RETURNING id, last_seq AS seq, created_at AS at, status, wake_at, available_at, deadline_at, queue"""
CREATED_DATA: LiteralString = (
    "%(created)s::jsonb || jsonb_strip_nulls(jsonb_build_object('wake_at', "
    + wire_time("wake_at")
    + ", 'deadline_at', "
    + wire_time("deadline_at")
    + "))"
)
