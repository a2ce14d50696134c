"""The audit list: who asked for what, and what came of it. One row per act, in the transaction that does it.

Histories tell what happened to a workflow, whoever caused it. This list has what people asked for, also of queues,
schedules and views, and also what they were refused. The verbs of the engine are `audited` where they stand, so no page
or command can forget it: an act is a row when it names somebody (`by`) and was asked for within `asked_through`, as
every request and every command is. What code and workers do by themselves is none.

Rows only grow in number. A trigger refuses to change them, and to remove any but by `forget`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import wraps
from typing import Any, LiteralString, NamedTuple, TypeVar, cast

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from workflows.errors import InvalidInput, TelltaleError
from workflows.models import AuditEntry, Workflow
from workflows.payloads import storable_text
from workflows.sql import fetch

Verb = TypeVar("Verb", bound=Callable[..., Any])
YOUNGEST_FORGOTTEN = timedelta(days=30)  # the trigger says so, too
KIND_LENGTH = 20  # characters of what a target is
_NAME, _TEXT = 200, 1_000  # characters


class Carrier(StrEnum):
    """Through what somebody asked."""

    PAGE = "page"
    ADMIN = "admin"
    API = "api"
    COMMAND = "command"
    CODE = "code"


class Origin(NamedTuple):
    """From where somebody asked. address: the client's, if there is one; account: the number of who is signed in."""

    carrier: Carrier
    address: str = ""
    account: int | None = None


_asked: ContextVar[Callable[[], Origin] | None] = ContextVar("telltale_asked_through", default=None)


@contextmanager
def asked_through(origin: Callable[[], Origin] | None) -> Iterator[None]:
    """What is done within was asked for from there, so it is audited; None: nobody asked, so it is not."""
    token = _asked.set(origin)
    try:
        yield
    finally:
        _asked.reset(token)


def asked() -> Origin | None:
    """From where what is done now was asked for; None: nobody asked."""
    origin = _asked.get()
    return None if origin is None else origin()


@contextmanager
def act(action: str, kind: str, target: str, *, by: str, reason: str = "", detail: str = "") -> Iterator[AuditEntry]:
    """This will run the block and write its row in one transaction; or, when the block is refused, why.

    A refusal is a TelltaleError or ValueError, and is raised on. `kind` says what `target` is the id or name of. The
    block may say of the entry what was `made`. Verbs that the block calls are parts of this act, and no rows.
    """
    entry = _entry(action, kind, target, by=by, reason=reason, detail=detail)
    try:
        with transaction.atomic(), asked_through(None):
            yield entry
            entry.done = True
            entry.save(force_insert=True)
    except (TelltaleError, ValueError) as refusal:
        _refuse(entry, getattr(refusal, "brief", "") or str(refusal))
        raise


def refused(action: str, kind: str, target: str, *, by: str, why: str, reason: str = "") -> None:
    """This will write that somebody was refused before anything was tried; for who may not."""
    _refuse(_entry(action, kind, target, by=by, reason=reason, detail=""), why)


def _refuse(entry: AuditEntry, why: str) -> None:
    entry.done, entry.made, entry.refusal = False, "", _fit(why, _TEXT)
    entry.save(force_insert=True)


def _entry(action: str, kind: str, target: str, *, by: str, reason: str, detail: str) -> AuditEntry:
    carrier, address, account = asked() or Origin(Carrier.CODE)
    return AuditEntry(
        who=_fit(by, _NAME), account=account, action=action, target_kind=kind, target=_fit(target, _NAME),
        detail=_fit(detail, _TEXT), reason=_fit(reason, _TEXT), address=address, carrier=carrier,
    )  # fmt: skip


def _fit(text: str, limit: int) -> str:
    return storable_text(str(text), limit=_TEXT)[:limit]


def audited(
    action: str | Callable[[Mapping[str, Any]], str], *, of: str = "workflow", tells: Sequence[str] = ()
) -> Callable[[Verb], Verb]:
    """Makes a verb write its row. Its first parameter is the target, a workflow that it returns is what it made.

    action: its name, or how to find that in what was given; of: the kind of its target; tells: parameters that the row
    has in `detail`. The verb takes `by`, and perhaps `reason`, by keyword.
    """

    def decorate(verb: Verb) -> Verb:
        signature = inspect.signature(verb)
        first = next(iter(signature.parameters))

        @wraps(verb)
        def telling(*args: Any, **kwargs: Any) -> Any:
            by = kwargs.get("by")
            if not by or _asked.get() is None:
                return verb(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given, target = bound.arguments, str(bound.arguments[first])
            name = action if isinstance(action, str) else action(given)
            told = {"by": str(by), "reason": given.get("reason", ""), "detail": _detail(given, tells)}
            with act(name, of, target, **told) as entry:
                result = verb(*args, **kwargs)
                if isinstance(result, Workflow) and result.id != target:
                    entry.made = result.id
                return result

        return cast(Verb, telling)

    return decorate


def _detail(given: Mapping[str, Any], tells: Sequence[str]) -> str:
    """What was asked for besides the target, as far as it was given; `{…}` is told as what it holds."""
    told: dict[str, Any] = {}
    for name in tells:
        told |= given[name] if isinstance(given[name], dict) else {name: given[name]}
    kept = {name: value for name, value in told.items() if value is not None and value is not False}
    return ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False, default=str)}" for name, value in kept.items())


class Wanted(NamedTuple):
    """What the list is narrowed to. `target`: done to it, or it was made; empty or None: any."""

    who: str = ""
    action: str = ""
    target: str = ""
    done: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    def entries(self) -> QuerySet[AuditEntry]:
        """The rows, latest first."""
        found = AuditEntry.objects.order_by("-at", "-id")
        for column, value in (("who", self.who), ("action", self.action), ("done", self.done),
                              ("at__gte", self.since), ("at__lt", self.until)):  # fmt: skip
            if value not in ("", None):
                found = found.filter((column, value))
        return found.filter(Q(target=self.target) | Q(made=self.target)) if self.target else found


def actions() -> list[str]:
    """The actions that the list has, by name; reads one row of each."""
    return [name for (name,) in fetch(_ACTIONS, {})]


# As many probes of the index as there are actions; DISTINCT would read all rows.
_ACTIONS: LiteralString = """
WITH RECURSIVE known(action) AS (
    (SELECT action FROM workflows_auditentry ORDER BY action LIMIT 1)
    UNION ALL
    SELECT (SELECT e.action FROM workflows_auditentry AS e WHERE e.action > known.action ORDER BY e.action LIMIT 1)
    FROM known WHERE known.action IS NOT NULL
)
SELECT action FROM known WHERE action IS NOT NULL"""


class Place(NamedTuple):
    """Where a row stands in the list."""

    at: datetime
    id: int


class Page(NamedTuple):
    """Some rows, latest first, and where its neighbours begin (None: there are none)."""

    rows: list[AuditEntry]
    newer: Place | None
    older: Place | None


def page(wanted: Wanted, *, before: Place | None = None, after: Place | None = None, limit: int = 100) -> Page:
    """This will return the rows older than `before`, or the nearest newer than `after`, or the newest."""
    found = wanted.entries()
    if after is not None:
        beyond = Q(at__gte=after.at) & (Q(at__gt=after.at) | Q(id__gt=after.id))
        rows = list(found.filter(beyond).order_by("at", "id")[: limit + 1])
        more, rows = len(rows) > limit, rows[:limit][::-1]
        return Page(rows, _place(rows, 0) if more else None, _place(rows, -1))
    if before is not None:
        found = found.filter(at__lte=before.at).filter(Q(at__lt=before.at) | Q(id__lt=before.id))
    rows = list(found[: limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    return Page(rows, _place(rows, 0) if before is not None else None, _place(rows, -1) if more else None)


def _place(rows: Sequence[AuditEntry], index: int) -> Place | None:
    return Place(rows[index].at, rows[index].id) if rows else None


def forget(older_than: timedelta, *, by: str) -> int:
    """This will remove entries that are older, and say so in an entry; returns how many.

    Raises InvalidInput for less than 30 days: nobody wipes out what they did just now.
    """
    if older_than < YOUNGEST_FORGOTTEN:
        raise InvalidInput(f"The audit list keeps {YOUNGEST_FORGOTTEN.days} days at least; not {older_than}.")
    until, removed = timezone.now() - older_than, 0
    with act("forget", "audit", "entries", by=by, detail=f"before: {until.isoformat()}") as entry:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL telltale.audit_retention = 'on'")
        removed, _ = AuditEntry.objects.filter(at__lt=until).delete()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL telltale.audit_retention = 'off'")
        entry.detail += f", removed: {removed}"
    return removed


def document(entry: AuditEntry) -> dict[str, Any]:
    """An entry as one JSON object, times in UTC."""
    return {
        "id": entry.id, "at": entry.at.astimezone(UTC).isoformat(), "who": entry.who, "account": entry.account,
        "action": entry.action, "target_kind": entry.target_kind, "target": entry.target, "made": entry.made,
        "detail": entry.detail, "reason": entry.reason, "address": entry.address, "carrier": entry.carrier,
        "result": "done" if entry.done else "refused", "refusal": entry.refusal,
    }  # fmt: skip
