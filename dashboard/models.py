"""What belongs to people: saved views, tokens of programs, and widgets, which show something elsewhere."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

NAME_LENGTH, QUERY_LENGTH = 80, 2_000
SUBJECT_LENGTH, KEY_LENGTH, ORIGIN_LENGTH = 200, 200, 300


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


class Scope(models.TextChoices):
    """What a widget shows."""

    WORKFLOW = "workflow", "One workflow"
    NEWEST = "newest", "The newest workflow of a definition"
    SUMMARY = "summary", "A definition as a whole"
    VIEW = "view", "A saved view"


class Widget(models.Model):
    """A state that pages elsewhere may show, to whoever has its token. The token is made from the row, never stored.

    subject: the id of a workflow or the name of a definition. keys: the published keys whose values are shown, if they
    are public. origins: the pages that may hold it ("*": any). It shows no more than `made_by` may see, as of now.
    """

    name = models.CharField(max_length=NAME_LENGTH)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    subject = models.CharField(max_length=SUBJECT_LENGTH, blank=True)
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, null=True, blank=True, related_name="widgets")
    keys = ArrayField(models.CharField(max_length=KEY_LENGTH), default=list, blank=True)
    origins = ArrayField(models.CharField(max_length=ORIGIN_LENGTH), default=list, blank=True)
    connection_limit = models.PositiveIntegerField(default=1_000)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="widgets")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        permissions = [("manage_widgets", "Can make, change and revoke widgets")]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="widget_has_a_name"),
            models.CheckConstraint(
                condition=Q(scope="view", view__isnull=False, subject="")
                | (~Q(scope="view") & Q(view__isnull=True) & ~Q(subject="")),
                name="widget_shows_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Reads that have a name."""

    def in_force(self) -> ApiTokenQuerySet:
        """Those that open anything now: neither revoked nor expired, of an account that is active."""
        unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at__isnull=True, owner__is_active=True)


class ApiToken(models.Model):
    """What a program sends instead of a session. The secret itself is kept nowhere, only its digest."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=NAME_LENGTH)
    prefix = models.CharField(max_length=20)  # how the secret begins, so that one is told from another
    digest = models.CharField(max_length=64, unique=True)  # SHA-256; the secret is random, so no salt is needed
    scopes = ArrayField(models.CharField(max_length=20))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)  # null: never
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)  # to the minute, or it would be written at each request

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="api_token_has_a_name"),
            models.CheckConstraint(condition=Q(scopes__len__gt=0), name="api_token_has_a_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"
