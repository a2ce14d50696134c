"""The audit list in the admin: read, and nothing else."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet

from dashboard.admin import shown
from dashboard.admin.inspection import Inspection
from dashboard.admin.keyset import Column
from workflows.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(Inspection):
    """One row per act, latest first. The console's page has the same, with filters and files."""

    right = "view_audit"
    of_workflows = False
    keyset = (Column("at"), Column("id"))
    list_display = ("at_shown", "by", "action", "target_kind", "target_shown", "done", "carrier", "address")
    search_help_text = "Whole: who, or the id or name of what it was done to"
    fields = (
        "at_shown", "by", "account", "action", "target_kind", "target_shown", "made", "detail", "why", "done",
        "refusal_shown", "carrier", "address",
    )  # fmt: skip

    def searched(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """What somebody did, or what was done to something."""
        return queryset.filter(Q(who=term) | Q(target=term) | Q(made=term))

    @admin.display(description="at (UTC)")
    def at_shown(self, entry: AuditEntry) -> str:
        """When."""
        return shown.moment(entry.at)

    @admin.display(description="who")
    def by(self, entry: AuditEntry) -> str:
        """Who asked."""
        return shown.text(entry.who)

    @admin.display(description="target")
    def target_shown(self, entry: AuditEntry) -> str:
        """Of what."""
        return shown.text(entry.target)

    @admin.display(description="reason")
    def why(self, entry: AuditEntry) -> str:
        """What they said."""
        return shown.text(entry.reason)

    @admin.display(description="refusal")
    def refusal_shown(self, entry: AuditEntry) -> str:
        """Why it was not done."""
        return shown.text(entry.refusal)
