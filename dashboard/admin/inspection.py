"""What all pages of the admin have in common: read-only, paged by keyset, filtered by indexes, no count anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from dashboard.admin import shown
from dashboard.admin.keyset import Column, KeysetChangeList
from workflows.models import Workflow

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # not generic at run time


class Inspection(ModelAdmin):
    """What all pages have in common: read-only, paged by keyset, filtered by indexes, no count anywhere."""

    change_list_template = "admin/workflows/keyset_change_list.html"
    list_per_page = 100
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    search_fields = ("id",)  # only shows the box; `searched` says what it finds
    search_help_text = "The id of a workflow, whole"
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
        """Whoever may see workflows."""
        return isinstance(request.user, User | AnonymousUser) and request.user.has_perm("workflows.view_workflow")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return self.has_view_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters that are offered; any other column of the address could ask for a scan of the table."""
        offered: set[str] = set()
        for one in self.list_filter:
            offered |= {one} if isinstance(one, str) else set(getattr(one, "parameters", ())) | {_parameter(one)}
        return lookup.removesuffix("__exact") in offered

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Without counts."""
        return KeysetChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the columns that may be large."""
        return super().get_queryset(request).defer(*self.heavy)

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
        fixed = [Column(name, descending=False, fixed=True) for name in self.leading_for(change_list)]
        return [*fixed, *self.keyset]

    def parts_for(self, change_list: ChangeList, rows: QuerySet[Any]) -> list[QuerySet[Any]]:
        """What is listed, in parts that an index has in order: one for each value of a column that no filter chose."""
        parts = [rows]
        for name in self.leading_for(change_list):
            if not change_list.params.get(name):
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
