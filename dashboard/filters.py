"""What a list is filtered by: from a URL, the search field or the wire, to a QuerySet and to a URL again.

`rows` asks the database and `matches` asks one row in memory; both give the same answer
(`tests/dashboard/test_filters.py` compares them).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from dashboard.protocol import Filter
from dashboard.terms import MOST_TERMS, PREFIXES, Term, parse
from workflows import finding
from workflows.finding import TOP
from workflows.history import Chosen
from workflows.ids import MAX_LENGTH
from workflows.models import Workflow
from workflows.states import Status


@dataclass(frozen=True)
class ListFilter:
    """Any of these statuses (none: all), a definition (empty: all), the beginning of an id, and since when created.

    A definition that ends with `*` is the beginning of its name. `since` is an age as "90m", "2h" or "7d", or a time.
    `parent`: the id of the workflow whose children are meant, or "none": those that have no parent. `where`: what
    published values must be like; no index knows them (`listings`).
    """

    status: tuple[str, ...] = ()
    definition: str = ""
    search: str = ""
    since: str = ""
    where: tuple[Term, ...] = ()
    parent: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> ListFilter:
        """The filter of a page's address. What is no status is left out: an address may be old or typed by hand."""
        texts = {of: query.get(name, "") for of, name in _IN_ADDRESSES.items()}
        where = [term for word in query.getlist("where") if (term := _term(word)) is not None]
        return cls._cleaned(query.getlist("status"), where, **texts)

    @classmethod
    def from_wire(cls, wire: Filter) -> ListFilter:
        """The filter of a subscription."""
        where = [Term(*term) for term in wire.get("where", ())]
        return cls._cleaned(
            wire["status"], where, definition=wire["definition"], search=wire["search"], since=wire.get("since", ""),
            parent=wire.get("parent", ""),
        )  # fmt: skip

    @classmethod
    def _cleaned(
        cls, status: list[str], where: Iterable[Term], *, definition: str, search: str, since: str, parent: str
    ) -> ListFilter:
        wanted = tuple(sorted({Status(word).value for word in status if word in _STATUSES}))
        terms = tuple(dict.fromkeys(where))[:MOST_TERMS]
        since = since if _moment(since) else ""
        return cls(wanted, storable(definition), storable(search), since, terms, storable(parent))

    @property
    def earliest(self) -> datetime | None:
        """Since when, as of now."""
        return _moment(self.since)

    @property
    def wire(self) -> Filter:
        """The filter as a subscription says it. An age is counted from now."""
        wire: Filter = {"status": list(self.status), "definition": self.definition, "search": self.search}
        if self.earliest is not None:
            wire["since"] = self.earliest.isoformat()
        if self.parent:
            wire["parent"] = self.parent
        if self.where:
            wire["where"] = [*self.where]
        return wire

    @property
    def query(self) -> str:
        """The filter as the query string of a page's address; empty for no filter."""
        return urlencode(self.pairs)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The same as the fields of a form."""
        texts = [(name, text) for of, name in _IN_ADDRESSES.items() if (text := getattr(self, of))]
        return [("status", status) for status in self.status] + texts + [("where", term.word) for term in self.where]

    @property
    def terms(self) -> dict[str, Any]:
        """What `queries` is asked for."""
        return {
            "definition": self.definition, "search": self.search, "since": self.earliest, "parent": self.parent,
        }  # fmt: skip

    def definitions(self, known: Collection[str]) -> list[str]:
        """Those of the known definitions that are meant by the beginning of a name; empty where it is not one."""
        if not self.definition.endswith("*"):
            return []
        return sorted(name for name in known if self.is_of(name)) or [self.definition]

    def is_of(self, definition: str) -> bool:
        """Whether this definition is meant."""
        if self.definition.endswith("*"):
            return definition.startswith(self.definition[:-1])
        return self.definition in ("", definition)

    @property
    def keys(self) -> list[str]:
        """The keys that `where` asks about."""
        return list(dict.fromkeys(term.key for term in self.where))

    def within(self, visible: QuerySet[Workflow]) -> QuerySet[Workflow]:
        """Of what somebody may see, where to look: nowhere for the children of a workflow that is hidden from them."""
        if self.parent in ("", TOP) or visible.filter(pk=self.parent).exists():
            return visible
        return visible.none()

    def rows(self) -> QuerySet[Workflow]:
        """The workflows that match, in the database; `where` aside."""
        return finding.listed(statuses=self.status, **self.terms)

    def matches(self, summary: Mapping[str, Any]) -> bool:
        """Whether one row matches; by `id`, `status`, `definition`, `created_at`, `parent` and `values` of `keys`."""
        earliest = self.earliest
        return (
            (not self.status or summary["status"] in self.status)
            and self.is_of(summary["definition"])
            and summary["id"].startswith(self.search)
            and (earliest is None or _at(summary["created_at"]) >= earliest)
            and (not self.parent or (summary["parent"] or TOP) == self.parent)
            and self.meets(summary.get("values", {}))
        )

    def meets(self, values: Mapping[str, Any]) -> bool:
        """Whether published values are as `where` wants them."""
        return all(term.matches(values) for term in self.where)


class Asked(NamedTuple):
    """What somebody typed into the search field: the filter it means, and what of it means nothing."""

    filter: ListFilter
    problems: list[str]


def understood(wanted: ListFilter) -> Asked:
    """The filter with the terms that its search has: `status:failed name:import* id:order-4 since:2h parent:none
    event.amount:>5`.

    What is no such term is the beginning of an id, which may have colons of its own.
    """
    found, problems = replace(wanted, search=""), []
    for word in _WORD.findall(wanted.search):
        name, colon, text = word.partition(":")
        if word.startswith(PREFIXES):
            name, text = "where", word.replace('"', "")
        elif not colon or name not in _TERMS:
            name, text = "id", word
        try:
            found = _TERMS[name](found, text)
        except ValueError as refused:
            problems.append(str(refused))
    return Asked(found, problems)


def _with_status(found: ListFilter, text: str) -> ListFilter:
    chosen = set(text.split(","))
    if unknown := sorted(chosen - _STATUSES):
        raise ValueError(f"“{unknown[0]}” is no status; they are {', '.join(status.value for status in Status)}.")
    return replace(found, status=tuple(sorted(chosen | set(found.status))))


def _with_name(found: ListFilter, text: str) -> ListFilter:
    if not text:
        raise ValueError("“name:” needs the name of a definition, or its beginning and a “*”.")
    return replace(found, definition=text)


def _with_id(found: ListFilter, text: str) -> ListFilter:
    if not text:
        raise ValueError("“id:” needs an id, or its beginning.")
    if found.search:
        raise ValueError(f"Only one beginning of an id can be looked for, not “{found.search}” and “{text}”.")
    return replace(found, search=text)


def _with_parent(found: ListFilter, text: str) -> ListFilter:
    if not text:
        raise ValueError("“parent:” needs the id of a workflow, whose children are looked for, or “none”.")
    return replace(found, parent=text)


def _with_since(found: ListFilter, text: str) -> ListFilter:
    if _moment(text) is None:
        raise ValueError(f"“{text}” is no age or time; write 90m, 2h, 7d or 2026-11-23T10:00.")
    return replace(found, since=_with_zone(text))


def _with_zone(since: str) -> str:
    """A time is typed on the clock that its reader reads; the address means the same to everybody."""
    if _AGE.fullmatch(since) or timezone.get_current_timezone_name() == "UTC":
        return since
    found = datetime.fromisoformat(since)
    return since if found.tzinfo else timezone.make_aware(found).isoformat()


def _with_value(found: ListFilter, text: str) -> ListFilter:
    where = tuple(dict.fromkeys([*found.where, parse(text)]))
    if len(where) > MOST_TERMS:
        raise ValueError(f"At most {MOST_TERMS} terms about values can be looked for at once.")
    return replace(found, where=where)


_TERMS = {
    "status": _with_status, "name": _with_name, "id": _with_id, "since": _with_since, "parent": _with_parent,
    "where": _with_value,
}  # fmt: skip
_WORD = re.compile(r'(?:event\.|key:)[^\s"]*"[^"]*"|\S+')  # what has spaces of its own stands between quotes
_IN_ADDRESSES = {"definition": "definition", "search": "q", "since": "since", "parent": "parent"}
_STATUSES = frozenset(status.value for status in Status)

_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _term(word: str) -> Term | None:
    """The term about values that an address names; None for what is none."""
    try:
        return parse(word) if word.startswith(PREFIXES) else None
    except ValueError:
        return None


def _moment(since: str) -> datetime | None:
    """The time that an age or a time means now, UTC unless it names a zone; None for neither."""
    age = _AGE.fullmatch(since)
    try:
        if age is not None:
            return timezone.now() - timedelta(**{_UNITS[age[2]]: int(age[1])})
        found = datetime.fromisoformat(since)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _at(moment: datetime | str) -> datetime:
    """A time as the database or as the wire has it."""
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)


def storable(text: str) -> str:
    """The database knows neither NUL nor half surrogates, and no name is longer than an id may be."""
    kept = "".join(c for c in text if c != "\x00" and not "\ud800" <= c <= "\udfff")
    return kept.strip()[:MAX_LENGTH]


def chosen_events(query: QueryDict) -> Chosen:
    """What the address of a workflow's page chooses of its history."""
    kind, key, find = (storable(query.get(name, "")) for name in ("kind", "key", "find"))
    return Chosen(kind, key, find, grouped=query.get("group") == "1")


def seq_of(text: str) -> int | None:
    """The seq that an address names; None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
