"""The audit list: one row for each act that somebody asked for, kept as it was written."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """Who asked for what, of what, how, and what came of it. No row ever changes: a trigger of the table refuses.

    `who` is a name and `account` a number, no foreign key: both outlive the account. `target` is the id or name of what
    it was done to, `target_kind` what that is; `made` the id of a workflow that came of it.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    who = models.CharField(max_length=200)
    account = models.BigIntegerField(null=True, blank=True)
    action = models.CharField(max_length=40)
    target_kind = models.CharField(max_length=20)
    target = models.CharField(max_length=200)
    made = models.CharField(max_length=200, default="", blank=True)
    detail = models.CharField(max_length=1000, default="", blank=True)
    reason = models.CharField(max_length=1000, default="", blank=True)
    address = models.CharField(max_length=45, default="", blank=True)
    carrier = models.CharField(max_length=10)
    done = models.BooleanField()
    refusal = models.CharField(max_length=1000, default="", blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        default_permissions = ()
        permissions = [("view_audit", "Can read the audit list")]
        indexes = [
            models.Index(fields=["at", "id"], name="audit_by_time"),
            models.Index(fields=["who", "at", "id"], name="audit_by_who"),
            models.Index(fields=["action", "at", "id"], name="audit_by_action"),
            models.Index(fields=["target", "at", "id"], name="audit_by_target"),
            models.Index(fields=["made", "at", "id"], condition=~Q(made=""), name="audit_by_made"),
            models.Index(fields=["at", "id"], condition=Q(done=False), name="audit_refused"),
        ]

    def __str__(self) -> str:
        return f"{self.who}: {self.action} {self.target_kind} {self.target}"
