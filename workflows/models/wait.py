"""What a workflow waits for in other workflows, and what happened there that somebody waits for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from workflows.models.workflow import Workflow


class Wait(models.Model):
    """`workflow` waits for `target`: for its key, or for its end (key ""). Written when a wait outlasts its grace."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="waits", db_index=False)
    target = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="waiters", db_index=False)
    key = models.CharField(max_length=200, default="", blank=True)
    first = models.BooleanField(default=False)  # True: one of several suffices; False: all are needed
    done = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "target"], name="wait_once_per_target")]
        indexes = [models.Index(fields=["target"], condition=Q(done=False), name="wait_for_target")]

    def __str__(self) -> str:
        return f"{self.workflow_id} waits for {self.target_id} {self.key}"


class Wakeup(models.Model):
    """Something happened that somebody waits for. Written with the fact itself, removed once the waiters are woken.

    Without it a process that dies right after its commit would leave them asleep.
    """

    id = models.BigAutoField(primary_key=True)
    target_id = models.CharField(max_length=200)
    key = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["target_id"], name="wakeup_of_target")]

    def __str__(self) -> str:
        return f"{self.target_id} {self.key}"
