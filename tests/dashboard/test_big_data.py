"""On a data set with a past no page scans or counts a table, or reads far more than it shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from benchmarks.bigdata import fill, indexes, plans, requests
from benchmarks.bigdata.results import Result
from tests.definitions import listening
from workflows import counts
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db
SMALL = fill.Size(2_000, 20_000, seed=1, until=datetime(2026, 11, 25, tzinfo=UTC))
LARGE = fill.Size(20_000, 200_000, seed=1, until=datetime(2026, 11, 25, tzinfo=UTC))
MOST_ROWS = 12_000  # of 20,000 workflows and 200,000 events


def filled(size: fill.Size, **options: Any) -> dict[str, Any]:
    """The data set, and what it says of itself."""
    fill.fill(size, say=lambda _: None, **options)
    told = fill.about()
    assert told is not None
    return told


@pytest.fixture
def large(transactional_db: None) -> Iterator[dict[str, Any]]:
    """Committed, and vacuumed as autovacuum does: plans heed that."""
    about = filled(LARGE)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        yield about
        cursor.execute("DROP TABLE bigdata_about")


@pytest.mark.django_db(transaction=True)
def test_no_page_scans_counts_or_reads_far_more_than_it_shows(client: Client, large: dict[str, Any]) -> None:

    client.force_login(User.objects.create_superuser("operator"))
    asked = [*requests.pages(large), *requests.admin_pages(large), *(one for one in requests.posts(large) if one.form)]
    unknown = [one for one in asked if isinstance(one, str)]
    assert not unknown, "a page that the data set has nothing for; see benchmarks/bigdata/requests.py"
    wrong = set[tuple[str, str]]()
    with plans.recorded():
        for one in asked:
            assert isinstance(one, requests.Asked)
            result = Result(one)
            status = answer(client, one)
            statements = [told for told in plans.taken() if not told.text.startswith("EXPLAIN")]
            if status != 405:
                result.look(status, statements, most_rows=MOST_ROWS)
                assert statements, one.name
            # Of so few rows the planner may rightly read a small table whole; then it is few that are read.
            wrong |= {(one.name, words) for words in result.wrong if not words.startswith("SCAN")}
    assert not wrong, "\n".join(f"{name}  {words}" for name, words in sorted(wrong))
    assert len(asked) > 150


def answer(client: Client, asked: requests.Asked) -> int:
    """The status of the answer."""
    if asked.body is None:
        return client.get(asked.path).status_code
    return client.post(asked.path, asked.body, content_type="application/x-www-form-urlencoded").status_code


def test_a_plan_that_scans_or_counts_is_noticed() -> None:
    filled(SMALL)
    with plans.recorded():
        Workflow.objects.count()
        list(Event.objects.filter(data__value="nothing"))
        list(Workflow.objects.newest_first()[:10])
        counting, scanning, listing = plans.taken()
    assert counting.counted == ["workflows_workflow"]
    assert counting.rows == SMALL.workflows
    assert scanning.scanned == ["workflows_event"]
    assert scanning.rows > 18_000
    assert (listing.scanned, listing.counted) == ([], [])
    assert listing.rows <= 10


def test_the_same_seed_makes_the_same_data_and_leaves_the_schema_as_it_was() -> None:
    with connection.cursor() as cursor:
        before = indexes.made(cursor, fill.TABLES)
        first = filled(SMALL), digest()
        assert indexes.made(cursor, fill.TABLES) == before
    second = filled(SMALL), digest()
    assert first == second
    third = filled(SMALL._replace(seed=2)), digest()
    assert third[1] != first[1]
    assert counts.differences() == []
    assert Workflow.objects.count() == SMALL.workflows
    assert 0 <= SMALL.events - Event.objects.count() < 10


def digest() -> Any:
    """What all workflows and events are, in short."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT sum(hashtext(concat_ws(' ', id, definition, status, created_at, status_at, last_seq, error)))
            FROM workflows_workflow UNION ALL
            SELECT sum(hashtext(concat_ws(' ', workflow_id, seq, kind, op, key, data, at))) FROM workflows_event"""
        )
        return cursor.fetchall()


def test_a_database_that_others_use_is_not_filled_unless_that_is_said() -> None:
    listening.using(workflow_id="mine").start("t")
    connection.check_constraints()  # now, as at a commit
    with pytest.raises(fill.Refused, match="FILL=--beside"):
        fill.fill(SMALL)
    assert Workflow.objects.count() == 1
    filled(SMALL, beside=True)
    assert Workflow.objects.count() == SMALL.workflows + 1
    assert counts.differences() == []
    assert listening.using(workflow_id="after").start("t").id == "after"  # what was taken off is there again
    assert counts.differences() == []


def test_sizes_of_which_no_data_set_can_be_made_are_refused() -> None:
    with pytest.raises(fill.Refused, match="at least 2,000"):
        fill.fill(SMALL._replace(workflows=10))
    with pytest.raises(fill.Refused, match="at least 19,000"):
        fill.fill(SMALL._replace(events=2_000))
