"""A key's numbers over time: of one workflow, thinned out where they are many, and of earlier ones, for comparison."""

from __future__ import annotations

from typing import LiteralString

# What a value is as a number: itself, or how much is done, for a progress. Beyond what a float can hold it is none.
# The key is an expression, else the planner would join a workflow's events with all of that key.
_NUMBERS: LiteralString = """
SELECT workflow_id, seq, at, CASE WHEN abs(found::numeric) < 1e300 THEN found::float8 END AS number FROM (
    SELECT workflow_id, seq, at, CASE jsonb_typeof(data -> 'value')
        WHEN 'number' THEN data -> 'value'
        WHEN 'object' THEN CASE jsonb_typeof(data #> '{value,done}') WHEN 'number' THEN data #> '{value,done}' END
    END AS found
    FROM workflows_event WHERE workflow_id = ANY(%(ids)s::text[]) AND kind = 'value_set' AND concat(key) = %(key)s
) AS one WHERE found IS NOT NULL"""

# All of them or, of each of so many parts, the lowest and the highest, so that no spike is lost. The first and the last
# are always there.
CURVE: LiteralString = (
    "WITH numbers AS ("
    + _NUMBERS
    + """), parted AS (
    SELECT seq, at, number, count(*) OVER () AS total, ntile(%(parts)s) OVER (ORDER BY seq) AS part,
           row_number() OVER (ORDER BY seq) AS place
    FROM numbers WHERE number IS NOT NULL
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY part ORDER BY number, seq) AS low,
           row_number() OVER (PARTITION BY part ORDER BY number DESC, seq) AS high
    FROM parted
)
SELECT at, number, total FROM ranked
WHERE total <= 2 * %(parts)s OR low = 1 OR high = 1 OR place IN (1, total) ORDER BY seq"""
)

# Of the latest of a definition that succeeded, those whose histories are short. By index `workflow_succeeded`.
EARLIER: LiteralString = """
SELECT id, started_at, finished_at FROM (
    SELECT id, started_at, finished_at, last_seq FROM workflows_workflow
    WHERE definition = %(definition)s AND status = 'succeeded' AND forked_from_id IS NULL AND started_at IS NOT NULL
    ORDER BY finished_at DESC LIMIT %(looked_at)s
) AS latest WHERE last_seq <= %(events)s AND id <> %(workflow_id)s LIMIT %(limit)s"""

EARLIER_NUMBERS: LiteralString = (
    "SELECT workflow_id, at, number FROM ("
    + _NUMBERS
    + ") AS numbers WHERE number IS NOT NULL ORDER BY workflow_id, seq"
)
