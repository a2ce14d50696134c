"""Permissions of those who read inputs, outputs and values, and of those who act on many at once."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workflows", "0009_queues_by_the_minute")]
    operations = [
        migrations.AlterModelOptions(
            name="workflow",
            options={
                "permissions": [
                    ("start_workflow", "Can start workflows"),
                    ("cancel_workflow", "Can cancel workflows"),
                    ("send_message", "Can send messages to workflows"),
                    ("resume_workflow", "Can resume workflows"),
                    ("fork_workflow", "Can fork and restart workflows"),
                    ("bulk_workflows", "Can act on many workflows at once"),
                    ("view_values", "Can view inputs, outputs and published values"),
                    ("view_sensitive", "Can view sensitive values"),
                ]
            },
        ),
    ]
