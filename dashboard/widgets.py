"""What a widget shows, to whoever has its token: one document for the element, the frame, the badge and the wallboard.

A token is the number of a row, signed: who changes one character has none, and a revoked row has none, either. Every
token is answered by the same work, one signature and one look for a row, so neither the answer nor its time tells a
wrong token from one that was revoked, has expired, or shows a workflow that is no more.

    token = widgets.token(widget)
    widgets.state(widget)          # {"label": "Nightly import", "status": "running", "words": "Running", …}
    widgets.shown([number])        # {number: Shown}, for those that may be shown now
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.core.signing import BadSignature, Signer
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from dashboard import access, estimates, widget_rows
from dashboard.filters import ListFilter
from dashboard.listings import listing
from dashboard.models import Scope, Widget
from dashboard.presenters import widgets as present
from dashboard.presenters.times import iso_utc
from dashboard.presenters.widgets import Document
from workflows import counts, queries
from workflows.models import Workflow
from workflows.states import TERMINAL, Status
from workflows.visibility import Visibility, is_shown

ROWS = 20  # of a saved view
TOKEN = re.compile(r"tw_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})")
_BAD = (Status.FAILED.value, Status.QUARANTINED.value)
_CONVENTIONAL = ("progress", "phase")
_ALWAYS_NEW = frozenset({"as_of", "seq"})  # what changes although nothing that is shown does
_signer, _page_signer = Signer(salt="dashboard.widgets"), Signer(salt="dashboard.widgets.page")


def token(widget: Widget) -> str:
    """What opens it. Made from its number each time: nothing that is stored opens anything."""
    return f"tw_{widget.pk}_{_signer.signature(str(widget.pk))}"


def number(text: str) -> int:
    """The number of the row that a token is for; 0, which no row has, for what is no token of ours."""
    found = TOKEN.fullmatch(text)
    given, signature = (found[1], found[2]) if found else ("0", "")
    try:
        return int(_signer.unsign(f"{given}:{signature}"))
    except BadSignature:
        return 0


def page_pass(widget_number: int) -> str:
    """What a page that we serve for a widget says instead of its origin, which it has none of in a sandbox."""
    return _page_signer.signature(str(widget_number))


def admits(widget: Widget, origin: str, page: str = "") -> bool:
    """Whether a page may show it: one of an origin that it names, or one that we serve for it ourselves."""
    if origin == "null":  # a sandboxed page; every site can make one
        try:
            return _page_signer.unsign(f"{widget.pk}:{page}") == str(widget.pk)
        except BadSignature:
            return False
    return origin in widget.origins or "*" in widget.origins


class Shown(NamedTuple):
    """A widget as it is now. follows: the workflow whose movement changes it; empty: several may."""

    widget: Widget
    state: Document
    follows: str

    @property
    def content(self) -> str:
        """All that is seen of it: the same text, the same picture."""
        return json.dumps({key: self.state[key] for key in self.state if key not in _ALWAYS_NEW}, sort_keys=True)


def state(widget: Widget) -> Document | None:
    """What it shows now; None: nothing, because that is no more, or not for its maker to see."""
    found = _Reading(timezone.now()).shown(widget)
    return found and found.state


def usable(now: datetime) -> Q:
    """Neither revoked nor expired."""
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))


def shown(numbers: Collection[int]) -> dict[int, Shown]:
    """Those of these widgets that may be shown now. Notes that they were used, to the minute."""
    now = timezone.now()
    rows = list(Widget.objects.filter(usable(now), pk__in=numbers).select_related("made_by", "view"))
    _note_use(rows, now)
    reading = _Reading(now)
    found = [(widget.pk, reading.shown(widget)) for widget in rows]
    return {pk: one for pk, one in found if one is not None}


def versions(numbers: Collection[int]) -> dict[int, datetime]:
    """When each of those that are neither revoked nor expired was changed last."""
    rows = Widget.objects.filter(usable(timezone.now()), pk__in=numbers)
    return dict(rows.values_list("pk", "changed_at"))


def _note_use(rows: Iterable[Widget], now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0)
    unnoted = [row.pk for row in rows if row.last_used_at is None or row.last_used_at < minute]
    if unnoted:
        Widget.objects.filter(pk__in=unnoted).update(last_used_at=minute)


class _Reading:
    """One moment, for as many widgets as are asked for in it."""

    def __init__(self, now: datetime) -> None:
        self._now, self._iso = now, iso_utc(now)

    def shown(self, widget: Widget) -> Shown | None:
        visible = access.visible_workflows(widget.made_by)
        found = _READERS[Scope(widget.scope)](self, widget, visible)
        if found is None:
            return None
        document, row = found
        head = {"label": widget.name, "scope": widget.scope, "as_of": self._iso, "seq": row.last_seq if row else None}
        return Shown(widget, head | document, row.id if row else "")

    def _workflow(self, widget: Widget, visible: QuerySet[Workflow]) -> tuple[Document, Workflow | None] | None:
        row = visible.filter(pk=widget.subject).defer("input", "output").first()
        return None if row is None else (self._documents(widget, [row])[0], row)

    def _newest(self, widget: Widget, visible: QuerySet[Workflow]) -> tuple[Document, Workflow | None] | None:
        if not access.can(widget.made_by, "view"):
            return None
        found = listing(ListFilter(definition=widget.subject), visible, Visibility.PUBLIC, limit=1).rows
        if not found:
            return present.nothing("Nothing yet"), None
        return self._documents(widget, found)[0], found[0]

    def _summary(self, widget: Widget, visible: QuerySet[Workflow]) -> tuple[Document, Workflow | None] | None:
        if not access.can(widget.made_by, access.VIEW_TOTALS):
            return None
        there_are = {status: count for (name, status), count in self._counts.items() if name == widget.subject}
        hour = [(kind, count) for (name, kind), count in self._hour.items() if name == widget.subject]
        ended = sum(count for kind, count in hour if kind in TERMINAL)
        return present.summary(there_are, ended, sum(count for kind, count in hour if kind in _BAD)), None

    def _view(self, widget: Widget, visible: QuerySet[Workflow]) -> tuple[Document, Workflow | None] | None:
        view = widget.view
        may = access.can(widget.made_by, "view") and view is not None
        if view is None or not may or not widget_rows.embeddable([view], widget.made_by):
            return None
        found = listing(ListFilter.from_query(QueryDict(view.query)), visible, Visibility.PUBLIC, limit=ROWS)
        documents = self._documents(widget, found.rows)
        pairs = [(row.definition, document) for row, document in zip(found.rows, documents, strict=True)]
        return present.rows(pairs, more=found.is_part), None

    def _documents(self, widget: Widget, rows: Sequence[Workflow]) -> list[Document]:
        summaries = queries.summaries_of(rows, widget.keys)
        usual = estimates.usual({row.definition for row in rows})
        return [
            present.workflow(one, _allowed(widget, one), usual.get(one["definition"]), self._iso) for one in summaries
        ]

    @cached_property
    def _counts(self) -> dict[tuple[str, str], int]:
        return dict(counts.by_definition(counts.everything()))

    @cached_property
    def _hour(self) -> dict[tuple[str, str], int]:
        return counts.happened_since(self._now - timedelta(minutes=59))


_READERS = {
    Scope.WORKFLOW: _Reading._workflow,
    Scope.NEWEST: _Reading._newest,
    Scope.SUMMARY: _Reading._summary,
    Scope.VIEW: _Reading._view,
}


def _allowed(widget: Widget, summary: queries.Summary) -> dict[str, Any]:
    """Of the values of one workflow those that the widget names and its definition lets everybody read."""
    values = summary.get("values", {}) | {key: summary[key] for key in _CONVENTIONAL if summary[key] is not None}
    definition = summary["definition"]
    return {
        key: value
        for key, value in values.items()
        if key in widget.keys and is_shown(definition, key, Visibility.PUBLIC)
    }
