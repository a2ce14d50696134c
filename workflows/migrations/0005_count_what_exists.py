"""Workflows of before the trigger are counted by what is missing: one statement, one snapshot, and nobody waits."""

from django.db import migrations

COUNT = """
INSERT INTO workflows_countchange (definition, queue, target, workflows)
SELECT definition, queue, status, sum(workflows) FROM (
    SELECT definition, queue, status, count(*) AS workflows FROM workflows_workflow GROUP BY 1, 2, 3
    UNION ALL
    SELECT definition, queue, status, -workflows FROM workflows_count
    UNION ALL
    SELECT definition, queue, target, -workflows FROM workflows_countchange WHERE target IS NOT NULL
    UNION ALL
    SELECT definition, queue, source, workflows FROM workflows_countchange WHERE source IS NOT NULL
) AS counted GROUP BY 1, 2, 3 HAVING sum(workflows) <> 0
"""


class Migration(migrations.Migration):
    """A transaction of its own: what began before the trigger was there has committed by now."""

    dependencies = [("workflows", "0004_counts_without_scans")]
    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
