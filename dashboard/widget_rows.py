"""Which widgets there are, and what somebody may make one of: only what he may see, with keys that everybody may read.

Whoever makes or changes a widget answers for it: it shows nothing that this person may not see.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from django.http import QueryDict
from django.utils import timezone

from dashboard import access
from dashboard.filters import ListFilter
from dashboard.models import SavedView, Scope, Widget
from workflows import audit, catalogue, counts, registry, visibility
from workflows.errors import UnknownDefinition
from workflows.ids import is_possible
from workflows.visibility import Visibility

MOST_KEYS, MOST_ORIGINS = 12, 20
_MOST_LISTED, _LOOKED_AT = 500, 50


class Refused(ValueError):
    """It cannot be so; the text says why."""


class Subject(NamedTuple):
    """What a widget is to show. definition: whose keys it has; empty: of several."""

    scope: Scope
    subject: str
    view: SavedView | None
    definition: str


class OfferedKey(NamedTuple):
    """A published key that somebody may read; one that is not public cannot be chosen."""

    key: str
    is_public: bool


class Wish(NamedTuple):
    """What a form says of a widget."""

    name: str
    keys: Collection[str]
    origins: Collection[str]
    expires_at: datetime | None
    connection_limit: int


def visible(user: access.Visitor) -> list[Widget]:
    """All widgets, the newest first; without those of others that show a workflow which this person may not see."""
    rows = list(Widget.objects.select_related("made_by", "view").order_by("-created_at", "-pk")[:_MOST_LISTED])
    single = {row.subject for row in rows if row.scope == Scope.WORKFLOW}
    known = set(access.visible_workflows(user).filter(pk__in=single).values_list("pk", flat=True))
    return [row for row in rows if _is_theirs(row, user) or row.scope != Scope.WORKFLOW or row.subject in known]


def get(user: access.Visitor, pk: int) -> Widget:
    """One of them. Raises Widget.DoesNotExist for one that this person does not see."""
    row = Widget.objects.select_related("made_by", "view").get(pk=pk)
    if _is_theirs(row, user) or row.scope != Scope.WORKFLOW:
        return row
    if access.visible_workflows(user).filter(pk=row.subject).exists():
        return row
    raise Widget.DoesNotExist


def _is_theirs(widget: Widget, user: access.Visitor) -> bool:
    return widget.made_by_id == user.pk


def subject(user: access.Visitor, scope: str, of: str) -> Subject:
    """What somebody wants a widget of: a workflow's id, a definition's name, or a view's number.

    Raises Refused for what is not there, or not for this person.
    """
    wanted = Scope(scope) if scope in Scope.values else None
    if wanted is Scope.WORKFLOW and is_possible(of):
        row = access.visible_workflows(user).filter(pk=of).only("definition").first()
        if row is not None:
            return Subject(wanted, of, None, row.definition)
    elif wanted in (Scope.NEWEST, Scope.SUMMARY) and access.can(user, "view") and _is_definition(of):
        return Subject(wanted, of, None, of)
    elif wanted is Scope.VIEW and of.isascii() and of.isdigit() and len(of) < 10 and access.can(user, "view"):
        view = SavedView.objects.filter(pk=int(of)).first()
        if view is not None and embeddable([view], user):
            name = ListFilter.from_query(QueryDict(view.query)).definition
            return Subject(wanted, "", view, "" if name.endswith("*") else name)
    raise Refused("There is nothing like that to show, or you may not see it.")


def embeddable(views: Collection[SavedView], maker: access.Visitor) -> set[int]:
    """The views that a widget of this person may show: their own, and those shared by who may manage widgets.

    Whoever owns a view may change it at any time, and with it what everybody sees.
    """
    owners = access.holders("manage_widgets", {view.owner_id for view in views if view.shared})
    return {view.pk for view in views if view.owner_id == maker.pk or (view.shared and view.owner_id in owners)}


def subject_of(user: access.Visitor, widget: Widget) -> Subject:
    """What a widget shows, as this person may see it. Raises Refused."""
    return subject(user, widget.scope, str(widget.view_id) if widget.view_id else widget.subject)


def _is_definition(name: str) -> bool:
    return name in registry.names() or any(count.definition == name for count in counts.everything())


def offered_keys(user: access.Visitor, what: Subject) -> list[OfferedKey]:
    """The keys that are known of it and that this person may read, those that may be chosen first."""
    if what.scope == Scope.SUMMARY:
        return []
    names = [what.definition] if what.definition else sorted(registry.names())
    keys = {(name, key) for name in names for key in _declared(name)}
    if what.definition:
        published = catalogue.published_keys(what.definition, limit=_LOOKED_AT)
        keys |= {(what.definition, row.key) for row in published}
    audience = access.audience(user)
    readable = [(name, key) for name, key in keys if visibility.is_shown(name, key, audience)]
    public = {key for name, key in readable if visibility.of(name, key) is Visibility.PUBLIC}
    others = {key for _, key in readable} - public if what.definition else set()
    return [OfferedKey(key, is_public=True) for key in sorted(public)] + [
        OfferedKey(key, is_public=False) for key in sorted(others)
    ]


def _declared(name: str) -> Iterable[str]:
    try:
        return registry.get(name).keys
    except UnknownDefinition:
        return ()


def make(user: access.Visitor, what: Subject, wish: Wish) -> Widget:
    """A new one. Raises Refused."""
    widget = Widget(scope=what.scope, subject=what.subject, view=what.view)
    with audit.act("embed", "widget", wish.name, by=_name(user), detail=_told(what, wish)) as entry:
        _saved(user, widget, what, wish)
        entry.target = str(widget.pk)
    return widget


def change(user: access.Visitor, widget: Widget, wish: Wish) -> Widget:
    """Other particulars; what it shows stays, and so does its token. Raises Refused."""
    with audit.act("change", "widget", str(widget.pk), by=_name(user)) as entry:
        if widget.revoked_at is not None:
            raise Refused("It is revoked, and stays so; make another one.")
        what = subject_of(user, widget)
        entry.detail = _told(what, wish)
        return _saved(user, widget, what, wish)


def _name(user: access.Visitor) -> str:
    return user.get_username()


def _told(what: Subject, wish: Wish) -> str:
    """What the audit list says of it."""
    shows = f"{what.scope.label.lower()}: {what.view.name if what.view else what.subject}"
    parts = {"keys": wish.keys, "pages": wish.origins}
    return "; ".join([wish.name, shows, *(f"{name} {', '.join(some)}" for name, some in parts.items() if some)])[:1000]


def _saved(user: access.Visitor, widget: Widget, what: Subject, wish: Wish) -> Widget:
    may = {one.key for one in offered_keys(user, what) if one.is_public}
    refused = sorted(set(wish.keys) - may)
    if refused:
        raise Refused(f"The key “{refused[0]}” is not public, so no widget shows it.")
    if len(wish.keys) > MOST_KEYS:
        raise Refused(f"A widget shows up to {MOST_KEYS} keys, not {len(wish.keys)}.")
    widget.name, widget.keys, widget.origins = wish.name, sorted(wish.keys), list(wish.origins)
    widget.expires_at, widget.connection_limit = wish.expires_at, wish.connection_limit
    widget.made_by_id = int(user.pk or 0)
    widget.save()
    return widget


def revoke(user: access.Visitor, widget: Widget) -> None:
    """For ever: its token opens nothing any more, open pages lose it within seconds."""
    with audit.act("revoke", "widget", str(widget.pk), by=_name(user), detail=widget.name):
        Widget.objects.filter(pk=widget.pk, revoked_at=None).update(revoked_at=timezone.now())
