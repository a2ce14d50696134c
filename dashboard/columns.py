"""How a list of workflows is shown, from a page's address and to an address again: its columns and their
order, children under their parents or not, how high its rows are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from django.http import QueryDict

from dashboard.preferences import DENSITIES
from workflows.errors import PayloadError
from workflows.payloads import checked_key

STANDARD = {
    "status": "Status", "name": "Workflow", "id": "Id", "queue": "Queue", "progress": "Progress",
    "left": "Time left", "last": "Last event",
    "started": "Started", "duration": "Duration",
}  # fmt: skip
# How the value of a key is shown. Without one of these, its type decides.
RENDERERS = {
    "number": "a number", "percent": "a percentage", "progress": "a bar", "boolean": "yes or no", "time": "a time",
    "link": "a link", "text": "text",
}  # fmt: skip
MOST_KEYS = 8
FLAT = "none"  # what an address says of a list in which children are not under their parents
_EVENT = "event."
_RESERVED = re.compile(r"[%,:]")


@dataclass(frozen=True)
class Column:
    """`name`: one of STANDARD; or `key`: whose value it shows, as one of RENDERERS or (empty) by its type."""

    name: str = ""
    key: str = ""
    shown_as: str = ""

    @property
    def title(self) -> str:
        """What its head says."""
        return STANDARD.get(self.name, self.key)

    @property
    def word(self) -> str:
        """How an address names it."""
        if self.name:
            return self.name
        spelled = _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", self.key)
        return f"{_EVENT}{spelled}{':' if self.shown_as else ''}{self.shown_as}"


@dataclass(frozen=True)
class Columns:
    """The columns from left to right; `name` is always among them, because it is the way to the workflow."""

    all: tuple[Column, ...]

    @classmethod
    def from_query(cls, query: QueryDict) -> Columns:
        """The columns of a page's address. What is no column is left out: an address may be old or typed by hand."""
        words = [word for given in query.getlist("columns") for word in given.split(",")]
        found = {(column.name, column.key): column for word in words if (column := _column(word))}
        if (added := _storable(query.get("column", ""))) != "":
            shown_as = query.get("as", "")
            found["", added] = Column(key=added, shown_as=shown_as if shown_as in RENDERERS else "")
        kept = list(found.values()) or list(_DEFAULT)
        if ("name", "") not in found:
            kept = list(_with_name(kept))
        by_key = [column for column in kept if column.key]
        return cls(tuple(column for column in kept if column not in by_key[MOST_KEYS:]))

    @property
    def text(self) -> str:
        """How an address says them; empty for the usual ones."""
        return "" if self.all == _DEFAULT else ",".join(column.word for column in self.all)

    @property
    def keys(self) -> list[str]:
        """The keys whose values are shown."""
        return [column.key for column in self.all if column.key]

    @property
    def left_out(self) -> list[Column]:
        """Those that could be chosen as well, without the keys."""
        chosen = {column.name for column in self.all}
        return [Column(name) for name in STANDARD if name not in chosen]


@dataclass(frozen=True)
class Look:
    """How the list is shown. `grouped`: children stand under their parents. `density`: empty, as its reader has it."""

    columns: Columns
    grouped: bool = True
    density: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> Look:
        """What a page's address says of it; what means nothing is left out."""
        density = query.get("density", "")
        return cls(Columns.from_query(query), query.get("group") != FLAT, density if density in DENSITIES else "")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """How an address says it; nothing of what is usual."""
        said = ("columns", self.columns.text), ("group", "" if self.grouped else FLAT), ("density", self.density)
        return [(name, text) for name, text in said if text]

    @property
    def usual(self) -> Look:
        """The same with the usual columns."""
        return replace(self, columns=Columns(_DEFAULT))


def _with_name(columns: list[Column]) -> Iterable[Column]:
    rest = [column for column in columns if column.name not in ("status", "name")]
    return [*(column for column in columns if column.name == "status"), Column("name"), *rest]


def _column(word: str) -> Column | None:
    if word in STANDARD:
        return Column(word)
    if not word.startswith(_EVENT):
        return None
    spelled, _, shown_as = word.removeprefix(_EVENT).partition(":")
    key = _storable(unquote(spelled))
    return Column(key=key, shown_as=shown_as if shown_as in RENDERERS else "") if key else None


def _storable(key: str) -> str:
    """A key as one may be published; empty for none."""
    try:
        return checked_key(key)
    except PayloadError:
        return ""


_DEFAULT = tuple(Column(name) for name in STANDARD if name != "queue")
