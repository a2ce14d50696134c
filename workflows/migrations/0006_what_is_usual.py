"""The latest workflows of a definition that succeeded are found by index, for how long its workflows usually take."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("workflows", "0005_count_what_exists")]
    operations = [
        migrations.AddIndex(
            model_name="workflow",
            index=models.Index(
                F("definition"),
                models.OrderBy(F("finished_at"), descending=True),
                condition=Q(("forked_from__isnull", True), ("status", "succeeded")),
                name="workflow_succeeded",
            ),
        ),
    ]
