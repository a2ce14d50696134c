"""Claims, alarms and rounds of recovery read a few pages, however many workflows wait behind them."""

from __future__ import annotations

import json
from typing import Any, LiteralString

import pytest
from django.db import connection

from benchmarks.bigdata import plans
from workflows import finding
from workflows.sql import claiming, lifecycle, waiting, webhooks

pytestmark = pytest.mark.django_db
MANY, FEW_PAGES = 5_000, 150  # reading all of so many rows takes several hundred pages

_ROWS: LiteralString = """
INSERT INTO workflows_workflow
    (id, definition, queue, status, input, token, crashes, takeovers, available_at, wake_at, deadline_at, last_seq,
     waiting, partition_key, created_by, created_at, status_at)
SELECT %(status)s || n, 'plans', 'plans', %(status)s, '{"args": [], "kwargs": {}}', 0, 0, 0, now() - interval '1 h',
       CASE WHEN %(status)s <> 'queued' THEN now() + interval '1 day' END, now() + interval '2 days', 1,
       CASE WHEN %(status)s = 'waiting' THEN '{"for": "time"}'::jsonb END, 'k' || n %% 100, '', now(), now()
FROM generate_series(1, %(count)s) AS n"""


@pytest.fixture
def crowd(swept: None) -> None:
    """Thousands that are queued, delayed and waiting."""
    with connection.cursor() as cursor:
        for status in ("queued", "delayed", "waiting"):
            cursor.execute(_ROWS, {"status": status, "count": MANY})
        cursor.execute("ANALYZE workflows_workflow")


def pages_read(statement: LiteralString, **parameters: Any) -> int:
    given = {
        "queues": ["other", "plans"], "queue": "plans", "definitions": ["plans"], "worker": "plans/1", "host": "plans/",
        "lease": "15 seconds", "version": "", "limit": 100, "age": "1 second", "sources": ["queued"],
        "kind": "cancelled", "op": None, "position": None, "key": None, "data": "{}", **parameters,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, given)
        (explained,) = cursor.fetchone()
    plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_a_list_of_those_without_a_parent_reads_what_it_shows_among_a_thousand_children_of_each(crowd: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_workflow AS w SET created_at = now() - n * interval '1 second', parent_id = "
            "CASE WHEN w.id !~ '^queued[1-9]$' THEN 'queued' || 1 + n % 9 END FROM (SELECT id, row_number() "
            "OVER (ORDER BY id) AS n FROM workflows_workflow) AS numbered WHERE numbered.id = w.id"
        )
        cursor.execute("ANALYZE workflows_workflow")
    with plans.recorded():
        few = finding.workflow_page(parent=finding.TOP, limit=10).rows
        read = [sum(one.rows for one in plans.taken())]
        for narrowed in ({}, {"statuses": ["waiting"]}, {"definition": "none"}, {"search": "waiting1"}):
            finding.workflow_page(parent="queued1", limit=10, **narrowed)
            read.append(sum(one.rows for one in plans.taken()))
    assert {row.id for row in few} == {f"queued{number}" for number in range(1, 10)}
    assert max(read[:2]) <= 200  # of 15,000, and of 1,667
    assert max(read) <= 2 * 3 * MANY / 9 + 100  # one family whatever it is asked for, in its index and in the table


def limit(columns: LiteralString, values: LiteralString) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_queue (name, paused, changed_at, changed_by, "
            + columns
            + ") VALUES ('plans', false, now(), '', "
            + values
            + ")"
        )


@pytest.mark.parametrize(
    "statement",
    [claiming.CLAIM_NEXT, claiming.OVERLOOKED, waiting.WAKE_DUE, waiting.NEXT_ALARM, lifecycle.CANCEL_OVERDUE,
     lifecycle.RELEASE_EXPIRED.replace("%(crash)s", "1")],
    ids=["claim", "overlooked", "alarm", "next alarm", "deadlines", "leases"],
)  # fmt: skip
@pytest.mark.usefixtures("crowd")
def test_what_workers_ask_all_the_time_reads_a_few_pages(statement: LiteralString) -> None:
    for _ in range(2):  # the first one in a session also reads the catalogue
        pages = pages_read(statement, crash_limit=3, crash_backoff=1.0, error="{}", reason="")
    assert pages < FEW_PAGES


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("concurrency", "2"),
        ("worker_concurrency", "2"),
        ("partition_concurrency", "1"),
        ("rate_limit, rate_period", "2, 60"),
    ],
)
@pytest.mark.usefixtures("crowd")
def test_a_queue_with_limits_is_not_read_from_end_to_end(columns: LiteralString, values: LiteralString) -> None:
    limit(columns, values)
    pages = [pages_read(claiming.CLAIM_LIMITED) for _ in range(4)]
    assert max(pages[1:]) < FEW_PAGES  # one that claims, and two that find the limit reached, or go on to other keys


@pytest.mark.usefixtures("crowd")
def test_the_ends_behind_the_cursor_of_a_webhook_are_found_without_reading_the_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_event (workflow_id, seq, kind, data, at) SELECT id, 2, 'failed', '{}', now() "
            "FROM workflows_workflow RETURNING id"
        )
        newest = max(number for (number,) in cursor.fetchall())
        cursor.execute("ANALYZE workflows_event")
    cursor_at = {"hook": 1, "after": newest - 5, "kinds": ["cancelled", "failed"], "deliveries": "none"}
    for _ in range(2):
        pages = pages_read(webhooks.UNTOLD, **{**cursor_at, "definitions": []})
    assert pages < FEW_PAGES
