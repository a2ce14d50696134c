"""A call whose result is recorded, identified by its position in the workflow."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import IsNull

from workflows.models.conditions import both_or_neither, one_of
from workflows.models.workflow import Workflow
from workflows.states import OPEN_STEPS, StepStatus


class Step(models.Model):
    """One step of one workflow. Visible from the moment it starts; written only by `event_log`."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="steps", db_index=False)
    position = models.IntegerField()
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=[(s.value, s.value) for s in StepStatus])
    attempt = models.IntegerField(default=1)
    failures = models.IntegerField(default=0)
    worker = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    attempt_started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    output = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "position"], name="step_one_per_position"),
            models.CheckConstraint(
                condition=one_of("status", [s.value for s in StepStatus]), name="step_status_is_a_known_status"
            ),
            models.CheckConstraint(
                condition=both_or_neither(IsNull(F("finished_at"), True), one_of("status", sorted(OPEN_STEPS))),
                name="step_finished_at_exactly_when_finished",
            ),
            models.CheckConstraint(condition=Q(attempt__gte=1, failures__gte=0), name="step_attempts_start_at_one"),
            models.CheckConstraint(
                condition=~Q(status="failed") | Q(error__isnull=False), name="step_failure_has_an_error"
            ),
        ]
        # No index on status: a step's second write would then have to touch every index (no HOT update).

    def __str__(self) -> str:
        return f"{self.position} {self.name}"
