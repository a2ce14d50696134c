"""A workflow with as many events as one likes, in a few statements: what its own code would have written in hours."""

from __future__ import annotations

from django.db import connection, transaction

from tests import definitions, execution
from workflows.event_log import Owner
from workflows.models import Workflow

STEP_EVERY = 20  # events: one starts a step, the next one ends it, the others publish

_FACTS = """
CREATE TEMPORARY TABLE facts ON COMMIT DROP AS
SELECT n AS seq, now() - interval '1 day' + n * interval '800 ms' AS at, n / 20 * 20 AS position,
    CASE n %% 20 WHEN 0 THEN 'step_started' WHEN 1 THEN 'step_succeeded' ELSE 'value_set' END AS kind,
    CASE WHEN n %% 20 > 1 THEN CASE n %% 19 WHEN 0 THEN 'progress' ELSE 'key-' || n %% 19 END END AS key,
    CASE n %% 19
        WHEN 0 THEN jsonb_build_object('done', n, 'total', %(last)s, 'label', 'packing')
        ELSE to_jsonb('parcel number ' || n) END AS value
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n"""
_EVENTS = """
INSERT INTO workflows_event (workflow_id, seq, kind, op, position, key, data, at)
SELECT %(id)s, seq, kind, 'bulk.' || seq, position, key, CASE kind
    WHEN 'step_started' THEN jsonb_build_object('name', 'pack', 'attempt', 1, 'worker', %(worker)s)
    WHEN 'step_succeeded' THEN jsonb_build_object('name', 'pack', 'attempt', 1, 'output', seq)
    WHEN 'value_set' THEN jsonb_build_object('value', value) END, at
FROM facts"""
_STEPS = """
INSERT INTO workflows_step (workflow_id, position, name, status, attempt, failures, worker, started_at,
    attempt_started_at, finished_at, output)
SELECT %(id)s, s.position, 'pack', 'succeeded', 1, 0, %(worker)s, s.at, s.at, e.at, to_jsonb(e.seq)
FROM facts AS s JOIN facts AS e ON e.seq = s.seq + 1 WHERE s.kind = 'step_started'"""
_VALUES = """
INSERT INTO workflows_value (workflow_id, key, value, seq, at, sets)
SELECT DISTINCT ON (key) %(id)s, key, value, seq, at, count(*) OVER (PARTITION BY key) FROM facts
WHERE kind = 'value_set' ORDER BY key, seq DESC"""
_BEGINNING = "UPDATE workflows_event SET at = now() - interval '1 day' WHERE workflow_id = %(id)s AND seq < %(first)s"
_WORKFLOW = """
UPDATE workflows_workflow SET last_seq = %(last)s, created_at = now() - interval '1 day',
    started_at = now() - interval '1 day' WHERE id = %(id)s"""


def write_long_history(workflow_id: str, length: int) -> Owner:
    """A running workflow with so many events, the last of which published a value; and who goes on with it."""
    handle = definitions.publishing.using(workflow_id=workflow_id).start([])
    owner = execution.claim(handle).owner
    first = Workflow.objects.get(id=workflow_id).last_seq + 1
    assert length % STEP_EVERY > 1, "it must not end within a step"
    parameters = {"id": workflow_id, "first": first, "last": length, "worker": owner.worker}
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (_FACTS, "ANALYZE facts", _EVENTS, _STEPS, _VALUES, _BEGINNING, _WORKFLOW):
            cursor.execute(statement, parameters)
        cursor.execute("DROP TABLE facts")
    return owner
