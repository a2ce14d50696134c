"""Which ends a webhook has not been told of. `webhooks` says why nothing is lost."""

from __future__ import annotations

from typing import LiteralString

# The number that was given last, to an event which may not be committed yet.
LAST_EVENT: LiteralString = """
SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('workflows_event', 'id')::regclass), 0)"""

# Asked inside the transaction of a look, which has a number of its own: all that got theirs earlier are lower.
TRANSACTIONS: LiteralString = """
SELECT pg_current_xact_id()::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"""

# `value_set` is named so that the index of all other kinds may be used. What a fork copied happened to another one.
UNTOLD: LiteralString = """
SELECT d.id, w.id, w.definition, e.kind, e.seq, e.at, w.created_at, w.started_at
FROM workflows_event AS e
JOIN workflows_workflow AS w ON w.id = e.workflow_id
CROSS JOIN LATERAL (
    SELECT 'webhook:' || %(hook)s::bigint || ':'
        || CASE WHEN length(w.id) <= 150 THEN w.id || ':' || e.seq ELSE e.id::text END AS id
) AS d
WHERE e.id > %(after)s AND e.kind = ANY(%(kinds)s) AND e.kind <> 'value_set'
  AND w.definition <> %(deliveries)s
  AND (cardinality(%(definitions)s::text[]) = 0 OR w.definition = ANY(%(definitions)s::text[]))
  AND (w.forked_position IS NULL OR NOT EXISTS (
      SELECT 1 FROM workflows_event AS later
      WHERE later.workflow_id = w.id AND later.seq > e.seq AND later.kind = 'forked'))
  AND NOT EXISTS (SELECT 1 FROM workflows_workflow AS told WHERE told.id = d.id)
ORDER BY e.id LIMIT %(limit)s"""
