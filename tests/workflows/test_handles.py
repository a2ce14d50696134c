"""Reading and awaiting a workflow from outside, and from within another one."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from tests.definitions import SWITCH, doubling, following, publishing, switching
from tests.execution import claim, crash, kinds, run, work_off
from tests.wait import PATIENCE, until
from workflows import event_log, operations, queries
from workflows.durable import (
    PayloadError,
    ResultTimeout,
    Status,
    WorkflowCancelled,
    WorkflowHandle,
    WorkflowNotFound,
    get_event,
    retrieve,
    send,
)
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)


class Publisher:
    """A running workflow whose values the test sets by hand."""

    def __init__(self) -> None:
        self.handle = publishing.start([])
        self._owner = claim(self.handle).owner
        self._position = 0

    def set(self, key: str, value: str) -> None:
        """Publish JSON text under a key."""
        self._position += 1
        event_log.set_value(
            self._owner, str(self._position), position=self._position, key=key, encoded=value, in_step=False
        )

    def set_soon(self, key: str, value: str, delay: float = 0.15) -> threading.Thread:
        """Publish from another thread, on its own connection."""

        def later() -> None:
            time.sleep(delay)  # the waiter must be blocked by then; if it is not, the test is only easier
            self.set(key, value)
            connection.close()

        thread = threading.Thread(target=later)
        thread.start()
        return thread


def test_a_value_that_is_set_is_returned_at_once() -> None:
    publisher = Publisher()
    publisher.set("url", '"https://pay"')
    publisher.set("url", '"https://pay/2"')
    assert publisher.handle.get_event("url", timeout=0) == "https://pay/2"
    assert get_event(publisher.handle.id, "url", type=str, timeout=0) == "https://pay/2"


def test_a_blocked_get_event_returns_when_the_value_is_set() -> None:
    publisher = Publisher()
    thread = publisher.set_soon("url", '"https://pay"')
    assert publisher.handle.get_event("url", timeout=PATIENCE) == "https://pay"
    thread.join()


def test_a_blocked_get_event_returns_without_hints_too(settings: Any) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "HINTS": False}
    publisher = Publisher()
    thread = publisher.set_soon("url", '"https://pay"')
    assert publisher.handle.get_event("url", timeout=PATIENCE) == "https://pay"
    thread.join()


def test_after_waits_for_the_next_change() -> None:
    publisher = Publisher()
    publisher.set("step", "1")
    seen = publisher.handle.values()["step"]
    thread = publisher.set_soon("step", "2")
    assert publisher.handle.get_event("step", after=seen.seq, timeout=PATIENCE) == 2
    assert publisher.handle.get_event("step", after=seen.seq - 1, timeout=0) == 2
    thread.join()


@pytest.mark.parametrize(
    ("kind", "zero"), [(str, ""), (int, 0), (float, 0.0), (bool, False), (list, []), (dict, {}), (None, None)]
)
def test_without_the_event_the_zero_value_of_the_type_is_returned(kind: type | None, zero: object) -> None:
    value = Publisher().handle.get_event("nothing", type=kind, timeout=0.05)
    assert value == zero
    assert type(value) is type(zero)


def test_a_default_goes_before_the_zero_value() -> None:
    assert Publisher().handle.get_event("nothing", type=str, default=None, timeout=0) is None
    assert Publisher().handle.get_event("nothing", default="-", timeout=0) == "-"


def test_a_published_null_differs_from_nothing_published() -> None:
    publisher = Publisher()
    publisher.set("maybe", "null")
    assert publisher.handle.get_event("maybe", default="absent", timeout=0) is None


def test_a_value_of_another_type_is_an_error_that_names_both() -> None:
    publisher = Publisher()
    publisher.set("count", '"three"')
    with pytest.raises(PayloadError, match="holds str, not int"):
        publisher.handle.get_event("count", type=int, timeout=0)
    publisher.set("ratio", "1")
    assert publisher.handle.get_event("ratio", type=float, timeout=0) == 1.0


def test_a_waiter_is_told_at_once_when_the_workflow_ends_without_the_value() -> None:
    handle = publishing.start([])
    threading.Timer(0.15, lambda: (run(handle), connection.close())).start()
    assert handle.get_event("never", type=str, timeout=3_600) == ""


def test_waiting_for_a_workflow_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(WorkflowNotFound):
        get_event("nobody", "key", timeout=5)
    with pytest.raises(WorkflowNotFound):
        retrieve("nobody")
    with pytest.raises(WorkflowNotFound):
        WorkflowHandle[Any]("nobody").result(timeout=0)


@pytest.mark.parametrize("workflow_id", ["", "a\x00b", "\udcff", "a b", "x" * 300, 5, None])
def test_what_cannot_be_an_id_is_nobodys(workflow_id: Any) -> None:
    looked_up = (
        retrieve, lambda nobody: get_event(nobody, "key"), lambda nobody: send(nobody, "topic", 1),
        queries.get_workflow, operations.cancel, operations.resume, operations.restart, operations.delete,
        operations.pin,
    )  # fmt: skip
    for ask in looked_up:
        with pytest.raises(WorkflowNotFound):
            ask(workflow_id)


def test_many_waiters_all_wake() -> None:
    publisher = Publisher()
    got: list[Any] = []

    def wait() -> None:
        got.append(publisher.handle.get_event("go", timeout=PATIENCE))
        connection.close()

    threads = [threading.Thread(target=wait) for _ in range(10)]
    for thread in threads:
        thread.start()
    publisher.set("go", "true")
    for thread in threads:
        thread.join()
    assert got == [True] * 10


def test_async_waiters_hold_no_thread() -> None:
    publisher = Publisher()

    async def wait_twenty_times() -> list[Any]:
        before = threading.active_count()
        waiters = [asyncio.create_task(publisher.handle.aget_event("go", timeout=PATIENCE)) for _ in range(20)]
        await asyncio.sleep(0.1)  # let all of them block
        assert threading.active_count() - before < 10
        publisher.set_soon("go", "1", delay=0)
        return await asyncio.gather(*waiters)

    assert asyncio.run(wait_twenty_times()) == [1] * 20


def test_an_async_wait_times_out_and_sees_the_end() -> None:
    handle = publishing.start([])

    async def waits() -> tuple[Any, Any]:
        return await handle.aget_event("never", type=str, timeout=0.05), await handle.aget_event("x", timeout=0)

    assert asyncio.run(waits()) == ("", None)
    run(handle)
    assert asyncio.run(handle.aresult(timeout=5)) is None


def test_a_result_that_takes_too_long_says_so_and_the_workflow_goes_on() -> None:
    handle = doubling.start([1])
    with pytest.raises(ResultTimeout, match=r"still queued after 0\.05 s"):
        handle.result(timeout=0.05)
    run(handle)
    assert handle.result(timeout=5) == [2]


def test_the_result_of_a_cancelled_workflow_is_an_error_of_its_own() -> None:
    handle = doubling.start([1])
    operations.cancel(handle.id)
    with pytest.raises(WorkflowCancelled):
        handle.result()


def test_the_history_reads_on_from_a_seq() -> None:
    handle = publishing.start(list(range(1_200)))
    run(handle)
    assert [event.seq for event in handle.history()] == list(range(1, 1_204))
    assert [event.seq for event in handle.history(after=1_200)] == [1_201, 1_202, 1_203]


def test_a_value_read_in_a_workflow_replays_the_same_though_it_changed() -> None:
    publisher = Publisher()
    publisher.set("price", "10")

    def body() -> Any:
        price = publisher.handle.get_event("price")
        if SWITCH.pop("crash", False):
            raise KeyboardInterrupt
        return price

    SWITCH.update(body=body, crash=True)
    handle = switching.start()
    with pytest.raises(KeyboardInterrupt):
        run(handle)
    publisher.set("price", "20")
    crash(handle)
    run(handle)
    assert handle.result() == 10


def test_an_absent_value_in_a_workflow_replays_as_absent_without_waiting() -> None:
    publisher = Publisher()
    handle = following.start(publisher.handle.id, "never", 0.1)
    run(handle)
    assert handle.result() == "absent"
    assert kinds(handle)[2:4] == ["wait_started", "event_read"]


def cancel_once_it_waits(handle: WorkflowHandle[Any]) -> threading.Thread:
    """In a thread; a workflow that was not claimed yet would not be there to be claimed any more."""

    def cancel() -> None:
        try:
            until(lambda: "wait_started" in kinds(handle))
            operations.cancel(handle.id)
        finally:
            connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    return thread


def test_a_cancelled_waiter_leaves_at_once() -> None:
    publisher = Publisher()
    handle = following.start(publisher.handle.id, "never", 3_600.0)
    cancelling = cancel_once_it_waits(handle)
    run(handle)
    cancelling.join()
    until(lambda: handle.status() is Status.CANCELLED)


def test_a_waiter_that_holds_its_worker_leaves_when_cancelled(settings: Any) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "SUSPEND_AFTER": 3_600.0}
    publisher = Publisher()
    handle = following.start(publisher.handle.id, "never", 3_600.0)
    cancelling = cancel_once_it_waits(handle)
    run(handle)
    cancelling.join()
    assert handle.status() is Status.CANCELLED


def test_a_waiter_of_a_stopping_worker_hands_back_at_once(settings: Any) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "SUSPEND_AFTER": 3_600.0}
    publisher = Publisher()
    handle = following.start(publisher.handle.id, "never", 60.0)
    stop_at = time.monotonic() + 0.3
    run(handle, stopping=lambda: time.monotonic() > stop_at)
    assert handle.status() is Status.QUEUED


def test_a_result_read_in_a_body_is_recorded() -> None:
    other = doubling.start([1])
    SWITCH["body"] = lambda: other.result()
    handle = switching.start()
    run(handle)
    assert handle.status() is Status.WAITING
    work_off(handle)
    assert handle.result() == [2]
    assert "result_read" in kinds(handle)


def test_a_value_set_in_a_users_transaction_appears_when_it_commits() -> None:
    def body() -> None:
        from workflows.durable import set_event

        with transaction.atomic():
            set_event("inside", 1)
        try:
            with transaction.atomic():
                set_event("undone", 1)
                raise RuntimeError
        except RuntimeError:
            pass

    SWITCH["body"] = body
    handle = switching.start()
    run(handle)
    assert set(handle.values()) == {"inside"}


@pytest.mark.parametrize("timeout", [0, 0.0, -5, -math.inf])
def test_a_timeout_of_nothing_or_less_looks_once(timeout: float) -> None:
    assert Publisher().handle.get_event("never", timeout=timeout) is None


@pytest.mark.parametrize("timeout", [None, math.inf, 100 * 366 * 86_400.0, 1e300])
def test_an_endless_timeout_still_ends_with_the_workflow(timeout: float | None) -> None:
    handle = publishing.start([])
    threading.Timer(0.1, lambda: (run(handle), connection.close())).start()
    assert handle.get_event("never", timeout=timeout) is None


def test_a_timeout_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not NaN"):
        Publisher().handle.get_event("never", timeout=math.nan)


def test_an_endless_wait_in_a_workflow_has_no_deadline() -> None:
    publisher = Publisher()
    handle = following.start(publisher.handle.id, "go", 1e300)
    thread = publisher.set_soon("go", "1")
    run(handle)
    thread.join()
    work_off(handle)
    assert handle.result() == 1


def test_a_waiter_of_a_deleted_workflow_is_told_instead_of_waiting_for_ever() -> None:
    publisher = Publisher()
    workflow = Workflow.objects.filter(id=publisher.handle.id)
    threading.Timer(0.15, lambda: (workflow.delete(), connection.close())).start()
    with pytest.raises(WorkflowNotFound):
        publisher.handle.get_event("never", timeout=None)


def test_progress_is_published_at_the_start_and_the_end_and_never_twice_the_same() -> None:
    handle = doubling.start([1, 2, 3])
    run(handle)
    reports = [event.data["value"]["done"] for event in handle.history() if event.key == "progress"]
    assert reports[0] == 0
    assert reports[-1] == 3
    assert len(reports) == len(set(reports))
