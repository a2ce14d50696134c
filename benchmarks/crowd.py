"""A hundred thousand workflows that wait: what the workers' clocks and rounds cost, beside a hundred.

Their rows are written by SQL in the form in which the engine leaves them: a third waits for a time far away, a third
for a message, a third for another workflow's value.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FEW, DUE = 100, 1_000
_AHEAD = 5  # seconds from writing those that are due to their time
_REST = 10.0  # seconds for which the idle worker is watched

_WAITING = """
CREATE TEMPORARY TABLE crowd AS
SELECT %(prefix)s || n AS id, now() AS at, n %% 3 AS kind,
       CASE WHEN n %% 3 = 0 THEN now() + interval '30 days' + n * interval '1 s' END AS until
FROM generate_series(1, %(count)s::int) AS n;
"""
_TIMED = """
CREATE TEMPORARY TABLE crowd AS
SELECT %(prefix)s || n AS id, now() AS at, 0 AS kind, now() + %(ahead)s * interval '1 s' AS until
FROM generate_series(1, %(count)s::int) AS n;
"""
_ROWS = """
ALTER TABLE crowd ADD waiting jsonb;
UPDATE crowd SET waiting = jsonb_build_object('for', (ARRAY['time', 'message', 'event'])[kind + 1],
    'name', (ARRAY[NULL, 'in', 'moment'])[kind + 1], 'workflow', CASE WHEN kind = 2 THEN 'crowd-target' END,
    'since', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'until', to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
INSERT INTO workflows_workflow (id, definition, queue, status, input, token, crashes, takeovers, available_at, wake_at,
    last_seq, waiting, version, created_by, created_at, started_at, status_at)
SELECT id, (ARRAY['benchmark_slept', 'benchmark_told', 'benchmark_reader'])[kind + 1], 'default', 'waiting',
    jsonb_build_object('args', (ARRAY['[2.0]', '[]', '["crowd-target"]'])[kind + 1]::jsonb, 'kwargs', '{}'::jsonb),
    1, 0, 0, at, until, 4, waiting, '', '', at, at, at FROM crowd;
INSERT INTO workflows_event (workflow_id, seq, kind, op, position, data, at)
SELECT id, 1, 'created', NULL, NULL::int, '{"by":"","queue":"default"}'::jsonb, at FROM crowd
UNION ALL SELECT id, 2, 'claimed', NULL, NULL, '{"worker":"gone/1","takeover":false}', at FROM crowd
UNION ALL SELECT id, 3, 'wait_started', '1.w', 1, waiting - 'since', at FROM crowd
UNION ALL SELECT id, 4, 'suspended', NULL, NULL, jsonb_build_object('waiting', waiting), at FROM crowd;
INSERT INTO workflows_wait (workflow_id, target_id, key, first, done)
SELECT id, 'crowd-target', 'moment', true, false FROM crowd WHERE kind = 2;
DROP TABLE crowd;
"""


def crowd(count: int) -> Callable[[], dict[str, Any]]:
    """Everything that is said about them."""
    from benchmarks import definitions
    from workflows.sql import dedicated_connection

    connection = dedicated_connection()

    def fill(many: int, prefix: str, which: str = _WAITING) -> None:
        with connection.transaction():
            for statement in (which + _ROWS).split(";"):
                if statement.strip():
                    connection.execute(statement, {"count": many, "prefix": prefix, "ahead": _AHEAD})
        connection.execute("ANALYZE workflows_workflow, workflows_event, workflows_wait")

    def measure() -> dict[str, Any]:
        definitions.noop.start().result(timeout=60)
        time.sleep(_AHEAD)  # the worker has all its children
        definitions.noop.using(workflow_id="crowd-target", queue="nobody's").start()
        connection.execute("UPDATE workflows_workflow SET watched = '{moment}' WHERE id = 'crowd-target'")
        fill(FEW, "few-")
        few = _costs(connection)
        fill(count, "many-")
        many = _costs(connection)
        plain = _plain()
        fill(DUE, "due-", _TIMED)
        return {"count": count, "few": few, "many": many, "plain": plain, "due": _due()}

    return measure


def _costs(connection: Any) -> dict[str, float]:
    from workflows import recovery, registry
    from workflows.sql.waiting import NEXT_ALARM, WAKE_DUE

    def look() -> None:
        recovery.wake_due()
        recovery.next_alarm()

    def whole_round() -> None:
        recovery.release_expired()
        recovery.cancel_overdue()
        recovery.deliver_wakeups()
        recovery.redispatch(sorted(registry.queues()), limit=1)

    buffers = sum(_buffers(connection, statement) for statement in (WAKE_DUE, NEXT_ALARM))
    resident, cpu = _resting_worker(int(os.environ["BENCHMARK_WORKER"]))
    return {
        "alarm": _median(look), "round": _median(whole_round), "buffers": buffers, "resident": resident, "cpu": cpu,
    }  # fmt: skip


def _median(call: Callable[[], None]) -> float:
    seconds = []
    for _ in range(200):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _buffers(connection: Any, statement: str) -> float:
    explained = connection.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, {"limit": 100}, prepare=False
    ).fetchone()
    top = explained[0][0]["Plan"]
    return float(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def _resting_worker(pid: int) -> tuple[float, float]:
    """Resident bytes, and the share of one core that a worker with its pool children uses while nothing happens."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    family = [pid, *(int(child) for child in children)]
    used = _cpu_seconds(family)
    time.sleep(_REST)
    resident = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family) * os.sysconf(
        "SC_PAGE_SIZE"
    )
    return float(resident), (_cpu_seconds(family) - used) / _REST


def _cpu_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _plain() -> float:
    """Seconds from the first of so many plain starts until all have ended; while the others sleep on."""
    from benchmarks import definitions
    from workflows.models import Workflow

    began = time.time()
    for _ in range(DUE):
        definitions.noop.start()
    while Workflow.objects.filter(definition="benchmark_noop", queue="default", finished_at__isnull=True).exists():
        time.sleep(0.02)
    return time.time() - began


def _due() -> float:
    """Seconds from the second in which so many are due until all have ended."""
    from workflows.models import Workflow

    sleeping = Workflow.objects.filter(id__startswith="due-")
    began = sleeping.values_list("created_at", flat=True)[0].timestamp() + _AHEAD
    while sleeping.filter(finished_at__isnull=True).exists():
        time.sleep(0.02)
    ended = max(moment.timestamp() for moment in sleeping.values_list("finished_at", flat=True) if moment)
    return float(ended - began)
