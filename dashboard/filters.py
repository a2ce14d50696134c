"""What a list of workflows is filtered by: from a URL or the wire, to a QuerySet and to a URL again.

`rows` asks the database and `matches` asks one row in memory; both give the same answer
(`tests/dashboard/test_filters.py` compares them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from dashboard.protocol import Filter
from workflows import queries
from workflows.ids import MAX_LENGTH
from workflows.models import Workflow
from workflows.states import Status


@dataclass(frozen=True)
class ListFilter:
    """Any of these statuses (none: all), a definition (empty: all), the beginning of an id."""

    status: tuple[str, ...] = ()
    definition: str = ""
    search: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> ListFilter:
        """The filter of a page's address. What is no status is left out: an address may be old or typed by hand."""
        return cls._cleaned(query.getlist("status"), query.get("definition", ""), query.get("q", ""))

    @classmethod
    def from_wire(cls, wire: Filter) -> ListFilter:
        """The filter of a subscription."""
        return cls._cleaned(wire["status"], wire["definition"], wire["search"])

    @classmethod
    def _cleaned(cls, status: list[str], definition: str, search: str) -> ListFilter:
        wanted = tuple(sorted({Status(word).value for word in status if word in _STATUSES}))
        return cls(wanted, _storable(definition), _storable(search))

    @property
    def wire(self) -> Filter:
        """The filter as a subscription says it."""
        return {"status": list(self.status), "definition": self.definition, "search": self.search}

    @property
    def query(self) -> str:
        """The filter as the query string of a page's address; empty for no filter."""
        pairs = [("status", status) for status in self.status]
        pairs += [(name, text) for name, text in (("definition", self.definition), ("q", self.search)) if text]
        return urlencode(pairs)

    def rows(self) -> QuerySet[Workflow]:
        """The workflows that match, in the database."""
        return queries.listed(statuses=self.status, definition=self.definition, search=self.search)

    def matches(self, summary: Mapping[str, Any]) -> bool:
        """Whether one row matches; it needs `id`, `status` and `definition`."""
        return (
            (not self.status or summary["status"] in self.status)
            and (not self.definition or summary["definition"] == self.definition)
            and summary["id"].startswith(self.search)
        )


_STATUSES = frozenset(status.value for status in Status)


def _storable(text: str) -> str:
    """The database knows neither NUL nor half surrogates, and no name is longer than an id may be."""
    kept = "".join(c for c in text if c != "\x00" and not "\ud800" <= c <= "\udfff")
    return kept.strip()[:MAX_LENGTH]
