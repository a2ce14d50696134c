"""A message sent to a workflow and kept until the workflow receives it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from workflows.models.workflow import Workflow


class Message(models.Model):
    """One message; first in, first out per topic. `consumed_seq` is the event that received it."""

    id = models.BigAutoField(primary_key=True)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="inbox", db_index=False)
    topic = models.CharField(max_length=200)
    body = models.JSONField()
    sent_at = models.DateTimeField()
    sent_by = models.CharField(max_length=200, default="", blank=True)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  null: may repeat
    consumed_seq = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="message_sent_once_per_idempotency_key",
            ),
        ]
        indexes = [
            models.Index(fields=["workflow", "id"], name="message_of_workflow"),
            models.Index(
                fields=["workflow", "topic", "id"], condition=Q(consumed_seq__isnull=True), name="message_unread"
            ),
            # The newest unread ones of all: those of ended workflows stay unread for ever, behind all later messages.
            models.Index(fields=["id"], condition=Q(consumed_seq__isnull=True), name="message_unread_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.topic}"
