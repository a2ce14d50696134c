"""Lists: keyset pages that neither skip nor repeat, filters, and the rows they show."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.definitions import doubling, publishing, retrying
from tests.execution import run
from workflows import finding, operations, queries
from workflows.durable import WorkflowNotFound
from workflows.finding import Cursor
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def ids_of(count: int) -> list[str]:
    """So many workflows, newest first."""
    return [publishing.using(workflow_id=f"w{number:03}").start([]).id for number in range(count)][::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20])
def test_pages_neither_skip_nor_repeat_in_either_direction(limit: int) -> None:
    ids = ids_of(7)
    seen: list[str] = []
    cursor: Cursor | None = None
    while True:
        page = finding.workflow_page(before=cursor, limit=limit)
        seen += [row.id for row in page.rows]
        if page.older is None:
            break
        cursor = page.older
    assert seen == ids
    back: list[str] = []
    newest = page.rows[0]
    cursor = Cursor(newest.created_at, newest.id)
    while cursor is not None:
        page = finding.workflow_page(after=cursor, limit=limit)
        back = [row.id for row in page.rows] + back
        cursor = page.newer
    assert back == ids[: ids.index(newest.id)]


def test_workflows_of_the_same_moment_are_all_shown() -> None:
    ids_of(5)
    Workflow.objects.update(created_at=Workflow.objects.order_by("created_at").first().created_at)  # type: ignore[union-attr]
    first = finding.workflow_page(limit=3)
    second = finding.workflow_page(before=first.older, limit=3)
    assert sorted(row.id for row in [*first.rows, *second.rows]) == [f"w{number:03}" for number in range(5)]


def test_a_list_is_filtered_by_status_definition_and_the_beginning_of_an_id() -> None:
    done = publishing.using(workflow_id="order-1").start([])
    run(done)
    waiting = doubling.using(workflow_id="order-2").start([1])
    cancelled = doubling.using(workflow_id="other").start([1])
    operations.cancel(cancelled.id)

    def shown(**wanted: Any) -> set[str]:
        return {row.id for row in finding.workflow_page(**wanted).rows}

    assert shown(statuses=["succeeded"]) == {done.id}
    assert shown(statuses=["queued", "cancelled"]) == {waiting.id, cancelled.id}
    assert shown(definition="doubling") == {waiting.id, cancelled.id}
    assert shown(search="order-") == {done.id, waiting.id}
    assert shown(search="order-%") == set()
    assert shown(statuses=["queued"], definition="doubling", search="order") == {waiting.id}


def test_a_row_shows_progress_phase_last_event_and_error() -> None:
    handle = doubling.start([1, 2])
    run(handle)
    failed = retrying.start(99)
    run(failed)
    row, other = queries.summaries([handle.id, failed.id])
    assert row["progress"]["done"] == 2
    assert row["phase"] == "end"
    assert row["last_event"]["kind"] == "succeeded"
    assert row["seq"] == row["last_event"]["seq"]
    assert other["error"].startswith("Refused: failure")


def test_a_page_of_rows_costs_the_same_few_queries_however_long_it_is() -> None:
    ids = ids_of(30)
    counts = []
    for length in (1, 30):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert len(queries.summaries(ids[:length])) == length
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 3


def test_no_list_counts_the_table() -> None:
    ids_of(3)
    with CaptureQueriesContext(connection) as captured:
        queries.summaries_of(finding.workflow_page(statuses=["queued"], limit=2).rows)
    assert not [query["sql"] for query in captured if "COUNT(" in query["sql"].upper()]


def test_events_are_read_from_either_end() -> None:
    handle = publishing.start(list(range(10)))
    run(handle)
    assert [event.seq for event in queries.latest_events(handle.id, limit=3)] == [11, 12, 13]
    assert [event.seq for event in queries.latest_events(handle.id, limit=3, before=11)] == [8, 9, 10]
    assert [event.seq for event in queries.events_after(handle.id, 10, limit=2)] == [11, 12]


def test_unknown_ids_are_errors_or_left_out() -> None:
    with pytest.raises(WorkflowNotFound):
        queries.get_workflow("nobody")
    assert queries.summaries(["nobody"]) == []
    assert queries.values("nobody") == {}
    assert queries.steps("nobody") == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(search=st.text(max_size=30).filter(lambda text: "\x00" not in text and text.isprintable()))
def test_any_search_text_is_answered(search: str) -> None:
    assert finding.workflow_page(search=search).rows is not None
