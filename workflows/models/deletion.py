"""What is left of a workflow that somebody deleted."""

from __future__ import annotations

from django.db import models


class Deletion(models.Model):
    """Who deleted which workflow, when and why. Retention leaves none: it deletes by rule."""

    id = models.BigAutoField(primary_key=True)
    workflow_id = models.CharField(max_length=200, db_index=True)
    definition = models.CharField(max_length=200)
    status = models.CharField(max_length=12)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField()
    deleted_by = models.CharField(max_length=200, default="", blank=True)
    reason = models.CharField(max_length=1000, default="", blank=True)

    def __str__(self) -> str:
        return f"{self.workflow_id} deleted at {self.deleted_at}"
