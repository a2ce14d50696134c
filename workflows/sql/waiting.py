"""To sleep without a worker, and to be woken. See `wakeups` for the order in which these are asked, and why."""

from __future__ import annotations

from typing import LiteralString

from workflows.sql.parts import wire_time

# A mark that somebody waits for the end is left as it is: only the end itself removes it, and the look that follows the
# registration sees that. A mark about a value is set anew, because an earlier value may be removing it just now.
# A waiting workflow is fenced by `wakes`: if anything it waits for happened since that was read, it must look again.
REGISTER_WAITS: LiteralString = """
WITH own AS (
    SELECT wakes FROM workflows_workflow
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running'
), watched AS (
    UPDATE workflows_workflow AS w
    SET watched = (SELECT array_agg(DISTINCT k) FROM unnest(w.watched || %(key)s::text) AS k)
    WHERE id = ANY(%(targets)s) AND finished_at IS NULL
      AND NOT (%(key)s = '' AND '' = ANY(coalesce(w.watched, '{}'))) RETURNING id
), registered AS (
    INSERT INTO workflows_wait AS wait (workflow_id, target_id, key, first, done)
    SELECT %(workflow_id)s, w.id, %(key)s, %(first)s,
           watched.id IS NULL
           AND NOT (w.finished_at IS NULL AND %(key)s = '' AND '' = ANY(coalesce(w.watched, '{}')))
    FROM workflows_workflow AS w LEFT JOIN watched ON watched.id = w.id
    WHERE w.id = ANY(%(targets)s) AND EXISTS (SELECT 1 FROM own)
    ON CONFLICT (workflow_id, target_id) DO UPDATE
    SET key = excluded.key, first = excluded.first, done = excluded.done
    WHERE (wait.key, wait.first, wait.done) <> (excluded.key, excluded.first, excluded.done)
)
SELECT wakes FROM own"""

# Of a workflow that was cancelled while it registered: the cancellation could not see what was not committed yet.
FORGET_WAITS: LiteralString = """
DELETE FROM workflows_wait USING workflows_workflow AS w
WHERE workflow_id = %(workflow_id)s AND w.id = workflow_id AND w.finished_at IS NOT NULL"""

# A back-off has not said since when it waits: since now, by the database's clock.
SUSPEND: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow
    SET status = 'waiting', worker = NULL, lease_expires_at = NULL, last_seq = last_seq + 1, status_at = clock.at,
        waiting = jsonb_build_object('since', """
    + wire_time("clock.at")
    + """) || %(waiting)s::jsonb, wake_at = (%(waiting)s::jsonb ->> 'until')::timestamptz, crashes = 0
    FROM (SELECT clock_timestamp() AS at) AS clock
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running' AND wakes = %(wakes)s
    RETURNING id, last_seq AS seq, clock.at AS at, wake_at, waiting
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, op, data, at)
    SELECT id, seq, 'suspended', %(op)s, jsonb_build_object('waiting', waiting, 'wake_at', """
    + wire_time("wake_at")
    + """), at FROM chosen
)
SELECT seq FROM chosen"""
)

PENDING_WAKEUPS: LiteralString = """
SELECT id, key FROM workflows_wakeup WHERE target_id = %(target)s"""
TARGETS_OF_WAKEUPS: LiteralString = "SELECT DISTINCT target_id FROM workflows_wakeup LIMIT %(limit)s"
UNWATCH: LiteralString = """
UPDATE workflows_workflow
SET watched = CASE WHEN '' = ANY(%(keys)s) THEN NULL
    ELSE (SELECT array_agg(k) FROM unnest(watched) AS k WHERE k <> ALL(%(keys)s)) END
WHERE id = %(target)s AND watched && %(keys)s::text[]"""
MARK_DONE: LiteralString = """
UPDATE workflows_wait SET done = true
WHERE target_id = %(target)s AND (key = ANY(%(keys)s) OR '' = ANY(%(keys)s)) RETURNING workflow_id"""
FORGET_WAKEUPS: LiteralString = "DELETE FROM workflows_wakeup WHERE id = ANY(%(ids)s)"


def _queued_if(asleep: LiteralString, events: LiteralString = "") -> LiteralString:
    """The columns of one to whom something happened, which wakes it if it is `asleep`."""
    return """wakes = w.wakes + 1, last_seq = w.last_seq + (CASE WHEN {asleep} THEN 1 ELSE 0 END){events},
        status = CASE WHEN {asleep} THEN 'queued' ELSE w.status END,
        waiting = CASE WHEN {asleep} THEN NULL ELSE w.waiting END,
        wake_at = CASE WHEN {asleep} THEN NULL ELSE w.wake_at END,
        available_at = CASE WHEN {asleep} THEN clock.at ELSE w.available_at END,
        status_at = CASE WHEN {asleep} THEN clock.at ELSE w.status_at END""".replace("{asleep}", asleep).replace(
        "{events}", events
    )


# Those for whom enough has happened. One that still runs is not woken, but its suspension will be refused.
# Whether it sleeps is asked of the row that is updated, never of one read before: PostgreSQL checks constraints
# before it notices that another commit came in between, so a mixture of old and new would be refused.
WAKE: LiteralString = (
    """
WITH candidate AS (
    SELECT id FROM workflows_workflow
    WHERE id = ANY(%(ids)s) AND status IN ('waiting', 'running') FOR UPDATE
), ready AS (
    SELECT id FROM candidate
    WHERE EXISTS (SELECT 1 FROM workflows_wait WHERE workflow_id = candidate.id AND first AND done)
       OR NOT EXISTS (SELECT 1 FROM workflows_wait WHERE workflow_id = candidate.id AND NOT done)
), chosen AS (
    UPDATE workflows_workflow AS w
    SET """
    + _queued_if("w.status = 'waiting'")
    + """
    FROM ready, (SELECT clock_timestamp() AS at) AS clock WHERE w.id = ready.id
    RETURNING w.id, w.queue, w.last_seq AS seq, clock.at AS at, w.status_at = clock.at AS asleep
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at)
    SELECT id, seq, 'woken', jsonb_build_object('reason', %(reason)s::text), at FROM chosen WHERE asleep
)
SELECT id, queue, seq FROM chosen WHERE asleep"""
)

# A message wakes its receiver by itself: both are rows of one workflow.
SEND_MESSAGE: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow AS w
    SET """
    + _queued_if("w.status = 'waiting' AND w.waiting ->> 'for' = 'message' AND w.waiting ->> 'name' = %(key)s", " + 1")
    + """
    FROM (SELECT clock_timestamp() AS at) AS clock WHERE w.id = %(workflow_id)s AND w.status = ANY(%(sources)s)
    RETURNING w.id, w.queue, w.last_seq AS seq, clock.at AS at, w.status_at = clock.at AS asleep
), sent AS (
    INSERT INTO workflows_message (workflow_id, topic, body, sent_at, sent_by, idempotency_key)
    SELECT id, %(key)s, %(body)s::jsonb, at, %(by)s, %(idempotency_key)s FROM chosen
    RETURNING id
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, key, data, at)
    SELECT id, seq - asleep::int, 'message_sent', %(key)s, %(data)s::jsonb, at FROM chosen
    UNION ALL
    SELECT id, seq, 'woken', NULL, '{"reason":"message"}'::jsonb, at FROM chosen WHERE asleep
)
SELECT sent.id, chosen.seq, chosen.queue, chosen.asleep FROM sent, chosen"""
)

# By index `workflow_alarms`: delayed ones whose time to start has come, and waits that end by time. The time is asked
# once, in a SELECT of its own; asked for each row, as volatile functions are, it would read the whole index.
WAKE_DUE: LiteralString = """
WITH candidate AS (
    SELECT id, status FROM workflows_workflow
    WHERE wake_at <= (SELECT clock_timestamp()) ORDER BY wake_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), chosen AS (
    UPDATE workflows_workflow AS w
    SET status = 'queued', wakes = w.wakes + 1, last_seq = w.last_seq + 1, waiting = NULL, wake_at = NULL,
        dedup_key = CASE WHEN w.debounce_until IS NULL THEN w.dedup_key END,
        available_at = clock.at, status_at = clock.at
    FROM candidate, (SELECT clock_timestamp() AS at) AS clock WHERE w.id = candidate.id
    RETURNING w.id, w.queue, w.last_seq AS seq, clock.at AS at, candidate.status = 'delayed' AS begins
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at)
    SELECT id, seq, CASE WHEN begins THEN 'due' ELSE 'woken' END,
           CASE WHEN begins THEN '{}'::jsonb ELSE '{"reason":"time"}'::jsonb END, at FROM chosen
)
SELECT id, queue, seq FROM chosen"""
NEXT_ALARM: LiteralString = """
SELECT extract(epoch FROM wake_at - clock_timestamp())::float8 FROM workflows_workflow
WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1"""
