"""A list's filter means the same in an address, on the wire, in the database and for one row in memory."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from dashboard.filters import ListFilter, understood
from tests.definitions import counting, publishing
from tests.execution import run
from workflows import finding, operations, queries
from workflows.models import Workflow


@pytest.mark.django_db(transaction=True)
def test_the_database_and_a_row_in_memory_agree_for_every_combination() -> None:
    cancelled = publishing.using(workflow_id="A_1").start([])
    operations.start("publishing", args=[[]], workflow_id="Ab%2", parent="A_1")
    ended = counting.using(workflow_id="aB\\3").start(0, 0.0)
    counting.using(workflow_id="ab4").start(0, 0.0)
    operations.cancel(cancelled.id)
    run(ended)
    summaries = queries.summaries(list(Workflow.objects.values_list("pk", flat=True)))
    assert len(summaries) == 4
    parents = dict(Workflow.objects.values_list("pk", "parent"))
    statuses: list[tuple[str, ...]] = [(), ("queued",), ("cancelled",), ("failed",), ("queued", "succeeded")]
    definitions = ["", "publishing", "none", "p*", "none*"]
    since = ["", "1h", "2999-01-01"]
    searches = ["", "A", "a", "Ab", "A_", "Ab%", "%", "aB\\", "nothing"]
    found, known = 0, {row["definition"] for row in summaries}
    of_families = itertools.product(statuses, definitions, ["", "Ab"], ["", "1h"], [()], ["none", "A_1", "ab4"])
    for chosen in itertools.chain(itertools.product(statuses, definitions, searches, since), of_families):
        wanted = ListFilter(*chosen)
        in_memory = {row["id"] for row in summaries if wanted.matches({**row, "parent": parents[row["id"]]})}
        assert in_memory == set(wanted.rows().values_list("pk", flat=True)), wanted
        page = finding.workflow_page(statuses=wanted.status, definitions=wanted.definitions(known), **wanted.terms)
        assert {row.id for row in page.rows} == in_memory, wanted
        found += len(in_memory)
    assert found > 30


def test_an_address_goes_there_and_back() -> None:
    wanted = ListFilter(("failed", "running"), "shop.checkout*", "order 4&2", "2h", parent="a parent")
    assert ListFilter.from_query(QueryDict(wanted.query)) == wanted
    told = ListFilter.from_wire(wanted.wire)
    assert replace(told, since="2h") == wanted
    assert told.earliest is not None
    assert timedelta(hours=1.9) < timezone.now() - told.earliest < timedelta(hours=2.1)
    assert ListFilter().query == ""


def test_an_address_typed_by_hand_is_taken_as_far_as_it_makes_sense() -> None:
    query = QueryDict("status=FAILED&status=failed&status=&status=failed&q=%20order%00%0042%20&page=3")
    assert ListFilter.from_query(query) == ListFilter(("failed",), "", "order42")
    assert len(ListFilter.from_query(QueryDict("q=" + "x" * 10_000)).search) == 200


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("status:failed name:import* id:order-4 since:2h", ListFilter(("failed",), "import*", "order-4", "2h")),
        ("order-4", ListFilter(search="order-4")),
        ("order:4", ListFilter(search="order:4")),
        ("id:status:failed", ListFilter(search="status:failed")),
        ("status:failed,running status:queued", ListFilter(("failed", "queued", "running"))),
        ("  since:2026-11-23T10:00  ", ListFilter(since="2026-11-23T10:00")),
        ("parent:order-4 parent:none", ListFilter(parent="none")),
        ("parent:a:b status:failed", ListFilter(("failed",), parent="a:b")),
        ("", ListFilter()),
    ],
)
def test_what_is_typed_into_the_search_field_is_understood(typed: str, meant: ListFilter) -> None:
    assert understood(ListFilter(search=typed)) == (meant, [])


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("status:broken", "“broken” is no status; they are delayed, queued,"),
        ("status:", "“” is no status"),
        ("since:yesterday", "“yesterday” is no age or time; write 90m, 2h, 7d"),
        ("since:999999d", "is no age or time"),
        ("name:", "needs the name of a definition"),
        ("id:", "needs an id"),
        ("parent:", "needs the id of a workflow"),
        ("one two", "Only one beginning of an id"),
    ],
)
def test_what_is_not_understood_is_said_and_the_rest_is_kept(typed: str, problem: str) -> None:
    meant, problems = understood(ListFilter(("queued",), search=f"{typed} status:failed"))
    assert problem in problems[0]
    assert meant.status == ("failed", "queued")
    assert meant.since == meant.definition == ""


def test_an_address_with_a_since_that_is_none_leaves_it_out() -> None:
    for since in ("soon", "12", "2h2h", "٣h", "9" * 400 + "h", "0001-01-01T00:00+14:00"):
        assert ListFilter.from_query(query_of(since)).since == "", since


def query_of(since: str) -> QueryDict:
    query = QueryDict(mutable=True)
    query["since"] = since
    return query
