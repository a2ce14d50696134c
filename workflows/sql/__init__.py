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
    return psycopg.connect(**parameters, autocommit=True)
