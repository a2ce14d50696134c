"""Workers in the admin: who lives, who ended and why. A small table: ended ones are forgotten after a week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from dashboard import access
from dashboard.admin import shown
from dashboard.admin.inspection import Inspection
from dashboard.admin.keyset import Column
from workflows import workers
from workflows.models import Worker


@admin.register(Worker)
class WorkerAdmin(Inspection):
    """One row per worker process, latest first."""

    right = "view_workers"
    of_workflows = False
    keyset = (Column("started_at"), Column("id"))
    heavy = ("definitions",)
    list_display = ("name_shown", "state", "queues_shown", "concurrency", "version", "started", "heartbeat", "ended")
    search_help_text = "An id, or the beginning of one"
    fieldsets = (
        (None, {"fields": ("id", "name_shown", "state", "started", "heartbeat", "stopping", "ended")}),
        ("Process", {"fields": ("host", "pid", "machine", "pool", "concurrency", "version")}),
        ("Serves", {"fields": ("queues_shown", "definitions_shown")}),
        ("Holds", {"fields": ("holding",)}),
    )

    def searched(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Ids that begin so."""
        return queryset.filter(id__startswith=term)

    @admin.display(description="name")
    def name_shown(self, worker: Worker) -> str:
        """Celery's name of it."""
        return shown.text(worker.name)

    @admin.display(description="state")
    def state(self, worker: Worker) -> str:
        """In a word."""
        return workers.state(worker, timezone.now())

    @admin.display(description="queues")
    def queues_shown(self, worker: Worker) -> str:
        """What it consumes."""
        return shown.text(", ".join(worker.queues))

    @admin.display(description="definitions")
    def definitions_shown(self, worker: Worker) -> object:
        """What it can execute."""
        return shown.block("\n".join(worker.definitions))

    def seen(self, request: HttpRequest, rows: Sequence[Any]) -> Sequence[Any]:
        """Each with the workflows that this person may see."""
        for row in rows:
            row.visible = access.visible_workflows(request.user)
        return rows

    @admin.display(description="workflows")
    def holding(self, worker: Any) -> object:
        """What it runs now."""
        held = workers.holding(worker.id)
        seen = set(worker.visible.filter(pk__in=[row.id for row in held]).values_list("pk", flat=True))
        rows = [
            (shown.workflow_link(row.id), row.definition, row.queue, shown.moment(row.status_at))
            for row in held
            if row.id in seen
        ]
        table = shown.table(["workflow", "definition", "queue", "since"], rows)
        hidden = len(held) - len(rows)
        return table + format_html("<p>and {} that you may not see</p>", hidden) if hidden else table

    @admin.display(description="started (UTC)")
    def started(self, worker: Worker) -> str:
        """When."""
        return shown.moment(worker.started_at)

    @admin.display(description="heartbeat (UTC)")
    def heartbeat(self, worker: Worker) -> str:
        """The latest."""
        return shown.moment(worker.heartbeat_at)

    @admin.display(description="stopping since (UTC)")
    def stopping(self, worker: Worker) -> str:
        """When."""
        return shown.moment(worker.stopping_at)

    @admin.display(description="ended (UTC)")
    def ended(self, worker: Worker) -> str:
        """When, if it has."""
        return shown.moment(worker.ended_at)
