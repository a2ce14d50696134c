"""What happens in each queue is counted by the minute, too: how deep it was an hour ago was not known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0008_lists_find_the_few_among_many")]
    operations = [
        migrations.CreateModel(
            name="QueueMinuteCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "minute", "queue", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("minute", models.DateTimeField()),
                ("queue", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=12)),
                ("workflows", models.BigIntegerField()),
            ],
        ),
    ]
