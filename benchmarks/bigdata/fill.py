"""Fills a database with workflows that have a past, through the real schema, in one transaction.

Every invariant of the product holds afterwards: gapless histories whose fold is the state, counts that are right. What
took part in it can be read from `bigdata_about`, which also marks the database as one that may be filled again.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from benchmarks.bigdata import plan_sql, rows_sql, shapes
from benchmarks.bigdata.indexes import taken_off
from workflows import counts, history
from workflows.conf import conf
from workflows.models import Workflow

TABLES = ["workflows_workflow", "workflows_event", "workflows_step", "workflows_value", "workflows_message"]
_OTHERS = (
    "wait",
    "wakeup",
    "count",
    "countchange",
    "minutecount",
    "deletion",
    "schedule",
    "queue",
    "queuestart",
    "worker",
)
_EMPTIED = [*TABLES, *(f"workflows_{name}" for name in _OTHERS)]
_LEAST_EACH = 9.5  # events of a workflow: what ordinary ones have, and something for the large ones
_SAMPLES = 40  # workflows of which the fold is compared with the state


class Refused(Exception):
    """The database is not to be filled like this; says why and what to do."""


class Size(NamedTuple):
    """How much, and of which seed; `until`: when the newest was created."""

    workflows: int
    events: int
    seed: int
    until: datetime

    def check(self) -> None:
        """Raises Refused for sizes of which no data set can be made."""
        if self.workflows < 2_000:
            raise Refused(f"{self.workflows:,} workflows are too few for all kinds of them; use at least 2,000.")
        if self.events < self.workflows * _LEAST_EACH:
            least = int(self.workflows * _LEAST_EACH)
            raise Refused(
                f"{self.events:,} events are too few for {self.workflows:,} workflows; use at least {least:,}."
            )


def about() -> dict[str, Any] | None:
    """What the data set in this database was made with; None: there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('bigdata_about')")
        if cursor.fetchone() == (None,):
            return None
        cursor.execute("SELECT about::text FROM bigdata_about")
        row = cursor.fetchone()
    found: dict[str, Any] | None = json.loads(row[0]) if row else None
    return found


def fill(size: Size, *, beside: bool = False, say: Callable[[str], None] | None = None) -> None:
    """Fill the database. `beside`: workflows that are there already may stay. Raises Refused."""
    size.check()
    if about() is None and not beside and Workflow.objects.exists():
        raise Refused(
            "This database has workflows that `make big-data` did not make. Use another one (DATABASE_URL), or say "
            "FILL=--beside to put the data set beside them."
        )
    began = time.monotonic()
    tell = say or (lambda words: print(f"{time.monotonic() - began:7.1f} s  {words}", file=sys.stderr, flush=True))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        if about() is not None:
            tell("removing the data set that is there")
            cursor.execute(f"TRUNCATE {', '.join(_EMPTIED)}")
            cursor.execute("DROP TABLE bigdata_about")
        _fill(cursor, size, tell)
    tell("done")


def _fill(cursor: CursorWrapper, size: Size, tell: Callable[[str], None]) -> None:
    parameters = _parameters(size)
    tell(f"deciding what becomes of {size.workflows:,} workflows")
    _plan(cursor, size, parameters)
    cursor.execute("ALTER TABLE workflows_workflow DISABLE TRIGGER workflow_is_counted")
    with taken_off(cursor, TABLES):
        for words, statement in (
            ("workflows", rows_sql.WORKFLOWS),
            (f"{size.events:,} events in the order of time", rows_sql.EVENTS),
            ("statistics of these, for what is made of them", "ANALYZE workflows_event"),
            ("steps", rows_sql.STEPS),
            ("values", rows_sql.VALUES),
            ("messages", rows_sql.MESSAGES),
        ):
            tell(words)
            cursor.execute(statement, parameters)
        tell("making indexes and checking foreign keys")
    cursor.execute("ALTER TABLE workflows_workflow ENABLE TRIGGER workflow_is_counted")
    tell("counts, schedules, queues, workers, deletions")
    for statement in (rows_sql.COUNTS, rows_sql.MINUTES, *rows_sql.OTHERS):
        cursor.execute(statement, parameters)
    tell("statistics, and whether all of it is true")
    cursor.execute("ANALYZE")
    _verify(cursor)
    cursor.execute("CREATE TABLE bigdata_about (about jsonb NOT NULL)")
    told = json.dumps({**size._asdict(), "until": size.until.isoformat(), **_samples(cursor)})
    cursor.execute("INSERT INTO bigdata_about VALUES (%s::jsonb)", [told])


def _parameters(size: Size) -> dict[str, Any]:
    first, last = shapes.LARGE_FAMILY
    return {
        "workflows": size.workflows, "events": size.events, "seed": size.seed, "until": size.until, "days": shapes.DAYS,
        "active": shapes.ACTIVE, "family": shapes.FAMILY, "families": shapes.FAMILIES, "alone": first,
        "alone_until": last, "common": shapes.COMMON.definition, "common_queue": shapes.COMMON.queue,
        "common_id": shapes.COMMON.id, "schedules": shapes.SCHEDULES, "workers": shapes.WORKERS, "gone": shapes.GONE,
        "detailed": shapes.DETAILED, "size": size.events // 100, "middling": shapes.MIDDLING,
        "kept": conf().trend_seconds,
        "lows": [0.0, *accumulate(shape.part for shape in shapes.SHAPES[:-1])],
    }  # fmt: skip


def _plan(cursor: CursorWrapper, size: Size, parameters: dict[str, Any]) -> None:
    cursor.execute("DROP TABLE IF EXISTS plan, shape")
    for statement in (
        plan_sql.CHANCE.replace("{seed}", str(size.seed)),
        plan_sql.WIRE,
        plan_sql.MOMENT,
        plan_sql.SHAPES,
    ):
        cursor.execute(statement)
    for number, shape in enumerate(shapes.SHAPES, start=1):
        told = (shape.steps, shape.values, shape.seconds, shape.id, int(shape.waits), shape.until)
        cursor.execute(plan_sql.SHAPE, [number, shape.definition, shape.queue, *told])
    for statement in (
        plan_sql.PLAN, plan_sql.DETAILED, plan_sql.DETAILED_SIZES, plan_sql.FAMILIES, plan_sql.FAMILY_SIZES,
        plan_sql.SCHEDULED, plan_sql.SIZES,
    ):  # fmt: skip
        cursor.execute(statement, parameters)
    cursor.execute(plan_sql.LEFT_OVER, parameters)
    (left,) = cursor.fetchone()
    if left < 0:
        raise Refused(
            f"These workflows have {-left:,} more events than were asked for; ask for {size.events - left:,}."
        )
    middling = min(shapes.MIDDLING, size.workflows // 250)
    cursor.execute(plan_sql.MIDDLING, {**parameters, "middling": middling, "each": int(left) // middling})
    cursor.execute(plan_sql.INDEX)
    cursor.execute(plan_sql.ANALYZE)


def _verify(cursor: CursorWrapper) -> None:
    """Raises AssertionError where the data is not what the product would have left."""
    cursor.execute(rows_sql.WRONG, {})
    wrong = [row[0] for row in cursor.fetchall()]
    assert not wrong, f"histories that do not fit their workflows: {wrong}"
    assert not (differences := counts.differences()), f"counts that are wrong: {differences[:5]}"
    cursor.execute("SELECT DISTINCT ON (definition, status) id, last_seq FROM plan WHERE last_seq < 5000")
    for workflow_id, last_seq in cursor.fetchmany(_SAMPLES):
        told, folded = history.snapshot(workflow_id), history.state_at(workflow_id, last_seq)
        assert told == folded, f"the state of {workflow_id} is not the fold of its history: {told} {folded}"


def _samples(cursor: CursorWrapper) -> dict[str, Any]:
    """Some of it by name, for whoever looks at it."""

    def one(condition: str) -> str:
        cursor.execute(f"SELECT id FROM plan WHERE {condition} ORDER BY n LIMIT 1")
        row = cursor.fetchone()
        return str(row[0]) if row else ""

    cursor.execute("SELECT created_at, id FROM plan ORDER BY n OFFSET (SELECT count(*) / 2 FROM plan) LIMIT 1")
    created_at, middle = cursor.fetchone()
    return {
        "small": one("status = 'succeeded' AND place > 0.9"),
        "failed": one("status = 'failed' AND place > 0.9"),
        "waiting": one("status = 'waiting' AND place > 0.9"),
        "queued": one("status = 'queued'"),
        "running": one("status = 'running' AND extra = 0"),
        "awaited": one("waits = 1 AND status = 'succeeded'"),
        "child": one("parent IS NOT NULL"),
        "family": one(f"definition = '{shapes.FAMILY}' AND extra = (SELECT max(extra) FROM plan WHERE is_family)"),
        "long": "large-1", "stepped": "large-2", "growing": f"large-{shapes.DETAILED}",
        "middle": [created_at.isoformat(), middle],
    }  # fmt: skip
