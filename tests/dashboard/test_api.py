"""The API, resource by resource, as a program uses it: real rows, the real engine, the whole chain of middleware."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.test import Client

from dashboard.api.interface import document
from tests.api_client import Program
from tests.definitions import doubling, listening, publishing
from tests.execution import run, work_off
from tests.people import People, create_people
from tests.wait import until
from workflows import operations, queues, schedules
from workflows.listener import listener
from workflows.models import AuditEntry, BulkAction, Event, Message, Queue, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folk() -> People:
    """Committed, for the threads that wait."""
    return create_people()


@pytest.fixture
def program(folk: People) -> Program:
    """Of the operator, with every scope."""
    return Program(folk.operator)


def test_a_start_is_answered_alike_however_often_it_is_asked_for(program: Program) -> None:
    order = {"definition": "doubling", "kwargs": {"numbers": [1, 2]}}
    first = program.post("/workflows", order, **{"idempotency-key": "order-42"})
    again = program.post("/workflows", {**order, "id": "order-42"})
    assert (first.status, first.content["id"], first.content["status"]) == (201, "order-42", "queued")
    assert (again.status, again.content) == (201, first.content)
    assert first.headers["Location"] == "/api/v1/workflows/order-42"
    assert Workflow.objects.get().created_by == "operator"
    other = program.post("/workflows", {**order, "id": "order-42", "kwargs": {"numbers": [3]}})
    assert (other.status, other.kind) == (409, "workflow-conflict")
    assert "numbers" not in json.dumps(other.content), "what the other one was started with is nobody's business"


def test_a_workflow_tells_its_input_output_values_and_history(program: Program) -> None:
    run(doubling.using(workflow_id="a/b").start([1, 2]))
    found = program.get("/workflows/a~2Fb").content
    assert (found["status"], found["input"], found["output"]) == ("succeeded", {"args": [[1, 2]], "kwargs": {}}, [2, 4])
    values = program.get("/workflows/a~2Fb/values").content["values"]
    assert (values["phase"]["value"], sorted(values)) == ("end", ["phase", "progress"])
    history = program.get("/workflows/a~2Fb/history").content
    told = [(event["seq"], event["kind"]) for event in history["events"]]
    assert told == list(Event.objects.order_by("seq").values_list("seq", "kind"))
    assert (history["seq"], history["head"], history["reset"]) == (len(told), len(told), None)
    rest = program.get(f"/workflows/a~2Fb/history?after={len(told) - 2}&epoch={history['epoch']}").content
    assert [event["seq"] for event in rest["events"]] == [len(told) - 1, len(told)]


def test_a_cursor_of_another_history_begins_anew_and_says_why(program: Program) -> None:
    run(publishing.using(workflow_id="w").start(["one"]))
    other = program.get("/workflows/w/history?after=2&epoch=another").content
    ahead = program.get("/workflows/w/history?after=99").content
    assert [(each["reset"], each["events"][0]["seq"]) for each in (other, ahead)] == [("epoch", 1), ("ahead", 1)]


def test_who_waits_is_answered_when_it_moves_and_holds_no_thread_of_the_request(program: Program) -> None:
    handle = listening.using(workflow_id="w").start("go")
    answers: dict[str, Any] = {}

    def wait(name: str, path: str) -> threading.Thread:
        thread = threading.Thread(target=lambda: answers.update({name: program.get(path).content}))
        thread.start()
        return thread

    waiting = [wait("history", "/workflows/w/history?after=1&wait=30"), wait("value", "/workflows/w/values/k?wait=30")]
    until(lambda: len(listener()._watches.get("w", ())) == 2, what="both are waiting")
    operations.send("w", "go", "now")
    work_off(handle)
    for thread in waiting:
        thread.join()
    assert answers["history"]["events"][0]["seq"] == 2
    assert answers["value"] == {
        "key": "k", "found": False, "value": None, "seq": None, "at": None, "status": "succeeded",
    }  # fmt: skip
    assert program.get("/workflows/w/values/k").content["found"] is False


def test_a_list_is_filtered_as_in_the_console_and_leads_through_all_pages(program: Program) -> None:
    for number in range(5):
        run(publishing.using(workflow_id=f"w-{number}").start([number]))
    doubling.using(workflow_id="other").start([1])
    seen: list[str] = []
    cursor = ""
    while True:
        page = program.get(f"/workflows?definition=publi*&limit=2&values=key&cursor={cursor}").content
        seen += [row["id"] for row in page["items"]]
        assert [row["values"] for row in page["items"]] == [{"key": int(row["id"][2:])} for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"w-{number}" for number in (4, 3, 2, 1, 0)]
    assert [row["id"] for row in program.get("/workflows?status=queued").content["items"]] == ["other"]
    typed = program.get("/workflows?q=name:publishing+event.key:>2").content
    assert ([row["id"] for row in typed["items"]], typed["looked_at"]) == (["w-4", "w-3"], 5)
    assert [row["id"] for row in program.get("/workflows?where=event.key:1").content["items"]] == ["w-1"]


def test_every_verb_leaves_its_event_under_the_name_of_the_tokens_owner(program: Program) -> None:
    handle = listening.using(workflow_id="w").start("go")
    sent = [
        program.post("/workflows/w/messages", {"topic": "go", "message": 1}, **{"idempotency-key": "k"}) for _ in "12"
    ]
    assert [each.status for each in sent] == [201, 201]
    assert Message.objects.count() == 1
    assert program.post("/workflows/w/cancellation", {"reason": "enough"}).content["status"] == "cancelled"
    assert program.post("/workflows/w/cancellation").kind == "transition-refused"
    assert program.post("/workflows/w/resumption").content["status"] == "queued"
    work_off(handle)
    fork = program.post("/workflows/w/forks", {"position": 1, "id": "fork"})
    anew = program.post("/workflows/w/restarts", {"args": ["stop"], "id": "anew"})
    assert [(each.status, each.headers["Location"]) for each in (fork, anew)] == [
        (201, "/api/v1/workflows/fork"), (201, "/api/v1/workflows/anew"),
    ]  # fmt: skip
    assert program.get("/workflows/anew").content["input"]["args"] == ["stop"]
    told = Event.objects.filter(workflow_id="w", kind__in=["message_sent", "cancelled", "resumed", "fork_started"])
    assert {event.data["by"] for event in told} == {"operator"}
    assert told.get(kind="cancelled").data["reason"] == "enough"
    audited = AuditEntry.objects.filter(carrier="api", who="operator", target="w", address="127.0.0.1")
    assert set(audited.values_list("action", "done", "reason")) == {
        ("send", True, ""), ("cancel", True, "enough"), ("cancel", False, ""), ("resume", True, ""), ("fork", True, ""),
        ("restart", True, ""),
    }  # fmt: skip


def test_many_are_previewed_and_then_exactly_these_are_asked_for(program: Program) -> None:
    for number in range(3):
        listening.using(workflow_id=f"w-{number}").start("go")
    run(publishing.using(workflow_id="done").start([1]))
    preview = program.post("/bulk/cancel/preview", {"filter": {}}).content
    assert (preview["selected"], sorted(preview["ids"]), preview["more"]) == (4, ["w-0", "w-1", "w-2"], False)
    assert preview["skipped"][0]["count"] == 1
    listening.using(workflow_id="later").start("go")
    action = {"idempotency-key": "3e0e4bbb-25e2-4f0c-8b5a-0a86a4f5f4b1"}
    begun = program.post("/bulk/cancel", {"ids": [*preview["ids"], "never"], "reason": "drill"}, **action)
    report = program.get(begun.headers["Location"].removeprefix("/api/v1")).content
    assert (begun.status, report["state"], report["done"], report["refused"]) == (201, "finished", 3, 1)
    assert sorted((each["id"], each["outcome"]) for each in report["outcomes"]) == [
        ("never", "refused"), ("w-0", "done"), ("w-1", "done"), ("w-2", "done"),
    ]  # fmt: skip
    again = program.post("/bulk/cancel", {"ids": [*preview["ids"], "never"], "reason": "drill"}, **action)
    assert (again.content, BulkAction.objects.count()) == (report, 1)
    assert program.ask("DELETE", f"/bulk/actions/{report['id']}").content["state"] == "finished"
    assert Workflow.objects.get(id="later").status == "queued"
    assert program.post("/bulk/delete", {"ids": ["w-0"]}).kind == "invalid-request", "a deletion needs a reason"


def test_queues_are_limited_and_paused(program: Program) -> None:
    assert program.ask("PATCH", "/queues/mail", {"concurrency": 3}).content["limits"]["concurrency"] == 3
    assert program.ask("PUT", "/queues/mail/pause").content["paused"] is True
    assert program.ask("DELETE", "/queues/mail/pause").content["paused"] is False
    assert program.ask("PATCH", "/queues/mail", {"concurrency": None}).content["limits"]["concurrency"] is None
    assert Queue.objects.get().changed_by == "operator"
    assert program.ask("PATCH", "/queues/mail", {"rate_limit": 3}).kind == "invalid-request"
    assert "mail" in {queue["name"] for queue in program.get("/queues").content["items"]}


def test_schedules_are_paused_triggered_and_backfilled(program: Program) -> None:
    schedules.create("hourly", "doubling", kwargs={"numbers": []}, cron="0 * * * *")
    assert program.ask("PUT", "/schedules/hourly/pause").content["paused"] is True
    assert program.ask("DELETE", "/schedules/hourly/pause").content["paused"] is False
    assert program.post("/schedules/hourly/triggers").status == 201
    day = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T02:00:00Z"}
    assert len(program.post("/schedules/hourly/backfills", day).content["started"]) == 3
    assert program.post("/schedules/hourly/backfills", day).content == {"started": [], "existing": 3}
    shown = program.get("/schedules").content["items"][0]
    assert (shown["name"], len(shown["latest"]), len(shown["next"])) == ("hourly", 4, 3)
    assert program.ask("PUT", "/schedules/never/pause").kind == "not-found"


def test_definitions_say_what_they_take(program: Program) -> None:
    known = {each["name"]: each for each in program.get("/definitions").content["items"]}
    assert known["following"]["parameters"][2] == {
        "name": "timeout", "kind": "positional_or_keyword", "required": False, "annotation": "float",
    }  # fmt: skip


def test_the_document_names_every_operation_once_and_is_served(program: Program) -> None:
    served = program.get("/openapi.json").content
    assert served == json.loads(document())
    named = [each["operationId"] for methods in served["paths"].values() for each in methods.values()]
    assert len(named) == len(set(named)) >= 25


def test_a_session_reads_freely_and_acts_only_with_its_csrf_token(folk: People) -> None:
    queues.pause("mail", by="somebody")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(folk.operator)
    assert browser.get("/api/v1/queues/mail").json()["paused"] is True
    assert browser.get("/api/v1/queues/mail/history").json()["type"].endswith("not-found")
    refused = browser.delete("/api/v1/queues/mail/pause")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem-type:telltale:csrf")
    browser.get("/tokens/")
    token = browser.cookies["csrftoken"].value
    assert browser.delete("/api/v1/queues/mail/pause", headers={"x-csrftoken": token}).json()["paused"] is False
