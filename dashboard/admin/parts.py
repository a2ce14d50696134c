"""What belongs to workflows, in the admin: steps, events, values, messages; of all workflows, or of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from dashboard.admin import shown
from dashboard.admin.filters import (
    KeyFilter,
    KindFilter,
    SentFilter,
    StartedFilter,
    TimeOfIdFilter,
    UnreadFilter,
)
from dashboard.admin.inspection import Inspection
from dashboard.admin.keyset import Column
from workflows.models import Event, Message, Step, Value
from workflows.states import EventKind


@admin.register(Step)
class StepAdmin(Inspection):
    """Every step; of one workflow in the order of positions. Failed ones are found as events: kind `step_failed`."""

    heavy = ("output", "error")
    keyset_of_search = (Column("position", descending=False),)
    list_display = ("id", "of_workflow", "position", "name", "status", "attempt", "failures", "started", "finished")
    list_filter = (StartedFilter,)
    fields = ("of_workflow", "position", "name", "status", "attempt", "failures", "worker", "started", "finished",
              "next_attempt", "output_shown", "error_shown")  # fmt: skip

    @admin.display(description="started (UTC)")
    def started(self, step: Step) -> str:
        """When its first attempt began."""
        return shown.moment(step.started_at)

    @admin.display(description="finished (UTC)")
    def finished(self, step: Step) -> str:
        """When."""
        return shown.moment(step.finished_at)

    @admin.display(description="next attempt (UTC)")
    def next_attempt(self, step: Step) -> str:
        """When it will be tried again."""
        return shown.moment(step.next_attempt_at)

    @admin.display(description="output")
    def output_shown(self, step: Step) -> object:
        """What it returned."""
        return shown.pretty(step, "output")

    @admin.display(description="error")
    def error_shown(self, step: Step) -> object:
        """What its last failed attempt raised."""
        return shown.error(step.error)


@admin.register(Event)
class EventAdmin(Inspection):
    """The history; of one workflow by seq, of all by time."""

    heavy = ("data",)
    keyset_of_search = (Column("seq"),)
    leading = (("key",), ("kind",))
    list_display = ("id", "of_workflow", "seq", "time", "kind", "position", "key_shown", "beginning")
    list_filter = (KindFilter, KeyFilter, TimeOfIdFilter)
    fields = ("of_workflow", "seq", "kind", "position", "key_shown", "op", "time", "data_shown")

    def leading_for(self, change_list: ChangeList) -> Sequence[str]:
        """Of a key and a kind the kind, of which there are fewer, unless it is the kind that most events are of."""
        chosen = change_list.params
        if chosen.get("kind") and chosen.get("key") and chosen["kind"] != EventKind.VALUE_SET:
            return ("kind",)
        return super().leading_for(change_list)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the beginning of the data in place of the data."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(line=shown.line_of_event())
        return rows

    @admin.display(description="key")
    def key_shown(self, event: Event) -> str:
        """Its key, or a dash."""
        return shown.text(event.key or "–")

    @admin.display(description="data")
    def beginning(self, event: Any) -> str:
        """As much as fits a list."""
        return shown.text(event.line)

    @admin.display(description="at (UTC)")
    def time(self, event: Event) -> str:
        """When."""
        return shown.moment(event.at)

    @admin.display(description="data")
    def data_shown(self, event: Event) -> object:
        """What it says."""
        return shown.pretty(event, "data")


@admin.register(Value)
class ValueAdmin(Inspection):
    """Current values; of one workflow by key."""

    heavy = ("value",)
    keyset_of_search = (Column("key", descending=False),)
    list_display = ("id", "of_workflow", "key_shown", "beginning", "seq", "time")
    fields = ("of_workflow", "key_shown", "seq", "time", "value_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the beginning of the value in place of the value."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(line=shown.line_of("value"))
        return rows

    @admin.display(description="key")
    def key_shown(self, value: Value) -> str:
        """Its key."""
        return shown.text(value.key)

    @admin.display(description="value")
    def beginning(self, value: Any) -> str:
        """As much as fits a list."""
        return shown.text(value.line)

    @admin.display(description="at (UTC)")
    def time(self, value: Value) -> str:
        """When it was set."""
        return shown.moment(value.at)

    @admin.display(description="value")
    def value_shown(self, value: Value) -> object:
        """All of it, up to a limit."""
        return shown.pretty(value, "value")


@admin.register(Message)
class MessageAdmin(Inspection):
    """Messages, newest first; of one workflow, too."""

    heavy = ("body",)
    list_display = ("id", "of_workflow", "topic_shown", "beginning", "sent", "sent_by", "consumed_seq")
    list_filter = (UnreadFilter, SentFilter)
    fields = ("of_workflow", "topic_shown", "sent", "sent_by", "idempotency_key", "consumed_seq", "body_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the beginning of the body in place of the body."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(line=shown.line_of("body"))
        return rows

    @admin.display(description="topic")
    def topic_shown(self, message: Message) -> str:
        """Its topic."""
        return shown.text(message.topic)

    @admin.display(description="body")
    def beginning(self, message: Any) -> str:
        """As much as fits a list."""
        return shown.text(message.line)

    @admin.display(description="sent (UTC)")
    def sent(self, message: Message) -> str:
        """When."""
        return shown.moment(message.sent_at)

    @admin.display(description="body")
    def body_shown(self, message: Message) -> object:
        """All of it, up to a limit."""
        return shown.pretty(message, "body")
