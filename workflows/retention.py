"""Removing ended workflows by rule: by age, and by number. In small batches, each one a commit of its own.

Whatever interrupts it, what it has removed is gone as a whole, and what it has not is untouched.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple

from django.db import transaction

from workflows import removal
from workflows.errors import InvalidInput
from workflows.models import Schedule, Wait, Workflow
from workflows.sql import fetch
from workflows.states import TERMINAL, Status

# What no rule removes: pinned ones, children of a parent that may still read them, and what an active one waits for.
_FREE: LiteralString = """NOT w.pinned
  AND (%(definition)s::text IS NULL OR w.definition = %(definition)s)
  AND NOT EXISTS (SELECT 1 FROM workflows_workflow AS p WHERE p.id = w.parent_id AND p.finished_at IS NULL)
  AND NOT EXISTS (
      SELECT 1 FROM workflows_wait AS r JOIN workflows_workflow AS a ON a.id = r.workflow_id
      WHERE r.target_id = w.id AND a.finished_at IS NULL)"""

_BY_AGE: LiteralString = """
FROM workflows_workflow AS w
WHERE w.status = ANY(%(statuses)s) AND w.status_at < %(before)s AND """
_BY_NUMBER: LiteralString = """
FROM workflows_workflow AS w
WHERE w.status = %(status)s AND (w.created_at, w.id) <= (%(created_at)s, %(id)s) AND """

# A batch begins where the last one ended, so that what is kept is passed only once. Locked rows are in use: next time.
_BATCH_BY_AGE: LiteralString = (
    "SELECT w.id, w.status, w.status_at" + _BY_AGE + _FREE + """
  AND w.status_at >= %(last_at)s AND (w.status_at, w.id) > (%(last_at)s, %(last_id)s)
ORDER BY w.status_at, w.id LIMIT %(batch)s FOR UPDATE OF w SKIP LOCKED"""
)  # fmt: skip
_BATCH_BY_NUMBER: LiteralString = (
    "SELECT w.id, w.status, w.created_at" + _BY_NUMBER + _FREE + """
  AND (w.created_at, w.id) > (%(last_at)s, %(last_id)s)
ORDER BY w.created_at, w.id LIMIT %(batch)s FOR UPDATE OF w SKIP LOCKED"""
)  # fmt: skip

_FIRST_TOO_MANY: LiteralString = """
SELECT created_at, id FROM workflows_workflow
WHERE status = %(status)s AND (%(definition)s::text IS NULL OR definition = %(definition)s)
ORDER BY created_at DESC, id DESC OFFSET %(keep)s LIMIT 1"""

_LONG_AGO = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
_LONGEST = timedelta(days=100 * 366)

PRUNING, DAYS = "telltale.prune", 30  # the definition that removes by rule, and the age that it takes for granted
_ARGUMENTS, _MOST_RULES = ("days", "keep", "statuses", "definition"), 100


class _Rule(NamedTuple):
    rows: LiteralString
    batch: LiteralString
    parameters: dict[str, Any]


def prune(
    *,
    older_than: timedelta | None = None,
    keep: int | None = None,
    statuses: Collection[Status | str] = TERMINAL,
    definition: str | None = None,
    batch: int = 500,
    pause: float = 0.0,
) -> Counter[str]:
    """This will remove ended workflows, and return how many by status.

    older_than: those that ended longer ago. keep: those beyond the newest so many of each status (and of `definition`,
    if one is given). With both, either suffices. pause: seconds between batches. Pinned ones stay, and children of
    active parents, and what an active workflow waits for. Raises InvalidInput.
    """
    removed: Counter[str] = Counter()
    for counts in batches(older_than=older_than, keep=keep, statuses=statuses, definition=definition, batch=batch):
        removed += counts
        time.sleep(pause)
    return removed


def batches(
    *,
    older_than: timedelta | None = None,
    keep: int | None = None,
    statuses: Collection[Status | str] = TERMINAL,
    definition: str | None = None,
    batch: int = 500,
) -> Iterator[Counter[str]]:
    """The same, step by step: every batch is removed and committed when its counts are yielded."""
    if batch < 1:
        raise InvalidInput(f"A batch has one workflow or more, not {batch}.")
    for rule in _rules(older_than, keep, statuses, definition):
        last_at, last_id = _LONG_AGO, ""
        while True:
            parameters = {**rule.parameters, "last_at": last_at, "last_id": last_id, "batch": batch}
            with transaction.atomic():
                rows = fetch(rule.batch, parameters)
                removal.delete_rows([row[0] for row in rows])
            if not rows:
                break
            yield Counter(row[1] for row in rows)
            last_id, _status, last_at = rows[-1]


def prunable(
    *,
    older_than: timedelta | None = None,
    keep: int | None = None,
    statuses: Collection[Status | str] = TERMINAL,
    definition: str | None = None,
) -> Counter[str]:
    """How many `prune` would remove now, by status. Raises InvalidInput."""
    found: dict[str, str] = {}
    for rule in _rules(older_than, keep, statuses, definition):
        found |= dict(fetch("SELECT w.id, w.status" + rule.rows + _FREE, rule.parameters))
    return Counter(found.values())


def _rules(
    older_than: timedelta | None, keep: int | None, statuses: Collection[Status | str], definition: str | None
) -> Sequence[_Rule]:
    chosen = _checked(older_than, keep, statuses)
    rules: list[_Rule] = []
    if older_than is not None:
        ((before,),) = fetch("SELECT clock_timestamp() - %(age)s::interval", {"age": older_than})
        told = {"statuses": chosen, "before": before, "definition": definition}
        rules.append(_Rule(_BY_AGE, _BATCH_BY_AGE, told))
    if keep is not None:
        for status in chosen:
            told = {"status": status, "definition": definition}
            for created_at, workflow_id in fetch(_FIRST_TOO_MANY, {**told, "keep": keep}):
                place = {"created_at": created_at, "id": workflow_id}
                rules.append(_Rule(_BY_NUMBER, _BATCH_BY_NUMBER, {**told, **place}))
    return rules


def _checked(older_than: timedelta | None, keep: int | None, statuses: Collection[Status | str]) -> list[str]:
    if older_than is None and keep is None:
        raise InvalidInput("Say what may go: older_than, keep, or both.")
    if older_than is not None and not timedelta(0) <= older_than <= _LONGEST:
        raise InvalidInput(f"older_than is from nothing to a hundred years, not {older_than}.")
    if keep is not None and (type(keep) is not int or not 0 <= keep < 2**63):
        raise InvalidInput(f"keep is how many workflows of each status stay: 0 or more, not {keep!r}.")
    wrong = sorted(set(map(str, statuses)) - set(TERMINAL))
    if wrong or not statuses:
        raise InvalidInput(f"Only ended workflows are removed: {', '.join(sorted(TERMINAL))}; not {wrong or 'none'}.")
    return sorted(map(str, statuses))


class ScheduledRule(NamedTuple):
    """A schedule that removes what ended more than `days` ago (None: of any age), or what is beyond the newest `keep`.

    statuses, definition: of which workflows; None: of all. ran_at: for when it was due last; None: it never was.
    """

    schedule: Schedule
    days: float | None
    keep: int | None
    statuses: list[str] | None
    definition: str | None
    ran_at: datetime | None

    @property
    def removed_before(self) -> datetime | None:
        """What ended earlier is gone, unless something kept it; None: it went by number only, or never yet."""
        return None if self.ran_at is None or self.days is None else self.ran_at - timedelta(days=self.days)


def scheduled_rules() -> list[ScheduledRule]:
    """The schedules that remove by rule and are not paused, by name. Those that say neither age nor number are none."""
    found = Schedule.objects.filter(definition=PRUNING, paused=False).order_by("name")[:_MOST_RULES]
    return [rule for rule in map(_scheduled_rule, found) if rule.days is not None or rule.keep is not None]


def _scheduled_rule(schedule: Schedule) -> ScheduledRule:
    given = {**dict(zip(_ARGUMENTS, schedule.input["args"], strict=False)), **schedule.input["kwargs"]}
    days, keep = given.get("days", DAYS), given.get("keep")
    return ScheduledRule(schedule, days, keep, given.get("statuses"), given.get("definition"), schedule.last_at)


class Removal(NamedTuple):
    """A schedule that removes a workflow: when it has the age (`at`), or when `keep` newer ones have its status."""

    schedule: str
    at: datetime | None
    keep: int | None


class Fate(NamedTuple):
    """Why no rule removes a workflow now (empty: any may), and the schedules that will, as they stand."""

    kept: list[str]
    removals: list[Removal]


def fate(workflow: Workflow) -> Fate:
    """This will return what becomes of a workflow. A removal by hand is not foreseen."""
    ended_at = workflow.finished_at
    kept = ["it is pinned"] if workflow.pinned else []
    if ended_at is None:
        kept.append("it has not ended")
    if workflow.parent_id and Workflow.objects.filter(id=workflow.parent_id, finished_at=None).exists():
        kept.append(f"its parent {workflow.parent_id} has not ended, and may still read it")
    waiting = Wait.objects.filter(target_id=workflow.id, done=False, workflow__finished_at=None)
    kept += [f"{waiter} waits for it" for waiter in waiting.values_list("workflow_id", flat=True)[:1]]
    removals = [_removal(rule, workflow) for rule in scheduled_rules()]
    return Fate(kept, [removal for removal in removals if removal is not None])


def _removal(rule: ScheduledRule, workflow: Workflow) -> Removal | None:
    """What a schedule's rule does to a workflow, once it has ended as it is; None: nothing."""
    schedule, days = rule.schedule, rule.days
    of_it = (
        rule.statuses is None or workflow.status in rule.statuses or workflow.finished_at is None
    ) and rule.definition in (None, workflow.definition)
    if not of_it or schedule.next_at is None:
        return None
    at = None
    if days is not None and workflow.finished_at is not None:
        at = max(workflow.finished_at + timedelta(days=days), schedule.next_at)
    return Removal(schedule.name, at, rule.keep)
