"""What belongs to workflows, in the admin: steps, events, values, messages; of all workflows, or of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.http import HttpRequest

from dashboard.admin import shown, story
from dashboard.admin.filters import (
    ActorFilter,
    KeyFilter,
    KindFilter,
    OfDefinitionFilter,
    SentFilter,
    StartedFilter,
    TimeOfIdFilter,
    UnreadFilter,
    by_index,
)
from dashboard.admin.inspection import Inspection
from dashboard.admin.keyset import Column
from dashboard.admin.sieve import OfDefinitionChangeList
from dashboard.presenters.history import rows
from workflows import history
from workflows.models import Event, Message, Step, Value, Workflow
from workflows.redaction import HIDDEN, WITH_PAYLOADS
from workflows.states import ACTS, KEYED, EventKind
from workflows.visibility import Visibility


@admin.register(Step)
class StepAdmin(Inspection):
    """Every step; of one workflow in the order of positions. Failed ones are found as events: kind `step_failed`."""

    content = "output"
    heavy = ("output", "error")
    keyset_of_search = (Column("position", descending=False),)
    list_display = ("id", "of_workflow", "position", "name", "status", "attempt", "failures", "started", "finished")
    list_filter = (StartedFilter,)
    fields = ("of_workflow", "position", "name", "status", "attempt", "failures", "worker", "started", "finished",
              "next_attempt", "content_shown", "error_shown")  # fmt: skip

    def is_open(self, row: Any) -> bool:
        """Outputs are read as a whole or not."""
        return bool(row.lens.reads_whole_payloads)

    def read(self, row: Any) -> Any:
        """The output."""
        return row.lens.payload("step", row.output)

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

    @admin.display(description="error")
    def error_shown(self, step: Any) -> object:
        """What its last failed attempt raised."""
        return shown.error(step.lens.error(step.error))


@admin.register(Event)
class EventAdmin(Inspection):
    """The history; of one workflow by seq, of all by time."""

    content = "data"
    heavy = ("data",)
    keyset_of_search = (Column("seq"),)
    search_help_text = "The id of a workflow, or a key; whole"
    leading = (("by", "kind"), ("key",), ("kind",))
    all_values = {"kind": sorted(ACTS)}
    list_display = ("id", "of_workflow", "seq", "time", "kind", "key_shown", "beginning")
    list_filter = (TimeOfIdFilter, KeyFilter, ActorFilter, OfDefinitionFilter, KindFilter)
    fields = ("of_workflow", "seq", "moment", "kind", "position", "key_shown", "op", "time", "change", "content_shown")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Those of the workflow with this id; if there is none, those with this key."""
        term = search_term.strip()
        if not term or _is_id(term):
            return super().get_search_results(request, queryset, term)
        kind = request.GET.get("kind")
        return by_index(queryset, "key", term) if kind is None or kind in KEYED else queryset.none(), False

    def keyset_for(self, change_list: ChangeList) -> Sequence[Column]:
        """Of one workflow by seq; what a search finds by key as by the filter."""
        return super().keyset_for(change_list) if _is_id(change_list.query) else self.keyset_of_list(change_list)

    def leading_for(self, change_list: ChangeList) -> Sequence[str]:
        """Of a key and a kind the kind, of which there are fewer, unless it is the kind that most events are of."""
        chosen = change_list.params
        if _is_id(change_list.query):
            return ()
        has_key = bool(chosen.get("key") or change_list.query)
        if not chosen.get("by") and chosen.get("kind") and has_key and chosen["kind"] != EventKind.VALUE_SET:
            return ("kind",)
        return next(
            (columns for columns in self.leading if chosen.get(columns[0]) or (columns[0] == "key" and has_key)), ()
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the beginning of the data in place of the data, and with whose doing it was."""
        found = super().get_queryset(request).annotate(line=shown.line_of_event(), by=KT("data__by"))
        return cast("QuerySet[Any]", found)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """One that also knows definitions."""
        return OfDefinitionChangeList

    def is_open(self, row: Any) -> bool:
        """What was read from another workflow is another definition's matter, which only the data knows."""
        is_all_read = row.lens.audience is Visibility.ADMIN or row.kind not in WITH_PAYLOADS
        return is_all_read and bool(row.lens.is_clear)

    def read(self, row: Any) -> Any:
        """The data."""
        return row.lens.event(history.wire(row))[5]

    @admin.display(description="key")
    def key_shown(self, event: Event) -> str:
        """Its key, or a dash."""
        return shown.text(event.key or "–")

    @admin.display(description="at (UTC)")
    def time(self, event: Event) -> str:
        """When."""
        return shown.moment(event.at)

    @admin.display(description="that moment")
    def moment(self, event: Event) -> object:
        """Links to the workflow as it was after the event: here and in the console."""
        return shown.moment_links(event.workflow_id, event.seq)

    @admin.display(description="in words")
    def change(self, event: Any) -> object:
        """What it says, and of a value what changed."""
        part = history.part_before(event.workflow_id, event.seq + 1, limit=1, lens=event.lens)
        return story.told(rows(part.entries)[-1]) if part.entries else "–"


def _is_id(search: str) -> bool:
    return bool(search.strip()) and Workflow.objects.filter(pk=search.strip()).exists()


@admin.register(Value)
class ValueAdmin(Inspection):
    """Current values; of one workflow by key."""

    content = "value"
    heavy = ("value",)
    keyset_of_search = (Column("key", descending=False),)
    list_display = ("id", "of_workflow", "key_shown", "beginning", "seq", "time")
    fields = ("of_workflow", "key_shown", "seq", "time", "content_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the beginning of the value in place of the value."""
        found: QuerySet[Any] = super().get_queryset(request).annotate(line=shown.line_of("value"))
        return found

    def is_open(self, row: Any) -> bool:
        """By its key."""
        return bool(row.lens.shows(row.key))

    def read(self, row: Any) -> Any:
        """The value."""
        return row.value if self.is_open(row) else HIDDEN

    @admin.display(description="key")
    def key_shown(self, value: Value) -> str:
        """Its key."""
        return shown.text(value.key)

    @admin.display(description="at (UTC)")
    def time(self, value: Value) -> str:
        """When it was set."""
        return shown.moment(value.at)


@admin.register(Message)
class MessageAdmin(Inspection):
    """Messages, newest first; of one workflow, too."""

    content = "body"
    heavy = ("body",)
    list_display = ("id", "of_workflow", "topic_shown", "beginning", "sent", "sent_by", "consumed_seq")
    list_filter = (UnreadFilter, SentFilter)
    fields = ("of_workflow", "topic_shown", "sent", "sent_by", "idempotency_key", "consumed_seq", "content_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the beginning of the body in place of the body."""
        found: QuerySet[Any] = super().get_queryset(request).annotate(line=shown.line_of("body"))
        return found

    def is_open(self, row: Any) -> bool:
        """Bodies are read as a whole or not."""
        return bool(row.lens.reads_whole_payloads)

    def read(self, row: Any) -> Any:
        """The body."""
        return row.lens.payload("message", row.body)

    @admin.display(description="topic")
    def topic_shown(self, message: Message) -> str:
        """Its topic."""
        return shown.text(message.topic)

    @admin.display(description="sent (UTC)")
    def sent(self, message: Message) -> str:
        """When."""
        return shown.moment(message.sent_at)
