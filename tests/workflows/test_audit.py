"""The audit list: every verb that somebody asks for is one row, written with it, and no row ever changes."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests import definitions, execution
from workflows import audit, bulk, operations, queues, schedules
from workflows.audit import Carrier, Origin, Wanted, asked_through
from workflows.errors import InvalidInput, TransitionRefused, WorkflowConflict, WorkflowNotFound
from workflows.models import AuditEntry, Workflow

pytestmark = pytest.mark.django_db
HERE = Origin(Carrier.API, "192.0.2.7", 12)


@pytest.fixture(autouse=True)
def asked() -> Iterator[None]:
    """What the tests do was asked for by somebody."""
    with asked_through(lambda: HERE):
        yield


def waiting(workflow_id: str) -> str:
    """A workflow that is queued."""
    return str(definitions.doubling.using(workflow_id=workflow_id, queue="nobody").start([1]).id)


def entries() -> list[tuple[Any, ...]]:
    """What the list says, oldest first."""
    return list(AuditEntry.objects.order_by("id").values_list("who", "action", "target_kind", "target", "done"))


def test_an_act_is_an_entry_with_who_what_why_and_from_where() -> None:
    operations.cancel(waiting("a"), by="ann", reason="wrong order")
    entry = AuditEntry.objects.get()
    assert entries() == [("ann", "cancel", "workflow", "a", True)]
    assert (entry.reason, entry.refusal, entry.made) == ("wrong order", "", "")
    assert (entry.carrier, entry.address, entry.account) == ("api", "192.0.2.7", 12)
    assert abs(timezone.now() - entry.at) < timedelta(hours=1)


def test_an_act_that_is_rolled_back_leaves_no_entry() -> None:
    waiting("a")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        operations.cancel("a", by="ann")
        raise ZeroDivisionError
    assert (entries(), Workflow.objects.get(id="a").status) == ([], "queued")


def test_an_entry_that_cannot_be_written_undoes_the_act() -> None:
    waiting("a")
    with (
        asked_through(lambda: Origin(Carrier.PAGE, "9" * 46)),  # longer than any address
        pytest.raises(Exception, match="too long"),
        transaction.atomic(),
    ):
        operations.cancel("a", by="ann")
    assert (entries(), Workflow.objects.get(id="a").status) == ([], "queued")


def test_a_refusal_is_an_entry_that_says_why() -> None:
    execution.work_off(definitions.doubling.using(workflow_id="ended").start([1]))
    with pytest.raises(TransitionRefused) as refused:
        operations.cancel("ended", by="ann")
    with pytest.raises(WorkflowNotFound):
        operations.delete("nowhere", by="ann")
    assert entries() == [("ann", "cancel", "workflow", "ended", False), ("ann", "delete", "workflow", "nowhere", False)]
    assert AuditEntry.objects.get(action="cancel").refusal == str(refused.value)


def test_what_nobody_is_named_for_or_nobody_asked_for_is_no_entry() -> None:
    operations.cancel(waiting("a"))
    with asked_through(None):
        operations.cancel(waiting("b"), by="ann")
    assert entries() == []


def test_a_verb_within_a_verb_is_part_of_it() -> None:
    schedules.create("nightly", "doubling", kwargs={"numbers": []}, cron="0 3 * * *")
    started = schedules.trigger("nightly", by="ann")
    assert entries() == [("ann", "trigger", "schedule", "nightly", True)]
    assert AuditEntry.objects.get().made == started.id


def test_what_was_made_is_found_by_its_own_id_too() -> None:
    execution.work_off(definitions.doubling.using(workflow_id="a").start([1]))
    operations.fork("a", 1, new_id="b", by="ann")
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="c", by="ann")
    operations.cancel("b", by="bob")
    assert [entry.action for entry in Wanted(target="b").entries()] == ["cancel", "fork"]
    assert [entry.action for entry in Wanted(target="a").entries()] == ["fork"]
    assert [(entry.action, entry.target) for entry in Wanted(target="c").entries()] == [("start", "doubling")]


def test_details_say_what_was_asked_for_but_never_what_was_sent() -> None:
    operations.send(waiting("a"), "payment", {"card": "4111"}, by="ann")
    queues.set_limits("slow", concurrency=3, rate_limit=None, rate_period=None, by="ann")
    operations.pin("a", by="ann")
    operations.pin("a", False, by="ann")
    with pytest.raises(WorkflowConflict, match="5417"):
        operations.start("doubling", kwargs={"numbers": [5417]}, workflow_id="a", by="ann")
    assert AuditEntry.objects.get(done=False).refusal == "Workflow 'a' exists already, with other input."
    told = list(AuditEntry.objects.filter(done=True).order_by("id").values_list("action", "detail"))
    assert told == [("send", 'topic: "payment"'), ("limit", "concurrency: 3"), ("pin", ""), ("unpin", "")]


def test_many_at_once_are_an_entry_each() -> None:
    execution.work_off(definitions.doubling.using(workflow_id="ended").start([1]))
    list(bulk.apply("cancel", [waiting("a"), "ended", waiting("b")], by="ann", reason="stop"))
    assert [(target, done) for _, _, _, target, done in entries()] == [("a", True), ("ended", False), ("b", True)]


def test_a_bulk_action_is_told_as_of_who_began_it_whoever_carries_on() -> None:
    execution.work_off(definitions.doubling.using(workflow_id="ended").start([1]))
    number = uuid4()
    bulk.begin(number, "cancel", [waiting("a"), "ended", "unseen"], by="ann", reason="stop", refused={"unseen": "no"})
    with asked_through(lambda: Origin(Carrier.COMMAND)):  # a process that does something else at the time
        bulk.carry_on(number)
        bulk.abort(number, by="bob")
    rows = AuditEntry.objects.order_by("id").values_list("who", "action", "target", "done", "carrier", "address")
    assert list(rows) == [
        ("ann", "cancel", "unseen", False, "api", "192.0.2.7"), ("ann", "cancel", "a", True, "api", "192.0.2.7"),
        ("ann", "cancel", "ended", False, "api", "192.0.2.7"), ("bob", "abort", str(number), True, "command", ""),
    ]  # fmt: skip
    with asked_through(None):
        bulk.begin(uuid4(), "cancel", [waiting("b")], by="code")
    bulk.carry_on_with_all()
    assert AuditEntry.objects.count() == 4


def verbs() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of the engine's doors that says who asked."""
    for module in (operations, queues, schedules, bulk):
        for name, verb in inspect.getmembers(module, inspect.isfunction):
            is_own = verb.__module__ == module.__name__ and not name.startswith("_")
            if is_own and "by" in inspect.signature(verb).parameters and verb not in (bulk.apply, bulk.begin):
                yield f"{module.__name__}.{name}", verb


def test_no_verb_is_forgotten() -> None:
    found = dict(verbs())
    assert len(found) >= 17
    forgotten = [name for name, verb in found.items() if not hasattr(verb, "__wrapped__")]
    assert forgotten == [], "decorate what somebody asks for by name with audit.audited"
    for name, verb in found.items():
        assert inspect.signature(verb).parameters["by"].kind is inspect.Parameter.KEYWORD_ONLY, name


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflows_auditentry SET who = 'nobody'",
        "UPDATE workflows_auditentry SET done = done",
        "DELETE FROM workflows_auditentry",
        "SET LOCAL telltale.audit_retention = 'on'; DELETE FROM workflows_auditentry",
    ],
)
def test_the_database_refuses_to_change_or_remove_an_entry(statement: str) -> None:
    operations.cancel(waiting("a"), by="ann")
    with pytest.raises(IntegrityError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)  # as the owner of the table, whom no right stops
    assert entries() == [("ann", "cancel", "workflow", "a", True)]


def entry(at: Any, **given: Any) -> AuditEntry:
    """One that says so."""
    said = {"who": "ann", "action": "cancel", "target_kind": "workflow", "target": "a", "carrier": "page", "done": True}
    return AuditEntry.objects.create(at=at, **{**said, **given})


def test_what_is_old_is_forgotten_by_the_command_only_and_that_is_an_entry() -> None:
    now = timezone.now()
    for days in (400, 300, 31, 1):
        entry(now - timedelta(days=days), target=f"{days} days")
    with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
        AuditEntry.objects.filter(target="400 days").delete()
    with pytest.raises(InvalidInput, match="30 days"):
        audit.forget(timedelta(days=29), by="ann")
    told = io.StringIO()
    call_command("workflow", "audit", "--forget-older-than", "100d", stdout=told)
    assert told.getvalue() == "Removed: 2 entries.\n"
    left = list(AuditEntry.objects.order_by("-id").values_list("action", "target", "carrier"))
    assert left[0] == ("forget", "entries", "command")
    assert [target for action, target, _ in left if action == "cancel"] == ["1 days", "31 days"]


def test_the_command_is_audited_and_shows_the_list() -> None:
    call_command("workflow", "cancel", waiting("a"), "--reason", "by hand", stdout=io.StringIO())
    with pytest.raises(CommandError):
        call_command("workflow", "resume", "nowhere", stdout=io.StringIO())
    told = io.StringIO()
    call_command("workflow", "audit", "--target", "a", "--json", stdout=told)
    (document,) = json.loads(told.getvalue())["entries"]
    assert document["who"].endswith("(shell)")
    assert (document["action"], document["result"], document["carrier"]) == ("cancel", "done", "command")
    told = io.StringIO()
    call_command("workflow", "audit", "--refused", stdout=told)
    assert "refused resume workflow nowhere" in told.getvalue()
    assert "why not: " in told.getvalue()


@pytest.mark.parametrize("text", ["\x00", "\ud800", "=1+1", "<script>alert(1)</script>", "x" * 100_000])
def test_any_text_is_kept_as_far_as_it_can_be(text: str) -> None:
    with audit.act("share", "view", text, by=text, reason=text, detail=text):
        pass
    audit.refused("share", "view", text, by=text, why=text)
    assert AuditEntry.objects.count() == 2


def test_pages_lead_through_all_entries_in_both_directions_and_past_equal_times() -> None:
    now = timezone.now()
    made = [entry(now - timedelta(minutes=n // 3), target=str(n)).id for n in range(10)]
    page, seen, back = audit.page(Wanted(), limit=4), [], []
    seen += [row.id for row in page.rows]
    while page.older is not None:
        page = audit.page(Wanted(), before=page.older, limit=4)
        seen += [row.id for row in page.rows]
    assert sorted(seen) == made
    assert seen == [row.id for row in Wanted().entries()]
    while page.newer is not None:
        page = audit.page(Wanted(), after=page.newer, limit=4)
        back = [row.id for row in page.rows] + back
    assert back == seen[: len(back)]
    assert len(back) == 8


def test_the_list_is_narrowed_by_who_action_target_result_and_time() -> None:
    now = timezone.now()
    entry(now, who="ann")
    entry(now, who="bob", action="resume", done=False)
    entry(now - timedelta(days=2), who="bob", target="b")
    found = {
        "who": Wanted(who="bob"), "action": Wanted(action="resume"), "target": Wanted(target="b"),
        "done": Wanted(done=False), "since": Wanted(since=now - timedelta(days=1)),
        "until": Wanted(until=now - timedelta(days=1)), "both": Wanted(who="bob", done=True),
    }  # fmt: skip
    assert {name: wanted.entries().count() for name, wanted in found.items()} == {
        "who": 2, "action": 1, "target": 1, "done": 1, "since": 2, "until": 1, "both": 1,
    }  # fmt: skip
    assert audit.actions() == ["cancel", "resume"]
