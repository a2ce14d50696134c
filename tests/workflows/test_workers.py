"""Workers as operators see them: registered, refreshed, ended, buried; and what nobody serves."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.definitions import doubling
from tests.execution import assert_history_is_whole, claim
from tests.people import People
from workflows import leases, operations, processes, queues, registry, sql, versions, workers
from workflows.durable import Status
from workflows.leases import Keeper
from workflows.models import Worker, Workflow
from workflows.workers import Description

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _not_stopping() -> Iterator[None]:
    yield
    leases._DOUBLE.pack_into(leases._stop_at, 0, 0.0)


def described(worker_id: str = "host:1-abc", *, pid: int | None = None, name: str = "w@host") -> Description:
    """A worker, by default of this very process."""
    return Description(id=worker_id, host="host", pid=pid or os.getpid(), name=name, pool="prefork", concurrency=4)


def register(
    worker_id: str = "host:1-abc", *, serves: tuple[str, ...] = ("default",), pid: int | None = None
) -> Worker:
    """A registered worker."""
    workers.register(described(worker_id, pid=pid), serves)
    return Worker.objects.get(id=worker_id)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine that does nothing."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield child
    child.kill()
    child.wait()


def reason(worker_id: str) -> str:
    """Why the worker ended; empty while it lives."""
    return Worker.objects.get(id=worker_id).ended_because


def test_a_registered_worker_says_what_it_serves_and_which_code_it_has() -> None:
    row = register(serves=("default", "mail"))
    assert row.queues == ["default", "mail"]
    assert row.definitions == registry.names()
    assert row.version == versions.code_version()
    assert row.machine == processes.machine()
    assert row.process_started == processes.started(os.getpid())
    assert [worker.id for worker in workers.alive()] == [row.id]
    assert workers.state(row, timezone.now()) == "ready"


def test_a_heartbeat_refreshes_and_revives_a_row_and_finds_out_when_there_is_none() -> None:
    assert not workers.heartbeat("host:1-abc", ["default"])
    began = register().started_at
    past = timezone.now() - timedelta(hours=1)
    Worker.objects.update(heartbeat_at=past, ended_at=past, ended_because="silent")
    assert list(workers.alive()) == []
    assert workers.heartbeat("host:1-abc", ["default", "late"])
    (row,) = workers.alive()
    assert (row.queues, row.ended_because, row.started_at) == (["default", "late"], "", began)


def test_a_worker_whose_row_was_lost_registers_again_with_its_next_renewal() -> None:
    about = leases.description(name="w@host", pool="prefork", concurrency=2)
    keeper = Keeper(living=list, queues=lambda: ["default"], described=about)
    keeper._renew()
    assert Worker.objects.get(id=about.id).concurrency == 2
    Worker.objects.all().delete()
    keeper._renew()
    assert Worker.objects.filter(id=about.id).exists()
    assert leases.identity(7) == f"{about.id}/7"


def test_a_stop_is_shown_while_it_lasts_and_the_end_afterwards() -> None:
    about = leases.description(name="w@host", pool="prefork", concurrency=2)
    keeper = Keeper(living=list, queues=lambda: ["default"], described=about)
    keeper._renew()
    leases.announce_stop()
    keeper._say_when_stopping()
    row = Worker.objects.get(id=about.id)
    assert workers.state(row, timezone.now()) == "stopping"
    keeper.start()
    keeper.end()
    row.refresh_from_db()
    assert workers.state(row, timezone.now()) == "stopped"
    assert row.stopping_at is not None


def test_a_process_that_is_gone_is_marked_at_once_and_loses_what_it_held(process: subprocess.Popen[bytes]) -> None:
    register("dead", pid=process.pid)
    held, similar = doubling.start([1]), doubling.start([2])
    claim(held, worker="dead/11")
    claim(similar, worker="dead_too/11")
    assert workers.bury() == []
    process.kill()
    process.wait()
    assert workers.bury() == ["dead"]
    assert reason("dead") == "died"
    assert held.status() is Status.QUEUED
    assert similar.status() is Status.RUNNING
    assert_history_is_whole(held.id)
    assert workers.bury() == []


def test_a_process_that_ended_but_was_not_waited_for_counts_as_gone(process: subprocess.Popen[bytes]) -> None:
    register("dead", pid=process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in the table of processes
    assert workers.bury() == ["dead"]


def test_another_process_with_the_same_id_is_not_taken_for_the_worker() -> None:
    row = register("earlier")
    Worker.objects.update(process_started=row.process_started - 1)
    assert workers.bury() == ["earlier"]


def test_a_worker_of_another_machine_is_given_up_only_when_its_heartbeats_are_missing() -> None:
    register("far")
    Worker.objects.update(machine="another", pid=2**22, process_started=1)
    handle = doubling.start([1])
    claim(handle, worker="far/1")
    assert workers.bury() == []
    Worker.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=16))
    assert list(workers.alive()) == []
    assert workers.state(Worker.objects.get(), timezone.now()) == "silent"
    assert workers.bury(except_for="far") == []
    assert workers.bury() == ["far"]
    assert reason("far") == "silent"
    assert handle.status() is Status.RUNNING, "its lease decides"


def test_a_worker_is_not_buried_before_all_that_it_held_is_released(process: subprocess.Popen[bytes]) -> None:
    register("dead", pid=process.pid)
    handle = doubling.start([1])
    claim(handle, worker="dead/1")
    process.kill()
    process.wait()
    with sql.dedicated_connection() as other, other.transaction():
        other.execute("SELECT 1 FROM workflows_workflow WHERE id = %s FOR UPDATE", [handle.id])
        assert workers.bury() == []
        assert reason("dead") == ""
    assert workers.bury() == ["dead"]
    assert handle.status() is Status.QUEUED


def test_ended_workers_are_forgotten_after_a_week() -> None:
    register("long ago")
    register("lately")
    Worker.objects.update(ended_because="stopped", ended_at=timezone.now() - timedelta(days=6))
    Worker.objects.filter(id="long ago").update(ended_at=timezone.now() - timedelta(days=8))
    workers.bury()
    assert list(workers.known().values_list("id", flat=True)) == ["lately"]


def test_what_a_worker_runs_is_found_by_its_exact_name() -> None:
    mine, other = doubling.start([1]), doubling.start([2])
    claim(mine, worker="w_1/5")
    claim(other, worker="wx1/5")
    assert [workflow.id for workflow in workers.holding("w_1")] == [mine.id]
    assert workers.held_counts() == {"w_1": 1, "wx1": 1}


def test_queues_that_nobody_consumes_are_named_with_count_and_age() -> None:
    register(serves=("default",))
    doubling.start([1])
    doubling.using(queue="lonely").start([1])
    first = doubling.using(queue="lonely", priority=-3).start([1])
    doubling.using(queue="lonely", priority=7).start([1])
    oldest = timezone.now() - timedelta(hours=1)
    Workflow.objects.filter(id=first.id).update(available_at=oldest)
    queues.pause("held")
    (lonely,) = workers.unconsumed_queues()
    assert (lonely.name, lonely.queued, lonely.oldest_at) == ("lonely", 3, oldest)
    states = {queue.name: queue for queue in workers.queue_states()}
    assert sorted(states) == ["default", "held", "lonely"]
    assert (states["default"].consumers, states["default"].queued) == (1, 1)
    assert states["held"].limits is not None
    assert states["held"].limits.paused
    workers.stopping("host:1-abc")
    assert [queue.name for queue in workers.unconsumed_queues()] == ["default", "lonely"]


def test_a_queue_counts_what_runs_and_is_gone_when_it_is_empty_and_unlimited() -> None:
    handle = doubling.using(queue="mail").start([1])
    claim(handle)
    (queue,) = workers.queue_states()
    assert (queue.name, queue.queued, queue.oldest_at, queue.running) == ("mail", 0, None, 1)
    operations.cancel(handle.id)
    assert workers.queue_states() == []


@pytest.mark.usefixtures("swept")
def test_long_queues_are_counted_exactly_and_their_oldest_is_found_by_index_alone() -> None:
    now = timezone.now()
    Workflow.objects.bulk_create(
        Workflow(id=f"{queue}-{number}", definition="doubling", queue=queue, input={}, priority=number % 3,
                 created_at=now, available_at=now, status_at=now)
        for queue in ("a", "b", "c") for number in range(2_000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_workflow")
        cursor.execute("EXPLAIN " + workers._OLDEST)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan, plan
    assert [(queue.name, queue.queued, queue.oldest_at) for queue in workers.unconsumed_queues()] == [
        ("a", 2_000, now),
        ("b", 2_000, now),
        ("c", 2_000, now),
    ]


def test_definitions_that_no_worker_knows_are_named_while_workflows_of_them_are_unfinished() -> None:
    doubling.start([1])
    lost, ended = doubling.start([2]), doubling.start([3])
    operations.cancel(ended.id)
    Workflow.objects.filter(id=lost.id).update(definition="removed_lately")
    Workflow.objects.filter(id=ended.id).update(definition="removed_long_ago")
    assert [stranded.definition for stranded in workers.stranded_definitions()] == ["doubling", "removed_lately"]
    register()
    (stranded,) = workers.stranded_definitions()
    assert (stranded.definition, stranded.workflows) == ("removed_lately", 1)


def test_the_code_version_is_the_settings_or_a_digest_that_no_path_enters(settings: pytest.FixtureRequest) -> None:
    version = versions.code_version.__wrapped__
    assert len(version()) == 12
    assert int(version(), 16) >= 0
    settings.CODE_VERSION = "abc123"  # type: ignore[attr-defined]
    assert version() == "abc123"


def test_where_there_is_no_proc_the_host_names_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert processes.machine.__wrapped__().startswith("host:")
    assert processes.started(os.getpid()) == 0
    assert processes.lives(os.getpid(), 0)
    assert processes.started(2**22 + 1) is None


def shown(*words: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("workflow", *words, stdout=out)
    return out.getvalue()


def test_the_command_lists_workers_and_what_none_of_them_knows() -> None:
    assert "Start one" in shown("workers")
    register("host:1-abc", serves=("default", "mail\x1b[2J"))
    handle, lost = doubling.start([1]), doubling.start([2])
    claim(handle, worker="host:1-abc/9")
    Workflow.objects.filter(id=lost.id).update(definition="removed_lately")
    _head, line, stranded = shown("workers").splitlines()
    assert line.split()[:5] == ["w@host", "ready", "prefork", "4", "1"]
    assert versions.code_version() in line
    assert "\x1b" not in line
    assert stranded.startswith("1 of removed_lately: no worker knows this definition")
    workers.ended("host:1-abc", because="stopped")
    assert "Start one" in shown("workers")
    (row,) = json.loads(shown("workers", "--all", "--json"))["workers"]
    assert (row["state"], row["holding"], row["id"]) == ("stopped", 0, "host:1-abc")


def test_the_command_says_in_words_which_queue_nobody_consumes() -> None:
    assert "No queue" in shown("queues")
    register(serves=("default",))
    doubling.using(queue="lonely").start([1])
    queues.set_limits("lonely", concurrency=3, rate_limit=10, rate_period=1.5)
    queues.pause("default")
    _head, default, lonely, words = shown("queues").splitlines()
    assert default.split() == ["default", "0", "0", "–", "1", "paused"]
    assert lonely.split()[:3] == ["lonely", "1", "0"]
    assert lonely.endswith("concurrency=3, rate_limit=10, rate_period=1.5")
    assert words == "Nobody consumes lonely: start a worker with -Q lonely"
    told = {row["name"]: row for row in json.loads(shown("queues", "--json"))["queues"]}
    assert told["lonely"]["consumers"] == 0
    assert told["lonely"]["oldest_wait"] >= 0
    assert told["default"]["paused"] is True


@pytest.mark.usefixtures("collected_static")
def test_the_admin_lists_workers_latest_first_and_changes_nothing(people: People, client: Client) -> None:
    client.force_login(people.operator)
    register("first")
    register("second")
    content = client.get("/admin/workflows/worker/").content.decode()
    assert content.index("second") < content.index("first")
    page = client.get("/admin/workflows/worker/first/change/")
    assert page.status_code == 200
    assert processes.machine() in page.content.decode()
    assert client.post("/admin/workflows/worker/first/change/", {"name": "x"}).status_code == 403
    assert client.get("/admin/workflows/worker/add/").status_code == 403
    client.force_login(people.stranger)
    assert client.get("/admin/workflows/worker/").status_code in {302, 403}


def test_a_heartbeat_that_came_just_now_keeps_a_worker_from_being_called_silent() -> None:
    register()
    workers.ended("host:1-abc", because=workers.SILENT)
    assert reason("host:1-abc") == ""
    Worker.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=16))
    workers.ended("host:1-abc", because=workers.SILENT)
    assert reason("host:1-abc") == "silent"


def test_what_keeps_workers_from_a_queued_workflow_is_said_with_its_cure() -> None:
    handle = doubling.start([1])

    def words() -> str | None:
        return workers.obstacle(Workflow.objects.get(id=handle.id))

    assert words() == "No worker lives. Start one: celery -A config worker."
    described = workers.Description(id="h:1-a", host="h", pid=1, name="w@h", pool="prefork", concurrency=2)
    workers.register(described, ["mail"])
    assert words() == "Nobody consumes queue default. Start a worker with -Q default."
    workers.register(described, ["default"])
    assert words() is None
    Worker.objects.update(definitions=["another"])
    assert str(words()).startswith("No worker of queue default knows the definition doubling.")
    queues.pause("default")
    assert str(words()).startswith("Queue default is paused")
