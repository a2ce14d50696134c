"""The page Now: its numbers are exact, what needs a person is said with the place to act, and nothing is scanned."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard import trends
from dashboard.attention import MOST
from dashboard.presenters.away import away
from tests import definitions, earlier, execution
from tests.dashboard.test_overviews import page, registered, text
from tests.people import People
from tests.wait import until
from tests.workflows.test_plans import FEW_PAGES, MANY, crowd, pages_read
from workflows import counts, operations, queues, registry, schedules, transitions
from workflows.models import CountChange, Event, MinuteCount, Schedule, Worker, Workflow
from workflows.options import Options
from workflows.sql import counting, reads, scheduling
from workflows.states import TERMINAL, Status

__all__ = ["crowd"]  # a fixture
pytestmark = pytest.mark.django_db
HOSTILE = '<b>"`/..&%2F?'
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def viewer(client: Client, people: People) -> Client:
    client.force_login(people.viewer)
    return client


@pytest.fixture
def worker(db: None) -> Worker:
    """One that lives, consumes `default` and knows everything."""
    return registered("a", definitions=registry.names())


def this_minute() -> datetime:
    """When the present minute began; it lasts for a while, so that the page tells of the same one."""
    until(lambda: timezone.now().second < 50, what="a minute that is not over at once")
    return timezone.now().replace(second=0, microsecond=0)


def start(workflow_id: str, definition: str = "doubling", **options: Any) -> Workflow:
    kwargs: dict[str, Any] = {"numbers": []} if definition == "doubling" else {}
    return operations.start(definition, kwargs=kwargs, workflow_id=workflow_id, options=Options(**options))


def tiles(html: str) -> dict[str, tuple[str, str, str]]:
    """Of each tile its number, its note and its address, by its name."""
    found = re.findall(
        r'class="tile" href="([^"]+)".*?</span>([^<]+)</span>\s*<span class="tile__number"[^>]*>([^<]+)</span>'
        r'\s*<span class="tile__note">(.*?)</span>\n', html, re.DOTALL,
    )  # fmt: skip
    return {name: (number, text(note).strip(), unescape(address)) for address, name, number, note in found}


def needs(html: str) -> list[tuple[str, str, str]]:
    """Severity, sentence with its cure, and address of what needs attention, in order."""
    found = re.findall(
        r'<li class="need" data-severity="(\w+)".*?<a href="([^"]+)">(.*?)</a>(.*?)<span class="need__age"',
        html, re.DOTALL,
    )  # fmt: skip
    said = [(severity, text(f"{words} {cure}"), unescape(address)) for severity, address, words, cure in found]
    return [
        (severity, re.sub(r" ([.:,;)])", r"\1", words).replace("( ", "(").strip(), where)
        for severity, words, where in said
    ]


# The numbers


def test_the_tiles_are_exact_and_lead_to_what_they_count(viewer: Client, worker: Worker) -> None:
    for number in range(3):
        start(f"queued-{number}")
    Workflow.objects.filter(id="queued-1").update(available_at=timezone.now() - timedelta(minutes=4))
    execution.run(definitions.doubling.using(workflow_id="done").start([1]))
    execution.run(definitions.grouping.using(workflow_id="failed").start("name", fail=True))
    execution.run(definitions.listening.using(workflow_id="waits").start("go"))
    execution.claim(definitions.doubling.using(workflow_id="runs").start([1]))
    shown = tiles(page(viewer, "/"))
    assert list(shown) == ["Running", "Waiting", "Queued", "Failed last hour", "Finished last hour"]
    assert shown["Running"][::2] == ("1", "/workflows/?status=running")
    assert shown["Waiting"][::2] == ("1", "/workflows/?status=waiting")
    assert shown["Queued"][::2] == ("3", "/workflows/?status=queued")
    assert re.fullmatch(r"oldest 4 min \d\d s", shown["Queued"][1])
    assert shown["Failed last hour"] == ("1", "", "/workflows/?status=failed")
    assert shown["Finished last hour"][0] == "2"
    for _number, _note, address in shown.values():
        page(viewer, address)


def test_the_number_of_each_minute_is_what_was_there_folded_or_not() -> None:
    """Somebody is queued three minutes ago, claimed two minutes ago, and ends one minute ago."""
    now = timezone.now()
    handle = definitions.doubling.using(workflow_id="w").start([1])
    claimed = execution.claim(handle)
    transitions.succeed(claimed.owner, output="1")
    for minutes, change in zip((3, 2, 1), CountChange.objects.order_by("id"), strict=True):
        CountChange.objects.filter(id=change.id).update(at=now - minutes * MINUTE)
    start("later")
    CountChange.objects.filter(definition="doubling", source=None).exclude(at__lt=now - MINUTE).update(at=now)
    for fold in (False, True):
        if fold:
            counts.fold()
        hour = trends.last_hour(counts.everything(), now)
        assert hour.levels[Status.QUEUED][-5:] == [0, 1, 0, 0, 1]
        assert hour.levels[Status.RUNNING][-5:] == [0, 0, 1, 0, 0]
        assert hour.ended[Status.SUCCEEDED][-5:] == [0, 0, 0, 1, 0]
        assert hour.finished == hour.ended[Status.SUCCEEDED]
        assert len(hour.minutes) == 60
        assert hour.minutes[-1] == now.replace(second=0, microsecond=0)
        assert hour.failures == []


def test_usual_is_the_same_hour_of_the_days_there_are(viewer: Client, worker: Worker) -> None:
    assert tiles(page(viewer, "/"))["Failed last hour"][1] == ""
    begin = this_minute() - 59 * MINUTE
    rows = {
        begin - 2 * DAY - HOUR: ("created", 1),  # since then there are counts: two days
        begin - 2 * DAY: ("failed", 3), begin - DAY + 59 * MINUTE: ("failed", 2),
        begin - DAY + HOUR: ("failed", 50), begin - DAY - MINUTE: ("failed", 50),  # other hours
    }  # fmt: skip
    for minute, (kind, number) in rows.items():
        MinuteCount.objects.create(minute=minute, definition="doubling", kind=kind, workflows=number)
    assert counts.usual("failed", begin, HOUR) == {"doubling": 2.5}
    assert tiles(page(viewer, "/"))["Failed last hour"][1] == "usually 2.5"


def test_every_minute_with_an_end_is_in_the_table_and_a_bar(viewer: Client, worker: Worker) -> None:
    minute = this_minute() - 7 * MINUTE
    for kind, number in (("succeeded", 1_200), ("failed", 1), ("cancelled", 2)):
        MinuteCount.objects.create(minute=minute, definition="doubling", kind=kind, workflows=number)
    start("w")
    html = page(viewer, "/")
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', html)
    assert [(at, text(cells).split()) for at, cells in rows] == [(f"{minute:%H:%M} UTC", ["1,200", "2", "1", "0"])]
    parts = re.findall(
        r'<rect class="bars__part" data-part="(\w+)" x="(\d+)" y="([\d.]+)" width="18" height="([\d.]+)"', html
    )
    assert [(status, int(x)) for status, x, _y, _height in parts] == [
        ("succeeded", 52 * 24 + 3), ("cancelled", 52 * 24 + 3), ("failed", 52 * 24 + 3),
    ]  # fmt: skip
    assert all(float(y) >= 0 and float(height) >= 2 and float(y) + float(height) <= 120.1 for *_, y, height in parts)


# What needs attention


def test_nothing_needs_you_and_when_that_was_checked(viewer: Client, worker: Worker) -> None:
    start("w")
    html = page(viewer, "/")
    assert needs(html) == []
    assert re.search(r"Nothing needs you\. Last check \d\d:\d\d:\d\d UTC\.", text(html))


def test_without_a_worker_one_sentence_says_it_all(viewer: Client) -> None:
    start("w", queue="slow")
    (only,) = needs(page(viewer, "/"))
    assert only == (
        "critical",
        "No worker lives; 1 workflow stands still. Start one: celery -A config worker",
        "/workers/",
    )


def test_a_queue_that_nobody_consumes_and_a_definition_that_nobody_knows(viewer: Client) -> None:
    registered("a", definitions=["listening"])
    for number in range(3):
        start(f"w-{number}", queue="p df")
    stranded, queue = sorted(needs(page(viewer, "/")))
    assert queue == (
        "critical", "Queue p df: 3 queued, and nobody consumes it. Start a worker: celery -A config worker -Q 'p df'",
        "/queues/p~20df/",
    )  # fmt: skip
    assert stranded[1].startswith("No living worker knows the definition doubling; 3 workflows cannot go on.")
    assert stranded[2] == "/workflows/?status=delayed&status=queued&status=running&status=waiting&definition=doubling"
    assert page(viewer, stranded[2]).count('data-status="queued"') >= 3


def _quarantine(workflow_id: str) -> None:
    handle = definitions.doubling.using(workflow_id=workflow_id).start([1])
    for _ in range(3):
        Workflow.objects.filter(id=workflow_id).update(available_at=timezone.now() - MINUTE)
        execution.claim(handle)
        execution.crash(handle)


def test_quarantined_workflows_are_counted_and_the_newest_is_named(viewer: Client, worker: Worker) -> None:
    _quarantine("first")
    assert needs(page(viewer, "/")) == [
        ("serious", "first (doubling) kept killing its worker and is quarantined. Resume or delete what has been dealt "
         "with.", "/workflows/first/"),
    ]  # fmt: skip
    _quarantine("second")
    ((_, words, where),) = needs(page(viewer, "/"))
    assert words.startswith("2 workflows are quarantined; the newest is second (doubling).")
    assert where == "/workflows/?status=quarantined"


def test_more_failures_than_usual_are_said_only_where_something_is_usual(viewer: Client, worker: Worker) -> None:
    now = this_minute()
    for minute, definition, number in ((now - 5 * MINUTE, "doubling", 8), (now - 5 * MINUTE, "listening", 8)):
        MinuteCount.objects.create(minute=minute, definition=definition, kind="failed", workflows=number)
    assert needs(page(viewer, "/")) == []  # no day to compare with
    for definition, number in (("doubling", 2), ("listening", 3)):
        MinuteCount.objects.create(minute=now - DAY - MINUTE, definition=definition, kind="failed", workflows=number)
    MinuteCount.objects.create(minute=now - DAY - HOUR, definition="x", kind="created", workflows=1)
    assert needs(page(viewer, "/")) == [
        ("serious", "doubling failed 8 times within the hour (usually 2).",
         "/workflows/?status=failed&definition=doubling"),
    ]  # fmt: skip


def test_a_schedule_that_cannot_start_anything_or_was_not_started(viewer: Client, worker: Worker) -> None:
    for name in ("broken", "late", "fine", "paused"):
        schedules.create(name, "doubling", kwargs={"numbers": []}, cron="30 2 * * *")
    Schedule.objects.filter(name="broken").update(definition="gone")
    due = timezone.now() - HOUR
    Schedule.objects.filter(name__in=["late", "paused"]).update(next_at=due)
    schedules.pause("paused")
    late, broken = needs(page(viewer, "/"))
    assert late[0] == broken[0] == "serious"
    assert late[1].startswith(f"Schedule late was due at {due:%Y-%m-%d %H:%M:%S} UTC and nothing has started it.")
    assert late[2] == "/schedules/late/"
    assert broken[1].startswith("Schedule broken cannot start anything. No definition is named 'gone'")
    assert broken[2] == "/schedules/broken/"


def _age(workflow_id: str, silence: timedelta, gap: timedelta) -> None:
    """Let its history be this old: events every `gap`, the last one this long ago."""
    last, now = Workflow.objects.get(id=workflow_id).last_seq, timezone.now()
    for event in Event.objects.filter(workflow_id=workflow_id):
        at = now - silence - (last - event.seq) * gap
        Event.objects.filter(id=event.id).update(at=at)
    Workflow.objects.filter(id=workflow_id).update(status_at=now - silence - last * gap)


def test_a_running_workflow_is_silent_compared_with_itself(viewer: Client, worker: Worker) -> None:
    for workflow_id in ("quick", "slow", "waits"):
        execution.claim(definitions.doubling.using(workflow_id=workflow_id).start([1]))
    _age("quick", timedelta(minutes=11), timedelta(seconds=30))
    _age("slow", timedelta(minutes=11), timedelta(minutes=1))  # usually a minute: twenty of them are not over
    _age("waits", timedelta(minutes=50), timedelta(seconds=1))
    Workflow.objects.filter(id="waits").update(waiting={"for": "time", "until": "2126-01-01T00:00:00.000000Z"})
    ((severity, words, where),) = needs(page(viewer, "/"))
    assert (severity, where) == ("notice", "/workflows/quick/")
    told = r"quick \(doubling\) runs, but has been silent for 11 min \d\d s \(usually an event every 30 s\)\."
    assert re.fullmatch(told, words)
    _age("quick", timedelta(minutes=9), timedelta(seconds=1))
    assert needs(page(viewer, "/")) == []


def test_it_is_compared_with_others_of_its_definition_where_there_are_enough(viewer: Client, worker: Worker) -> None:
    earlier.succeeded("doubling", *[60.0] * 8, every=40)
    for workflow_id in ("stuck", "talks"):
        execution.claim(definitions.doubling.using(workflow_id=workflow_id).start([1]))
        Workflow.objects.filter(id=workflow_id).update(started_at=timezone.now() - timedelta(minutes=2))
    _age("stuck", timedelta(minutes=2, seconds=10), timedelta(seconds=1))
    _age("talks", timedelta(minutes=1, seconds=20), timedelta(seconds=1))
    ((severity, words, where),) = needs(page(viewer, "/"))
    assert (severity, where) == ("notice", "/workflows/stuck/")
    said = r"stuck \(doubling\) runs, but has been silent for 2 min \d\d s \(usually 40 s at most\)\."
    assert re.fullmatch(said, words)


def test_what_goes_on_for_much_longer_than_usual_is_named(viewer: Client, worker: Worker) -> None:
    earlier.succeeded("doubling", *[60.0] * 8)
    for workflow_id, minutes in (("new", 2), ("long", 3.5), ("longer", 31)):
        execution.claim(definitions.doubling.using(workflow_id=workflow_id).start([1]))
        Workflow.objects.filter(id=workflow_id).update(started_at=timezone.now() - minutes * MINUTE)
    ((severity, words, where),) = needs(page(viewer, "/"))
    assert (severity, where) == ("notice", "/workflows/?status=running&definition=doubling")
    said = r"2 workflows of doubling run for long, longer for 31 min \d\d s, 31 times what 19 of 20 earlier ones took "
    assert re.fullmatch(said + r"at most \(60 s\)\.", words)
    Workflow.objects.filter(id="long").update(forked_from="new")  # takes over what another one did
    ((_severity, words, where),) = needs(page(viewer, "/"))
    assert words.startswith("longer (doubling) has been running for 31 min")
    assert where == "/workflows/longer/"


def test_what_is_overdue_is_said_once_with_how_many(viewer: Client, worker: Worker) -> None:
    for workflow_id in ("a", "b", "c"):
        start(workflow_id, delay=3_600)
    execution.claim(definitions.doubling.using(workflow_id="d", timeout=3_600).start([1]))
    assert needs(page(viewer, "/")) == []
    woken, ended = timezone.now() - 5 * MINUTE, timezone.now() - 3 * MINUTE
    Workflow.objects.filter(id="b").update(wake_at=woken)
    Workflow.objects.filter(id="c").update(wake_at=woken + MINUTE)
    Workflow.objects.filter(id="d").update(deadline_at=ended)
    assert needs(page(viewer, "/")) == [
        ("notice", f"b (doubling) and 1 other should have gone on at {woken:%Y-%m-%d %H:%M:%S} UTC. Any living worker "
         "wakes them.", "/workflows/b/"),
        ("notice", f"d (doubling) should have ended by {ended:%Y-%m-%d %H:%M:%S} UTC. Any living worker cancels them.",
         "/workflows/d/"),
    ]  # fmt: skip


def test_the_worst_comes_first_then_what_is_oldest_and_ten_are_enough(viewer: Client, worker: Worker) -> None:
    for number in range(12):
        start(f"w-{number}", queue=f"q-{number:02}")
        Workflow.objects.filter(id=f"w-{number}").update(available_at=timezone.now() - (number + 1) * HOUR)
    schedules.create("late", "doubling", kwargs={"numbers": []}, cron="30 2 * * *")
    Schedule.objects.update(next_at=timezone.now() - DAY)
    html = page(viewer, "/")
    shown = needs(html)
    assert [where for _severity, _words, where in shown] == [f"/queues/q-{number:02}/" for number in range(11, 1, -1)]
    assert len(shown) == MOST
    assert "there are more" in text(html)
    queues.pause("q-11")
    Worker.objects.update(queues=[f"q-{number:02}" for number in range(12)])
    assert [severity for severity, *_ in needs(page(viewer, "/"))] == ["serious"]


def test_a_hostile_name_is_a_name(viewer: Client, worker: Worker) -> None:
    start(HOSTILE, queue="<b>")
    html = page(viewer, "/")
    ((_, words, where),) = needs(html)
    assert words.startswith("Queue <b>: 1 queued")
    assert "<b>:" not in html
    page(viewer, where)
    Workflow.objects.update(queue="default", status="delayed", wake_at=timezone.now() - HOUR)
    html = page(viewer, "/")
    ((_, words, where),) = needs(html)
    assert '<b>"' not in html
    page(viewer, where)


# The queues, the fragment, and who sees what


def test_the_strip_has_the_busiest_queues_by_name(viewer: Client, worker: Worker) -> None:
    for number in range(14):
        for again in range(1 + number % 2):
            start(f"w-{number}-{again}", queue=f"q-{number:02}")
    queues.pause("q-01")
    html = page(viewer, "/")
    shown = re.findall(r'class="strip__queue" href="([^"]+)"', html)
    assert len(shown) == 12
    assert shown == sorted(shown)
    assert {f"/queues/q-{number:02}/" for number in range(1, 14, 2)} <= set(shown)
    strip = text(html[html.index('class="strip"') :])
    assert "q-01 Paused 2 queued 0 running no worker" in strip
    assert re.search(r"the busiest; \d+ more", text(html))


def test_the_fragment_is_what_the_page_shows(viewer: Client, worker: Worker) -> None:
    start("w", queue="slow")
    whole, part = page(viewer, "/"), page(viewer, "/now/parts")
    assert part.lstrip().startswith('<ul class="tiles"')
    assert [words for _, words, _ in needs(part)] == [words for _, words, _ in needs(whole)]
    assert tiles(part).keys() == tiles(whole).keys()
    assert 'topic="counters queues"' in whole


@pytest.mark.parametrize("address", ["/", "/now/parts"])
def test_who_may_not_see_workflows_is_refused(client: Client, people: People, address: str) -> None:
    assert client.get(address).status_code == 302
    client.force_login(people.stranger)
    page(client, address, 403)
    client.force_login(people.viewer)
    assert client.post(address).status_code == 405


def test_parts_that_somebody_may_not_see_are_left_out_and_that_is_said(client: Client, people: People) -> None:
    people.stranger.user_permissions.set(Permission.objects.filter(codename="view_workflow"))
    client.force_login(people.stranger)
    start("w", queue="secret")
    schedules.create("unheard-of", "doubling", kwargs={"numbers": []}, cron="30 2 * * *")
    Schedule.objects.update(next_at=timezone.now() - DAY)
    html = page(client, "/")
    assert tiles(html)["Queued"][0] == "1"
    assert needs(html) == []
    assert "secret" not in html
    assert "unheard-of" not in html
    assert 'topic="counters"' in html
    assert "Your account may not see queues, workers, schedules, so they were not looked at." in text(html)


def test_before_the_first_workflow_the_page_shows_how_to_write_one(viewer: Client, worker: Worker) -> None:
    assert "No workflow yet" in text(page(viewer, "/"))
    start("w")
    html = page(viewer, "/")
    assert "No workflow yet" not in text(html)
    assert "Nothing ended in the last hour" in text(html)


# While nobody looked


def test_who_comes_back_hears_what_began_ended_and_failed(viewer: Client, worker: Worker) -> None:
    assert viewer.get("/away?seconds=600").status_code == 204
    start("w-1")
    execution.run(definitions.doubling.using(workflow_id="w-2").start([1]))
    said = text(page(viewer, "/away?seconds=600"))
    assert re.search(r"While you were away, since \d\d:\d\d UTC, 2 began and 1 ended; none failed\.", said)
    execution.run(definitions.grouping.using(workflow_id="failed").start("name", fail=True))
    html = page(viewer, "/away?seconds=999999")
    assert "In the last 24 hours 3 began and 2 ended; 1 failed : grouping 1." in text(html)
    assert 'href="/workflows/?status=failed&amp;status=quarantined&amp;definition=grouping"' in html
    for asked in ("", "?seconds=", "?seconds=-3", "?seconds=\u00b2", "?seconds=0"):
        assert viewer.get(f"/away{asked}").status_code == 204
    assert viewer.get(f"/away?seconds={'9' * 3000}").status_code == 200


def test_those_that_failed_most_are_named_and_the_others_counted() -> None:
    happened = {("a", "failed"): 3, ("a", "quarantined"): 1, ("b", "failed"): 9, ("c", "failed"): 2, ("d", "failed"): 1,
                ("a", "created"): 50, ("b", "succeeded"): 7}  # fmt: skip
    found = away(happened)
    assert (found.began, found.ended, found.failed, found.others) == (50, 23, 16, 1)
    assert [(bad.definition, bad.workflows) for bad in found.named] == [("b", 9), ("a", 4), ("c", 2)]


# What it costs


def _queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as asked:
        page(client, "/")
    for one in asked.captured_queries:
        assert "COUNT(" not in one["sql"].upper().replace("COUNT(*) OVER", ""), one["sql"]
    return len(asked)


def test_it_asks_the_same_few_questions_however_much_there_is(viewer: Client, worker: Worker) -> None:
    _queries(viewer)  # the first request of a session asks more
    empty = _queries(viewer)
    for number in range(30):
        start(f"w-{number}", queue=f"q-{number}")
        schedules.create(f"s-{number}", "doubling", kwargs={"numbers": []}, cron="30 2 * * *")
    assert _queries(viewer) == empty
    assert empty < 25


def _pages_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s) / current_setting('block_size')::int", [table])
        return int(cursor.fetchone()[0])


@pytest.mark.usefixtures("crowd")
def test_what_it_asks_reads_a_few_pages(viewer: Client, worker: Worker) -> None:
    """Thousands are queued, delayed and waiting, some run, and a week of minutes is kept."""
    now = datetime.now(UTC)
    some = Workflow.objects.filter(status="queued").order_by("id").values("id")[:20]
    facts = {"worker": "x/1", "lease_expires_at": now, "started_at": now - HOUR, "status_at": now - HOUR}
    Workflow.objects.filter(id__in=some).update(**{"status": "running", **facts})
    silent = {"now": now, "at_least": MINUTE, "gaps": 50, "looked_at": 1_000}
    begin = now.replace(second=0, microsecond=0) - 59 * MINUTE
    minutes = {"since": begin, "ends": sorted(TERMINAL), "kinds": [*Status]}
    usual = {"since": begin, "length": HOUR, "kind": "failed", "days": 7}
    MinuteCount.objects.bulk_create(
        MinuteCount(minute=begin - place * MINUTE, definition="plans", kind="failed", workflows=1)
        for place in range(8 * 1_440)
    )
    counts.fold()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_event, workflows_minutecount, workflows_countchange")
    folded = _pages_of("workflows_countchange")  # in this transaction, so MINUTES still passes over what they were
    kept = _pages_of("workflows_minutecount")
    few = {reads.SILENT: FEW_PAGES, counting.MINUTES: folded + kept // 2, counting.STRETCHES: kept}
    for statement, given in ((reads.SILENT, silent), (counting.MINUTES, minutes), (counting.STRETCHES, usual)):
        for _ in range(2):  # the first one in a session also reads the catalogue
            pages = pages_read(statement, **given)
        assert pages < few[statement], statement
    late = Workflow.objects.filter(wake_at__lt=now).order_by("wake_at").values("id")[:100]
    unfinished = Workflow.objects.filter(deadline_at__lt=now, finished_at__isnull=True).order_by("deadline_at")
    newest = Workflow.objects.filter(status="quarantined").order_by("-created_at", "-id").values("id")[:1]
    for asked in (late, unfinished.values("id")[:100], newest):
        assert "Seq Scan" not in asked.explain()
    assert Workflow.objects.count() == 3 * MANY


def test_what_schedules_started_is_marked_above_its_minute_and_named(viewer: Client, people: People) -> None:
    minute = this_minute()
    for name in ("nightly", HOSTILE):
        schedules.create(name, "doubling", kwargs={"numbers": []}, cron="30 2 * * *")
    ids = [schedules.trigger(name).id for name in ("nightly", HOSTILE, HOSTILE)]
    for workflow_id, minutes in zip(ids, (40, 3, 3), strict=True):
        Workflow.objects.filter(id=workflow_id).update(created_at=minute - minutes * MINUTE)
    Workflow.objects.filter(id=schedules.trigger("nightly").id).update(created_at=minute - 2 * HOUR)
    html = page(viewer, "/")
    assert html.count('class="chart__flag" data-kind="schedule"') == 2
    assert f"started by schedule {HOSTILE} 2×" in text(html)
    at, later = (f"{minute - minutes * MINUTE:%H:%M} UTC" for minutes in (40, 3))
    assert f"Started by schedules: nightly at {at}; {HOSTILE} 2×, last {later}" in text(html)
    assert HOSTILE not in html
    people.viewer.user_permissions.remove(Permission.objects.get(codename="view_schedule"))
    assert "nightly" not in page(viewer, "/")


def test_what_schedules_started_is_found_without_reading_the_rest(crowd: None) -> None:
    for number in range(3):
        schedules.create(f"s{number}", "doubling", kwargs={"numbers": []}, cron="30 2 * * *")
        schedules.trigger(f"s{number}")
    pages = pages_read(scheduling.STARTS, since=timezone.now() - HOUR, schedules=500, each=3_600)
    assert pages < FEW_PAGES
