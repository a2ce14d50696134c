"""Changes of offset are found to the second, compared with what is known of well-known zones."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from examples import zones


def test_berlin_moves_twice_a_year_at_one_utc() -> None:
    assert list(zones.changes(ZoneInfo("Europe/Berlin"), 2026)) == [
        zones.Change(datetime(2026, 3, 29, 1, tzinfo=UTC), 3600, 7200),
        zones.Change(datetime(2026, 10, 25, 1, tzinfo=UTC), 7200, 3600),
    ]


def test_a_zone_without_changes_has_none() -> None:
    assert list(zones.changes(ZoneInfo("Asia/Kolkata"), 2026)) == []


def test_half_hour_and_whole_day_changes_are_found() -> None:
    assert [change.after - change.before for change in zones.changes(ZoneInfo("Australia/Lord_Howe"), 2026)] == [
        -1800, 1800,
    ]  # fmt: skip
    apia = list(zones.changes(ZoneInfo("Pacific/Apia"), 2011))  # skipped 30 December
    assert zones.Change(datetime(2011, 12, 30, 10, tzinfo=UTC), -36000, 50400) in apia


def test_two_changes_within_days_are_both_found() -> None:
    recife = list(zones.changes(ZoneInfo("America/Recife"), 2000))
    assert [change.at for change in recife if change.at.month == 10] == [
        datetime(2000, 10, 8, 3, tzinfo=UTC), datetime(2000, 10, 15, 2, tzinfo=UTC),
    ]  # fmt: skip


def test_the_seam_of_two_years_is_neither_lost_nor_counted_twice() -> None:
    zone = ZoneInfo("Africa/Monrovia")  # 1972-01-07 00:44:30 UTC
    found = [change for year in (1971, 1972, 1973) for change in zones.changes(zone, year)]
    assert [change.at for change in found] == [datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "+00:00"), (19800, "+05:30"), (-12600, "-03:30"), (-2670, "-00:44:30")]
)
def test_offsets_are_shown_as_people_write_them(seconds: int, text: str) -> None:
    assert zones.shown(seconds) == text
