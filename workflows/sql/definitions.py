"""What is asked about a definition as a whole. Each reads a bounded number of rows by index, however many there are.

"The latest of a definition" is read for each status by `workflow_of_definition`, as the beginning of what follows in
the order of that index. Told that the name is equal, the planner takes the order of names for granted, may walk the
index of all workflows, and finds none of a name that nobody ever started at its end.
"""

from __future__ import annotations

from typing import LiteralString

# When one of each definition was started last: one probe for each status.
LAST_CREATED: LiteralString = """
SELECT asked.definition, max(w.created_at) FROM unnest(%(definitions)s::text[]) AS asked(definition)
CROSS JOIN unnest(%(statuses)s::text[]) AS of(status)
CROSS JOIN LATERAL (
    SELECT definition, status, created_at FROM workflows_workflow
    WHERE (definition, status) >= (asked.definition, of.status)
    ORDER BY definition, status, created_at DESC, id DESC LIMIT 1
) AS w
WHERE w.definition = asked.definition AND w.status = of.status
GROUP BY asked.definition"""

# How long the last ones that succeeded in each stretch took, by index `workflow_succeeded`.
DURATION_BANDS: LiteralString = """
SELECT stretch.place, count(*), percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY w.took)
FROM unnest(%(begins)s::timestamptz[]) WITH ORDINALITY AS stretch(begin, place)
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM finished_at - started_at)::float8 * 1000 AS took FROM workflows_workflow
    WHERE definition = %(definition)s AND status = 'succeeded' AND forked_from_id IS NULL AND started_at IS NOT NULL
        AND finished_at >= stretch.begin AND finished_at < stretch.begin + %(length)s::interval
    ORDER BY finished_at DESC LIMIT %(limit)s
) AS w
GROUP BY stretch.place ORDER BY stretch.place"""

_LATEST: LiteralString = """
WITH latest AS (
    SELECT w.* FROM unnest(%(statuses)s::text[]) AS of(status) CROSS JOIN LATERAL (
        SELECT id, definition, last_seq, version, status, created_at FROM workflows_workflow
        WHERE (definition, status) >= (%(definition)s, of.status)
        ORDER BY definition, status, created_at DESC, id DESC LIMIT %(limit)s
    ) AS w
    WHERE w.definition = %(definition)s AND w.status = of.status
    ORDER BY w.created_at DESC, w.id DESC LIMIT %(limit)s
)"""

# Which code the latest began with, the newest first.
VERSIONS: LiteralString = (
    _LATEST
    + """
SELECT version, count(*), count(*) FILTER (WHERE status = ANY(%(bad)s::text[])), min(created_at), max(created_at)
FROM latest WHERE version IS NOT NULL GROUP BY version ORDER BY max(created_at) DESC"""
)

# Which keys the latest have, with the newest value of each, cut; and how often the last events of each set them.
KEYS: LiteralString = (
    _LATEST
    + """, published AS (
    SELECT one.* FROM latest CROSS JOIN LATERAL (
        SELECT id, workflow_id, key, value, at FROM workflows_value WHERE workflow_id = latest.id
        ORDER BY key LIMIT %(keys)s
    ) AS one
), sets AS (
    SELECT one.key, count(*) AS sets FROM latest CROSS JOIN LATERAL (
        SELECT key FROM workflows_event
        WHERE workflow_id = latest.id AND seq > latest.last_seq - %(events)s AND kind = 'value_set'
    ) AS one GROUP BY one.key
), newest AS (
    SELECT DISTINCT ON (key) key, workflow_id, left(value #>> '{}', %(length)s) AS value, at
    FROM published ORDER BY key, at DESC
), seen AS (
    SELECT key, count(*) AS workflows, array_agg(DISTINCT jsonb_typeof(value)) AS types FROM published GROUP BY key
)
SELECT key, seen.workflows, seen.types, coalesce(sets.sets, 0), newest.value, newest.at, newest.workflow_id
FROM seen JOIN newest USING (key) LEFT JOIN sets USING (key)
ORDER BY seen.workflows DESC, key LIMIT %(keys)s"""
)
