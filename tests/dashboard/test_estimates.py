"""What is usual for a definition, and what that says of a workflow that still goes on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dashboard import estimates
from dashboard.estimates import FEWEST, Outlook, Usual
from tests.earlier import succeeded
from tests.workflows.test_plans import FEW_PAGES, MANY, crowd, pages_read
from workflows.models import Event, Workflow
from workflows.sql import reads

__all__ = ["crowd"]  # a fixture
SECOND, MINUTE = 1_000, 60_000
samples = st.lists(st.integers(1, 10**8), min_size=FEWEST, max_size=250).map(sorted)
shares = st.floats(0, 1)
elapsed_times = st.integers(0, 11**8)


def usual(*took: float) -> Usual:
    found = estimates.summarised(took)
    assert found is not None
    return found


# The arithmetic


@given(samples, shares)
def test_a_quantile_is_what_a_share_of_them_did_not_exceed(ordered: list[int], share: float) -> None:
    found = estimates.quantile(ordered, share)
    place = share * (len(ordered) - 1)
    assert sum(took < found - 1e-6 for took in ordered) <= place + 1
    assert sum(took <= found + 1e-6 for took in ordered) >= place


@given(samples, elapsed_times)
def test_the_share_that_had_ended_is_the_inverse_of_the_quantile(ordered: list[int], elapsed: int) -> None:
    share = estimates.share_ended(ordered, elapsed)
    assert 0 <= share <= 1
    if ordered[0] <= elapsed <= ordered[-1]:
        assert estimates.quantile(ordered, share) == pytest.approx(elapsed, rel=1e-9, abs=1e-3)


@given(samples, elapsed_times, shares)
def test_what_is_left_is_judged_by_those_that_took_longer_so_far(
    ordered: list[int], elapsed: int, share: float
) -> None:
    """Of the survivors, the asked share ended within that time; one more or less, because they are interpolated."""
    until = elapsed + estimates.remaining(ordered, elapsed, share)
    survivors = [took for took in ordered if took > elapsed]
    if not survivors:
        assert until == elapsed
        return
    expected = share * len(survivors)
    assert sum(took < until - 1e-3 for took in survivors) <= expected + 1
    assert sum(took <= until + 1e-3 for took in survivors) >= expected - 1


@given(samples, st.lists(elapsed_times, min_size=2, max_size=20).map(sorted), shares)
def test_as_time_passes_the_end_that_is_expected_never_comes_nearer(
    ordered: list[int], times: list[int], share: float
) -> None:
    ends = [elapsed + estimates.remaining(ordered, elapsed, share) for elapsed in times]
    assert all(earlier <= later + 1e-3 for earlier, later in pairwise(ends))


@given(samples, elapsed_times, st.integers(0, 10**6))
def test_an_outlook_is_a_range_and_never_less_than_the_workflow_says_itself(
    ordered: list[int], elapsed: int, at_least: int
) -> None:
    found = estimates.outlook(usual(*ordered), elapsed, at_least)
    assert at_least <= found.soonest <= found.latest
    assert found.overdue >= 0
    assert found.overdue == 0 or elapsed > estimates.quantile(usual(*ordered).took, 0.95) - 1


@given(samples)
def test_a_definition_is_remembered_in_21_points_that_are_its_quantiles(ordered: list[int]) -> None:
    found = usual(*reversed(ordered))
    assert found.workflows == len(ordered)
    assert len(found.took) == 21
    assert list(found.took) == sorted(found.took)
    assert (found.took[0], found.took[-1]) == (ordered[0], ordered[-1])
    assert found.took[10] == round(estimates.quantile(ordered, 0.5))


def test_one_that_outlived_the_short_ones_is_judged_by_the_long_ones() -> None:
    """Nine of ten take a second, one takes ten minutes: after two seconds, minutes are left. The mean says 59 s."""
    took = [SECOND] * 90 + [10 * MINUTE] * 10
    assert estimates.remaining(took, 0, 0.5) == SECOND
    assert estimates.remaining(took, 2 * SECOND, 0.5) > 9 * MINUTE


def test_beyond_what_nineteen_of_twenty_took_it_is_overdue_by_the_difference() -> None:
    took = usual(*range(MINUTE, 22 * MINUTE, MINUTE))  # one to 21 minutes: 19 of 20 took 20
    assert estimates.outlook(took, 20 * MINUTE).overdue == 0
    assert estimates.outlook(took, 23 * MINUTE) == Outlook(0, 0, 3 * MINUTE)


def test_few_earlier_ones_say_nothing() -> None:
    assert estimates.summarised([SECOND] * (FEWEST - 1)) is None
    assert estimates.summarised([SECOND] * FEWEST) == Usual(FEWEST, (SECOND,) * 21)


# What is read


@pytest.mark.django_db
def test_the_latest_that_succeeded_are_looked_at() -> None:
    succeeded("album", *[1_000.0] * 5, *[2.0] * estimates.LOOKED_AT)
    succeeded("few", *[2.0] * (FEWEST - 1))
    found = estimates.usual(["album", "few", "unknown"])
    assert found == {"album": Usual(estimates.LOOKED_AT, (2_000,) * 21)}


@pytest.mark.django_db
def test_forks_and_what_did_not_succeed_are_no_measure() -> None:
    rows = succeeded("album", *[2.0] * FEWEST)
    succeeded("album", 500.0, forked_from_id=rows[0].id)
    failed = succeeded("album", 600.0)[0]
    Workflow.objects.filter(id=failed.id).update(status="failed", error={"type": "E"})
    estimates.forget()
    assert estimates.usual(["album"]) == {"album": Usual(FEWEST, (2_000,) * 21)}


@pytest.mark.django_db
@pytest.mark.parametrize(("kept", "reads_expected"), [(60.0, 1), (0.0, 2)])
def test_it_is_read_once_in_some_seconds_also_when_there_is_no_answer(
    kept: float, reads_expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "KEPT_SECONDS", kept)
    succeeded("album", *[2.0] * FEWEST)
    asked = 0
    read = estimates._durations._read

    def counted(definitions: Collection[str]) -> dict[str, Usual]:
        nonlocal asked
        asked += 1
        return read(definitions)

    monkeypatch.setattr(estimates._durations, "_read", counted)
    for _ in range(2):
        assert set(estimates.usual(["album", "unknown"])) == {"album"}
    assert asked == reads_expected


@pytest.mark.django_db
def test_no_more_definitions_are_kept_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "MOST_KEPT", 3)
    for number in range(10):
        estimates.usual([f"unknown-{number}"])
        assert len(estimates._durations._answers) <= 3


@pytest.mark.django_db
def test_how_long_earlier_ones_were_silent_leaves_out_when_nobody_worked_on_them() -> None:
    rows = succeeded("album", *[40.0] * FEWEST, every=7)
    assert estimates.usual_silence(["album"]) == {"album": 7_000}
    for row in rows:  # from its fourth to its fifth event each waits for an hour
        Event.objects.filter(workflow_id=row.id, seq=4).update(kind="wait_started", key=None, data={"for": "time"})
        for event in Event.objects.filter(workflow_id=row.id, seq__gt=4):
            Event.objects.filter(id=event.id).update(at=event.at + timedelta(hours=1))
    estimates.forget()
    assert estimates.usual_silence(["album"]) == {"album": 7_000}
    succeeded("few", *[40.0] * (FEWEST - 1), every=7)
    assert estimates.usual_silence(["few", "unknown"]) == {}


@pytest.mark.django_db
@pytest.mark.usefixtures("crowd")
def test_what_is_usual_is_read_from_a_few_pages_however_many_there_are() -> None:
    """Thousands of the definition are queued, delayed, waiting and ended."""
    succeeded("plans", *[2.0] * (MANY // 5))
    ended = timezone.now()
    Workflow.objects.filter(status="queued").update(status="failed", error={"type": "E"}, finished_at=ended)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_workflow, workflows_event")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    given = {"definitions": ["plans", "other"], "limit": 200, "events": 200, "idle": ["created"]}
    for _ in range(2):  # the first one in a session also reads the catalogue
        durations = pages_read(reads.DURATIONS, **given)
        silences = pages_read(reads.LONGEST_SILENCES, **given | {"limit": 20})
    assert durations < 2 * FEW_PAGES  # 200 entries of the index and their rows
    assert silences < 2 * FEW_PAGES
