"""The pages of definitions, of a key's numbers and of a queue's past: what they tell, and to whom."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import definitions, execution
from tests.dashboard.test_overviews import numbers_of, page, registered, row, text
from tests.earlier import succeeded
from tests.people import People
from workflows import counts, event_log, operations, schedules, workers
from workflows.models import MinuteCount, QueueMinuteCount, Workflow
from workflows.options import Options

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOSTILE = '<b>"`/..&%2F?'


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


@pytest.fixture
def viewer(people: People) -> Client:
    client = Client()
    client.force_login(people.viewer)
    return client


def facts(html: str) -> dict[str, str]:
    found = re.findall(r"<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", html, re.DOTALL)
    return {name: text(value).strip() for name, value in found}


# The list


def test_each_definition_is_told_with_its_numbers(operator: Client) -> None:
    succeeded("grouping", *([2] * 19), 60)
    for name, fail in (("a", True), ("b", False), ("c", False)):
        execution.run(definitions.grouping.start(name, fail=fail))
    operations.start("grouping", kwargs={"name": "x"}, workflow_id="queued")
    html = page(operator, "/definitions/")
    told = row(html, "definition", "grouping")
    assert "An atomic step." in told
    assert re.search(r" 0 1 0 0 24 23 1, 4\.3 % 2\.0 s to 2\.0 s \d+ s ago Start… $", told), told
    assert reverse("dashboard:start", args=["grouping"]) in html
    assert "too few yet never" in row(html, "definition", "deadly")


def test_one_whose_code_is_gone_is_told_as_long_as_there_are_workflows(operator: Client) -> None:
    definitions.doubling.using(workflow_id="w").start([1])
    Workflow.objects.update(definition=HOSTILE)
    html = page(operator, "/definitions/")
    assert "No code here" in html
    assert HOSTILE not in html
    address = reverse("dashboard:definition", args=[HOSTILE])
    alone = page(operator, address)
    assert "This server does not know the definition" in alone
    assert HOSTILE in unescape(alone)
    assert HOSTILE not in alone
    assert "Start…" not in alone


def test_a_viewer_sees_them_and_may_not_start(viewer: Client) -> None:
    assert "Start…" not in page(viewer, "/definitions/")
    assert "Start…" not in page(viewer, "/definitions/doubling/")
    assert viewer.get("/definitions/doubling/start/").status_code == 403


@pytest.mark.parametrize("address", ["/definitions/doubling/", "/definitions/table", "/definitions/doubling/parts"])
def test_strangers_and_the_signed_out_see_nothing(client: Client, people: People, address: str) -> None:
    assert client.get(address).status_code == 302
    client.force_login(people.stranger)
    assert client.get(address).status_code == 403


def test_a_definition_that_never_was_is_not_here(operator: Client) -> None:
    for name in ("no-such", HOSTILE, "x" * 500):
        assert operator.get(reverse("dashboard:definition", args=[name])).status_code == 404
    assert operator.get("/definitions/a%00b/").status_code == 404


# One definition


def test_a_definition_without_workflows_says_so_everywhere(operator: Client) -> None:
    html = page(operator, "/definitions/doubling/")
    told = text(html)
    for sentence in (
        "not known: fewer than eight have succeeded", "Nothing ended.", "None succeeded in the last hour.",
        "None ended in the last hour.", 'set_event("key", value) in the workflow publishes one.',
        "No worker has begun one yet.", "None starts it.",
    ):  # fmt: skip
        assert sentence in told, sentence
    assert facts(html)["Last started"] == "never"


def test_its_past_is_told_in_charts_and_in_words(operator: Client) -> None:
    succeeded("doubling", *range(1, 11))
    minute = timezone.now().replace(second=0, microsecond=0) - 30 * MINUTE
    for kind, number in (("succeeded", 3), ("failed", 1)):
        MinuteCount.objects.create(minute=minute, definition="doubling", kind=kind, workflows=number)
    MinuteCount.objects.create(minute=minute, definition="other", kind="failed", workflows=100)
    html = page(operator, "/definitions/doubling/")
    ended = numbers_of(html, "What ended, stretch by stretch")
    assert (sum(ended["succeeded"]), sum(ended["failed"])) == (13, 1)
    assert [
        share
        for share in numbers_of(html, "How many of those that ended failed or were quarantined").popitem()[1]
        if share
    ] == [25]
    assert any(numbers_of(html, "How long those that succeeded took")["half within"])
    assert facts(html)["Usually takes"].startswith("5.5 s, 19 of 20 at most 9.5 s")
    for span, stretches in (("day", 96), ("week", 84), ("nonsense", 60)):
        fragment = page(operator, f"/definitions/doubling/parts?span={span}")
        assert len(numbers_of(fragment, "What ended, stretch by stretch")["failed"]) == stretches
        assert sum(numbers_of(fragment, "What ended, stretch by stretch")["failed"]) == 1


def test_its_keys_code_and_schedules_are_told(operator: Client, people: People) -> None:
    execution.run(definitions.publishing.using(workflow_id="w").start([1, "<script>", HOSTILE], "ke<y"))
    schedules.create("nightly", "publishing", kwargs={"values": []}, cron="30 2 * * *", by="ana")
    schedules.create("other", "doubling", kwargs={"numbers": []}, cron="30 2 * * *", by="ana")
    html = page(operator, "/definitions/publishing/")
    assert "<script>" not in html.split("</head>")[1]
    assert re.search(r"ke<y text 1 3 <b>\"`/..&%2F\? \d+ s ago", text(html))
    assert reverse("dashboard:workflow", args=["w"]) in html
    assert "nightly At 02:30" in text(html)
    assert "/schedules/other/" not in html
    (version,) = re.findall(r'<th class="overview__name mono"[^>]*>(\w+)</th>', html)
    assert version == Workflow.objects.get(id="w").version


def test_who_may_not_see_schedules_is_not_told_of_them(viewer: Client, people: People) -> None:
    people.viewer.user_permissions.remove(*people.viewer.user_permissions.filter(codename="view_schedule"))
    schedules.create("nightly", "doubling", kwargs={"numbers": []}, cron="30 2 * * *", by="ana")
    assert "nightly" not in page(viewer, "/definitions/doubling/")


def test_more_workflows_are_not_more_queries(operator: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page(operator, "/definitions/")
            page(operator, "/definitions/publishing/")
        return len(captured)

    page(operator, "/definitions/")
    few = asked()
    for number in range(5):
        execution.run(definitions.publishing.start([number], f"key-{number}"))
    assert asked() <= few + 1  # whose pages one may see is asked once there is one


# A key's numbers


def curve_page(workflow_id: str, key: str) -> str:
    return f"{reverse('dashboard:curve', args=[workflow_id])}?key={key}"


def test_a_number_has_a_small_line_that_leads_to_all_of_them(operator: Client) -> None:
    execution.run(definitions.publishing.using(workflow_id="w").start([1, 5, 2]))
    html = page(operator, "/workflows/w/")
    assert 'points="0.0,27.0 60.0,1.0 120.0,20.5"' in html
    assert '<a href="/workflows/w/curve?key=key" aria-label="key over time" data-numbers="[1.0,5.0,2.0]">' in html
    alone = page(operator, curve_page("w", "key"))
    assert numbers_of(alone, "The numbers of the key over time") == {"key": [1, 5, 2]}
    assert "set 3 times, last" in text(alone)
    assert "there are 0" in text(alone)
    assert "live-fragment__body" not in alone  # it has ended


def test_earlier_workflows_are_drawn_beside_it(operator: Client) -> None:
    succeeded("publishing", *([10] * 9), every=2)
    execution.run(definitions.publishing.using(workflow_id="w").start([1, 2], "count"))
    alone = page(operator, curve_page("w", "count"))
    assert len(numbers_of(alone, "The numbers of the key over time")) == 3
    assert "eight of ten of the latest 9 workflows that succeeded" in text(alone)


def test_what_is_no_number_says_so_and_what_is_no_key_is_not_here(operator: Client, client: Client) -> None:
    execution.run(definitions.publishing.using(workflow_id="w").start(["text"]))
    assert "It never was a number." in page(operator, curve_page("w", "key"))
    assert 'values__curve"></td>' in page(operator, "/workflows/w/")
    for address in (
        curve_page("w", "other"),
        curve_page("w", "%00"),
        curve_page("w", ""),
        curve_page("no-such", "key"),
    ):
        assert operator.get(address).status_code == 404


def test_a_stranger_sees_no_numbers(client: Client, people: People) -> None:
    execution.run(definitions.publishing.using(workflow_id="w").start([1]))
    client.force_login(people.stranger)
    assert client.get(curve_page("w", "key")).status_code == 404


def test_a_key_is_read_again_when_it_changes(operator: Client) -> None:
    claimed = execution.claim(definitions.publishing.using(workflow_id="w").start([1]))
    event_log.set_value(claimed.owner, "1", position=1, key="key", encoded="7", in_step=False)
    html = page(operator, curve_page("w", "key"))
    assert 'data-workflow="w" data-key="key" pause="1000"' in html
    assert numbers_of(html, "The numbers of the key over time") == {"key": [7]}


# The past of a queue, and other code


def test_a_queue_says_how_deep_it_was(operator: Client) -> None:
    now = timezone.now()
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    html = page(operator, "/queues/slow/")
    assert "Not known yet" in html
    counts.fold()
    minute = now.replace(second=0, microsecond=0)
    QueueMinuteCount.objects.create(minute=minute - 10 * MINUTE, queue="slow", kind="queued", workflows=5)
    QueueMinuteCount.objects.create(minute=minute - 5 * MINUTE, queue="slow", kind="queued", workflows=-5)
    QueueMinuteCount.objects.create(minute=minute - 5 * MINUTE, queue="slow", kind="succeeded", workflows=5)
    html = page(operator, "/queues/slow/state")
    queued = numbers_of(html, "How many were queued and running")["queued"]
    assert (queued[0], queued[-20], max(number for number in queued if number is not None)) == (None, None, 5)
    assert sum(numbers_of(html, "What ended, stretch by stretch")["succeeded"]) == 5


def test_a_queue_says_since_when_it_is_not_served(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=Options(queue="slow"))
    Workflow.objects.filter(id="w").update(available_at=timezone.now() - 30 * MINUTE)
    numbers = numbers_of(page(operator, "/queues/slow/"), "How long the oldest queued one had waited, at most")[
        "oldest"
    ]
    assert numbers[0] is None
    assert numbers[-1] >= 30 * 60_000
    assert len([number for number in numbers if number]) >= 29
    assert numbers == sorted(numbers, key=lambda number: number or 0)


def test_other_code_is_a_mark_on_the_last_hour(operator: Client) -> None:
    now = timezone.now()
    registered("a", version="v1", started_at=now - 3 * HOUR, ended_at=now - 20 * MINUTE)
    registered("b", version="v2", started_at=now - 21 * MINUTE)
    registered("c", version="v2", started_at=now - 20 * MINUTE)
    registered("d", version="v1", started_at=now - 5 * MINUTE)
    assert [change.version for change in workers.code_changes(now - HOUR)] == ["v2", "v1"]
    operations.start("doubling", kwargs={"numbers": []})
    html = page(operator, "/")
    assert re.search(r"Other code since \d\d:\d\d UTC: v2 , \d\d:\d\d UTC: v1", text(html))
    assert html.count('class="chart__flag" data-kind="code"') == 2


def test_the_first_worker_a_restart_and_a_second_of_a_kind_are_no_other_code(db: None) -> None:
    now = timezone.now()
    registered("a", version="v1", started_at=now - 30 * MINUTE, ended_at=now - 20 * MINUTE)
    registered("b", version="v1", started_at=now - 10 * MINUTE)
    assert workers.code_changes(now - HOUR) == []
    registered("x", version="x", started_at=now - 9 * MINUTE)
    registered("c", version="v1", started_at=now - 8 * MINUTE)
    assert [change.version for change in workers.code_changes(now - HOUR)] == ["x"]
