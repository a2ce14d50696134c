"""A list's filter means the same in an address, on the wire, in the database and for one row in memory."""

from __future__ import annotations

import itertools

import pytest
from django.http import QueryDict

from dashboard.filters import ListFilter
from tests.definitions import counting, publishing
from tests.execution import run
from workflows import operations, queries
from workflows.models import Workflow
from workflows.states import Status


@pytest.mark.django_db(transaction=True)
def test_the_database_and_a_row_in_memory_agree_for_every_combination() -> None:
    cancelled = publishing.using(workflow_id="A_1").start([])
    publishing.using(workflow_id="Ab%2").start([])
    ended = counting.using(workflow_id="aB\\3").start(0, 0.0)
    counting.using(workflow_id="ab4").start(0, 0.0)
    operations.cancel(cancelled.id)
    run(ended)
    summaries = queries.summaries(list(Workflow.objects.values_list("pk", flat=True)))
    assert len(summaries) == 4
    statuses: list[tuple[str, ...]] = [(), *[(status.value,) for status in Status], ("queued", "succeeded")]
    definitions, searches = ["", "publishing", "none"], ["", "A", "a", "Ab", "A_", "Ab%", "%", "aB\\", "nothing"]
    found = 0
    for chosen in itertools.product(statuses, definitions, searches):
        wanted = ListFilter(*chosen)
        in_memory = {row["id"] for row in summaries if wanted.matches(row)}
        assert in_memory == set(wanted.rows().values_list("pk", flat=True)), wanted
        found += len(in_memory)
    assert found > 30


def test_an_address_goes_there_and_back() -> None:
    wanted = ListFilter(("failed", "running"), "shop.checkout", "order 4&2")
    assert ListFilter.from_query(QueryDict(wanted.query)) == wanted
    assert ListFilter.from_wire(wanted.wire) == wanted
    assert ListFilter().query == ""


def test_an_address_typed_by_hand_is_taken_as_far_as_it_makes_sense() -> None:
    query = QueryDict("status=FAILED&status=failed&status=&status=failed&q=%20order%00%0042%20&page=3")
    assert ListFilter.from_query(query) == ListFilter(("failed",), "", "order42")
    assert len(ListFilter.from_query(QueryDict("q=" + "x" * 10_000)).search) == 200
