"""Starting, cancelling and sending, as code and people ask for it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from tests.definitions import SWITCH, doubling, listening, publishing, switching
from tests.execution import assert_history_is_whole, claim, crash, kinds, run
from workflows import operations, registry
from workflows.durable import (
    InvalidInput,
    InvalidWorkflowId,
    PayloadError,
    Status,
    TransitionRefused,
    UnknownDefinition,
    WorkflowConflict,
    WorkflowNotFound,
    retrieve,
    send,
    workflow,
)
from workflows.errors import DuplicateDefinition, HandBack
from workflows.models import Event, Message, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_starting_an_id_twice_returns_the_same_workflow() -> None:
    first = doubling.using(workflow_id="order-42").start([1])
    second = doubling.using(workflow_id="order-42").start([1])
    assert first.id == second.id == "order-42"
    assert Workflow.objects.count() == 1
    assert kinds(first) == ["created"]


def test_the_same_id_with_other_input_is_an_error_that_shows_both() -> None:
    doubling.using(workflow_id="order-42").start([1])
    with pytest.raises(WorkflowConflict, match=r"other input: it has .*\[\[1\]\].*you gave .*\[\[2\]\]"):
        doubling.using(workflow_id="order-42").start([2])


def test_the_same_id_of_another_definition_is_an_error_that_names_both() -> None:
    doubling.using(workflow_id="order-42").start([1])
    with pytest.raises(WorkflowConflict, match="of definition 'doubling', not 'publishing'"):
        publishing.using(workflow_id="order-42").start([1])


def test_a_generated_id_is_a_uuid_of_version_7_that_sorts_by_time() -> None:
    ids = [doubling.start([]).id for _ in range(3)]
    assert [UUID(workflow_id).version for workflow_id in ids] == [7, 7, 7]


@pytest.mark.parametrize(
    "workflow_id", ["", " ", "a b", "line\nbreak", "tab\t", "nul\x00", "x" * 201, "bidi\u202e", "\ud800", 7], ids=repr
)
def test_an_id_that_cannot_be_seen_is_refused_and_nothing_is_created(workflow_id: str) -> None:
    with pytest.raises(InvalidWorkflowId):
        doubling.using(workflow_id=workflow_id).start([])
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    "workflow_id", ["a/b/c", "<script>alert(1)</script>", "../..", "%2F", "ünï-✓", "x" * 200, "'\";--"]
)
def test_an_odd_but_visible_id_works_everywhere(workflow_id: str) -> None:
    handle = publishing.using(workflow_id=workflow_id).start([1])
    run(handle)
    assert retrieve(workflow_id).values()["key"].value == 1
    assert_history_is_whole(workflow_id)


def test_start_inside_a_transaction_leaves_nothing_on_rollback() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        doubling.using(workflow_id="order-42").start([1])
        raise RuntimeError
    assert not Workflow.objects.exists()
    assert not Event.objects.exists()


def test_start_inside_a_transaction_sends_its_message_only_on_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    from workflows import dispatch

    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(dispatch._outbox, "put", sent.append)
    with transaction.atomic():
        doubling.using(workflow_id="order-42").start([1])
        assert sent == []
    assert sent == [("default", "order-42", 0)]


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), (([], 1), {}), (([],), {"nubmers": []}), ((), {"nubmers": []})])
def test_arguments_that_do_not_fit_are_refused_with_the_signature(
    args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput, match=r"doubling\(numbers: "):
        operations.start("doubling", args=args, kwargs=kwargs)
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    "value", [object(), float("nan"), "nul\x00", "x" * 2_000_000], ids=["object", "nan", "nul", "2 MB"]
)
def test_input_that_cannot_be_stored_is_refused(value: object) -> None:
    with pytest.raises(PayloadError, match="input of 'publishing'"):
        publishing.start([value])
    assert not Workflow.objects.exists()


def test_dates_decimals_and_uuids_become_text_on_the_first_execution_too() -> None:
    given = [date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC), Decimal("1.10"), UUID(int=7)]
    handle = publishing.start(given)
    run(handle)
    values = [event.data["value"] for event in handle.history() if event.kind == "value_set"]
    assert values == ["2026-01-02", "2026-01-02T00:00:00Z", "1.10", "00000000-0000-0000-0000-000000000007"]


def test_an_unknown_definition_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownDefinition, match=r"known are: .*doubling"):
        operations.start("duobling")


def test_two_functions_cannot_share_a_name() -> None:
    with pytest.raises(DuplicateDefinition, match="@workflow\\(name="):

        @workflow(name="doubling")
        def other() -> None: ...

    assert registry.get("doubling") is doubling


def test_a_queue_that_cannot_be_is_refused_where_the_definition_is_written() -> None:
    for wrong in ("q" * 101, "", "a\nb"):
        with pytest.raises((InvalidInput, PayloadError), match="queue name"):

            @workflow(queue=wrong)
            def never() -> None: ...


def test_a_direct_call_of_a_definition_runs_the_plain_function() -> None:
    assert isinstance(switching.__doc__, str)
    SWITCH["body"] = lambda: 5
    assert switching() == 5
    assert not Workflow.objects.exists()


def test_a_cancelled_workflow_keeps_who_and_why() -> None:
    handle = doubling.start([1])
    operations.cancel(handle.id, by="olga", reason="duplicate\x00order")
    event = list(handle.history())[-1]
    assert event.data == {"by": "olga", "reason": "duplicate\N{SYMBOL FOR NULL}order"}
    with pytest.raises(TransitionRefused, match="it is cancelled"):
        operations.cancel(handle.id)


def test_a_message_is_received_once_in_the_order_sent() -> None:
    def body() -> list[object]:
        from workflows.durable import receive

        got = [receive("payment"), receive("payment")]
        if SWITCH.pop("crash", False):
            raise KeyboardInterrupt
        return [*got, receive("payment", timeout=0, default="none")]

    SWITCH.update(body=body, crash=True)
    handle = switching.start()
    for number in (1, 2):
        send(handle.id, "payment", {"number": number})
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)
    run(handle)
    assert handle.result() == [{"number": 1}, {"number": 2}, "none"]
    assert not Message.objects.filter(consumed_seq=None).exists()
    assert_history_is_whole(handle.id)


def test_a_message_with_an_idempotency_key_is_sent_once() -> None:
    handle = listening.start("payment")
    first = operations.send(handle.id, "payment", 1, idempotency_key="k")
    second = operations.send(handle.id, "payment", 2, idempotency_key="k")
    assert first.id == second.id
    assert Message.objects.count() == 1
    assert_history_is_whole(handle.id)


def test_a_message_to_nobody_or_to_an_ended_workflow_is_an_error() -> None:
    with pytest.raises(WorkflowNotFound):
        send("nobody", "payment", 1)
    handle = publishing.start([])
    run(handle)
    with pytest.raises(TransitionRefused, match="it is succeeded"):
        send(handle.id, "payment", 1)
    assert not Message.objects.exists()


def test_a_message_sent_in_a_transaction_that_rolls_back_was_never_sent() -> None:
    handle = listening.start("payment")
    with pytest.raises(RuntimeError), transaction.atomic():
        send(handle.id, "payment", 1)
        raise RuntimeError
    assert not Message.objects.exists()
    assert kinds(handle) == ["created"]


def test_a_receive_that_timed_out_replays_without_waiting_again() -> None:
    def body() -> object:
        from workflows.durable import receive

        got = receive("payment", timeout=0.05, default="nothing came")
        if SWITCH.pop("crash", False):
            raise KeyboardInterrupt
        return got

    SWITCH.update(body=body, crash=True)
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    crash(handle)
    send(handle.id, "payment", "too late")
    run(handle)
    assert handle.result() == "nothing came"


def test_a_restart_in_the_middle_of_a_wait_does_not_extend_it(settings: Any) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "SUSPEND_AFTER": 60.0}
    handle = listening.start("payment", timeout=30)
    with pytest.raises(HandBack):
        _wait_until_stopped(handle)
    (deadline,) = [event.data["until"] for event in handle.history() if event.kind == "wait_started"]
    crash(handle)
    with pytest.raises(HandBack):
        _wait_until_stopped(handle)
    assert [event.data["until"] for event in handle.history() if event.kind == "wait_started"] == [deadline]
    assert Workflow.objects.get(id=handle.id).status == Status.RUNNING


def _wait_until_stopped(handle: object) -> None:
    """Execute until the wait begins, then stop without handing back."""
    from workflows import context, engine

    owned = claim(handle)  # type: ignore[arg-type]
    looks = iter([False, False])
    execution = engine._execution(owned, lambda: next(looks, True))
    with context.entered(execution):
        listening.function(*owned.input["args"], **owned.input["kwargs"])
