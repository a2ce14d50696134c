"""Saved views: names that people give to a list's filter and columns."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

NAME_LENGTH, QUERY_LENGTH = 80, 2_000


class SavedView(models.Model):
    """A query of the list of workflows under a name; its owner's, or everybody's to use."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=NAME_LENGTH)
    query = models.CharField(max_length=QUERY_LENGTH, blank=True)
    shared = models.BooleanField(default=False)
    position = models.IntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_once_per_owner_and_name"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_a_name"),
        ]
        indexes = [models.Index(fields=["name"], condition=Q(shared=True), name="saved_view_shared")]

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view that the list of workflows opens with for somebody."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="default_view"
    )
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="default_of")

    def __str__(self) -> str:
        return f"{self.user}: {self.view}"
