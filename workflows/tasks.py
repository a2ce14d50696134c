"""Celery tasks and worker signals: ids in, one call, nothing else."""

from __future__ import annotations

import atexit
import os
import signal
from typing import Any

from billiard import active_children
from celery import current_app, shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from celery.worker import state

from workflows import alarms, engine, leases, recovery, registry, telemetry, ticks, workers
from workflows.conf import conf

# Seconds after the grace in which a stopping worker that executes nothing should have ended: a busy machine needs some,
# and process managers wait for half a minute.
_END_PATIENCE = 15.0


@shared_task(name="workflows.execute", ignore_result=True)
def execute(*, workflow_id: str, **_: Any) -> None:
    """Execute the workflow, then whatever else this worker's queues hold, for a bounded time."""
    if not leases.is_stop_announced():
        engine.work(
            workflow_id=workflow_id,
            queues=workers.consumed_by(leases.identity()) or _consumed_queues(),
            worker=leases.identity(),
            closing=leases.is_stop_announced,
            stopping=leases.is_stopping,
        )


@shared_task(name="workflows.sweep", ignore_result=True)
def sweep(**_: Any) -> None:
    """Heal by the clock of beat what workers could not heal for each other."""
    recovery.release_expired()
    recovery.wake_due()
    recovery.cancel_overdue()
    recovery.deliver_wakeups()
    recovery.fold_counts()
    recovery.redispatch(sorted(registry.queues()), limit=1)


@shared_task(name="workflows.tick", ignore_result=True)
def tick(**_: Any) -> None:
    """Start by the clock of beat what is due and no worker's own clock has started yet."""
    ticks.tick()


@worker_ready.connect
def _keep_leases(sender: Any, **_: Any) -> None:
    pool, controller = sender.pool, sender.controller
    alarms.Alarm(alarms.wake_due, name="telltale-alarm").start()
    alarms.Alarm(alarms.start_due, name="telltale-schedules").start()
    alarms.Alarm(alarms.run_errands, name="telltale-errands").start()
    described = leases.description(
        name=sender.hostname,
        pool=type(pool).__module__.rpartition(".")[2],
        concurrency=controller.concurrency or 1,
    )
    keeper = leases.Keeper(living=lambda: _living_processes(pool), queues=_consumed_queues, described=described)
    keeper.start()
    worker_shutdown.connect(lambda **_: keeper.end(), sender=controller, weak=False)


@worker_shutting_down.connect
def _hand_back_soon(**_: Any) -> None:
    leases.announce_stop()
    signal.signal(signal.SIGALRM, _end_unless_busy)
    signal.setitimer(signal.ITIMER_REAL, conf().shutdown_grace + _END_PATIENCE, 1.0)
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)  # Celery has ended; without its handler an alarm kills


def _end_unless_busy(*_: Any) -> None:
    """Celery asks a broker that is away again and again, also when told to stop: a worker would never end.

    An alarm and no thread: this must not depend on what the main thread holds while it hangs.
    """
    if state.active_requests:
        return
    telemetry.stop_enforced()
    for pid in [child.pid for child in active_children() if child.pid]:  # they execute nothing
        os.kill(pid, signal.SIGKILL)
    os._exit(1)


def _consumed_queues() -> list[str]:
    """In the parent as of now; in a pool child as they were when it was forked."""
    return sorted(current_app.amqp.queues.consume_from)


def _living_processes(pool: Any) -> list[int]:
    """The pids that may hold workflows. Only the prefork pool has processes of its own; billiard hides them."""
    processes = getattr(getattr(pool, "_pool", None), "_pool", None)
    if not processes:
        return [os.getpid()]
    return [process.pid for process in list(processes) if process.pid and process.exitcode is None]
