"""One durable execution: the row that is queued, claimed, leased and finished."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Least
from django.db.models.lookups import Exact, GreaterThanOrEqual

from workflows.ids import MAX_LENGTH
from workflows.models.conditions import both_or_neither, one_of, present
from workflows.states import TERMINAL, TRANSITIONS, Status

_TERMINAL = sorted(TERMINAL)


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    """Reads that have a name."""

    def newest_first(self) -> WorkflowQuerySet:
        """The order of every list; its index is `workflow_newest`."""
        return self.order_by("-created_at", "-id")


class Workflow(models.Model):
    """A durable execution of a definition. Changed only by conditional statements in `transitions`."""

    id = models.CharField(primary_key=True, max_length=MAX_LENGTH)
    definition = models.CharField(max_length=200)
    queue = models.CharField(max_length=100, default="default")
    priority = models.SmallIntegerField(default=0, db_default=0)  # higher first
    partition_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  null: in no partition
    dedup_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  null: may repeat
    debounce_until = models.DateTimeField(null=True, blank=True)  # null: a further start does not replace its input
    status = models.CharField(max_length=12, choices=[(s.value, s.value) for s in Status], default=Status.QUEUED)
    input = models.JSONField()
    output = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  null says: nobody's
    crashes = models.IntegerField(default=0)
    takeovers = models.IntegerField(default=0)
    available_at = models.DateTimeField()
    wake_at = models.DateTimeField(null=True, blank=True)  # when delayed or waiting: queued again at the latest then
    timeout = models.FloatField(null=True, blank=True)  # seconds from the first claim to the deadline
    deadline_at = models.DateTimeField(null=True, blank=True)
    last_seq = models.BigIntegerField(default=0)
    waiting = models.JSONField(null=True, blank=True)
    wakes = models.IntegerField(
        default=0, db_default=0
    )  # how often something it may wait for happened: fences its suspension
    watched = ArrayField(models.TextField(), null=True, blank=True)  # keys that others wait for; "": its end
    version = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001  null: not claimed yet
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children", db_index=False
    )
    forked_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks", db_index=False
    )
    forked_position = models.IntegerField(null=True, blank=True)
    schedule = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001  null: nobody's occurrence
    pinned = models.BooleanField(default=False, db_default=False)  # retention leaves it alone
    created_by = models.CharField(max_length=200, default="", blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    status_at = models.DateTimeField()

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        permissions = [
            ("start_workflow", "Can start workflows"),
            ("cancel_workflow", "Can cancel workflows"),
            ("send_message", "Can send messages to workflows"),
            ("resume_workflow", "Can resume workflows"),
            ("fork_workflow", "Can fork and restart workflows"),
            ("bulk_workflows", "Can act on many workflows at once"),
            ("view_values", "Can view inputs, outputs and published values"),
            ("view_sensitive", "Can view sensitive values"),
        ]
        constraints = [
            # Each is read anew by every statement on this table: see `conditions`.
            models.CheckConstraint(
                condition=one_of("status", [s.value for s in Status]), name="workflow_status_is_a_known_status"
            ),
            models.CheckConstraint(
                condition=both_or_neither(present("finished_at"), one_of("status", _TERMINAL)),
                name="workflow_finished_at_exactly_when_terminal",
            ),
            models.CheckConstraint(
                condition=Q(both_or_neither(present("worker"), Exact(F("status"), Value("running"))))
                & Q(both_or_neither(present("worker"), present("lease_expires_at"))),
                name="workflow_leased_exactly_when_running",
            ),
            models.CheckConstraint(
                condition=Q(output__isnull=True) | Q(status="succeeded"), name="workflow_output_only_when_succeeded"
            ),
            models.CheckConstraint(
                condition=Q(error__isnull=False) | ~Q(one_of("status", ["failed", "quarantined"])),
                name="workflow_failure_has_an_error",
            ),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(
                    Least("token", "last_seq", "crashes", "takeovers", output_field=models.BigIntegerField()), 0
                ),
                name="workflow_counters_are_not_negative",
            ),
            models.CheckConstraint(condition=~Q(id=""), name="workflow_id_is_not_empty"),
            models.CheckConstraint(
                condition=Q(wake_at__isnull=True) | Q(one_of("status", ["delayed", "waiting"])),
                name="workflow_wakes_only_when_delayed_or_waiting",
            ),
            models.CheckConstraint(
                condition=~Q(status="delayed") | Q(wake_at__isnull=False), name="workflow_delay_has_an_end"
            ),
            models.CheckConstraint(
                condition=~Q(status="waiting") | Q(waiting__isnull=False), name="workflow_waits_for_something"
            ),
            models.UniqueConstraint(
                fields=["queue", "dedup_key"],
                condition=Q(dedup_key__isnull=False, finished_at__isnull=True),
                name="workflow_once_per_dedup_key",
            ),
        ]
        indexes = [
            models.Index(F("created_at").desc(), F("id").desc(), name="workflow_newest"),
            models.Index(F("status"), F("created_at").desc(), F("id").desc(), name="workflow_by_status"),
            # With the status: "failed ones of this definition" may be few among many of either. See `queries._nearest`.
            models.Index(
                F("definition"), F("status"), F("created_at").desc(), F("id").desc(), name="workflow_of_definition"
            ),
            # Those without a parent, which may be few among their children.
            models.Index(
                F("status"),
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(parent__isnull=True),
                name="workflow_top",
            ),
            models.Index(F("status_at"), name="workflow_by_status_change"),
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("available_at"),
                condition=Q(status="queued"),
                name="workflow_claim_order",
            ),
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="workflow_alarms"),
            models.Index(
                fields=["deadline_at"],
                condition=Q(deadline_at__isnull=False, finished_at__isnull=True),
                name="workflow_deadlines",
            ),
            models.Index(
                fields=["queue", "partition_key"],
                condition=Q(partition_key__isnull=False, started_at__isnull=False, finished_at__isnull=True),
                name="workflow_partitions",
            ),
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("available_at"),
                condition=Q(status="queued", started_at__isnull=False),
                name="workflow_begun_claim_order",
            ),
            models.Index(fields=["parent", "created_at"], condition=Q(parent__isnull=False), name="workflow_children"),
            models.Index(fields=["forked_from"], condition=Q(forked_from__isnull=False), name="workflow_forks"),
            models.Index(
                F("schedule"), F("created_at").desc(), condition=Q(schedule__isnull=False), name="workflow_of_schedule"
            ),
            # What is usual for a definition; by end, because the latest starts that have ended are the short ones.
            models.Index(
                F("definition"),
                F("finished_at").desc(),
                condition=Q(status="succeeded", forked_from__isnull=True),
                name="workflow_succeeded",
            ),
            # Also how a worker finds its own: no more rows run than there are pool children.
            models.Index(fields=["lease_expires_at"], condition=Q(status="running"), name="workflow_leases"),
            # The beginning of an id is found by the pattern index that Django makes beside a text key.
        ]

    def __str__(self) -> str:
        return f"{self.definition} {self.id}"

    def get_absolute_url(self) -> str:
        """The console's page of this workflow; the URL names belong to the project, hence the late import."""
        from django.urls import reverse  # URLs are not loaded while models are

        return reverse("dashboard:workflow", kwargs={"workflow_id": self.id})

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended, one way or another."""
        return Status(self.status) in TERMINAL

    @property
    def is_cancellable(self) -> bool:
        """Whether `operations.cancel` would be accepted now."""
        return Status(self.status) in TRANSITIONS["cancel"].sources

    @property
    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """The positional and keyword arguments it was started with."""
        return self.input["args"], self.input["kwargs"]
