"""Workers as operators see them: who lives and what it does, who is gone, and what nobody serves.

A worker registers when it is ready and refreshes its row with every renewal of leases. Workers bury each other: on one
machine as soon as the process is gone, elsewhere when the heartbeats have been missing for a lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now

from workflows import counts, processes, recovery, registry, telemetry
from workflows.conf import conf
from workflows.models import Queue, Worker, Workflow
from workflows.sql import fetch
from workflows.states import ACTIVE, Status
from workflows.versions import code_version

STOPPED, DIED, SILENT = "stopped", "died", "silent"
_REMEMBERED = timedelta(days=7)  # how long the row of an ended worker is kept
_MOST_COMPARED = 500  # workers that began before a moment, and after it


@dataclass(frozen=True)
class Description:
    """What a worker process is told about itself. id: the part of `Workflow.worker` before the slash."""

    id: str
    host: str
    pid: int
    name: str  # Celery's node name
    pool: str
    concurrency: int


def register(described: Description, queues: Sequence[str]) -> None:
    """This will write the worker's row, as one that lives."""
    facts = {
        "host": described.host[:200], "pid": described.pid, "name": described.name[:200],
        "pool": described.pool[:40], "concurrency": described.concurrency,
        "machine": processes.machine(), "process_started": processes.started(described.pid) or 0,
        "queues": list(queues), "definitions": registry.names(), "version": code_version(),
        "heartbeat_at": Now(), "ended_at": None, "ended_because": "",
    }  # fmt: skip
    Worker.objects.update_or_create(id=described.id, defaults=facts, create_defaults={**facts, "started_at": Now()})


def heartbeat(worker_id: str, queues: Sequence[str]) -> bool:
    """This will say that the worker lives, also if others believed otherwise. False: it is not registered."""
    row = Worker.objects.filter(id=worker_id)
    return bool(row.update(heartbeat_at=Now(), queues=list(queues), ended_at=None, ended_because=""))


def consumed_by(claimant: str) -> list[str]:
    """The queues that the worker of this pool process consumes now, as its parent told last; empty if it told nothing.

    Celery's remote control (add_consumer, cancel_consumer) reaches the parent alone.
    """
    row = _expected().filter(id=claimant.partition("/")[0]).values_list("queues", flat=True).first()
    return list(row or [])


def stopping(worker_id: str) -> None:
    """This will say that the worker takes nothing new any more."""
    Worker.objects.filter(id=worker_id).update(stopping_at=Coalesce(F("stopping_at"), Now()))


def ended(worker_id: str, *, because: str) -> bool:
    """This will mark a worker as gone and release what it still holds; False: something of it is in use right now.

    `because` is STOPPED, DIED or SILENT. What a silent worker holds is left to its lease.
    """
    if because != SILENT:
        while recovery.release_held_by(_claimants(worker_id)):
            pass
        if _claimants(worker_id):
            return False
    row = _silent() if because == SILENT else _expected()  # a heartbeat may have come just now
    if row.filter(id=worker_id).update(ended_at=Now(), ended_because=because):
        telemetry.worker_ended(worker_id, because)
    return True


def _claimants(worker_id: str) -> list[str]:
    """The exact names under which the processes of this worker hold workflows now."""
    names = _held(worker_id).order_by("worker").values_list("worker", flat=True).distinct()
    return [str(name) for name in names]


def _held(worker_id: str) -> QuerySet[Workflow]:
    return Workflow.objects.filter(status=Status.RUNNING, worker__startswith=f"{worker_id}/")


def bury(*, except_for: str = "") -> list[str]:
    """This will mark workers that are gone, and forget those that have been for a week; returns the former's ids.

    What a dead process of this machine held is released at once. `except_for`: who asks, and so lives.
    """
    gone = [worker_id for worker_id in _dead_here(except_for) if ended(worker_id, because=DIED)]
    silent = _silent().exclude(id=except_for)
    gone += [worker_id for worker_id in silent.values_list("id", flat=True) if ended(worker_id, because=SILENT)]
    Worker.objects.filter(ended_at__lt=Now() - _REMEMBERED).delete()
    return gone


def _dead_here(except_for: str) -> list[str]:
    here = _expected().filter(machine=processes.machine()).exclude(id=except_for)
    rows = here.values_list("id", "pid", "process_started")
    return [worker_id for worker_id, pid, started in rows if not processes.lives(pid, started)]


def _expected() -> QuerySet[Worker]:
    return Worker.objects.filter(ended_at__isnull=True)


def _silent() -> QuerySet[Worker]:
    return _expected().filter(heartbeat_at__lt=Now() - _patience())


def _patience() -> timedelta:
    return timedelta(seconds=conf().lease_seconds)


def alive() -> QuerySet[Worker]:
    """The workers that live, as far as anybody knows, by name. Nobody is needed who buries the others."""
    return _expected().filter(heartbeat_at__gte=Now() - _patience()).order_by("name", "id")


@dataclass(frozen=True)
class CodeChange:
    """At this moment a worker began that runs another code than those before it."""

    at: datetime
    version: str


def code_changes(since: datetime) -> list[CodeChange]:
    """This will return when other code began to run, oldest first: a deploy, or going back from one.

    Only the first worker of a deploy counts: one like those that live, or like the one that began before it, does not.
    """
    changes: list[CodeChange] = []
    begun = Worker.objects.order_by("started_at", "id").only("version", "started_at", "ended_at")
    before = list(begun.filter(started_at__lt=since).reverse()[:_MOST_COMPARED])[::-1]
    for worker in begun.filter(started_at__gte=since)[:_MOST_COMPARED]:
        if before and worker.version != before[-1].version:
            there = [one for one in before if one.ended_at is None or one.ended_at > worker.started_at]
            if worker.version not in {one.version for one in there}:
                changes.append(CodeChange(worker.started_at, worker.version))
        before.append(worker)
    return changes


def known() -> QuerySet[Worker]:
    """All workers of the last days: the living first, then those that ended, latest first."""
    return Worker.objects.order_by(F("ended_at").desc(nulls_first=True), "name", "id")


def state(worker: Worker, now: datetime) -> str:
    """How a worker is, in a word: ready, stopping, stopped, died or silent."""
    if worker.ended_at is not None:
        return worker.ended_because
    if worker.heartbeat_at < now - _patience():
        return SILENT
    return "stopping" if worker.stopping_at else "ready"


def holding(worker_id: str) -> list[Workflow]:
    """What the worker runs now, longest first; without inputs and outcomes."""
    heavy = ("input", "output", "error", "waiting")
    return list(_held(worker_id).defer(*heavy).order_by("status_at", "id"))


def held_counts() -> Counter[str]:
    """How many workflows each worker runs now, by its id."""
    claimants = Workflow.objects.filter(status=Status.RUNNING).values_list("worker", flat=True)
    return Counter(str(claimant).rpartition("/")[0] for claimant in claimants)


@dataclass(frozen=True)
class QueueState:
    """A queue as it stands. oldest_at: since when its first one could be claimed."""

    name: str
    queued: int = 0
    running: int = 0
    waiting: int = 0
    delayed: int = 0
    oldest_at: datetime | None = None
    consumers: int = 0
    limits: Queue | None = None  # None: it has no row, so no limits


# Loose index scan: from the first row of each queue and priority to that of the next, one probe each. Both of a probe's
# candidates are ordered, so that the rest of a queue comes before the next queue.
_OLDEST: LiteralString = """
WITH RECURSIVE first AS (
    (SELECT queue, priority, available_at FROM workflows_workflow
     WHERE status = 'queued' ORDER BY queue, priority DESC, available_at LIMIT 1)
    UNION ALL
    SELECT next.queue, next.priority, next.available_at FROM first CROSS JOIN LATERAL (
        (SELECT queue, priority, available_at FROM workflows_workflow
         WHERE status = 'queued' AND queue = first.queue AND priority < first.priority
         ORDER BY priority DESC, available_at LIMIT 1)
        UNION ALL
        (SELECT queue, priority, available_at FROM workflows_workflow
         WHERE status = 'queued' AND queue > first.queue ORDER BY queue, priority DESC, available_at LIMIT 1)
        ORDER BY queue LIMIT 1
    ) AS next
)
SELECT queue, min(available_at) FROM first GROUP BY queue"""


def queue_states() -> list[QueueState]:
    """Every queue that holds something, has limits, or is consumed, by name."""
    holds = counts.by_queue(count for count in counts.everything() if count.status in ACTIVE)
    oldest: dict[str, datetime] = dict(fetch(_OLDEST, {}))
    consumers = _consumers()
    limits = Queue.objects.in_bulk()
    return [
        QueueState(
            name=name,
            queued=holds[name, Status.QUEUED],
            running=holds[name, Status.RUNNING],
            waiting=holds[name, Status.WAITING],
            delayed=holds[name, Status.DELAYED],
            oldest_at=oldest.get(name),
            consumers=consumers[name],
            limits=limits.get(name),
        )
        for name in sorted({*(name for name, _status in holds), *consumers, *limits})
    ]


def unconsumed_queues() -> list[QueueState]:
    """Queues with queued workflows that no living worker consumes."""
    return [queue for queue in queue_states() if queue.queued and not queue.consumers]


def _consumers() -> Counter[str]:
    taking = alive().filter(stopping_at__isnull=True).values_list("queues", flat=True)
    return Counter(name for queues in taking for name in queues)


@dataclass(frozen=True)
class Stranded:
    """A definition that no living worker knows, with `workflows` unfinished ones."""

    definition: str
    workflows: int


def stranded_definitions() -> list[Stranded]:
    """Definitions of unfinished workflows that no living worker knows; their workflows stay where they are."""
    known_ones = {name for names in alive().values_list("definitions", flat=True) for name in names}
    unfinished: Counter[str] = Counter()
    for count in counts.everything():
        if count.status in ACTIVE and count.definition not in known_ones:
            unfinished[count.definition] += count.workflows
    return [Stranded(name, number) for name, number in sorted(unfinished.items()) if number]


def obstacle(workflow: Workflow) -> str | None:
    """Why no worker takes a queued workflow, and the cure, in words; None: one will, as soon as it can."""
    if workflow.status != Status.QUEUED:
        return None
    queue, definition, living = workflow.queue, workflow.definition, list(alive())
    consumers = [worker for worker in living if queue in worker.queues]
    if Queue.objects.filter(name=queue, paused=True).exists():
        return f"Queue {queue} is paused: nobody takes anything from it until it is unpaused."
    if not living:
        return "No worker lives. Start one: celery -A config worker."
    if not consumers:
        return f"Nobody consumes queue {queue}. Start a worker with -Q {queue}."
    if not any(definition in worker.definitions for worker in consumers):
        return f"No worker of queue {queue} knows the definition {definition}. Start one with its code, or cancel this."
    return None
