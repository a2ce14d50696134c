"""One Celery worker process as operators see it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Worker(models.Model):
    """Registered when ready, refreshed with every renewal of leases, ended when it stops or is known to be gone.

    `id` is the part before the slash of `Workflow.worker`. `machine` names the kernel and process namespace that `pid`
    counts in: whoever shares them can see whether the process lives.
    """

    id = models.CharField(primary_key=True, max_length=200)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    machine = models.CharField(max_length=120)
    process_started = models.BigIntegerField()  # the kernel's start time of the process: a pid is used again
    name = models.CharField(max_length=200)  # Celery's node name
    queues = ArrayField(models.CharField(max_length=100))
    definitions = ArrayField(models.CharField(max_length=200))
    pool = models.CharField(max_length=40)
    concurrency = models.IntegerField()
    version = models.CharField(max_length=100)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    stopping_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=20, default="", blank=True)  # stopped, died, silent

    class Meta:
        indexes = [
            models.Index(fields=["heartbeat_at"], condition=Q(ended_at__isnull=True), name="worker_alive"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="worker_ended"),
        ]

    def __str__(self) -> str:
        return self.id
