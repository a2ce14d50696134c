"""Every status × every transition, and the fence that guards each of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from tests.definitions import doubling, publishing
from tests.execution import WORKER, assert_history_is_whole, claim, crash, kinds
from workflows import event_log, operations, states, transitions
from workflows.errors import LeaseLost, Stop, TransitionRefused, WorkflowNotFound
from workflows.event_log import Owner
from workflows.models import Event, Step, Value, Workflow
from workflows.states import TERMINAL, TRANSITIONS, EventKind, Status

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = 7


def in_status(status: Status) -> Workflow:
    """A workflow row as it looks in that status, owned by WORKER with TOKEN."""
    now = timezone.now()
    running = status is Status.RUNNING
    workflow = Workflow.objects.create(
        id=f"in-{status}",
        definition="doubling",
        status=status,
        input={"args": [[]], "kwargs": {}},
        token=TOKEN,
        lease_expires_at=now if running else None,
        worker=WORKER if running else None,
        available_at=now,
        wake_at=now if status in {Status.DELAYED, Status.WAITING} else None,
        waiting={"for": "time", "name": None, "workflow": None} if status is Status.WAITING else None,
        created_at=now,
        status_at=now,
        last_seq=1,
        finished_at=now if status in TERMINAL else None,
        error={"type": "E", "message": "m"} if status in {Status.FAILED, Status.QUARANTINED} else None,
    )
    Event.objects.create(workflow=workflow, seq=1, kind=EventKind.CREATED, data={}, at=now)
    return workflow


def _quarantine(owner: Owner, workflow: Workflow) -> object:
    Workflow.objects.filter(id=workflow.id).update(crashes=F("crashes") + 99)
    return any(released.quarantined for released in transitions.release_held_by([WORKER], limit=9))


def _wake_due(status: Status) -> Callable[[Owner, Workflow], object]:
    """One statement does both: what it does depends on where the workflow stands."""
    return lambda _, workflow: workflow.status == status and transitions.wake_due(limit=9)


_WAIT = {"for": "time", "name": None, "workflow": None, "until": None, "since": ""}
_BY = {"by": "operator", "reason": ""}
ATTEMPTS: dict[str, Callable[[Owner, Workflow], object]] = {
    "claim": lambda _, workflow: transitions.claim(workflow.id, worker=WORKER, definitions=["doubling"]),
    "due": _wake_due(Status.DELAYED),
    "wake": _wake_due(Status.WAITING),
    "suspend": lambda owner, _: transitions.suspend(owner, wait=_WAIT, wakes=0),
    "release": lambda owner, _: transitions.hand_back(owner),
    "succeed": lambda owner, _: transitions.succeed(owner, output="1"),
    "fail": lambda owner, _: transitions.fail(owner, error='{"type": "E", "message": "m"}'),
    "quarantine": _quarantine,
    "cancel": lambda _, workflow: transitions.cancel([workflow.id], **_BY),
    "resume": lambda _, workflow: transitions.resume(workflow.id, **_BY),
}


def attempt(name: str, workflow: Workflow) -> bool:
    """Try the transition by the function that makes it; whether it was accepted."""
    try:
        return bool(ATTEMPTS[name](Owner(workflow.id, TOKEN, WORKER), workflow))
    except (Stop, TransitionRefused):
        return False


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("name", list(TRANSITIONS))
def test_a_transition_is_accepted_exactly_from_the_statuses_of_the_table(name: str, status: Status) -> None:
    workflow = in_status(status)
    accepted = attempt(name, workflow)
    workflow.refresh_from_db()
    assert accepted == (status in TRANSITIONS[name].sources) == states.may(name, status)
    assert workflow.status == (TRANSITIONS[name].target if accepted else status)
    assert workflow.last_seq == Event.objects.filter(workflow=workflow).count() == (2 if accepted else 1)


def test_every_transition_with_a_wrong_token_changes_nothing() -> None:
    workflow = in_status(Status.RUNNING)
    stranger = Owner(workflow.id, TOKEN - 1, WORKER)
    with pytest.raises(LeaseLost):
        transitions.succeed(stranger, output="1")
    with pytest.raises(LeaseLost):
        transitions.fail(stranger, error="{}")
    assert transitions.hand_back(stranger) == []
    assert Event.objects.count() == 1


def test_every_checkpoint_of_a_late_worker_is_refused_and_writes_nothing() -> None:
    handle = publishing.start([])
    late = claim(handle).owner
    crash(handle)
    claim(handle, worker="other:1-abc/2")
    events, steps, values = Event.objects.count(), Step.objects.count(), Value.objects.count()
    error = {"type": "E", "module": "m", "message": "m", "traceback": ""}
    for write in (
        lambda: event_log.set_value(late, "1", position=1, key="k", encoded="1", in_step=False),
        lambda: event_log.set_value(late, "1.1.1", position=1, key="k", encoded="1", in_step=True),
        lambda: event_log.step_started(late, 1, name="s", attempt=1),
        lambda: event_log.step_retrying(late, 1, name="s", attempt=1, error=error, delay=1.0),
        lambda: event_log.step_succeeded(late, 1, name="s", attempt=1, output="1"),
        lambda: event_log.step_failed(late, 1, name="s", attempt=1, error=error),
        lambda: event_log.wait_started(late, 1, wait={"for": "message", "name": "t", "workflow": None}, timeout=1.0),
        lambda: event_log.operation_recorded(late, EventKind.EVENT_READ, 1, key="k", data="{}"),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert event_log.receive_message(late, 1, topic="t") == []
    assert (Event.objects.count(), Step.objects.count(), Value.objects.count()) == (events, steps, values)


def test_a_workflow_is_claimed_by_one_worker_only() -> None:
    handle = doubling.start([1])
    claim(handle)
    assert transitions.claim(handle.id, worker="second", definitions=["doubling"]) is None
    assert transitions.claim_next(queues=["default"], worker="second", definitions=["doubling"]) is None


def test_a_definition_that_a_worker_does_not_know_stays_queued() -> None:
    handle = doubling.start([1])
    assert transitions.claim(handle.id, worker=WORKER, definitions=["another"]) is None
    assert transitions.claim_next(queues=["default"], worker=WORKER, definitions=["another"]) is None
    assert handle.status() is Status.QUEUED


def test_the_oldest_claimable_workflow_of_the_queue_comes_first() -> None:
    first, second = doubling.start([1]), doubling.start([2])
    other = doubling.using(queue="other").start([3])
    order = []
    while found := transitions.claim_next(queues=["default"], worker=WORKER, definitions=["doubling"]):
        order.append(found.owner.workflow_id)
    assert order == [first.id, second.id]
    assert other.status() is Status.QUEUED


def test_an_expired_lease_is_taken_over_with_a_higher_token() -> None:
    handle = doubling.start([1])
    before = claim(handle).owner.token
    assert transitions.release_expired(limit=10) == []
    Workflow.objects.filter(id=handle.id).update(lease_expires_at=timezone.now())
    assert [released.workflow_id for released in transitions.release_expired(limit=10)] == [handle.id]
    assert claim(handle).owner.token > before
    assert Workflow.objects.get(id=handle.id).takeovers == 1
    assert_history_is_whole(handle.id)


def test_a_workflow_that_keeps_killing_its_worker_is_quarantined_with_back_off() -> None:
    handle = doubling.start([1])
    claim(handle)
    (first,) = transitions.release_held_by([WORKER], limit=10)
    assert first.delay <= 0
    claim(handle)
    (second,) = transitions.release_held_by([WORKER], limit=10)
    assert 0 < second.delay <= 1
    Workflow.objects.filter(id=handle.id).update(available_at=timezone.now())
    claim(handle)
    (third,) = transitions.release_held_by([WORKER], limit=10)
    assert third.quarantined
    assert handle.status() is Status.QUARANTINED
    assert kinds(handle)[-1] == "quarantined"
    assert_history_is_whole(handle.id)


def test_a_recorded_operation_is_progress_and_clears_the_count_of_crashes() -> None:
    handle = publishing.start([])
    for crashes in range(6):
        owner = claim(handle).owner
        event_log.set_value(owner, f"{crashes + 1}", position=crashes + 1, key="k", encoded="1", in_step=False)
        crash(handle)
    assert handle.status() is Status.QUEUED
    assert Workflow.objects.get(id=handle.id).takeovers == 6


def test_a_step_that_was_running_when_its_worker_died_shows_that_it_will_be_tried_again() -> None:
    handle = publishing.start([])
    owner = claim(handle).owner
    event_log.step_started(owner, 1, name="s", attempt=1)
    crash(handle)
    assert Step.objects.get().status == "retrying"
    assert_history_is_whole(handle.id)


def test_cancelling_closes_open_steps() -> None:
    handle = publishing.start([])
    event_log.step_started(claim(handle).owner, 1, name="s", attempt=1)
    transitions.cancel([handle.id], by="operator", reason="late")
    assert Step.objects.get().status == "cancelled"
    assert_history_is_whole(handle.id)


def test_refusals_say_the_status_and_what_is_needed() -> None:
    workflow = in_status(Status.SUCCEEDED)
    with pytest.raises(TransitionRefused, match=r"cannot cancel: it is succeeded \(cancel needs delayed, queued"):
        operations.cancel(workflow.id)
    with pytest.raises(WorkflowNotFound, match="There is no workflow 'nobody'"):
        operations.cancel("nobody")


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("workflow_status_is_a_known_status", {"status": "sleeping"}),
        ("workflow_finished_at_exactly_when_terminal", {"finished_at": timezone.now()}),
        ("workflow_leased_exactly_when_running", {"worker": "somebody"}),
        ("workflow_output_only_when_succeeded", {"output": 1}),
        ("workflow_failure_has_an_error", {"status": "failed", "finished_at": timezone.now()}),
        ("workflow_counters_are_not_negative", {"token": -1}),
    ],
)
def test_the_database_refuses_a_workflow_that_cannot_be(constraint: str, change: dict[str, object]) -> None:
    workflow = in_status(Status.QUEUED)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Workflow.objects.filter(id=workflow.id).update(**change)


def test_the_database_refuses_histories_steps_and_values_that_cannot_be() -> None:
    workflow, now = in_status(Status.QUEUED), timezone.now()
    step = {"name": "s", "worker": "w", "started_at": now, "attempt_started_at": now}
    Step.objects.create(workflow=workflow, position=1, status="running", **step)
    Value.objects.create(workflow=workflow, key="k", value=1, seq=1, at=now)
    Event.objects.create(workflow=workflow, seq=2, kind="value_set", op="1", data={}, at=now)
    for constraint, make in (
        ("step_one_per_position", lambda: Step.objects.create(workflow=workflow, position=1, status="running", **step)),
        (
            "step_status_is_a_known",
            lambda: Step.objects.create(workflow=workflow, position=2, status="odd", finished_at=now, **step),
        ),
        ("step_finished_at", lambda: Step.objects.create(workflow=workflow, position=2, status="cancelled", **step)),
        (
            "step_attempts_start",
            lambda: Step.objects.create(workflow=workflow, position=2, status="running", attempt=0, **step),
        ),
        (
            "step_failure_has_an_error",
            lambda: Step.objects.create(workflow=workflow, position=2, status="failed", finished_at=now, **step),
        ),
        ("value_one_per_key", lambda: Value.objects.create(workflow=workflow, key="k", value=2, seq=2, at=now)),
        ("event_seq_once", lambda: Event.objects.create(workflow=workflow, seq=1, kind="created", data={}, at=now)),
        (
            "event_operation",
            lambda: Event.objects.create(workflow=workflow, seq=3, kind="claimed", op="1", data={}, at=now),
        ),
        ("event_seq_starts", lambda: Event.objects.create(workflow=workflow, seq=0, kind="created", data={}, at=now)),
        ("event_kind_is_a_known", lambda: Event.objects.create(workflow=workflow, seq=3, kind="odd", data={}, at=now)),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            make()


def test_the_payload_of_a_claim_is_the_input_as_given() -> None:
    handle = doubling.start(numbers=[1, 2])
    assert claim(handle).input == {"args": [], "kwargs": {"numbers": [1, 2]}}
    assert json.dumps(Workflow.objects.get(id=handle.id).input)
