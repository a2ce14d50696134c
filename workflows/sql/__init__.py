"""The hand-written statements, and how they are run.

They are written by hand because each is one round trip and one commit: it checks the fencing token and the status,
takes the next seq, writes the fact and appends the event. The ORM would need four statements and a transaction.
No row back means: the workflow was not in the state that the statement demands, and nothing was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from workflows.conf import conf

# Seconds and milliseconds of the server's own patience with a client over TCP, as parts of a lease.
_MIND_LOST_CLIENTS: LiteralString = """
SELECT set_config('tcp_keepalives_idle', %(third)s, false), set_config('tcp_keepalives_interval', %(sixth)s, false),
       set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', %(lease)s, false)"""


def fetch(statement: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement on Django's connection, joining its transaction if there is one; prepared on the server.

    Raises Django's database errors.
    """
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []


def dedicated_connection() -> psycopg.Connection[tuple[Any, ...]]:
    """A new autocommit connection to Django's database, outside its pool and its per-thread bookkeeping."""
    parameters = connection.get_connection_params()
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    made = psycopg.connect(**parameters, autocommit=True)
    if made.info.host and not made.info.host.startswith("/"):
        made.execute(_MIND_LOST_CLIENTS, _patience_with_clients())
    return made


def mind_lost_clients(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have the server end this session within a lease once its host vanished without a word.

    By default it keeps such a session for two hours, with its open transaction and its locks: whoever takes the
    workflow over and writes the same rows would wait for that. Called when Django has made a connection.
    """
    if connection.vendor == "postgresql" and not str(connection.settings_dict["HOST"] or "/").startswith("/"):
        with connection.cursor() as cursor:
            cursor.execute(_MIND_LOST_CLIENTS, _patience_with_clients())


def _patience_with_clients() -> dict[str, str]:
    lease = conf().lease_seconds
    return {"third": str(max(1, int(lease / 3))), "sixth": str(max(1, int(lease / 6))), "lease": str(int(lease * 1000))}
