"""In which time zone a reader reads: a cookie says it, pages obey, and scripts convert with the same table.

The cookie `zone` is a zone's name. Before it may stand `browser:`, where the browser said which zone that is, and
before that `schedule:`, for pages of one schedule that has a zone of its own.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

COOKIE = "zone"
_SCHEDULE, _BROWSER = "schedule:", "browser:"
# What the table for scripts covers: all that can be in a history, and the waits of a lifetime.
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
_SECOND, _WEEK = timedelta(seconds=1), timedelta(weeks=1)  # no offset lasts less than a week


@dataclass(frozen=True)
class Choice:
    """What somebody chose: a zone by its name, perhaps because it is the browser's, perhaps not for schedules."""

    name: str = "UTC"
    is_browsers: bool = False
    is_schedules: bool = False

    @classmethod
    def of(cls, cookie: str) -> Choice:
        """What the cookie says; UTC where it says nothing that is understood."""
        is_schedules, rest = cookie.startswith(_SCHEDULE), cookie.removeprefix(_SCHEDULE)
        is_browsers, name = rest.startswith(_BROWSER), rest.removeprefix(_BROWSER)
        known = name in _names()
        return cls(name if known else "UTC", is_browsers and known, is_schedules)

    def applied(self, schedule_zone: str = "") -> str:
        """The name of the zone on a page; on that of a schedule perhaps the schedule's."""
        return schedule_zone if self.is_schedules and schedule_zone in _names() else self.name


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def named(name: str) -> zoneinfo.ZoneInfo:
    """The zone of that name; UTC for a name that nobody knows."""
    return zoneinfo.ZoneInfo(name if name in _names() else "UTC")


def shown_name(moment: datetime) -> str:
    """What stands beside a time: "UTC", "CET", and "UTC-03" where the zone has no letters of its own."""
    name = moment.tzname() or "UTC"
    return f"UTC{name[:3]}{':' if name[3:] else ''}{name[3:]}" if name[0] in "+-" else name


def control(request: HttpRequest, schedule_zone: str = "") -> dict[str, Any]:
    """What the header needs: the choices at hand, which of them is chosen, and the zone for scripts."""
    choice = Choice.of(request.COOKIES.get(COOKIE, ""))
    if schedule_zone not in _names():
        schedule_zone = ""
    applied = choice.applied(schedule_zone)
    now = shown_name(timezone.now().astimezone(zoneinfo.ZoneInfo(applied)))
    return {
        "words": applied if now == applied else f"{now} {applied}",
        "schedule": schedule_zone,
        "chosen": "schedule" if choice.is_schedules and schedule_zone else "browser" if choice.is_browsers else applied,
        "table": {"name": applied, "changes": changes(applied)},
    }


@lru_cache(maxsize=64)
def changes(name: str) -> list[tuple[int, int, str]]:
    """When the zone's offset changes: milliseconds since 1970, then the offset in seconds and what stands beside times.

    The first holds for all that was before, too.
    """
    zone = zoneinfo.ZoneInfo(name)
    found = [_change(_FROM, zone)]
    moment = _FROM
    while moment < _UNTIL:
        if _change(moment + _WEEK, zone)[1:] != found[-1][1:]:
            found.append(_change(_first_after(moment, zone), zone))
        moment += _WEEK
    return found


def _change(moment: datetime, zone: zoneinfo.ZoneInfo) -> tuple[int, int, str]:
    local = moment.astimezone(zone)
    return round(moment.timestamp() * 1000), (local.utcoffset() or timedelta()) // _SECOND, shown_name(local)


def _first_after(start: datetime, zone: zoneinfo.ZoneInfo) -> datetime:
    """The second within a week at which the offset becomes another."""
    before = _change(start, zone)[1:]
    same, other = 0, _WEEK // _SECOND
    while other - same > 1:
        middle = (same + other) // 2
        if _change(start + middle * _SECOND, zone)[1:] == before:
            same = middle
        else:
            other = middle
    return start + other * _SECOND


def use(request: HttpRequest, schedule_zone: str = "") -> None:
    """From here on this request speaks the zone that its reader chose."""
    choice = Choice.of(request.COOKIES.get(COOKIE, ""))
    timezone.activate(zoneinfo.ZoneInfo(choice.applied(schedule_zone)))


@sync_and_async_middleware
def zone_middleware(get_response: Any) -> Any:
    """The console speaks the reader's zone; the admin's headings say UTC."""

    def start(request: HttpRequest) -> None:
        if not request.path.startswith(reverse("admin:index")):
            use(request)

    async def middleware_async(request: HttpRequest) -> Any:
        with timezone.override(UTC):
            start(request)
            return await get_response(request)

    def middleware(request: HttpRequest) -> Any:
        with timezone.override(UTC):
            start(request)
            return get_response(request)

    return middleware_async if iscoroutinefunction(get_response) else middleware
