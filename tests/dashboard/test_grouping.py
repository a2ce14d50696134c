"""The list sets children under their parents, and finds them by these; of a hidden parent it says nothing."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard import lists
from dashboard.access import Permissions
from dashboard.filters import ListFilter
from dashboard.models import SavedView
from dashboard.presenters.rows import families
from dashboard.protocol import SubscribeList
from dashboard.views import listing
from tests import definitions
from tests.people import People, create_people
from workflows import operations
from workflows.models import Workflow
from workflows.options import Options

__all__ = ["definitions"]  # what the registry knows


class NotSecret(Permissions):
    """Nobody sees what is in the queue "secret"."""

    def visible(self, user: User | AnonymousUser, queryset: QuerySet[Workflow]) -> QuerySet[Workflow]:
        return queryset.exclude(queue="secret")


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


def start(*family: str, queue: str = "nobody") -> None:
    """Each as "id" or "id<parent", one after the other."""
    for one in family:
        name, _, parent = one.partition("<")
        operations.start(
            "doubling", kwargs={"numbers": []}, workflow_id=name, parent=parent or None, options=Options(queue=queue)
        )


def rows(browser: Client, query: str = "") -> list[tuple[str, int]]:
    html = browser.get(f"/workflows/?{query}").content.decode()
    found = re.findall(r'<tr role="row" data-id="([^"]+)"[^>]*?(?: data-level="(\d+)")?>', html)
    return [(id_, int(level or 0)) for id_, level in found]


def test_a_family_stands_together_in_the_order_of_start_where_its_eldest_stands() -> None:
    page = {"c2": "a", "b": "", "g2": "c1", "g1": "c1", "c1": "a", "x": "elsewhere", "a": ""}
    placed = families(page)
    assert [(row, place.level) for row, place in placed.items()] == [
        ("b", 0), ("x", 0), ("a", 0), ("c1", 1), ("g1", 2), ("g2", 2), ("c2", 1),
    ]  # fmt: skip
    assert placed["x"].parent == "elsewhere"


def test_whatever_the_families_every_row_is_there_once_under_its_parent_if_that_is_there() -> None:
    dice = random.Random(7)
    for _ in range(300):
        count = dice.randrange(1, 12)
        # Newest first: a parent is older, so it comes later, or not on this page; now and then data is beyond reason.
        page = {str(n): dice.choice(["", "away", *map(str, range(0 if dice.random() < 0.1 else n + 1, count))])
                for n in range(count)}  # fmt: skip
        placed = list(families(page).items())
        assert sorted(row for row, _ in placed) == sorted(page)
        above: list[str] = []
        for row, (level, parent) in placed:
            assert level <= len(above)
            assert not level or above[level - 1] == parent == page[row]
            above[level:] = [row]


@pytest.mark.django_db
def test_children_stand_under_their_parents_unless_somebody_wants_none_of_it(operator: Client) -> None:
    start("top", "first<top", "other", "below<first", "second<top")
    grouped = [("other", 0), ("top", 0), ("first", 1), ("below", 2), ("second", 1)]
    assert rows(operator) == rows(operator, "group=nonsense") == grouped
    flat = [("second", 0), ("below", 0), ("other", 0), ("first", 0), ("top", 0)]
    assert rows(operator, "group=none") == flat
    html = operator.get("/workflows/").content.decode()
    assert '<span class="visually-hidden">Child of first:</span>' in html
    assert 'href="?group=none" data-behaviour="grouping"' in html
    html = operator.get("/workflows/?group=none&status=queued&peek=top").content.decode()
    assert html.count('aria-label="Child of top"') == 2
    assert 'href="?status=queued" data-behaviour="grouping"' in html


@pytest.mark.django_db
def test_a_failed_child_is_seen_wherever_its_parent_is_and_leads_there(operator: Client) -> None:
    start("top", "child<top", "later")
    operations.cancel("child", by="somebody")
    assert rows(operator, "status=cancelled") == [("child", 0)]
    html = operator.get("/workflows/?status=cancelled").content.decode()
    assert '<a href="/workflows/top/" title="Child of top" aria-label="Child of top">↳</a>' in html


@pytest.mark.django_db
def test_pages_have_the_same_rows_with_and_without_families(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_ROWS", 3)
    start("top", "a<top", "b<top", "c<top", "d")

    def pages(query: str) -> list[set[str]]:
        found = []
        while query is not None:
            response = operator.get(f"/workflows/?{query}")
            found.append({row.summary["id"] for row in response.context["rows"]})
            query = response.context["older"] and response.context["older"].removeprefix("?")
        return found

    assert pages("") == pages("group=none") == [{"d", "c", "b"}, {"a", "top"}]
    assert "group=none" in operator.get("/workflows/?group=none").context["older"]


@pytest.mark.django_db
def test_the_look_is_in_every_address_of_the_list(operator: Client) -> None:
    start("top")
    look = "group=none&density=compact"
    html = operator.get(f"/workflows/?status=queued&columns=name,id&{look}").content.decode()
    assert '<html lang="en" data-density="compact">' in html
    assert html.count('name="group" value="none"') == html.count('name="density" value="compact"') == 2  # both forms
    assert f'href="?status=queued&amp;{look.replace("&", "&amp;")}">The usual ones' in html
    assert f"export.csv?status=queued&amp;columns=name,id&amp;{look.replace('&', '&amp;')}" in html
    assert operator.get(f"/workflows/?q=status:queued&{look}")["Location"] == f"/workflows/?status=queued&{look}"
    operator.post("/views/new", {"name": "v", "query": f"{look}&status=queued&group=1&density=huge"})
    assert SavedView.objects.get().query == "status=queued"  # the last word counts, and means nothing
    operator.post("/views/new", {"name": "w", "query": f"status=queued&{look}"})
    assert f'href="?status=queued&amp;{look.replace("&", "&amp;")}"' in operator.get("/workflows/").content.decode()
    operator.post("/views/default", {"view": SavedView.objects.get(name="v").pk})
    assert 'href="?all=1" data-behaviour="grouping"' in operator.get("/workflows/?group=none").content.decode()
    operator.cookies["density"] = "comfortable"
    assert 'data-density="comfortable"' in operator.get("/workflows/?density=huge").content.decode()
    assert 'data-density="normal"' in operator.get("/workflows/?density=normal").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_parent_that_is_hidden_is_not_named_and_costs_who_sees_all_no_read(settings: Any) -> None:
    start("hidden-parent", queue="secret")
    start("own<hidden-parent", "seen", "other<seen")
    operations.cancel("seen", by="somebody")
    browser = Client()
    browser.force_login(create_people().operator)
    html = browser.get("/workflows/?status=queued&group=none").content.decode()
    assert 'aria-label="Child of hidden-parent"' in html
    assert 'aria-label="Child of seen"' in html
    with CaptureQueriesContext(connection) as with_families:
        browser.get("/workflows/?status=queued")
    with CaptureQueriesContext(connection) as flat:
        browser.get("/workflows/?status=queued&group=none")
    assert len(with_families) == len(flat)
    settings.TELLTALE_ACCESS = f"{__name__}.NotSecret"
    for query in ("status=queued", "group=none", ""):
        html = browser.get(f"/workflows/?{query}").content.decode()
        assert "hidden-parent" not in html
        assert 'data-id="own"' in html
    assert 'aria-label="Child of seen"' in browser.get("/workflows/?status=queued").content.decode()


@pytest.mark.django_db
def test_children_are_found_by_their_parent_and_others_by_having_none(operator: Client) -> None:
    start("top", "child<top", "below<child", "other<top", "parent:odd", "odd<parent:odd")
    operations.cancel("other", by="somebody")
    assert operator.get("/workflows/", {"q": "parent:top"})["Location"] == "/workflows/?parent=top"
    assert rows(operator, "parent=top") == [("other", 0), ("child", 0)]
    assert rows(operator, "parent=top&status=cancelled") == [("other", 0)]
    assert rows(operator, "parent=none") == [("parent:odd", 0), ("top", 0)]
    assert operator.get("/workflows/", {"q": "parent:parent:odd"})["Location"] == "/workflows/?parent=parent%3Aodd"
    html = operator.get("/workflows/?parent=top").content.decode()
    assert '<input type="checkbox" name="parent" value="top" checked>' in html
    assert "2 match." in html
    html = operator.get("/workflows/?parent=other%00").content.decode()
    assert 'among the children of <strong class="mono">other</strong>' in html
    assert 'href="/workflows/?parent=top">All 2 in the list' in operator.get("/workflows/top/").content.decode()
    found = operator.get("/api/v1/workflows?parent=top").json()["items"]
    assert [each["id"] for each in found] == ["other", "child"]
    assert operator.get("/bulk/matching?parent=none").json()["workflows"][0]["id"] == "parent:odd"
    assert b"below" not in b"".join(operator.get("/workflows/export.csv?parent=top").streaming_content)


@pytest.mark.django_db(transaction=True)
def test_a_hidden_workflow_has_no_children_that_can_be_found_or_heard_of(settings: Any) -> None:
    settings.TELLTALE_ACCESS = f"{__name__}.NotSecret"
    user = create_people().operator
    since = timezone.now().isoformat()
    start("hidden-parent", queue="secret")
    start("own<hidden-parent", "top", "child<top")
    browser = Client()
    browser.force_login(user)
    for query in (
        "",
        "&status=queued",
        "&before=2999-01-01T00:00:00Z~x",
        "&after=2001-01-01T00:00:00Z~x&count=exactly",
    ):
        html = browser.get(f"/workflows/?parent=hidden-parent{query}").content.decode()
        assert 'data-id="own"' not in html
        assert "1 match" not in html
    assert browser.get("/bulk/matching?parent=hidden-parent").json()["workflows"] == []
    for parent, heard in (("hidden-parent", []), ("top", ["child"]), ("none", ["top"])):
        wanted = SubscribeList(
            t="subscribe", topic="workflows", filter=ListFilter(parent=parent).wire, ids=[], since=since
        )
        assert [id_ for id_, *_ in json.loads(lists.look(user, wanted))["fresh"]] == heard
