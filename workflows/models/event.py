"""One row of a workflow's gapless history."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.fields.json import KT
from django.db.models.lookups import GreaterThan

from workflows.models.conditions import one_of
from workflows.models.workflow import Workflow
from workflows.states import ACTS, EventKind


class Event(models.Model):
    """What happened to a workflow, as its `seq`-th fact. Written once, by `event_log` and `transitions`, never changed.

    `op` names the operation that wrote it (see `event_log`), so that a write with unknown outcome can be asked again.
    """

    id = models.BigAutoField(primary_key=True)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="events", db_index=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in EventKind])
    op = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001  null: not a workflow's own operation
    position = models.IntegerField(null=True, blank=True)
    key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  null: this kind has no key
    data = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "seq"], name="event_seq_once_per_workflow"),
            models.UniqueConstraint(
                fields=["workflow", "op"], condition=Q(op__isnull=False), name="event_operation_recorded_once"
            ),
            models.CheckConstraint(condition=Q(seq__gte=1), name="event_seq_starts_at_one"),
            models.CheckConstraint(
                condition=one_of("kind", [k.value for k in EventKind]), name="event_kind_is_a_known_kind"
            ),
        ]
        indexes = [
            models.Index(F("kind"), F("id").desc(), condition=~Q(kind=EventKind.VALUE_SET.value), name="event_by_kind"),
            models.Index(F("key"), F("id").desc(), condition=Q(key__isnull=False), name="event_by_key"),
            # What somebody did. Most starts are the code's own, by nobody, and are left out.
            models.Index(
                KT("data__by"),
                F("kind"),
                F("id").desc(),
                condition=Q(one_of("kind", sorted(ACTS))) & Q(GreaterThan(KT("data__by"), Value(""))),
                name="event_by_actor",
            ),
            # Rows arrive in the order of time, so a block range index finds a period at almost no cost per write.
            BrinIndex(fields=["at"], name="event_by_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} #{self.seq} {self.kind}"
