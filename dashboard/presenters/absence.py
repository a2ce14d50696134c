"""Why a workflow is not there, as far as that is known; for who may see all that there are."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.presenters.times import absolute, iso_utc
from workflows.models import Deletion
from workflows.retention import ScheduledRule

_MOST_RULES = 3


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
