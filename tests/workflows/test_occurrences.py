"""When schedules are due: cron with seconds and zones, intervals, and what happens when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from workflows import occurrences
from workflows.errors import InvalidSchedule
from workflows.occurrences import Timing, iso

SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)  # clocks change at 01:00 UTC
START = datetime(2026, 1, 1, tzinfo=UTC)


def berlin(cron: str) -> Timing:
    """A cron expression by the clocks of Berlin."""
    return occurrences.checked(cron=cron, interval=None, time_zone="Europe/Berlin", starts_at=START)


def every(seconds: float, origin: datetime = START) -> Timing:
    """An interval."""
    return occurrences.checked(cron=None, interval=seconds, time_zone="UTC", starts_at=origin)


def times(timing: Timing, since: datetime, hours: float) -> list[str]:
    """The occurrences of so many hours, as UTC times of day."""
    found = timing.between(since, since + timedelta(hours=hours) - timedelta(microseconds=1))
    return [iso(due)[11:-1].removesuffix(":00") for due in found]


def test_a_daily_time_follows_the_clock_of_its_zone() -> None:
    assert times(berlin("30 9 * * *"), datetime(2026, 1, 15, tzinfo=UTC), 24) == ["08:30"]
    assert times(berlin("30 9 * * *"), datetime(2026, 7, 15, tzinfo=UTC), 24) == ["07:30"]


def test_a_time_that_spring_leaves_out_is_due_when_the_gap_ends() -> None:
    assert times(berlin("30 2 * * *"), SPRING, 24) == ["01:00"]
    assert times(berlin("30 2,3 * * *"), SPRING, 24) == ["01:00", "01:30"]


def test_a_time_that_autumn_repeats_is_due_once() -> None:
    assert times(berlin("30 2 * * *"), AUTUMN, 24) == ["00:30"]
    assert times(berlin("0 2-3 * * *"), AUTUMN, 24) == ["00:00", "02:00"]


def test_within_the_repeated_hour_nothing_of_its_first_pass_comes_again() -> None:
    after = berlin("30 2 * * *").after(AUTUMN + timedelta(hours=1, minutes=10))
    assert after == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_every_so_many_minutes_goes_on_evenly_over_both_changes() -> None:
    expected = [f"{hour:02}:{minute:02}" for hour in range(4) for minute in (0, 15, 30, 45)]
    assert times(berlin("*/15 * * * *"), SPRING, 4) == expected
    assert times(berlin("*/15 * * * *"), AUTUMN, 4) == expected


def test_with_a_field_of_seconds_the_clock_is_taken_as_it_shows() -> None:
    assert times(berlin("0 30 2 * * *"), SPRING, 24) == []
    assert times(berlin("0 30 2 * * *"), AUTUMN, 24) == ["00:30", "01:30"]
    assert times(berlin("*/20 * * * * *"), AUTUMN, 1 / 60) == ["00:00", "00:00:20", "00:00:40"]


def test_an_interval_counts_from_its_start_in_both_directions() -> None:
    timing = every(90)
    assert timing.after(START) == START + timedelta(seconds=90)
    assert timing.at_or_after(START) == START
    assert timing.at_or_after(START - timedelta(seconds=100)) == START - timedelta(seconds=90)
    assert iso(every(1.5).after(START) or START) == "2026-01-01T00:00:01.500000Z"


@pytest.mark.parametrize("day", [SPRING, AUTUMN, START])
@pytest.mark.parametrize(
    "timing",
    [
        *map(
            berlin, ["30 2 * * *", "15,45 1-3 * * *", "*/7 * * * *", "*/50 */2 * * *", "59 1,2 * * *", "0 30 2 * * *"]
        ),
        *map(berlin, ["0 */5 1-3 * * *", "0 0 29 2 *"]),
        every(1800),
        every(7.5),
    ],
    ids=str,
)
def test_every_moment_has_the_same_answer_however_it_is_asked(timing: Timing, day: datetime) -> None:
    chain = list(timing.between(day, day + timedelta(hours=5)))
    assert chain == sorted(set(chain))
    for minute in range(0, 300, 1):
        moment = day + timedelta(minutes=minute, seconds=13)
        following = [due for due in chain if due > moment]
        assert timing.after(moment) == following[0] if following else timing.after(moment) not in chain
        earlier = [due for due in chain if due < moment]
        assert timing.latest(day, moment) == (earlier[-1] if earlier else None)


def test_the_latest_of_years_of_seconds_is_found_at_once() -> None:
    timing = berlin("* * * * * *")
    before = START + timedelta(days=3650, seconds=0.5)
    assert timing.latest(START, before) == before - timedelta(seconds=0.5)


def test_occurrences_are_explained_in_words() -> None:
    assert berlin("30 2 * * *").explain() == "At 02:30 every day (Europe/Berlin)"
    assert every(90).explain() == "Every 90 s"


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("", "Wrong number of fields"),
        ("* * * *", "Wrong number of fields"),
        ("* * * * * * *", "Wrong number of fields"),
        ("61 * * * *", "Bad minute"),
        ("* 24 * * *", "Bad hour"),
        ("* * * * MOO", "Bad day-of-week"),
        ("*/0 * * * *", "Bad minute"),
        ("60 * * * * *", "Bad second"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("@daily", "Wrong number of fields"),
        ("0," * 200 + "0 * * * *", "More than 200 characters"),
    ],
)
def test_a_wrong_cron_expression_is_refused_with_the_reason_and_an_example(cron: str, reason: str) -> None:
    with pytest.raises(InvalidSchedule, match="is no cron expression") as refused:
        berlin(cron)
    assert f"({reason})" in str(refused.value)
    assert "'30 2 * * *' is 02:30 every day" in str(refused.value)


def test_a_date_that_never_comes_is_refused() -> None:
    with pytest.raises(InvalidSchedule, match="matches no day"):
        berlin("0 0 */31 2 MON#5")  # the first of February is no fifth Monday


def test_what_is_no_text_is_no_cron_expression() -> None:
    for wrong in (5, ["* * * * *"]):
        with pytest.raises(InvalidSchedule, match="is no cron expression"):
            occurrences.checked(cron=wrong, interval=None, time_zone="UTC", starts_at=START)  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "Europe", "", "../etc/passwd", "/etc/localtime", "a\0b"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidSchedule, match="No time zone is named"):
        occurrences.checked(cron="* * * * *", interval=None, time_zone=zone, starts_at=START)


@pytest.mark.parametrize("seconds", [0, -1, 0.5, float("nan"), float("inf"), 1e12, True, "60"])
def test_an_interval_is_a_sensible_number_of_seconds(seconds: float) -> None:
    with pytest.raises(InvalidSchedule, match="give seconds, from 1 to"):
        every(seconds)


def test_a_schedule_has_a_cron_expression_or_an_interval() -> None:
    for cron, interval in ((None, None), ("* * * * *", 60.0)):
        with pytest.raises(InvalidSchedule, match="give one of them"):
            occurrences.checked(cron=cron, interval=interval, time_zone="UTC", starts_at=START)


def test_a_start_has_a_time_zone() -> None:
    with pytest.raises(InvalidSchedule, match="with a time zone"):
        every(60, datetime(2026, 1, 1))
    with pytest.raises(InvalidSchedule, match="from 1970 to 9000"):
        every(60, datetime(1, 1, 1, tzinfo=UTC))


def test_leap_days_are_found_years_ahead() -> None:
    found = islice(berlin("0 12 29 2 *").between(START, START + timedelta(days=3650)), 2)
    assert [due.year for due in found] == [2028, 2032]
