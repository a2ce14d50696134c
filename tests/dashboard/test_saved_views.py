"""Saved views: kept under a name, opened by it, changed by their owners, shared with whoever may see workflows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.test import Client

from dashboard import saved_views
from dashboard.models import DefaultView, SavedView
from dashboard.saved_views import Refused
from tests.people import People

pytestmark = pytest.mark.django_db
HOSTILE = "</a><script>alert(1)</script>'\"&"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(people: People) -> Client:
    return browser(people.operator)


def save(client: Client, name: str, query: str = "status=failed", **data: Any) -> HttpResponse:
    return client.post("/views/new", {"name": name, "query": query, **data})


def notices(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def seen(client: Client) -> list[tuple[str, int | None]]:
    return [(shown.view.name, shown.place) for shown in client.get("/views/").context["views"]]


def test_an_open_page_is_read_again_by_its_part_which_shows_what_the_page_shows(people: People) -> None:
    viewer, operator = browser(people.viewer), browser(people.operator)
    save(operator, "for all", shared="on")
    save(operator, "secret plans")
    part = viewer.get("/views/table").content.decode()
    assert "for all" in part
    assert "secret plans" not in part
    assert "<html" not in part
    assert browser(people.stranger).get("/views/table").status_code == 403


def view_id(name: str) -> int:
    return SavedView.objects.get(name=name).pk


def test_a_view_is_saved_from_the_list_and_opened_from_there(operator: Client) -> None:
    query = "status=failed&since=2h&where=event.amount%3A%3E5&columns=status,name,event.amount:percent"
    shown = operator.get(f"/workflows/?{query}")
    assert shown.context["view_query"] == query
    response = save(operator, "Expensive failures", query)
    assert response["Location"] == f"/workflows/?{query}"
    html = operator.get(response["Location"]).content.decode()
    assert 'data-place="1" aria-current="page">Expensive failures <kbd>1</kbd>' in html
    assert "data-place" in operator.get("/workflows/").content.decode()


def test_nothing_is_kept_of_a_query_but_filter_and_columns(operator: Client) -> None:
    save(
        operator, "v", "status=failed&status=nonsense&before=2026-01-01T00:00Z~x&next=//evil.example&q=since:2h&peek=w"
    )
    assert SavedView.objects.get().query == "status=failed&since=2h"
    save(operator, "all", "javascript:alert(1)")
    assert SavedView.objects.get(name="all").query == ""


def test_hostile_names_are_text_and_names_nobody_can_read_are_refused(operator: Client) -> None:
    save(operator, HOSTILE, shared="on")
    for address in ("/views/", "/workflows/"):
        html = operator.get(address).content.decode()
        assert HOSTILE not in html
        assert "&lt;script&gt;alert(1)" in html
    for name in ("", "   ", "x" * 81, "a\x00b", "bidi \u202e", "line\nbreak"):
        assert notices(save(operator, name))[-1].startswith("Not saved: name: "), repr(name)
    assert SavedView.objects.count() == 1


def test_names_are_unique_for_each_owner_and_too_long_or_too_many_are_refused(
    operator: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(operator, "mine")
    assert notices(save(operator, "mine"))[-1] == "Not saved: You have a view “mine” already."
    save(browser(people.viewer), "mine")
    assert SavedView.objects.count() == 2
    assert "up to 2,000 characters" in notices(save(operator, "long", "q=" + "x" * 2_000))[-1]
    with pytest.raises(Refused, match="up to 2,000"):
        saved_views.canonical("&".join(f"where=key:{'é' * 150}{number}" for number in range(8)))
    monkeypatch.setattr(saved_views, "MOST", 1)
    assert "delete one that nobody needs" in notices(save(operator, "one more"))[-1]
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(owner=people.viewer, name="mine", position=5)


def test_shared_ones_follow_ones_own_and_the_first_nine_have_a_key(operator: Client, people: People) -> None:
    viewer = browser(people.viewer)
    for number in range(9):
        save(operator, f"v{number}")
    save(viewer, "a shared one", shared="on")
    save(viewer, "a private one")
    expected: list[tuple[str, int | None]] = [(f"v{number}", number + 1) for number in range(9)]
    assert seen(operator) == [*expected, ("a shared one", None)]
    assert seen(viewer) == [("a shared one", 1), ("a private one", 2)]
    operator.post(f"/views/{view_id('v8')}/place", {"by": "-1"})
    operator.post(f"/views/{view_id('v0')}/place", {"by": "-1"})
    assert [name for name, _ in seen(operator)][-4:] == ["v6", "v8", "v7", "a shared one"]
    assert operator.post(f"/views/{view_id('v8')}/place", {"by": "100"}).status_code == 302


def test_the_owner_renames_shares_and_deletes(operator: Client, people: People) -> None:
    save(operator, "old")
    made = view_id("old")
    operator.post(f"/views/{made}", {"name": "new", "shared": "on"})
    assert seen(browser(people.viewer)) == [("new", 1)]
    operator.post(f"/views/{made}", {"name": "new"})
    assert seen(browser(people.viewer)) == []
    save(operator, "other")
    assert "already" in notices(operator.post(f"/views/{made}", {"name": "other"}))[-1]
    assert notices(operator.post(f"/views/{made}/deletion"))[-1] == "“new” is deleted."
    assert seen(operator) == [("other", 1)]


def test_what_somebody_else_owns_is_answered_as_what_is_not_there(operator: Client, people: People) -> None:
    save(browser(people.viewer), "private")
    save(browser(people.viewer), "shared", shared="on")
    for name in ("private", "shared"):
        for address in ("", "/place", "/deletion"):
            data = {"name": "taken", "by": "1"}
            assert operator.post(f"/views/{view_id(name)}{address}", data).status_code == 404, (name, address)
    assert operator.post("/views/default", {"view": view_id("private")}).status_code == 404
    assert operator.post("/views/999999999", {"name": "x"}).status_code == 404
    assert operator.post("/views/default", {"view": "٣"}).status_code == 404
    assert set(SavedView.objects.values_list("name", flat=True)) == {"private", "shared"}


def test_the_list_opens_with_the_chosen_view_and_shows_everything_when_asked_to(
    operator: Client, people: People
) -> None:
    assert operator.get("/workflows/").status_code == 200
    save(browser(people.viewer), "theirs", "status=failed", shared="on")
    operator.post("/views/default", {"view": view_id("theirs")})
    assert operator.get("/workflows/")["Location"] == "/workflows/?status=failed"
    shown = operator.get("/workflows/?status=failed").context
    assert (shown["unfiltered"], shown["newest"]) == ("?all=1", "?status=failed")
    assert operator.get("/workflows/?all=1").status_code == 200
    assert browser(people.viewer).get("/workflows/").status_code == 200
    operator.post("/views/default", {"view": view_id("theirs")})
    assert DefaultView.objects.count() == 1
    browser(people.viewer).post(f"/views/{view_id('theirs')}", {"name": "theirs"})
    assert operator.get("/workflows/").status_code == 200
    save(operator, "mine", "")
    operator.post("/views/default", {"view": view_id("mine")})
    assert operator.get("/workflows/")["Location"] == "/workflows/?all=1"
    operator.post("/views/default", {})
    assert operator.get("/workflows/").status_code == 200


def test_a_stranger_has_no_views_and_nothing_is_done_by_looking(people: People) -> None:
    stranger = browser(people.stranger)
    assert save(stranger, "x").status_code == 403
    assert stranger.get("/views/").status_code == 403
    viewer = browser(people.viewer)
    for address in ("/views/new", "/views/default", "/views/1", "/views/1/place", "/views/1/deletion"):
        assert viewer.get(address).status_code == 405
    protected = Client(enforce_csrf_checks=True)
    protected.force_login(people.viewer)
    assert save(protected, "x").status_code == 403
    assert not SavedView.objects.exists()


def test_the_admin_shows_and_removes_views_and_changes_none(people: People, admin_client: Client) -> None:
    save(browser(people.operator), HOSTILE, shared="on")
    made = SavedView.objects.get().pk
    html = admin_client.get("/admin/dashboard/savedview/").content.decode()
    assert HOSTILE not in html
    assert admin_client.get("/admin/dashboard/savedview/add/").status_code == 403
    assert admin_client.post(f"/admin/dashboard/savedview/{made}/change/", {"name": "x"}).status_code == 403
    admin_client.post(f"/admin/dashboard/savedview/{made}/delete/", {"post": "yes"})
    assert not SavedView.objects.exists()
    assert browser(people.operator).get("/admin/dashboard/savedview/").status_code == 403


def test_a_refused_change_takes_a_view_from_nobody_who_opens_with_it(people: People) -> None:
    owner, other = people.operator.pk, people.viewer.pk
    shared = saved_views.save(owner, name="ours", query="status=failed", shared=True, by="ann")
    saved_views.save(owner, name="taken", query="status=queued", shared=False, by="ann")
    saved_views.open_with(other, shared.pk)
    with pytest.raises(Refused, match="already"):
        saved_views.change(owner, shared.pk, name="taken", shared=False, by="ann")
    assert DefaultView.objects.filter(user_id=other, view=shared).exists()
    saved_views.change(owner, shared.pk, name="mine", shared=False, by="ann")
    assert not DefaultView.objects.exists()
