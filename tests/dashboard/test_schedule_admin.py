"""Schedules in the admin: what the list and the page say, and who may do what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.dashboard.test_admin import ids, page
from tests.people import People
from workflows import schedules
from workflows.models import Schedule, Workflow

pytestmark = [pytest.mark.usefixtures("collected_static"), pytest.mark.django_db]
LIST = "/admin/workflows/schedule/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def operator(people: People, client: Client) -> Client:
    """Signed in, may start workflows and change schedules."""
    people.operator.user_permissions.add(Permission.objects.get(codename="change_schedule"))
    client.force_login(people.operator)
    return client


def create(name: str = "nightly") -> Schedule:
    """A schedule at 02:30 in Berlin."""
    return schedules.create(
        name, "doubling", args=[[1]], cron="30 2 * * *", time_zone="Europe/Berlin",
        starts_at=datetime(2027, 3, 27, tzinfo=UTC), missed="last",
    )  # fmt: skip


def act(client: Client, action: str, *names: str) -> str:
    """Do an action with the rows; the page that follows."""
    response = client.post(LIST, {"action": action, "_selected_action": list(names)}, follow=True)
    return response.content.decode()


def test_the_list_says_what_is_next_how_it_went_last_and_what_is_wrong(operator: Client) -> None:
    create()
    workflow = schedules.trigger("nightly")
    create("broken")
    Schedule.objects.filter(name="broken").update(definition="gone", cron="rubbish")
    content = page(operator, LIST)
    assert ids(content) == ["broken", "nightly"]
    assert "At 02:30 every day (Europe/Berlin)" in content
    assert "2027-03-27 01:30:00.000" in content
    assert "queued <a href" in content
    assert workflow.id in content
    assert "No definition is named &#x27;gone&#x27;" in content
    assert ids(page(operator, LIST, q="nigh")) == ["nightly"]


def test_the_page_shows_everything_and_changes_nothing(operator: Client) -> None:
    create()
    workflow = schedules.trigger("nightly")
    content = page(operator, f"{LIST}nightly/change/")
    for words in ("2027-03-28 01:00:00.000", workflow.id, "Not before", "last"):
        assert words.lower() in content.lower()
    assert 'name="_save"' not in content
    assert operator.post(f"{LIST}nightly/change/", {"paused": "on"}).status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403
    Schedule.objects.update(cron="rubbish")
    assert "is no cron expression" in page(operator, f"{LIST}nightly/change/")


def test_actions_pause_unpause_and_start_in_the_name_of_who_asked(operator: Client) -> None:
    create("a")
    create("b")
    assert "Paused: 2 of 2." in act(operator, "pause_selected", "a", "b")
    assert [(row.paused, row.changed_by) for row in schedules.everything()] == [(True, "operator")] * 2
    assert "Unpaused: 1 of 1." in act(operator, "unpause_selected", "a")
    assert not schedules.get("a").paused
    assert "Started: 1 of 1." in act(operator, "trigger_selected", "b")
    workflow = Workflow.objects.get()
    assert (workflow.schedule, workflow.created_by) == ("b", "operator")


def test_a_start_that_is_refused_says_why_and_the_others_happen(operator: Client) -> None:
    create("a")
    create("b")
    Schedule.objects.filter(name="a").update(definition="gone")
    content = act(operator, "trigger_selected", "a", "b")
    assert "No definition is named" in content
    assert "Started: 1 of 2." in content


def test_who_may_only_look_can_neither_pause_nor_start(people: People, client: Client) -> None:
    create()
    client.force_login(people.viewer)
    assert ids(page(client, LIST)) == ["nightly"]
    for action in ("pause_selected", "trigger_selected"):
        assert action not in page(client, LIST)
        act(client, action, "nightly")
    assert not schedules.get("nightly").paused
    assert Workflow.objects.count() == 0
    client.force_login(people.stranger)
    assert client.get(LIST).status_code == 302


def test_the_list_costs_the_same_however_many_there_are(operator: Client) -> None:
    counts = []
    for number in (1, 30):
        for index in range(number):
            create(f"s{index}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(operator, LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_hostile_names_are_shown_as_text(operator: Client) -> None:
    name = HOSTILE
    create(name)
    for path in (LIST, reverse("admin:workflows_schedule_change", args=[quote(name)])):
        content = page(operator, path)
        assert HOSTILE not in content
        assert "&lt;script&gt;alert(1)" in content
