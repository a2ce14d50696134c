"""The statements that decide what each workflow of the data set is: one row of a temporary table for each.

Chance is a hash of the workflow's number and the seed, so that the same parameters make the same data.
"""

from __future__ import annotations

# `{seed}` is a whole number.
CHANCE = """
CREATE OR REPLACE FUNCTION pg_temp.chance(n bigint, salt integer) RETURNS float8 LANGUAGE sql IMMUTABLE AS
'SELECT (hashint8extended(n, {seed}::bigint * 1000 + salt) & 2147483647) / 2147483648.0::float8'"""
WIRE = """
CREATE OR REPLACE FUNCTION pg_temp.wire(moment timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')$$"""
# Between its start and its last event a workflow's events are at even distances.
MOMENT = """
CREATE OR REPLACE FUNCTION pg_temp.moment(
    created timestamptz, began timestamptz, ended timestamptz, seq bigint, last bigint
) RETURNS timestamptz LANGUAGE sql STABLE AS
'SELECT CASE WHEN seq = 1 THEN created
    ELSE began + (ended - began) * ((seq - 2)::float8 / greatest(last - 2, 1)) END'"""

SHAPES = """
CREATE TEMPORARY TABLE shape (
    number int, definition text, queue text, steps int, each int, seconds float8, id text, waits int, until float8
) ON COMMIT DROP"""
SHAPE = "INSERT INTO shape VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"

PLAN = """
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
WITH picked AS (
    SELECT n, n::float8 / %(workflows)s AS place, shape.*,
           %(until)s::timestamptz - %(days)s * interval '1 day'
               * (0.5 * back + 0.5 * back * back) AS created_at,
           pg_temp.chance(n, 3) AS luck, family.at AS family
    FROM generate_series(1, %(workflows)s::bigint) AS n
    CROSS JOIN LATERAL (SELECT (%(workflows)s - n + pg_temp.chance(n, 1)) / %(workflows)s AS back) AS age
    LEFT JOIN (
        SELECT number, greatest(1, (%(workflows)s::float8 * number / %(families)s)::bigint) AS at
        FROM generate_series(0, %(families)s - 1) AS number
        WHERE number::float8 / %(families)s NOT BETWEEN %(alone)s + 1e-9 AND %(alone_until)s
    ) AS family ON family.at = n
    JOIN shape ON shape.number = width_bucket(pg_temp.chance(n, 2), %(lows)s::float8[])
), standing AS (
    SELECT n, place, created_at, luck, family IS NOT NULL AS is_family,
           place > 1 - %(active)s AND family IS NULL AS is_new,
           CASE WHEN family IS NOT NULL THEN %(family)s WHEN retired THEN %(common)s ELSE definition END AS definition,
           CASE WHEN family IS NOT NULL THEN 'orders' WHEN retired THEN %(common_queue)s ELSE queue END AS queue,
           CASE WHEN family IS NOT NULL THEN 'batch-' WHEN retired THEN %(common_id)s ELSE id END AS prefix,
           CASE WHEN family IS NOT NULL THEN 0 WHEN retired THEN 2 ELSE steps END AS steps,
           CASE WHEN family IS NOT NULL THEN 0 WHEN retired THEN 1 ELSE each END AS each, seconds, waits
    FROM picked CROSS JOIN LATERAL (
        SELECT place > until OR definition = 'checkout' AND place > 1 - %(active)s AS retired
    ) AS known
), decided AS (
    SELECT *, CASE
        WHEN is_family THEN 'succeeded'
        WHEN is_new AND luck < 0.5 THEN 'queued'
        WHEN is_new AND luck < 0.58 THEN 'running'
        WHEN is_new AND luck < 0.9 THEN 'waiting'
        WHEN is_new THEN 'delayed'
        WHEN luck < 0.0003 AND definition <> 'checkout' THEN 'waiting'
        WHEN luck < 0.04 AND (definition <> 'mail.send' OR place < 0.2) THEN 'failed'
        WHEN place BETWEEN 0.10 AND 0.14 AND luck < 0.5 THEN 'cancelled'
        WHEN luck BETWEEN 0.04 AND 0.0405 AND place < 0.3 THEN 'quarantined'
        WHEN luck BETWEEN 0.041 AND 0.045 THEN 'cancelled'
        ELSE 'succeeded' END AS status
    FROM standing
)
SELECT n, definition, queue, status, place, created_at, is_family, each,
       CASE WHEN prefix <> '' THEN prefix || lpad(n::text, 9, '0') ELSE
           substr(stamp, 1, 8) || '-' || substr(stamp, 9, 4) || '-7' || substr(digest, 1, 3) || '-a'
           || substr(digest, 4, 3) || '-' || substr(digest, 7, 12) END AS id,
       CASE WHEN status IN ('queued', 'delayed', 'cancelled') THEN NULL
            ELSE least(%(until)s::timestamptz, created_at + (0.2 + 2 * pg_temp.chance(n, 4)) * interval '1 second')
       END AS started_at,
       CASE WHEN status IN ('queued', 'delayed') THEN created_at
            ELSE least(%(until)s::timestamptz,
                created_at + (2.3 + seconds * (0.5 + pg_temp.chance(n, 5))) * interval '1 second') END AS moved_at,
       CASE WHEN status IN ('succeeded', 'failed', 'running') THEN steps ELSE 0 END AS steps,
       CASE WHEN status IN ('succeeded', 'failed') AND NOT is_family THEN waits ELSE 0 END AS waits,
       (status IN ('succeeded', 'failed') AND steps > 0 AND pg_temp.chance(n, 6) < 0.03)::int AS retries,
       (status = 'cancelled' AND pg_temp.chance(n, 7) < 0.5)::int AS unread,
       0::bigint AS extra, 0::bigint AS last_seq, NULL::text AS parent, NULL::text AS schedule,
       NULL::bigint AS child, 'host-' || (n %% 12) || ':' || (1000 + n %% 12) || '-big/' || (1 + n %% 4) AS worker
FROM decided
CROSS JOIN LATERAL (
    SELECT lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') AS stamp,
           md5(n || ' ' || %(seed)s) AS digest
) AS made"""

# The workflows of orders.ship belong to the batch before them, and are numbered within it.
FAMILIES = """
WITH placed AS (
    SELECT n, definition, max(CASE WHEN is_family THEN n END) OVER (ORDER BY n) AS of FROM plan
), numbered AS (
    SELECT n, of, row_number() OVER (PARTITION BY of ORDER BY n) AS child
    FROM placed WHERE definition = 'orders.ship' AND of IS NOT NULL
)
UPDATE plan SET parent = family.id, child = numbered.child
FROM numbered JOIN plan AS family ON family.n = numbered.of WHERE plan.n = numbered.n"""
# A batch ends after its last child has begun; its history has an event for each of them.
FAMILY_SIZES = """
UPDATE plan SET extra = children, moved_at = greatest(moved_at, latest)
FROM (
    SELECT parent, max(child) AS children, max(created_at) AS latest FROM plan WHERE parent IS NOT NULL GROUP BY 1
) AS found
WHERE plan.id = found.parent"""

SCHEDULED = """
UPDATE plan SET schedule = 'nightly-' || lpad((1 + n %% %(schedules)s)::text, 2, '0')
WHERE definition = 'reports.nightly'"""

# Those with a long history. The last of them still runs; the second has a tenth of it as steps.
DETAILED = """
UPDATE plan SET definition = 'catalog.import', queue = 'imports', is_family = false, each = 1, waits = 0, retries = 0,
    unread = 0, id = 'large-' || wanted.number, parent = NULL, schedule = NULL, child = NULL,
    status = CASE WHEN lasts THEN 'running' ELSE 'succeeded' END,
    steps = CASE WHEN wanted.number = 2 THEN greatest(1, %(size)s::int / 10) ELSE 3 END,
    created_at = wanted.created_at, started_at = wanted.created_at + interval '1 second',
    moved_at = CASE WHEN lasts THEN %(until)s ELSE wanted.created_at + interval '2 hours' END
FROM (
    SELECT number, lasts, n,
           CASE WHEN lasts THEN %(until)s::timestamptz - interval '3 hours' ELSE created_at END AS created_at
    FROM generate_series(1, %(detailed)s::bigint) AS number
    CROSS JOIN LATERAL (SELECT number = %(detailed)s AS lasts) AS last
    JOIN plan AS there
        ON n = CASE WHEN lasts THEN %(workflows)s ELSE (%(workflows)s * (0.05 + 0.22 * number))::bigint END
) AS wanted WHERE plan.n = wanted.n"""
DETAILED_SIZES = """
UPDATE plan SET extra = %(size)s - (3 - (status = 'running')::int * 2 + steps * 3) WHERE id LIKE 'large-%%'"""

SIZES = """
UPDATE plan SET last_seq = CASE
    WHEN status IN ('queued', 'delayed') THEN 1
    WHEN status = 'cancelled' THEN 2 + unread
    WHEN status = 'quarantined' THEN 5
    WHEN status = 'waiting' THEN 4
    WHEN status = 'running' THEN 1 + steps * (2 + each) + extra
    ELSE 3 + 6 * waits + extra + 2 * retries + steps * (2 + each) END"""
LEFT_OVER = "SELECT %(events)s - sum(last_seq) FROM plan"
MIDDLING = """
UPDATE plan SET extra = %(each)s, last_seq = last_seq + %(each)s
FROM (
    SELECT n FROM plan WHERE definition = 'catalog.import' AND status IN ('succeeded', 'failed') AND extra = 0
    ORDER BY pg_temp.chance(n, 8) LIMIT %(middling)s
) AS chosen WHERE plan.n = chosen.n"""
INDEX = "CREATE UNIQUE INDEX ON plan (id)"
ANALYZE = "ANALYZE plan"
