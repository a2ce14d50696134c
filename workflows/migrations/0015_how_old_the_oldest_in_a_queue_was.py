"""What is claimed from each queue is counted by the minute, too, with since when it had waited at most."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0014_who_is_told_of_ends")]
    operations = [migrations.AddField("queueminutecount", "since", models.DateTimeField(null=True))]
