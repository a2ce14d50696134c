"""Who holds what: renewing, noticing dead children, and stopping."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from tests.definitions import counting, doubling
from tests.execution import claim
from tests.wait import until
from workflows import alarms, bulk, leases, recovery, sql
from workflows.durable import Status
from workflows.leases import Keeper
from workflows.models import Worker, Workflow
from workflows.workers import Description

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _not_stopping() -> Iterator[None]:
    yield
    leases._DOUBLE.pack_into(leases._stop_at, 0, 0.0)


def test_renewing_extends_only_what_living_children_hold() -> None:
    ours, dead = doubling.start([1]), doubling.start([2])
    claim(ours, worker=leases.identity(11))
    claim(dead, worker=leases.identity(12))
    soon = timezone.now() + timedelta(seconds=1)
    Workflow.objects.update(lease_expires_at=soon)
    keeper = Keeper(living=lambda: [11], queues=lambda: ["default"])
    keeper._watch_children()
    keeper._renew()
    expiry = dict(Workflow.objects.values_list("id", "lease_expires_at"))
    assert expiry[ours.id] is not None
    assert expiry[ours.id] > soon + timedelta(seconds=5)
    assert expiry[dead.id] == soon


def test_a_child_that_is_gone_loses_its_workflows_at_once_and_the_others_keep_theirs() -> None:
    first, second = doubling.start([1]), doubling.start([2])
    claim(first, worker=leases.identity(11))
    claim(second, worker=leases.identity(12))
    living = [11, 12]
    keeper = Keeper(living=lambda: living, queues=lambda: ["default"])
    keeper._watch_children()
    assert first.status() is Status.RUNNING
    living.remove(11)
    keeper._watch_children()
    assert first.status() is Status.QUEUED
    assert second.status() is Status.RUNNING


def test_renewing_does_not_wait_behind_a_transaction_that_holds_the_row() -> None:
    handle = doubling.start([1])
    claim(handle, worker=leases.identity(11))
    keeper = Keeper(living=lambda: [11], queues=lambda: ["default"])
    keeper._watch_children()
    with sql.dedicated_connection() as other, other.transaction():
        other.execute("SELECT 1 FROM workflows_workflow WHERE id = %s FOR UPDATE", [handle.id])
        keeper._renew()
        recovery.release_expired()  # both return while the row is locked, else nothing here would


def test_a_lease_whose_row_was_locked_is_renewed_as_soon_as_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_RENEW_TRIES", 1_000)
    handle = doubling.start([1])
    claim(handle, worker=leases.identity(11))
    soon = timezone.now() + timedelta(seconds=1)
    Workflow.objects.update(lease_expires_at=soon)
    keeper = Keeper(living=lambda: [11], queues=lambda: ["default"])
    keeper._watch_children()
    other = sql.dedicated_connection()
    other.execute("BEGIN")
    other.execute("SELECT 1 FROM workflows_workflow WHERE id = %s FOR UPDATE", [handle.id])
    threading.Timer(0.1, other.close).start()  # the checkpoint that held it is over
    assert keeper._renew()
    assert Workflow.objects.get(id=handle.id).lease_expires_at > soon + timedelta(seconds=5)


def test_overlooked_rows_get_their_message_only_when_somebody_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr("workflows.dispatch.wake", lambda _queue, workflow_id: woken.append(workflow_id))
    busy, overlooked = counting.start(1, 0.0), counting.start(2, 0.0)
    Workflow.objects.update(available_at=timezone.now() - timedelta(seconds=5))
    woken.clear()
    claim(busy, worker=leases.identity(11))
    living = [11]
    keeper = Keeper(living=lambda: living, queues=lambda: ["default"])
    keeper._watch_children()
    keeper._recover()
    assert woken == []
    living.append(12)
    keeper._watch_children()
    keeper._recover()
    assert woken == [overlooked.id]


def test_an_errand_that_waits_for_a_locked_row_holds_up_no_lease(settings: pytest.FixtureRequest) -> None:
    settings.WORKFLOWS = {"RENEW_INTERVAL": 0.1}  # type: ignore[attr-defined]
    held, ours = doubling.start([1]), doubling.start([2])
    claim(ours, worker=leases.identity(11))
    bulk.begin(uuid4(), "cancel", [held.id], by="ann")
    keeper = Keeper(living=lambda: [11], queues=lambda: ["default"])
    errands = alarms.Alarm(alarms.run_errands, name="errands")
    with sql.dedicated_connection() as other, other.transaction():
        other.execute("SELECT 1 FROM workflows_workflow WHERE id = %s FOR UPDATE", [held.id])
        keeper.start(), errands.start()
        until(waits_for_a_lock, what="the bulk action waits for the row")
        soon = timezone.now() + timedelta(seconds=1)
        Workflow.objects.filter(id=ours.id).update(lease_expires_at=soon)
        until(lambda: Workflow.objects.get(id=ours.id).lease_expires_at > soon, what="the lease is renewed")
        assert waits_for_a_lock()
    until(lambda: held.status() is Status.CANCELLED, what="the bulk action went on")
    errands.end(), keeper.end()


def waits_for_a_lock() -> bool:
    """Whether a session on this database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone() is not None


def test_a_stop_is_announced_at_once_and_due_after_its_grace(settings: pytest.FixtureRequest) -> None:
    settings.WORKFLOWS = {"SHUTDOWN_GRACE": 600.0}  # type: ignore[attr-defined]
    assert not leases.is_stop_announced()
    leases.announce_stop()
    assert leases.is_stop_announced()
    assert not leases.is_stopping()
    settings.WORKFLOWS = {"SHUTDOWN_GRACE": 0.1}  # type: ignore[attr-defined]
    leases.announce_stop()
    until(leases.is_stopping)


def test_identities_of_one_worker_differ_by_process_and_fit_their_column() -> None:
    assert leases.identity(1) != leases.identity(2)
    assert leases.identity(1).rpartition("/")[0] == leases.identity(2).rpartition("/")[0]
    assert len(leases.identity(2**22)) <= 200


def test_a_keeper_survives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([RuntimeError("away"), RuntimeError("away")])
    looked: list[int] = []

    def living() -> list[int]:
        looked.append(1)
        for failure in failures:
            raise failure
        return []

    keeper = Keeper(living=living, queues=lambda: ["default"])
    keeper.start()
    until(lambda: len(looked) >= 4)
    keeper.end()


def described() -> Description:
    """A worker of this process."""
    return leases.description(name="w@host", pool="prefork", concurrency=2)


def test_a_worker_is_registered_when_its_keeper_has_started() -> None:
    keeper = Keeper(living=list, queues=lambda: ["default"], described=described())
    keeper.start()
    try:
        assert Worker.objects.get().queues == ["default"]
    finally:
        keeper.end()


def test_a_database_that_answers_nothing_holds_up_no_start_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_START_PATIENCE", 0.1)
    keeper = Keeper(living=list, queues=lambda: ["default"], described=described())
    with sql.dedicated_connection() as other, other.transaction():
        other.execute("LOCK TABLE workflows_worker")
        keeper.start()
    try:
        until(lambda: Worker.objects.exists(), what="it is registered once the database answers")
    finally:
        keeper.end()
