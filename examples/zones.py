"""When clocks change: the moments in a year at which a time zone's offset from UTC moves. Pure of workflows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_STRIDE = timedelta(days=1)  # between two changes of any zone since 1900 there are four days or more (Freetown, 1939)
_PRECISION = timedelta(seconds=1)


class Change(NamedTuple):
    """The clock moves at `at` (UTC), from one offset in seconds to another."""

    at: datetime
    before: int
    after: int


def changes(zone: ZoneInfo, year: int) -> Iterator[Change]:
    """The changes from the first second of a year (UTC) to the first of the next, in order."""
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    # The change may fall on the first second of the year, so begin just before it.
    known = datetime(year, 1, 1, tzinfo=UTC) - _PRECISION
    known_offset = offset(zone, known)
    while known < end - _PRECISION:
        probed = min(known + _STRIDE, end - _PRECISION)
        probed_offset = offset(zone, probed)
        if probed_offset != known_offset:
            yield _pinned(zone, known, probed)
        known, known_offset = probed, probed_offset


def _pinned(zone: ZoneInfo, before: datetime, after: datetime) -> Change:
    """The change between two moments of different offset, found by halving."""
    while after - before > _PRECISION:
        middle = before + timedelta(seconds=(after - before) // _PRECISION // 2)
        if offset(zone, middle) == offset(zone, before):
            before = middle
        else:
            after = middle
    return Change(after, offset(zone, before), offset(zone, after))


def offset(zone: ZoneInfo, moment: datetime) -> int:
    """Seconds east of UTC."""
    moved = moment.astimezone(zone).utcoffset()
    return 0 if moved is None else int(moved.total_seconds())


def shown(seconds: int) -> str:
    """An offset as people write it: +05:30."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, odd = divmod(rest, 60)
    return f"{sign}{hours:02}:{minutes:02}" + (f":{odd:02}" if odd else "")
