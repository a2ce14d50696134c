"""Who cancelled what, and who was refused, stood in the histories of single workflows at best: no list, no refusals."""

import django.db.models.functions.datetime
from django.db import migrations, models

# Who edits the list edits the proof. `audit.forget` alone sets the setting, and what is younger it cannot remove either.
TRIGGER = """
CREATE FUNCTION workflows_audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '30 days'
     AND current_setting('telltale.audit_retention', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'The audit list only grows: entry % stays as it is.', OLD.id
    USING ERRCODE = 'restrict_violation',
          HINT = 'manage.py workflow audit --forget-older-than removes what is old.';
END $$;
CREATE TRIGGER workflows_audit_only_grows BEFORE UPDATE OR DELETE ON workflows_auditentry
FOR EACH ROW EXECUTE FUNCTION workflows_audit_only_grows()"""
NO_TRIGGER = """
DROP TRIGGER workflows_audit_only_grows ON workflows_auditentry;
DROP FUNCTION workflows_audit_only_grows()"""


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0011_bulk_actions_outlive_their_request"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("who", models.CharField(max_length=200)),
                ("account", models.BigIntegerField(blank=True, null=True)),
                ("action", models.CharField(max_length=40)),
                ("target_kind", models.CharField(max_length=20)),
                ("target", models.CharField(max_length=200)),
                ("made", models.CharField(blank=True, default="", max_length=200)),
                ("detail", models.CharField(blank=True, default="", max_length=1000)),
                ("reason", models.CharField(blank=True, default="", max_length=1000)),
                ("address", models.CharField(blank=True, default="", max_length=45)),
                ("carrier", models.CharField(max_length=10)),
                ("done", models.BooleanField()),
                ("refusal", models.CharField(blank=True, default="", max_length=1000)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "permissions": [("view_audit", "Can read the audit list")],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["at", "id"], name="audit_by_time"),
                    models.Index(fields=["who", "at", "id"], name="audit_by_who"),
                    models.Index(fields=["action", "at", "id"], name="audit_by_action"),
                    models.Index(fields=["target", "at", "id"], name="audit_by_target"),
                    models.Index(
                        condition=models.Q(("made", ""), _negated=True),
                        fields=["made", "at", "id"],
                        name="audit_by_made",
                    ),
                    models.Index(condition=models.Q(("done", False)), fields=["at", "id"], name="audit_refused"),
                ],
            },
        ),
        # A bulk action is carried on by others than who was asked.
        migrations.AddField("bulkaction", "carrier", models.CharField(blank=True, default="", max_length=10)),
        migrations.AddField("bulkaction", "address", models.CharField(blank=True, default="", max_length=45)),
        migrations.AddField("bulkaction", "account", models.BigIntegerField(blank=True, null=True)),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
    ]
