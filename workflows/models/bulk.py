"""One verb that was asked for many workflows at once, and what came of each."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class BulkAction(models.Model):
    """A verb for a set of workflows that was fixed when it was confirmed. Written only by `bulk`.

    Whoever finds rows of it left goes on with them, so that it outlives the request and the process that began it.
    """

    id = models.UUIDField(primary_key=True)  # of its confirmation, which is carried out once
    verb = models.CharField(max_length=20)  # one of `bulk.VERBS`
    by = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)  # null: under way
    aborted_by = models.CharField(max_length=200, default="", blank=True)  # empty: nobody did
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    # From where it was asked for, as in the audit list; carrier empty: nobody did, code did.
    carrier = models.CharField(max_length=10, default="", blank=True)
    address = models.CharField(max_length=45, default="", blank=True)
    account = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(total__gte=F("done") + F("refused")), name="bulk_action_counts_each_workflow_once"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="bulk_actions_newest_first"),
            models.Index(fields=["created_at"], condition=Q(ended_at__isnull=True), name="bulk_action_under_way"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.total} workflows"

    @property
    def left(self) -> int:
        """How many were not asked for, or not yet."""
        return self.total - self.done - self.refused


class BulkOutcome(models.Model):
    """What came of one workflow of a bulk action. By id, because the workflow may be deleted, also by this."""

    LEFT, DONE, REFUSED = "left", "done", "refused"

    action = models.ForeignKey(BulkAction, on_delete=models.CASCADE, related_name="outcomes", db_index=False)
    place = models.PositiveIntegerField()
    workflow_id = models.CharField(max_length=200)
    outcome = models.CharField(max_length=8, default=LEFT, choices=[(o, o) for o in (LEFT, DONE, REFUSED)])
    detail = models.TextField(default="", blank=True)  # why it was refused

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "place"], name="bulk_outcome_one_per_place"),
        ]
        indexes = [
            models.Index(fields=["action", "place"], condition=Q(outcome="left"), name="bulk_outcome_left"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id}: {self.outcome}"
