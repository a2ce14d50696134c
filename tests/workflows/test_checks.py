"""System checks: what cannot work is refused at start, with the name, the value and a value that can."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection

from workflows.checks import check_tunables
from workflows.conf import Conf


@pytest.mark.parametrize(
    ("tunables", "code", "words"),
    [
        ({"LEASE_SECONDS": 0}, "E003", "WORKFLOWS['LEASE_SECONDS'] is 0"),
        ({"CRASH_LIMIT": -1}, "E003", "number above 0"),
        ({"SWEEP_INTERVAL": float("nan")}, "E003", "nan"),
        ({"SWEEP_INTERVAL": "often"}, "E003", "'often'"),
        ({"DRAIN_SECONDS": True}, "E003", "True"),
        ({"HINTS": 1}, "E002", "True or False"),
        ({"LEASE_SECONDS": 6.0, "RENEW_INTERVAL": 5.0}, "E004", "one late renewal would lose a healthy workflow"),
        ({"PREVIEW_MAX_BYTES": 2 * 1024 * 1024}, "E005", "more than PAYLOAD_MAX_BYTES"),
        ({"LEASE": 6.0}, "E001", "unknown names ['LEASE']"),
    ],
)
def test_a_tunable_that_cannot_work_is_an_error_with_its_cure(
    settings: Any, tunables: dict[str, Any], code: str, words: str
) -> None:
    settings.WORKFLOWS = tunables
    (error,) = check_tunables()
    assert (error.id, words in error.msg) == (f"workflows.{code}", True), error.msg
    assert error.hint or "known are" in error.msg


def test_the_defaults_and_the_projects_own_tunables_are_in_order(settings: Any) -> None:
    assert check_tunables() == []
    settings.WORKFLOWS = {}
    assert check_tunables() == []
    assert Conf().renew_interval <= Conf().lease_seconds / 3


@pytest.mark.django_db
@pytest.mark.parametrize(("value", "warned"), [("off", True), ("local", True), ("on", False)])
def test_commits_that_a_crash_can_undo_are_warned_of(value: str, warned: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit = {value}")
    found = [message for message in run_checks(databases=["default"]) if message.id == "workflows.W001"]
    assert [message.msg for message in found] == [
        f"synchronous_commit is {value}: a crash can undo what people have already seen."
    ] * warned


def test_a_database_that_is_not_named_is_not_asked() -> None:
    """pytest-django refuses this test every query."""
    assert [message for message in run_checks() if message.id == "workflows.W001"] == []
