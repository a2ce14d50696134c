"""What a reader's cookies change, and that a cookie nobody of us wrote changes nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from dashboard import zones
from dashboard.zones import Choice
from tests import definitions
from tests.people import People
from workflows import operations, schedules
from workflows.models import Workflow

__all__ = ["definitions"]  # what the registry knows
pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


@pytest.mark.parametrize(
    ("cookie", "choice"),
    [
        ("", Choice()),
        ("UTC", Choice()),
        ("Europe/Berlin", Choice("Europe/Berlin")),
        ("browser:Asia/Calcutta", Choice("Asia/Calcutta", is_browsers=True)),
        ("schedule:UTC", Choice("UTC", is_schedules=True)),
        ("schedule:browser:Asia/Kolkata", Choice("Asia/Kolkata", is_browsers=True, is_schedules=True)),
        ("browser:", Choice()),
        ("browser:Mars/Olympus", Choice()),
        ("../../etc/passwd", Choice()),
        ("<script>", Choice()),
    ],
)
def test_a_cookie_means_a_zone_or_nothing(cookie: str, choice: Choice) -> None:
    assert Choice.of(cookie) == choice


def test_every_page_obeys_the_zone_and_the_admin_stays_in_utc(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    operator.cookies["zone"] = "Asia/Kolkata"
    for path in ("/", "/workflows/", "/workflows/w/"):
        html = operator.get(path).content.decode()
        assert re.search(r"\d\d:\d\d:\d\d IST", html)
        assert not re.search(r"\d\d:\d\d(:\d\d)? UTC", html), path
    assert "IST" not in operator.get("/admin/workflows/workflow/w/change/").content.decode()
    assert timezone.get_current_timezone_name() == "UTC"  # the request's zone has gone with it


def test_a_schedules_own_zone_is_for_its_page(operator: Client) -> None:
    schedules.create("s", "doubling", kwargs={"numbers": []}, cron="30 9 * * *", time_zone="America/Chicago")
    schedules.create("every", "doubling", kwargs={"numbers": []}, interval=60)
    operator.cookies["zone"] = "schedule:Asia/Kolkata"
    page = operator.get("/schedules/s/").content.decode()
    assert re.search(r"09:30:00 C[SD]T", page)
    assert 'data-chosen="schedule" data-schedule="America/Chicago"' in page
    for path in ("/schedules/", "/schedules/every/"):
        assert " IST" in operator.get(path).content.decode()
    operator.cookies["zone"] = "UTC"
    assert re.search(r"\d\d:30:00 UTC", operator.get("/schedules/s/").content.decode())


def test_a_backfill_is_in_the_zone_that_the_form_spoke(operator: Client) -> None:
    schedules.create(
        "s", "doubling", kwargs={"numbers": []}, cron="30 9 * * *", time_zone="America/Chicago",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    operator.cookies["zone"] = "schedule:UTC"
    assert 'name="zone" value="America/Chicago"' in operator.get("/schedules/s/").content.decode()
    ends = {"since": "2026-11-20T09:30", "until": "2026-11-21T09:29"}
    operator.post("/schedules/s/backfills", {**ends, "zone": "America/Chicago"})
    assert Workflow.objects.filter(schedule="s").count() == 1
    assert "2026-11-20T15:30" in Workflow.objects.get(schedule="s").id
    operator.post("/schedules/s/backfills", {**ends, "zone": "no/such"})  # UTC: 09:30 in Chicago is six hours later
    assert Workflow.objects.filter(schedule="s").count() == 1


def test_a_time_in_the_search_field_is_of_the_readers_clock_and_the_address_says_so(operator: Client) -> None:
    operator.cookies["zone"] = "Asia/Kolkata"
    assert operator.get("/workflows/", {"q": "since:2026-11-23T10:00"})["Location"] == (
        "/workflows/?since=2026-11-23T10%3A00%3A00%2B05%3A30"
    )
    assert operator.get("/workflows/", {"q": "since:2h"})["Location"] == "/workflows/?since=2h"
    operator.cookies["zone"] = "UTC"
    assert operator.get("/workflows/", {"q": "since:2026-11-23T10:00"})["Location"].endswith("since=2026-11-23T10%3A00")


def test_theme_and_density_are_kept_and_nothing_else_is_believed(operator: Client) -> None:
    html = operator.get("/workflows/").content.decode()
    assert '<html lang="en" data-density="normal">' in html
    operator.cookies["theme"], operator.cookies["density"] = "dark", "compact"
    assert '<html lang="en" data-theme="dark" data-density="compact">' in operator.get("/queues/").content.decode()
    operator.cookies["theme"], operator.cookies["density"] = '"><script>', "huge"
    assert '<html lang="en" data-density="normal">' in operator.get("/queues/").content.decode()


def test_the_table_for_scripts_has_each_change_to_the_second() -> None:
    chicago = {at: (offset, name) for at, offset, name in zones.changes("America/Chicago")}
    spring = round(datetime(2026, 3, 8, 8, tzinfo=UTC).timestamp() * 1000)
    assert chicago[spring] == (-18_000, "CDT")
    assert zones.changes("Asia/Kolkata") == [(zones.changes("UTC")[0][0], 19_800, "IST")]
