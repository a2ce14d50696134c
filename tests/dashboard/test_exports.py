"""Files to take along: lists as CSV and JSON Lines however long they are, and one workflow that can be folded again."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from dashboard import exports
from dashboard.views import exporting
from tests.definitions import doubling, listening, retrying
from tests.execution import run, work_off
from tests.people import People
from workflows import exports as documents
from workflows import operations, registry
from workflows.durable import receive, set_event, step, workflow
from workflows.errors import InvalidExport
from workflows.fold import fold
from workflows.models import Event, Workflow

ROOT = Path(__file__).parents[2]
FORMULAS = ["=1+1", "+1", "-2+3", "@SUM(A1)", "＝1", '=HYPERLINK("http://evil.example")', "\t=1", "\r=1"]


def content(response: Any) -> bytes:
    """What is sent of it."""
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def rows(response: Any) -> list[list[str]]:
    """The rows of a CSV."""
    return list(csv.reader(io.StringIO(content(response).decode(), newline="")))


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula_and_json_lines_have_it_as_it_is(cell: str) -> None:
    kept = {"a": cell, "b": {"k": cell}, "c": -1, "d": None, "e": 'quote"and,comma\r\n'}
    made = exports.csv_head([*kept]) + exports.csv_lines([*kept], [kept])
    as_json = json.dumps({"k": cell}, ensure_ascii=False)
    assert list(csv.reader(io.StringIO(made, newline=""))) == [[*kept], [f"'{cell}", as_json, "-1", "", kept["e"]]]
    assert made.startswith("a,b,c,d,e\r\n")
    assert json.loads(exports.json_lines([kept])) == kept


def test_a_file_is_made_while_it_is_sent(rf: RequestFactory) -> None:
    drawn = 0

    def many() -> Iterator[list[dict[str, int]]]:
        nonlocal drawn
        for drawn in range(1, 1_001):
            yield [{"number": drawn}]

    pieces: Any = exports.streamed(rf.get("/"), "many", "csv", ["number"], many()).streaming_content
    assert [next(pieces), next(pieces)] == [b"number\r\n", b"1\r\n"]
    assert drawn == 1


@pytest.mark.parametrize("ending", exports.KINDS)
def test_a_file_that_took_too_long_ends_with_a_line_that_says_so(
    ending: str, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SECONDS", -1.0)
    parts = ([{"number": number}] for number in range(7, 10))
    lines = content(exports.streamed(rf.get("/"), "many", ending, ["number"], parts)).decode().splitlines()
    assert "7" in lines[-2]
    assert "cut after" in lines[-1]


@pytest.mark.django_db
def test_the_list_is_exported_as_it_is_filtered_with_its_columns_and_what_may_be_read(
    people: People, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_AT_ONCE", 2)
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))

    def body() -> None:
        set_event("email", "ada@example.com")
        set_event("total", 12)

    declaring = workflow(name="declaring", keys={"email": "admin"})(body)
    for number in range(5):
        run(declaring.using(workflow_id=f"=order-{number}").start())
    listening.using(workflow_id="other").start("t")
    people.viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_workflow", "view_values"]))
    client.force_login(people.viewer)
    asked = {"definition": "declaring", "columns": "name,event.total,event.email"}
    head, *found = rows(client.get("/workflows/export.csv", asked))
    assert [row[0] for row in found] == [f"'=order-{number}" for number in (4, 3, 2, 1, 0)]
    assert [(row[head.index("event.total")], row[head.index("event.email")]) for row in found] == [
        ("12", "(hidden)")
    ] * 5
    told = [
        json.loads(line)
        for line in content(client.get("/workflows/export.jsonl", {"where": "event.total:12"})).splitlines()
    ]
    assert [(one["id"], one["event.total"]) for one in told] == [(f"=order-{number}", 12) for number in (4, 3, 2, 1, 0)]
    assert client.get("/workflows/export.csv", {"q": "status:odd"}).status_code == 400
    assert client.get("/workflows/export.exe").status_code == 404


@pytest.mark.django_db
def test_lists_of_the_admin_are_exported_whole_in_their_order_and_as_far_as_they_may_be_read(
    people: People, client: Client
) -> None:
    for number in range(3):
        run(doubling.using(workflow_id=f"w-{number}").start([number]))
    client.force_login(people.operator)
    head, *found = rows(client.get("/admin/workflows/event/export.csv", {"q": "w-1"}))
    assert [int(row[head.index("seq")]) for row in found] == list(range(len(found), 0, -1))
    assert json.loads(found[-1][head.index("data")])["definition"] == "doubling"
    every = [json.loads(line) for line in content(client.get("/admin/workflows/event/export.jsonl")).splitlines()]
    assert [one["id"] for one in every] == list(Event.objects.order_by("-id").values_list("pk", flat=True))
    chosen = {"action": "export_selected_json_lines", "_selected_action": ["w-0", "w-2"]}
    told = [json.loads(line) for line in content(client.post("/admin/workflows/workflow/", chosen)).splitlines()]
    assert {one["id"] for one in told} == {"w-0", "w-2"}
    assert client.get("/admin/workflows/event/export.exe").status_code == 404
    assert client.get("/admin/workflows/event/export.csv", {"since": "never"}).status_code == 400
    people.viewer.user_permissions.set(Permission.objects.filter(codename="view_workflow"))
    client.force_login(people.viewer)
    steps = [json.loads(line) for line in content(client.get("/admin/workflows/step/export.jsonl")).splitlines()]
    assert {one["output"] for one in steps} == {"(hidden)"}


@pytest.fixture
def varied(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of workflows whose histories differ: steps, values, messages, a failure, a child, another that goes on."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))

    @step
    def big() -> str:
        return "x" * 300_000

    def body() -> None:
        set_event("email", {"to": "ada@example.com"})
        set_event("card", "4111")
        set_event("exact", {"pi": 3.14159265358979, "many": 10**17, "text": "\u202e<script>\u2028"})
        receive("payment")
        big()
        doubling.using(workflow_id="child").start([1])

    declaring = workflow(name="declaring", keys={"email": "admin", "card": "never"})(body)
    handle = declaring.using(workflow_id="odd/id?<b>").start()
    operations.send(handle.id, "payment", {"cents": 990}, by="shop")
    failing = retrying.using(workflow_id="failing").start(10**9)
    work_off(handle, failing)
    listening.using(workflow_id="going-on").start("t")
    return [handle.id, "failing", "going-on", "child"]


def test_an_exported_workflow_is_folded_to_the_same_state_in_python_and_in_the_browsers_code(
    varied: list[str], people: People, client: Client, tmp_path: Path
) -> None:
    people.viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_workflow", "view_values"]))
    client.force_login(people.viewer)
    files = []
    for number, workflow_id in enumerate(varied):
        address = Workflow.objects.get(id=workflow_id).get_absolute_url() + "export.json"
        response = client.get(address)
        made = content(response)
        assert response["Content-Length"] == str(len(made))
        assert response["Content-Disposition"].startswith("attachment; filename=")
        told = documents.read(made.decode())
        assert fold(told["before"], told["events"]) == told["state"] == documents.state_at(told, told["state"]["seq"])
        assert documents.state_at(told, 1)["workflow"]["status"] == "queued"
        older = json.loads(made)
        for value in older["state"]["values"].values():
            del value["sets"]
        assert documents.read(json.dumps(older)) == told, "a document of before that was counted"
        files.append(tmp_path / f"{number}.json")
        files[-1].write_bytes(made)
        assert b"4111" not in made
        assert b"ada@example.com" not in made
    told = json.loads(files[0].read_text())
    assert told["messages"][0]["body"] == {"cents": 990}
    assert [len(one["output"]) for one in told["steps"] if one["name"] == "big"] == [300_000]
    assert told["children"] == ["child"]
    assert told["state"]["values"]["exact"]["value"]["many"] == 10**17
    if shutil.which("node") is None:
        pytest.skip("NO NODE: the fold of Python was compared, the browser's was not")
    subprocess.run(["node", "tests/js/fold_export.js", *map(str, files)], cwd=ROOT, check=True)


def test_a_shell_exports_a_workflow_and_looks_into_the_file(varied: list[str], tmp_path: Path) -> None:
    file, out = tmp_path / "order.json", io.StringIO()
    call_command("workflow", "export", varied[0], to=file, stdout=out)
    assert "events" in out.getvalue()
    assert "ada@example.com" in file.read_text()
    assert '"4111"' not in file.read_text()
    with pytest.raises(CommandError, match="File exists"):
        call_command("workflow", "export", varied[0], to=file)
    call_command("workflow", "export", varied[0], reader="staff", stdout=(staff := io.StringIO()))
    assert "ada@example.com" not in staff.getvalue()
    call_command("workflow", "replay", str(file), "--seq", "3", stdout=(shown := io.StringIO()))
    assert "running" in shown.getvalue()
    assert "After event 3 of" in shown.getvalue()
    call_command("workflow", "replay", str(file), "--json", stdout=(as_json := io.StringIO()))
    assert json.loads(as_json.getvalue()) == json.loads(file.read_text())["state"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("nonsense", "no JSON"), ("[" * 100_000, "no JSON"), ("[]", "format"), ('{"format": "other"}', "format"),
        ('{"format": "telltale.workflow/1"}', "lacks"), ('{"format": "telltale.workflow/1", "events": [7]}', "lacks"),
        ('{"format": "telltale.workflow/1", "events": [[2]], "state": {"seq": 1}}', "cut or changed"),
        ('{"format": "telltale.workflow/1", "events": [], "state": {"seq": 0, "values": [7]}}', "values are not"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_export_is_refused_with_the_cause(text: str, cause: str) -> None:
    with pytest.raises(InvalidExport, match=cause):
        documents.read(text)


def test_events_that_cannot_be_folded_and_a_seq_beyond_them_are_refused() -> None:
    told = {"workflow": {"id": "w"}, "events": [[1, "", "step_failed", 1, None, {}]]}
    with pytest.raises(InvalidExport, match="cannot be folded"):
        documents.state_at(told, 1)
    with pytest.raises(InvalidExport, match="none of seq 2"):
        documents.state_at(told, 2)
