"""What the owner of a workflow records while it runs."""

from __future__ import annotations

from typing import LiteralString

from workflows.sql.parts import (
    CREATED_DATA,
    NEW_COLUMNS,
    NEW_RETURNING,
    NEW_SOURCES,
    NEW_VALUES,
    PROGRESS,
    logged,
    owned,
    wire_time,
)

# An operation without a row of its own: a wait's outcome, a patch. Whatever it waited for, it does so no longer; but
# who heard of the first of many ends goes on to wait for the others.
RECORD_OPERATION: LiteralString = (
    owned(", crashes = 0, waiting = NULL")
    + logged()
    + """, unwaited AS (
    DELETE FROM workflows_wait USING chosen
    WHERE workflow_id = chosen.id AND (%(kind)s <> 'completion_read' OR target_id = %(key)s)
)
SELECT seq FROM chosen"""
)

_VALUED: LiteralString = """,
valued AS (
    INSERT INTO workflows_value (workflow_id, key, value, seq, at)
    SELECT id, %(key)s, %(data)s::jsonb -> 'value', seq, at FROM chosen
    ON CONFLICT (workflow_id, key) DO UPDATE SET value = excluded.value, seq = excluded.seq, at = excluded.at
), told AS (
    INSERT INTO workflows_wakeup (target_id, key) SELECT id, %(key)s FROM chosen WHERE watched
)
SELECT seq, watched FROM chosen"""
_WATCHED: LiteralString = ", %(key)s = ANY(watched) AS watched"

# From the workflow's body: one recorded operation. From inside a step: visible at once, but no progress yet.
SET_VALUE: LiteralString = owned(PROGRESS, _WATCHED) + logged() + _VALUED
SET_VALUE_IN_STEP: LiteralString = owned("", _WATCHED) + logged() + _VALUED

START_STEP: LiteralString = (
    owned()
    + logged()
    + """,
stepped AS (
    INSERT INTO workflows_step
        (workflow_id, position, name, status, attempt, failures, worker, started_at, attempt_started_at)
    SELECT id, %(position)s, %(name)s, 'running', %(attempt)s, 0, %(worker)s, at, at FROM chosen
    ON CONFLICT (workflow_id, position) DO UPDATE
    SET status = 'running', attempt = excluded.attempt, worker = excluded.worker,
        attempt_started_at = excluded.attempt_started_at, next_attempt_at = NULL
)
SELECT seq FROM chosen"""
)

_NEXT_ATTEMPT: LiteralString = "at + %(delay)s::float8 * interval '1 second'"
RETRY_STEP: LiteralString = (
    owned()
    + logged("%(data)s::jsonb || jsonb_build_object('next_attempt_at', " + wire_time(_NEXT_ATTEMPT) + ")")
    + """,
stepped AS (
    UPDATE workflows_step AS s
    SET status = 'retrying', failures = s.failures + 1, error = %(error)s::jsonb, next_attempt_at = """
    + _NEXT_ATTEMPT
    + """
    FROM chosen WHERE s.workflow_id = chosen.id AND s.position = %(position)s
)
SELECT seq, """
    + wire_time(_NEXT_ATTEMPT)
    + " FROM chosen"
)

FINISH_STEP: LiteralString = (
    owned(PROGRESS)
    + logged()
    + """,
stepped AS (
    UPDATE workflows_step AS s
    SET status = %(status)s::text, output = %(output)s::jsonb, error = %(error)s::jsonb, finished_at = chosen.at,
        failures = s.failures + (%(status)s::text = 'failed')::int, next_attempt_at = NULL
    FROM chosen WHERE s.workflow_id = chosen.id AND s.position = %(position)s
)
SELECT seq FROM chosen"""
)

# The end of a wait is counted by the database's clock, from the moment it was recorded.
_LIMITED: LiteralString = "%(data)s::jsonb || jsonb_build_object('until', " + wire_time("clock.until") + ")"
START_WAIT: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow
    SET last_seq = last_seq + 1, waiting = """
    + _LIMITED
    + " || jsonb_build_object('since', "
    + wire_time("clock.at")
    + """)
    FROM (
        SELECT at, at + %(timeout)s::float8 * interval '1 second' AS until FROM (SELECT clock_timestamp() AS at) AS now
    ) AS clock
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running'
    RETURNING id, last_seq AS seq, clock.at AS at, clock.until AS until
), """
    + logged(_LIMITED.replace("clock.", ""))
    + " SELECT seq, "
    + wire_time("at")
    + ", "
    + wire_time("until")
    + " FROM chosen"
)

# Receives the oldest unread message of a topic, if there is one; the row lock of `chosen` orders competing receivers.
RECEIVE_MESSAGE: LiteralString = """
WITH found AS (
    SELECT id, body FROM workflows_message
    WHERE workflow_id = %(workflow_id)s AND topic = %(key)s AND consumed_seq IS NULL ORDER BY id LIMIT 1
), chosen AS (
    UPDATE workflows_workflow SET last_seq = last_seq + 1, crashes = 0, waiting = NULL
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running' AND EXISTS (SELECT 1 FROM found)
    RETURNING id, last_seq AS seq, clock_timestamp() AS at
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, op, position, key, data, at)
    SELECT chosen.id, seq, %(kind)s, %(op)s, %(position)s::int, %(key)s,
           jsonb_build_object('message', found.body), at
    FROM chosen, found
), consumed AS (
    UPDATE workflows_message AS m SET consumed_seq = chosen.seq FROM chosen, found WHERE m.id = found.id
)
SELECT found.body::text FROM chosen, found"""

# A child is made by the checkpoint that records it: a parent that was cancelled can make none. If somebody else takes
# the id or the dedup key at this very moment, the record would name the wrong workflow: no data, so it fails.
_ATTACHED: LiteralString = """
CASE WHEN EXISTS (SELECT 1 FROM created) THEN %(data)s::jsonb || '{"attached": false}'
     WHEN EXISTS (SELECT 1 FROM workflows_workflow WHERE id = %(new_id)s) THEN %(data)s::jsonb || '{"attached": true}'
END"""
START_CHILD: LiteralString = (
    owned(PROGRESS)
    + """
clock AS (SELECT at FROM chosen), created AS (
    INSERT INTO workflows_workflow """
    + NEW_COLUMNS
    + " SELECT "
    + NEW_VALUES
    + " FROM clock "
    + NEW_SOURCES
    + " ON CONFLICT DO NOTHING "
    + NEW_RETURNING
    + """
), announced AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at) SELECT id, seq, 'created', """
    + CREATED_DATA
    + " , at FROM created), "
    + logged(_ATTACHED)
    + " SELECT chosen.seq, created.status FROM chosen LEFT JOIN created ON true"
)
