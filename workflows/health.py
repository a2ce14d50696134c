"""Whether what this process needs is there: each finding says how it is, how long asking took, and the cure.

Only the database and its tables are needed to serve people; without a broker, workers or hints everything is slow or
stands still, and the console is where one sees why. So those are `degraded`, never `failed`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Max, Sum
from django.db.models.functions import Extract, Now

from workflows import dispatch, workers
from workflows.conf import conf
from workflows.listener import listener
from workflows.patience import once_more

OK, DEGRADED, FAILED = "ok", "degraded", "failed"
_ECHO_PATIENCE = 1.0  # seconds for a hint to arrive
_DATABASE_CURE = "Start PostgreSQL, or correct DATABASE_URL; checkpoints and pages ask again by themselves."


@dataclass(frozen=True)
class Finding:
    """How one thing is: OK, DEGRADED or FAILED; `seconds` is what asking took. `cure` is empty where none is needed."""

    state: str
    says: str
    cure: str = ""
    seconds: float = 0.0


def _measured(look: Callable[[], Finding], lost: str = FAILED) -> Finding:
    """What it finds, with the time that took."""
    began = time.monotonic()
    try:
        found = once_more(look)
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        found = Finding(lost, f"the database does not answer: {str(error).strip()}", _DATABASE_CURE)
    return Finding(found.state, found.says, found.cure, time.monotonic() - began)


def of_database() -> dict[str, Finding]:
    """The database, its migrations and the workers that it knows. Asks them on this thread's connection."""
    found = {"database": _measured(_database)}
    if found["database"].state == OK:
        found["migrations"] = _measured(_migrations)
    if found.get("migrations") and found["migrations"].state == OK:
        found["workers"] = _measured(_workers, DEGRADED)
    return found


def _database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool")
        (read_only,) = cursor.fetchone()
    if read_only:
        return Finding(FAILED, "takes no writes: it is a standby", "Point DATABASE_URL at the primary server.")
    return Finding(OK, "answers")


@cache
def _needed_migrations() -> frozenset[tuple[str, str]]:
    """Those of the code, which stays what it is as long as the process lives."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _migrations() -> Finding:
    missing = sorted(_needed_migrations() - set(MigrationRecorder(connection).applied_migrations()))
    if not missing:
        return Finding(OK, "all applied")
    app, name = missing[0]
    says = f"{len(missing)} not applied, the first is {app} {name}"
    return Finding(FAILED, says, "Run manage.py migrate with this code, then start its processes.")


def _workers() -> Finding:
    alive = workers.alive().aggregate(
        number=Count("id"), slots=Sum("concurrency"), age=Extract(Now() - Max("heartbeat_at"), "epoch")
    )
    if not alive["number"]:
        return Finding(DEGRADED, "none lives", "Start one: celery -A config worker.")
    says = (
        f"{alive['number']} live with {alive['slots']} pool children; the newest heartbeat is {alive['age']:.1f} s old"
    )
    if alive["age"] > 2 * conf().renew_interval:
        return Finding(DEGRADED, says, "Look at the load of the workers' hosts and at their logs.")
    return Finding(OK, says)


def of_broker() -> dict[str, Finding]:
    """Whatever carries Celery's messages."""
    return {"broker": _measured(_broker)}


def _broker() -> Finding:
    try:
        dispatch.ask_broker()
    except Exception as error:  # each driver raises types of its own
        says = f"does not answer: {str(error).strip() or type(error).__name__}"
        return Finding(
            DEGRADED, says, "Start the broker, or correct CELERY_BROKER_URL; workers find the rows meanwhile."
        )
    return Finding(OK, "answers")


def of_hints() -> dict[str, Finding]:
    """How quickly a hint comes to this process."""
    return {"hints": _measured(_hints, DEGRADED)}


def _hints() -> Finding:
    every = conf().sweep_interval
    if not conf().hints:
        return Finding(OK, f"off: readers look every {every:g} s")
    cure = f"Readers look every {every:g} s meanwhile. LISTEN needs a direct connection to PostgreSQL, not a pooler's."
    took = listener().echo(within=_ECHO_PATIENCE)
    if took is None:
        return Finding(DEGRADED, f"do not arrive within {_ECHO_PATIENCE:g} s", cure)
    if took > every:
        return Finding(DEGRADED, f"arrive after {took * 1000:.0f} ms", f"The server is busy. {cure}")
    return Finding(OK, f"arrive after {took * 1000:.1f} ms")
