"""Indexes for lists of millions, built while workflows go on.

A build that was broken off leaves an invalid index, which must be dropped before the migration is tried again:
DROP INDEX CONCURRENTLY workflow_of_definition.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("workflows", "0007_what_ever_happened")]

    operations = [
        AddIndexConcurrently(
            "workflow",
            models.Index(
                models.F("definition"),
                models.F("status"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="workflow_of_definition",
            ),
        ),
        RemoveIndexConcurrently("workflow", "workflow_by_definition"),
        AddIndexConcurrently("message", models.Index(fields=["workflow", "id"], name="message_of_workflow")),
        migrations.AlterField(  # Django's index of a text key is two, and neither has the order of a workflow's messages
            "message",
            "workflow",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="inbox",
                to="workflows.workflow",
            ),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=models.Q(("consumed_seq__isnull", True)), fields=["id"], name="message_unread_newest"
            ),
        ),
    ]
