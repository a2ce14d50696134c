"""One verb for many workflows through the pages: what is confirmed, what is done, and who may."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client

from dashboard.presenters.bulk import BULK_VERBS, MOST
from dashboard.views import bulk as bulk_views
from tests import definitions
from tests.people import People
from workflows import bulk, operations
from workflows.bulk import Outcome
from workflows.models import Deletion, Workflow
from workflows.options import Options

__all__ = ["definitions"]  # known to the registry
pytestmark = pytest.mark.django_db
NONCE = "once"


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
    given = {"ids": ids if isinstance(ids, str) else json.dumps(ids), "nonce": NONCE, **data}
    return client.post(f"/bulk/{verb}", given)


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
    ids, nonce = response.context["ids"], response.context["nonce"]
    response = operator.post("/bulk/cancel", {"ids": ids, "nonce": nonce, "reason": "wrong"})
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
    report = response.context["report"]
    assert [outcome.workflow_id for outcome in report.done] == ["a"]
    refused = {outcome.workflow_id: outcome.detail for outcome in report.refused}
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
    assert len(response.context["report"].done) == 1


def test_the_children_are_cancelled_only_if_that_is_wanted(operator: Client, five: list[str]) -> None:
    operations.start(
        "doubling", kwargs={"numbers": []}, workflow_id="child", parent="a", options=Options(queue="nobody")
    )
    operations.start(
        "doubling", kwargs={"numbers": []}, workflow_id="other", parent="b", options=Options(queue="nobody")
    )
    carry_out(operator, "cancel", ["a"])
    carry_out(operator, "cancel", ["b"], nonce="another", tree="on")
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


def test_a_result_that_is_loaded_again_does_nothing_again(operator: Client, five: list[str]) -> None:
    carry_out(operator, "resume", ["d"])
    operations.cancel("d")
    again = carry_out(operator, "resume", ["d"])
    assert again.status_code == 409
    assert "Carried out already" in text(again)
    assert statuses()["d"] == "cancelled"


def test_what_takes_too_long_is_left_and_can_be_gone_on_with(
    operator: Client, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_views, "SECONDS", 0)
    response = carry_out(operator, "cancel", ["a", "b", "c"])
    report = response.context["report"]
    assert ([each.workflow_id for each in report.done], report.left) == (["a"], ["b", "c"])
    assert "2 were not asked for: it took too long." in text(response)
    assert confirm(operator, "cancel", response.context["left_ids"]).context["plan"].ids == ["b", "c"]


def test_a_database_that_goes_away_in_the_middle_leaves_the_rest_and_says_so(
    operator: Client, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(*_: Any, **__: Any) -> Iterator[Outcome]:
        yield Outcome("a", True, "")
        raise OperationalError("the connection is lost\nmore")

    monkeypatch.setattr(bulk, "apply", breaking)
    response = carry_out(operator, "cancel", ["a", "b"])
    assert "The database did not answer: the connection is lost" in text(response)
    assert response.context["report"].left == ["b"]


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


def files(operator: Client, lines: Any, ending: str = "csv", verb: str = "cancel") -> HttpResponse:
    return operator.post(
        f"/bulk/{verb}/results.{ending}", {"lines": lines if isinstance(lines, str) else json.dumps(lines)}
    )


def test_the_result_can_be_kept_as_csv_and_as_json_lines(operator: Client, five: list[str]) -> None:
    response = carry_out(operator, "cancel", ["a", "d", "no-such"])
    told = files(operator, response.context["lines"])
    assert re.fullmatch(r'attachment; filename="cancel-[-0-9]+\.csv"', told["Content-Disposition"])
    assert told["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(told.content.decode())))
    assert [row[:3] for row in rows] == [
        ["workflow", "verb", "outcome"], ["no-such", "cancel", "refused"], ["a", "cancel", "done"],
        ["d", "cancel", "refused"],
    ]  # fmt: skip
    kept = [json.loads(line) for line in files(operator, response.context["lines"], "jsonl").content.splitlines()]
    assert [each["outcome"] for each in kept] == ["refused", "done", "refused"]
    assert "it is cancelled" in kept[2]["detail"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-2+3", "@SUM(A1)", "＝1", '=HYPERLINK("http://evil.example")'])
def test_no_cell_of_the_csv_is_a_formula(operator: Client, name: str) -> None:
    lines = [[name, "done", ""], ["a", "refused", name], ['quote"and,comma', "left", "two\nlines"]]
    rows = list(csv.reader(io.StringIO(files(operator, lines).content.decode())))
    assert (rows[1][0], rows[2][3]) == (f"'{name}", f"'{name}")
    assert rows[3] == ['quote"and,comma', "cancel", "left", "two\nlines"]
    assert json.loads(files(operator, lines, "jsonl").content.splitlines()[0])["workflow"] == name


NO_RESULT = ["", "[1]", "{}", '[["a"]]', '[["a", "maybe", ""]]', '[["\\ud800", "done", ""]]', '[["a", "done", 1]]']


def test_what_is_no_result_is_no_file(operator: Client, people: People) -> None:
    for lines in [*NO_RESULT, json.dumps([["a", "done", ""]] * (MOST + 1))]:
        assert files(operator, lines).status_code == 404, lines[:40]
    assert files(operator, [], "exe").status_code == 404
    assert files(operator, [], verb="explode").status_code == 404
    viewer = Client()
    viewer.force_login(people.viewer)
    assert files(viewer, []).status_code == 403


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
        assert client.post(address, {"ids": '["a"]', "nonce": NONCE}).status_code == 403
    assert statuses()["a"] == "queued"


def test_an_unknown_verb_is_not_here(operator: Client, five: list[str]) -> None:
    assert confirm(operator, "explode", five).status_code == 404
    assert carry_out(operator, "restart", five).status_code == 404
