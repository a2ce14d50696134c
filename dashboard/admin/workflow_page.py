"""Workflows in the admin: the list, one page with everything about one, and the one action, which `operations` does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from dashboard import access, acting
from dashboard.admin import shown, story
from dashboard.admin.filters import DefinitionFilter, StatusFilter, TimeFilter
from dashboard.admin.inspection import EXPORTS, Inspection
from dashboard.admin.keyset import Column
from dashboard.admin.moment import Moment
from workflows import operations
from workflows.errors import TransitionRefused, WorkflowNotFound
from workflows.models import Workflow
from workflows.states import Status

MOST_AT_ONCE = 200


@admin.register(Workflow)
class WorkflowAdmin(Inspection):
    """One row per workflow; its page shows its whole history, and itself after any event of it."""

    actions = ("cancel_selected", "pin_selected", "unpin_selected", *EXPORTS)
    keyset = (Column("created_at"), Column("id"))
    keyset_of_search = (Column("id"),)  # those that begin alike lie together
    leading = (("definition", "status"), ("status",))
    all_values = {"status": [status.value for status in Status]}
    heavy = ("input", "output", "error", "waiting")
    list_display = (
        "name",
        "definition",
        "standing",
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

    def searched(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Ids that begin so."""
        return queryset.filter(id__startswith=term)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Everything about one workflow, as it is or as it was after one of its events. Nothing is changed here."""
        workflow = self.get_object(request, unquote(object_id))
        if request.method != "GET" or not self.has_view_permission(request, workflow):
            raise PermissionDenied
        if workflow is None:
            raise Http404(f"There is no workflow {unquote(object_id)!r}.")
        context = {
            **self.admin_site.each_context(request),
            **_page(request, workflow),
            "opts": self.opts,
            "original": workflow,
            "change": True,
            "media": self.media,
            "has_view_permission": True,
            "title": f"{workflow.definition} {shown.text(workflow.id)}",
        }
        return TemplateResponse(request, "admin/workflows/workflow_change_form.html", context)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whoever may cancel workflows."""
        return access.can(request.user, "cancel")

    @admin.action(description="Cancel selected workflows…", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
        """Ask once more, then stop each of them for good."""
        ids = list(queryset.values_list("id", flat=True)[: MOST_AT_ONCE + 1])
        if len(ids) > MOST_AT_ONCE:
            self.message_user(request, f"Cancel at most {MOST_AT_ONCE} workflows at once.", messages.ERROR)
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
        self._each(request, ids, "cancel", partial(operations.cancel, reason=reason), "Cancelled")

    def has_pin_permission(self, request: HttpRequest) -> bool:
        """Whoever may pin workflows."""
        return access.can(request.user, "pin")

    @admin.action(description="Pin selected workflows: retention leaves them alone", permissions=["pin"])
    def pin_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        """However old they become."""
        self._pin(request, queryset, True, "Pinned")

    @admin.action(description="Unpin selected workflows", permissions=["pin"])
    def unpin_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        """Let retention remove them again."""
        self._pin(request, queryset, False, "Unpinned")

    def _pin(self, request: HttpRequest, queryset: QuerySet[Workflow], pinned: bool, word: str) -> None:
        ids = list(queryset.exclude(pinned=pinned).values_list("id", flat=True)[:MOST_AT_ONCE])
        self._each(request, ids, "pin", partial(operations.pin, pinned=pinned), word)

    def _each(self, request: HttpRequest, ids: list[str], right: str, act: Callable[..., object], word: str) -> None:
        """Each that is theirs to do it to."""
        done, theirs = 0, {row.id for row in acting.actable(request.user, right, ids)}
        for workflow_id in ids:
            if workflow_id not in theirs:
                acting.refuse(request, right, "workflow", workflow_id, acting.NOT_THEIRS)
                self.message_user(request, f"{shown.text(workflow_id)} is not yours to {right}.", messages.WARNING)
                continue
            try:
                act(workflow_id, by=request.user.get_username())
                done += 1
            except (TransitionRefused, WorkflowNotFound) as error:
                self.message_user(request, str(error), messages.WARNING)
        if done or not ids:
            self.message_user(request, f"{word}: {done} of {len(ids)}.", messages.SUCCESS if done else messages.INFO)

    @admin.display(description="id")
    def name(self, workflow: Workflow) -> str:
        """Its id."""
        return shown.text(workflow.id)

    @admin.display(description="status")
    def standing(self, workflow: Workflow) -> str:
        """And whether retention leaves it alone."""
        return f"{workflow.status}, pinned" if workflow.pinned else str(workflow.status)

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


def _page(request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
    """What the page says."""
    moment = Moment(request.user, workflow, request.GET)
    events = reverse("admin:workflows_event_changelist")
    at = f"?seq={moment.seq}" if moment.is_past and moment.seq else ""
    return {
        "moment": moment,
        "sentence": shown.text(moment.sentence),
        "facts": story.facts(workflow),
        "around": story.around(moment),
        "entry": story.entry(moment.entry),
        "error": shown.error(moment.head["error"]) if moment.head["error"] else "",
        "values": story.values(moment),
        "steps": story.steps(moment),
        "changes": story.changes(moment.changes()) if moment.compares else "",
        "history": story.history(moment),
        **story.parts(moment),
        "input": shown.payload(workflow, "input", moment.lens),
        "output": shown.payload(workflow, "output", moment.lens),
        "messages_table": story.messages(moment),
        "relatives": story.family(moment),
        "retention": story.fate(workflow),
        "export_url": reverse("dashboard:workflow_export", kwargs={"workflow_id": workflow.id}),
        "events_url": f"{events}?{urlencode({'q': workflow.id})}",
        "console_url": workflow.get_absolute_url() + at,
    }
