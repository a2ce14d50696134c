"""Workflows in the admin: the list, one page with everything about one, and the one action, which `operations` does."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from dashboard.admin import shown
from dashboard.admin.filters import DefinitionFilter, StatusFilter, TimeFilter
from dashboard.admin.inspection import Inspection
from dashboard.admin.keyset import Column
from workflows import operations
from workflows.errors import TransitionRefused, WorkflowNotFound
from workflows.models import Event, Step, Value, Workflow
from workflows.states import Status

MOST_CANCELLED = 200
MOST_EVENTS, MOST_STEPS, MOST_VALUES = 100, 50, 50


@admin.register(Workflow)
class WorkflowAdmin(Inspection):
    """One row per workflow; its page shows input, outcome, values, steps and the end of its history."""

    actions = ["cancel_selected"]
    keyset = (Column("created_at"), Column("id"))
    keyset_of_search = (Column("id"),)  # those that begin alike lie together
    leading = (("definition", "status"), ("status",))
    all_values = {"status": [status.value for status in Status]}
    heavy = ("input", "output", "error", "waiting")
    list_display = (
        "name",
        "definition",
        "status",
        "queue",
        "created",
        "finished",
        "last_seq",
        "takeovers",
        "created_by",
    )
    list_display_links = ("name",)
    list_filter = (StatusFilter, DefinitionFilter, TimeFilter)
    search_help_text = "An id, or the beginning of one"
    fieldsets = (
        (None, {"fields": ("id", "definition", "status", "queue", "created_by", "created", "started", "finished")}),
        ("Execution", {"fields": ("worker", "token", "takeovers", "crashes", "last_seq", "waiting_for")}),
        ("Input and outcome", {"fields": ("input_shown", "output_shown", "error_shown")}),
        ("Values", {"fields": ("values_shown",)}),
        ("Steps", {"fields": ("steps_shown",)}),
        ("Event history", {"fields": ("history_shown",)}),
    )

    def searched(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Ids that begin so."""
        return queryset.filter(id__startswith=term)

    def view_on_site(self, workflow: Workflow) -> str:
        """The console's page, which is live."""
        return workflow.get_absolute_url()

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whoever may cancel workflows."""
        return isinstance(request.user, User) and request.user.has_perm("workflows.cancel_workflow")

    @admin.action(description="Cancel selected workflows…", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
        """Ask once more, then stop each of them for good."""
        ids = list(queryset.values_list("id", flat=True)[: MOST_CANCELLED + 1])
        if len(ids) > MOST_CANCELLED:
            self.message_user(request, f"Cancel at most {MOST_CANCELLED} workflows at once.", messages.ERROR)
            return None
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request), "title": "Cancel workflows?", "ids": ids, "opts": self.opts,
                "checkbox": helpers.ACTION_CHECKBOX_NAME,
            }  # fmt: skip
            return TemplateResponse(request, "admin/workflows/cancel_confirmation.html", context)
        self._cancel(request, ids)
        return None

    def _cancel(self, request: HttpRequest, ids: list[str]) -> None:
        reason = request.POST.get("reason", "")
        cancelled = 0
        for workflow_id in ids:
            try:
                operations.cancel(workflow_id, by=request.user.get_username(), reason=reason)
                cancelled += 1
            except (TransitionRefused, WorkflowNotFound) as error:
                self.message_user(request, str(error), messages.WARNING)
        if cancelled:
            self.message_user(request, f"Cancelled: {cancelled} of {len(ids)}.", messages.SUCCESS)

    @admin.display(description="id")
    def name(self, workflow: Workflow) -> str:
        """Its id."""
        return shown.text(workflow.id)

    @admin.display(description="created (UTC)")
    def created(self, workflow: Workflow) -> str:
        """When."""
        return shown.moment(workflow.created_at)

    @admin.display(description="started (UTC)")
    def started(self, workflow: Workflow) -> str:
        """When."""
        return shown.moment(workflow.started_at)

    @admin.display(description="finished (UTC)")
    def finished(self, workflow: Workflow) -> str:
        """When."""
        return shown.moment(workflow.finished_at)

    @admin.display(description="waiting for")
    def waiting_for(self, workflow: Workflow) -> object:
        """What it waits for, and until when."""
        return shown.pretty(workflow, "waiting")

    @admin.display(description="input")
    def input_shown(self, workflow: Workflow) -> object:
        """Its arguments."""
        return shown.pretty(workflow, "input")

    @admin.display(description="output")
    def output_shown(self, workflow: Workflow) -> object:
        """What it returned."""
        return shown.pretty(workflow, "output")

    @admin.display(description="error")
    def error_shown(self, workflow: Workflow) -> object:
        """What it raised."""
        return shown.error(workflow.error)

    @admin.display(description="values")
    def values_shown(self, workflow: Workflow) -> object:
        """The current value of its keys."""
        rows = Value.objects.filter(workflow=workflow).order_by("key").annotate(line=shown.line_of("value"))
        lines = rows.values_list("key", "line", "seq", "at")[:MOST_VALUES]
        told = ((key, shown.line(line), seq, shown.moment(at)) for key, line, seq, at in lines)
        return shown.table(["key", "value", "seq", "at"], told) + shown.list_link("value", workflow, "All values")

    @admin.display(description="steps")
    def steps_shown(self, workflow: Workflow) -> object:
        """Its last steps."""
        rows = Step.objects.filter(workflow=workflow).order_by("-position")
        last = rows.values_list("position", "name", "status", "attempt", "started_at", "finished_at")[:MOST_STEPS]
        told = ((*what, shown.moment(began), shown.moment(ended)) for *what, began, ended in reversed(last))
        head = ["position", "name", "status", "attempt", "started", "finished"]
        return shown.table(head, told) + shown.list_link("step", workflow, f"All steps (here: the last {MOST_STEPS})")

    @admin.display(description="events")
    def history_shown(self, workflow: Workflow) -> object:
        """The end of its history."""
        rows = Event.objects.filter(workflow=workflow).order_by("-seq").annotate(line=shown.line_of_event())
        last = rows.values_list("seq", "at", "kind", "position", "key", "line")[:MOST_EVENTS]
        told = ((seq, shown.moment(at), *what, shown.line(line)) for seq, at, *what, line in reversed(last))
        head = ["seq", "at", "kind", "position", "key", "data"]
        return shown.table(head, told) + shown.list_link(
            "event", workflow, f"All events (here: the last {MOST_EVENTS})"
        )
