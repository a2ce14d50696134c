"""Claims: who may execute what, now. `SKIP LOCKED` lets workers pass each other; limits are counted under a lock."""

from __future__ import annotations

from typing import LiteralString

from workflows.sql.parts import wire_time

_CHOSEN: LiteralString = (
    """
), chosen AS (
    UPDATE workflows_workflow AS w
    SET status = 'running', token = w.token + 1, worker = %(worker)s, last_seq = w.last_seq + 1,
        lease_expires_at = clock.at + %(lease)s::interval, status_at = clock.at,
        started_at = coalesce(w.started_at, clock.at), version = coalesce(w.version, %(version)s),
        deadline_at = CASE WHEN w.started_at IS NULL
            THEN least(w.deadline_at, clock.at + w.timeout * interval '1 second') ELSE w.deadline_at END
    FROM candidate, (SELECT clock_timestamp() AS at) AS clock WHERE w.id = candidate.id
    RETURNING w.id, w.last_seq AS seq, clock.at AS at, w.token, w.definition, w.input, w.queue, w.deadline_at,
              w.crashes > 0 AS takeover, w.started_at = clock.at AS begins, w.version
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at)
    SELECT id, seq, 'claimed', jsonb_build_object('worker', %(worker)s::text, 'takeover', takeover,
        'version', %(version)s::text, 'deadline_at', """
    + wire_time("deadline_at")
    + """), at FROM chosen
)"""
)
_SELECT: LiteralString = "SELECT id, token, definition, input::text, seq, version FROM chosen"

_CLAIMABLE: LiteralString = """
status = 'queued' AND available_at <= clock_timestamp() AND definition = ANY(%(definitions)s)"""
_UNLIMITED: LiteralString = """
NOT EXISTS (SELECT 1 FROM workflows_queue AS q WHERE q.name = w.queue)"""

CLAIM: LiteralString = (
    "WITH candidate AS (SELECT id FROM workflows_workflow AS w WHERE id = %(workflow_id)s AND "
    + _CLAIMABLE
    + " AND "
    + _UNLIMITED
    + " FOR UPDATE SKIP LOCKED"
    + _CHOSEN
    + _SELECT
)

# The head of each queue by index `workflow_claim_order`, then the best of these heads. Which queues have limits is
# asked first and once: as a condition on the rows it made the server read and sort whole queues.
CLAIM_NEXT: LiteralString = (
    """
WITH candidate AS (
    SELECT head.id
    FROM unnest(ARRAY(
        SELECT unnest(%(queues)s::text[]) EXCEPT SELECT name FROM workflows_queue
    )) AS q(name) CROSS JOIN LATERAL (
        SELECT id, priority, available_at FROM workflows_workflow
        WHERE queue = q.name AND """
    + _CLAIMABLE
    + """
        ORDER BY priority DESC, available_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS head
    ORDER BY head.priority DESC, head.available_at LIMIT 1"""
    + _CHOSEN
    + _SELECT
)

LIMITED_QUEUES: LiteralString = "SELECT name FROM workflows_queue WHERE name = ANY(%(queues)s) AND NOT paused"

# First the lock, in a statement of its own: what is counted afterwards includes every earlier claim from the queue.
LOCK_QUEUE: LiteralString = """
SELECT rate_limit IS NOT NULL FROM workflows_queue WHERE name = %(queue)s AND NOT paused FOR NO KEY UPDATE"""
FORGET_STARTS: LiteralString = """
DELETE FROM workflows_queuestart USING workflows_queue AS q
WHERE queue_id = q.name AND q.name = %(queue)s AND at <= clock_timestamp() - q.rate_period * interval '1 second'"""
# Seconds until the rate allows a further start: when the oldest of the last `rate_limit` starts leaves the window.
NEXT_START: LiteralString = """
SELECT extract(epoch FROM at + q.rate_period * interval '1 second' - clock_timestamp())::float8
FROM workflows_queue AS q CROSS JOIN LATERAL (
    SELECT at FROM workflows_queuestart WHERE queue_id = q.name ORDER BY at DESC OFFSET q.rate_limit - 1 LIMIT 1
) AS earliest
WHERE q.name = %(queue)s AND q.rate_limit IS NOT NULL"""

# A workflow that was resumed has lost its place in its partition until it is claimed again. `{row}` is its alias.
_RESUMED: LiteralString = """
'resumed' = (SELECT kind FROM workflows_event AS e WHERE e.workflow_id = {row}.id AND e.kind IN ('claimed', 'resumed')
             ORDER BY e.seq DESC LIMIT 1)"""

CLAIM_LIMITED: LiteralString = (
    """
WITH q AS (
    SELECT * FROM workflows_queue WHERE name = %(queue)s
), room AS (
    SELECT rate_limit IS NULL OR rate_limit > (
        SELECT count(*) FROM workflows_queuestart
        WHERE queue_id = name AND at > clock_timestamp() - rate_period * interval '1 second') AS to_begin
    FROM q
    WHERE NOT paused AND (concurrency IS NULL OR concurrency > (
        SELECT count(*) FROM workflows_workflow AS r WHERE r.queue = name AND r.status = 'running'))
      AND (worker_concurrency IS NULL OR worker_concurrency > (
        SELECT count(*) FROM workflows_workflow AS r
        WHERE r.queue = name AND r.status = 'running' AND starts_with(r.worker, %(host)s)))
), full_partitions AS (
    SELECT p.partition_key FROM workflows_workflow AS p, q
    WHERE q.partition_concurrency IS NOT NULL AND p.queue = q.name AND p.partition_key IS NOT NULL
      AND p.finished_at IS NULL AND p.started_at IS NOT NULL AND NOT (p.status = 'queued' AND """
    + _RESUMED.replace("{row}", "p")
    + """)
    GROUP BY p.partition_key, q.partition_concurrency HAVING count(*) >= q.partition_concurrency
), candidate AS (
    SELECT id FROM workflows_workflow AS w
    WHERE queue = %(queue)s AND """
    + _CLAIMABLE
    + """ AND EXISTS (SELECT 1 FROM room WHERE to_begin OR w.started_at IS NOT NULL)
      AND (w.partition_key IS NULL OR w.partition_key NOT IN (SELECT partition_key FROM full_partitions)
           OR w.started_at IS NOT NULL AND NOT ("""
    + _RESUMED.replace("{row}", "w")
    + """))
    ORDER BY priority DESC, available_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
    + _CHOSEN
    + """, counted AS (
    INSERT INTO workflows_queuestart (queue_id, at)
    SELECT chosen.queue, chosen.at FROM chosen, q WHERE begins AND q.rate_limit IS NOT NULL
)
"""
    + _SELECT
)

# Rows held by one worker process and its pool children share the prefix "host:pid/". SKIP LOCKED: a row that a
# checkpoint holds right now is alive, and renewing must not wait behind a user's transaction.
RENEW: LiteralString = """
WITH candidate AS (
    SELECT id FROM workflows_workflow
    WHERE status = 'running' AND worker = ANY(%(workers)s) FOR UPDATE SKIP LOCKED
)
UPDATE workflows_workflow AS w SET lease_expires_at = clock_timestamp() + %(lease)s::interval
FROM candidate WHERE w.id = candidate.id"""

# Rows that should have been claimed by now: their Celery messages were lost, or a limit kept them back.
OVERLOOKED: LiteralString = """
SELECT q.name, head.id FROM unnest(%(queues)s::text[]) AS q(name) CROSS JOIN LATERAL (
    SELECT id, available_at FROM workflows_workflow
    WHERE status = 'queued' AND queue = q.name AND definition = ANY(%(definitions)s)
      AND available_at < clock_timestamp() - %(age)s::interval
      AND NOT EXISTS (SELECT 1 FROM workflows_queue AS l WHERE l.name = q.name AND l.paused)
    ORDER BY priority DESC, available_at LIMIT %(limit)s
) AS head ORDER BY head.available_at LIMIT %(limit)s"""
