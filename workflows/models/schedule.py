"""When a definition is started again and again."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from workflows.states import MissedPolicy


class Schedule(models.Model):
    """Starts a definition by a cron expression in a time zone, or at an interval. Each occurrence once.

    The id of an occurrence is made of the schedule's name and its due time, so two ticks at once start it once.
    """

    name = models.CharField(primary_key=True, max_length=100)
    definition = models.CharField(max_length=200)
    input = models.JSONField()  # {"args": [...], "kwargs": {...}}
    options = models.JSONField(default=dict, blank=True)  # of each start: queue, priority, timeout, ...
    cron = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  null: by interval
    interval = models.FloatField(null=True, blank=True)  # seconds, counted from `starts_at`
    time_zone = models.CharField(max_length=60, default="UTC")
    starts_at = models.DateTimeField()  # no occurrence before
    missed = models.CharField(
        max_length=4, choices=[(p.value, p.value) for p in MissedPolicy], default=MissedPolicy.SKIP
    )
    paused = models.BooleanField(default=False)
    next_at = models.DateTimeField(null=True, blank=True)  # null: never again
    last_at = models.DateTimeField(null=True, blank=True)  # due time of the latest occurrence that was started
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cron__isnull=False, interval__isnull=True) | Q(cron__isnull=True, interval__gt=0),
                name="schedule_has_a_cron_or_an_interval",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(paused=False, next_at__isnull=False), name="schedule_due"),
        ]

    def __str__(self) -> str:
        return self.name
