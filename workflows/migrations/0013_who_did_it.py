"""What somebody did is found by their name. Built while workflows go on.

A build that was broken off leaves an invalid index, which must be dropped before the migration is tried again:
DROP INDEX CONCURRENTLY event_by_actor.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import GreaterThan

ACTS = [
    "cancelled", "created", "debounced", "fork_started", "forked", "message_sent", "pinned", "resumed", "unpinned",
]  # fmt: skip


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("workflows", "0012_who_asked_for_what")]

    operations = [
        AddIndexConcurrently(
            "event",
            models.Index(
                KeyTextTransform("by", "data"),
                models.F("kind"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(
                    models.Func(
                        models.F("kind"),
                        models.Value(ACTS, output_field=ArrayField(models.TextField())),
                        arg_joiner=" = ANY (",
                        output_field=models.BooleanField(),
                        template="%(expressions)s)",
                    ),
                    GreaterThan(KeyTextTransform("by", "data"), models.Value("")),
                ),
                name="event_by_actor",
            ),
        ),
    ]
