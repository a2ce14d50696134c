"""`manage.py workflow schedules …`: what it prints, how it exits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from tests.workflows.test_command import answer, refused, workflow
from workflows import schedules
from workflows.models import Schedule, Workflow

pytestmark = pytest.mark.django_db


def test_create_takes_what_start_takes_and_shows_the_schedule() -> None:
    created = answer(
        "schedules", "create", "nightly", "doubling", "numbers=[1, 2]", "--cron", "30 2 * * *", "--zone",
        "Europe/Berlin", "--missed", "last", "--option", "queue=slow", "--starts-at", "2027-03-27T00:00Z",
    )  # fmt: skip
    assert created["input"] == {"args": [], "kwargs": {"numbers": [1, 2]}}
    assert (created["missed"], created["options"], created["problem"]) == ("last", {"queue": "slow"}, None)
    assert created["next"][:2] == ["2027-03-27T01:30:00+00:00", "2027-03-28T01:00:00+00:00"]
    assert created["changed_by"].endswith("(shell)")
    shown = workflow("schedules", "show", "nightly")
    assert "At 02:30 every day (Europe/Berlin): 30 2 * * *" in shown
    assert "2027-03-28 01:00:00" in shown


def test_list_is_what_happens_without_a_verb() -> None:
    assert workflow("schedules") == "There is no schedule.\n"
    workflow("schedules", "create", "often", "doubling", "--input", "[[1]]", "--every", "90")
    for words in (["schedules"], ["schedules", "list"]):
        assert "Every 90 s" in workflow(*words)
        assert [row["name"] for row in answer(*words)["schedules"]] == ["often"]
    assert "often" in workflow("schedules", "--json", "list")
    assert workflow("schedules", "--json", "list").startswith("{")


def test_pause_unpause_trigger_and_delete() -> None:
    workflow("schedules", "create", "often", "doubling", "--input", "[[1]]", "--every", "90")
    assert workflow("schedules", "pause", "often") == "often is paused.\n"
    assert "paused" in workflow("schedules", "list")
    assert answer("schedules", "show", "often")["paused"]
    workflow("schedules", "unpause", "often")
    assert not schedules.get("often").paused
    started = workflow("schedules", "trigger", "often").strip()
    assert Workflow.objects.get().id == started
    assert f"queued       {started}" in workflow("schedules", "show", "often")
    workflow("schedules", "delete", "often")
    assert Schedule.objects.count() == 0


def test_backfill_prints_what_it_started() -> None:
    workflow("schedules", "create", "hourly", "doubling", "--input", "[[1]]", "--cron", "0 * * * *")
    span = ["2026-01-01T00:00Z", "2026-01-01T03:00+01:00"]
    assert workflow("schedules", "backfill", "hourly", *span).splitlines() == [
        "hourly@2026-01-01T00:00:00Z", "hourly@2026-01-01T01:00:00Z", "hourly@2026-01-01T02:00:00Z",
        "3 started, 0 had been started before.",
    ]  # fmt: skip
    assert answer("schedules", "backfill", "hourly", *span) == {"started": [], "existing": 3}


def test_what_a_schedule_cannot_start_stands_in_the_list() -> None:
    workflow("schedules", "create", "often", "doubling", "--input", "[[1]]", "--every", "90")
    Schedule.objects.update(definition="gone")
    assert "cannot start: No definition is named 'gone'" in workflow("schedules")
    assert "No definition is named 'gone'" in answer("schedules")["schedules"][0]["problem"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "no"], "There is no schedule 'no'"),
        (["create", "x", "doubling", "numbers=[1]"], "give one of them"),
        (["create", "x", "doubling", "numbers=[1]", "--cron", "rubbish"], "Wrong number of fields"),
        (["create", "x", "doubling", "--every", "5"], "missing a required argument"),
        (["create", "x", "gone", "--every", "5"], "No definition is named 'gone'"),
        (["create", "x", "doubling", "numbers=[1]", "--every", "5", "--option", "a=b"], "no option a"),
    ],
)
def test_what_cannot_be_is_bad_usage_with_the_reason(words: list[str], message: str) -> None:
    code, told = refused("schedules", *words)
    assert code == 2
    assert message in told
    assert Schedule.objects.count() == 0


def test_a_time_without_a_zone_is_bad_usage() -> None:
    with pytest.raises(CommandError, match="no time with a time zone"):
        workflow("schedules", "backfill", "x", "2026-01-01", "2026-01-02")


def test_an_overdue_schedule_shows_the_time_it_is_waiting_for() -> None:
    workflow("schedules", "create", "often", "doubling", "--input", "[[1]]", "--every", "90")
    due = timezone.now() - timedelta(minutes=5)
    Schedule.objects.update(next_at=due)
    assert due.strftime("%Y-%m-%d %H:%M:%S") in workflow("schedules")
