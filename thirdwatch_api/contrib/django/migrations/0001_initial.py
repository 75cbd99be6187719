"""Make the tables."""

from typing import ClassVar

from django.db import migrations, models

__all__ = ["Migration"]


class Migration(migrations.Migration):
    """The tables of events and of relays."""

    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.CreateModel(
            name="OutboxEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=32)),
                ("order_key", models.CharField(max_length=190, null=True, verbose_name="order")),
                ("slot", models.SmallIntegerField()),
                ("body", models.TextField()),
                ("created", models.FloatField()),
                ("due", models.FloatField()),
                ("attempts", models.IntegerField()),
                ("dead", models.FloatField()),
                ("error", models.CharField(max_length=500, null=True)),
                ("trace", models.CharField(max_length=600, null=True)),
            ],
            options={
                "verbose_name": "event in the outbox",
                "verbose_name_plural": "events in the outbox",
                "db_table": "thirdwatch_outbox",
                "ordering": ("id",),
                "indexes": [models.Index(fields=["order_key", "id"], name="thirdwatch_outbox_key")],
            },
        ),
        migrations.CreateModel(
            name="RelaySeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("part", models.SmallIntegerField()),
                ("parts", models.SmallIntegerField()),
                ("holder", models.CharField(max_length=100)),
                ("expires", models.FloatField()),
                ("paused", models.FloatField()),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "db_table": "thirdwatch_relay",
                "constraints": [models.UniqueConstraint(fields=("part", "parts"), name="thirdwatch_relay_part")],
            },
        ),
    ]
