"""A database that goes away comes back: the same question is asked again, until it answers or patience ends.

Away is whatever a workflow is not to blame for: a lost connection, a server that starts, has no connection left, no
room on its disk, or takes no writes for the moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from django.db import InterfaceError, InternalError, OperationalError, connection

from workflows import telemetry
from workflows.conf import conf

T = TypeVar("T")
AWAY = (OperationalError, InterfaceError, InternalError)


class Patience:
    """One question's. `endure` waits for the next try, with a new connection; raises the error when there is none.

    `within` is in seconds; by default as long as a checkpoint asks.
    """

    def __init__(self, what: str, *, within: float | None = None) -> None:
        self._what, self._wait = what, 0.05
        self._deadline = time.monotonic() + (conf().database_patience if within is None else within)

    def endure(self, error: Exception) -> None:
        """Inside a transaction of the caller there is no second try: the transaction is gone as a whole."""
        if not is_away(error) or connection.in_atomic_block or time.monotonic() > self._deadline:
            raise error
        telemetry.database_away(self._what, error, self._wait)
        connection.close()
        time.sleep(self._wait)
        self._wait = min(self._wait * 2, 2.0)


def is_away(error: BaseException) -> bool:
    """Whether the database, not the question, is the reason. A server that is read-only now raises InternalError."""
    if isinstance(error, InternalError):
        return isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction)
    return isinstance(error, AWAY)


def once_more(read: Callable[[], T]) -> T:
    """The answer to a read, asked twice at most: a connection that broke while idle says so only when it is used."""
    try:
        return read()
    except AWAY:
        connection.close()
        return read()


def patiently(read: Callable[[], T], *, what: str) -> T:
    """The answer to a read that a workflow needs to go on. `what` says in logs whose it is."""
    patience = Patience(what)
    while True:
        try:
            return read()
        except AWAY as error:
            patience.endure(error)
