"""What retention removes, what it never does, and that it may be interrupted anywhere."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from tests.definitions import SWITCH, doubling, following, refuse, switching
from tests.execution import assert_history_is_whole, claim, run
from workflows import operations, registry, retention, sql
from workflows.durable import Status, WorkflowHandle, WorkflowNotFound, send
from workflows.errors import InvalidInput
from workflows.models import Deletion, Event, Message, Step, Value, Wait, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def ended(*, days: float = 0.0, fails: bool = False, parent: WorkflowHandle[Any] | None = None) -> WorkflowHandle[Any]:
    """A workflow that ended so long ago."""
    SWITCH["body"] = refuse
    handle: WorkflowHandle[Any] = switching.start() if fails else doubling.start([1])
    run(handle)
    moment = timezone.now() - timedelta(days=days)
    Workflow.objects.filter(id=handle.id).update(status_at=moment, created_at=moment, parent=parent and parent.id)
    return handle


def assert_nothing_is_missing(handle: WorkflowHandle[Any]) -> None:
    """Its history has no gap, and its step and values are there."""
    seqs = list(Event.objects.filter(workflow_id=handle.id).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, Workflow.objects.get(id=handle.id).last_seq + 1))
    assert Step.objects.filter(workflow_id=handle.id).count() == 1
    assert Value.objects.filter(workflow_id=handle.id).count() == 2


def left() -> set[str]:
    """The ids of the workflows that are still there."""
    return set(Workflow.objects.values_list("id", flat=True))


def test_what_ended_longer_ago_goes_with_all_that_belongs_to_it() -> None:
    old, young = ended(days=31), ended(days=29)
    active = doubling.start([1])
    send(active.id, "news", 1)
    Workflow.objects.filter(id=active.id).update(status_at=timezone.now() - 365 * DAY)
    assert retention.prunable(older_than=30 * DAY) == {"succeeded": 1}
    assert retention.prune(older_than=30 * DAY) == {"succeeded": 1}
    assert left() == {young.id, active.id}
    for table in (Event, Step, Value):
        assert not table.objects.filter(workflow_id=old.id).exists()
    assert Message.objects.count() == 1
    assert not Deletion.objects.exists()
    assert_nothing_is_missing(young)
    with pytest.raises(WorkflowNotFound):
        old.status()


def test_the_newest_of_each_status_stay() -> None:
    good = [ended(days=days) for days in (4, 3, 2, 1)]
    bad = [ended(days=days, fails=True) for days in (9, 8)]
    assert retention.prunable(keep=2) == {"succeeded": 2}
    assert retention.prune(keep=2) == {"succeeded": 2}
    assert left() == {handle.id for handle in [*good[2:], *bad]}
    assert retention.prune(keep=0, statuses=["failed"]) == {"failed": 2}
    assert retention.prune(keep=0, definition="switching") == {}
    assert retention.prune(keep=1, definition="doubling") == {"succeeded": 1}
    assert left() == {good[3].id}


def test_with_both_rules_either_suffices_and_nothing_is_counted_twice() -> None:
    handles = [ended(days=days) for days in (40, 35, 3, 2, 1)]
    assert retention.prunable(older_than=30 * DAY, keep=2) == {"succeeded": 3}
    assert retention.prune(older_than=30 * DAY, keep=2) == {"succeeded": 3}
    assert left() == {handle.id for handle in handles[3:]}


def test_a_pinned_workflow_stays_until_it_is_unpinned() -> None:
    handle = ended(days=40)
    operations.pin(handle.id)
    Workflow.objects.update(status_at=timezone.now() - 40 * DAY)
    assert retention.prune(older_than=DAY, keep=0) == {}
    operations.pin(handle.id, False)
    assert retention.prune(older_than=DAY) == {"succeeded": 1}


def test_a_child_stays_while_its_parent_is_active() -> None:
    parent = doubling.start([1])
    child = ended(days=40, parent=parent)
    assert retention.prune(older_than=DAY) == {}
    operations.cancel(parent.id)
    assert retention.prune(older_than=DAY) == {"succeeded": 1}
    assert left() == {parent.id}
    assert child.id not in left()


def test_what_an_active_workflow_waits_for_stays() -> None:
    target, waiter = ended(days=40), following.start("x", "key")
    Wait.objects.create(workflow_id=waiter.id, target_id=target.id, key="key")
    assert retention.prune(older_than=DAY) == {}
    operations.cancel(waiter.id)
    assert retention.prune(older_than=DAY) == {"succeeded": 1}
    assert left() == {waiter.id}


def test_children_and_forks_of_what_goes_stay_as_orphans() -> None:
    parent = ended(days=40)
    child, fork = ended(days=1, parent=parent), doubling.start([2])
    Workflow.objects.filter(id=fork.id).update(forked_from=parent.id)
    assert retention.prune(older_than=30 * DAY) == {"succeeded": 1}
    assert left() == {child.id, fork.id}
    assert Workflow.objects.get(id=child.id).parent_id is None
    assert Workflow.objects.get(id=fork.id).forked_from_id is None


def test_every_batch_is_a_commit_and_what_is_not_yet_removed_is_whole() -> None:
    handles = [ended(days=40 - number) for number in range(5)]
    steps = retention.batches(older_than=DAY, batch=2)
    assert next(steps) == {"succeeded": 2}
    steps.close()  # as Ctrl-C does
    with sql.dedicated_connection() as other:
        seen = {row[0] for row in other.execute("SELECT id FROM workflows_workflow")}
    assert seen == {handle.id for handle in handles[2:]}
    for handle in handles[2:]:
        assert_nothing_is_missing(handle)
    assert retention.prune(older_than=DAY, batch=2, pause=0.01) == {"succeeded": 3}


def test_many_that_ended_at_the_same_moment_are_all_removed() -> None:
    for number in range(7):
        ended(days=number)
    moment = timezone.now() - 40 * DAY
    Workflow.objects.update(status_at=moment, created_at=moment)
    assert retention.prune(older_than=DAY, batch=2) == {"succeeded": 7}


def test_a_workflow_that_is_resumed_just_now_is_left_alone() -> None:
    handle = ended(days=40, fails=True)
    with sql.dedicated_connection() as other, other.transaction():
        other.execute("SELECT 1 FROM workflows_workflow WHERE id = %s FOR UPDATE", [handle.id])
        assert retention.prune(older_than=DAY) == {}
    operations.resume(handle.id)
    Workflow.objects.update(status_at=timezone.now() - 40 * DAY)
    assert retention.prune(older_than=DAY) == {}
    assert handle.status() is Status.QUEUED


@pytest.mark.parametrize(
    "rules",
    [{}, {"older_than": -DAY}, {"keep": -1}, {"keep": True}, {"keep": 1, "statuses": ["queued"]},
     {"keep": 1, "statuses": []}, {"keep": 1, "batch": 0}],
)  # fmt: skip
def test_rules_that_say_nothing_or_too_much_are_refused(rules: dict[str, Any]) -> None:
    handle = ended(days=1)
    with pytest.raises(InvalidInput):
        retention.prune(**rules)
    assert left() == {handle.id}


@pytest.mark.usefixtures("swept")
def test_the_rows_of_a_batch_are_found_by_index() -> None:
    now = timezone.now()
    Workflow.objects.bulk_create(
        Workflow(id=f"w-{number}", definition="doubling", status="succeeded", input={}, output=1, created_at=now,
                 available_at=now, status_at=now - timedelta(minutes=number), finished_at=now)
        for number in range(5_000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_workflow")
    for rule in retention._rules(timedelta(minutes=4_900), 10, ["succeeded"], None):
        place = {"last_at": retention._LONG_AGO, "last_id": "", "batch": 10}
        plan = "\n".join(row[0] for row in sql.fetch("EXPLAIN " + rule.batch, {**rule.parameters, **place}))
        assert "Seq Scan on workflows_workflow w" not in plan, plan


def test_a_schedule_can_start_retention_as_a_workflow_that_publishes_its_progress() -> None:
    ended(days=40)
    young = ended(days=1)
    handle: WorkflowHandle[Any] = WorkflowHandle(operations.start("telltale.prune", kwargs={"days": 30}).id)
    run(handle)
    assert handle.result() == {"succeeded": 1}
    assert handle.get_event("progress")["done"] == 1
    assert left() == {young.id, handle.id}
    assert_history_is_whole(handle.id)
    refused: WorkflowHandle[Any] = WorkflowHandle(operations.start("telltale.prune", kwargs={"days": None}).id)
    run(refused)
    assert refused.status() is Status.FAILED
    assert "telltale.prune" in registry.names()


def test_a_schedule_can_have_a_rule_for_one_status_or_definition_alone() -> None:
    _gone, pinned, failed, other = ended(days=40), ended(days=40), ended(days=40, fails=True), ended(days=40)
    operations.pin(pinned.id)
    Workflow.objects.filter(id=other.id).update(definition="another")
    rule = {"days": 7, "statuses": ["succeeded"], "definition": "doubling"}
    handle: WorkflowHandle[Any] = WorkflowHandle(operations.start("telltale.prune", kwargs=rule).id)
    run(handle)
    assert handle.result() == {"succeeded": 1}
    assert left() == {pinned.id, failed.id, other.id, handle.id}


def workflow(*words: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("workflow", *words, stdout=out)
    return out.getvalue()


def test_the_command_tells_first_and_then_removes() -> None:
    for days in (40, 39, 38, 1):
        ended(days=days)
    assert workflow("prune", "--older-than", "30d", "--dry-run").splitlines() == ["Would remove: 3 succeeded."]
    assert len(left()) == 4
    assert json.loads(workflow("prune", "--keep", "3", "--status", "failed", "--json")) == {"removed": {}}
    assert workflow("prune", "--older-than", "948h", "--batch", "1").splitlines() == ["Removed: 1 succeeded."]
    assert workflow("prune", "--older-than", "30d", "--keep", "1").splitlines() == ["Removed: 2 succeeded."]
    assert workflow("prune", "--keep", "1").splitlines() == ["Removed: nothing."]


@pytest.mark.parametrize("words", [[], ["--older-than", "soon"], ["--older-than=-1d"], ["--keep", "many"]])
def test_the_command_refuses_what_it_does_not_understand(words: list[str]) -> None:
    handle = ended(days=40)
    claim(doubling.start([1]))
    with pytest.raises(CommandError):
        workflow("prune", *words)
    assert handle.id in left()
