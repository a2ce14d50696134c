"""Until when a workflow is kept; and why one is not there, as far as that is known, for who may see all of them."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.presenters.times import absolute, iso_utc
from workflows.models import Deletion
from workflows.retention import Fate, ScheduledRule

_MOST_RULES = 3


def kept(fate: Fate) -> str:
    """Until when an ended workflow is kept at least, in a few words; empty: no rule removes it."""
    if not fate.removals:
        return ""
    if fate.kept:
        return f"because {fate.kept[0]}"
    times = [removal.at for removal in fate.removals if removal.at is not None]
    newest = [removal.keep for removal in fate.removals if removal.keep is not None]
    until = f"until {absolute(iso_utc(min(times)))}" if times else ""
    while_new = f"while among the newest {min(newest):,} of its status" if newest else ""
    return " and ".join(filter(None, (until, while_new)))


def deleted(found: Deletion) -> str:
    """What it was, and by whom, when and why it was deleted."""
    by = f" by {found.deleted_by}" if found.deleted_by else ""
    why = f": “{found.reason}”" if found.reason else "."
    return (
        f"It was a workflow of {found.definition}, {found.status}, created {absolute(iso_utc(found.created_at))}. "
        f"It was deleted {absolute(iso_utc(found.deleted_at))}{by}{why}"
    )


def removed(rules: Sequence[ScheduledRule]) -> list[str]:
    """What each rule has removed by now. One that never ran has removed nothing."""
    return [_removed(rule) for rule in rules if rule.ran_at is not None][:_MOST_RULES]


def _removed(rule: ScheduledRule) -> str:
    of = f" of {rule.definition}" if rule.definition else ""
    ended = f"ended as {' or '.join(sorted(rule.statuses))}" if rule.statuses else "ended"
    ways = []
    if rule.removed_before is not None:
        ways.append(f"before {absolute(iso_utc(rule.removed_before))}, by its {rule.days:g}-day rule")
    if rule.keep is not None:
        ways.append(f"before the newest {rule.keep:,} of their status")
    return f"Schedule {rule.schedule.name} has removed workflows{of} that {ended} {', or '.join(ways)}."
