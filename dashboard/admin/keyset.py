"""A change list without COUNT and OFFSET: a page begins after the last row of the one before it.

Knows nothing of workflows. A ModelAdmin says by `keyset_for(change_list)` which columns order its rows; they must end
with a unique one and be those of an index. Where an index has them in order only part by part, it says the parts by
`parts_for(change_list, rows)`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest

BEFORE, AFTER = "before", "after"


class Column(NamedTuple):
    """One column of the order. `fixed`: the filter leaves one value of it, so it orders but no cursor needs it."""

    name: str
    descending: bool = True
    fixed: bool = False

    def ordering(self, *, backwards: bool = False) -> str:
        """As `order_by` takes it."""
        return f"-{self.name}" if self.descending != backwards else self.name


class Part(NamedTuple):
    """Rows in the order of the list, the row before which newer ones are to be found, and the one after which older.

    None: nothing follows on that side, as far as it was looked for. Backwards `end` is the newer side.
    """

    rows: list[Model]
    begin: Model | None
    end: Model | None

    @classmethod
    def of(cls, rows: list[Model], *, end: Model | None, backwards: bool) -> Part:
        """What was read in that direction, up to its end."""
        return cls(rows[::-1] if backwards else rows, rows[0] if rows else None, end)


class KeysetChangeList(ChangeList):
    """Rows in the order of the model's keyset; `older` and `newer` link to the neighbouring pages, or are empty."""

    older = newer = ""
    looked_through = 0  # rows, where a page is what is left of so many

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """The filtered rows; the cursor is no filter, and must not survive a change of filters."""
        for name in (BEFORE, AFTER):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        """Always the keyset's order; any other could not be paged through."""
        return [column.ordering() for column in self._columns()]

    def _columns(self) -> Sequence[Column]:
        columns: Sequence[Column] = self.model_admin.keyset_for(self)  # type: ignore[attr-defined]
        return columns

    def get_results(self, request: HttpRequest) -> None:
        """One page and whether there is more on either side of it; one row more than shown is read."""
        before, after = (self._cursor(request, name, self._free) for name in (BEFORE, AFTER))
        if after is not None:
            part = self.part(_beyond(self._free, after, backwards=True), self.list_per_page, backwards=True)
            newer, older = part.end, part.begin
        else:
            part = self.part(_beyond(self._free, before) if before else Q(), self.list_per_page)
            newer, older = part.begin if before is not None else None, part.end
        self.older = self._link(BEFORE, older) if older is not None else ""
        self.newer = self._link(AFTER, newer) if newer is not None else ""
        self._show(self.model_admin.seen(request, part.rows))  # type: ignore[attr-defined]

    def batches(self, size: int) -> Iterator[list[Model]]:
        """All rows in the order of the list, so many at a time: each batch begins after the last row of the one before.

        Needs as much memory for ten million rows as for one batch, and no transaction that stays open.
        """
        where: Q = Q()
        while True:
            part = self.part(where, size)
            yield part.rows
            if part.end is None:
                return
            where = _beyond(self._free, self._place(part.end))

    def part(self, where: Q, size: int, *, backwards: bool = False) -> Part:
        """The first rows of those, or the last ones."""
        rows = self.first(self.queryset.filter(where), size + 1, backwards=backwards)
        return Part.of(rows[:size], end=rows[size - 1] if len(rows) > size else None, backwards=backwards)

    def first(self, found: QuerySet[Any], limit: int, *, backwards: bool = False) -> list[Model]:
        """The first so many of these in the list's order, or, backwards, in the other."""
        ordering = [column.ordering(backwards=backwards) for column in self._columns()]
        parts: list[QuerySet[Any]] = self.model_admin.parts_for(self, found)  # type: ignore[attr-defined]
        rows = [row for part in parts for row in part.order_by(*ordering)[:limit]]
        return (self.merged(rows, backwards=backwards) if len(parts) > 1 else rows)[:limit]

    @property
    def _free(self) -> list[Column]:
        """The columns that a place in the list has values of."""
        return [column for column in self._columns() if not column.fixed]

    def merged(self, rows: list[Model], *, backwards: bool = False) -> list[Model]:
        """The rows of several parts in the one order that they have without the columns that part them."""
        for column in self._free[::-1]:
            rows.sort(key=attrgetter(column.name), reverse=column.descending != backwards)
        return rows

    def _show(self, rows: Sequence[Model]) -> None:
        """What Django's templates ask a change list for. The counts are of this page, so no total is promised."""
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(rows, self.list_per_page)

    def _place(self, row: Model) -> list[Any]:
        return [getattr(row, column.name) for column in self._free]

    def _link(self, name: str, row: Model) -> str:
        return self.get_query_string({name: json.dumps(self._place(row), default=lambda moment: moment.isoformat())})

    def _cursor(self, request: HttpRequest, name: str, columns: Sequence[Column]) -> list[Any] | None:
        text = request.GET.get(name)
        if text is None:
            return None
        try:
            values = json.loads(text)
            if (
                not isinstance(values, list)
                or len(values) != len(columns)
                or "\x00" in text + "".join(map(str, values))
            ):
                raise ValueError(f"{name}={text!r} is no place in this list")
            fields = [self.model._meta.get_field(column.name) for column in columns]
            return [field.to_python(value) for field, value in zip(fields, values, strict=True)]  # type: ignore[union-attr]
        except (ValueError, TypeError, RecursionError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error


def _beyond(columns: Sequence[Column], values: Sequence[Any], *, backwards: bool = False) -> Q:
    """The rows that follow these values in the order of the columns. The first column also alone, for the index."""
    column, value = columns[0], values[0]
    way = "lt" if column.descending != backwards else "gt"
    if len(columns) == 1:
        return Q((f"{column.name}__{way}", value))
    rest = _beyond(columns[1:], values[1:], backwards=backwards)
    return Q((f"{column.name}__{way}e", value)) & (Q((f"{column.name}__{way}", value)) | Q((column.name, value)) & rest)
