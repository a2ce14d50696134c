"""The pages of queues, schedules and workers: what they tell, what can be changed there, and by whom."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.trends import queue_hours, slots
from tests import definitions, execution
from tests.people import People
from workflows import bulk, counts, operations, queues, schedules
from workflows.durable import retrieve
from workflows.models import BulkAction, Queue, QueueMinuteCount, Schedule, Worker, Workflow
from workflows.options import Options

pytestmark = pytest.mark.django_db

HOSTILE = '<b>"a/..&%2F ?'


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


@pytest.fixture
def nightly(db: None) -> Schedule:
    return schedules.create("nightly", "doubling", kwargs={"numbers": [1]}, cron="30 2 * * *", by="ana")


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, address
    return response.content.decode()


def text(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


def numbers_of(html: str, label: str) -> dict[str, list[Any]]:
    """What a chart of the page would be drawn from, by the names of its lines."""
    found = re.search(rf'data-label="{label}">.*?<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found, f"no chart {label}"
    return {one["name"]: one["numbers"] for one in json.loads(found[1])["series"]}


def row(html: str, kind: str, name: str) -> str:
    """What a person reads in one row of a table."""
    found = re.search(rf'<tr role="row" data-{kind}="{re.escape(name)}">.*?</tr>', html, re.DOTALL)
    assert found, f"{kind} {name} is not listed"
    return text(found[0])


def notices(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def registered(nonce: str, **facts: object) -> Worker:
    now = timezone.now()
    usual = {
        "host": "host-1", "pid": 42, "machine": "m", "process_started": 1, "name": f"celery@{nonce}",
        "queues": ["default"], "definitions": ["doubling"], "pool": "prefork", "concurrency": 2, "version": "v1",
        "started_at": now, "heartbeat_at": now + timedelta(minutes=1),  # so that it lives, however long this takes
    }  # fmt: skip
    return Worker.objects.create(id=f"host-1:42-{nonce}", **{**usual, **facts})


# Queues


def test_a_queue_says_what_stands_in_it_and_that_nobody_takes_it(operator: Client) -> None:
    for number in range(3):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"w-{number}", options=Options(queue="slow"))
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow", delay=60))
    Workflow.objects.filter(id="w-0").update(available_at=timezone.now() - timedelta(hours=2, minutes=5))
    told = row(page(operator, "/queues/"), "queue", "slow")
    assert re.match(
        r" ?slow 3 In the last 60 minutes [^.]+\. 0 0 1 2 h 05 min 0 none Nobody consumes this queue;", told
    )
    assert "start a worker with -Q slow" in told
    registered("a", queues=["slow", "default"])
    assert "1 worker" in row(page(operator, "/queues/"), "queue", "slow")


def test_a_queue_shows_whether_it_grows_and_how_much_ends(operator: Client) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    rows = [(40, "queued", 9), (20, "queued", -9), (20, "succeeded", 8), (19, "failed", 1)]
    for minutes, kind, number in rows:
        QueueMinuteCount.objects.create(
            minute=minute - timedelta(minutes=minutes), queue="slow", kind=kind, workflows=number
        )
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    hour = queue_hours(counts.everything(), timezone.now())["slow"]
    assert (max(hour.queued), hour.queued[-10], hour.queued[-1], hour.ended) == (9, 0, 1, 9)
    told = row(page(operator, "/queues/"), "queue", "slow")
    assert re.match(r" ?slow 1 In the last 60 minutes at least 0, at most 9\. 0 0 0 \d+ s 9 none", told)


def test_an_idle_queue_of_a_definition_is_listed_without_alarm(operator: Client) -> None:
    assert "nobody" in row(page(operator, "/queues/"), "queue", "default")
    assert "Nobody consumes" not in page(operator, "/queues/")


def test_a_waiting_workflow_is_counted_where_it_will_go_on(operator: Client) -> None:
    execution.run(definitions.listening.using(workflow_id="w").start("go"))
    assert Workflow.objects.get().status == "waiting"
    assert re.match(
        r" ?default 0 In the last 60 minutes [^.]+\. 0 1 0 –", row(page(operator, "/queues/"), "queue", "default")
    )


def test_limits_are_told_in_words_and_set_by_a_form(operator: Client) -> None:
    address = reverse("dashboard:queue_limits", args=["slow"])
    response = operator.post(address, {"concurrency": "5", "rate_limit": "10", "rate_period": "2.5"})
    assert response["Location"] == "/queues/slow/"
    limits = Queue.objects.get(name="slow")
    assert (limits.concurrency, limits.worker_concurrency, limits.rate_limit, limits.rate_period) == (5, None, 10, 2.5)
    assert limits.changed_by == "operator"
    assert "5 running at once, 10 started per 2.5 s" in row(page(operator, "/queues/"), "queue", "slow")
    assert re.search(r'name="concurrency" value="5"', page(operator, "/queues/slow/"))
    operator.post(address, {"partition_concurrency": "1"})
    assert "1 of each partition" in row(page(operator, "/queues/"), "queue", "slow")
    assert Queue.objects.get(name="slow").concurrency is None


@pytest.mark.parametrize(
    "data",
    [{"concurrency": "0"}, {"concurrency": "many"}, {"rate_limit": "1"}, {"rate_period": "1"}, {"rate_limit": "-1"},
     {"concurrency": "1000001"}, {"rate_limit": "1", "rate_period": "nan"}],
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused_on_the_form(operator: Client, data: dict[str, str]) -> None:
    response = operator.post(reverse("dashboard:queue_limits", args=["slow"]), data)
    assert response.status_code == 422
    assert "field__errors" in response.content.decode()
    assert not Queue.objects.exists()


def test_a_queue_is_paused_and_goes_on(operator: Client) -> None:
    queues.set_limits("slow", concurrency=3)
    address = reverse("dashboard:queue_pause", args=["slow"])
    assert notices(operator.post(address, {"paused": "yes"})) == ["Queue slow is paused; what runs goes on."]
    assert Queue.objects.get().paused
    told = row(page(operator, "/queues/"), "queue", "slow")
    assert "Paused" in told
    assert "Unpause" in told
    operator.post(address, {"paused": "no"})
    assert (Queue.objects.get().paused, Queue.objects.get().concurrency) == (False, 3)
    assert notices(operator.post(address, {"paused": "perhaps"}))[-1].startswith("Not changed: paused")


def test_a_hostile_name_of_a_queue_is_text_everywhere(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=Options(queue=HOSTILE))
    queues.pause(HOSTILE)
    for address in ("/queues/", reverse("dashboard:queue", args=[HOSTILE]), reverse("dashboard:workflow", args=["w"])):
        html = page(operator, address)
        assert HOSTILE in text(html)
        assert "<b>" not in html
    operator.post(reverse("dashboard:queue_pause", args=[HOSTILE]), {"paused": "no"})
    assert not Queue.objects.get(name=HOSTILE).paused


def test_the_command_that_starts_a_worker_survives_a_shell(operator: Client) -> None:
    assert "-Q 'a; rm -rf ~'" in text(page(operator, reverse("dashboard:queue", args=["a; rm -rf ~"])))


# Workers


def test_a_worker_says_how_it_is_and_what_each_child_runs(operator: Client) -> None:
    registered("a")
    handle = definitions.doubling.using(workflow_id="<i>w").start([1])
    execution.claim(handle, worker="host-1:42-a/77")
    told = row(page(operator, "/workers/"), "worker", "host-1:42-a")
    for words in ("celery@a", "Ready", "default", "2 children, prefork", "doubling <i>w in 77", "0 s ago", "v1"):
        assert words in told, words
    assert reverse("dashboard:workflow", args=["<i>w"]) in page(operator, "/workers/")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "Ready"),
        ({"stopping_at": timezone.now()}, "Stopping"),
        ({"heartbeat_at": timezone.now() - timedelta(minutes=5)}, "Silent"),
    ],
)
def test_the_state_of_a_worker_is_one_word(operator: Client, facts: dict[str, object], state: str) -> None:
    registered("a", **facts)
    assert f" {state} " in row(page(operator, "/workers/"), "worker", "host-1:42-a")


def test_the_slots_of_workers_and_what_ran_in_them_are_told_minute_by_minute(operator: Client) -> None:
    now = timezone.now()
    registered("a", concurrency=4, started_at=now - timedelta(minutes=30))
    registered("gone", concurrency=8, started_at=now - timedelta(hours=5), ended_at=now - timedelta(minutes=20))
    execution.claim(definitions.doubling.start([1]), worker="host-1:42-a/77")
    hour = slots(Worker.objects.all(), counts.everything(), now)
    assert (hour.slots[0], hour.slots[35], hour.slots[-1]) == (8, 12, 4)
    assert (hour.running[0], hour.running[-1]) == (0, 1)
    assert "1 of 4 slots taken, 25 %" in text(page(operator, "/workers/"))


def test_workers_of_the_last_day_are_remembered_below(operator: Client) -> None:
    now = timezone.now()
    registered("here")
    registered("died", ended_at=now - timedelta(hours=2), ended_because="died")
    registered("old", ended_at=now - timedelta(hours=30), ended_because="stopped")
    html = page(operator, "/workers/")
    assert html.index("celery@here") < html.index("Gone within the last day") < html.index("celery@died")
    assert "Died default 2 h ago" in row(html, "worker", "host-1:42-died")
    assert "celery@old" not in html


def test_who_may_not_see_workflows_is_told_only_how_many_a_worker_runs(client: Client, people: People) -> None:
    from django.contrib.auth.models import Permission  # one permission, to a person without the others

    people.stranger.user_permissions.set(Permission.objects.filter(codename="view_worker"))
    registered("a")
    execution.claim(definitions.doubling.using(workflow_id="secret").start([1]), worker="host-1:42-a/77")
    client.force_login(people.stranger)
    html = page(client, "/workers/")
    assert "secret" not in html
    assert "1 that you may not see" in text(html)


def test_hostile_names_of_workers_and_queues_are_text(operator: Client) -> None:
    registered("a", name="<b>bold</b>", queues=["<b>q"], version="<b>v")
    assert "<b>" not in page(operator, "/workers/")


# Schedules


def test_a_schedule_says_when_what_and_how_it_went(operator: Client, nightly: Schedule) -> None:
    execution.run(retrieve(schedules.trigger("nightly").id))
    told = row(page(operator, "/schedules/"), "schedule", "nightly")
    for words in ("nightly doubling", "At 02:30 every day (UTC)", "02:30:00 UTC", " in ", "Succeeded", "are skipped"):
        assert words in told, words
    assert reverse("dashboard:workflow", args=[Workflow.objects.get().id]) in page(operator, "/schedules/")
    html = page(operator, "/schedules/nightly/")
    assert len(re.findall(r'class="next"', html)) == 10
    for words in ("30 2 * * *", '"numbers"', "by ana", "Succeeded"):
        assert words in text(html), words


def test_a_schedule_that_cannot_start_anything_says_why(operator: Client, nightly: Schedule) -> None:
    Schedule.objects.update(definition="deleted_long_ago")
    assert "deleted_long_ago" in row(page(operator, "/schedules/"), "schedule", "nightly")
    Schedule.objects.update(definition="doubling", cron="99 99 * * *")
    for address in ("/schedules/", "/schedules/nightly/"):
        assert "is no cron expression" in text(page(operator, address))


def test_a_page_is_told_by_its_topic_and_asks_by_itself_for_who_may_open_no_socket(
    client: Client, people: People, nightly: Schedule
) -> None:
    from django.contrib.auth.models import Permission  # one permission, to a person without the others

    client.force_login(people.viewer)
    told = {"/schedules/": "schedules", "/schedules/nightly/": "schedules", "/views/": "views", "/bulk/": "bulk"}
    for address, topic in told.items():
        assert re.search(rf'<live-fragment src="[^"]+" topic="{topic}">', page(client, address)), address
        assert "<connection-status" in page(client, address)
    people.stranger.user_permissions.set(Permission.objects.filter(codename="view_schedule"))
    client.force_login(people.stranger)
    for address in ("/schedules/", "/schedules/nightly/"):
        assert re.search(r'<live-fragment src="[^"]+" interval="2000">', page(client, address)), address
        assert "<connection-status" not in page(client, address)


def test_a_schedule_counts_down_to_its_next_time_and_says_when_that_is_past(
    operator: Client, nightly: Schedule
) -> None:
    Schedule.objects.update(next_at=timezone.now() - timedelta(minutes=3))
    for html in (
        row(page(operator, "/schedules/"), "schedule", "nightly"),
        text(page(operator, "/schedules/nightly/")),
    ):
        assert "late by 3 min 0" in html


def test_a_schedule_says_how_late_what_was_due_began_and_how_long_it_took(operator: Client, nightly: Schedule) -> None:
    now = timezone.now()
    due = [(now - timedelta(days=day)).replace(hour=2, minute=30, second=0, microsecond=0) for day in (3, 2, 1)]
    schedules.backfill("nightly", due[0], now)
    for day, seconds in zip(due, (2, 4, 6), strict=True):
        begun = day + timedelta(seconds=seconds)
        Workflow.objects.filter(id=f"nightly@{day:%Y-%m-%dT%H:%M:%SZ}").update(
            created_by="schedule nightly", created_at=day, started_at=begun, finished_at=begun + timedelta(minutes=5),
            status="succeeded", status_at=begun,
        )  # fmt: skip
    schedules.trigger("nightly", by="ana")  # was due at no time
    html = page(operator, "/schedules/nightly/")
    latest = text(html[html.index('class="relatives"') : html.index("</table>", html.index('class="relatives"'))])
    assert re.findall(r"[\d.]+ s late 5 min 00 s", latest) == [f"{late}.0 s late 5 min 00 s" for late in (6, 4, 2)]
    late, took = (
        numbers_of(html, "How late its latest workflows began"),
        numbers_of(html, "How long its latest workflows took"),
    )
    assert (late["late by"], took["took"]) == ([2000, 4000, 6000], [300_000] * 3)


def test_a_chart_of_a_schedule_needs_two_that_are_known(operator: Client, nightly: Schedule) -> None:
    html = text(page(operator, "/schedules/nightly/"))
    assert "Not known before two have ended." in html
    assert "None yet; the first one starts at" in html
    assert "“Start now” starts one besides." in html


def test_a_bulk_action_under_way_says_its_pace(operator: Client) -> None:
    ids = [operations.start("doubling", kwargs={"numbers": []}).id for _ in range(3)]
    action = bulk.begin(uuid4(), "cancel", ids, by="operator")
    assert "left" not in text(page(operator, f"/bulk/{action.pk}/")).partition("Reason")[0]
    begun = timezone.now() - timedelta(seconds=60)
    BulkAction.objects.update(done=1, created_at=begun)
    for address in ("/bulk/", f"/bulk/{action.pk}/"):
        assert re.search(r"1 a minute, about \d+ (s|min) left", text(page(operator, address)))
    BulkAction.objects.update(ended_at=timezone.now())
    assert "a minute" not in text(page(operator, "/bulk/"))


def test_many_schedules_are_read_as_often_as_one(
    operator: Client, nightly: Schedule, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        schedules.create(f"s-{number}", "doubling", kwargs={"numbers": []}, interval=60.0)
        for _ in range(2):
            schedules.trigger(f"s-{number}")
    with django_assert_max_num_queries(8):
        html = page(operator, "/schedules/")
    assert html.count('class="outcome"') == 60


def test_a_schedule_is_paused_and_goes_on(operator: Client, nightly: Schedule) -> None:
    address = reverse("dashboard:schedule_pause", args=["nightly"])
    assert notices(operator.post(address, {"paused": "yes"})) == ["Schedule nightly is paused."]
    assert (Schedule.objects.get().paused, Schedule.objects.get().changed_by) == (True, "operator")
    assert "not while it is paused" in row(page(operator, "/schedules/"), "schedule", "nightly")
    operator.post(address, {"paused": "no"})
    assert not Schedule.objects.get().paused
    assert notices(operator.post(address))[-1].startswith("Not changed: paused")


def test_starting_now_leads_to_the_workflow_and_keeps_who_did(operator: Client, nightly: Schedule) -> None:
    response = operator.post(reverse("dashboard:schedule_triggers", args=["nightly"]))
    started = Workflow.objects.get()
    assert response["Location"] == reverse("dashboard:workflow", args=[started.id])
    assert (started.schedule, started.created_by) == ("nightly", "operator")


def test_what_cannot_be_started_now_is_said_on_the_page_of_the_schedule(operator: Client, nightly: Schedule) -> None:
    Schedule.objects.update(definition="deleted_long_ago")
    response = operator.post(reverse("dashboard:schedule_triggers", args=["nightly"]))
    assert response["Location"] == "/schedules/nightly/"
    assert "deleted_long_ago" in notices(response)[0]


def test_a_past_range_is_backfilled_once(operator: Client, nightly: Schedule) -> None:
    address = reverse("dashboard:schedule_backfills", args=["nightly"])
    data = {"since": "2026-11-01T00:00", "until": "2026-11-03T02:30+00:00"}
    assert notices(operator.post(address, data)) == ["3 occurrences started."]
    assert notices(operator.post(address, data))[-1] == "0 occurrences started; 3 had been started before."
    assert {w.id for w in Workflow.objects.all()} == {f"nightly@2026-11-0{day}T02:30:00Z" for day in (1, 2, 3)}


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-11-02T00:00", "2026-11-01T00:00", "reversed"),
        ("yesterday", "2026-11-01T00:00", "is no time"),
        ("", "", "since: This field is required."),
        ("2026-11-01T00:00", "2999-01-01T00:00", "beyond now"),
        ("0001-01-01T00:00", "2026-01-01T00:00", "1970"),
    ],
)
def test_a_range_that_makes_no_sense_starts_nothing(
    operator: Client, nightly: Schedule, since: str, until: str, said: str
) -> None:
    address = reverse("dashboard:schedule_backfills", args=["nightly"])
    assert said in notices(operator.post(address, {"since": since, "until": until}))[0]
    assert not Workflow.objects.exists()


def test_a_hostile_name_of_a_schedule_is_text_everywhere(operator: Client) -> None:
    name = '<b>"a/..&%2F?'
    schedules.create(name, "doubling", kwargs={"numbers": ["</pre><b>"]}, interval=60.0, by="<b>")
    workflow_id = schedules.trigger(name).id
    for address in (
        "/schedules/", reverse("dashboard:schedule", args=[name]), reverse("dashboard:workflow", args=[workflow_id]),
    ):  # fmt: skip
        html = page(operator, address)
        assert name in text(html)
        assert "<b>" not in html
    operator.post(reverse("dashboard:schedule_pause", args=[name]), {"paused": "yes"})
    assert Schedule.objects.get().paused


# Who may

PAGES = [
    "/queues/", "/queues/table", "/queues/slow/", "/schedules/", "/schedules/table", "/schedules/nightly/",
    "/schedules/nightly/state",
    "/workers/", "/workers/tables",
]  # fmt: skip
VERBS = [
    "/queues/slow/limits", "/queues/slow/pause", "/schedules/nightly/pause", "/schedules/nightly/triggers",
    "/schedules/nightly/backfills",
]  # fmt: skip
GIVEN = {"paused": "yes", "concurrency": "1", "since": "2026-11-01T00:00", "until": "2026-11-03T00:00"}


@pytest.mark.parametrize("address", PAGES)
def test_a_viewer_may_look_and_a_stranger_may_not(people: People, nightly: Schedule, address: str) -> None:
    statuses = {}
    for name, person in people._asdict().items():
        client = Client()
        client.force_login(person)
        statuses[name] = client.get(address).status_code
    assert statuses == {"operator": 200, "viewer": 200, "stranger": 403}
    assert Client().get(address)["Location"].startswith("/login/")


@pytest.mark.parametrize("address", VERBS)
def test_only_who_may_change_changes(people: People, nightly: Schedule, address: str) -> None:
    for person in (people.viewer, people.stranger):
        client = Client()
        client.force_login(person)
        assert client.post(address, GIVEN).status_code == 403
    assert Client().post(address, GIVEN)["Location"].startswith("/login/")
    foreign = Client(enforce_csrf_checks=True)
    foreign.force_login(people.operator)
    assert foreign.post(address, GIVEN).status_code == 403
    assert foreign.get(address).status_code == 405
    assert (Queue.objects.exists(), Workflow.objects.exists(), Schedule.objects.get().paused) == (False, False, False)


def test_who_may_start_may_trigger_a_schedule_but_not_pause_it(people: People, nightly: Schedule) -> None:
    from django.contrib.auth.models import Permission  # one permission, to a person without the others

    people.viewer.user_permissions.add(Permission.objects.get(codename="start_workflow"))
    client = Client()
    client.force_login(people.viewer)
    for address in ("/schedules/", "/schedules/nightly/"):
        main = page(client, address).partition("<main")[2]
        assert "Start now" in main
        assert "Pause" not in main
    assert client.post("/schedules/nightly/pause", {"paused": "yes"}).status_code == 403
    assert client.post("/schedules/nightly/triggers").status_code == 302
    assert Workflow.objects.get().schedule == "nightly"


def test_a_viewer_is_offered_no_button_and_a_stranger_no_entry(people: People, nightly: Schedule) -> None:
    viewer = Client()
    viewer.force_login(people.viewer)
    for address in PAGES:
        html = page(viewer, address)
        main = html[html.index("<main") :] if "<main" in html else html
        assert "<button" not in main, address
        assert "<form" not in main, address
    stranger = Client()
    stranger.force_login(people.stranger)
    assert "Queues" not in text(page(stranger, "/nothing/", 404))


def test_a_schedule_that_is_not_there_is_not_here(operator: Client) -> None:
    assert operator.get("/schedules/no-such/").status_code == 404
    for verb in ("pause", "triggers", "backfills"):
        assert operator.post(f"/schedules/no-such/{verb}", GIVEN).status_code == 404


@pytest.mark.parametrize("address", PAGES)
def test_the_pages_keep_to_the_policy(operator: Client, nightly: Schedule, address: str) -> None:
    html = page(operator, address)
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert not re.search(r'<script(?![^>]*(nonce=|type="application/json"))', html)  # data is not executed


def test_times_are_utc_whatever_the_reader_types(operator: Client, nightly: Schedule) -> None:
    from dashboard.forms import BackfillForm  # the field alone, with another zone

    form = BackfillForm({"since": "2026-11-01T01:00+01:00", "until": "2026-11-01T00:00"})
    assert form.is_valid()
    assert form.cleaned_data["since"] == form.cleaned_data["until"] == datetime(2026, 11, 1, tzinfo=UTC)
