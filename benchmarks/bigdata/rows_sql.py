"""The statements that write the rows of the data set, from the plan of `plan_sql`.

The history is written as a workflow would have written it, in the order of time. Steps, values and messages are then
read from it, so that they cannot differ. A workflow's history is: created, claimed, the wait for a message, values
outside of steps, a first attempt that fails, the steps with the values set in each, and how it ended.
"""

from __future__ import annotations

# Columns of every part: n, id, created_at, began, moved_at, last, seq, kind, op, position, key, data.
_FACTS = """n, id, created_at, coalesce(started_at, moved_at) AS began, moved_at, last_seq AS last"""
_ERROR = """jsonb_build_object('type', 'GatewayTimeout', 'module', 'payments.gateway', 'message',
    'The gateway did not answer within 30 seconds (attempt ' || n %% 5 || ')', 'traceback', repeat(
    '  File "payments/gateway.py", line 214, in _post\\n    session.post(address, json=body, timeout=30)\\n', 8))"""
_PROGRESS = "jsonb_build_object('done', number, 'total', extra, 'label', 'rows', 'rate', 12.5)"
_STEP_NAMES = "(ARRAY['reserve', 'charge', 'notify', 'render', 'upload'])[1 + (number - 1) %% 5]"
_KEYS = "(ARRAY['phase', 'progress', 'amount'])[1 + (value + number) %% 3]"
# Where the steps begin, and the position of the first.
_BASE = "2 + 6 * waits + extra * (NOT is_family)::int + 2 * retries"
_WHOLE = "status IN ('succeeded', 'failed')"

_BEGINNING = (
    """
SELECT """
    + _FACTS
    + """, 1::bigint AS seq, 'created' AS kind, NULL AS op, NULL::bigint AS position, NULL AS key,
       jsonb_build_object('definition', definition, 'queue', queue, 'by',
           CASE WHEN schedule IS NULL THEN 'shop' ELSE '' END)
       || jsonb_strip_nulls(jsonb_build_object('parent', parent, 'schedule', schedule,
           'wake_at', CASE WHEN status = 'delayed' THEN pg_temp.wire(created_at + interval '40 days') END)) AS data
FROM plan
UNION ALL
SELECT """
    + _FACTS
    + """, seq, kind, NULL, NULL, NULL, CASE kind
        WHEN 'claimed' THEN
            jsonb_build_object('worker', worker, 'version', 'big', 'takeover', seq > 2, 'deadline_at', NULL)
        WHEN 'released' THEN jsonb_build_object('worker', worker, 'reason', 'worker_lost', 'crashes', 1,
            'available_at', pg_temp.wire(started_at))
        ELSE jsonb_build_object('worker', worker, 'reason', 'worker_lost', 'crashes', 2, 'error', """
    + _ERROR
    + """) END
FROM plan JOIN (VALUES (2::bigint, 'claimed'), (3, 'released'), (4, 'claimed'), (5, 'quarantined')) AS fact(seq, kind)
    ON fact.seq = 2 OR plan.status = 'quarantined'
WHERE started_at IS NOT NULL"""
)

_WAITING = (
    """
SELECT """
    + _FACTS
    + """, seq, kind, op, position, key, CASE kind
        WHEN 'wait_started' THEN waiting - 'since'
        WHEN 'suspended' THEN jsonb_build_object('waiting', waiting, 'wake_at', NULL)
        WHEN 'message_sent' THEN '{"by": "shop", "bytes": 18}'
        WHEN 'woken' THEN '{"reason": "message"}'
        WHEN 'claimed' THEN
            jsonb_build_object('worker', worker, 'version', 'big', 'takeover', false, 'deadline_at', NULL)
        ELSE '{"message": {"approved": true}}' END
FROM plan CROSS JOIN LATERAL (
    SELECT jsonb_build_object('for', 'message', 'name', 'approval', 'workflow', NULL, 'until', NULL, 'since',
        pg_temp.wire(pg_temp.moment(created_at, started_at, moved_at, 3, last_seq))) AS waiting
) AS waited JOIN (VALUES
    (3::bigint, 'wait_started', '1.w', 1::bigint, NULL), (4, 'suspended', 's1', NULL, NULL),
    (5, 'message_sent', NULL, NULL, 'approval'), (6, 'woken', NULL, NULL, NULL), (7, 'claimed', NULL, NULL, NULL),
    (8, 'message_received', '1', 1, 'approval')
) AS fact(seq, kind, op, position, key) ON waits = 1 OR plan.status = 'waiting' AND fact.seq <= 4
WHERE waits = 1 OR status = 'waiting'"""
)

_OUTSIDE_OF_STEPS = (
    """
SELECT """
    + _FACTS
    + """, 2 + 6 * waits + number, 'value_set', 't1.' || number, NULL,
       CASE WHEN number %% 20 = 0 THEN 'phase' ELSE 'progress' END,
       jsonb_build_object('value', CASE WHEN number %% 20 = 0 THEN to_jsonb('part ' || number) ELSE """
    + _PROGRESS
    + """ END)
FROM plan CROSS JOIN LATERAL generate_series(1, extra) AS number WHERE extra > 0 AND NOT is_family
UNION ALL
SELECT family.n, family.id, family.created_at, family.started_at, family.moved_at, family.last_seq, 2 + child.child,
       'child_started', child.child::text, child.child, child.id, '{"attached": false, "definition": "orders.ship"}'
FROM plan AS child JOIN plan AS family ON family.id = child.parent"""
)

_STEPS = (
    """
SELECT """
    + _FACTS
    + """, 2 + 6 * waits + extra + attempt, CASE attempt WHEN 1 THEN 'step_started' ELSE 'step_retrying' END,
       (1 + waits) || CASE attempt WHEN 1 THEN '.1' ELSE '.1.-' END, 1 + waits, NULL,
       jsonb_build_object('name', 'reserve', 'attempt', 1)
       || CASE attempt WHEN 1 THEN jsonb_build_object('worker', worker) ELSE jsonb_build_object('error', """
    + _ERROR
    + """, 'next_attempt_at', pg_temp.wire(moved_at)) END
FROM plan CROSS JOIN generate_series(1, 2) AS attempt WHERE retries = 1
UNION ALL
SELECT n, id, created_at, began, moved_at, last, base + (number - 1) * (2 + each) + 1 + value,
       CASE WHEN value = 0 THEN 'step_started' WHEN value <= each THEN 'value_set'
            WHEN number = steps AND status = 'failed' THEN 'step_failed' ELSE 'step_succeeded' END,
       (waits + number) || '.' || attempt
           || CASE WHEN value = 0 THEN '' WHEN value <= each THEN '.' || value ELSE '.+' END,
       waits + number, CASE WHEN value BETWEEN 1 AND each THEN """
    + _KEYS
    + """ END,
       CASE WHEN value BETWEEN 1 AND each THEN jsonb_build_object('value', CASE """
    + _KEYS
    + """ WHEN 'phase' THEN to_jsonb('part ' || number) WHEN 'progress' THEN
                jsonb_build_object('done', number, 'total', steps, 'label', 'parts', 'rate', 2.5)
            ELSE to_jsonb(round((n %% 10000) / 100.0, 2)) END)
       ELSE jsonb_build_object('name', """
    + _STEP_NAMES
    + """, 'attempt', attempt) || CASE WHEN value = 0 THEN jsonb_build_object('worker', worker)
            WHEN number = steps AND status = 'failed' THEN jsonb_build_object('error', """
    + _ERROR
    + """) ELSE jsonb_build_object('output', 'receipt ' || n) END END
FROM (
    SELECT """
    + _FACTS
    + ", "
    + _BASE
    + """ AS base, status, waits, steps, each, worker, number, value,
           CASE WHEN number = 1 THEN 1 + retries ELSE 1 END AS attempt
    FROM plan CROSS JOIN LATERAL generate_series(1, steps) AS number
    CROSS JOIN LATERAL generate_series(0, 1 + each) AS value
    WHERE steps > 0 AND NOT (status = 'running' AND number = steps AND value = 1 + each)
) AS every"""
)

_END = (
    """
SELECT """
    + _FACTS
    + """, last_seq, status, 'end' || (1 + waits), NULL, NULL,
       CASE status WHEN 'failed' THEN jsonb_build_object('error', """
    + _ERROR
    + """) ELSE '{"output": "done"}' END
FROM plan WHERE """
    + _WHOLE
    + """
UNION ALL
SELECT """
    + _FACTS
    + """, 2, 'message_sent', NULL, NULL, 'approval', '{"by": "shop", "bytes": 18}' FROM plan WHERE unread = 1
UNION ALL
SELECT """
    + _FACTS
    + """, last_seq, 'cancelled', NULL, NULL, NULL, '{"by": "operator", "reason": "not wanted any more"}'
FROM plan WHERE status = 'cancelled'"""
)

# Ids rise with time, as they do where many workflows write at once.
EVENTS = (
    """
INSERT INTO workflows_event (workflow_id, seq, kind, op, position, key, data, at)
SELECT id, seq, kind, op, position, key, data, pg_temp.moment(created_at, began, moved_at, seq, last) AS at FROM ("""
    + f"{_BEGINNING}\nUNION ALL{_WAITING}\nUNION ALL{_OUTSIDE_OF_STEPS}\nUNION ALL{_STEPS}\nUNION ALL{_END}"
    + """
) AS every ORDER BY at, n, seq"""
)

WORKFLOWS = (
    """
INSERT INTO workflows_workflow (id, definition, queue, priority, status, input, output, error, token, lease_expires_at,
    worker, crashes, takeovers, available_at, wake_at, last_seq, waiting, wakes, version, parent_id, schedule, pinned,
    created_by, created_at, started_at, finished_at, status_at)
SELECT id, definition, queue, n %% 3, status,
    jsonb_build_object('args', '[]'::jsonb, 'kwargs', jsonb_build_object('order', jsonb_build_object('id', n,
        'customer', 'customer-' || n %% 5000, 'note', repeat('as agreed by telephone; ', (n %% 6)::int)))),
    CASE WHEN status = 'succeeded' THEN '"done"'::jsonb END,
    CASE WHEN status IN ('failed', 'quarantined') THEN """
    + _ERROR
    + """ END,
    CASE WHEN started_at IS NULL THEN 0 WHEN status = 'quarantined' THEN 2 ELSE 1 + waits END,
    CASE WHEN status = 'running' THEN %(until)s::timestamptz + interval '300 days' END,
    CASE WHEN status = 'running' THEN worker END,
    CASE WHEN status = 'quarantined' THEN 2 ELSE 0 END, CASE WHEN status = 'quarantined' THEN 2 ELSE 0 END,
    created_at, CASE WHEN status = 'delayed' THEN created_at + interval '40 days' END, last_seq,
    CASE WHEN status = 'waiting' THEN jsonb_build_object('for', 'message', 'name', 'approval', 'workflow', NULL,
        'until', NULL, 'since', pg_temp.wire(pg_temp.moment(created_at, started_at, moved_at, 3, last_seq))) END,
    waits, CASE WHEN started_at IS NULL THEN NULL ELSE 'big' END, parent, schedule, n %% 5000 = 0,
    CASE WHEN schedule IS NULL THEN 'shop' ELSE '' END, created_at, started_at,
    CASE WHEN status IN ('succeeded', 'failed', 'cancelled', 'quarantined') THEN moved_at END,
    CASE WHEN status = 'running' THEN started_at ELSE moved_at END
FROM plan ORDER BY n"""
)

STEPS = """
INSERT INTO workflows_step (workflow_id, position, name, status, attempt, failures, worker, started_at,
    attempt_started_at, finished_at, output, error)
SELECT began.workflow_id, began.position, began.data ->> 'name',
    CASE ended.kind WHEN 'step_succeeded' THEN 'succeeded' WHEN 'step_failed' THEN 'failed' ELSE 'running' END,
    coalesce((ended.data ->> 'attempt')::int, 1),
    (coalesce((ended.data ->> 'attempt')::int, 1) - 1) + (ended.kind IS NOT DISTINCT FROM 'step_failed')::int,
    began.data ->> 'worker', began.at, coalesce(again.at, began.at), ended.at, ended.data -> 'output',
    CASE WHEN ended.kind = 'step_failed' THEN ended.data -> 'error' END
FROM workflows_event AS began
LEFT JOIN workflows_event AS ended ON ended.workflow_id = began.workflow_id AND ended.position = began.position
    AND ended.kind IN ('step_succeeded', 'step_failed')
LEFT JOIN workflows_event AS again ON again.workflow_id = began.workflow_id AND again.position = began.position
    AND again.kind = 'step_started' AND again.data ->> 'attempt' = '2'
WHERE began.kind = 'step_started' AND began.data ->> 'attempt' = '1' AND began.workflow_id IN (SELECT id FROM plan)
ORDER BY began.id"""

VALUES = """
INSERT INTO workflows_value (workflow_id, key, value, seq, at, sets)
SELECT workflow_id, key, value, seq, at, sets FROM (
    SELECT DISTINCT ON (workflow_id, key) workflow_id, key, data -> 'value' AS value, seq, at,
           count(*) OVER (PARTITION BY workflow_id, key) AS sets
    FROM workflows_event WHERE kind = 'value_set' AND workflow_id IN (SELECT id FROM plan)
    ORDER BY workflow_id, key, seq DESC
) AS latest ORDER BY at"""

MESSAGES = """
INSERT INTO workflows_message (workflow_id, topic, body, sent_at, sent_by, consumed_seq)
SELECT sent.workflow_id, 'approval', '{"approved": true}', sent.at, 'shop', CASE WHEN plan.waits = 1 THEN 8 END
FROM workflows_event AS sent JOIN plan ON plan.id = sent.workflow_id
WHERE sent.kind = 'message_sent' ORDER BY sent.id"""

# What the trigger would have left of each workflow's life, folded (see `workflows.counts`).
COUNTS = """
INSERT INTO workflows_count AS c (definition, queue, status, workflows)
SELECT definition, queue, status, count(*) FROM plan GROUP BY 1, 2, 3
ON CONFLICT (definition, queue, status) DO UPDATE SET workflows = c.workflows + excluded.workflows"""
MINUTES = """
INSERT INTO workflows_minutecount AS m (minute, definition, kind, workflows)
SELECT date_trunc('minute', at), definition, kind, sum(moved) FROM (
    SELECT created_at AS at, definition, 'created' AS kind, 1 AS moved FROM plan
    UNION ALL SELECT created_at, definition, CASE status WHEN 'delayed' THEN status ELSE 'queued' END, 1 FROM plan
    UNION ALL SELECT started_at, definition, 'queued', -1 FROM plan WHERE started_at IS NOT NULL
    UNION ALL SELECT started_at, definition, 'running', 1 FROM plan WHERE started_at IS NOT NULL
    UNION ALL SELECT moved_at, definition, CASE WHEN started_at IS NULL THEN 'queued' ELSE 'running' END, -1
        FROM plan WHERE status NOT IN ('queued', 'delayed', 'running')
    UNION ALL SELECT moved_at, definition, status, 1 FROM plan WHERE status NOT IN ('queued', 'delayed', 'running')
) AS happened WHERE at > %(until)s::timestamptz - %(kept)s * interval '1 second'
GROUP BY 1, 2, 3 HAVING sum(moved) <> 0
ON CONFLICT (minute, definition, kind) DO UPDATE SET workflows = m.workflows + excluded.workflows"""

OTHERS = (
    """
INSERT INTO workflows_deletion (workflow_id, definition, status, created_at, deleted_at, deleted_by, reason)
SELECT 'gone-' || lpad(n::text, 9, '0'), %(common)s, 'failed', at - interval '30 days', at, 'operator', 'old'
FROM generate_series(1, %(workflows)s::bigint / 50) AS n
CROSS JOIN LATERAL (SELECT %(until)s::timestamptz - (%(workflows)s / 50 - n) * interval '1 minute') AS made(at)""",
    """
INSERT INTO workflows_schedule (name, definition, input, options, cron, time_zone, starts_at, missed, paused, next_at,
    last_at, changed_at, changed_by)
SELECT 'nightly-' || lpad(n::text, 2, '0'), 'reports.nightly', '{"args": [], "kwargs": {}}', '{}', '0 2 * * *', 'UTC',
    %(until)s::timestamptz - interval '200 days', 'skip', n = 1, %(until)s::timestamptz + interval '300 days', NULL,
    %(until)s::timestamptz - interval '200 days', 'operator'
FROM generate_series(1, %(schedules)s::bigint) AS n ON CONFLICT DO NOTHING""",
    """
INSERT INTO workflows_queue (name, paused, concurrency, rate_limit, rate_period, changed_at, changed_by) VALUES
    ('payments', false, 50, NULL, NULL, %(until)s, 'operator'),
    ('imports', true, NULL, NULL, NULL, %(until)s, 'operator'),
    ('mail', false, NULL, 100, 60, %(until)s, 'operator') ON CONFLICT DO NOTHING""",
    """
INSERT INTO workflows_worker (id, host, pid, machine, process_started, name, queues, definitions, pool, concurrency,
    version, started_at, heartbeat_at, ended_at, ended_because)
SELECT CASE WHEN n < %(workers)s THEN 'host-' || n || ':' || (1000 + n) || '-big' ELSE 'gone-' || n END,
    'host-' || n, 1000 + n, 'elsewhere', 0, 'celery@host-' || n,
    ARRAY['default', 'payments', 'mail', 'orders', 'reports', 'tenants'],
    (SELECT array_agg(DISTINCT definition) FROM plan), 'prefork', 4, 'big', began, coalesce(ended, %(until)s), ended,
    CASE WHEN ended IS NULL THEN '' ELSE 'stopped' END
FROM generate_series(0, %(workers)s + %(gone)s - 1) AS n CROSS JOIN LATERAL (
    SELECT %(until)s::timestamptz - interval '8 days' AS began, CASE WHEN n >= %(workers)s THEN
        %(until)s::timestamptz - (n * 7.0 / (%(workers)s + %(gone)s)) * interval '1 day' END AS ended
) AS lived ON CONFLICT DO NOTHING""",
)

# What a history must be: as long as its workflow says. That no seq comes twice is the table's own constraint.
WRONG = """
SELECT plan.id FROM plan LEFT JOIN (
    SELECT workflow_id, count(*) AS events, min(seq) AS first, max(seq) AS last
    FROM workflows_event GROUP BY workflow_id
) AS found ON found.workflow_id = plan.id
WHERE (found.events, found.first, found.last) IS DISTINCT FROM (plan.last_seq, 1::bigint, plan.last_seq)
LIMIT 10"""
