"""The repairs of kombu's PGMQ transport, one test each; when one passes without its repair, the repair goes.

And what every broker must do, asked of the one that the suite runs on.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import connection as database
from kombu import Connection
from psycopg.conninfo import conninfo_to_dict

from config import celery_app
from config.broker import SCHEME, Channel, transport_options
from tests.processes import Worker
from tests.wait import PATIENCE, until


def broker() -> Connection:
    """A connection to the test database's queues."""
    return Connection(f"{SCHEME}://localhost", transport_options=transport_options(database.settings_dict))


@pytest.mark.django_db(transaction=True)
def test_a_worker_answers_a_ping(worker: Worker) -> None:
    """Needs the reply queue's long name, the reply's route, and a fan-out send that the SQL knows."""
    answers: list[Any] = until(lambda: celery_app.control.ping(timeout=20, limit=1))
    assert [next(iter(answer.values())) for answer in answers] == [{"ok": "pong"}]
    address = celery_app.connection().as_uri().rstrip("/").rpartition("@")[2]
    assert worker.said(address), "the worker does not use the broker of the suite"


@pytest.mark.django_db(transaction=True)
def test_names_longer_than_pgmq_allows_are_shortened_and_stay_distinct() -> None:
    with broker() as connection:
        channel = connection.channel()
        assert isinstance(channel, Channel)
        first, second = channel.entity_name("a" * 60 + "1"), channel.entity_name("a" * 60 + "2")
        assert max(len(first), len(second)) <= 47
        assert first != second
        assert channel.entity_name("short") == "short"


@pytest.mark.django_db(transaction=True)
def test_a_message_sent_is_received() -> None:
    with broker() as connection:
        queue = connection.SimpleQueue("plain")
        queue.put({"number": 1})
        message = queue.get(timeout=PATIENCE)
        assert message.payload == {"number": 1}
        message.ack()
        queue.close()


@pytest.mark.django_db(transaction=True)
def test_a_fork_leaves_the_parents_connection_alone() -> None:
    with broker() as connection:
        queue = connection.SimpleQueue("forked")
        queue.put("before")
        child = os.fork()
        if child == 0:
            try:
                connection.collapse()  # what Celery does with inherited connections
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        queue.put("after")
        assert [queue.get(timeout=PATIENCE).payload for _ in range(2)] == ["before", "after"]
        queue.close()


@pytest.mark.django_db(transaction=True)
def test_a_new_queue_is_listened_to_after_the_listening_connection_was_lost() -> None:
    with broker() as connection:
        connection.SimpleQueue("first").close()
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN \"pgmq.q_first.%'"
            )
            assert cursor.fetchone() == (1,)
        queue = connection.SimpleQueue("second")
        queue.put("heard")
        assert queue.get(timeout=PATIENCE).payload == "heard"
        queue.close()


def test_socket_directories_and_odd_passwords_survive_the_connection_string() -> None:
    options = transport_options({"HOST": "/run/pg", "PORT": "5433", "NAME": "app", "USER": "me", "PASSWORD": "a'b c"})
    told = {"host": "/run/pg", "port": "5433", "dbname": "app", "user": "me", "password": "a'b c"}
    assert conninfo_to_dict(options["conn_string"]) == told


def test_the_brokers_connections_have_the_limits_and_the_tls_of_djangos() -> None:
    given = {"sslmode": "require", "connect_timeout": 5, "prepare_threshold": None, "tcp_user_timeout": 20_000}
    told = transport_options({"NAME": "app", "HOST": "db", "PASSWORD": "x", "OPTIONS": given})["conn_string"].split()
    assert {"sslmode=require", "connect_timeout=5", "tcp_user_timeout=20000", "host=db"} <= set(told)
    assert not any(word.startswith("prepare_threshold") for word in told), "libpq would refuse it"


def test_what_a_database_url_says_as_an_option_counts_as_for_django() -> None:
    given = {"user": "me", "password": "p w", "dbname": "other"}
    told = transport_options({"NAME": "app", "HOST": "db", "USER": "", "OPTIONS": given})["conn_string"]
    assert conninfo_to_dict(told) == {"host": "db", "port": "5432", "user": "me", "password": "p w", "dbname": "app"}


@pytest.mark.django_db(transaction=True)
def test_the_password_and_the_limits_reach_the_server() -> None:
    database.ensure_connection()
    settings = {**database.settings_dict, "PASSWORD": "a'b c", "OPTIONS": {"application_name": "of the broker"}}
    with Connection(f"{SCHEME}://localhost", transport_options=transport_options(settings)) as connection:
        connection.ensure_connection(max_retries=1)
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'of the broker'")
            assert cursor.fetchone()[0] >= 1


def test_the_long_poll_that_holds_a_lock_stays_off() -> None:
    assert transport_options({"NAME": "app"})["wait_time_seconds"] == 0
