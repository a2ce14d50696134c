"""How many workflows there are, without looking at any: sums, and the changes that are not in them yet.

A trigger writes a change in the transaction that makes it (migration 0004), so that sums and changes together are exact
in every snapshot. No statement here waits for a workflow's row, and none of theirs for one of these.
"""

from __future__ import annotations

from typing import LiteralString

# A change as what it adds to a status and what it takes from another.
_SIDES: LiteralString = """
CROSS JOIN LATERAL (VALUES (target, workflows), (source, -workflows)) AS side(status, moved)
WHERE side.status IS NOT NULL"""
# A change as what is counted of it in its minute: a beginning, an end, and what it moves between the other statuses.
_HAPPENED: LiteralString = """
CROSS JOIN LATERAL (VALUES
    (CASE WHEN source IS NULL THEN 'created' END, workflows), (target, workflows),
    (CASE WHEN source <> ALL(%(ends)s::text[]) THEN source END, -workflows)
) AS happened(kind, moved)
WHERE happened.kind IS NOT NULL"""

# A change as what is told of it for ever: a beginning, a claim with how long it was waited for, an end with how long it
# took. Claims go by queue, all else by definition.
_TALLIED: LiteralString = """
CROSS JOIN LATERAL (VALUES
    (CASE WHEN source IS NULL THEN 'created' END, definition, NULL),
    (CASE WHEN target = 'running' THEN 'claimed' END, queue, took),
    (CASE WHEN target = ANY(%(ends)s::text[]) THEN target END, definition, took)
) AS told(kind, name, seconds)
CROSS JOIN LATERAL (SELECT coalesce(width_bucket(told.seconds, %(bounds)s::float8[]), -1) AS bucket) AS which
WHERE at IS NOT NULL AND told.kind IS NOT NULL"""

# Since when what a claim took could have been claimed.
_CLAIMABLE_SINCE: LiteralString = "at - took * interval '1 second'"

_TOLD: LiteralString = (
    """
SELECT definition, queue, status, workflows FROM workflows_count
UNION ALL
SELECT definition, queue, side.status, side.moved FROM workflows_countchange"""
    + _SIDES
)

COUNTS: LiteralString = (
    "SELECT definition, queue, status, sum(workflows)::bigint FROM ("
    + _TOLD
    + """
) AS told GROUP BY definition, queue, status HAVING sum(workflows) <> 0 ORDER BY definition, queue, status"""
)

# The oldest changes become part of the sums, and of the counts of their minutes. Several may do this at once: each
# takes others, and all touch the sums in the same order.
FOLD: LiteralString = (
    """
WITH taken AS (
    DELETE FROM workflows_countchange WHERE id = ANY(ARRAY(
        SELECT id FROM workflows_countchange ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )) RETURNING definition, queue, source, target, workflows, at, took
), summed AS (
    INSERT INTO workflows_count AS c (definition, queue, status, workflows)
    SELECT definition, queue, side.status, sum(side.moved) FROM taken"""
    + _SIDES
    + """
    GROUP BY 1, 2, 3 HAVING sum(side.moved) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (definition, queue, status) DO UPDATE SET workflows = c.workflows + excluded.workflows
), dated AS (
    INSERT INTO workflows_minutecount AS m (minute, definition, kind, workflows)
    SELECT date_trunc('minute', at), definition, happened.kind, sum(happened.moved) FROM taken"""
    + _HAPPENED
    + """ AND at > clock_timestamp() - %(kept)s::interval
    GROUP BY 1, 2, 3 HAVING sum(happened.moved) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (minute, definition, kind) DO UPDATE SET workflows = m.workflows + excluded.workflows
), tallied AS (
    INSERT INTO workflows_tally AS t (kind, name, bucket, workflows, seconds)
    SELECT told.kind, told.name, bucket, sum(workflows), coalesce(sum(told.seconds * workflows), 0) FROM taken"""
    + _TALLIED
    + """
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (kind, name, bucket) DO UPDATE
    SET workflows = t.workflows + excluded.workflows, seconds = t.seconds + excluded.seconds
), dated_by_queue AS (
    INSERT INTO workflows_queueminutecount AS m (minute, queue, kind, workflows)
    SELECT date_trunc('minute', at), queue, happened.kind, sum(happened.moved) FROM taken"""
    + _HAPPENED
    + """ AND at > clock_timestamp() - %(kept)s::interval
    GROUP BY 1, 2, 3 HAVING sum(happened.moved) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (minute, queue, kind) DO UPDATE SET workflows = m.workflows + excluded.workflows
), claimed AS (
    INSERT INTO workflows_queueminutecount AS m (minute, queue, kind, workflows, since)
    SELECT date_trunc('minute', at), queue, 'claimed', sum(workflows), min("""
    + _CLAIMABLE_SINCE
    + """) FROM taken WHERE target = 'running' AND at > clock_timestamp() - %(kept)s::interval
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (minute, queue, kind) DO UPDATE
    SET workflows = m.workflows + excluded.workflows, since = least(m.since, excluded.since)
)
SELECT count(*) FROM taken"""
)

TALLIES: LiteralString = (
    """
SELECT kind, name, bucket, sum(workflows)::bigint, sum(seconds)::float8 FROM (
    SELECT kind, name, bucket, workflows, seconds FROM workflows_tally
    UNION ALL
    SELECT told.kind, told.name, bucket, workflows, coalesce(told.seconds * workflows, 0) FROM workflows_countchange"""
    + _TALLIED
    + """
) AS tally GROUP BY kind, name, bucket ORDER BY kind, name, bucket"""
)

FORGET_MINUTES: LiteralString = """
WITH forgotten AS (
    DELETE FROM workflows_queueminutecount WHERE minute < (SELECT clock_timestamp()) - %(kept)s::interval
)
DELETE FROM workflows_minutecount WHERE minute < (SELECT clock_timestamp()) - %(kept)s::interval"""
QUEUES_SINCE: LiteralString = "SELECT min(minute) FROM workflows_queueminutecount"


def _minutes_of(column: LiteralString, table: LiteralString) -> LiteralString:
    """Also of changes that are not folded yet: the last minute is the one people look at."""
    return (
        "SELECT minute, name, kind, sum(moved)::bigint FROM (SELECT minute, "
        + column
        + " AS name, kind, workflows AS moved FROM "
        + table
        + """ WHERE minute >= %(since)s AND kind = ANY(%(kinds)s::text[])
    UNION ALL
    SELECT date_trunc('minute', at), """
        + column
        + ", happened.kind, happened.moved FROM workflows_countchange"
        + _HAPPENED
        + """ AND at >= %(since)s AND happened.kind = ANY(%(kinds)s::text[])
) AS told GROUP BY minute, name, kind HAVING sum(moved) <> 0 ORDER BY minute, name, kind"""
    )


MINUTES: LiteralString = _minutes_of("definition", "workflows_minutecount")
QUEUE_MINUTES: LiteralString = _minutes_of("queue", "workflows_queueminutecount")
HAPPENED_SINCE: LiteralString = (
    "SELECT definition, kind, sum(number)::bigint FROM ("
    + MINUTES
    + ") AS each(minute, definition, kind, number) GROUP BY definition, kind"
)


def _stretches_of(column: LiteralString, table: LiteralString) -> LiteralString:
    """What happened in each stretch of so many seconds, by their numbers. One probe of the table for each minute."""
    return (
        "SELECT kind, floor(extract(epoch FROM minute - %(since)s::timestamptz) / %(seconds)s)::int, sum(moved)::bigint"
        " FROM (SELECT minute, kind, workflows AS moved FROM "
        + table
        + " WHERE "
        + column
        + """ = %(of)s AND kind = ANY(%(kinds)s::text[]) AND minute = ANY(ARRAY(
        SELECT generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 minute', '1 minute')))
    UNION ALL
    SELECT date_trunc('minute', at), happened.kind, happened.moved FROM workflows_countchange"""
        + _HAPPENED
        + " AND "
        + column
        + """ = %(of)s AND at >= %(since)s AND at < %(until)s AND happened.kind = ANY(%(kinds)s::text[])
) AS told GROUP BY 1, 2 HAVING sum(moved) <> 0"""
    )


DEFINITION_STRETCHES: LiteralString = _stretches_of("definition", "workflows_minutecount")
QUEUE_STRETCHES: LiteralString = _stretches_of("queue", "workflows_queueminutecount")

# Since when what was claimed in each minute had waited at most. One probe for each minute, and the changes.
CLAIMS: LiteralString = (
    """
SELECT minute, min(since) FROM (
    SELECT minute, since FROM workflows_queueminutecount
    WHERE queue = %(queue)s AND kind = 'claimed' AND minute = ANY(ARRAY(
        SELECT generate_series(%(since)s::timestamptz, %(until)s::timestamptz, '1 minute')))
    UNION ALL
    SELECT date_trunc('minute', at), """
    + _CLAIMABLE_SINCE
    + """ FROM workflows_countchange WHERE queue = %(queue)s AND target = 'running' AND at >= %(since)s
) AS told WHERE since IS NOT NULL GROUP BY minute"""
)
CLAIMS_SINCE: LiteralString = "SELECT min(minute) FROM workflows_queueminutecount WHERE kind = 'claimed'"

# The same stretch of each of the last days that the minutes reach back to. One row at least, if they reach back at all.
STRETCHES: LiteralString = """
WITH stretch AS (
    SELECT begin, count(*) OVER () AS days FROM (
        SELECT %(since)s::timestamptz - day * interval '1 day' AS begin FROM generate_series(1, %(days)s::int) AS day
    ) AS one WHERE begin >= (SELECT min(minute) FROM workflows_minutecount)
)
SELECT days, found.definition, coalesce(sum(found.workflows), 0)::bigint FROM stretch
LEFT JOIN LATERAL (
    SELECT definition, sum(workflows) AS workflows FROM workflows_minutecount
    WHERE minute >= begin AND minute < begin + %(length)s::interval AND kind = %(kind)s GROUP BY definition
) AS found ON true
GROUP BY days, found.definition"""

# These two look at every workflow: one snapshot of what there is and of what was told.
_DIFFERENCES: LiteralString = (
    """
SELECT definition, queue, status, sum(there)::bigint AS there, sum(told)::bigint AS told FROM (
    SELECT definition, queue, status, count(*) AS there, 0 AS told FROM workflows_workflow GROUP BY 1, 2, 3
    UNION ALL
    SELECT definition, queue, status, 0, workflows FROM ("""
    + _TOLD
    + """) AS told
) AS compared GROUP BY 1, 2, 3 HAVING sum(there) <> sum(told)"""
)
DIFFERENCES: LiteralString = _DIFFERENCES + " ORDER BY definition, queue, status"
PUT_RIGHT: LiteralString = (
    "WITH wrong AS ("
    + _DIFFERENCES
    + """), mended AS (
    INSERT INTO workflows_countchange (definition, queue, target, workflows)
    SELECT definition, queue, status, there - told FROM wrong
)
SELECT definition, queue, status, there, told FROM wrong ORDER BY definition, queue, status"""
)
