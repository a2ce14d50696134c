"""Deleted workflows in the admin: what somebody removed, when and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from dashboard import access
from dashboard.admin import shown
from dashboard.admin.inspection import Inspection
from dashboard.admin.keyset import Column
from workflows.models import Deletion


@admin.register(Deletion)
class DeletionAdmin(Inspection):
    """One row per deleted workflow, latest first."""

    right = access.VIEW_TOTALS  # what is gone cannot be looked at any more, to see whose it was
    of_workflows = False
    keyset = (Column("id"),)
    list_display = ("id_shown", "definition_shown", "status", "by", "why", "deleted_at")
    search_help_text = "The id of a workflow, or the beginning of one"
    fields = ("id_shown", "definition_shown", "status", "by", "why", "created_at", "deleted_at")

    def searched(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Ids that begin so."""
        return queryset.filter(workflow_id__startswith=term)

    @admin.display(description="workflow")
    def id_shown(self, deletion: Deletion) -> str:
        """The id it had."""
        return shown.text(deletion.workflow_id)

    @admin.display(description="definition")
    def definition_shown(self, deletion: Deletion) -> str:
        """What it was."""
        return shown.text(deletion.definition)

    @admin.display(description="by")
    def by(self, deletion: Deletion) -> str:
        """Who deleted it."""
        return shown.text(deletion.deleted_by)

    @admin.display(description="reason")
    def why(self, deletion: Deletion) -> str:
        """What they said."""
        return shown.text(deletion.reason)
