"""One verb for many workflows through the pages: what is confirmed, what is done, and who may."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.messages import get_messages
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client

from dashboard import acting, exports
from dashboard.presenters.bulk import BULK_VERBS, MOST, RESULT_COLUMNS, result
from dashboard.views import bulk as bulk_views
from dashboard.views import bulk_actions as bulk_action_views
from tests import definitions
from tests.people import People
from tests.wait import until
from workflows import bulk, operations, recovery
from workflows.models import BulkAction, BulkOutcome, Deletion, Event, Workflow
from workflows.options import Options

__all__ = ["definitions"]  # known to the registry
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that waits for its action, however slow the machine is."""
    monkeypatch.setattr(acting, "BULK_SECONDS", None)


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


@pytest.fixture
def five(db: None) -> list[str]:
    """a to e, of which d and e are cancelled."""
    for name in "abcde":
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, options=Options(queue="nobody"))
    for name in "de":
        operations.cancel(name, by="ana")
    return list("abcde")


def confirm(client: Client, verb: str, ids: list[Any] | str = "", **data: Any) -> HttpResponse:
    given = {"ids": ids if isinstance(ids, str) else json.dumps(ids), **data}
    return client.post(f"/bulk/{verb}/confirmation", given)


def carry_out(client: Client, verb: str, ids: list[Any] | str, **data: Any) -> HttpResponse:
    """Confirm it; the answer is the page it leads to."""
    given = {"ids": ids if isinstance(ids, str) else json.dumps(ids), "action": uuid4(), **data}
    answer = client.post(f"/bulk/{verb}", given)
    leads_to_the_action = answer.status_code == 302 and answer["Location"].startswith("/bulk/")
    return client.get(answer["Location"]) if leads_to_the_action else answer


def came(response: HttpResponse, outcome: str) -> dict[str, str]:
    """What the page of an action says of the workflows with that outcome, and why."""
    rows = [row for part in response.context["parts"] if part["outcome"] == outcome for row in part["rows"]]
    return {row.workflow_id: row.detail for row in rows}


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def statuses() -> dict[str, str]:
    return dict(Workflow.objects.order_by("id").values_list("id", "status"))


def notices(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# What is confirmed


def test_the_confirmation_says_how_many_of_which_status_and_who_is_left_alone_why(
    operator: Client, five: list[str]
) -> None:
    response = confirm(operator, "cancel", [*five, "gone"])
    planned = response.context["plan"]
    assert planned.ids == ["a", "b", "c"]
    assert [(share.status, share.count) for share in planned.shares] == [("queued", 3)]
    assert [(each.why, each.count) for each in planned.skipped] == [("It has ended already.", 2)]
    assert (planned.missing, planned.selected) == (1, 6)
    shown = text(response)
    assert "Cancel 3 of 6 selected workflows?" in shown
    assert "There is no such workflow any more." in shown
    assert statuses()["a"] == "queued"


def test_confirming_needs_no_script(operator: Client, five: list[str]) -> None:
    """The list's own boxes are posted, and the confirmation's form carries the fixed set."""
    listed = text(operator.get("/workflows/"))
    assert 'type="checkbox" name="id" value="a" form="selection"' in listed
    response = operator.post("/bulk/cancel/confirmation", {"ids": "", "id": ["a", "d"]})
    ids, action = response.context["ids"], response.context["action"]
    response = operator.post("/bulk/cancel", {"ids": ids, "action": action, "reason": "wrong"}, follow=True)
    assert statuses() == {"a": "cancelled", "b": "queued", "c": "queued", "d": "cancelled", "e": "cancelled"}
    assert "1 of 1 workflow cancelled" in text(response)


def test_all_that_match_are_fixed_when_they_are_shown(operator: Client, five: list[str]) -> None:
    response = confirm(operator, "cancel", matching="on", filter="status=queued")
    assert sorted(response.context["plan"].ids) == ["a", "b", "c"]
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="late", options=Options(queue="nobody"))
    carry_out(operator, "cancel", response.context["ids"])
    assert statuses()["late"] == "queued"
    assert statuses()["a"] == "cancelled"


def test_all_that_match_obey_every_term_of_the_filter(operator: Client, five: list[str]) -> None:
    meant = {"status=queued&definition=doub*&since=1h": 3, "definition=none*": 0, "since=2999-01-01": 0, "q=b": 1}
    for query, count in meant.items():
        assert len(operator.get(f"/bulk/matching?{query}").json()["workflows"]) == count, query


def test_what_matches_is_told_to_the_page_with_what_verbs_need_to_know(operator: Client, five: list[str]) -> None:
    operations.pin("c")
    answer = operator.get("/bulk/matching?status=queued").json()
    assert answer["more"] is False
    assert sorted((row["id"], row["status"], row["pinned"]) for row in answer["workflows"]) == [
        ("a", "queued", False), ("b", "queued", False), ("c", "queued", True),
    ]  # fmt: skip


def test_pins_leave_alone_what_stands_so_already(operator: Client, five: list[str]) -> None:
    operations.pin("a")
    pinning, unpinning = (confirm(operator, verb, ["a", "b"]).context["plan"] for verb in ("pin", "unpin"))
    assert (pinning.ids, pinning.skipped[0].why) == (["b"], "It is pinned already.")
    assert (unpinning.ids, unpinning.skipped[0].why) == (["a"], "It is not pinned.")


def test_where_the_verb_applies_to_nobody_nothing_can_be_confirmed(operator: Client, five: list[str]) -> None:
    shown = text(confirm(operator, "resume", ["a", "b"]))
    assert "None of them can be resumed." in shown
    assert '<form class="form"' not in shown


def test_hostile_ids_are_shown_as_text(operator: Client) -> None:
    name = "<script>alert(1)</script>"
    operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, options=Options(queue="nobody"))
    shown = text(confirm(operator, "cancel", [name]))
    assert name not in shown
    shown = text(carry_out(operator, "cancel", [name]))
    assert name not in shown
    assert statuses() == {name: "cancelled"}


# What is done


def test_each_history_says_who_and_why(operator: Client, five: list[str]) -> None:
    response = carry_out(operator, "cancel", ["a", "b"], reason="wrong <import>")
    for name in ("a", "b"):
        last = Workflow.objects.get(id=name).events.latest("seq")
        assert (last.kind, last.data) == ("cancelled", {"by": "operator", "reason": "wrong <import>"})
    assert "2 of 2 workflows cancelled" in text(response)


def test_what_is_refused_says_why_beside_what_was_done(operator: Client, five: list[str]) -> None:
    response = carry_out(operator, "cancel", ["a", "d", "no-such"])
    assert list(came(response, "done")) == ["a"]
    refused = came(response, "refused")
    assert "it is cancelled" in refused["d"]
    assert "There is no workflow 'no-such'" in refused["no-such"]
    assert "1 of 3 workflows cancelled" in text(response)


@pytest.mark.parametrize(("verb", "after"), [("resume", "queued"), ("pin", "cancelled"), ("unpin", "cancelled")])
def test_every_verb_is_done_as_its_name_says(operator: Client, five: list[str], verb: str, after: str) -> None:
    if verb == "unpin":
        operations.pin("d")
    response = carry_out(operator, verb, ["d"], reason="because")
    row = Workflow.objects.get(id="d")
    assert (row.status, row.pinned) == (after, verb == "pin")
    last = row.events.latest("seq")
    assert (last.data["by"], last.data["reason"]) == ("operator", "because")
    assert list(came(response, "done")) == ["d"]


def test_the_children_are_cancelled_only_if_that_is_wanted(operator: Client, five: list[str]) -> None:
    operations.start(
        "doubling", kwargs={"numbers": []}, workflow_id="child", parent="a", options=Options(queue="nobody")
    )
    operations.start(
        "doubling", kwargs={"numbers": []}, workflow_id="other", parent="b", options=Options(queue="nobody")
    )
    carry_out(operator, "cancel", ["a"])
    carry_out(operator, "cancel", ["b"], tree="on")
    assert (statuses()["child"], statuses()["other"]) == ("queued", "cancelled")


def test_deleting_needs_a_reason_and_keeps_who_and_why(operator: Client, five: list[str]) -> None:
    refused = carry_out(operator, "delete", ["d", "e"])
    assert refused.status_code == 422
    assert "Say why" in text(refused)
    assert Workflow.objects.count() == 5
    carry_out(operator, "delete", ["d", "e"], reason="old")
    assert sorted(statuses()) == ["a", "b", "c"]
    kept = Deletion.objects.order_by("workflow_id").values_list("workflow_id", "deleted_by", "reason")
    assert list(kept) == [("d", "operator", "old"), ("e", "operator", "old")]


def test_more_than_fifty_need_a_reason(operator: Client) -> None:
    names = [f"w-{number}" for number in range(51)]
    for name in names:
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, options=Options(queue="nobody"))
    assert carry_out(operator, "cancel", names).status_code == 422
    assert set(statuses().values()) == {"queued"}
    assert carry_out(operator, "cancel", names, reason="all of them").status_code == 200
    assert set(statuses().values()) == {"cancelled"}


def test_one_confirmation_is_carried_out_once(operator: Client, five: list[str]) -> None:
    """The way back and a second click lead to the same action."""
    once = uuid4()
    carry_out(operator, "resume", ["d"], action=once)
    operations.cancel("d")
    again = carry_out(operator, "resume", ["d", "e"], action=once)
    assert "1 of 1 workflow resumed" in text(again)
    assert (statuses()["d"], statuses()["e"]) == ("cancelled", "cancelled")
    assert BulkAction.objects.count() == 1


# Actions that go on by themselves


@pytest.fixture
def slow(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request in which there is time for one workflow only."""
    monkeypatch.setattr(acting, "BULK_SECONDS", 0)


def test_what_a_request_has_no_time_for_goes_on_behind_it(operator: Client, five: list[str], slow: None) -> None:
    response = carry_out(operator, "cancel", ["a", "b", "c"], reason="wrong")
    assert "1 of 3 workflows cancelled" in text(response)
    assert "Under way" in text(response)
    assert list(came(response, "left")) == ["b", "c"]
    assert "data-settled" not in text(response)
    action = response.context["action"]
    assert recovery.carry_on_bulk() == 1  # as every worker does, once a second
    response = operator.get(f"/bulk/{action.pk}/state")
    assert "3 of 3 workflows cancelled" in text(response)
    assert "data-settled" in text(response)
    assert {statuses()[name] for name in "abc"} == {"cancelled"}
    last = Workflow.objects.get(id="c").events.latest("seq")
    assert last.data == {"by": "operator", "reason": "wrong"}


def test_who_stops_an_action_leaves_the_rest_alone_and_can_go_on_with_it(
    operator: Client, people: People, five: list[str], slow: None
) -> None:
    action = carry_out(operator, "cancel", ["a", "b", "c"]).context["action"]
    viewer = Client()
    viewer.force_login(people.viewer)
    assert viewer.post(f"/bulk/{action.pk}/abort").status_code == 403
    assert "Stop:" not in text(viewer.get(f"/bulk/{action.pk}/"))
    assert "Stop: leave 2 alone" in text(operator.get(f"/bulk/{action.pk}/"))
    response = operator.post(f"/bulk/{action.pk}/abort", follow=True)
    assert "Stopped by operator" in text(response)
    assert recovery.carry_on_bulk() == 0
    assert (statuses()["b"], statuses()["c"]) == ("queued", "queued")
    assert confirm(operator, "cancel", response.context["left_ids"]).context["plan"].ids == ["b", "c"]
    again = operator.post(f"/bulk/{action.pk}/abort", follow=True)
    assert "It had ended already." in text(again)


@pytest.mark.django_db(transaction=True)
def test_two_who_carry_on_at_once_ask_for_each_workflow_once(five: list[str]) -> None:
    action = bulk.begin(uuid4(), "pin", list("abcde"), by="operator")
    threads = [threading.Thread(target=_carry_on_and_leave, args=(action.pk,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    action.refresh_from_db()
    assert (action.done, action.refused, action.left) == (5, 0, 0)
    assert action.ended_at is not None
    assert Event.objects.filter(kind="pinned").count() == 5


def _carry_on_and_leave(action_id: UUID) -> None:
    bulk.carry_on(action_id)
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_action_goes_on_in_its_process_when_no_worker_is_there(
    operator: Client, five: list[str], slow: None
) -> None:
    action = carry_out(operator, "cancel", list("abc")).context["action"]
    until(lambda: BulkAction.objects.get(pk=action.pk).ended_at is not None, what="the action has ended")
    assert {statuses()[name] for name in "abc"} == {"cancelled"}


def test_a_verb_that_breaks_off_leaves_its_workflow_to_the_next(
    five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(workflow_id: str, **told: Any) -> Workflow:
        operations.cancel(workflow_id, **told)
        raise OperationalError("the connection is lost")

    action = bulk.begin(uuid4(), "cancel", ["a", "b"], by="operator")
    with monkeypatch.context() as broken:
        broken.setitem(bulk.VERBS, "cancel", breaking)
        with pytest.raises(OperationalError):
            bulk.carry_on(action.pk)
    assert statuses()["a"] == "queued"
    assert bulk.carry_on(action.pk)
    action.refresh_from_db()
    assert (action.done, action.refused) == (2, 0)


def test_past_actions_are_listed_newest_first_with_who_why_and_how_far(
    operator: Client, people: People, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No bulk action yet" in text(operator.get("/bulk/"))
    carry_out(operator, "cancel", ["a", "d"], reason="wrong <import>", tree="on")
    carry_out(operator, "pin", ["b"])
    client = Client()
    client.force_login(people.viewer)
    for address in ("/bulk/", "/bulk/table"):
        response = client.get(address)
        assert [row["account"].verb for row in response.context["rows"]] == ["Pin", "Cancel with children"]
        shown = text(response)
        assert "wrong &lt;import&gt;" in shown
        assert "2 of 2" in shown
    monkeypatch.setattr(bulk_action_views, "PAGE_ROWS", 1)
    assert [row["account"].verb for row in operator.get("/bulk/?page=2").context["rows"]] == ["Cancel with children"]
    for number in ("0", "-1", "x", "9" * 18):
        assert operator.get(f"/bulk/?page={number}").status_code == 200


def test_outcomes_are_shown_of_workflows_that_one_may_see(
    operator: Client, people: People, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    action = carry_out(operator, "delete", ["d", "e", "a"], reason="old").context["action"]
    viewer = Client()
    viewer.force_login(people.viewer)
    shown = viewer.get(f"/bulk/{action.pk}/")
    assert (came(shown, "done"), list(came(shown, "refused"))) == ({}, ["a"])
    assert "Those that you may see." in text(shown)
    assert list(came(operator.get(f"/bulk/{action.pk}/"), "done")) == ["d", "e"]


def test_strangers_learn_nothing_of_an_action(operator: Client, people: People, five: list[str]) -> None:
    action = carry_out(operator, "pin", ["a"]).context["action"]
    pages = ["/bulk/", "/bulk/table", *(f"/bulk/{action.pk}/{part}" for part in ("", "state", "results.csv"))]
    stranger = Client()
    for page in pages:
        assert stranger.get(page).status_code == 302
    stranger.force_login(people.stranger)
    for page in pages:
        assert stranger.get(page).status_code == 403
    assert stranger.post(f"/bulk/{action.pk}/abort").status_code == 403
    assert operator.get(f"/bulk/{uuid4()}/").status_code == 404
    assert operator.get("/bulk/no-uuid/").status_code == 404


def test_all_that_match_say_when_they_are_not_all(
    operator: Client, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_views, "MOST", 2)
    monkeypatch.setattr(bulk_views._matching, "__defaults__", (2,))
    assert operator.get("/bulk/matching?status=queued").json()["more"] is True
    shown = text(confirm(operator, "cancel", matching="on", filter="status=queued"))
    assert "More match than that: these are the newest 2." in shown
    assert "Cancel 2 of 2 selected workflows?" in shown


# What came of it, as a file


def test_the_result_can_be_kept_as_csv_and_as_json_lines(operator: Client, five: list[str]) -> None:
    action = carry_out(operator, "cancel", ["a", "d", "no-such"]).context["action"]
    told = operator.get(f"/bulk/{action.pk}/results.csv")
    assert re.fullmatch(r'attachment; filename="cancel-[-0-9]+\.csv"', told["Content-Disposition"])
    assert told["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(told.content.decode())))
    assert [row[:3] for row in rows] == [
        ["workflow", "verb", "outcome"], ["a", "cancel", "done"], ["d", "cancel", "refused"],
        ["no-such", "cancel", "refused"],
    ]  # fmt: skip
    told = operator.get(f"/bulk/{action.pk}/results.jsonl")
    kept = [json.loads(line) for line in told.content.splitlines()]
    assert [each["outcome"] for each in kept] == ["done", "refused", "refused"]
    assert "it is cancelled" in kept[1]["detail"]
    assert operator.get(f"/bulk/{action.pk}/results.exe").status_code == 404


@pytest.mark.parametrize("name", ["=1+1", "+1", "-2+3", "@SUM(A1)", "＝1", '=HYPERLINK("http://evil.example")'])
def test_no_cell_of_the_csv_is_a_formula(name: str) -> None:
    came = [(name, "done", ""), ("a", "refused", name), ('quote"and,comma', "left", "two\nlines")]
    told = [result("cancel", BulkOutcome(workflow_id=of, outcome=what, detail=why)) for of, what, why in came]
    rows = list(csv.reader(io.StringIO(exports.whole("csv", RESULT_COLUMNS, told))))
    assert (rows[1][0], rows[2][3]) == (f"'{name}", f"'{name}")
    assert rows[3] == ['quote"and,comma', "cancel", "left", "two\nlines"]
    assert json.loads(exports.whole("jsonl", RESULT_COLUMNS, told).splitlines()[0])["workflow"] == name


# Bad input


NO_IDS = ["nonsense", "{}", "[1]", '["a", null]', '["\\u0000"]', '["\\ud800"]', '[""]', json.dumps(["x" * 201])]


@pytest.mark.parametrize("act", [confirm, carry_out])
def test_what_is_no_list_of_ids_is_refused(operator: Client, five: list[str], act: Any) -> None:
    for ids in NO_IDS:
        response = act(operator, "cancel", ids)
        assert (ids, response.status_code) == (ids, 302)
        assert notices(response)[-1].startswith("Nothing is done: ids: ")
    assert statuses()["a"] == "queued"


def test_a_box_with_an_impossible_id_is_nobody(operator: Client, five: list[str]) -> None:
    response = operator.post("/bulk/cancel/confirmation", {"id": ["\x00", "", "x" * 300, "<script>", "a"]})
    assert (response.context["plan"].ids, response.context["plan"].missing) == (["a"], 4)


def test_nothing_selected_and_too_much_selected_are_said(operator: Client, five: list[str]) -> None:
    assert "No workflow is selected" in notices(confirm(operator, "cancel", [], back="status=failed"))[0]
    said = notices(confirm(operator, "cancel", [f"w-{number}" for number in range(MOST + 1)]))[-1]
    assert "1,001 workflows are selected, and a page takes 1,000 at once" in said
    response = carry_out(operator, "cancel", [f"w-{number}" for number in range(MOST + 1)], reason="x")
    assert "not 1,001" in notices(response)[-1]


def test_the_way_back_leads_to_the_list_only(operator: Client, five: list[str]) -> None:
    response = confirm(operator, "cancel", [], back="//evil.example/?status=failed")
    assert response["Location"].startswith("/workflows/?")
    assert 'href="/workflows/?&quot;&gt;' in text(confirm(operator, "cancel", five, back='"><script>'))


# Who may


@pytest.mark.parametrize(("person", "status"), [("viewer", 403), ("stranger", 403), (None, 302)])
def test_who_may_not_act_sees_and_changes_nothing(
    people: People, five: list[str], person: str | None, status: int
) -> None:
    client = Client()
    if person:
        client.force_login(getattr(people, person))
    before = list(Workflow.objects.order_by("id").values_list("id", "last_seq"))
    for verb, act in product(BULK_VERBS, (confirm, carry_out)):
        assert (verb, act(client, verb, five, reason="x").status_code) == (verb, status)
    assert list(Workflow.objects.order_by("id").values_list("id", "last_seq")) == before


def test_a_viewer_sees_no_boxes_and_a_stranger_no_ids(people: People, five: list[str], client: Client) -> None:
    client.force_login(people.viewer)
    assert 'name="id"' not in client.get("/workflows/").content.decode()
    client.force_login(people.stranger)
    assert client.get("/bulk/matching").status_code == 403


def test_a_bulk_verb_is_posted_and_by_a_page_of_ours(people: People, five: list[str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.operator)
    for address in ("/bulk/cancel", "/bulk/cancel/confirmation"):
        assert client.get(address).status_code == 405
        assert client.post(address, {"ids": '["a"]', "action": str(uuid4())}).status_code == 403
    assert statuses()["a"] == "queued"


def test_an_unknown_verb_is_not_here(operator: Client, five: list[str]) -> None:
    assert confirm(operator, "explode", five).status_code == 404
    assert carry_out(operator, "restart", five).status_code == 404
