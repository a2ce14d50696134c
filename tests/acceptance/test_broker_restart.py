"""Whatever becomes of the broker, starting a workflow waits for nothing, and everything that was started finishes.

The brokers are these tests' own, whichever the rest of the suite runs on.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.with_broker import BROKERS, Broker, RabbitMQ
from tests.definitions import holding
from tests.execution import assert_history_is_whole
from tests.processes import Process, Starter, Worker, empty_queue, end_all
from tests.wait import until
from workflows.durable import Status
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)
SOON = 0.5  # seconds; a start takes about two thousandths, and one that asks a broker that is away much longer


@pytest.fixture(scope="module", params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that a test may stop, if it starts it again."""
    kind = BROKERS[request.param]
    if not kind.is_installed():
        pytest.skip(f"NO BROKER: {kind.name} is not installed (apt-get install {kind.package})")
    broker = kind(tmp_path_factory.mktemp(request.param), rooms=1)
    if isinstance(broker, RabbitMQ):
        broker.consumer_timeout = 3.0
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def start_starter(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Starter]]:
    """Starts processes that start workflows; they are killed at the end."""
    started: list[Process] = []

    def start(**options: Any) -> Starter:
        starter = Starter(tmp_path / f"starter-{len(started)}.log", **options)
        started.append(starter)
        return starter

    yield start
    end_all(started)


def assert_finish(*started: tuple[str, float]) -> None:
    """All of them are executed, once each."""
    ids = [workflow_id for workflow_id, _ in started]
    until(lambda: Workflow.objects.filter(pk__in=ids, status="succeeded").count() == len(ids))
    for workflow_id in ids:
        assert_history_is_whole(workflow_id)


def assert_nobody_waited(started: list[tuple[str, float]]) -> None:
    """Starting was as quick as ever. One that waits would hold up every caller; a busy machine holds up some."""
    assert min(seconds for _, seconds in started) < SOON


def test_workflows_started_while_the_broker_is_stopped_finish_when_it_is_back(
    broker: Broker, start_worker: Callable[..., Worker], start_starter: Callable[..., Starter]
) -> None:
    worker, starter = (start(CELERY_BROKER_URL=broker.url()) for start in (start_worker, start_starter))
    assert_finish(starter.start())
    broker.stop()
    meanwhile = [starter.start() for _ in range(5)]
    assert_nobody_waited(meanwhile)
    until(lambda: starter.said("Celery messages not sent"))
    broker.start()
    assert_finish(*meanwhile, starter.start())
    assert worker.said(broker.url().rpartition("@")[2])
    assert_finish(starter.start())


def test_a_broker_that_hangs_holds_nobody_up(
    broker: Broker, start_worker: Callable[..., Worker], start_starter: Callable[..., Starter]
) -> None:
    start_worker(CELERY_BROKER_URL=broker.url())
    starter = start_starter(CELERY_BROKER_URL=broker.url())
    assert_finish(starter.start())
    broker.signal(signal.SIGSTOP)
    meanwhile = [starter.start() for _ in range(5)]
    assert_nobody_waited(meanwhile)
    until(lambda: starter.said("Celery messages not sent"))
    broker.signal(signal.SIGCONT)
    assert_finish(*meanwhile, starter.start())


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_a_worker_outlives_messages_that_rabbitmq_takes_back_because_they_waited_too_long(
    broker: Broker, start_worker: Callable[..., Worker], start_starter: Callable[..., Starter], tmp_path: Path
) -> None:
    worker = start_worker(CELERY_BROKER_URL=broker.url(), concurrency=1)
    starter = start_starter(CELERY_BROKER_URL=broker.url())
    long = holding.start(str(tmp_path / "go on"))
    until(lambda: long.status() is Status.RUNNING)
    behind = [starter.start() for _ in range(3)]
    until(lambda: worker.said("PRECONDITION_FAILED - delivery acknowledgement"))
    (tmp_path / "go on").touch()
    assert_finish((long.id, 0.0), *behind)
    assert_finish(starter.start())


def test_messages_that_vanish_from_the_database_are_sent_again(
    start_worker: Callable[..., Worker], start_starter: Callable[..., Starter]
) -> None:
    starter = start_starter(CELERY_BROKER_URL="")
    meanwhile = [starter.start() for _ in range(5)]
    until(empty_queue, what="messages were there, and are no more")
    start_worker(CELERY_BROKER_URL="")
    assert_finish(*meanwhile)
