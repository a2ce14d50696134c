"""One verb for many workflows: to which of them it applies, and why not to the others. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.presenters.times import estimate
from dashboard.presenters.verbs import verbs
from workflows.models import BulkAction, BulkOutcome, Workflow
from workflows.states import Status

MOST = 1_000  # at once; the shell takes more
_LEAST_SECONDS = 2.0  # before a pace is one
REASON_ABOVE = 50  # more workflows than this need a reason


@dataclass(frozen=True)
class BulkVerb:
    """`name`: the engine's and the address's; `right`: what `access` is asked for; `pinned`: which it leaves alone."""

    name: str
    right: str
    label: str
    done: str
    says: str
    pinned: bool | None = None
    is_final: bool = False

    @property
    def wire(self) -> dict[str, Any]:
        """What the browser counts with."""
        statuses = [status.value for status in Status if not self._refusal_of_status(status)]
        return {"name": self.name, "label": self.label, "statuses": statuses, "skips_pinned": self.pinned}

    def refusal(self, status: str, pinned: bool) -> str:
        """Why it does not apply to such a workflow; empty if it does."""
        if self.pinned is not None and pinned is self.pinned:
            return "It is pinned already." if pinned else "It is not pinned."
        return self._refusal_of_status(status)

    def _refusal_of_status(self, status: str) -> str:
        standing = verbs(status).get(self.name)
        return "" if standing is None or standing.allowed else standing.why

    def needs_reason(self, count: int) -> bool:
        """Whether so many of them need one."""
        return self.is_final or count > REASON_ABOVE


BULK_VERBS = {
    verb.name: verb
    for verb in (
        BulkVerb(
            "cancel", "cancel", "Cancel", "cancelled",
            "They are stopped for good, running ones before their next checkpoint. What is recorded stays.",
        ),
        BulkVerb(
            "resume", "resume", "Resume", "resumed",
            "They go on where they were. Recorded steps are not repeated; a step whose error ended one is tried again.",
        ),
        BulkVerb("pin", "pin", "Pin", "pinned", "Retention leaves them alone, however old they become.", pinned=True),
        BulkVerb("unpin", "pin", "Unpin", "unpinned", "Retention may remove them once they are old.", pinned=False),
        BulkVerb(
            "delete", "delete", "Delete", "deleted",
            "They are removed with their whole history. Only who deleted them, when and why is kept. "
            "Their children and forks stay.",
            is_final=True,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Share:
    """How many are of a status."""

    status: str
    count: int


@dataclass(frozen=True)
class Skipped:
    """Who is left out for the same reason."""

    why: str
    shares: list[Share]
    count: int


@dataclass(frozen=True)
class Plan:
    """What a verb would do to a fixed set of workflows."""

    verb: BulkVerb
    rows: list[Workflow]
    shares: list[Share]
    skipped: list[Skipped]
    missing: int
    selected: int

    @property
    def ids(self) -> list[str]:
        """The workflows that it applies to."""
        return [row.id for row in self.rows]


def plan(verb: BulkVerb, found: Iterable[Workflow], selected: int) -> Plan:
    """The plan for what was found of so many that were selected."""
    rows: list[Workflow] = []
    left_out: dict[str, list[Workflow]] = {}
    for row in found:
        why = verb.refusal(row.status, row.pinned)
        (left_out.setdefault(why, []) if why else rows).append(row)
    skipped = [Skipped(why, _shares(each), len(each)) for why, each in left_out.items()]
    missing = selected - len(rows) - sum(each.count for each in skipped)
    return Plan(verb, rows, _shares(rows), skipped, missing, selected)


def _shares(rows: Iterable[Workflow]) -> list[Share]:
    counted = Counter(row.status for row in rows)
    return [Share(status.value, counted[status.value]) for status in Status if counted[status.value]]


@dataclass(frozen=True)
class Account:
    """A bulk action in words: what was asked for, how far it is, how it ended."""

    action: BulkAction
    name: str
    verb: str
    done_word: str
    is_final: bool
    right: str

    @property
    def state(self) -> str:
        """One of under way, finished, stopped."""
        if self.action.ended_at is None:
            return "under way"
        return "stopped" if self.action.aborted_by and self.action.left else "finished"

    @property
    def offers_more(self) -> bool:
        """Whether what is or will be left can be gone on with from its page."""
        return bool(self.name and self.action.left)

    @property
    def asked(self) -> int:
        """How many were asked for by now, refused ones as well."""
        return self.action.done + self.action.refused

    def pace(self, now: datetime) -> str:
        """How quick it is, and how long the rest takes at that; empty while that is not known, and when it ended."""
        passed = (now - self.action.created_at).total_seconds()
        if self.action.ended_at is not None or not self.action.done or passed < _LEAST_SECONDS:
            return ""
        rate = self.action.done / passed
        words = f"{rate:,.0f} a second" if rate >= 1 else f"{60 * rate:,.0f} a minute"
        return f"{words}, about {estimate(round(1_000 * self.action.left / rate))} left"

    @property
    def title(self) -> str:
        """What is or was done, as a heading."""
        done, total = self.action.done, self.action.total
        return f"{done:,} of {total:,} {'workflow' if total == 1 else 'workflows'} {self.done_word}"


def account(action: BulkAction) -> Account:
    """The words for one. Those of a verb that pages do not offer are made of its name."""
    known = BULK_VERBS.get(action.verb.removesuffix("_tree"))
    if known is None:
        label = action.verb.replace("_", " ").capitalize()
        return Account(action, "", label, f"asked to {action.verb}", False, "delete")
    label = f"{known.label} with children" if action.verb.endswith("_tree") else known.label
    return Account(action, known.name, label, known.done, known.is_final, known.right)


RESULT_COLUMNS = ("workflow", "verb", "outcome", "detail")


def result(verb: str, row: BulkOutcome) -> dict[str, str]:
    """What came of one workflow, for a file."""
    detail = row.detail or ("not asked for" if row.outcome == BulkOutcome.LEFT else "")
    return {"workflow": row.workflow_id, "verb": verb, "outcome": row.outcome, "detail": detail}
