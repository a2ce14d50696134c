"""The hand-written statements, and how they are run.

They are written by hand because each is one round trip and one commit: it checks the fencing token and the status,
takes the next seq, writes the fact and appends the event. The ORM would need four statements and a transaction.
No row back means: the workflow was not in the state that the statement demands, and nothing was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from django.db import connection

# Times inside JSON: ISO 8601, UTC, microseconds.
WIRE_TIME: LiteralString = "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

# What `event_log` and `transitions` append; `chosen` is the CTE with the locked workflow: id, seq, at.
_LOGGED = """
logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, op, position, key, data, at)
    SELECT id, seq, %(kind)s, %(op)s, %(position)s::int, %(key)s, %(data)s::jsonb, at FROM chosen
    RETURNING seq
)"""

# A checkpoint by the owner. `crashes = 0`: a recorded operation is progress (the index of `workflow` is its key).
_OWNED = """
WITH chosen AS (
    UPDATE workflows_workflow SET last_seq = last_seq + 1 {extra}
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running'
    RETURNING id, last_seq AS seq, clock_timestamp() AS at
), """

_PROGRESS: LiteralString = ", crashes = 0"


def _owned(extra: LiteralString = "") -> LiteralString:
    return _OWNED.replace("{extra}", extra)


RECORD_EVENT: LiteralString = _owned() + _LOGGED + " SELECT seq FROM chosen"

RECORD_OPERATION: LiteralString = _owned(", crashes = 0, waiting = NULL") + _LOGGED + " SELECT seq FROM chosen"

SET_VALUE_TEMPLATE: LiteralString = """
valued AS (
    INSERT INTO workflows_value (workflow_id, key, value, seq, at)
    SELECT id, %(key)s, %(data)s::jsonb -> 'value', seq, at FROM chosen
    ON CONFLICT (workflow_id, key) DO UPDATE SET value = excluded.value, seq = excluded.seq, at = excluded.at
)
SELECT seq FROM chosen"""

# From the workflow's body: one recorded operation. From inside a step: visible at once, but no progress yet.
SET_VALUE: LiteralString = _owned(_PROGRESS) + _LOGGED + "," + SET_VALUE_TEMPLATE
SET_VALUE_IN_STEP: LiteralString = _owned() + _LOGGED + "," + SET_VALUE_TEMPLATE

START_STEP: LiteralString = (
    _owned()
    + _LOGGED
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

RETRY_STEP: LiteralString = (
    _owned()
    + _LOGGED
    + """,
stepped AS (
    UPDATE workflows_step AS s
    SET status = 'retrying', failures = s.failures + 1, error = %(error)s::jsonb,
        next_attempt_at = %(next_attempt_at)s::timestamptz
    FROM chosen WHERE s.workflow_id = chosen.id AND s.position = %(position)s
)
SELECT seq FROM chosen"""
)

FINISH_STEP: LiteralString = (
    _owned(_PROGRESS)
    + _LOGGED
    + """,
stepped AS (
    UPDATE workflows_step AS s
    SET status = %(status)s::text, output = %(output)s::jsonb, error = %(error)s::jsonb, finished_at = chosen.at,
        failures = s.failures + (%(status)s::text = 'failed')::int, next_attempt_at = NULL
    FROM chosen WHERE s.workflow_id = chosen.id AND s.position = %(position)s
)
SELECT seq FROM chosen"""
)

START_WAIT: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow
    SET last_seq = last_seq + 1, waiting = %(data)s::jsonb || jsonb_build_object('since', """
    + WIRE_TIME.replace("at AT", "clock.at AT")
    + """)
    FROM (SELECT clock_timestamp() AS at) AS clock
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running'
    RETURNING id, last_seq AS seq, clock.at AS at
), """
    + _LOGGED
    + " SELECT seq FROM chosen"
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

SEND_MESSAGE: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow SET last_seq = last_seq + 1
    WHERE id = %(workflow_id)s AND status = ANY(%(sources)s)
    RETURNING id, last_seq AS seq, clock_timestamp() AS at
), sent AS (
    INSERT INTO workflows_message (workflow_id, topic, body, sent_at, sent_by, idempotency_key)
    SELECT id, %(key)s, %(body)s::jsonb, at, %(by)s, %(idempotency_key)s FROM chosen
    RETURNING id
), """
    + _LOGGED
    + " SELECT sent.id, chosen.seq FROM sent, chosen"
)

START_WORKFLOW: LiteralString = (
    """
WITH chosen AS (
    INSERT INTO workflows_workflow
        (id, definition, queue, status, input, token, crashes, takeovers, available_at, last_seq, created_by,
         created_at, status_at)
    SELECT %(workflow_id)s, %(definition)s, %(queue)s, 'queued', %(input)s::jsonb, 0, 0, 0, at, 1, %(by)s, at, at
    FROM (SELECT clock_timestamp() AS at) AS clock
    ON CONFLICT (id) DO NOTHING
    RETURNING id, last_seq AS seq, created_at AS at
), """
    + _LOGGED
    + " SELECT seq, at FROM chosen"
)

# The claimed workflow and what `engine` needs to run it. The index `workflow_claimable` finds the next one.
_CLAIM = """
WITH candidate AS (
    SELECT id FROM workflows_workflow
    WHERE status = 'queued' AND available_at <= clock_timestamp() AND definition = ANY(%(definitions)s) {which}
    FOR UPDATE SKIP LOCKED
), chosen AS (
    UPDATE workflows_workflow AS w
    SET status = 'running', token = w.token + 1, worker = %(worker)s, last_seq = w.last_seq + 1,
        lease_expires_at = clock.at + %(lease)s::interval, status_at = clock.at,
        started_at = coalesce(w.started_at, clock.at)
    FROM candidate, (SELECT clock_timestamp() AS at) AS clock WHERE w.id = candidate.id
    RETURNING w.id, w.last_seq AS seq, clock.at AS at, w.token, w.definition, w.input
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at)
    SELECT id, seq, 'claimed', jsonb_build_object('worker', %(worker)s::text, 'takeover', token > 1), at FROM chosen
)
SELECT id, token, definition, input::text, seq FROM chosen"""


def _claim(which: LiteralString) -> LiteralString:
    return _CLAIM.replace("{which}", which)


CLAIM: LiteralString = _claim("AND id = %(workflow_id)s")
CLAIM_NEXT: LiteralString = _claim("AND queue = ANY(%(queues)s) ORDER BY available_at LIMIT 1")

# Ends by the owner's word.
END: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow
    SET status = %(status)s::text, output = %(output)s::jsonb, error = %(error)s::jsonb, last_seq = last_seq + 1,
        crashes = 0, worker = NULL, lease_expires_at = NULL, waiting = NULL,
        finished_at = clock.at, status_at = clock.at
    FROM (SELECT clock_timestamp() AS at) AS clock
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running'
    RETURNING id, last_seq AS seq, clock.at AS at
), """
    + _LOGGED
    + " SELECT seq FROM chosen"
)

CANCEL: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow
    SET status = 'cancelled', last_seq = last_seq + 1, worker = NULL, lease_expires_at = NULL, waiting = NULL,
        finished_at = clock.at, status_at = clock.at
    FROM (SELECT clock_timestamp() AS at) AS clock
    WHERE id = %(workflow_id)s AND status = ANY(%(sources)s)
    RETURNING id, last_seq AS seq, clock.at AS at
), stepped AS (
    UPDATE workflows_step AS s SET status = 'cancelled', finished_at = chosen.at, next_attempt_at = NULL
    FROM chosen WHERE s.workflow_id = chosen.id AND s.status IN ('running', 'retrying')
), """
    + _LOGGED
    + " SELECT seq FROM chosen"
)

# Back to the queue: by the owner (hand-back), or by `recovery` for an owner that died. A crash counts; at the limit it
# quarantines instead. `{which}` picks the rows; locked ones are in use by a live transaction and are left alone.
_RELEASE = """
WITH candidate AS (
    SELECT id, crashes + %(crash)s AS crashes, worker AS held_by,
           %(crash)s = 1 AND crashes + 1 >= %(crash_limit)s AS hopeless
    FROM workflows_workflow WHERE status = 'running' AND {which}
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), chosen AS (
    UPDATE workflows_workflow AS w
    SET status = CASE WHEN hopeless THEN 'quarantined' ELSE 'queued' END,
        finished_at = CASE WHEN hopeless THEN clock.at END,
        error = CASE WHEN hopeless THEN %(error)s::jsonb END,
        available_at = clock.at + CASE WHEN candidate.crashes < 2 THEN interval '0'
            ELSE least(%(crash_backoff)s * 2 ^ least(candidate.crashes - 2, 30), 60) * interval '1 second' END,
        crashes = candidate.crashes, takeovers = w.takeovers + %(crash)s, last_seq = w.last_seq + 1,
        worker = NULL, lease_expires_at = NULL, waiting = NULL, status_at = clock.at
    FROM candidate, (SELECT clock_timestamp() AS at) AS clock WHERE w.id = candidate.id
    RETURNING w.id, w.queue, w.last_seq AS seq, clock.at AS at, w.available_at, w.crashes, held_by, hopeless
), stepped AS (
    UPDATE workflows_step AS s
    SET status = CASE WHEN hopeless THEN 'cancelled' ELSE 'retrying' END,
        finished_at = CASE WHEN hopeless THEN chosen.at END,
        next_attempt_at = CASE WHEN NOT hopeless THEN chosen.available_at END
    FROM chosen
    WHERE s.workflow_id = chosen.id AND (s.status = 'running' OR (hopeless AND s.status = 'retrying'))
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at)
    SELECT id, seq, CASE WHEN hopeless THEN 'quarantined' ELSE 'released' END,
           jsonb_build_object('reason', %(reason)s::text, 'worker', held_by, 'crashes', crashes)
           || CASE WHEN hopeless THEN jsonb_build_object('error', %(error)s::jsonb)
              ELSE jsonb_build_object('available_at', to_char(available_at AT TIME ZONE 'UTC',
                                      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) END, at
    FROM chosen
)
SELECT id, queue, seq, hopeless, extract(epoch FROM available_at - clock_timestamp())::float8 FROM chosen"""


def _release(which: LiteralString) -> LiteralString:
    return _RELEASE.replace("{which}", which)


RELEASE_OWNED: LiteralString = _release("id = %(workflow_id)s AND token = %(token)s")
RELEASE_EXPIRED: LiteralString = _release("lease_expires_at < clock_timestamp()")
RELEASE_HELD_BY: LiteralString = _release("worker = ANY(%(workers)s)")

# Rows held by one worker process and its pool children share the prefix "host:pid/". SKIP LOCKED: a row that a
# checkpoint holds right now is alive, and renewing must not wait behind a user's transaction.
RENEW: LiteralString = """
WITH candidate AS (
    SELECT id FROM workflows_workflow
    WHERE status = 'running' AND worker = ANY(%(workers)s) FOR UPDATE SKIP LOCKED
)
UPDATE workflows_workflow AS w SET lease_expires_at = clock_timestamp() + %(lease)s::interval
FROM candidate WHERE w.id = candidate.id"""

# Rows that should have been claimed by now, by index `workflow_claimable`: their Celery messages were lost.
OVERLOOKED: LiteralString = """
SELECT queue, id FROM workflows_workflow
WHERE status = 'queued' AND queue = ANY(%(queues)s) AND definition = ANY(%(definitions)s)
  AND available_at < clock_timestamp() - %(age)s::interval
ORDER BY available_at LIMIT %(limit)s"""

RECORDED_OPERATIONS: LiteralString = """
SELECT position, 'step', name, status, attempt, failures, coalesce(output, error)::text, error::text
FROM workflows_step WHERE workflow_id = %(workflow_id)s
UNION ALL
SELECT position, kind, coalesce(key, ''), '', 0, 0, data::text, NULL
FROM workflows_event
WHERE workflow_id = %(workflow_id)s AND op = position::text AND kind NOT IN ('step_succeeded', 'step_failed')"""

# Which history a workflow's seqs count in: another one after a failover, and for a workflow deleted and made anew.
EPOCH: LiteralString = """(
    (SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)
    || '-' || (extract(epoch FROM w.created_at) * 1000000)::bigint)"""

HEADS: LiteralString = (
    "SELECT w.id, " + EPOCH + ", w.last_seq FROM workflows_workflow AS w WHERE w.id = ANY(%(ids)s::text[])"
)

# What follows each cursor in wire form, encoded and joined by the database: the fan-out never decodes it. One row for
# each workflow that exists. `max_bytes` ends a batch early, but never before its first event.
TAIL: LiteralString = (
    "SELECT asked.id, asked.seq, "
    + EPOCH
    + """, tail.count, tail.last, tail.events
FROM unnest(%(ids)s::text[], %(seqs)s::bigint[]) AS asked(id, seq)
JOIN workflows_workflow AS w ON w.id = asked.id
CROSS JOIN LATERAL (
    SELECT count(*) AS count, max(seq) AS last, string_agg(wire, ',' ORDER BY seq) AS events
    FROM (
        SELECT seq, wire, sum(octet_length(wire)) OVER (ORDER BY seq) AS bytes
        FROM (
            SELECT e.seq, json_build_array(e.seq, """
    + WIRE_TIME
    + """, e.kind, e.position, e.key, e.data)::text AS wire
            FROM workflows_event AS e
            WHERE e.workflow_id = asked.id AND e.seq > asked.seq ORDER BY e.seq LIMIT %(limit)s
        ) AS encoded
    ) AS measured
    WHERE bytes <= %(max_bytes)s OR seq = asked.seq + 1
) AS tail"""
)

MOVED: LiteralString = """
SELECT asked.id, coalesce(w.last_seq, -1) FROM unnest(%(ids)s::text[], %(seqs)s::bigint[]) AS asked(id, seq)
LEFT JOIN workflows_workflow AS w ON w.id = asked.id WHERE coalesce(w.last_seq, -1) <> asked.seq"""


def fetch(statement: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement on Django's connection, joining its transaction if there is one; prepared on the server.

    Raises Django's database errors.
    """
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []


def dedicated_connection() -> psycopg.Connection[tuple[Any, ...]]:
    """A new autocommit connection to Django's database, outside its pool and its per-thread bookkeeping."""
    parameters = connection.get_connection_params()
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    return psycopg.connect(**parameters, autocommit=True)
