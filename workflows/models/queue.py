"""The limits of a queue. A queue without a row has none."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Queue(models.Model):
    """Limits that every worker obeys from the next claim on. Null: no such limit.

    A workflow that waits gives its place in `concurrency` and `worker_concurrency` to others; within a partition it
    keeps its place from its first claim to its end, so that `partition_concurrency` 1 keeps each key in order.
    """

    name = models.CharField(primary_key=True, max_length=100)
    paused = models.BooleanField(default=False)
    concurrency = models.PositiveIntegerField(null=True, blank=True)  # running at once, on all workers
    worker_concurrency = models.PositiveIntegerField(null=True, blank=True)  # running at once, on each worker
    partition_concurrency = models.PositiveIntegerField(null=True, blank=True)  # begun and not ended, of each key
    rate_limit = models.PositiveIntegerField(null=True, blank=True)  # first claims in any `rate_period` seconds
    rate_period = models.FloatField(null=True, blank=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(rate_limit__isnull=True, rate_period__isnull=True)
                | Q(rate_limit__isnull=False, rate_period__gt=0),
                name="queue_rate_has_a_period",
            ),
            models.CheckConstraint(
                condition=~Q(concurrency=0) & ~Q(worker_concurrency=0) & ~Q(partition_concurrency=0) & ~Q(rate_limit=0),
                name="queue_limits_are_above_zero",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class QueueStart(models.Model):
    """A first claim from a queue with a rate limit; kept for one period."""

    id = models.BigAutoField(primary_key=True)
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="starts", db_index=False)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["queue", "at"], name="queue_starts_in_order")]

    def __str__(self) -> str:
        return f"{self.queue_id} {self.at}"
