"""The shell's verbs for one workflow and for many."""

from __future__ import annotations

import json

import pytest

from tests.definitions import doubling, retrying
from tests.execution import run
from tests.workflows.test_command import refused, workflow
from workflows.durable import Status, retrieve
from workflows.management import workflow_verbs
from workflows.models import Deletion, Event, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_failed_workflow_is_resumed_and_its_history_says_who_and_why() -> None:
    handle = retrying.using(workflow_id="f").start(9)
    run(handle)
    assert workflow("resume", "f", "--reason", "the bank is back") == "f is queued.\n"
    told = Event.objects.get(workflow_id="f", kind="resumed").data
    assert (told["by"].endswith("(shell)"), told["reason"]) == (True, "the bank is back")
    status, message = refused("resume", "f")
    assert (status, "it is queued (resume needs" in message) == (1, True)


def test_a_workflow_is_forked_and_restarted_under_new_ids() -> None:
    run(doubling.using(workflow_id="o").start([1, 2]))
    assert workflow("fork", "o", "--position", "2", "--new-id", "o-2") == "o-2 is queued.\n"
    assert workflow("restart", "o", "--input", '{"numbers": [7]}', "--new-id", "o-3") == "o-3 is queued.\n"
    run(retrieve("o-2"))
    run(retrieve("o-3"))
    assert (retrieve("o-2").result(), retrieve("o-3").result()) == ([2, 4], [14])
    assert {row.forked_from_id for row in Workflow.objects.filter(id__in=["o-2", "o-3"])} == {"o"}
    assert refused("fork", "o", "--position", "99")[0] == 2


def test_a_tree_is_cancelled_with_one_word() -> None:
    parent, child = doubling.using(workflow_id="p").start([1]), doubling.using(workflow_id="p-1").start([1])
    Workflow.objects.filter(id="p-1").update(parent_id="p")
    assert workflow("cancel", "p", "--tree") == "p is cancelled.\n"
    assert (parent.status(), child.status()) == (Status.CANCELLED, Status.CANCELLED)


def test_a_filter_says_which_and_a_dry_run_does_nothing() -> None:
    handles = [doubling.using(workflow_id=f"many-{n}").start([n]) for n in range(3)]
    lines = workflow("cancel", "--search", "many-", "--dry-run").splitlines()
    assert len(lines) == 3
    assert {handle.status() for handle in handles} == {Status.QUEUED}
    assert len(workflow("cancel", "--search", "many-", "--reason", "all").splitlines()) == 3
    assert {handle.status() for handle in handles} == {Status.CANCELLED}
    assert refused("cancel")[0] == 2


def test_a_filter_that_matches_more_than_one_command_takes_says_so_and_takes_the_newest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        doubling.using(workflow_id=f"many-{number}").start([])
    monkeypatch.setattr(workflow_verbs, "_MOST", 2)
    assert workflow("cancel", "--search", "many-").splitlines() == ["many-2: done", "many-1: done"]
    assert capsys.readouterr().err == "More than 2 match. This is about the newest 2; say it again for the rest.\n"
    assert workflow("cancel", "--search", "many-0").splitlines() == ["many-0: done"]
    assert capsys.readouterr().err == ""


def test_many_are_restarted_and_forked_by_a_filter() -> None:
    for number in range(3):
        run(doubling.using(workflow_id=f"o-{number}").start([number]))
    assert len(workflow("restart", "--search", "o-", "--reason", "new prices").splitlines()) == 3
    assert len(workflow("fork", "o-0", "o-1", "--position", "2").splitlines()) == 2
    made = Event.objects.filter(kind="forked").order_by("workflow_id").values_list("data__from", "data__reason")
    assert sorted(made) == [
        ("o-0", ""),
        ("o-0", "new prices"),
        ("o-1", ""),
        ("o-1", "new prices"),
        ("o-2", "new prices"),
    ]
    assert refused("restart", "o-0", "o-1", "--new-id", "both")[0] == 2
    assert "would be asked for" in workflow("restart", "o-0", "--dry-run")
    assert Workflow.objects.count() == 8


def test_what_is_refused_among_many_is_told_and_ends_with_a_status() -> None:
    run(doubling.using(workflow_id="done").start([1]))
    doubling.using(workflow_id="open").start([1])
    with pytest.raises(SystemExit) as ended:
        workflow("delete", "done", "open")
    assert ended.value.code == 1
    assert Deletion.objects.get().workflow_id == "done"
    assert retrieve("open").status() is Status.QUEUED
    assert json.loads(workflow("pin", "open", "--json")) == {"id": "open", "done": True, "detail": ""}
    assert Workflow.objects.get(id="open").pinned


def test_a_start_takes_options() -> None:
    workflow("start", "doubling", "numbers=[1]", "--id", "late", "--delay", "3600", "--priority", "5", "--queue", "q")
    row = Workflow.objects.get(id="late")
    assert (row.status, row.priority, row.queue) == ("delayed", 5, "q")
    assert refused("start", "doubling", "numbers=[1]", "--priority", "5000")[0] == 2
