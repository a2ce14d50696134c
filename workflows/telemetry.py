"""Every log sentence of the engine, by event name. The code that works contains no log prose."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from psycopg.errors import Diagnostic

_log = logging.getLogger("workflows")
_about: ContextVar[Mapping[str, object] | None] = ContextVar("telltale_log_facts", default=None)
_worker: Callable[[], str] | None = None


@contextmanager
def about(**facts: object) -> Iterator[None]:
    """Every line that is logged within, by whomever, belongs to this: workflow_id, definition, step, attempt."""
    reset = _about.set({**(_about.get() or {}), **facts})
    try:
        yield
    finally:
        _about.reset(reset)


def belongs_to_worker(identity: Callable[[], str]) -> None:
    """Every line of this process and of its children names the worker."""
    global _worker
    _worker = identity


def facts() -> dict[str, object]:
    """What is known of a line that is logged now."""
    worker = {"worker": _worker()} if _worker is not None else {}
    return {**worker, **(_about.get() or {})}


@contextmanager
def errors_only() -> Iterator[None]:
    """For who tells of losses on a screen: no warnings between its lines."""
    level = _log.level
    _log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        _log.setLevel(level)


def claimed(workflow_id: str, definition: str, token: int) -> None:
    """An execution begins."""
    told = {"workflow_id": workflow_id, "definition": definition}
    _log.info("workflow %r (%s) claimed, token %d", workflow_id, definition, token, extra=told)


def ended(workflow_id: str, status: str) -> None:
    """An execution ended the workflow."""
    _log.info("workflow %r %s", workflow_id, status, extra={"workflow_id": workflow_id})


def failed(workflow_id: str, definition: str, error: Exception, shown: Mapping[str, str] | None = None) -> None:
    """The workflow's own code raised an error, which ended it. `shown`: what its definition leaves of that, if not all.

    Then the error itself is not logged, by which its message and its traceback would be.
    """
    told = {"workflow_id": workflow_id, "definition": definition}
    if shown is not None:
        what, trace = f"{shown.get('type')}: {shown.get('message')}", shown.get("traceback", "")
        _log.error("workflow %r (%s) failed: %.300s\n%s", workflow_id, definition, what, trace, extra=told)
        return
    what = f"{type(error).__name__}: {error}"
    _log.error("workflow %r (%s) failed: %.300s", workflow_id, definition, what, extra=told, exc_info=error)


def stopped(workflow_id: str, reason: str) -> None:
    """An execution stopped without ending the workflow."""
    _log.info("workflow %r: this execution stopped: %s", workflow_id, reason, extra={"workflow_id": workflow_id})


def released(workflow_id: str, reason: str, *, hopeless: bool) -> None:
    """A workflow went back to its queue, or was quarantined."""
    told = {"workflow_id": workflow_id}
    if hopeless:
        _log.error("workflow %r quarantined: it keeps killing its worker (%s)", workflow_id, reason, extra=told)
    else:
        _log.warning("workflow %r back in its queue: %s", workflow_id, reason, extra=told)


def database_away(what: str, error: Exception, wait: float) -> None:
    """The database did not answer; the same question is asked again."""
    _log.warning("database does not answer for %s; asking again in %.1f s: %s", what, wait, str(error).strip())


def hints_failed(count: int, error: Exception) -> None:
    """Hints could not be sent; readers find the changes by their sweep."""
    _log.warning("%d hints not sent, readers will sweep: %s", count, str(error).strip())


def dispatch_failed(count: int, error: Exception) -> None:
    """Celery messages could not be sent; a worker's recovery will find the rows."""
    what = str(error).strip() or type(error).__name__
    _log.warning("%d Celery messages not sent, recovery will find the rows: %s", count, what)


def wakeups_left(workflow_id: str, error: Exception) -> None:
    """Waiters could not be woken; a worker's recovery will do it."""
    _log.warning("waiters of workflow %r not woken yet, recovery will: %s", workflow_id, str(error).strip())


def listener_lost(error: Exception) -> None:
    """The listening connection was lost."""
    _log.warning("listening connection lost, trying until it is back: %s", str(error).strip())


def listener_back() -> None:
    """The listening connection is there again."""
    _log.info("listening connection is back")


def database_warned(notice: Diagnostic) -> None:
    """PostgreSQL says something while hints are sent: its queue of notifications is filling, and who holds it up."""
    _log.warning("database: %s %s", notice.message_primary, notice.message_detail or "")


def strange_hint(payload: str, error: Exception) -> None:
    """Something was sent on the channel of hints that is no hint."""
    _log.warning("%.60r on the channel of hints is none, ignored: %s", payload, error)


def callback_failed() -> None:
    """A reader's callback raised; the listener goes on."""
    _log.exception("a listener callback failed")


def keeper_failed(error: Exception) -> None:
    """One round of lease keeping failed; the next comes soon."""
    _log.warning("lease keeping failed once, trying again: %s", str(error).strip())


def pool_child_died(worker: str) -> None:
    """A pool child is gone while the worker lives."""
    _log.warning("pool child %s is gone; releasing what it held", worker)


def schedule_changed(name: str, change: str, by: str) -> None:
    """Somebody created, paused, unpaused, triggered, backfilled or deleted a schedule."""
    _log.info("schedule %r: %s%s", name, change, f" by {by}" if by else "")


def schedule_failed(name: str, error: Exception) -> None:
    """A schedule could not start what is due; it is tried again, the others go on."""
    _log.error("schedule %r cannot start what is due, trying again: %s", name, str(error).strip())


def schedule_recovered(name: str) -> None:
    """A schedule that could not start what was due can again."""
    _log.info("schedule %r can start again", name)


def schedule_unknown(name: str, definition: str) -> None:
    """A schedule is overdue and this worker does not know its definition; perhaps none does."""
    _log.error("schedule %r is overdue: no definition %r in this worker; deploy it, or delete the schedule",
               name, definition)  # fmt: skip


def occurrences_missed(name: str, since: str, until: str, policy: str) -> None:
    """Nothing could start these occurrences in time."""
    _log.warning("schedule %r missed what was due from %s until before %s; its policy is %s",
                 name, since, until, policy)  # fmt: skip


def occurrence_refused(workflow_id: str, error: Exception) -> None:
    """The id of an occurrence is taken by a workflow that is none of the schedule's."""
    why = getattr(error, "brief", "") or str(error)  # the whole text may tell an input
    _log.error("occurrence %r not started: %s", workflow_id, why.strip())


def occurrence_left_out(workflow_id: str, twin: str) -> None:
    """An unfinished workflow has the dedup key of a schedule's starts."""
    _log.info("occurrence %r left out: %r has its dedup key and goes on", workflow_id, twin)


def bulk_interrupted(error: Exception) -> None:
    """A bulk action stopped in the middle: the database does not answer."""
    _log.warning("bulk actions stopped in the middle, workers carry on: %s", str(error).strip())


def stop_enforced() -> None:
    """A stopping worker hung, most often in a broker that is away, and was ended."""
    _log.warning("worker ended for certain: it was told to stop, executes nothing, and hung on its broker")


def worker_ended(worker_id: str, because: str) -> None:
    """A worker is gone, and its row says so."""
    if because == "stopped":
        _log.info("worker %s stopped", worker_id)
    else:
        _log.warning("worker %s is gone: %s", worker_id, because)


def redaction_failed(definition: str, what: str, error: Exception) -> None:
    """What a definition would hide is hidden altogether. The error's message may say it, so it is not told."""
    _log.error("redact of definition %r failed with %s; its %s is hidden", definition, type(error).__name__, what)
