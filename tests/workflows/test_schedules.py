"""Schedules start each occurrence once, whoever ticks, and say what they cannot do."""

from __future__ import annotations

import inspect
import logging
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from tests.definitions import doubling, listening
from tests.execution import run
from tests.wait import PATIENCE
from workflows import conf, occurrences, registry, schedules, tasks, ticks
from workflows.durable import InvalidInput, InvalidWorkflowId, PayloadError, UnknownDefinition, retrieve
from workflows.errors import InvalidSchedule, ScheduleNotFound
from workflows.models import Schedule, Workflow
from workflows.occurrences import iso

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_complained_of() -> Iterator[None]:
    ticks._complaints.clear()
    yield
    ticks._complaints.clear()


def create(name: str = "nightly", **how: Any) -> Schedule:
    """A schedule of `doubling`, every minute unless told otherwise."""
    how.setdefault("args", [[1]])
    if "cron" not in how:
        how.setdefault("interval", 60)
    return schedules.create(name, how.pop("definition", "doubling"), **how)


def overdue(name: str, seconds: float) -> datetime:
    """Make the schedule's next occurrence the latest whole minute that is so long ago; returns it."""
    due = (timezone.now() - timedelta(seconds=seconds)).replace(microsecond=0)
    Schedule.objects.filter(name=name).update(starts_at=due, next_at=due)
    return due


def started(name: str = "nightly") -> list[str]:
    """The due times of which there are workflows, in order."""
    ids = Workflow.objects.filter(schedule=name).values_list("id", flat=True)
    return sorted(one.removeprefix(f"{name}@") for one in ids)


def test_what_is_due_starts_with_the_input_and_the_name_of_its_time() -> None:
    create(args=[], kwargs={"numbers": [1, 2]}, options={"queue": "slow"})
    due = overdue("nightly", 2)
    assert ticks.tick() == 1
    workflow = Workflow.objects.get(id=f"nightly@{iso(due)}")
    assert (workflow.schedule, workflow.queue, workflow.created_by) == ("nightly", "slow", "schedule nightly")
    run(retrieve(workflow.id))
    assert retrieve(workflow.id).result() == [2, 4]
    after = schedules.get("nightly")
    assert (after.last_at, after.next_at) == (due, due + timedelta(seconds=60))
    assert ticks.tick() == 0


def test_beat_asks_for_a_tick_every_second_and_asks_no_worker_to_catch_up() -> None:
    (entry,) = [entry for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry["task"] == tasks.tick.name]
    assert entry["schedule"] == entry["options"]["expires"] == 1.0
    create()
    due = overdue("nightly", 2)
    tasks.tick()
    assert started() == [iso(due)]


def test_what_is_not_due_does_not_start() -> None:
    create()
    create("later", interval=1, starts_at=timezone.now() + timedelta(hours=1))
    assert ticks.tick() == 0
    assert Workflow.objects.count() == 0


def test_the_first_occurrence_is_not_before_the_start() -> None:
    start = timezone.now() + timedelta(days=3)
    assert create(interval=60, starts_at=start).next_at == start
    following = create("cron", cron="* * * * *", starts_at=start).next_at
    assert following is not None
    assert timedelta() <= following - start < timedelta(seconds=60)


def at_once(count: int, act: Callable[[], object]) -> None:
    """Do it in so many threads with connections of their own, beginning together."""
    barrier, failures = threading.Barrier(count), []

    def work() -> None:
        try:
            barrier.wait()
            act()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_concurrent_ticks_start_each_occurrence_once() -> None:
    names = [f"s{number}" for number in range(10)]
    for name in names:
        create(name, interval=1, missed="all")
        overdue(name, 30)
    at_once(4, lambda: [ticks.tick() for _ in range(3)])
    for name in names:
        times = [datetime.fromisoformat(text) for text in started(name)]
        assert len(times) >= 30
        assert times == [times[0] + timedelta(seconds=number) for number in range(len(times))]
        assert schedules.get(name).last_at == times[-1]
        histories = [retrieve(f"{name}@{iso(due)}").history() for due in times]
        assert all([event.kind for event in history] == ["created"] for history in histories)


def test_a_tick_does_not_wait_for_a_schedule_that_another_one_holds() -> None:
    create("held")
    create("free")
    overdue("held", 2)
    overdue("free", 2)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with schedules.transaction.atomic():
            Schedule.objects.select_for_update().get(name="held")
            held.set()
            go_on.wait(PATIENCE)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)
    try:
        assert ticks.tick() == 1
        assert started("free")
    finally:
        go_on.set()
        holder.join()
    assert ticks.tick() == 1


def test_policy_skip_starts_only_what_is_due_within_the_grace() -> None:
    create(interval=1)
    before = timezone.now()
    overdue("nightly", 3600)
    ticks.tick()
    times = [datetime.fromisoformat(text) for text in started()]
    assert len(times) >= 9
    assert times[0] >= before - timedelta(seconds=conf.conf().schedule_grace)
    assert times[-1] <= timezone.now()


def test_policy_last_starts_the_latest_that_was_missed_and_no_other() -> None:
    create(interval=60, missed="last")
    due = overdue("nightly", 3600 + 30)
    assert ticks.tick() == 1
    assert started() == [iso(due + timedelta(seconds=3600))]
    assert schedules.get("nightly").next_at == due + timedelta(seconds=3660)
    assert ticks.tick() == 0


def test_policy_all_starts_what_was_missed_oldest_first_in_bounded_batches() -> None:
    create(interval=60, missed="all")
    due = overdue("nightly", 150 * 60 + 30)
    assert ticks.tick() == 100
    assert started() == [iso(due + timedelta(minutes=number)) for number in range(100)]
    assert ticks.tick() == 51
    assert started() == [iso(due + timedelta(minutes=number)) for number in range(151)]
    assert ticks.tick() == 0


def test_what_was_missed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    create()
    due = overdue("nightly", 30)
    with caplog.at_level(logging.WARNING, logger="workflows"):
        assert ticks.tick() == 0
    assert f"schedule 'nightly' missed what was due from {iso(due)}" in caplog.text
    assert schedules.get("nightly").next_at == due + timedelta(seconds=60)


def test_what_falls_into_a_pause_never_starts_whatever_the_policy() -> None:
    create(interval=1, missed="all")
    paused = schedules.pause("nightly", by="ada")
    assert (paused.paused, paused.changed_by) == (True, "ada")
    overdue("nightly", 50)
    assert ticks.tick() == 0
    assert schedules.next_times(schedules.get("nightly"), 3) == []
    before = timezone.now()
    unpaused = schedules.unpause("nightly", by="bob")
    assert unpaused.next_at is not None
    assert unpaused.next_at > before
    assert (unpaused.paused, unpaused.changed_by) == (False, "bob")
    assert started() == []


def test_pausing_twice_changes_nothing_the_second_time() -> None:
    create()
    first = schedules.pause("nightly", by="ada")
    assert schedules.pause("nightly", by="bob").changed_by == first.changed_by == "ada"


def test_trigger_starts_one_now_even_while_paused() -> None:
    create()
    schedules.pause("nightly")
    before = timezone.now()
    workflow = schedules.trigger("nightly", by="ada")
    prefix, _, moment = workflow.id.partition("@now-")
    assert prefix == "nightly"
    assert before <= datetime.fromisoformat(moment) <= timezone.now()
    assert Workflow.objects.get(id=workflow.id).schedule == "nightly"
    assert workflow.created_by == "ada"
    assert schedules.trigger("nightly").id != workflow.id
    assert [one.id for one in schedules.last_outcomes("nightly", 5)][-1] == workflow.id


def test_backfill_starts_each_occurrence_of_the_range_once_however_often_it_is_asked() -> None:
    create(cron="0 */6 * * *", missed="all")
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    first = schedules.backfill("nightly", since, until, by="ada")
    assert (len(first.started), first.existing) == (5, 0)
    assert first.started[0] == "nightly@2026-01-01T00:00:00Z"
    assert schedules.backfill("nightly", since, until + timedelta(hours=6)) == (["nightly@2026-01-02T06:00:00Z"], 5)
    assert Workflow.objects.filter(schedule="nightly").count() == 6
    assert schedules.get("nightly").last_at == datetime(2026, 1, 2, 6, tzinfo=UTC)


def test_what_was_backfilled_is_not_started_again_by_a_tick_even_with_other_input(
    caplog: pytest.LogCaptureFixture,
) -> None:
    create(missed="all")
    due = overdue("nightly", 90)
    assert len(schedules.backfill("nightly", due, due + timedelta(seconds=60)).started) == 2
    create(args=[[2]], missed="all", starts_at=due)
    Schedule.objects.update(next_at=due)
    ticks.tick()
    assert "not started" not in caplog.text
    assert Workflow.objects.get(id=f"nightly@{iso(due)}").input == {"args": [[1]], "kwargs": {}}
    assert len(started()) == 2


def test_concurrent_backfills_start_each_occurrence_once() -> None:
    create(cron="0 * * * *")
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    at_once(3, lambda: schedules.backfill("nightly", since, until))
    assert len(started()) == 25


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "reversed"),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC), "beyond now"),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 16, 40, tzinfo=UTC), "more than 1,000 occurrences"),
        (datetime(2026, 1, 1), datetime(2026, 1, 2, tzinfo=UTC), "with a time zone"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_and_starts_nothing(
    since: datetime, until: datetime, message: str
) -> None:
    create(cron="* * * * *")
    with pytest.raises(InvalidSchedule, match=message):
        schedules.backfill("nightly", since, until)
    assert Workflow.objects.count() == 0


def test_a_thousand_occurrences_are_backfilled_in_one_call() -> None:
    create(cron="* * * * *")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert len(schedules.backfill("nightly", since, since + timedelta(minutes=999)).started) == 1000


def test_creating_a_schedule_again_replaces_it_and_an_equal_one_changes_nothing() -> None:
    first = create(by="ada")
    assert create(by="bob").changed_by == "ada"
    other = create(cron="0 12 * * *", time_zone="Europe/Berlin", missed="last", by="bob")
    assert (other.interval, other.cron, other.missed, other.changed_by) == (None, "0 12 * * *", "last", "bob")
    assert other.next_at != first.next_at
    assert Schedule.objects.count() == 1


def test_new_input_leaves_the_beat_and_the_pause_as_they_are() -> None:
    first = create()
    schedules.pause("nightly")
    changed = create(args=[[5]])
    assert (changed.starts_at, changed.next_at, changed.paused) == (first.starts_at, first.next_at, True)
    assert changed.input == {"args": [[5]], "kwargs": {}}


def test_processes_that_create_the_same_schedule_at_once_make_one() -> None:
    at_once(4, create)
    assert Schedule.objects.count() == 1


def test_a_deleted_schedule_starts_nothing_and_its_workflows_stay() -> None:
    create()
    workflow = schedules.trigger("nightly")
    overdue("nightly", 2)
    schedules.delete("nightly")
    assert ticks.tick() == 0
    assert [one.id for one in schedules.last_outcomes("nightly", 2)] == [workflow.id]


def test_a_schedule_that_is_not_there_is_an_error_that_names_it() -> None:
    now = timezone.now()
    asks: list[Callable[[], object]] = [
        lambda: schedules.pause("no"), lambda: schedules.unpause("no"), lambda: schedules.delete("no"),
        lambda: schedules.trigger("no"), lambda: schedules.backfill("no", now, now), lambda: schedules.get("no"),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(ScheduleNotFound, match="There is no schedule 'no'"):
            ask()


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"cron": "61 * * * *"}, InvalidSchedule, "Bad minute"),
        ({"cron": "* * * * *", "time_zone": "Europe/Atlantis"}, InvalidSchedule, "No time zone"),
        ({"cron": "* * * * *", "interval": 5}, InvalidSchedule, "give one of them"),
        ({"interval": 0}, InvalidSchedule, "give seconds"),
        ({"starts_at": datetime(2026, 1, 1)}, InvalidSchedule, "with a time zone"),
        ({"missed": "often"}, InvalidSchedule, "there are: skip, last, all"),
        ({"definition": "nothing"}, UnknownDefinition, "No definition is named 'nothing'"),
        ({"args": []}, InvalidInput, "missing a required argument"),
        ({"args": [float("nan")]}, PayloadError, "is not JSON"),
        ({"options": {"colour": "red"}}, InvalidSchedule, "no option colour"),
        ({"options": {"delay": 5}}, InvalidSchedule, "there are: queue, priority, timeout"),
        ({"options": {"queue": ""}}, PayloadError, "1 to 200 characters"),
        ({"options": {"priority": "high"}}, InvalidInput, "whole number from -1000 to 1000"),
        ({"name": ""}, InvalidSchedule, "1 to 100 characters"),
        ({"name": "x" * 101}, InvalidSchedule, "1 to 100 characters"),
        ({"name": "a@b"}, InvalidSchedule, "without '@'"),
        ({"name": "a b"}, InvalidWorkflowId, "only visible characters"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_and_leaves_nothing(
    how: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        create(**how)
    assert Schedule.objects.count() == 0
    if "name" not in how:
        before = create()
        with pytest.raises(error, match=message):
            create(**how)
        assert schedules.get("nightly").changed_at == before.changed_at


def test_the_longest_name_still_makes_ids_that_fit() -> None:
    create("x" * 100, interval=3600.5)
    overdue("x" * 100, 1)
    assert ticks.tick() == 1
    schedules.trigger("x" * 100)


def _break(name: str, **columns: Any) -> None:
    Schedule.objects.filter(name=name).update(**columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cron": "rubbish", "interval": None}, "Wrong number of fields"),
        ({"cron": "* * * * *", "interval": None, "time_zone": "Europe/Atlantis"}, "No time zone is named"),
        ({"input": {"args": [1, 2, 3], "kwargs": {}}}, "too many positional arguments"),
        ({"input": []}, ""),
        ({"options": {"queue": ""}}, "queue name has 1 to 200 characters"),
    ],
)
def test_an_error_of_one_schedule_is_logged_once_and_does_not_stop_the_others(
    columns: dict[str, Any], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("first", "broken", "last"):
        create(name)
        overdue(name, 3)
    before = overdue("broken", 4)
    _break("broken", **columns)
    assert ticks.tick() == 2
    assert ticks.tick() == 0
    assert caplog.text.count("schedule 'broken' cannot start what is due") == 1
    assert message in caplog.text
    assert schedules.get("broken").next_at == before
    assert started("first")
    assert started("last")


def test_a_schedule_that_is_put_right_starts_what_is_still_due(caplog: pytest.LogCaptureFixture) -> None:
    create(missed="all")
    due = overdue("nightly", 30)
    _break("nightly", input={"args": [], "kwargs": {}})
    assert ticks.tick() == 0
    assert "missing a required argument" in schedules.problem(schedules.get("nightly"))
    create(missed="all")
    assert schedules.problem(schedules.get("nightly")) == ""
    with caplog.at_level(logging.INFO, logger="workflows"):
        assert ticks.tick() == 1
    assert started() == [iso(due)]
    assert "can start again" in caplog.text


def test_an_unknown_definition_is_left_to_workers_that_know_it_and_becomes_visible_when_none_does(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(missed="all")
    create("other", definition="listening", args=["news"])
    due = overdue("nightly", 3)
    overdue("other", 3)
    monkeypatch.delitem(registry._definitions, doubling.name)
    assert ticks.tick() == 1
    assert "overdue" not in caplog.text
    overdue("nightly", 15)
    ticks.tick()
    ticks.tick()
    assert caplog.text.count("schedule 'nightly' is overdue: no definition 'doubling'") == 1
    assert "No definition is named 'doubling'" in schedules.problem(schedules.get("nightly"))
    monkeypatch.undo()
    assert ticks.tick() == 1
    assert len(started()) == 1
    assert due is not None


def test_an_id_that_somebody_took_is_logged_and_the_schedule_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    create()
    due = overdue("nightly", 3)
    listening.using(workflow_id=f"nightly@{iso(due)}").start("mine")
    ticks.tick()
    assert f"occurrence 'nightly@{iso(due)}' not started" in caplog.text
    assert schedules.get("nightly").next_at == due + timedelta(seconds=60)
    assert Workflow.objects.get(id=f"nightly@{iso(due)}").schedule is None


def test_with_a_dedup_key_an_occurrence_is_left_out_while_the_last_one_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="workflows")
    create(interval=60, options={"dedup_key": "one", "priority": 5, "timeout": 60}, missed="all")
    due = overdue("nightly", 90)
    ticks.tick()
    assert started() == [iso(due)]
    assert f"occurrence 'nightly@{iso(due + timedelta(seconds=60))}' left out: 'nightly@{iso(due)}'" in caplog.text
    workflow = Workflow.objects.get(id=f"nightly@{iso(due)}")
    assert (workflow.priority, workflow.timeout) == (5, 60)
    assert schedules.get("nightly").next_at == due + timedelta(seconds=120)
    assert schedules.backfill("nightly", due, due + timedelta(seconds=60)) == ([], 1)


def test_next_times_are_the_coming_occurrences() -> None:
    schedule = create(cron="30 2 * * *", time_zone="Europe/Berlin", starts_at=datetime(2027, 3, 27, tzinfo=UTC))
    assert [iso(due) for due in schedules.next_times(schedule, 3)] == [
        "2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z",
    ]  # fmt: skip


def test_the_clock_of_the_worker_is_never_asked() -> None:
    for module in (schedules, ticks, occurrences):
        assert not re.search(r"\b(now|utcnow|today|time|monotonic)\(\)", inspect.getsource(module).replace("Now()", ""))


def test_a_rolled_back_change_leaves_nothing() -> None:
    create()
    with pytest.raises(RuntimeError), schedules.transaction.atomic():
        schedules.trigger("nightly")
        schedules.pause("nightly")
        raise RuntimeError
    assert Workflow.objects.count() == 0
    assert not schedules.get("nightly").paused
