"""What began, was claimed and ended is tallied for ever, with how long it took: a monitor's counters and histograms."""

from django.db import migrations, models

_INSERT = "INSERT INTO workflows_countchange (definition, queue, source, target, workflows, at"
_FUNCTION = """
CREATE OR REPLACE FUNCTION workflows_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.definition = OLD.definition AND NEW.queue = OLD.queue THEN
        IF NEW.status <> OLD.status THEN
            {change}
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO workflows_countchange (definition, queue, source, workflows)
        VALUES (OLD.definition, OLD.queue, OLD.status, 1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO workflows_countchange (definition, queue, target, workflows, at)
        VALUES (NEW.definition, NEW.queue, NEW.status, 1, CASE WHEN TG_OP = 'INSERT' THEN NEW.status_at END);
    END IF;
    RETURN NULL;
END $$;
"""
MEASURED = _FUNCTION.replace(
    "{change}",
    _INSERT
    + """, took)
            VALUES (NEW.definition, NEW.queue, OLD.status, NEW.status, 1, NEW.status_at,
                CASE WHEN NEW.status = 'running' THEN extract(epoch FROM NEW.status_at - OLD.available_at)
                     WHEN NEW.finished_at IS NOT NULL THEN extract(epoch FROM NEW.finished_at - NEW.started_at) END);""",
)
UNMEASURED = _FUNCTION.replace(
    "{change}",
    _INSERT
    + """)
            VALUES (NEW.definition, NEW.queue, OLD.status, NEW.status, 1, NEW.status_at);""",
)


class Migration(migrations.Migration):
    dependencies = [("workflows", "0006_what_is_usual")]
    operations = [
        migrations.AddField("countchange", "took", models.FloatField(null=True)),
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "kind", "name", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.CharField(max_length=12)),
                ("name", models.CharField(max_length=200)),
                ("bucket", models.SmallIntegerField()),
                ("workflows", models.BigIntegerField()),
                ("seconds", models.FloatField()),
            ],
        ),
        migrations.RunSQL("ALTER TABLE workflows_tally SET (fillfactor = 50)", migrations.RunSQL.noop),
        migrations.RunSQL(MEASURED, UNMEASURED),
    ]
