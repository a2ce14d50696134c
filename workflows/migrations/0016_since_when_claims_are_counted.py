"""The first minute with a claim is found without reading those before it; built while the minutes are written.

A build that was broken off leaves an invalid index, which must be dropped before the migration is tried again:
DROP INDEX CONCURRENTLY claims_by_minute.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("workflows", "0015_how_old_the_oldest_in_a_queue_was")]
    operations = [
        AddIndexConcurrently(
            "queueminutecount",
            models.Index(condition=models.Q(("kind", "claimed")), fields=["minute"], name="claims_by_minute"),
        ),
    ]
