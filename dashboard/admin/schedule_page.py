"""Schedules in the admin: when each is due next, how it went last, and the actions, which `schedules` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard import access
from dashboard.admin import shown
from dashboard.admin.inspection import EXPORTS, Inspection
from dashboard.admin.keyset import Column
from workflows import schedules, ticks
from workflows.errors import TelltaleError
from workflows.models import Schedule
from workflows.redaction import Lens

MOST_NEXT, MOST_LAST = 5, 20
_HEAVY = ("input", "output", "error")


@admin.register(Schedule)
class ScheduleAdmin(Inspection):
    """One row per schedule. Code and the command make them; here they are paused and started."""

    actions = ("pause_selected", "unpause_selected", "trigger_selected", *EXPORTS)
    right = "view_schedules"
    of_workflows = False
    content = "input"
    keyset = (Column("name", descending=False),)
    search_fields = ("name",)
    search_help_text = "A name, or the beginning of one"
    list_display = ("name", "definition", "when", "next", "last_outcome", "missed", "paused", "problem")
    fieldsets = (
        (None, {"fields": ("name", "definition", "when", "time_zone", "missed", "paused", "problem")}),
        ("Occurrences", {"fields": ("starts", "next_times", "last", "outcomes")}),
        ("Starts", {"fields": ("input_shown", "options_shown")}),
        ("Changed", {"fields": ("changed", "changed_by")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the status of the newest workflow of each that this person may see."""
        newest = access.visible_workflows(request.user).filter(schedule=OuterRef("name")).order_by("-created_at")
        found = {f"newest_{column}": Subquery(newest.values(column)[:1]) for column in ("id", "status")}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**found)
        return rows

    def searched(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Names that begin so."""
        return queryset.filter(name__startswith=term)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Whoever may change schedules."""
        return access.can(request.user, "change_schedule")

    def has_trigger_permission(self, request: HttpRequest) -> bool:
        """Whoever may start workflows."""
        return access.can(request.user, "start")

    @admin.action(description="Pause selected schedules", permissions=["pause"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Start no occurrence until they are unpaused."""
        self._each(request, queryset, schedules.pause, "Paused")

    @admin.action(description="Unpause selected schedules", permissions=["pause"])
    def unpause_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Go on with their next occurrences."""
        self._each(request, queryset, schedules.unpause, "Unpaused")

    @admin.action(description="Start one workflow of each now", permissions=["trigger"])
    def trigger_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Besides their occurrences."""
        self._each(request, queryset, schedules.trigger, "Started")

    def _each(self, request: HttpRequest, queryset: QuerySet[Schedule], act: Callable[..., object], word: str) -> None:
        names = list(queryset.values_list("name", flat=True))
        done = 0
        for name in names:
            try:
                act(name, by=request.user.get_username())
                done += 1
            except TelltaleError as error:
                self.message_user(request, str(error), messages.WARNING)
        if done:
            self.message_user(request, f"{word}: {done} of {len(names)}.", messages.SUCCESS)

    @admin.display(description="when")
    def when(self, schedule: Schedule) -> str:
        """Its timing in words; as it is stored if that cannot be read."""
        try:
            return ticks.timing_of(schedule).explain()
        except TelltaleError:
            return shown.text(schedule.cron)

    @admin.display(description="next (UTC)")
    def next(self, schedule: Schedule) -> str:
        """Its next due time."""
        return shown.moment(None if schedule.paused else schedule.next_at)

    @admin.display(description="last outcome")
    def last_outcome(self, schedule: Any) -> SafeString | str:
        """The status of its newest workflow, linked."""
        if schedule.newest_id is None:
            return "–"
        return format_html("{} {}", schedule.newest_status, shown.workflow_link(schedule.newest_id))

    @admin.display(description="cannot start")
    def problem(self, schedule: Schedule) -> str:
        """Why, as far as this process knows."""
        return shown.text(schedules.problem(schedule) or "–")

    @admin.display(description="not before (UTC)")
    def starts(self, schedule: Schedule) -> str:
        """Its first possible moment; intervals count from it."""
        return shown.moment(schedule.starts_at)

    @admin.display(description="next (UTC)")
    def next_times(self, schedule: Schedule) -> object:
        """Some of what is to come."""
        try:
            times = schedules.next_times(schedule, MOST_NEXT)
        except TelltaleError:
            return "–"
        return shown.block("\n".join(map(shown.moment, times)) or "–")

    @admin.display(description="last occurrence started (UTC)")
    def last(self, schedule: Schedule) -> str:
        """Its due time."""
        return shown.moment(schedule.last_at)

    @admin.display(description="last workflows")
    def outcomes(self, schedule: Any) -> SafeString:
        """The newest first."""
        rows = schedule.visible.filter(schedule=schedule.name).order_by("-created_at").defer(*_HEAVY)[:MOST_LAST]
        told = ((shown.workflow_link(row.id), row.status, shown.moment(row.created_at)) for row in rows)
        return shown.table(["id", "status", "created"], told)

    def seen(self, request: HttpRequest, rows: Sequence[Any]) -> Sequence[Any]:
        """Each with the lens by which this person reads its input, and the workflows that they may see."""
        audience, visible = access.audience(request.user), access.visible_workflows(request.user)
        for schedule in rows:
            schedule.lens, schedule.visible = Lens(schedule.definition, audience), visible
        return rows

    def is_open(self, row: Any) -> bool:
        """Inputs are read as a whole or not."""
        return bool(row.lens.reads_whole_payloads)

    def read(self, row: Any) -> Any:
        """The input."""
        return row.input if self.is_open(row) else json.loads(row.lens.payload_text("input", json.dumps(row.input)))

    @admin.display(description="input")
    def input_shown(self, schedule: Any) -> object:
        """The arguments of each start, as far as this person may read them."""
        return self.content_shown(schedule)

    @admin.display(description="options")
    def options_shown(self, schedule: Schedule) -> object:
        """The options of each start."""
        return shown.pretty(schedule, "options")

    @admin.display(description="at (UTC)")
    def changed(self, schedule: Schedule) -> str:
        """When somebody changed it."""
        return shown.moment(schedule.changed_at)
