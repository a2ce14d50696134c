"""Who elsewhere is told that a workflow ended."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Webhook(models.Model):
    """An address that is sent a signed message for each end it asks for. Written only by `webhooks`.

    The secret is kept as it is: messages are signed with it. The three numbers are the cursor over the events, which
    `webhooks.sweep` explains.
    """

    name = models.CharField(max_length=80, unique=True)
    url = models.CharField(max_length=500)
    secret = models.CharField(max_length=100)
    definitions = ArrayField(models.CharField(max_length=200), default=list, blank=True)  # empty: of every one
    outcomes = ArrayField(models.CharField(max_length=12))
    queue = models.CharField(max_length=100, default="default")  # of its deliveries
    active = models.BooleanField(default=True)
    off_because = models.CharField(max_length=200, default="", blank=True)  # empty: nobody's doing but a person's
    made_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    after_event = models.BigIntegerField(default=0)  # all ends up to this event are delivered, or in delivery
    next_event = models.BigIntegerField(null=True, blank=True)  # it is to become this one …
    next_at_xact = models.BigIntegerField(null=True, blank=True)  # … when all transactions before this one have ended

    class Meta:
        permissions = [("manage_webhooks", "Can make, change and remove webhooks")]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(url="") & ~Q(secret=""), name="webhook_is_complete"),
            models.CheckConstraint(condition=Q(outcomes__len__gt=0), name="webhook_asks_for_an_outcome"),
        ]

    def __str__(self) -> str:
        return self.name
