"""The current content of a key published by `set_event`."""

from __future__ import annotations

from django.db import models

from workflows.models.workflow import Workflow


class Value(models.Model):
    """The latest value of one key of one workflow; `seq` is the event that set it, as the `sets`-th."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="values", db_index=False)
    key = models.CharField(max_length=200)
    value = models.JSONField()
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    # Counted by the trigger `value_is_counted`. Null: it was set before there was one; its history knows.
    sets = models.BigIntegerField(null=True, db_default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "key"], name="value_one_per_key")]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.key}"
