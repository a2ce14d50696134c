"""When will clocks change? Hundreds of small steps, one per zone of the IANA time zone database."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from examples import zones
from workflows.durable import set_event, step, track, workflow

FIRST_YEAR, LAST_YEAR = 1900, 2200


@workflow
def time_zones(year: int | None = None) -> dict[str, Any]:
    """Find every change of a zone's offset within a year (default: this one), and summarise them."""
    if year is None:
        year = present_year()
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"The year {year} is not between {FIRST_YEAR} and {LAST_YEAR}.")
    set_event("phase", "listing zones")
    names = zone_names()
    set_event("phase", f"looking through {year}")
    found = {name: offset_changes(name, year) for name in track(names, "zones")}
    set_event("phase", "done")
    return _summary(year, found)


@step
def present_year() -> int:
    """The year as it is now: a step, because a replay next year must get the same."""
    return datetime.now(UTC).year


@step
def zone_names() -> list[str]:
    """The zones that this worker's database knows, sorted."""
    return sorted(available_timezones())


@step
def offset_changes(name: str, year: int) -> dict[str, Any]:
    """The changes of one zone: [moment, offset before, offset after], or why its data cannot be read."""
    try:
        zone = ZoneInfo(name)
    except (OSError, ValueError) as error:
        return {"changes": [], "problem": f"{type(error).__name__}: {error}"[:200]}
    return {
        "changes": [
            [change.at.strftime("%Y-%m-%dT%H:%M:%SZ"), zones.shown(change.before), zones.shown(change.after)]
            for change in zones.changes(zone, year)
        ],
        "problem": None,
    }


def _summary(year: int, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    changing = {name: result["changes"] for name, result in found.items() if result["changes"]}
    moments = Counter(at for changes in changing.values() for at, _before, _after in changes)
    return {
        "year": year,
        "zones": len(found),
        "zones_that_change": len(changing),
        "changes": sum(moments.values()),
        "busiest_moments": [[at, count] for at, count in sorted(moments.items(), key=lambda m: (-m[1], m[0]))[:5]],
        "table": changing,
        "unreadable": {name: result["problem"] for name, result in found.items() if result["problem"]},
    }
