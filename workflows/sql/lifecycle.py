"""Every statement that changes a workflow's status, apart from claims."""

from __future__ import annotations

from typing import LiteralString

from workflows.sql.parts import (
    CREATED_DATA,
    NEW_COLUMNS,
    NEW_RETURNING,
    NEW_SOURCES,
    NEW_VALUES,
    TELL_OF_END,
    logged,
    wire_time,
)

_NOW: LiteralString = "(SELECT clock_timestamp() AS at) AS clock"

START_WORKFLOW: LiteralString = (
    "WITH created AS (INSERT INTO workflows_workflow "
    + NEW_COLUMNS
    + " SELECT "
    + NEW_VALUES
    + " FROM "
    + _NOW
    + NEW_SOURCES
    + " ON CONFLICT DO NOTHING "
    + NEW_RETURNING
    + """
), announced AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at) SELECT id, seq, 'created', """
    + CREATED_DATA
    + """, at FROM created
)
SELECT seq, at, status, available_at, wake_at, deadline_at FROM created"""
)

# A further start of a debounced workflow that has not begun: its input wins, and it is put off, up to the limit.
DEBOUNCE: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow
    SET input = %(input)s::jsonb, last_seq = last_seq + 1,
        wake_at = least(clock.at + %(delay)s::float8 * interval '1 second', debounce_until)
    FROM (SELECT clock_timestamp() AS at) AS clock
    WHERE queue = %(queue)s AND dedup_key = %(dedup_key)s AND definition = %(definition)s AND status = 'delayed'
      AND debounce_until IS NOT NULL
    RETURNING id, last_seq AS seq, clock.at AS at, wake_at
), """
    + logged("%(data)s::jsonb || jsonb_build_object('wake_at', " + wire_time("wake_at") + ")")
    + " SELECT id, seq FROM chosen"
)

# A step that was open when its workflow ended: cut off by a cancellation, or not asked for any more by changed code.
_CUT_OFF: LiteralString = """stepped AS (
    UPDATE workflows_step AS s SET status = 'cancelled', finished_at = chosen.at, next_attempt_at = NULL
    FROM chosen WHERE s.workflow_id = chosen.id AND s.status IN ('running', 'retrying')
), """

# Ends by the owner's word.
END: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow
    SET status = %(status)s::text, output = %(output)s::jsonb, error = %(error)s::jsonb, last_seq = last_seq + 1,
        crashes = 0, worker = NULL, lease_expires_at = NULL, waiting = NULL,
        finished_at = clock.at, status_at = clock.at
    FROM """
    + _NOW
    + """
    WHERE id = %(workflow_id)s AND token = %(token)s AND status = 'running'
    RETURNING id, last_seq AS seq, clock.at AS at, watched IS NOT NULL AS watched
), """
    + _CUT_OFF
    + logged()
    + ","
    + TELL_OF_END
    + " SELECT seq, watched FROM chosen"
)

# `{which}` picks the rows.
_CANCEL: LiteralString = (
    """
WITH candidate AS (
    SELECT id FROM workflows_workflow WHERE {which} AND status = ANY(%(sources)s) LIMIT %(limit)s FOR UPDATE {locked}
), chosen AS (
    UPDATE workflows_workflow AS w
    SET status = 'cancelled', last_seq = last_seq + 1, worker = NULL, lease_expires_at = NULL, waiting = NULL,
        wake_at = NULL, finished_at = clock.at, status_at = clock.at
    FROM candidate, """
    + _NOW
    + """
    WHERE w.id = candidate.id
    RETURNING w.id, w.last_seq AS seq, clock.at AS at, w.watched IS NOT NULL AS watched
), """
    + _CUT_OFF
    + logged()
    + ","
    + TELL_OF_END
    + " SELECT id, seq, watched FROM chosen"
)


def _cancel(which: LiteralString, locked: LiteralString = "") -> LiteralString:
    return _CANCEL.replace("{which}", which).replace("{locked}", locked)


CANCEL: LiteralString = _cancel("id = ANY(%(ids)s)")
# By index `workflow_deadlines`.
CANCEL_OVERDUE: LiteralString = _cancel(
    "deadline_at <= (SELECT clock_timestamp()) AND deadline_at IS NOT NULL AND finished_at IS NULL", "SKIP LOCKED"
)

ACTIVE_DESCENDANTS: LiteralString = """
WITH RECURSIVE tree AS (
    SELECT parent_id AS root, id FROM workflows_workflow WHERE parent_id = ANY(%(ids)s)
    UNION
    SELECT tree.root, w.id FROM workflows_workflow AS w JOIN tree ON w.parent_id = tree.id
)
SELECT root, id FROM tree JOIN workflows_workflow USING (id) WHERE finished_at IS NULL"""

# Back to the queue: by the owner (hand-back), or by `recovery` for an owner that died. A crash counts; at the limit it
# quarantines instead. `{which}` picks the rows; locked ones are in use by a live transaction and are left alone.
_RELEASE: LiteralString = (
    """
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
    FROM candidate, """
    + _NOW
    + """
    WHERE w.id = candidate.id
    RETURNING w.id, w.queue, w.last_seq AS seq, clock.at AS at, w.available_at, w.crashes, held_by, hopeless,
              hopeless AND w.watched IS NOT NULL AS watched
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
              ELSE jsonb_build_object('available_at', """
    + wire_time("available_at")
    + """) END, at
    FROM chosen
), told AS (
    INSERT INTO workflows_wakeup (target_id, key) SELECT id, '' FROM chosen WHERE watched
), unwaited AS (
    DELETE FROM workflows_wait USING chosen WHERE workflow_id = chosen.id AND hopeless
)
SELECT id, queue, seq, hopeless, extract(epoch FROM available_at - clock_timestamp())::float8, watched FROM chosen"""
)


def _release(which: LiteralString) -> LiteralString:
    return _RELEASE.replace("{which}", which)


RELEASE_OWNED: LiteralString = _release("id = %(workflow_id)s AND token = %(token)s")
RELEASE_EXPIRED: LiteralString = _release("lease_expires_at < (SELECT clock_timestamp())")
RELEASE_HELD_BY: LiteralString = _release("worker = ANY(%(workers)s)")

# Ended ones may go on. For their queue and their timeout they begin anew: another one may have their place in a
# partition by now. What was cut off is tried again, and so is the culprit: the last operation, if its error ended the
# workflow. A body that publishes its failure before it raises the error again has recorded values after that; they are
# published anew. The outcome of a failed or late child is asked and waited for again. Their operation keys become free.
RESUME: LiteralString = """
WITH candidate AS (
    SELECT id, status, error FROM workflows_workflow
    WHERE id = %(workflow_id)s AND status = ANY(%(sources)s) FOR UPDATE
), latest AS (
    SELECT max(position) AS position,
           max(position) FILTER (WHERE kind <> 'value_set' OR op <> position::text) AS unpublished
    FROM workflows_event AS e JOIN candidate ON e.workflow_id = candidate.id WHERE op IS NOT NULL
), culprit AS (
    SELECT unpublished AS position FROM candidate, latest
    WHERE candidate.status = 'failed' AND (EXISTS (
        SELECT 1 FROM workflows_step AS s
        WHERE s.workflow_id = candidate.id AND s.position = unpublished AND s.status = 'failed'
          AND (unpublished = latest.position OR s.error - 'traceback' = candidate.error - 'traceback')
    ) OR EXISTS (
        SELECT 1 FROM workflows_event AS told
        WHERE told.workflow_id = candidate.id AND told.op = unpublished::text
          AND (unpublished = latest.position OR candidate.error ->> 'type'
               IN ('WorkflowFailed', 'WorkflowCancelled', 'WorkflowQuarantined', 'ResultTimeout'))
          AND (told.kind = 'result_read' AND told.data ? 'error'
               OR told.kind = 'results_gathered' AND told.data -> 'failed' <> '{}'::jsonb
               OR told.kind IN ('result_read', 'results_gathered', 'completion_read') AND told.data ? 'timed_out')
    ))
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS at
), reopened AS (
    UPDATE workflows_step AS s SET status = 'retrying', failures = 0, finished_at = NULL, next_attempt_at = clock.at
    FROM candidate, clock
    WHERE s.workflow_id = candidate.id
      AND (s.status = 'cancelled' OR s.status = 'failed' AND s.position = (SELECT position FROM culprit))
    RETURNING s.position
), forgotten AS (
    UPDATE workflows_event AS e SET op = NULL
    FROM candidate, culprit
    WHERE e.workflow_id = candidate.id
      AND (e.op IN (culprit.position::text, culprit.position || '.w')
           OR e.position > culprit.position AND e.op = e.position::text)
), chosen AS (
    UPDATE workflows_workflow AS w
    SET status = 'queued', error = NULL, started_at = NULL, finished_at = NULL, crashes = 0, deadline_at = NULL,
        watched = NULL,
        available_at = clock.at, status_at = clock.at, last_seq = w.last_seq + 1
    FROM candidate, clock WHERE w.id = candidate.id
    RETURNING w.id, w.last_seq AS seq, clock.at AS at, w.queue
), logged AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, data, at)
    SELECT id, seq, 'resumed',
           %(data)s::jsonb || jsonb_build_object(
               'reopened', coalesce((SELECT jsonb_agg(position ORDER BY position) FROM reopened), '[]'::jsonb)), at
    FROM chosen
)
SELECT seq, queue FROM chosen"""

# A fact about a workflow that changes nothing of its course: a pin, a fork made from it.
NOTE: LiteralString = (
    """
WITH chosen AS (
    UPDATE workflows_workflow SET last_seq = last_seq + 1, pinned = coalesce(%(pinned)s, pinned)
    WHERE id = %(workflow_id)s RETURNING id, last_seq AS seq, clock_timestamp() AS at
), """
    + logged()
    + " SELECT seq FROM chosen"
)

# The history up to a position becomes the beginning of another workflow's. Run in one transaction, in this order. What
# a resumption forgot (no operation key) is no trace of its position: the step before it was opened again after that.
FORK_CUT: LiteralString = """
SELECT coalesce(min(seq) FILTER (WHERE position >= %(position)s AND op IS NOT NULL) - 1,
                CASE WHEN EXISTS (
                    SELECT 1 FROM workflows_step WHERE workflow_id = %(workflow_id)s AND status = 'cancelled')
                    THEN max(seq) FILTER (WHERE position IS NOT NULL) ELSE max(seq) END),
       coalesce(max(position) FILTER (WHERE op IS NOT NULL), 0)
FROM workflows_event WHERE workflow_id = %(workflow_id)s"""
FORK_WORKFLOW: LiteralString = """
INSERT INTO workflows_workflow
    (id, definition, queue, status, input, token, crashes, takeovers, wakes, priority, partition_key, timeout,
     available_at, last_seq, created_by, created_at, status_at, forked_from_id, forked_position, pinned)
SELECT %(new_id)s, definition, queue, 'queued', coalesce(%(input)s::jsonb, input), token, 0, 0, 0, priority,
       partition_key, timeout, at, %(cut)s + 1, %(by)s, at, at, id, %(position)s, false
FROM workflows_workflow, (SELECT clock_timestamp() AS at) AS clock WHERE id = %(workflow_id)s
ON CONFLICT DO NOTHING RETURNING queue"""
FORK_EVENTS: LiteralString = """
WITH copied AS (
    INSERT INTO workflows_event (workflow_id, seq, kind, op, position, key, data, at)
    SELECT %(new_id)s, seq, kind, op, position, key, data, at FROM workflows_event
    WHERE workflow_id = %(workflow_id)s AND seq <= %(cut)s
)
INSERT INTO workflows_event (workflow_id, seq, kind, data, at)
SELECT id, last_seq, 'forked', %(data)s::jsonb, created_at FROM workflows_workflow WHERE id = %(new_id)s"""
FORK_STEPS: LiteralString = """
INSERT INTO workflows_step
    (workflow_id, position, name, status, attempt, failures, worker, started_at, attempt_started_at, finished_at,
     next_attempt_at, output, error)
SELECT %(new_id)s, s.position, name, coalesce(open.status, s.status), attempt, failures, worker, started_at,
       attempt_started_at, CASE WHEN open.status IS NULL THEN finished_at END,
       coalesce(open.next_attempt_at, s.next_attempt_at), output, error
FROM workflows_step AS s LEFT JOIN LATERAL (
    SELECT CASE kind WHEN 'step_started' THEN 'running' ELSE 'retrying' END AS status,
           (data ->> 'next_attempt_at')::timestamptz AS next_attempt_at
    FROM workflows_event AS e
    WHERE s.status = 'cancelled' AND e.workflow_id = s.workflow_id AND e.position = s.position
      AND e.kind IN ('step_started', 'step_retrying')
    ORDER BY seq DESC LIMIT 1
) AS open ON true
WHERE s.workflow_id = %(workflow_id)s AND s.position < %(position)s"""
FORK_VALUES: LiteralString = """
INSERT INTO workflows_value (workflow_id, key, value, seq, at, sets)
SELECT DISTINCT ON (key) %(new_id)s, key, data -> 'value', seq, at, count(*) OVER (PARTITION BY key)
FROM workflows_event
WHERE workflow_id = %(workflow_id)s AND kind = 'value_set' AND seq <= %(cut)s ORDER BY key, seq DESC"""
