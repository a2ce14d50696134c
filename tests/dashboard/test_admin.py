"""The admin shows everything, changes nothing but by `operations`, and reads no more rows than it shows."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.admin import shown, sieve
from tests.definitions import SWITCH, doubling, listening, switching
from tests.execution import run
from tests.people import People
from workflows import operations
from workflows.durable import set_event
from workflows.models import Event, Step, Value, Workflow

pytestmark = [pytest.mark.usefixtures("collected_static"), pytest.mark.django_db]
TABLES = ("workflow", "step", "event", "value", "message")
HOSTILE = "</pre><script>alert(1)</script>\u202egnp\"'&<img src=x onerror=alert(2)>"


@pytest.fixture
def operator(people: People, client: Client) -> Client:
    """Signed in, may view and cancel."""
    client.force_login(people.operator)
    return client


def listed(client: Client, table: str, **query: Any) -> list[str]:
    """The first cells of a list's rows: the ids."""
    return ids(page(client, f"/admin/workflows/{table}/", **query))


def ids(content: str) -> list[str]:
    """The ids on a page of a list."""
    found = re.findall(r'<th class="field-\w+"><a href="[^"]*">([^<]*)</a></th>', content)
    return [html.unescape(one) for one in found]


def page(client: Client, path: str, **query: Any) -> str:
    """The content of a page that must be there."""
    response = client.get(path, query)
    assert response.status_code == 200, (path, query, response.status_code)
    return response.content.decode()


def link(content: str, words: str) -> str:
    """The address behind a link's words."""
    found = re.search(rf'<a href="([^"]*)">{words}</a>', content)
    assert found, f"no link {words!r}"
    return html.unescape(found[1])


def test_lists_page_back_and_forth_without_losing_or_repeating_a_row(operator: Client) -> None:
    _populate(workflows=250, each=1)
    everything = list(Workflow.objects.newest_first().values_list("id", flat=True))
    seen, content = [], page(operator, "/admin/workflows/workflow/")
    pages = [ids(content)]
    while "Older" in content:
        content = page(operator, "/admin/workflows/workflow/" + link(content, "Older"))
        pages.append(ids(content))
    seen = [one for rows in pages for one in rows]
    assert seen == everything
    for expected in reversed(pages[:-1]):
        content = page(operator, "/admin/workflows/workflow/" + link(content, "Newer"))
        assert ids(content) == expected
    assert "Newer" not in content
    for table, keys in (("step", Step), ("event", Event), ("value", Value)):
        newest = [str(pk) for pk in keys.objects.order_by("-id").values_list("id", flat=True)[:200]]
        content = page(operator, f"/admin/workflows/{table}/")
        older = page(operator, f"/admin/workflows/{table}/" + link(content, "Older"))
        assert ids(content) + ids(older) == newest


def test_filters_find_what_they_say(operator: Client) -> None:
    _populate(workflows=20, each=3)
    assert listed(operator, "workflow", status="failed") == ["w-0000020", "w-0000010"]
    assert listed(operator, "workflow", definition="rare") == ["w-0000007"]
    assert listed(operator, "workflow", definition="unknown") == []
    assert listed(operator, "workflow", q="w-000001")[0] == "w-0000019"
    assert len(listed(operator, "workflow", q="w-000001")) == 10
    assert listed(operator, "workflow", q="w-00000_1") == []  # no wildcard
    assert listed(operator, "workflow", since="2026-01-01T00:00:05", until="2026-01-01T00:00:07") == [
        "w-0000006", "w-0000005",
    ]  # fmt: skip
    for table in ("step", "event", "value"):
        assert len(listed(operator, table, q="w-0000003")) >= 3
    assert len(listed(operator, "event", kind="created")) == 20
    assert len(listed(operator, "event", key="key-2")) == 20
    assert len(listed(operator, "event", key="key-2", kind="value_set")) == 20
    assert listed(operator, "event", key="key-2", kind="message_sent") == []
    assert listed(operator, "event", key="key-2", kind="created") == []
    assert len(listed(operator, "event", since="2026-01-01T00:00:19")) == len(
        Event.objects.filter(at__gte=datetime(2026, 1, 1, 0, 0, 19, tzinfo=UTC))
    )
    assert listed(operator, "event", until="2025-12-31") == []
    assert len(listed(operator, "event", definition="rare")) == 4
    assert len(listed(operator, "event", definition="rare", kind="created")) == 1
    assert (
        listed(operator, "event", definition="rare", q="w-0000003") == listed(operator, "event", definition="no") == []
    )
    assert len(listed(operator, "step", since="2026-01-01T00:00:19")) == 6
    assert len(listed(operator, "message", received="no")) == 18
    assert len(listed(operator, "message", q="w-0000010")) == 1  # received
    assert listed(operator, "message", q="w-0000010", received="no") == []
    assert listed(operator, "workflow", status="failed", definition="rare") == []
    assert listed(operator, "workflow", status="failed", definition="common") == ["w-0000020", "w-0000010"]
    assert len(listed(operator, "workflow", definition="common")) == 19
    assert listed(operator, "workflow", definition="common", since="2026-01-01T00:00:19") == ["w-0000020", "w-0000019"]
    assert listed(operator, "workflow", q="w-000001", status="failed") == ["w-0000010"]
    assert len(listed(operator, "message", until="2026-01-01T00:00:04")) == 3


def test_pages_of_a_definition_go_through_all_of_its_statuses_in_one_order(operator: Client) -> None:
    _populate(workflows=250, each=1, cancelled=20)
    everything = Workflow.objects.filter(definition="common").newest_first().values_list("id", flat=True)
    content = page(operator, "/admin/workflows/workflow/", definition="common")
    pages = [ids(content)]
    while "Older" in content:
        content = page(operator, "/admin/workflows/workflow/" + link(content, "Older"))
        pages.append(ids(content))
    assert [one for rows in pages for one in rows] == list(everything)
    content = page(operator, "/admin/workflows/workflow/" + link(content, "Newer"))
    assert ids(content) == pages[-2]


def test_a_list_of_one_workflow_is_in_its_own_order(operator: Client) -> None:
    handle = doubling.using(workflow_id="ordered").start([1, 2, 3])
    run(handle)
    seqs = re.findall(r'class="field-seq">(\d+)<', page(operator, "/admin/workflows/event/", q="ordered"))
    assert [int(seq) for seq in seqs] == list(range(len(seqs), 0, -1))
    positions = re.findall(r'class="field-position">(\d+)<', page(operator, "/admin/workflows/step/", q="ordered"))
    assert [int(position) for position in positions] == [2, 3, 4]


@pytest.mark.usefixtures("swept")
def test_pages_of_a_million_rows_read_only_what_they_show(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "LOOKED_THROUGH", 1_000)
    _populate(workflows=200_000, each=1, cancelled=40_000)
    _populate_one("big", steps=5_000)
    Workflow.objects.filter(id__startswith="w-01000").update(parent_id="big")  # and these have no children
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for path in _addresses():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            content = page(operator, path)
        for query in captured.captured_queries:
            _assert_small(path, query["sql"])
        older = re.search(r'<a href="([^"]*)">Older</a>', content)
        if older:
            with CaptureQueriesContext(connection) as captured:
                page(operator, path.partition("?")[0] + html.unescape(older[1]))
            for query in captured.captured_queries:
                _assert_small(f"{path}, older", query["sql"])


def _addresses() -> Iterator[str]:
    workflow, step, event, value, message = (f"/admin/workflows/{table}/" for table in TABLES)
    middle, late = "2026-01-02T03:04:05", "2026-01-03T07:33:00"
    yield from (workflow, step, event, value, message)
    yield from (f"{workflow}?status={status}" for status in ("succeeded", "failed", "queued", "cancelled"))
    yield f"{workflow}?definition=common"
    yield f"{workflow}?definition=rare"
    yield f"{workflow}?definition=unknown"
    yield f"{workflow}?q=w-0123"
    yield f"{workflow}?q=big"
    yield f"{workflow}?since={middle}&until={late}&status=succeeded"
    yield f"{workflow}?before=" + quote(json.dumps([f"{middle}+00:00", "w-0000001"]))
    yield from (f"{table}?q=big" for table in (step, event, value, message))
    yield from (f"{table}?since={middle}" for table in (step, event, message))
    yield from (f"{table}?until={middle}" for table in (step, event, message))
    yield from (f"{event}?kind={kind}" for kind in ("value_set", "created", "cancelled", "quarantined"))
    yield f"{event}?key=key-1"
    yield from (f"{event}?{query}" for query in ("key=nobody", "q=key-1", "q=nobody", "q=key-1&kind=created"))
    yield from (f"{event}?key=old{kind}" for kind in ("", "&kind=cancelled"))
    yield f"{event}?key=key-1&since={middle}&until={late}"
    yield f"{event}?kind=created&since={middle}&until={late}"
    yield f"{event}?before=[100000]"
    yield from (f"{event}?by={name}" for name in ("ada", "ada&kind=cancelled", "ada&kind=created", "nobody"))
    yield from (f"{event}?definition={name}" for name in ("rare", "unknown", "common"))
    yield f"{message}?received=no"
    yield reverse("admin:workflows_workflow_change", args=["big"])
    for model, table in ((Step, step), (Event, event), (Value, value)):
        yield f"{table}{model.objects.order_by('-id')[0].pk}/change/"


def _assert_small(path: str, sql: str) -> None:
    """No COUNT, no scan of a table, and no plan that reads far more than a page."""
    if "workflows_" not in sql or not sql.startswith("SELECT"):
        return
    assert "COUNT(" not in sql.upper(), (path, sql)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql.replace("%", "%%"), [])
        plan = cursor.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    for node in _nodes(plan[0]["Plan"]):
        relation = node.get("Relation Name", "")
        removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        read = node["Actual Rows"] + removed  # of an empty table there is nothing to scan
        assert not (node["Node Type"] == "Seq Scan" and relation.startswith("workflows_") and read), (path, sql)
        assert read * node["Actual Loops"] <= 2_000, (path, sql, node)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _populate(*, workflows: int, each: int, cancelled: int = 0) -> None:
    """Finished workflows a second apart, each with so many steps and values. Every tenth failed, but the oldest were
    cancelled: a planner that hopes to meet them among the newest reads the whole table."""
    statements = [
        """INSERT INTO workflows_workflow (id, definition, queue, status, input, error, token, crashes, takeovers,
            available_at, last_seq, created_by, created_at, started_at, finished_at, status_at)
        SELECT 'w-' || lpad(n::text, 7, '0'), CASE WHEN n = 7 THEN 'rare' ELSE 'common' END, 'default',
            CASE WHEN n <= %(cancelled)s THEN 'cancelled' WHEN n %% 10 = 0 THEN 'failed' ELSE 'succeeded' END,
            '{"args": [], "kwargs": {}}',
            CASE WHEN n %% 10 = 0 THEN '{"type": "ValueError", "message": "no", "traceback": "trace"}'::jsonb END,
            1, 0, 0, t, 2, '', t, t, t, t
        FROM generate_series(1, %(workflows)s) AS n,
            LATERAL (SELECT timestamptz '2026-01-01Z' + n * interval '1 s') AS x(t)""",
        """INSERT INTO workflows_step (workflow_id, position, name, status, attempt, failures, worker, started_at,
            attempt_started_at, finished_at, error)
        SELECT id, p, 'work', status, 1, 0, 'host:1/1', created_at, created_at, created_at, error
        FROM workflows_workflow, generate_series(1, %(each)s) AS p ORDER BY created_at, p""",
        """INSERT INTO workflows_event (workflow_id, seq, kind, key, data, at)
        SELECT id, seq, CASE WHEN seq = 1 THEN 'created' WHEN status = 'cancelled' THEN status ELSE 'value_set' END,
            CASE WHEN status = 'cancelled' THEN 'old' WHEN seq > 1 THEN 'key-' || (seq - 1) END,
            CASE WHEN status = 'cancelled' THEN '{"by": "ada"}' ELSE '{"value": 1}' END::jsonb, created_at
        FROM workflows_workflow, generate_series(1, %(each)s + 1) AS seq ORDER BY created_at, seq""",
        """INSERT INTO workflows_value (workflow_id, key, value, seq, at)
        SELECT id, 'key-' || k, '1', k + 1, created_at FROM workflows_workflow, generate_series(1, %(each)s) AS k""",
        """INSERT INTO workflows_message (workflow_id, topic, body, sent_at, sent_by, consumed_seq)
        SELECT id, 'topic', '{}', created_at, '', CASE WHEN status = 'failed' THEN 9 END
        FROM workflows_workflow ORDER BY created_at""",
    ]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, {"workflows": workflows, "each": each, "cancelled": cancelled})


def _populate_one(workflow_id: str, *, steps: int) -> None:
    """One workflow with a long history."""
    listening.using(workflow_id=workflow_id).start("t")
    parameters = {"id": workflow_id, "steps": steps}
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO workflows_step (workflow_id, position, name, status, attempt, failures, worker, started_at,
                attempt_started_at, finished_at)
            SELECT %(id)s, n, 'work', 'succeeded', 1, 0, 'host:1/1', now(), now(), now()
            FROM generate_series(1, %(steps)s) AS n""",
            parameters,
        )
        cursor.execute(
            """INSERT INTO workflows_event (workflow_id, seq, kind, key, data, at)
            SELECT %(id)s, n + 1, 'value_set', 'k', '{"value": 1}', now() FROM generate_series(1, %(steps)s) AS n""",
            parameters,
        )
        cursor.execute(
            """INSERT INTO workflows_value (workflow_id, key, value, seq, at)
            SELECT %(id)s, 'key-' || n, '1', n, now() FROM generate_series(1, %(steps)s) AS n""",
            parameters,
        )


def test_a_workflows_page_tells_everything_and_hides_nothing_in_markup(operator: Client) -> None:
    workflow_id = "odd/id?<b>%20&x"

    def body() -> Any:
        set_event(HOSTILE, {"deep": HOSTILE})
        set_event("long", "x" * 50_000)
        raise ValueError(HOSTILE)

    SWITCH["body"] = body
    run(switching.using(workflow_id=workflow_id).start())
    content = page(operator, reverse("admin:workflows_workflow_change", args=["odd_2Fid_3F_3Cb_3E_2520_26x"]))
    assert "<script>alert(1)" not in content
    assert "<img src=x" not in content
    assert "\u202e" not in content
    assert html.escape(workflow_id) in content
    assert "ValueError" in content
    assert "value_set" in content
    assert 'class="addlink"' not in content
    assert 'name="_save"' not in content
    assert len(content) < 200_000
    for table in ("event", "value"):
        rows = page(operator, f"/admin/workflows/{table}/", q=workflow_id)
        assert "<script>alert(1)" not in rows
        assert "\u202e" not in rows
        one = page(operator, f"/admin/workflows/{table}/{ids(rows)[0]}/change/")
        assert "<script>alert(1)" not in one
    assert link(content, "All values") == f"/admin/workflows/value/?q={quote(workflow_id, safe='')}"


def test_values_are_pretty_and_cut(operator: Client) -> None:
    handle = listening.using(workflow_id="big-input").start({"nested": {"list": list(range(20_000))}})
    content = html.unescape(page(operator, reverse("admin:workflows_workflow_change", args=[handle.id])))
    assert '"nested": {\n                "list": [\n' in content
    assert "… cut after 20,000 characters" in content


def test_nothing_can_be_added_changed_or_deleted(operator: Client, people: People) -> None:
    _populate(workflows=1, each=1)
    for table in TABLES:
        one = ids(page(operator, f"/admin/workflows/{table}/"))[0]
        assert operator.get(f"/admin/workflows/{table}/add/").status_code == 403
        assert operator.post(f"/admin/workflows/{table}/add/", {}).status_code == 403
        assert operator.get(f"/admin/workflows/{table}/{one}/delete/").status_code == 403
        assert operator.post(f"/admin/workflows/{table}/{one}/delete/", {"post": "yes"}).status_code == 403
        assert operator.post(f"/admin/workflows/{table}/{one}/change/", {"status": "queued"}).status_code == 403
        assert operator.get(f"/admin/workflows/{table}/{one}/history/", follow=True).status_code == 200
    people.operator.is_superuser = True
    people.operator.save()
    assert operator.post("/admin/workflows/workflow/add/", {}).status_code == 403
    assert Workflow.objects.count() == Step.objects.count() == 1


def test_passers_by_and_strangers_see_nothing(client: Client, people: People) -> None:
    _populate(workflows=1, each=1)
    addresses = [f"/admin/workflows/{table}/" for table in TABLES] + ["/admin/workflows/workflow/w-0000001/change/"]
    for path in addresses:
        assert client.get(path).status_code == 302
    people.stranger.is_staff = True
    people.stranger.save()
    client.force_login(people.stranger)
    for path in addresses:
        assert client.get(path).status_code == 403
    assert "workflows" not in page(client, "/admin/")


def _selection(*chosen: str, **more: str) -> dict[str, Any]:
    return {"action": "cancel_selected", "_selected_action": list(chosen), **more}


def test_an_operator_cancels_after_being_asked(operator: Client) -> None:
    for name in ("c-1", "c-2"):
        listening.using(workflow_id=name).start("t")
    operations.cancel("c-2")
    path = "/admin/workflows/workflow/"
    asked = operator.post(path, _selection("c-1", "c-2"))
    assert "Cancel 2 workflows" in asked.content.decode()
    assert Workflow.objects.get(id="c-1").status == "queued"
    done: Any = operator.post(path, _selection("c-1", "c-2", confirmed="yes", reason="too late"), follow=True)
    assert [str(message) for message in done.context["messages"]] == [
        "Workflow 'c-2' cannot cancel: it is cancelled (cancel needs delayed, queued, running, waiting).",
        "Cancelled: 1 of 2.",
    ]
    last = Event.objects.filter(workflow_id="c-1").latest("seq")
    assert (last.kind, last.data) == ("cancelled", {"by": "operator", "reason": "too late"})


def test_an_operator_pins_and_unpins_and_the_history_has_it(operator: Client) -> None:
    for name in ("p-1", "p-2"):
        listening.using(workflow_id=name).start("t")
    operations.pin("p-2")
    path = "/admin/workflows/workflow/"
    for action, word, pinned in (
        ("pin_selected", "Pinned: 1 of 1.", True),
        ("unpin_selected", "Unpinned: 2 of 2.", False),
    ):
        done: Any = operator.post(path, _selection("p-1", "p-2") | {"action": action}, follow=True)
        assert [str(message) for message in done.context["messages"]] == [word]
        assert set(Workflow.objects.values_list("pinned", flat=True)) == {pinned}
        assert (b"queued, pinned" in done.content) is pinned
    last = Event.objects.filter(workflow_id="p-1").latest("seq")
    assert (last.kind, last.data["by"]) == ("unpinned", "operator")
    again: Any = operator.post(path, _selection("p-1") | {"action": "unpin_selected"}, follow=True)
    assert [str(message) for message in again.context["messages"]] == ["Unpinned: 0 of 0."]


def test_a_viewer_cannot_cancel_even_by_hand(client: Client, people: People) -> None:
    listening.using(workflow_id="kept").start("t")
    client.force_login(people.viewer)
    assert "cancel_selected" not in page(client, "/admin/workflows/workflow/")
    client.post("/admin/workflows/workflow/", _selection("kept", confirmed="yes"))
    assert Workflow.objects.get(id="kept").status == "queued"


def test_everything_at_once_is_refused(operator: Client) -> None:
    _populate(workflows=250, each=1)
    listening.using(workflow_id="kept").start("t")
    chosen = _selection("kept", confirmed="yes", select_across="1")
    answer: Any = operator.post("/admin/workflows/workflow/", chosen, follow=True)
    assert [str(message) for message in answer.context["messages"]] == ["Cancel at most 200 workflows at once."]
    assert Workflow.objects.get(id="kept").status == "queued"


@pytest.mark.parametrize(
    "query",
    [
        "before=nonsense", "before=[1,2]", 'before=["2026-01-01","\\u0000"]', "after=[]", "before=[[]]",
        "since=yesterday", "until=9999-99-99", "since=0001-01-01T00:00:00", "status=x", "kind=x%00", "o=1", "p=5",
        "all=", "_facets=True", "q=%00", "key=%00", "before=[99999999999999999999]",
    ],
)  # fmt: skip
def test_nonsense_in_an_address_is_answered_without_harm(operator: Client, query: str) -> None:
    listening.start("t")
    for table in TABLES:
        response = operator.get(f"/admin/workflows/{table}/?{query}", follow=True)
        assert response.status_code in {200, 400}, (table, query)


@pytest.mark.parametrize("lookup", ["input__icontains=x", "worker=x", "definition__contains=x", "workflow__input=1"])
def test_columns_without_an_index_cannot_be_asked_for(operator: Client, lookup: str) -> None:
    for table in ("workflow", "step"):
        assert operator.get(f"/admin/workflows/{table}/?{lookup}").status_code == 400


def test_a_filter_starts_at_the_first_page_and_keeps_the_others(operator: Client) -> None:
    _populate(workflows=150, each=1)
    content = page(operator, "/admin/workflows/event/")
    asked = datetime.now(UTC)
    second = page(operator, "/admin/workflows/event/" + link(content, "Older") + "&key=key-1")
    assert "before" not in link(second, "Past day")
    assert "key=key-1" in link(second, "Past day")
    assert '<input type="hidden" name="key" value="key-1">' in second
    hours = {f"{moment - timedelta(hours=1):%Y-%m-%dT%H}" for moment in (asked, datetime.now(UTC))}
    assert any(f"since={quote(hour)}" in link(second, "Past hour") for hour in hours)


def test_an_error_is_read_without_its_traceback_and_history_means_the_events(operator: Client) -> None:
    def body() -> None:
        raise ValueError("no stock")

    SWITCH["body"] = body
    handle = switching.using(workflow_id="order-42").start()
    run(handle)
    for content in (
        page(operator, "/admin/workflows/event/"),
        page(operator, "/admin/workflows/workflow/order-42/change/"),
    ):
        events = content.rpartition("Event history</h2>")[2]
        assert "no stock" in events
        assert "Traceback" not in events
    addresses = ["/admin/workflows/workflow/order-42/history/"]
    addresses += [f"/admin/workflows/event/{event.pk}/history/" for event in Event.objects.all()[:1]]
    for address in addresses:
        assert operator.get(address)["Location"] == "/admin/workflows/event/?q=order-42"


def test_a_line_says_that_it_is_cut_only_when_it_is() -> None:
    whole = "x" * shown.LINE_CHARS
    assert shown.beginning(whole, shown.LINE_CHARS) == whole
    assert shown.beginning(whole + "y", shown.LINE_CHARS) == whole + "…"
