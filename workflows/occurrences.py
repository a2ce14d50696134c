"""When a schedule is due: by a cron expression in a time zone, or every so many seconds. Pure.

One question carries everything: which occurrence is the first after a moment? Its answers depend on nothing else, so
every worker, a backfill and a schedule that was unpaused all see the same occurrences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from workflows.errors import InvalidSchedule

_SECOND, _INSTANT = timedelta(seconds=1), timedelta(microseconds=1)
_SHORTEST, _LONGEST = 1.0, 3_660 * 86_400.0  # seconds; ids name occurrences by their time
_CRON_MAX_LENGTH = 200
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)  # zones need room beyond


class Timing(NamedTuple):
    """Either `cron` or `interval` (seconds, counted from `origin`). `zone` matters to cron alone."""

    cron: str | None
    interval: float | None
    zone: str
    origin: datetime

    def after(self, moment: datetime) -> datetime | None:
        """The first occurrence later than a moment, UTC. None: there is none in 50 years."""
        if self.interval is not None:
            step = timedelta(seconds=self.interval)
            return self.origin + ((moment - self.origin) // step + 1) * step
        for found in _cron_times(self.cron or "", moment.astimezone(_zone(self.zone))):
            # In the hour that the end of summer time repeats, cronsim may begin with its first pass, which is over.
            if found.astimezone(UTC) > moment:
                return found.astimezone(UTC)
        return None

    def at_or_after(self, moment: datetime) -> datetime | None:
        """The first occurrence not before a moment."""
        return self.after(moment - _INSTANT)

    def latest(self, since: datetime, before: datetime) -> datetime | None:
        """The last occurrence from `since` until just before `before`; found by halving, whatever the distance.

        Ends within a second, and no two occurrences are closer than that.
        """
        low, high = since - _INSTANT, before - _INSTANT
        found = self.after(low)
        if found is None or found > high:
            return None
        while high - low > _SECOND:
            middle = low + (high - low) / 2
            later = self.after(middle)
            if later is None or later >= before:
                high = middle
            else:
                low, found = middle, later
        return found

    def between(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """The occurrences of a range, both ends included."""
        found = self.at_or_after(since)
        while found is not None and found <= until:
            yield found
            found = self.after(found)

    def explain(self) -> str:
        """In words: "At 02:30 every day (Europe/Berlin)"."""
        if self.interval is not None:
            return f"Every {self.interval:g} s"
        return f"{_cron_times(self.cron or '', self.origin).explain()} ({self.zone})"


def checked(*, cron: str | None, interval: float | None, time_zone: str, starts_at: datetime) -> Timing:
    """The timing that these make. Raises InvalidSchedule, which says what is wrong and what would be right."""
    if (cron is None) == (interval is None):
        raise InvalidSchedule("A schedule has either a cron expression or an interval in seconds; give one of them.")
    _zone(time_zone)
    timing = Timing(cron, interval, time_zone, checked_moment(starts_at, what="start of a schedule"))
    if interval is not None:
        _check_interval(interval)
    elif timing.after(starts_at) is None:
        raise InvalidSchedule(f"The cron expression {cron!r} matches no day of the next 50 years. Correct its date.")
    return timing


def checked_moment(moment: datetime, *, what: str) -> datetime:
    """The moment in UTC. Raises InvalidSchedule for one without a time zone, or absurdly far away."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidSchedule(f"The {what} is {moment!r}; give a datetime with a time zone.")
    if not _EARLIEST <= moment <= _LATEST:
        raise InvalidSchedule(f"The {what} is {moment.isoformat()}; give a time from 1970 to 9000.")
    return moment.astimezone(UTC)


def _check_interval(interval: float) -> None:
    number = isinstance(interval, int | float) and not isinstance(interval, bool)
    if not number or not math.isfinite(interval) or not _SHORTEST <= interval <= _LONGEST:
        raise InvalidSchedule(f"The interval is {interval!r}; give seconds, from {_SHORTEST:g} to {_LONGEST:,.0f}.")


def _cron_times(cron: str, moment: datetime) -> CronSim:
    try:
        if len(cron) > _CRON_MAX_LENGTH:
            raise CronSimError(f"More than {_CRON_MAX_LENGTH} characters")
        return CronSim(cron, moment)
    except (CronSimError, AttributeError, TypeError) as error:  # the latter two: it is no text
        raise InvalidSchedule(
            f"{cron!r} is no cron expression ({error}). Write five fields, minute hour day month weekday, or six with "
            "the second first: '30 2 * * *' is 02:30 every day, '*/10 * * * * *' every ten seconds."
        ) from None


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError, TypeError):
        raise InvalidSchedule(
            f"No time zone is named {name!r}. Use a name of the IANA database, such as Europe/Berlin or UTC."
        ) from None


def iso(moment: datetime) -> str:
    """A moment as ids name it: 2026-11-23T10:00:00Z, with a fraction only if it has one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
