"""How many workflows there are: sums, the changes that are not in them yet, and what happened in each minute.

A trigger of `Workflow` writes the changes (migration 0004), `counts` sums them up. See docs/decisions/0021.
"""

from __future__ import annotations

from django.db import models


class Count(models.Model):
    """A sum of changes. Only together with the changes that are left is it how many there are."""

    pk = models.CompositePrimaryKey("definition", "queue", "status")
    definition = models.CharField(max_length=200)
    queue = models.CharField(max_length=100)
    status = models.CharField(max_length=12)
    workflows = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.definition} {self.queue} {self.status}"


class CountChange(models.Model):
    """So many workflows left `source` (null: began) and entered `target` (null: were removed), at once.

    `at` says when, for the counts of that minute; null: nothing happened, a count was put right.
    """

    id = models.BigAutoField(primary_key=True)
    definition = models.CharField(max_length=200)
    queue = models.CharField(max_length=100)
    source = models.CharField(max_length=12, null=True)  # noqa: DJ001  null: began
    target = models.CharField(max_length=12, null=True)  # noqa: DJ001  null: removed
    workflows = models.BigIntegerField()
    at = models.DateTimeField(null=True)
    took = models.FloatField(null=True)  # seconds: to a claim since it was claimable, to an end since the first claim

    def __str__(self) -> str:
        return f"{self.definition} {self.source} to {self.target}"


class MinuteCount(models.Model):
    """How many workflows of a definition were created, or ended in one way, in the minute that begins at `minute`.

    For a status that is no end: by how many more there were when it was over.
    """

    pk = models.CompositePrimaryKey("minute", "definition", "kind")
    minute = models.DateTimeField()
    definition = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)  # created, or a status
    workflows = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.minute} {self.definition} {self.kind}"


class QueueMinuteCount(models.Model):
    """The same of a queue: what was created in it, what ended, and by how many more there were of each other status.

    And what was claimed from it: `since` the one of them that waited longest could have been.
    """

    pk = models.CompositePrimaryKey("minute", "queue", "kind")
    minute = models.DateTimeField()
    queue = models.CharField(max_length=100)
    kind = models.CharField(max_length=12)  # created, claimed, or a status
    workflows = models.BigIntegerField()
    since = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["minute"], condition=models.Q(kind="claimed"), name="claims_by_minute")]

    def __str__(self) -> str:
        return f"{self.minute} {self.queue} {self.kind}"


class Tally(models.Model):
    """How many workflows ever did something, by how long it took them. It only grows; see `counts.Tally`."""

    pk = models.CompositePrimaryKey("kind", "name", "bucket")
    kind = models.CharField(max_length=12)  # created, claimed, or the status of an end
    name = models.CharField(max_length=200)  # of the queue for claims, else of the definition
    bucket = models.SmallIntegerField()
    workflows = models.BigIntegerField()
    seconds = models.FloatField()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
