"""Schedules with real workers and beats: each occurrence once, and on time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.definitions import counting
from tests.processes import Beat, Worker, end_all
from tests.wait import until
from workflows import schedules
from workflows.conf import conf
from workflows.durable import Status
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start_beat(transactional_db: None, tmp_path: Path) -> Iterator[Callable[[], Beat]]:
    """Starts beats on the test database; they are killed at the end."""
    started: list[Beat] = []

    def start() -> Beat:
        started.append(Beat(tmp_path / f"beat-{len(started)}.log"))
        return started[-1]

    yield start
    end_all(started)


def due_times(name: str, *statuses: Status) -> list[datetime]:
    """Of the occurrences in one of these statuses, oldest first."""
    found = Workflow.objects.filter(schedule=name, status__in=statuses or list(Status)).values_list("id", flat=True)
    return sorted(datetime.fromisoformat(one.removeprefix(f"{name}@")) for one in found)


def assert_each_second_once_and_on_time(name: str) -> None:
    """Without a gap, and none missed."""
    times = due_times(name)
    assert times == [times[0] + timedelta(seconds=number) for number in range(len(times))]
    for workflow in Workflow.objects.filter(schedule=name):
        late = workflow.created_at - datetime.fromisoformat(workflow.id.removeprefix(f"{name}@"))
        assert 0 <= late.total_seconds() <= conf().schedule_grace, workflow.id


def test_every_second_starts_once_with_two_workers_of_which_one_dies_and_two_beats(
    start_worker: Callable[..., Worker], start_beat: Callable[[], Beat]
) -> None:
    first = start_worker(name="first")
    start_worker(name="second")
    beats = [start_beat(), start_beat()]
    schedules.create("often", "doubling", args=[[2]], cron="* * * * * *")
    until(lambda: len(due_times("often", Status.SUCCEEDED)) >= 4)
    first.kill()
    until(lambda: len(due_times("often", Status.SUCCEEDED)) >= 10)
    assert_each_second_once_and_on_time("often")
    until(lambda: all(beat.said("Sending due task tick (workflows.tick)") for beat in beats))


def test_busy_pool_children_and_a_missing_beat_keep_no_occurrence_from_its_time(
    start_worker: Callable[..., Worker],
) -> None:
    start_worker(concurrency=1)
    busy = counting.start(1, 600.0)
    until(lambda: busy.status() is Status.RUNNING)
    schedules.create("often", "doubling", args=[[2]], interval=1)
    until(lambda: len(due_times("often")) >= 4)
    assert_each_second_once_and_on_time("often")
    assert busy.status() is Status.RUNNING
