"""What readers ask: replay, cursors, tails, sweeps."""

from __future__ import annotations

from typing import LiteralString

from workflows.sql.parts import wire_time

# Everything that replay answers from, in one read: outcomes by position, waits that began, retries that are due.
# The last two columns: until when, in wire form, and how many seconds that is from now by the database's clock.
RECORDED_OPERATIONS: LiteralString = (
    """
SELECT position, 'step', name, status, attempt, failures, coalesce(output, error)::text, error::text,
       """
    + wire_time("next_attempt_at")
    + """, extract(epoch FROM next_attempt_at - clock_timestamp())::float8
FROM workflows_step WHERE workflow_id = %(workflow_id)s
UNION ALL
SELECT position, kind, coalesce(key, ''), '', 0, 0, data::text, NULL, NULL, NULL
FROM workflows_event
WHERE workflow_id = %(workflow_id)s AND op = position::text
UNION ALL
SELECT position, kind, '', '', 0, 0, (data || jsonb_build_object('since', """
    + wire_time("at")
    + """))::text, NULL, data ->> 'until',
       extract(epoch FROM (data ->> 'until')::timestamptz - clock_timestamp())::float8
FROM workflows_event
WHERE workflow_id = %(workflow_id)s AND op = position || '.w'"""
)

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
    "SELECT asked.id, asked.seq, w.definition, "
    + EPOCH
    + """, w.last_seq, tail.count, tail.last, tail.events
FROM unnest(%(ids)s::text[], %(seqs)s::bigint[]) AS asked(id, seq)
JOIN workflows_workflow AS w ON w.id = asked.id
CROSS JOIN LATERAL (
    SELECT count(*) AS count, max(seq) AS last, string_agg(wire, ',' ORDER BY seq) AS events
    FROM (
        SELECT seq, wire, sum(octet_length(wire)) OVER (ORDER BY seq) AS bytes
        FROM (
            SELECT e.seq, json_build_array(e.seq, """
    + wire_time("at")
    + """, e.kind, e.position, e.key, e.data)::text AS wire
            FROM workflows_event AS e
            WHERE e.workflow_id = asked.id AND e.seq > asked.seq ORDER BY e.seq LIMIT %(limit)s
        ) AS encoded
    ) AS measured
    WHERE bytes <= %(max_bytes)s OR seq = asked.seq + 1
) AS tail"""
)

# What a reader chose of a stretch of one history. The caller bounds the stretch, so that no search reads all of it.
_CHOSEN: LiteralString = """
    SELECT c.seq, c.kind, c.key FROM workflows_event AS c
    WHERE c.workflow_id = %(workflow_id)s AND c.seq BETWEEN %(low)s AND %(high)s
      AND (%(kind)s::text = '' OR c.kind = %(kind)s::text) AND (%(key)s::text = '' OR c.key = %(key)s::text)
      AND (%(find)s::text = '' OR position(%(find)s::text IN lower(c.key)) > 0
           OR (position(%(find)s::text IN lower(concat_ws(' ', c.key, c.data))) > 0
               OR position(%(escaped)s::text IN lower(c.data::text)) > 0)
              AND NOT (c.kind = ANY(%(hidden_kinds)s::text[])
                       OR c.kind = 'value_set' AND (c.key = ANY(%(listed)s::text[])) = NOT %(only_listed)s))"""

# Values of one key that follow each other count as one.
_GROUPED: LiteralString = (
    """
SELECT min(seq) AS first, max(seq) AS last, count(*) AS count
FROM (
    SELECT seq, count(*) FILTER (WHERE begins) OVER (ORDER BY seq) AS number
    FROM (
        SELECT seq, (kind = 'value_set' AND kind = lag(kind) OVER w AND key = lag(key) OVER w) IS NOT TRUE AS begins
        FROM ("""
    + _CHOSEN
    + """) AS chosen WINDOW w AS (ORDER BY seq)
    ) AS marked
) AS numbered
GROUP BY number"""
)
_SINGLE: LiteralString = "SELECT seq AS first, seq AS last, 1 AS count FROM (" + _CHOSEN + ") AS chosen"


def _part(groups: LiteralString, order: LiteralString) -> LiteralString:
    """Groups with their last event, the time of the event before, and the value that was replaced, if not long ago.

    `max_bytes` ends a part early, but never before its first group; `found` counts those that there would have been.
    The key is compared as an expression, else the planner would join the few events of a stretch with all of that key.
    """
    return (
        "SELECT first, count, last, "
        + wire_time("at")
        + ", kind, position, key, data::text, "
        + wire_time("previous_at")
        + """, before::text, found
FROM (
    SELECT g.first, g.count, g.last, e.at, e.kind, e.position, e.key, e.data, p.at AS previous_at, b.value AS before,
        count(*) OVER () AS found, sum(pg_column_size(e.data)) OVER (
            ORDER BY g.last """
        + order
        + """ ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes
    FROM ("""
        + groups
        + " ORDER BY first "
        + order
        + """ LIMIT %(limit)s) AS g
    JOIN workflows_event AS e ON e.workflow_id = %(workflow_id)s AND e.seq = g.last
    LEFT JOIN workflows_event AS p ON p.workflow_id = %(workflow_id)s AND p.seq = g.first - 1
    LEFT JOIN LATERAL (
        SELECT o.data -> 'value' AS value FROM workflows_event AS o
        WHERE o.workflow_id = %(workflow_id)s AND o.seq BETWEEN g.first - %(look_back)s AND g.first - 1
          AND o.kind = 'value_set' AND concat(o.key) = e.key
        ORDER BY o.seq DESC LIMIT 1
    ) AS b ON e.kind = 'value_set'
) AS measured
WHERE coalesce(bytes, 0) <= %(max_bytes)s ORDER BY last"""
    )


OLDER_PART: LiteralString = _part(_SINGLE, "DESC")
NEWER_PART: LiteralString = _part(_SINGLE, "ASC")
OLDER_GROUPS: LiteralString = _part(_GROUPED, "DESC")
NEWER_GROUPS: LiteralString = _part(_GROUPED, "ASC")

EVENT_TEXT: LiteralString = (
    "SELECT jsonb_pretty(jsonb_build_object('seq', seq, 'at', "
    + wire_time("at")
    + """, 'kind', kind, 'position', position, 'key', key, 'data', data))
FROM workflows_event WHERE workflow_id = %(workflow_id)s AND seq = %(seq)s::bigint"""
)

# How fast it went where: the time of the event at each of a fixed number of places.
PACE: LiteralString = (
    "SELECT seq, "
    + wire_time("at")
    + " FROM workflows_event WHERE workflow_id = %(workflow_id)s AND seq = ANY(%(seqs)s::bigint[]) ORDER BY seq"
)

# The steps of a workflow as readers get them; thousands of rows, so nothing is decoded here only to be encoded again.
STEPS: LiteralString = (
    "SELECT position, name, status, attempt, worker, "
    + wire_time("started_at")
    + ", "
    + wire_time("attempt_started_at")
    + ", "
    + wire_time("finished_at")
    + ", "
    + wire_time("next_attempt_at")
    + ", error::text FROM workflows_step WHERE workflow_id = %(workflow_id)s ORDER BY position"
)

MOVED: LiteralString = """
SELECT asked.id, coalesce(w.last_seq, -1) FROM unnest(%(ids)s::text[], %(seqs)s::bigint[]) AS asked(id, seq)
LEFT JOIN workflows_workflow AS w ON w.id = asked.id WHERE coalesce(w.last_seq, -1) <> asked.seq"""

# Running workflows that have been silent for so long, and the mean of their own last gaps. No more rows run than there
# are pool children; of each, two events are found by their seq.
SILENT: LiteralString = """
SELECT w.id, w.definition, last.at, extract(epoch FROM gap.mean)::float8
FROM (
    SELECT id, definition, last_seq FROM workflows_workflow
    WHERE status = 'running' AND status_at < %(now)s - %(at_least)s::interval AND waiting IS NULL
    ORDER BY status_at LIMIT %(looked_at)s
) AS w
JOIN workflows_event AS last ON last.workflow_id = w.id AND last.seq = w.last_seq
LEFT JOIN workflows_event AS earlier
    ON earlier.workflow_id = w.id AND earlier.seq = greatest(1, w.last_seq - %(gaps)s)
CROSS JOIN LATERAL (SELECT (last.at - earlier.at) / nullif(last.seq - earlier.seq, 0) AS mean) AS gap
WHERE last.at < %(now)s - %(at_least)s::interval ORDER BY last.at"""


# The latest of each definition that ended well, by index `workflow_succeeded`: as many entries of it as are returned.
_LATEST_SUCCEEDED: LiteralString = """
FROM unnest(%(definitions)s::text[]) AS asked(definition)
CROSS JOIN LATERAL (
    SELECT id, last_seq, extract(epoch FROM finished_at - started_at)::float8 * 1000 AS took FROM workflows_workflow
    WHERE definition = asked.definition AND status = 'succeeded' AND forked_from_id IS NULL AND started_at IS NOT NULL
    ORDER BY finished_at DESC LIMIT %(limit)s
) AS w"""

DURATIONS: LiteralString = "SELECT asked.definition, array_agg(w.took)" + _LATEST_SUCCEEDED + " GROUP BY 1"

# Of each, a bounded part of its history by seq.
LONGEST_SILENCES: LiteralString = (
    "SELECT asked.definition, array_agg(silence.longest)"
    + _LATEST_SUCCEEDED
    + """
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM max(gap))::float8 * 1000 AS longest
    FROM (
        SELECT at - lag(at) OVER history AS gap, lag(kind) OVER history AS after FROM workflows_event
        WHERE workflow_id = w.id AND seq > w.last_seq - %(events)s WINDOW history AS (ORDER BY seq)
    ) AS stretch WHERE after <> ALL(%(idle)s)
) AS silence
WHERE silence.longest IS NOT NULL GROUP BY 1"""
)

# What lists show of published values: one probe of the index per row and key; of a long one only its beginning.
LIST_VALUES: LiteralString = """
SELECT workflow_id, key, CASE WHEN octet_length(value::text) <= %(longest)s THEN value::text
    ELSE to_json(left(value #>> '{}', %(beginning)s) || '…')::text END
FROM workflows_value WHERE workflow_id = ANY(%(ids)s::text[]) AND key = ANY(%(keys)s::text[])"""

# Ids that begin so, by the pattern index alone. No id has the last character of Unicode, which is no character.
BEGINNING_SO: LiteralString = """
SELECT id FROM workflows_workflow WHERE id ~>=~ %(begin)s AND id ~<~ (%(begin)s || chr(1114111))
ORDER BY id USING ~<~ LIMIT %(limit)s"""

# The places in a list of the first rows of each status, or of each definition and status: one probe of an index for
# each, where `{arm}` is what is asked of one. A condition on several at once has no order in any index.
NEAREST_OF_STATUSES: LiteralString = """
SELECT place.created_at, place.id FROM unnest(%s::text[]) AS s(status) CROSS JOIN LATERAL ({arm}) AS place"""
NEAREST_OF_DEFINITIONS: LiteralString = """
SELECT place.created_at, place.id FROM unnest(%s::text[]) AS s(status) CROSS JOIN unnest(%s::text[]) AS d(definition)
CROSS JOIN LATERAL ({arm}) AS place"""

# How often each key was set up to an event: as often as now, but for what came later. What was set before that was
# counted is counted here, which reads the whole history.
SETS: LiteralString = """
SELECT key, coalesce(v.sets, told.sets) - coalesce(told.later, 0)
FROM workflows_value AS v LEFT JOIN (
    SELECT key, count(*) AS sets, count(*) FILTER (WHERE seq > %(seq)s) AS later FROM workflows_event
    WHERE workflow_id = %(workflow_id)s AND concat(kind) = 'value_set' AND seq > (
        SELECT CASE WHEN count(sets) = count(*) THEN %(seq)s::bigint ELSE 0 END
        FROM workflows_value WHERE workflow_id = %(workflow_id)s
    )
    GROUP BY key
) AS told USING (key)
WHERE v.workflow_id = %(workflow_id)s"""
