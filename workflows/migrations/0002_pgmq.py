"""PGMQ's SQL: the queues that Celery's messages go through unless CELERY_BROKER_URL names another broker."""

from django.db import migrations


def install(apps, schema_editor):
    """Install the schema `pgmq`, unless an extension or an earlier start did."""
    from pgmq.install import install_pgmq_from_sql

    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('pgmq') IS NOT NULL")
        (present,) = cursor.fetchone()
    if not present:
        install_pgmq_from_sql(conn=schema_editor.connection.connection)


class Migration(migrations.Migration):
    """Not reversed: the queues may hold messages of others."""

    dependencies = [("workflows", "0001_initial")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
