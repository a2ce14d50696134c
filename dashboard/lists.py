"""Live lists: what moved, read once for all lists of this process, and what each list is owed of it.

A list is a state, not a stream: only the newest version of a row is owed, so a slow reader skips versions and memory
stays bounded. Visible rows are found by their seq, others by the time of their last change of status. No async here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils import timezone

from dashboard import access, decoding, protocol
from dashboard.filters import ListFilter
from workflows import queries, redaction
from workflows.queries import StatusChange
from workflows.visibility import Visibility

# Statements take their time before they commit: a change seen now may be this much older than one seen before.
OVERLAP = timedelta(seconds=2)
# A start may sit in somebody's transaction; a page read meanwhile missed it, although it looks older than the page.
START_SLACK = timedelta(minutes=1)
# A page that comes back after longer than this is told "more" instead of everything that happened.
LOOK_BACK = timedelta(minutes=15)
MAX_CHANGES = 2_000  # read at once; the rest comes with the next tick
MAX_FRESH = 1_000  # listed to one reader; beyond, it is told "more"

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Row(NamedTuple):
    """One version of a row, encoded once for all its readers; `values`: of each key asked for, the text of its pair."""

    id: str
    seq: int
    text: str
    values: tuple[tuple[str, str], ...] = ()

    def with_values(self, keys: Collection[str]) -> str:
        """Its text with the values of the keys that one reader asks for."""
        if not keys:
            return self.text
        pairs = ",".join(pair for key, pair in self.values if key in keys)
        return f'{self.text[:-1]},"values":{{{pairs}}}}}'


class News(NamedTuple):
    """What one tick found, by who may read it, and from which time on the next one reads changes."""

    rows: dict[Visibility | None, list[Row]]
    changes: list[StatusChange]
    read_on_from: datetime
    seen: dict[access.Visitor, set[str]] = {}  # of all these, by who does not see all


def read(
    known: Mapping[str, int], after: datetime, started: Collection[str], keys: Collection[str] = (),
    audiences: Collection[Visibility | None] = (None,), narrowed: Collection[access.Visitor] = (),
) -> News:  # fmt: skip
    """Rows that moved past the seq known of them, and changes of status after a time or of the hinted `started`.

    With the rows come their values of `keys`, for each audience as it may read them. `narrowed`: who does not see all.
    """
    seqs = queries.seqs(list(known)) if known else {}
    moved = [workflow_id for workflow_id, seq in seqs.items() if seq > known[workflow_id]]
    summaries = queries.summaries(moved, keys) if moved else []
    rows = {audience: [_row(redaction.summary(one, audience, keys)) for one in summaries] for audience in audiences}
    changes = queries.status_changes(after, limit=MAX_CHANGES)
    read_on_from = _read_on_from(after, changes)
    if started:
        changes += queries.statuses_of(started)
    told = {*moved, *(change.id for change in changes)}
    return News(rows, changes, read_on_from, {user: _seen(user, told) for user in narrowed} if told else {})


def _seen(user: access.Visitor, ids: set[str]) -> set[str]:
    return set(access.visible_workflows(user).filter(pk__in=ids).values_list("pk", flat=True))


def _read_on_from(after: datetime, changes: list[StatusChange]) -> datetime:
    if not changes:
        return after
    if len(changes) == MAX_CHANGES:  # so many that looking back would never end
        return changes[-1].status_at
    return max(after, changes[-1].status_at - OVERLAP)


def _row(summary: queries.Summary) -> Row:
    rest = {name: part for name, part in summary.items() if name != "values"}
    pairs = tuple((key, f"{_encode(key)}:{_encode(value)}") for key, value in summary.get("values", {}).items())
    return Row(summary["id"], summary["seq"], _encode(rest), pairs)


def _encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class ListView:
    """What one reader sees: its filter, its keys, its rows and the seq each is known at here, and what it is owed."""

    def __init__(
        self, wanted: ListFilter, known: dict[str, int], since: datetime, oldest: datetime, keys: Iterable[str] = (),
        audience: Visibility | None = None,
    ) -> None:  # fmt: skip
        self.filter = wanted
        self.audience = audience
        self.narrowed: access.Visitor | None = None  # somebody who does not see all workflows
        self.is_deaf = False  # of what is new, because it asks for children of a workflow that is hidden
        self.keys = frozenset(keys)
        self.known = known
        self.since = since
        self._oldest = oldest
        self._rows: dict[str, Row] = {}
        self._fresh: dict[str, tuple[str, str, str]] = {}
        self._told: dict[str, str] = {}
        self._more = False
        self._owes = True  # the first answer confirms the subscription, even when it is empty

    @classmethod
    def admitted(cls, user: access.Visitor, message: protocol.SubscribeList) -> ListView:
        """The view that a subscription asks for; rows that this person may not see are left out."""
        asked = dict(message["ids"])
        visible = access.visible_workflows(user).filter(pk__in=asked).values_list("pk", "created_at")
        created = dict(visible)
        known = {workflow_id: seq for workflow_id, seq in asked.items() if workflow_id in created}
        since, earliest = decoding.moment(message["since"]), timezone.now() - LOOK_BACK
        view = cls(
            ListFilter.from_wire(message["filter"]),
            known,
            max(since, earliest),
            min(created.values(), default=_EARLIEST),
            message.get("keys", ()),
            access.audience(user),
        )
        view._more = since < earliest
        if not access.can(user, access.VIEW_TOTALS):
            view.narrowed = user
            view.is_deaf = view.filter.within(access.visible_workflows(user)).query.is_empty()
        return view

    def offer(self, news: News) -> bool:
        """Take note of what moved; whether anything is owed now."""
        for row in news.rows.get(self.audience, ()):
            if row.seq > self.known.get(row.id, row.seq):
                self.known[row.id] = row.seq
                if self._is_seen(row.id, news):
                    self._rows[row.id] = row
        for change in news.changes:
            if self._is_seen(change.id, news):
                self._note(change)
        return bool(self._owes or self._rows or self._fresh)

    def _is_seen(self, workflow_id: str, news: News) -> bool:
        return self.narrowed is None or workflow_id in news.seen.get(self.narrowed, ())

    def _note(self, change: StatusChange) -> None:
        if change.id in self.known or self._told.get(change.id) == change.status:
            return
        # Once told, every change of status is told, so that the reader's count by status stays right.
        if change.id not in self._told and not self._is_fresh(change):
            return
        if change.id not in self._told and len(self._told) >= MAX_FRESH:
            self._owes = self._owes or not self._more
            self._more = True
            return
        self._told[change.id] = change.status
        self._fresh[change.id] = (change.id, change.status, change.definition)

    def _is_fresh(self, change: StatusChange) -> bool:
        if self.is_deaf or not self.filter.matches(change._asdict()):
            return False
        started = change.created_at > max(self.since - START_SLACK, self._oldest)
        return started or (bool(self.filter.status) and change.status_at > self.since)

    def take(self, *, more: bool = False) -> str | None:
        """One frame with everything owed; None if nothing is. `more`: not everything fresh was offered."""
        if not (self._owes or self._rows or self._fresh):
            return None
        rows, fresh = tuple(self._rows.values()), tuple(self._fresh.values())
        self._rows, self._fresh, self._owes = {}, {}, False
        return _frame(rows, fresh, self._more or more, self.keys)


def look(user: access.Visitor, wanted: protocol.SubscribeList) -> str:
    """One frame with what is owed to a list that was last looked at at `since`. Something fresh may be named again."""
    view = ListView.admitted(user, wanted)
    view.since -= OVERLAP
    news = read(view.known, view.since, (), view.keys, {view.audience}, [view.narrowed] if view.narrowed else ())
    view.offer(news)
    return view.take(more=len(news.changes) == MAX_CHANGES) or ""


@lru_cache(maxsize=16)
def _frame(rows: tuple[Row, ...], fresh: tuple[tuple[str, str, str], ...], more: bool, keys: frozenset[str]) -> str:
    """Readers of the same list are owed the same, so it is encoded once."""
    return protocol.rows([row.with_values(keys) for row in rows], fresh, more=more)


def least_known(views: Iterable[ListView]) -> dict[str, int]:
    """Of every row that somebody sees, the oldest seq that somebody has."""
    known: dict[str, int] = {}
    for view in views:
        for workflow_id, seq in view.known.items():
            known[workflow_id] = min(seq, known.get(workflow_id, seq))
    return known


def keys_of(views: Iterable[ListView]) -> set[str]:
    """All keys that somebody sees."""
    return {key for view in views for key in view.keys}


def audiences_of(views: Iterable[ListView]) -> set[Visibility | None]:
    """For whom rows are to be read."""
    return {view.audience for view in views}


def narrowed_of(views: Iterable[ListView]) -> set[access.Visitor]:
    """Who of the readers does not see all workflows."""
    return {view.narrowed for view in views if view.narrowed is not None}
