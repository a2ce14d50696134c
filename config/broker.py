"""Celery's messages: in PostgreSQL by kombu's PGMQ transport with the repairs it needs; elsewhere with bounded waits.

Each repair has a regression test (tests/config/test_broker.py); when a kombu release passes it without, it goes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import pgmq as base
from pgmq import PGMQueue
from psycopg import errors, pq
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

SCHEME = "pgqueue"  # an alias: the URL scheme may not have a dot in it
_LONGEST_NAME = 47
_PATIENCE = 4  # seconds for an answer; by default a publisher waits for ever on a broker that hangs
# Seconds that PGMQ's pool waits for a connection. By default it waits for up to two minutes between two tries: a worker
# would be deaf for as long again as its database was away.
_POOL_PATIENCE = 10.0
_LIBPQ = frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
_MADE_MEANWHILE = (errors.DuplicateObject, errors.DuplicateTable, errors.UniqueViolation)
_MAKERS = 20  # workers that begin at the same moment
_RETRIES = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}  # a publisher's, to connect


class Channel(base.Channel):
    """Queues whose names are long, replies, and fan-out sends."""

    def entity_name(self, name: str, table: Any = base.CHARS_REPLACE_TABLE) -> str:
        """PGMQ refuses names over 47 characters; reply queues and long host names exceed that."""
        safe: str = super().entity_name(name, table)
        if len(safe) <= _LONGEST_NAME:
            return safe
        return f"{safe[:34]}_{hashlib.blake2s(safe.encode(), digest_size=6).hexdigest()}"

    def _new_queue(self, queue: str, **options: Any) -> None:
        """Of two workers that make a queue at the same time, the second one looks again and finds it made."""
        _settled(super()._new_queue, queue, **options)

    def _maybe_enable_notify(self, *arguments: Any, **options: Any) -> None:
        """The same with its trigger, which each consumer makes anew."""
        _settled(super()._maybe_enable_notify, *arguments, **options)

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        """Bindings live in the process that made them, so a worker cannot look up its caller's reply queue."""
        if exchange.startswith("reply.") and exchange.endswith(".pidbox"):
            return [f"{routing_key}.{exchange}"]
        return list(super()._lookup(exchange, routing_key, default))

    def _pgmq_send_kwargs(self, message: Any) -> dict[str, Any]:
        """`send_topic` without a delay calls an SQL function that does not exist."""
        arguments: dict[str, Any] = super()._pgmq_send_kwargs(message)
        if "headers" in arguments:
            arguments.setdefault("delay", 0)
        return arguments


class Transport(base.Transport):
    """After a fork the parent's connections must be left alone: closing them would end them for the parent, too."""

    Channel = Channel

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)  # type: ignore[no-untyped-call]
        self._pid = os.getpid()
        self._options: dict[str, Any] = client.transport_options

    def _leave_to_parent(self) -> None:
        if self._pid != os.getpid():
            self._inherited = (self._pgmq_client, self._notify_waiter)  # kept, or the collector would close them
            self._pgmq_client = self._notify_waiter = None
            self._pid = os.getpid()

    def _create_pgmq_client(self) -> Any:
        """Of the connection string it takes five words, unquoted; so its connections are made here."""
        options = self._options
        dsn = options["conn_string"]
        pool = _pool(dsn, options["pool_size"])
        client = PGMQueue(conn_string=dsn, vt=options["visibility_timeout"], init_extension=False, pool=pool)
        client._own_pool = True  # it closes what it owns
        return client

    def _get_pgmq_client(self) -> Any:
        self._leave_to_parent()
        return super()._get_pgmq_client()

    def _get_notify_waiter(self) -> Any:
        self._leave_to_parent()
        if self._notify_waiter is None:
            self._notify_waiter = base._NotifyWaiter(self._options["conn_string"])
        return self._notify_waiter

    def _register_notify_queue(self, queue_name: str) -> None:
        """A listening connection that was lost meanwhile is noticed only here; with a new one it goes on."""
        try:
            super()._register_notify_queue(queue_name)
        except (errors.OperationalError, errors.InterfaceError):
            waiter = self._get_notify_waiter()
            waiter._drop_conn(waiter._conn)
            super()._register_notify_queue(queue_name)

    def close_connection(self, connection: Any) -> Any:
        """Close what is ours."""
        self._leave_to_parent()
        return super().close_connection(connection)


TRANSPORT_ALIASES[SCHEME] = "config.broker:Transport"
SCHEMES = frozenset(TRANSPORT_ALIASES)


def options(url: str, database: dict[str, Any]) -> dict[str, Any]:
    """Options of the transport that the broker's URL names."""
    scheme = url.partition(":")[0]
    if scheme == SCHEME:
        return transport_options(database)
    if scheme in {"redis", "rediss"}:
        patience = {"socket_connect_timeout": _PATIENCE, "socket_timeout": _PATIENCE, "health_check_interval": 10}
        return {**_RETRIES, **patience, "socket_keepalive": True}
    if scheme in {"amqp", "amqps", "pyamqp"}:
        # Unconfirmed, nobody would notice that messages are not taken.
        return {**_RETRIES, "confirm_publish": True, "read_timeout": _PATIENCE, "write_timeout": _PATIENCE}
    return {}


def transport_options(database: dict[str, Any]) -> dict[str, Any]:
    """PGMQ's options for Django's database settings, whose connections have the same limits as Django's own."""
    parts = {"host": "localhost", "port": "5432", "user": "postgres"}
    parts |= {name: value for name, value in database.get("OPTIONS", {}).items() if name in _LIBPQ}
    named = {"dbname": "NAME", "host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    parts |= {name: database[setting] for name, setting in named.items() if database.get(setting)}
    return {
        "conn_string": make_conninfo(**parts),
        "init_extension": False,
        "visibility_timeout": 60,
        "wait_time_seconds": 0,  # a long poll would hold a lock that producers wait for
        "use_notify": True,
        "notify_throttle_interval_ms": 0,
        "polling_interval": 0.5,
        "pool_size": 4,
    }


def _settled(make: Callable[..., object], *arguments: Any, **options: Any) -> None:
    for _ in range(_MAKERS):
        with suppress(*_MADE_MEANWHILE):
            make(*arguments, **options)
            return
    make(*arguments, **options)


def _pool(dsn: str, size: int) -> ConnectionPool[Any]:
    return ConnectionPool(
        dsn, min_size=1, max_size=size, open=True, timeout=_POOL_PATIENCE, reconnect_timeout=_POOL_PATIENCE
    )
