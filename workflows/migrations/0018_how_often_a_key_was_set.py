"""How often a key was set is counted with each change, whoever makes it: also by workers of the version before.

Of keys that were set before this, nothing is known but what their histories say: null. Their workflows go on meanwhile, so
a count made here would miss what is set while it counts.
"""

from django.db import migrations, models

COUNTS = """
CREATE FUNCTION workflows_count_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.sets := OLD.sets + 1;
    RETURN NEW;
END $$;

CREATE TRIGGER value_is_counted BEFORE UPDATE OF seq ON workflows_value
FOR EACH ROW EXECUTE FUNCTION workflows_count_set();
"""
COUNTS_NOT = """
DROP TRIGGER value_is_counted ON workflows_value;
DROP FUNCTION workflows_count_set();
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0017_keys_belong_to_kinds")]
    operations = [
        migrations.AddField("value", "sets", models.BigIntegerField(null=True)),
        migrations.AlterField("value", "sets", models.BigIntegerField(null=True, db_default=1)),
        migrations.RunSQL(COUNTS, COUNTS_NOT),
    ]
