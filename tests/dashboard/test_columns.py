"""Which columns a list has: an address goes there and back, and whatever is typed into one makes some list."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from django.test import Client

from dashboard.columns import MOST_KEYS, Column, Columns
from tests.definitions import publishing
from tests.execution import run
from tests.people import People
from workflows import queries
from workflows.models import Value, Workflow

KEYS = ["amount", "a,b", "a:b", "100%", "%2C", "käse 🧀", "<script>", "x" * 200, "event.x"]


def columns(query: str) -> Columns:
    return Columns.from_query(QueryDict(query))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("shown_as", ["", "percent"])
def test_a_key_of_any_spelling_goes_there_and_back(key: str, shown_as: str) -> None:
    wanted = Columns((Column("name"), Column(key=key, shown_as=shown_as), Column("duration")))
    query = QueryDict(mutable=True)
    query["columns"] = wanted.text
    assert Columns.from_query(query) == wanted


def test_the_usual_columns_need_no_word() -> None:
    assert columns("").text == ""
    assert columns("columns=status,name,id,progress,left,last,started,duration").text == ""
    assert columns("columns=duration,name,event.amount:percent").text == "duration,name,event.amount:percent"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("columns=nonsense,event.,event.%2500,,", ""),
        ("columns=status", "status,name"),
        ("columns=event.a,id", "name,event.a,id"),
        ("columns=name,id,name", "name,id"),
        ("columns=name,event.a:shouting", "name,event.a"),
        ("columns=status&columns=name&columns=event.a", "status,name,event.a"),
        ("columns=name,event.a&column=a&as=bar", "name,event.a"),
        ("columns=name,event.a&column=a&as=link", "name,event.a:link"),
        ("columns=name&column=%00", "name"),
        ("columns=name&column=" + "k" * 201, "name"),
    ],
)
def test_an_address_typed_by_hand_is_taken_as_far_as_it_makes_sense(query: str, expected: str) -> None:
    assert columns(query).text == expected


def test_no_list_has_more_keys_than_a_page_can_show() -> None:
    assert columns("columns=" + ",".join(f"event.k{n}" for n in range(50))).keys == [f"k{n}" for n in range(MOST_KEYS)]


# On the page


@pytest.fixture
def viewer(client: Client, people: People) -> Client:
    client.force_login(people.viewer)
    handle = publishing.using(workflow_id="w").start([0.25])
    run(handle)
    Value.objects.create(workflow_id="w", key="page", value="javascript:alert(1)", seq=1, at="2026-11-25T10:00Z")
    Value.objects.create(workflow_id="w", key="long", value="<b>" + "y" * 5_000, seq=1, at="2026-11-25T10:00Z")
    return client


@pytest.mark.django_db(transaction=True)
def test_the_list_shows_the_latest_values_of_the_chosen_keys_and_carries_them_for_the_live_page(viewer: Client) -> None:
    key = Value.objects.filter(workflow_id="w").order_by("key").values_list("key", flat=True)
    assert {"page", "long"} < set(key)
    html = viewer.get("/workflows/?columns=name,event.page:link,event.long,event.none").content.decode()
    assert (
        'data-key="page" data-as="link" data-kind="text" title="javascript:alert(1)"><span>javascript:alert(1)</span>'
        in html
    )
    assert 'href="javascript' not in html
    assert "<b>" not in html
    assert "workflow-table__id" not in html
    listed = viewer.get("/workflows/?columns=name,event.page:link,event.long,event.none").context["list"]
    assert listed["keys"] == ["page", "long", "none"]
    assert set(listed["rows"][0]["values"]) == {"page", "long"}
    assert len(listed["rows"][0]["values"]["long"]) == 201


@pytest.mark.django_db(transaction=True)
def test_filters_pages_and_the_way_back_keep_the_columns(viewer: Client) -> None:
    html = viewer.get("/workflows/?status=succeeded&columns=name,event.page").content.decode()
    assert '<input type="hidden" name="columns" value="name,event.page">' in html
    assert 'href="?columns=name,event.page">Clear' in html
    answer = viewer.get("/workflows/?status=succeeded&columns=status&columns=name&column=amount&as=percent")
    assert answer["Location"] == "/workflows/?status=succeeded&columns=status,name,event.amount:percent"


@pytest.mark.django_db(transaction=True)
def test_keys_that_were_published_are_offered_to_who_may_see_them(viewer: Client, people: People) -> None:
    assert {"page", "long"} <= set(viewer.get("/workflows/keys").json()["keys"])
    assert viewer.get("/workflows/keys?status=failed").json() == {"keys": []}
    stranger = Client()
    stranger.force_login(people.stranger)
    assert stranger.get("/workflows/keys").status_code == 403
    assert stranger.get("/workflows/?columns=name,event.page").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_row_reads_its_values_by_one_statement_and_only_the_beginning_of_long_ones(viewer: Client) -> None:
    found = queries.list_values(["w", "nobody"], ["page", "long", "none"])
    assert found["w"]["page"] == "javascript:alert(1)"
    assert found["w"]["long"] == "<b>" + "y" * 197 + "…"
    assert queries.list_values([], ["page"]) == {}
    row = Workflow.objects.get(pk="w")
    assert queries.summaries_of([row], ["page"])[0]["values"] == {"page": "javascript:alert(1)"}
    assert "values" not in queries.summaries_of([row])[0]
