"""What was asked for many at once ended with its request; now it is rows, with an outcome for each workflow."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0010_who_reads_values"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkAction",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("verb", models.CharField(max_length=20)),
                ("by", models.CharField(blank=True, max_length=200)),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("aborted_by", models.CharField(blank=True, default="", max_length=200)),
                ("total", models.PositiveIntegerField()),
                ("done", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="bulk_actions_newest_first"),
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["created_at"],
                        name="bulk_action_under_way",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "total__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("done"), "+", models.F("refused")
                                ),
                            )
                        ),
                        name="bulk_action_counts_each_workflow_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkOutcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("place", models.PositiveIntegerField()),
                ("workflow_id", models.CharField(max_length=200)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("left", "left"), ("done", "done"), ("refused", "refused")],
                        default="left",
                        max_length=8,
                    ),
                ),
                ("detail", models.TextField(blank=True, default="")),
                (
                    "action",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outcomes",
                        to="workflows.bulkaction",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome", "left")), fields=["action", "place"], name="bulk_outcome_left"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("action", "place"), name="bulk_outcome_one_per_place")],
            },
        ),
    ]
