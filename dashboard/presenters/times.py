"""Points in time and durations as text, in the reader's zone. Durations are whole milliseconds, as in the browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from dashboard.zones import shown_name

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
_LATE = 5 * SECOND  # whoever starts something looks once a second
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(iso: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 text with its zone."""
    return (datetime.fromisoformat(iso) - _EPOCH) // _MILLISECOND


def iso_of(ms: int) -> str:
    """The point in time of milliseconds since 1970."""
    return iso_utc(_EPOCH + ms * _MILLISECOND)


def between(start: str, end: str) -> int:
    """Milliseconds from one point in time to another, never negative."""
    return max(0, milliseconds(end) - milliseconds(start))


def duration(ms: int) -> str:
    """Short, and as precise as its length deserves: "340 ms", "4.2 s", "3 min 04 s", "2 h 05 min", "3 d 04 h"."""
    if ms < SECOND:
        return f"{ms} ms"
    if ms < 10 * SECOND:
        return f"{ms // 1000}.{ms % 1000 // 100} s"
    return whole_duration(ms)


def whole_duration(ms: int) -> str:
    """The same for something that is still growing: nothing below a second, so that it does not flicker."""
    if ms < MINUTE:
        return f"{ms // SECOND} s"
    if ms < HOUR:
        return f"{ms // MINUTE} min {ms % MINUTE // SECOND:02} s"
    if ms < DAY:
        return f"{ms // HOUR} h {ms % HOUR // MINUTE:02} min"
    return f"{ms // DAY} d {ms % DAY // HOUR:02} h"


def estimate(ms: int) -> str:
    """One unit, rounded up: what is only guessed must not look precise."""
    unit, word = (SECOND, "s") if ms < 2 * MINUTE else (MINUTE, "min") if ms < 2 * HOUR else (HOUR, "h")
    return f"{-(-ms // unit)} {word}"


def ago(iso: str, now: str) -> str:
    """How long ago, in one unit; after a day, the date."""
    ms = between(iso, now)
    if ms < MINUTE:
        return f"{ms // SECOND} s ago"
    if ms < HOUR:
        return f"{ms // MINUTE} min ago"
    if ms < DAY:
        return f"{ms // HOUR} h ago"
    return f"{local(iso):%Y-%m-%d}"


def local(iso: str) -> datetime:
    """On the reader's clock."""
    return datetime.fromisoformat(iso).astimezone(timezone.get_current_timezone())


def until(iso: str, now: str) -> str:
    """How long it is until something happens; that it should have happened by now."""
    ms = milliseconds(iso) - milliseconds(now)
    if ms >= SECOND:
        return f"in {whole_duration(ms)}"
    return "now" if ms > -_LATE else f"late by {whole_duration(-ms)}"


def absolute(iso: str) -> str:
    """The full point in time with its zone: "2026-11-23 10:00:00 UTC"."""
    moment = local(iso)
    return f"{moment:%Y-%m-%d %H:%M:%S} {shown_name(moment)}"


def clock(iso: str) -> str:
    """The time of day with its zone, for sentences: "10:00:00 UTC"."""
    moment = local(iso)
    return f"{moment:%H:%M:%S} {shown_name(moment)}"


def minute(iso: str) -> str:
    """Hours and minutes with the zone: "10:00 UTC"."""
    moment = local(iso)
    return f"{moment:%H:%M} {shown_name(moment)}"


def time_of_day(iso: str) -> str:
    """To the millisecond, with the zone: "10:00:00.123 UTC"."""
    moment = local(iso)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {shown_name(moment)}"


def when(iso: str, reference: str) -> str:
    """The time of day; with its date where that is not the date of `reference`."""
    return clock(iso) if local(iso).date() == local(reference).date() else absolute(iso)


def iso_utc(moment: datetime) -> str:
    """The one text form of a point in time on every wire and in every attribute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
