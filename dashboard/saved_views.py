"""Saved views: who sees which, and what their owners do with them. Whoever may see workflows may have some."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import QueryDict

from dashboard.columns import Look
from dashboard.filters import ListFilter, understood
from dashboard.listings import list_query
from dashboard.models import QUERY_LENGTH, DefaultView, SavedView
from dashboard.protocol import mark_of
from workflows import audit

MOST = 50  # of one owner
KEYS = 9  # the first ones have a key each


class Refused(ValueError):
    """It cannot be so; the text says why."""


class Shown(NamedTuple):
    """A view as somebody sees it. `place`: the digit that opens it; None: none does."""

    view: SavedView
    is_own: bool
    is_default: bool
    place: int | None


def visible(user_id: int) -> list[Shown]:
    """The views of this person in their order, then those that others share, by name."""
    chosen = DefaultView.objects.filter(user_id=user_id).values_list("view_id", flat=True).first()
    found = SavedView.objects.filter(Q(owner_id=user_id) | Q(shared=True)).select_related("owner")
    rows = found.order_by("position", "name")
    own = [row for row in rows if row.owner_id == user_id]
    others = sorted((row for row in rows if row.owner_id != user_id), key=lambda row: (row.name, row.owner_id))
    return [
        Shown(row, row.owner_id == user_id, row.pk == chosen, place if place <= KEYS else None)
        for place, row in enumerate([*own, *others], start=1)
    ]


def cells() -> dict[str, str]:
    """One text, which is another after anything changed: what is private must not be told, not even how many."""
    views = SavedView.objects.order_by("pk").values_list("pk", "owner_id", "name", "query", "shared", "position")
    chosen = DefaultView.objects.order_by("pk").values_list("pk", "view_id")
    return {"views": mark_of([*views, *chosen])}


def canonical(query: str) -> str:
    """The query of a list's address with nothing in it but its filter and its look. Raises Refused for a long one."""
    if len(query) > QUERY_LENGTH:
        raise Refused(f"A view has up to {QUERY_LENGTH:,} characters of filter and columns, not {len(query):,}.")
    given = QueryDict(query)
    wanted, _ = understood(ListFilter.from_query(given))
    found = list_query(wanted, Look.from_query(given))
    if len(found) > QUERY_LENGTH:  # some characters take three
        raise Refused(f"A view has up to {QUERY_LENGTH:,} characters of filter and columns, not {len(found):,}.")
    return found


def save(user_id: int, *, name: str, query: str, shared: bool, by: str) -> SavedView:
    """Keep a new view, as the owner's last one. Raises Refused."""
    kept = canonical(query)
    own = list(SavedView.objects.filter(owner_id=user_id).values_list("position", flat=True))
    if len(own) >= MOST:
        raise Refused(f"You have {MOST} views; delete one that nobody needs.")
    made = SavedView(owner_id=user_id, name=name, query=kept, shared=shared, position=max(own, default=0) + 1)
    with _told("share" if shared else "", name, by):
        return _saved(made)


def change(user_id: int, view_id: int, *, name: str, shared: bool, by: str) -> SavedView:
    """Another name, or shared or not. Raises Refused, and SavedView.DoesNotExist unless it is this person's."""
    view = SavedView.objects.get(pk=view_id, owner_id=user_id)
    verb = "share" if shared else "unshare" if view.shared else ""
    view.name, view.shared = name, shared
    with _told(verb, name, by):
        _saved(view)  # first: a name that is taken leaves everything as it was
        if not shared:
            DefaultView.objects.filter(view=view).exclude(user_id=user_id).delete()
    return view


def _told(verb: str, name: str, by: str) -> AbstractContextManager[object]:
    """What concerns others is in the audit list; what somebody keeps for themselves is not."""
    return audit.act(verb, "view", name, by=by) if verb else nullcontext()


def _saved(view: SavedView) -> SavedView:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Refused(f"You have a view “{view.name}” already.") from error
    return view


@transaction.atomic
def move(user_id: int, view_id: int, by: int) -> None:
    """Earlier (-1) or later (1) among one's own. Raises SavedView.DoesNotExist unless it is this person's."""
    own = list(SavedView.objects.select_for_update().filter(owner_id=user_id).order_by("position", "name"))
    place = next((place for place, view in enumerate(own) if view.pk == view_id), None)
    if place is None:
        raise SavedView.DoesNotExist
    own.insert(min(max(place + by, 0), len(own)), own.pop(place))
    for position, view in enumerate(own, start=1):
        view.position = position
    SavedView.objects.bulk_update(own, ["position"])


def delete(user_id: int, view_id: int, *, by: str) -> str:
    """Forget it; returns its name. Raises SavedView.DoesNotExist unless it is this person's."""
    view = SavedView.objects.get(pk=view_id, owner_id=user_id)
    with _told("delete" if view.shared else "", view.name, by):
        view.delete()
    return view.name


def open_with(user_id: int, view_id: int | None) -> None:
    """Let the list open with a view; None: with everything. Raises SavedView.DoesNotExist for one nobody may use."""
    if view_id is None:
        DefaultView.objects.filter(user_id=user_id).delete()
        return
    view = SavedView.objects.get(Q(owner_id=user_id) | Q(shared=True), pk=view_id)
    DefaultView.objects.update_or_create(user_id=user_id, defaults={"view": view})
