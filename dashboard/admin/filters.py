"""What the admin's lists can be narrowed by: only what an index answers. Choices are known, never counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import DateTimeField, ExpressionWrapper, F, Model, QuerySet, Value
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from workflows import counts, registry
from workflows.states import ACTS, KEYED, EventKind, Status

# Ids and times are taken in the same statement, so their orders differ by less than a commit; this is ample.
_SKEW = timedelta(minutes=1)
MOST_NAMES = 100
_PRESETS = [("Past hour", timedelta(hours=1)), ("Past day", timedelta(days=1)), ("Past week", timedelta(days=7))]


def by_index(queryset: QuerySet[Any], column: str, value: str) -> QuerySet[Any]:
    """The rows with this value, for lists that are ordered by (column, …) and have an index of that.

    With a plain equality the planner may walk the newest rows of the whole table instead, hoping to meet matching ones
    soon; when those are old, it reads everything. A second value, which no row has, keeps the column in the order that
    the query asks for, and only the index has that order.
    """
    return queryset.filter((f"{column}__in", [value, ""]))


class _ChoiceFilter(admin.SimpleListFilter):
    """By one of the values that a column can have."""

    title = parameter_name = "status"
    values: list[str] = []

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All of them."""
        return [(value, value) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Exactly that value."""
        value = self.value()
        if value and "\x00" in value:
            raise IncorrectLookupParameters("no value has a NUL")
        return by_index(queryset, self.parameter_name, value) if value else queryset


class StatusFilter(_ChoiceFilter):
    """Workflows by status."""

    values = [status.value for status in Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of one definition plainly: its index begins with the definition."""
        found = super().queryset(request, queryset)
        return queryset.filter(status=self.value()) if self.value() and request.GET.get("definition") else found


class KindFilter(_ChoiceFilter):
    """Events by kind."""

    title = parameter_name = "kind"
    values = [kind.value for kind in EventKind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The index leaves out `value_set`, which is most of the history and therefore never far; `by` has its own."""
        if self.value() and (self.value() == EventKind.VALUE_SET or request.GET.get("by")):
            return queryset.filter(kind=self.value())
        return super().queryset(request, queryset)


class DefinitionFilter(_ChoiceFilter):
    """By the name of a definition: of which there are workflows, or which this process knows.

    The counts say of which there are; asking the table for names would read all of it.
    """

    title = parameter_name = "definition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The first names; the address may also have another one."""
        names = {count.definition for count in counts.everything()} | set(registry.names())
        return [(name, name) for name in sorted(names)[:MOST_NAMES]]


class OfDefinitionFilter(DefinitionFilter):
    """Events of a definition's workflows. No index knows them: `sieve` looks for them among what the others leave."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """All, but of no definition that cannot be."""
        return queryset.none() if "\x00" in str(self.value() or "") else queryset


class UnreadFilter(admin.SimpleListFilter):
    """Messages that nobody has received yet."""

    title, parameter_name = "received", "received"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One choice: what was received is found in the history of its workflow."""
        return [("no", "Not yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Only unread ones, if asked for."""
        return queryset.filter(consumed_seq__isnull=True) if self.value() == "no" else queryset


class _FormFilter(admin.ListFilter):
    """A filter that is typed in."""

    parameters: Mapping[str, str] = {}  # name -> label

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameters:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        """Always: the form is the output."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """The names in the query string."""
        return list(self.parameters)

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        """What the form needs: its own fields, and the other filters to keep."""
        kept = [(name, value) for name, value in changelist.params.items() if name not in self.parameters]
        fields = [(name, label, self.used_parameters.get(name, "")) for name, label in self.parameters.items()]
        clear = changelist.get_query_string(remove=list(self.parameters)) if self.used_parameters else ""
        yield {"fields": fields, "kept": kept, "clear": clear, "presets": self.presets(changelist)}

    def presets(self, changelist: ChangeList) -> list[dict[str, str]]:
        """Links for what is often asked for."""
        return []


class KeyFilter(_FormFilter):
    """By exactly one key, as published by `set_event` or received as a topic."""

    title, template = "key", "admin/workflows/form_filter.html"
    parameters = {"key": "Key"}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Exactly that key."""
        key = str(self.used_parameters.get("key", ""))
        if "\x00" in key:
            raise IncorrectLookupParameters("a key has no NUL")
        if not key:
            return queryset
        # Who looks for both where there is no such event would walk through all of the key, or all of the kind.
        kind = request.GET.get("kind")
        return by_index(queryset, "key", key) if kind is None or kind in KEYED else queryset.none()


class ActorFilter(_FormFilter):
    """By exactly one name: of an account, or as a command was told it."""

    title, template = "who did it", "admin/workflows/form_filter.html"
    parameters = {"by": "Name"}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What they did. Only some kinds of events are anybody's doing."""
        name = str(self.used_parameters.get("by", ""))
        if "\x00" in name:
            raise IncorrectLookupParameters("a name has no NUL")
        if not name:
            return queryset
        kind = request.GET.get("kind")
        if kind is not None and kind not in ACTS:
            return queryset.none()
        # As in `by_index`; but the index leaves out what is nobody's, so the second value is not an empty one.
        return queryset.filter(by__in=[name, _NOBODY], kind__in=[kind] if kind else sorted(ACTS))


_NOBODY = "\x01"


class TimeFilter(_FormFilter):
    """From a time to a time. `field` is the column that is compared."""

    title, template = "time (UTC)", "admin/workflows/form_filter.html"
    parameters = {"since": "From", "until": "To"}
    field = "created_at"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows from `since` up to and without `until`."""
        since, until = self._moment("since"), self._moment("until")
        if since is not None:
            queryset = self.from_moment(queryset, since)
        return queryset if until is None else self.up_to(queryset, until)

    def _moment(self, name: str) -> datetime | None:
        text = str(self.used_parameters.get(name, ""))
        if not text:
            return None
        try:
            moment = parse_datetime(text)
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error
        if moment is None:
            raise IncorrectLookupParameters(f"{name}={text!r} is no time")
        return moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)

    def from_moment(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """The rows of that time and later."""
        return queryset.filter((f"{self.field}__gte", moment))

    def up_to(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """The rows before that time."""
        return queryset.filter((f"{self.field}__lt", moment))

    def presets(self, changelist: ChangeList) -> list[dict[str, str]]:
        """The last hour, day and week."""
        now = timezone.now().replace(microsecond=0)
        return [
            {
                "display": label,
                "query_string": changelist.get_query_string(
                    {"since": (now - span).strftime("%Y-%m-%dT%H:%M:%S")}, remove=["until"]
                ),
            }
            for label, span in _PRESETS
        ]


class TimeOfIdFilter(TimeFilter):
    """The same for tables in the order of their ids, whose time has no index that could order them.

    Ids rise with time, so the first id of a time is found by halving, in a few dozen look-ups of the primary key. To
    the planner the two conditions say one thing twice; were the time a plain column, it would expect a fiftieth of a
    fiftieth, and read and sort all rows of the period rather than the first in order.
    """

    field = "at"

    def from_moment(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """The rows of that time and later."""
        exactly = GreaterThanOrEqual(self._time, Value(moment))
        return queryset.filter(exactly, id__gte=self._first_id(queryset.model, moment, -_SKEW))

    def up_to(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """The rows before that time."""
        exactly = LessThan(self._time, Value(moment))
        return queryset.filter(exactly, id__lt=self._first_id(queryset.model, moment, _SKEW))

    @property
    def _time(self) -> ExpressionWrapper[Any]:
        return ExpressionWrapper(F(self.field) + Value(timedelta(0)), output_field=DateTimeField())

    def _first_id(self, model: type[Model], moment: datetime, skew: timedelta) -> int:
        rows = model._default_manager.values_list("id", self.field)
        newest = rows.order_by("-id").first()
        low, high = 0, newest[0] + 1 if newest else 0
        try:
            moment += skew
        except OverflowError as error:
            raise IncorrectLookupParameters(error) from error
        while low < high:
            middle = (low + high) // 2
            row = rows.filter(id__gte=middle).order_by("id").first()
            if row is None or row[1] >= moment:
                high = middle
            else:
                low = row[0] + 1
        return low


class StartedFilter(TimeOfIdFilter):
    """Steps by their first start."""

    field = "started_at"


class SentFilter(TimeOfIdFilter):
    """Messages by when they were sent."""

    field = "sent_at"
