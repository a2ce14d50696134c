"""What all pages of the admin have in common: read-only, paged by keyset, filtered by indexes, no count anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import CheckboxInput
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from dashboard import access, exports
from dashboard.admin import shown
from dashboard.admin.keyset import Column, KeysetChangeList
from workflows.history import wire_time
from workflows.models import Workflow
from workflows.redaction import Lens

EXPORTS = ("export_selected_csv", "export_selected_json_lines")
_AT_ONCE = 200  # rows that are read together for a file, each with its content

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # not generic at run time


class Inspection(ModelAdmin):
    """What all pages have in common: read-only, paged by keyset, filtered by indexes, no count anywhere."""

    actions: Sequence[str] = EXPORTS
    change_list_template = "admin/workflows/keyset_change_list.html"
    list_per_page = 100
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    search_fields = ("id",)  # only shows the box; `searched` says what it finds
    search_help_text = "The id of a workflow, whole"
    right = "view"  # that one needs to look, one of `access.PERMISSIONS`
    of_workflows = True  # it has a workflow, or is one
    content = ""  # the column with what not everybody may read
    heavy: tuple[str, ...] = ()  # columns that lists never read
    keyset: Sequence[Column] = (Column("id"),)  # newest first
    keyset_of_search: Sequence[Column] = ()  # the order of what a search finds, if an index has a better one
    # Columns for which (*columns, *keyset) is an index, and of whose first a filter chooses a value.
    leading: Sequence[Sequence[str]] = ()
    all_values: Mapping[str, Sequence[str]] = {}  # of the others, where no filter chooses one

    class Media:
        css = {"all": ["workflows/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may look at what the list is of."""
        return access.can(request.user, self.right)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return self.has_view_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters that are offered; any other column of the address could ask for a scan of the table."""
        offered: set[str] = set()
        for one in self.list_filter:
            offered |= {one} if isinstance(one, str) else set(getattr(one, "parameters", ())) | {_parameter(one)}
        return lookup.removesuffix("__exact") in offered

    def get_urls(self) -> list[Any]:
        """Also the list as a file."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        view = self.admin_site.admin_view(self.export_view)
        return [path("export.<slug:ending>", view, name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest, ending: str) -> HttpResponseBase:
        """All rows that the filter of the address leaves, in the order of the list, as a file."""
        if ending not in exports.KINDS:
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            change_list: Any = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            return HttpResponseBadRequest(f"{error}", content_type="text/plain; charset=utf-8")
        return self._file(request, ending, change_list.batches(_AT_ONCE))

    def _file(self, request: HttpRequest, ending: str, batches: Iterable[list[Any]]) -> HttpResponseBase:
        parts = ([self._exported(row) for row in self._whole(request, batch)] for batch in batches)
        columns = [*self._columns, *filter(None, [self.content])]
        return exports.streamed(request, str(self.opts.model_name), ending, columns, parts)

    @property
    def _columns(self) -> list[str]:
        """What is exported besides the content."""
        left_out = {*self.heavy, self.content}
        return [field.attname for field in self.opts.concrete_fields if field.attname not in left_out]

    def _whole(self, request: HttpRequest, rows: Sequence[Any]) -> Sequence[Any]:
        rows = self.seen(request, rows)
        if self.content:
            self._load_content(rows)
        return rows

    def _exported(self, row: Any) -> exports.Document:
        values = {name: getattr(row, name) for name in self._columns}
        told = {name: wire_time(one) if isinstance(one, datetime) else one for name, one in values.items()}
        return told | {self.content: self.read(row)} if self.content else told

    @admin.action(description="Export selected as CSV", permissions=["view"])
    def export_selected_csv(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase:
        """The selected rows."""
        return self._file(request, "csv", [list(queryset)])

    @admin.action(description="Export selected as JSON Lines", permissions=["view"])
    def export_selected_json_lines(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase:
        """The selected rows."""
        return self._file(request, "jsonl", [list(queryset)])

    @admin.display(description=SafeString('<input type="checkbox" id="action-toggle" aria-label="Select all rows">'))
    def action_checkbox(self, obj: Any) -> SafeString:
        """Django's own names the row as it is, whichever way its signs turn the text."""
        told = {"class": "action-select", "aria-label": f"Select {shown.text(obj)}"}
        return CheckboxInput(told, lambda _: False).render(helpers.ACTION_CHECKBOX_NAME, str(obj.pk))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Without counts."""
        return KeysetChangeList

    def get_paginator(self, *_: Any, **__: Any) -> Any:
        """Only lookups of other tables' forms would ask for one, and count the rows."""
        raise PermissionDenied

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Of workflows that this person may see, without the columns that may be large."""
        rows: QuerySet[Any] = super().get_queryset(request).defer(*self.heavy)
        visible = access.visible_workflows(request.user)
        if not (visible.query.where and self.of_workflows):  # that everything is visible is no condition
            return rows
        return rows.filter((f"{'pk' if self.model is Workflow else 'workflow'}__in", visible))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With the lens by which this person reads it."""
        row = super().get_object(request, object_id, from_field)
        return None if row is None else self.seen(request, [row])[0]

    def seen(self, request: HttpRequest, rows: Sequence[Any]) -> Sequence[Any]:
        """The same rows, each with the `lens` by which this person reads it: by the definition of its workflow."""
        if self.of_workflows and self.model is not Workflow:
            audience = access.audience(request.user)
            ids = {row.workflow_id for row in rows}
            names = dict(Workflow.objects.filter(id__in=ids).values_list("id", "definition"))
            lenses = {name: Lens(name, audience) for name in {"", *names.values()}}
            for row in rows:
                row.lens = lenses[names.get(row.workflow_id, "")]
            self._load_content([row for row in rows if self.content and not self.is_open(row)])
        return rows

    def _load_content(self, rows: Sequence[Any]) -> None:
        """Of these rows, to keep something back of it; of all others the database shows it."""
        loaded = dict(
            self.model._default_manager.filter(pk__in=[row.pk for row in rows]).values_list("pk", self.content)
        )
        for row in rows:
            setattr(row, self.content, loaded.get(row.pk))

    def is_open(self, row: Any) -> bool:
        """Whether this person may read all of a row's content."""
        return bool(row.lens.is_clear)

    def read(self, row: Any) -> Any:
        """A row's content as far as this person may read it."""
        return getattr(row, self.content)

    @admin.display(description="content")
    def beginning(self, row: Any) -> str:
        """As much of it as fits a list."""
        line = row.line if self.is_open(row) else shown.compact(self.read(row))
        return shown.beginning(line, shown.CELL_CHARS)

    @admin.display(description="content")
    def content_shown(self, row: Any) -> object:
        """All of it, up to a limit."""
        return shown.pretty(row, self.content) if self.is_open(row) else shown.content(self.read(row))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By index, and never with duplicates."""
        term = search_term.strip()
        return self.searched(queryset, term) if term else queryset, False

    def searched(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows of one workflow."""
        return queryset.filter(workflow_id=term)

    def leading_for(self, change_list: ChangeList) -> Sequence[str]:
        """The columns that come before the keyset in the order, because the filter leaves an index that begins so."""
        if change_list.query:
            return ()
        return next((columns for columns in self.leading if change_list.params.get(columns[0])), ())

    def keyset_for(self, change_list: ChangeList) -> Sequence[Column]:
        """The order for which the filter leaves an index."""
        if change_list.query and self.keyset_of_search:
            return self.keyset_of_search
        return self.keyset_of_list(change_list)

    def keyset_of_list(self, change_list: ChangeList) -> Sequence[Column]:
        """The same of what nobody searched for."""
        fixed = [Column(name, descending=False, fixed=True) for name in self.leading_for(change_list)]
        return [*fixed, *self.keyset]

    def parts_for(self, change_list: ChangeList, rows: QuerySet[Any]) -> list[QuerySet[Any]]:
        """What is listed, in parts that an index has in order: one for each value of a column that no filter chose."""
        parts = [rows]
        for name in self.leading_for(change_list):
            if name in self.all_values and not change_list.params.get(name):
                parts = [part.filter((name, value)) for part in parts for value in self.all_values[name]]
        return parts

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What happened to the workflow; Django's own page tells what was edited here, which is never anything."""
        row = self.get_object(request, unquote(object_id))
        workflow_id = getattr(row, "workflow_id", row.pk if isinstance(row, Workflow) else None)
        if workflow_id is None:
            return super().history_view(request, object_id, extra_context)
        address = reverse(f"{self.admin_site.name}:workflows_event_changelist")
        return HttpResponseRedirect(f"{address}?{urlencode({'q': workflow_id})}")

    @admin.display(description="workflow")
    def of_workflow(self, row: Any) -> SafeString:
        """Its id, linked."""
        return shown.workflow_link(row.workflow_id)


def _parameter(list_filter: Any) -> str:
    return str(getattr(list_filter, "parameter_name", ""))
