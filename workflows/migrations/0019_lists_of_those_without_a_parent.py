"""Workflows without a parent are found among a thousand times as many children; built while workflows go on.

A build that was broken off leaves an invalid index, which must be dropped before the migration is tried again:
DROP INDEX CONCURRENTLY workflow_top.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("workflows", "0018_how_often_a_key_was_set")]
    operations = [
        AddIndexConcurrently(
            "workflow",
            models.Index(
                models.F("status"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("parent__isnull", True)),
                name="workflow_top",
            ),
        ),
    ]
