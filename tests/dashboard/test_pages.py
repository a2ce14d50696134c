"""The pages: complete without scripts, escaped, and closed to strangers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone

from dashboard.lineage import relatives
from dashboard.views import steps as steps_views
from dashboard.views.pages import spans_of
from examples.workflows.flaky import flaky
from tests import definitions, execution
from tests.people import People
from workflows import event_log, operations, retention, schedules, workers
from workflows.history import wire_time
from workflows.models import Schedule, Workflow
from workflows.options import Options

pytestmark = pytest.mark.django_db

WEIRD_IDS = [
    "a/b/../c", "<script>alert(1)</script>", "100%", "~2F", "käse-🧀", ".", "..", "...", "a?b=c&d#e", "'\"", "a\\b",
    "%2F", "x" * 200, "🧀" * 200, "{{seq}}", "order-42", "a+b=c@d,e:f_g", "-", "~",
]  # fmt: skip


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


@pytest.fixture
def stranger(people: People) -> Client:
    client = Client()
    client.force_login(people.stranger)
    return client


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def text(html: str) -> str:
    """What a person reads: without scripts and tags."""
    html = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


def workflow_page(workflow_id: str, query: str = "") -> str:
    return reverse("dashboard:workflow", args=[workflow_id]) + query


def page_data(html: str, name: str) -> Any:
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


# Addresses


@pytest.mark.parametrize("workflow_id", WEIRD_IDS)
def test_every_id_has_an_address_that_leads_back_to_it(workflow_id: str) -> None:
    address = workflow_page(workflow_id)
    assert re.fullmatch(r"/workflows/[A-Za-z0-9._:@+=,~-]+/", address)
    assert resolve(address).kwargs == {"workflow_id": workflow_id}


@pytest.mark.parametrize("segment", ["~41", "~2f", "a~", "~C3~28", "~GG", "%41", "~2E", "a b", "x" * 2401])
def test_a_spelling_that_no_id_has_is_no_address(operator: Client, segment: str) -> None:
    assert operator.get(f"/workflows/{segment}/").status_code == 404


@pytest.mark.parametrize("page_of", ["workflows", "queues", "schedules"])
def test_a_nul_names_nothing(operator: Client, page_of: str) -> None:
    assert operator.get(f"/{page_of}/~00/").status_code == 404


@pytest.mark.parametrize("workflow_id", ["<script>alert(1)</script>", "a/b/../c", "100%", "..", "'\"", "{{seq}}"])
def test_a_weird_id_is_shown_and_does_nothing(operator: Client, workflow_id: str) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id=workflow_id)
    for address in (workflow_page(workflow_id), reverse("dashboard:workflows")):
        html = page(operator, address)
        assert workflow_id in text(html)
        assert "<script>alert" not in html


# The list


def test_before_the_first_workflow_the_list_shows_how_to_write_one(operator: Client) -> None:
    html = page(operator, "/workflows/")
    assert "@workflow" in text(html)
    assert "No workflow yet" in text(html)


def test_the_list_is_newest_first_with_status_progress_and_last_event(operator: Client) -> None:
    handle = definitions.doubling.using(workflow_id="older").start([1, 2, 3])
    execution.run(handle)
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="newer")
    html = page(operator, "/workflows/")
    assert re.findall(r'<tr role="row" data-id="([^"]+)" data-status="([^"]+)"', html) == [
        ("newer", "queued"), ("older", "succeeded"),
    ]  # fmt: skip
    assert "3 of 3 · end" in text(html)
    assert "Succeeded" in text(html)


def test_a_failed_row_says_why(operator: Client) -> None:
    execution.run(definitions.grouping.using(workflow_id="g").start("name", fail=True))
    assert "Refused: after the writes" in text(page(operator, "/workflows/"))


def test_the_list_carries_what_the_live_connection_continues_from(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="one")
    data = page_data(page(operator, "/workflows/?status=queued&q=on"), "list-data")
    assert [(row["id"], row["seq"]) for row in data["rows"]] == [("one", 1)]
    assert data["filter"] == {"status": ["queued"], "definition": "", "search": "on"}
    assert data["since"].endswith("Z")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=succeeded", {"done"}),
        ("status=queued&status=succeeded", {"done", "waiting-1", "other"}),
        ("definition=counting", {"other"}),
        ("q=waiting", {"waiting-1"}),
        ("status=failed", set()),
        ("status=nonsense", {"done", "waiting-1", "other"}),
        ("q=%00", {"done", "waiting-1", "other"}),
        ("before=nonsense", {"done", "waiting-1", "other"}),
        ("before=2020-01-01", {"done", "waiting-1", "other"}),
        ("before=2020-01-01T00:00:00Z~x", set()),
    ],
)
def test_the_address_says_what_is_listed(operator: Client, query: str, expected: set[str]) -> None:
    execution.run(definitions.doubling.using(workflow_id="done").start([]))
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="waiting-1")
    operations.start("counting", kwargs={"count": 1, "seconds": 0}, workflow_id="other")
    assert set(re.findall(r'data-id="([^"]+)"', page(operator, f"/workflows/?{query}"))) == expected


def test_a_filter_that_matches_nothing_says_which(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []})
    shown = text(page(operator, "/workflows/?status=failed&definition=doubling&q=abc"))
    assert "No workflow matches" in shown
    assert re.search(r"Nothing is failed of definition doubling with an id that begins with abc", shown)


def test_terms_typed_into_the_search_field_become_the_filter_of_the_address(operator: Client) -> None:
    for name in ("order-1", "order-2", "other"):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name)
    operations.cancel("order-2")
    typed = {"q": "status:queued name:doub* id:order since:2h"}
    response = operator.get("/workflows/", typed)
    assert (response.status_code, response["Location"]) == (
        302, "/workflows/?status=queued&definition=doub%2A&q=order&since=2h",
    )  # fmt: skip
    html = page(operator, response["Location"])
    assert re.findall(r'<tr role="row" data-id="([^"]*)"', html) == ["order-1"]
    assert re.search(r'value="queued" checked', html)
    assert re.search(r'<option value="doub\*" selected>', html)
    assert re.search(r'name="since" value="2h" checked', html)
    assert re.search(r'name="q" value="order"', html)
    assert "since" in page_data(html, "list-data")["filter"]


def test_what_the_search_field_does_not_understand_is_said_beside_it(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    html = page(operator, "/workflows/?" + urlencode({"q": "status:<b>broken since:2h"}))
    assert "“<b>broken” is no status; they are delayed, queued" in text(html)
    assert 'value="status:&lt;b&gt;broken since:2h"' in html
    assert 'aria-invalid="true" aria-describedby="filter-problems"' in html
    assert 'name="since" value="2h" checked' in html


def test_pages_of_the_list_lead_to_each_other_and_keep_the_filter(operator: Client) -> None:
    begin = timezone.now() - timedelta(hours=1)
    for number in range(120):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"w-{number:03}")
        Workflow.objects.filter(id=f"w-{number:03}").update(created_at=begin + timedelta(seconds=number // 7))
    seen: list[str] = []
    address: str | None = "/workflows/?status=queued"
    while address:
        html = page(operator, address)
        seen += re.findall(r'<tr role="row" data-id="([^"]+)"', html)
        older = re.search(r'rel="next" href="([^"]+)"', html)
        last, address = address, "/workflows/" + unescape(older[1]) if older else None
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 120
    assert "status=queued" in last
    newer = re.search(r'rel="prev" href="([^"]+)"', page(operator, last))
    assert newer
    html = page(operator, "/workflows/" + unescape(newer[1]))
    assert re.findall(r'<tr role="row" data-id="([^"]+)"', html) == seen[50:100]


def test_the_list_reads_as_many_times_for_fifty_rows_as_for_one(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(50):
        operations.start("doubling", kwargs={"numbers": []})
    with django_assert_max_num_queries(11):
        html = page(operator, "/workflows/")
    assert html.count('<tr role="row" data-id=') == 50


# A workflow


def test_a_finished_workflow_can_be_read_without_scripts(operator: Client) -> None:
    execution.run(definitions.doubling.using(workflow_id="w").start([1, 2]))
    shown = text(page(operator, workflow_page("w")))
    for words in ("Succeeded in", "2 of 2", "phase", "double", "Output", "[2, 4]", "numbers", "Step succeeded"):
        assert words in shown, words


def test_a_large_input_is_shown_as_a_whole_only_when_asked_for(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": list(range(20_000))}, workflow_id="w")
    html = page(operator, workflow_page("w"))
    assert "1998" not in html
    more = re.search(r'href="(\?whole=1)">Load 1\d\d\.\d KB', html)
    assert more
    shown = text(page(operator, workflow_page("w", more[1])))
    assert "1997 : 1997" in shown
    assert "the file has all of it" in shown


def test_a_change_of_a_value_shows_old_and_new(operator: Client) -> None:
    execution.run(definitions.doubling.using(workflow_id="w").start([]))
    html = page(operator, workflow_page("w"))
    assert re.search(r'<del class="diff__old">begin</del>.*<ins class="diff__new">end</ins>', html)


def test_a_failed_workflow_shows_the_error_and_its_traceback(operator: Client) -> None:
    execution.run(definitions.grouping.using(workflow_id="w").start("<b>name</b>", fail=True))
    html = page(operator, workflow_page("w"))
    assert "Refused: after the writes" in text(html)
    assert "Traceback (most recent call last)" in text(html)
    assert "<b>name</b>" not in html


def test_a_queued_workflow_says_what_it_waits_for(operator: Client) -> None:
    operations.start("counting", kwargs={"count": 1, "seconds": 0}, workflow_id="w")
    shown = text(page(operator, workflow_page("w")))
    assert "waits for a worker of queue default" in shown
    assert "Nothing published yet" in shown
    assert "No step yet" in shown


def test_a_queued_workflow_that_nobody_takes_says_why_and_what_to_do(operator: Client, stranger: Client) -> None:
    operations.start("counting", kwargs={"count": 1, "seconds": 0}, workflow_id="w")
    assert "No worker lives. Start one" in text(page(operator, workflow_page("w")))
    described = workers.Description(id="h:1-a", host="h", pid=1, name="w@h", pool="prefork", concurrency=2)
    workers.register(described, ["default"])
    address = reverse("dashboard:obstacle", args=["w"])
    assert "notice" not in operator.get(address).content.decode()
    Workflow.objects.filter(id="w").update(definition="deleted_<b>long</b>_ago")
    shown = operator.get(address).content.decode()
    assert "knows the definition deleted_&lt;b&gt;long&lt;/b&gt;_ago" in shown
    assert stranger.get(address).status_code == 404


def test_the_page_carries_the_snapshot_that_the_live_connection_continues_from(operator: Client) -> None:
    execution.run(definitions.doubling.using(workflow_id="w").start([1]))
    data = page_data(page(operator, workflow_page("w")), "workflow-data")
    folded = execution.folded("w")
    steps = data["state"].pop("steps")
    assert [dict(zip(steps["fields"], row, strict=True)) for row in steps["rows"]] == list(folded.pop("steps").values())
    assert data["state"] == folded
    assert [event[:3:2] for event in data["events"]] == [[data["state"]["seq"], "succeeded"]]
    assert data["epoch"]


def test_what_is_published_cannot_leave_its_script_block(operator: Client) -> None:
    attack = "</script><script>alert(1)</script><!--"
    execution.run(definitions.publishing.using(workflow_id="w").start([attack], key="<img src=x onerror=alert(1)>"))
    html = page(operator, workflow_page("w"))
    assert "<script>alert" not in html
    assert "<img" not in html
    assert attack in text(html)
    assert page_data(html, "workflow-data")["state"]["values"]["<img src=x onerror=alert(1)>"]["value"] == attack


def test_a_long_history_is_paged_by_links(operator: Client) -> None:
    execution.run(definitions.publishing.using(workflow_id="w").start(list(range(450))))
    seqs: list[int] = []
    address: str | None = workflow_page("w")
    while address:
        html = page(operator, address)
        seqs += [int(seq) for seq in re.findall(r'id="event-(\d+)"', html)]
        older = re.search(r'rel="next" href="([^"#]+)', html)
        address = workflow_page("w", older[1]) if older else None
    assert seqs == list(range(453, 0, -1))


def test_the_first_change_on_a_later_part_of_the_history_still_shows_what_it_replaced(operator: Client) -> None:
    execution.run(definitions.publishing.using(workflow_id="w").start(list(range(450))))
    html = page(operator, workflow_page("w", "?before=300"))
    first = html[html.index('id="event-100"') :]
    assert '<del class="diff__old">96</del>' in first
    assert '<ins class="diff__new">97</ins>' in first


@pytest.mark.parametrize("before", ["0", "-1", "x", "9" * 30, "²", ""])
def test_a_nonsense_place_in_the_history_is_no_error(operator: Client, before: str) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    page(operator, workflow_page("w", f"?before={before}"))


def test_actions_are_offered_to_those_who_may_and_while_they_apply(operator: Client, people: People) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    cancellation = reverse("dashboard:cancellation", args=["w"])
    assert cancellation in page(operator, workflow_page("w"))
    viewer = Client()
    viewer.force_login(people.viewer)
    assert cancellation not in page(viewer, workflow_page("w"))
    operations.cancel("w", by="somebody", reason="not needed")
    html = page(operator, workflow_page("w"))
    assert re.search(r'data-statuses="delayed queued running waiting" hidden>\s*<summary[^>]*>Cancel…', html)
    assert "by somebody: not needed" in text(html)


@pytest.mark.parametrize(
    ("ended", "shown"),
    [
        (False, {"Only what has ended can be deleted. Cancel it first.", "Only what failed, was cancelled or was set"}),
        (True, {"It has ended already.", "It has ended and receives nothing more."}),
    ],
)
def test_what_the_status_does_not_allow_is_disabled_and_says_why(
    operator: Client, ended: bool, shown: set[str]
) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    if ended:
        operations.cancel("w")
    html = page(operator, workflow_page("w"))
    refused = re.findall(r'<div class="verb" data-statuses="[^"]+">.*?disabled.*?</div>', html)
    assert len(refused) == len(shown)
    assert all(any(why in text(row) for row in refused) for why in shown)


def test_a_viewer_is_offered_no_verb_at_all(people: People, client: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    client.force_login(people.viewer)
    html = page(client, workflow_page("w"))
    assert "workflow-header__actions" in html
    assert 'method="post"' not in html[html.index("workflow-header__actions") :]


def test_facts_that_a_workflow_has_are_shown_and_others_are_not(operator: Client) -> None:
    options = Options(queue="slow", priority=7, partition_key="<ana>", dedup_key="once", timeout=60)
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=options, schedule="nightly")
    operations.pin("w", by="ana")
    shown = text(page(operator, workflow_page("w")))
    for fact in ("Queue slow", "Priority 7", "Partition <ana>", "Dedup key once", "Schedule nightly", "Pinned yes"):
        assert fact in shown, fact
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="plain")
    plain = text(page(operator, workflow_page("plain")).partition("<workflow-history")[0])
    for name in ("Priority", "Partition", "Dedup key", "Schedule ", "Pinned", "Child of", "Forked from"):
        assert name not in plain.replace("Schedules", ""), name


def test_a_note_after_the_end_does_not_change_how_it_is_told(operator: Client) -> None:
    execution.run(definitions.doubling.using(workflow_id="w").start([1]))
    operations.pin("w", by="ana", reason="evidence")
    html = page(operator, workflow_page("w"))
    assert re.search(r'class="sentence">Succeeded in \d+ ms\.<', html)
    assert "by ana: evidence" in text(html)  # in the history
    assert [event[2] for event in page_data(html, "workflow-data")["events"]] == ["succeeded"]


def test_a_delayed_workflow_says_when_it_starts(operator: Client) -> None:
    options = Options(delay=7_500)
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=options)
    assert re.search(r"Starts at [\d: -]+ UTC, in 2 h 0[45] min\.", text(page(operator, workflow_page("w"))))


def test_what_the_timeline_begins_with_knows_nothing_that_the_page_will_hear_of_later(people: People) -> None:
    handle = definitions.doubling.using(workflow_id="w").start([1])
    execution.run(handle)
    row = Workflow.objects.get(id="w")
    family = relatives(people.viewer, row)
    assert [status for status, *_ in spans_of(row, row.last_seq, family)["phases"]] == [
        "queued",
        "running",
        "succeeded",
    ]
    at = wire_time(row.created_at)
    begun = {"seq": 1, "phases": [["queued", at, None]], "events": [at], "children": []}
    assert spans_of(row, 1, family) == begun


# Lineage


def test_a_family_leads_to_each_other_both_ways(operator: Client) -> None:
    execution.run(definitions.doubling.using(workflow_id="top").start([1, 2]))
    for number in range(3):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"<b>{number}", parent="top")
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="grandchild", parent="<b>1")
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="of-a-grandchild", parent="grandchild")
    operations.fork("top", 3, new_id="other", by="ana")
    html = page(operator, workflow_page("top"))
    assert re.findall(r'<tr data-id="([^"]+)"(?: data-level="(.)")?>', html) == [
        ("&lt;b&gt;0", "1"), ("&lt;b&gt;1", "1"), ("grandchild", "2"), ("of-a-grandchild", "3"), ("&lt;b&gt;2", "1"),
        ("other", ""),
    ]  # fmt: skip
    assert "Levels 1 2 3" in text(html)
    assert "doubling, from position 3" in text(html)
    assert "All children" not in html
    assert "Child of top" in text(page(operator, workflow_page("<b>1")))
    fork = page(operator, workflow_page("other"))
    assert "Forked from top at position 3" in text(fork)
    assert f'href="{workflow_page("top")}">top</a>' in fork


def test_every_step_has_a_row_with_what_it_took_returned_and_raised_and_a_way_to_fork(
    operator: Client, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution.run(definitions.doubling.using(workflow_id="w").start([1, 2, 3]))
    address = reverse("dashboard:steps", args=["w"])
    assert f'href="{address}"' in page(operator, workflow_page("w"))
    positions = re.findall(r'<tr role="row" data-position="(\d+)">', page(operator, address))
    shown = text(page(operator, address))
    assert len(positions) == 3
    assert "Succeeded" in shown
    assert "1 byte" in shown
    monkeypatch.setattr(steps_views, "STEPS_ROWS", 2)
    assert f'href="?after={positions[1]}">Later' in page(operator, address)
    assert re.findall(r'data-position="(\d+)"', page(operator, f"{address}?after={positions[1]}")) == positions[2:]
    fork = page(operator, f"{workflow_page('w')}?fork={positions[0]}")
    assert f'<option value="{positions[0]}" selected>' in fork
    for odd in ("x", "-1", "9" * 18):
        assert operator.get(f"{address}?after={odd}").status_code == 200
        assert operator.get(f"{workflow_page('w')}?fork={odd}").status_code == 200
    assert stranger.get(address).status_code == 404


def test_many_children_are_on_pages_of_their_own(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="top")
    for number in range(450):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"c-{number:03}", parent="top")
    html = page(operator, workflow_page("top"))
    assert html.count('data-level="1">') == 50
    seen: list[str] = []
    address: str | None = reverse("dashboard:children", args=["top"])
    assert f'href="{address}">All children' in html
    while address:
        html = page(operator, address)
        seen += re.findall(r'<tr data-id="([^"]+)">', html)
        later = re.search(r'rel="next" href="([^"]+)"', html)
        address = reverse("dashboard:children", args=["top"]) + unescape(later[1]) if later else None
    assert seen == [f"c-{number:03}" for number in range(450)]


def test_the_relatives_of_an_open_page_are_read_again(operator: Client, stranger: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="top")
    address = reverse("dashboard:relatives", args=["top"])
    assert f'src="{address}"' in page(operator, workflow_page("top"))
    assert page(operator, address).strip() == ""
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="child", parent="top")
    assert "child" in text(page(operator, address))
    for name in ("relatives", "children"):
        assert stranger.get(reverse(f"dashboard:{name}", args=["top"])).status_code == 404


# Who may not


@pytest.mark.parametrize("address", ["/workflows/", "/workflows/w/", "/definitions/", "/definitions/doubling/start/"])
def test_a_visitor_is_asked_to_sign_in(client: Client, db: None, address: str) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, f"/login/?next={address}")


@pytest.mark.parametrize("address", ["/workflows/", "/definitions/", "/definitions/doubling/start/"])
def test_a_stranger_may_look_at_nothing(stranger: Client, address: str) -> None:
    assert "Your account may not do this" in page(stranger, address, 403)


def test_a_stranger_cannot_tell_a_workflow_from_none(stranger: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="secret")
    answers = {page(stranger, workflow_page(workflow_id), 404) for workflow_id in ("secret", "no-such")}
    assert len(answers) == 1


def test_one_that_was_deleted_says_by_whom_when_and_why(operator: Client) -> None:
    definitions.doubling.using(workflow_id="gone<b>").start([])
    operations.cancel("gone<b>", by="ada")
    operations.delete("gone<b>", by="ada", reason="a <i>double</i>")
    said = text(page(operator, workflow_page("gone<b>"), 404))
    assert "No workflow gone<b>" in said
    assert re.search(r"workflow of doubling, cancelled, created \S+ \S+ UTC\. It was deleted \S+ \S+ UTC by ada", said)
    assert "“a <i>double</i>”" in said


def test_a_value_says_who_else_reads_it(operator: Client) -> None:
    claimed = execution.claim(flaky.using(workflow_id="w").start())
    for number, key in enumerate(("phase", "mine<b>"), start=1):
        event_log.set_value(claimed.owner, str(number), position=number, key=key, encoded='"x"', in_step=False)
    html = page(operator, workflow_page("w"))
    assert '>phase<span class="values__readers" title="Widgets may show it to anybody">public</span></th>' in html
    assert ">mine&lt;b&gt;</th>" in html
    assert html.count('class="values__readers"') == 1


def test_what_has_ended_says_until_when_it_is_kept(operator: Client) -> None:
    execution.run(definitions.doubling.using(workflow_id="done").start([1]))
    finished_at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    Workflow.objects.filter(id="done").update(finished_at=finished_at)
    assert "<dt>Kept</dt>" not in page(operator, workflow_page("done"))
    schedules.create("by-age", retention.PRUNING, kwargs={"days": 36_500}, cron="0 3 * * *")
    until = (finished_at + timedelta(days=36_500)).strftime("%Y-%m-%d 12:00:00 UTC")
    assert f"Kept until {until} " in text(page(operator, workflow_page("done")))
    schedules.create("by-number", retention.PRUNING, kwargs={"days": None, "keep": 1_000}, cron="0 3 * * *")
    assert f"Kept until {until} and while among the newest 1,000 of its status" in text(
        page(operator, workflow_page("done"))
    )
    operations.pin("done", by="ada")
    assert "<dt>Kept</dt>" not in page(operator, workflow_page("done"))


def test_one_that_a_rule_may_have_removed_names_the_rule_and_until_when(operator: Client) -> None:
    assert "Nobody deleted one of this id, and no schedule has removed any" in page(operator, workflow_page("old"), 404)
    rules: list[dict[str, Any]] = [
        {"days": 90}, {"days": None, "keep": 1_000, "statuses": ["failed"], "definition": "doubling"}, {"days": 1},
    ]  # fmt: skip
    for number, given in enumerate(rules):
        schedules.create(f"rule-{number}", retention.PRUNING, kwargs=given, cron="0 3 * * *")
    assert "no schedule has removed any" in page(operator, workflow_page("old"), 404)  # none has run yet
    ran_at = datetime(2026, 10, 30, 3, tzinfo=UTC)
    Schedule.objects.filter(name__in=["rule-0", "rule-1"]).update(last_at=ran_at)
    said = text(page(operator, workflow_page("old"), 404))
    assert "rule-0 has removed workflows that ended before 2026-08-01 03:00:00 UTC, by its 90-day rule." in said
    assert "workflows of doubling that ended as failed before the newest 1,000 of their status." in said
    assert "rule-2" not in said


def test_a_viewer_may_not_start(people: People, client: Client) -> None:
    client.force_login(people.viewer)
    assert client.get("/definitions/doubling/start/").status_code == 403
    assert reverse("dashboard:start", args=["doubling"]) not in page(client, "/definitions/")


def test_an_address_of_nothing_is_not_here(operator: Client) -> None:
    assert "Not here" in page(operator, "/nothing/", 404)


def test_a_form_of_an_older_session_says_what_to_do(people: People) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people.operator)
    answer = browser.post("/definitions/doubling/start/", {"parameter_numbers": "[1]"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


def test_the_largest_input_fits_a_form_and_a_larger_request_is_refused_in_words(operator: Client) -> None:
    def started_with(values: str) -> Any:
        body = urlencode({"parameter_values": values, "parameter_key": "key"})
        return operator.post("/definitions/publishing/start/", body, "application/x-www-form-urlencoded")

    assert started_with(json.dumps(["ü" * 500_000], ensure_ascii=False)).status_code == 302
    huge = started_with(json.dumps("x" * 5_000_000))
    assert huge.status_code == 400
    assert "Nothing was done" in huge.content.decode()


# Every page


@pytest.mark.parametrize(
    "address", ["/login/", "/workflows/", "/workflows/w/", "/definitions/", "/definitions/doubling/start/", "/nothing/"]
)
def test_no_page_has_inline_style_or_a_script_without_the_nonce(operator: Client, client: Client, address: str) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    visitor = Client() if address == "/login/" else operator
    response = visitor.get(address)
    html = response.content.decode()
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    for script in re.findall(r"<script[^>]*>", html):
        nonce = re.search(r'nonce="([^"]+)"', script)
        assert 'type="application/json"' in script or (nonce and f"'nonce-{nonce[1]}'" in policy), script


def test_a_chosen_theme_comes_with_the_page_and_nothing_else_does(operator: Client) -> None:
    operator.cookies["theme"] = "dark"
    assert '<html lang="en" data-theme="dark" data-density="normal">' in page(operator, "/workflows/")
    operator.cookies["theme"] = 'x" onload="alert(1)'
    assert '<html lang="en" data-density="normal">' in page(operator, "/workflows/")


def test_a_page_of_a_workflow_is_never_kept_by_a_cache(operator: Client) -> None:
    assert "no-store" in operator.get("/workflows/")["Cache-Control"]
