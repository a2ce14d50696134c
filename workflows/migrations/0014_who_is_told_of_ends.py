"""Others are told that a workflow ended: addresses, what each asks for, and how far it was told."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0013_who_did_it"),
    ]

    operations = [
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True)),
                ("url", models.CharField(max_length=500)),
                ("secret", models.CharField(max_length=100)),
                (
                    "definitions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200), blank=True, default=list, size=None
                    ),
                ),
                (
                    "outcomes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=12), size=None),
                ),
                ("queue", models.CharField(default="default", max_length=100)),
                ("active", models.BooleanField(default=True)),
                ("off_because", models.CharField(blank=True, default="", max_length=200)),
                ("made_by", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("after_event", models.BigIntegerField(default=0)),
                ("next_event", models.BigIntegerField(blank=True, null=True)),
                ("next_at_xact", models.BigIntegerField(blank=True, null=True)),
            ],
            options={
                "permissions": [("manage_webhooks", "Can make, change and remove webhooks")],
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("name", ""), _negated=True),
                            models.Q(("url", ""), _negated=True),
                            models.Q(("secret", ""), _negated=True),
                        ),
                        name="webhook_is_complete",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcomes__len__gt", 0)), name="webhook_asks_for_an_outcome"
                    ),
                ],
            },
        ),
    ]
