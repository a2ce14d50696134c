"""Messages: sent once, received once, in order; also when either side is killed, and from one workflow to another.

`send` puts a message into a workflow's inbox under a topic, in the sender's transaction; `receive` takes the oldest one
and records it, so that a replay receives the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from tests.conformance.definitions import CALLS, die, note, only, run_until_killed, start
from tests.execution import run, work_off
from workflows import operations, recovery
from workflows.durable import (
    NotInWorkflow,
    PayloadError,
    Status,
    TransitionRefused,
    WorkflowHandle,
    WorkflowNotFound,
    receive,
    send,
    step,
)
from workflows.models import Message


def take(count: int, topic: str = "topic") -> list[Any]:
    return [receive(topic) for _ in range(count)]


def test_messages_of_a_topic_are_received_in_the_order_sent_and_topics_do_not_mix() -> None:
    def body() -> Any:
        return [receive("a"), receive("b"), receive("a"), receive("b", timeout=0, default="none")]

    handle = start(body)
    for topic, message in (("a", 1), ("b", 2), ("a", 3)):
        send(handle.id, topic, message)
    run(handle)
    assert handle.result() == [1, 2, 3, "none"]


def test_a_message_is_received_once_though_its_receiver_was_killed_right_after() -> None:
    def body() -> Any:
        first = receive("topic")
        if CALLS["killed"] == 0:
            CALLS["killed"] += 1
            die()
        return [first, receive("topic", timeout=0, default="none")]

    handle = start(body)
    send(handle.id, "topic", "only one")
    run_until_killed(handle)
    work_off(handle)
    assert handle.result() == ["only one", "none"]


def test_a_message_sent_before_during_and_after_the_wait_arrives() -> None:
    handle = start(take, 3)
    send(handle.id, "topic", "before")
    run(handle)
    assert handle.status() is Status.WAITING
    send(handle.id, "topic", "during")
    assert handle.status() is Status.QUEUED
    send(handle.id, "topic", "after")
    work_off(handle)
    assert handle.result() == ["before", "during", "after"]


def test_a_message_to_a_delayed_workflow_waits_for_it_and_does_not_start_it() -> None:
    handle = start(take, 1, delay=0.3)
    send(handle.id, "topic", "early")
    assert handle.status() is Status.DELAYED
    work_off(handle)
    assert handle.result() == ["early"]


def test_an_idempotency_key_makes_a_second_send_the_first() -> None:
    handle = start(take, 2)
    for _ in range(3):
        send(handle.id, "topic", "once", idempotency_key="payment-1")
    send(handle.id, "topic", "twice", idempotency_key="payment-2")
    run(handle)
    assert handle.result() == ["once", "twice"]


def test_a_message_that_ended_its_receiver_may_be_sent_again_by_a_sender_that_crashed_meanwhile() -> None:
    handle = start(lambda: receive("topic"))
    send(handle.id, "topic", "once", idempotency_key="payment-1")
    run(handle)
    assert handle.result() == "once"
    send(handle.id, "topic", "once", idempotency_key="payment-1")
    assert Message.objects.count() == 1
    with pytest.raises(TransitionRefused):
        send(handle.id, "topic", "another", idempotency_key="payment-2")


def test_concurrent_sends_with_one_idempotency_key_are_one_message() -> None:
    handle = start(take, 1)

    def try_it(_number: int) -> None:
        try:
            send(handle.id, "topic", "once", idempotency_key="k")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(try_it, range(24)))
    assert Message.objects.count() == 1
    run(handle)


def test_concurrent_senders_lose_nothing() -> None:
    handle = start(take, 40)
    run(handle)

    def try_it(number: int) -> None:
        try:
            send(handle.id, "topic", number)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(try_it, range(40)))
    work_off(handle)
    assert sorted(handle.result()) == list(range(40))


def test_a_message_in_a_transaction_that_rolls_back_was_never_sent_and_wakes_nobody() -> None:
    handle = start(take, 1)
    run(handle)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        send(handle.id, "topic", "never")
        raise ZeroDivisionError
    assert handle.status() is Status.WAITING
    assert not Message.objects.exists()


def test_messages_sent_together_in_one_transaction_arrive_together_or_not_at_all() -> None:
    first, second = start(take, 1, workflow_id="first"), start(take, 1, workflow_id="second")
    with pytest.raises(WorkflowNotFound), transaction.atomic():
        for workflow_id in ("first", "second", "nobody"):
            send(workflow_id, "topic", "together")
    assert not Message.objects.exists()
    with transaction.atomic():
        for workflow_id in ("first", "second"):
            send(workflow_id, "topic", "together")
    work_off(first, second)
    assert first.result() == second.result() == ["together"]


def test_a_message_to_nobody_or_to_an_ended_workflow_is_an_error_and_nothing_is_written() -> None:
    with pytest.raises(WorkflowNotFound, match="nobody"):
        send("nobody", "topic", 1)
    handle = start(take, 0)
    run(handle)
    with pytest.raises(TransitionRefused, match="it is succeeded"):
        send(handle.id, "topic", 1)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "message", [object(), float("nan"), "\x00", "x" * 1_100_000], ids=["object", "nan", "nul", "huge"]
)
def test_a_message_that_cannot_be_stored_is_refused_and_nothing_is_written(message: Any) -> None:
    handle = start(take, 1)
    with pytest.raises(PayloadError):
        send(handle.id, "topic", message)
    with pytest.raises(PayloadError):
        send(handle.id, "to\npic", 1)
    assert not Message.objects.exists()


def test_a_workflow_sends_once_though_it_is_killed_right_after() -> None:
    receiver = start(take, 1)

    def body() -> str:
        send(receiver.id, "topic", "from a workflow")
        if CALLS["killed"] == 0:
            CALLS["killed"] += 1
            die()
        return "sent"

    sender = start(body)
    run_until_killed(sender)
    work_off(sender, receiver)
    assert Message.objects.count() == 1
    assert Message.objects.get().sent_by == f"workflow {sender.id}"


def test_a_workflow_that_is_killed_while_it_sends_sends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = start(take, 1)

    def body() -> None:
        send(receiver.id, "topic", "once")

    sender = start(body)
    real = operations.send

    def sends_and_dies(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        die()

    with monkeypatch.context() as patch:
        patch.setattr(operations, "send", sends_and_dies)
        run_until_killed(sender)
    work_off(sender, receiver)
    assert Message.objects.count() == 1


def test_a_refused_send_in_a_body_is_recorded_and_refused_on_replay_too() -> None:
    def body() -> str:
        try:
            send("not-yet", "topic", 1)
        except WorkflowNotFound:
            outcome = str(note("refused"))
        if CALLS["killed"] == 0:
            CALLS["killed"] += 1
            die()
        return outcome

    sender = start(body)
    run_until_killed(sender)
    start(take, 1, workflow_id="not-yet")
    run(sender)
    assert sender.result() == "refused"


def test_two_workflows_can_talk_back_and_forth_without_holding_a_worker() -> None:
    def ping(other: str) -> int:
        total = 0
        for number in range(5):
            send(other, "ping", number)
            total += receive("pong")
        return total

    def pong(other: str) -> None:
        for _ in range(5):
            send(other, "pong", receive("ping") * 10)

    one, two = start(ping, "two", workflow_id="one"), start(pong, "one", workflow_id="two")
    work_off(one, two)
    assert one.result() == 100


def test_a_default_is_returned_when_nothing_comes_and_a_null_message_differs_from_that() -> None:
    def body() -> Any:
        return [receive("topic", timeout=0, default="nothing"), receive("topic", timeout=0, default="nothing")]

    handle = start(body)
    send(handle.id, "topic", None)
    run(handle)
    assert handle.result() == [None, "nothing"]


def test_a_message_that_comes_after_the_timeout_was_recorded_is_for_the_next_receive() -> None:
    def body() -> Any:
        first = receive("topic", timeout=1.0, default="nothing")
        if CALLS["killed"] == 0:
            CALLS["killed"] += 1
            die()
        return [first, receive("topic")]

    handle = start(body)
    run(handle)
    while handle.status() is Status.WAITING:
        recovery.wake_due()
    run_until_killed(handle)
    send(handle.id, "topic", "late")
    work_off(handle)
    assert handle.result() == ["nothing", "late"]


def test_receiving_outside_a_body_is_an_error() -> None:
    with pytest.raises(NotInWorkflow):
        receive("topic")

    @step
    def greedy() -> None:
        with pytest.raises(NotInWorkflow):
            receive("topic")

    handle = start(only(greedy))
    run(handle)
    assert handle.status() is Status.SUCCEEDED


def test_a_fork_begins_with_an_empty_inbox_but_keeps_what_was_received_before() -> None:
    handle = start(take, 2)
    send(handle.id, "topic", 1)
    send(handle.id, "topic", 2)
    send(handle.id, "topic", "unread")
    run(handle)
    fork = WorkflowHandle[Any](operations.fork(handle.id, 2).id)
    run(fork)
    assert fork.status() is Status.WAITING
    send(fork.id, "topic", "anew")
    work_off(fork)
    assert fork.result() == [1, "anew"]
