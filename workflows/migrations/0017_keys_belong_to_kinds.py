"""Which keys events of a kind have. Without it the planner takes the two for independent: it expects next to nothing
where all events of a kind have one key, and reads them all for one page of a list."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workflows", "0016_since_when_claims_are_counted")]

    operations = [
        migrations.RunSQL(
            "CREATE STATISTICS event_kind_and_key (mcv) ON kind, key FROM workflows_event",
            "DROP STATISTICS event_kind_and_key",
        )
    ]
