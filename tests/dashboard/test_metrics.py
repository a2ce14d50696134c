"""What a scrape says of workflows: exact, kept for ever, and bounded in names."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from django.db import connection
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dashboard import metrics
from tests.definitions import doubling, publishing
from tests.execution import run
from tests.processes import ROOT
from workflows import counts, operations, recovery
from workflows.counts import BOUNDS, Tally
from workflows.models import CountChange
from workflows.models import Tally as TallyRow

pytestmark = pytest.mark.django_db(transaction=True)


class _Shared:
    """The part of the database as a registry."""

    def collect(self) -> Any:
        return metrics.of_database()


def told() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(generate_latest(_Shared()).decode())  # type: ignore[arg-type]
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(name: str, **labels: str) -> float | None:
    return told().get((name, frozenset(labels.items())))


def test_totals_are_told_at_once_and_outlive_folding_and_the_workflows() -> None:
    handles = [doubling.start([1]) for _ in range(3)]
    assert value("telltale_workflows_started_total", definition="doubling") == 3
    for handle in handles:
        run(handle)
    before = told()
    assert before["telltale_workflows_finished_total", labels(definition="doubling", status="succeeded")] == 3
    assert before["telltale_queue_wait_seconds_count", labels(queue="default")] == 3
    assert before["telltale_workflow_duration_seconds_count", labels(definition="doubling")] == 3
    assert recovery.fold_counts() == 9
    assert CountChange.objects.count() == 0
    assert told() == before
    for handle in handles:
        operations.delete(handle.id)
    after = told()
    assert after["telltale_workflows_finished_total", labels(definition="doubling", status="succeeded")] == 3
    assert ("telltale_workflows", labels(definition="doubling", queue="default", status="succeeded")) not in after


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


def test_a_histogram_counts_each_once_in_the_first_bound_that_it_does_not_exceed() -> None:
    handle = doubling.start([1])
    with connection.cursor() as cursor:  # it waits for two minutes, then takes a quarter of an hour
        cursor.execute("UPDATE workflows_workflow SET available_at = available_at - interval '2 minutes'")
        run(handle)
        cursor.execute("UPDATE workflows_countchange SET took = 900.5 WHERE target = 'succeeded'")
    found = told()

    def below(name: str, bound: float | str, **named: str) -> float:
        return found[name + "_bucket", labels(**named, le=str(bound))]

    assert below("telltale_queue_wait_seconds", 60.0, queue="default") == 0
    assert below("telltale_queue_wait_seconds", 300.0, queue="default") == 1
    assert 120 <= found["telltale_queue_wait_seconds_sum", labels(queue="default")] < 240
    assert below("telltale_workflow_duration_seconds", 900.0, definition="doubling") == 0
    assert [
        below("telltale_workflow_duration_seconds", bound, definition="doubling") for bound in (3600.0, 86400.0, "+Inf")
    ] == [1, 1, 1]
    assert found["telltale_workflow_duration_seconds_sum", labels(definition="doubling")] == 900.5


def test_what_never_began_has_an_end_and_no_duration() -> None:
    operations.cancel(publishing.start([1]).id)
    assert value("telltale_workflows_finished_total", definition="publishing", status="cancelled") == 1
    assert value("telltale_workflow_duration_seconds_count", definition="publishing") is None
    counts.fold()
    assert Tally("cancelled", "publishing", -1, 1, 0.0) in counts.tallies()


def test_a_resumed_workflow_ends_twice_and_starts_once() -> None:
    handle = publishing.start([1], key="")
    for _ in range(2):
        run(handle)
        operations.resume(handle.id)
    assert value("telltale_workflows_started_total", definition="publishing") == 1
    assert value("telltale_workflows_finished_total", definition="publishing", status="failed") == 2


def test_names_beyond_the_bound_are_one_and_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = 'tenant "7" \\ü'
    for number in range(30):
        publishing.using(queue=f"queue-{number:02}").start([1])
    publishing.using(queue=strange).start([1])
    assert value("telltale_workflows", definition="publishing", queue=strange, status="queued") == 1
    monkeypatch.setattr(metrics, "MOST_NAMES", 10)
    queues = {dict(key[1]).get("queue") for key in told()} - {None}
    assert len(queues) <= 11
    assert metrics.OTHERS in queues
    assert sum(number for key, number in told().items() if key[0] == "telltale_workflows") == 31
    assert (value("telltale_queue_oldest_seconds", queue=metrics.OTHERS) or 0) > 0


def test_the_bounds_rise() -> None:
    assert sorted(set(BOUNDS)) == BOUNDS


def test_the_table_keeps_one_row_for_a_name_a_kind_and_a_bound() -> None:
    for _ in range(5):
        run(doubling.start([1]))
        counts.fold()
    rows = TallyRow.objects.filter(name="doubling", kind="succeeded")
    assert sum(rows.values_list("workflows", flat=True)) == 5
    assert rows.count() <= len(BOUNDS)


def test_every_metric_that_documents_and_alerts_name_is_told_and_every_told_one_is_documented() -> None:
    run(doubling.start([1]))
    shared = metrics.of_database()
    assert shared is not None
    told = {name.removesuffix("_total") for name in families(shared) if not name.startswith(("process_", "python_"))}
    guide = (ROOT / "docs" / "guides" / "operating.md").read_text(encoding="utf-8")
    alerts = (ROOT / "docs" / "deploy" / "alerts.yaml").read_text(encoding="utf-8")
    documented = {name.removesuffix("_total") for name in re.findall(r"`(telltale_\w+)`", guide)}
    assert documented == told
    assert {re.sub("_(total|bucket)$", "", name) for name in re.findall(r"telltale_\w+", alerts)} <= told


def families(shared: Any) -> set[str]:
    async def page() -> set[str]:
        return {family.name for family in metrics.Page(shared, 0.001).collect()}

    return asyncio.run(page())
