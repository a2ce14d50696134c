"""Terms about published values: how they are read, what they mean, and how far they are looked for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from dashboard import listings
from dashboard.filters import ListFilter, understood
from dashboard.terms import MOST_TERMS, Term, parse
from tests.dashboard.test_presenters import cases
from tests.definitions import publishing
from tests.execution import run
from tests.people import People
from workflows.models import Workflow
from workflows.visibility import Visibility


@cases("terms")
def test_a_term_means_the_same_here_and_in_the_browser(case: Any) -> None:
    key, how, operand, values, expected = case
    assert Term(key, how, operand).matches(values) is expected


@pytest.mark.parametrize(
    ("word", "term"),
    [
        ("event.region:eu", Term("region", "=", "eu")),
        ("event.region:eu*", Term("region", "^", "eu")),
        ("event.amount:>0.5", Term("amount", ">", "0.5")),
        ("event.amount:>=0.5", Term("amount", ">=", "0.5")),
        ("event.at:10:30", Term("at", "=", "10:30")),
        ("event.a.b:x", Term("a.b", "=", "x")),
        ("event.my%20key%3A:x y", Term("my key:", "=", "x y")),
        ("key:report", Term("report", "?", "")),
        ("key:a:b", Term("a:b", "?", "")),
    ],
)
def test_a_word_is_read_and_written_alike(word: str, term: Term) -> None:
    assert parse(word) == term
    assert parse(term.word) == term


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("event.region", "“event.region” needs a value: event.region:eu, event.region:>0.5, or key:region."),
        ("event.region:", "needs a value after “:”"),
        ("event.region:>", "needs a value after “:>”"),
        ("event.region:*", "needs a value"),
        ("event.:5", "A key has 1 to 200 characters"),
        ("key:", "A key has 1 to 200 characters"),
        ("key:" + "k" * 201, "this one has 201"),
        ("key:a\x00b", "no control characters"),
        ("event.a:" + "x" * 201, "may have 200 characters"),
    ],
)
def test_what_is_no_term_says_what_is_missing(word: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse(word)


def test_terms_are_typed_beside_the_others_and_stand_in_the_address() -> None:
    typed = 'status:failed event.region:"eu west" key:"my key" event.amount:>5 order-4'
    meant, problems = understood(ListFilter(search=typed))
    assert problems == []
    where = (Term("region", "=", "eu west"), Term("my key", "?", ""), Term("amount", ">", "5"))
    assert meant == ListFilter(("failed",), search="order-4", where=where)
    assert ListFilter.from_query(QueryDict(meant.query)) == meant
    assert ListFilter.from_wire(json.loads(json.dumps(meant.wire))) == meant


def test_too_many_terms_and_broken_ones_of_an_address_are_left_out() -> None:
    query = QueryDict(mutable=True)
    query.setlist("where", ["event.x", "nonsense", "key:%00", *(f"key:k{number}" for number in range(20))])
    assert len(ListFilter.from_query(query).where) == MOST_TERMS
    _, problems = understood(ListFilter(search=" ".join(f"key:k{number}" for number in range(20))))
    assert "At most 8 terms" in problems[0]


# In the database


@pytest.fixture
def twelve(db: None) -> None:
    """w-00 to w-11, oldest first, each with its number and every third one `odd`."""
    for number in range(12):
        run(publishing.using(workflow_id=f"w-{number:02}").start([number], "number"))


def found(query: str, **options: Any) -> tuple[list[str], listings.Listing]:
    wanted, problems = understood(ListFilter(search=query))
    assert problems == []
    page = listings.listing(wanted, Workflow.objects.all(), Visibility.ADMIN, **{"limit": 50, **options})
    return [row.id for row in page.rows], page


@pytest.mark.django_db(transaction=True)
def test_the_latest_values_decide_newest_first(twelve: None) -> None:
    ids, page = found("event.number:>8")
    assert ids == ["w-11", "w-10", "w-09"]
    assert (page.looked_at, page.further, page.older) == (12, None, None)
    assert found("event.number:3")[0] == ["w-03"]
    assert found("key:number id:w-1")[0] == ["w-11", "w-10"]
    assert found("key:none")[0] == []
    assert found("event.number:>3 event.number:<6 status:succeeded,failed name:pub*")[0] == ["w-05", "w-04"]


@pytest.mark.django_db(transaction=True)
def test_pages_go_on_where_the_last_one_ended(twelve: None) -> None:
    first, page = found("event.number:>=2", limit=4)
    second, page = found("event.number:>=2", limit=4, before=page.older)
    third, page = found("event.number:>=2", limit=4, before=page.older)
    assert first + second + third == [f"w-{number:02}" for number in range(11, 1, -1)]
    assert page.older is None


@pytest.mark.django_db(transaction=True)
def test_looking_is_bounded_and_says_where_it_stopped(twelve: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "AT_ONCE", 3)
    monkeypatch.setattr(listings, "LOOKED_AT", 6)
    ids, page = found("event.number:<8")
    assert (ids, page.looked_at) == (["w-07", "w-06"], 6)
    assert page.further is not None
    ids, page = found("event.number:<8", before=page.further)
    assert (ids, page.looked_at) == ([f"w-{number:02}" for number in range(5, -1, -1)], 6)
    monkeypatch.setattr(listings, "SECONDS", -1.0)
    ids, page = found("event.number:<8")
    assert (ids, page.looked_at, page.further is None) == ([], 3, False)


@pytest.mark.django_db(transaction=True)
def test_the_page_says_how_far_it_looked_and_leads_further(
    twelve: None, client: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(people.operator)
    monkeypatch.setattr(listings, "AT_ONCE", 3)
    monkeypatch.setattr(listings, "LOOKED_AT", 6)
    answer = client.get("/workflows/?q=event.number%3A%3C8")
    assert answer["Location"] == "/workflows/?where=event.number%3A%3C8"
    response = client.get(answer["Location"])
    html = " ".join(response.content.decode().split())
    assert "Stopped after 6 workflows: what was published is looked at one by one." in html
    assert [row.summary["values"] for row in response.context["rows"]] == [{"number": 7}, {"number": 6}]
    listed = response.context["list"]
    assert listed["keys"] == ["number"]
    assert [row["id"] for row in client.get(listed["asks"]).json()["workflows"]] == ["w-07", "w-06"]
    empty = client.get("/workflows/?where=key%3A%3Cscript%3E").content.decode()
    assert "among the 6 that were looked at" in " ".join(empty.split())
    assert "key:&lt;script&gt;" in empty
    assert "key:<script>" not in empty
    assert "w-05" in client.get(f"/workflows/{response.context['further']}").content.decode()


@pytest.mark.django_db(transaction=True)
def test_bulk_acts_on_what_the_terms_mean(twelve: None, client: Client, people: People) -> None:
    client.force_login(people.operator)
    answer = client.get("/bulk/matching?where=event.number%3A%3C2").json()
    assert ([row["id"] for row in answer["workflows"]], answer["more"]) == (["w-01", "w-00"], False)
    data = {"ids": "", "matching": "on", "filter": "where=event.number%3A%3C2"}
    assert client.post("/bulk/pin/confirmation", data).context["plan"].ids == ["w-01", "w-00"]
