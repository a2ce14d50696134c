"""Queues as people set them, bulk verbs, and what is left of a deleted workflow."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.definitions import doubling, publishing, retrying
from tests.execution import assert_history_is_whole, run
from tests.people import create_people
from workflows import bulk, operations, queues
from workflows.durable import Status, TransitionRefused, WorkflowNotFound, retrieve
from workflows.errors import InvalidInput, PayloadError
from workflows.models import Deletion, Event, Queue, Step, Value, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_limits_are_changed_one_by_one_and_remember_by_whom() -> None:
    queues.set_limits("mail", concurrency=3, by="operator")
    queues.set_limits("mail", rate_limit=10, rate_period=60.0, by="admin")
    queue = Queue.objects.get(name="mail")
    assert (queue.concurrency, queue.rate_limit, queue.rate_period, queue.changed_by) == (3, 10, 60.0, "admin")
    queues.set_limits("mail", concurrency=None)
    assert Queue.objects.get(name="mail").concurrency is None
    assert queues.pause("mail").paused
    assert not queues.unpause("mail").paused
    assert queues.forget("mail")
    assert not queues.forget("mail")


@pytest.mark.parametrize(
    "limits",
    [
        {"concurrency": 0}, {"concurrency": -1}, {"concurrency": 1.5}, {"concurrency": True}, {"rate_limit": 5},
        {"rate_period": 1.0}, {"rate_limit": 5, "rate_period": 0}, {"rate_limit": 5, "rate_period": float("nan")},
        {"worker_concurrency": 10**9}, {"partition_concurrency": "3"},
    ],
)  # fmt: skip
def test_impossible_limits_are_refused_and_leave_nothing(limits: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"rate|concurrency"):
        queues.set_limits("mail", **limits)
    assert not Queue.objects.exists()


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 101, 7])
def test_impossible_queue_names_are_refused(name: Any) -> None:
    with pytest.raises((InvalidInput, PayloadError)):
        queues.pause(name)
    assert not Queue.objects.exists()


def test_a_deleted_workflow_leaves_who_when_and_why_and_nothing_else() -> None:
    parent, child = doubling.start([1, 2]), publishing.start([1])
    run(parent)
    Workflow.objects.filter(id=child.id).update(parent_id=parent.id, forked_from_id=parent.id)
    operations.delete(parent.id, by="admin", reason="by law")
    for model in (Event, Step, Value):
        assert not model.objects.filter(workflow_id=parent.id).exists()
    with pytest.raises(WorkflowNotFound):
        retrieve(parent.id)
    left = Deletion.objects.get()
    assert (left.workflow_id, left.definition, left.status) == (parent.id, "doubling", "succeeded")
    assert (left.deleted_by, left.reason) == ("admin", "by law")
    orphan = Workflow.objects.get(id=child.id)
    assert (orphan.parent_id, orphan.forked_from_id) == (None, None)
    assert_history_is_whole(child.id)


def test_an_unfinished_workflow_is_not_deleted() -> None:
    handle = doubling.start([1])
    with pytest.raises(TransitionRefused, match=r"cannot be deleted: it is queued\. Cancel it first"):
        operations.delete(handle.id)
    assert handle.status() is Status.QUEUED
    assert not Deletion.objects.exists()


def test_a_bulk_verb_does_each_and_reports_each_refusal() -> None:
    queued, ended, failed = doubling.start([1]), doubling.start([2]), retrying.start(9)
    run(ended)
    run(failed)
    outcomes = list(bulk.apply("resume", [queued.id, failed.id, "nobody", failed.id], by="operator", reason="again"))
    assert [outcome.done for outcome in outcomes] == [False, True, False]
    assert "it is queued (resume needs" in outcomes[0].detail
    assert "There is no workflow 'nobody'" in outcomes[2].detail
    assert failed.status() is Status.QUEUED
    restarted = list(bulk.apply("restart", [ended.id], by="operator"))
    assert Workflow.objects.get(id=restarted[0].detail).forked_from_id == ended.id
    matched = bulk.matching(Workflow.objects.filter(status=Status.QUEUED))
    assert {outcome.done for outcome in bulk.apply("cancel", matched, by="operator", reason="all of it")} == {True}
    assert not Workflow.objects.filter(status=Status.QUEUED).exists()


def test_an_unknown_bulk_verb_is_refused_before_anything_is_done() -> None:
    with pytest.raises(InvalidInput, match="No verb is named 'explode'; known are: cancel"):
        bulk.apply("explode", ["a"])


@pytest.mark.usefixtures("collected_static")
def test_the_admin_finds_what_was_deleted_by_its_id(client: Client) -> None:
    run(doubling.using(workflow_id="order-42").start([1]))
    operations.delete("order-42", by="admin", reason="<b>by law</b>")
    client.force_login(create_people().operator)
    page = client.get("/admin/workflows/deletion/?q=order-4").content.decode()
    assert "order-42" in page
    assert "&lt;b&gt;by law&lt;/b&gt;" in page
    assert "<b>by law</b>" not in page
    assert client.get(f"/admin/workflows/deletion/{Deletion.objects.get().pk}/change/").status_code == 200
