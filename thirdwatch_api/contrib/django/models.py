"""The tables of an outbox. Write to them by ``outbox`` alone: events have to be checked."""

from django.db import models

__all__ = ["OutboxEvent", "RelaySeat"]


class OutboxEvent(models.Model):
    """An event that waits, or that was given up."""

    kind = models.CharField(max_length=32)
    order_key = models.CharField("order", max_length=190, null=True)  # noqa: DJ001 - null is no order, and "" would be one
    slot = models.SmallIntegerField()
    body = models.TextField()
    created = models.FloatField()
    due = models.FloatField()
    attempts = models.IntegerField()
    dead = models.FloatField()
    error = models.CharField(max_length=500, null=True)  # noqa: DJ001 - as the other databases of an outbox have it
    trace = models.CharField(max_length=600, null=True)  # noqa: DJ001 - as above

    class Meta:
        """Names that the statements of an outbox know."""

        db_table = "thirdwatch_outbox"
        verbose_name = "event in the outbox"
        verbose_name_plural = "events in the outbox"
        ordering = ("id",)
        indexes = (models.Index(fields=["order_key", "id"], name="thirdwatch_outbox_key"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class RelaySeat(models.Model):
    """Who leads a part of the orders, and until when it waits."""

    part = models.SmallIntegerField()
    parts = models.SmallIntegerField()
    holder = models.CharField(max_length=100)
    expires = models.FloatField()
    paused = models.FloatField()
    reason = models.CharField(max_length=500)

    class Meta:
        """Names that the statements of an outbox know."""

        db_table = "thirdwatch_relay"
        constraints = (models.UniqueConstraint(fields=["part", "parts"], name="thirdwatch_relay_part"),)

    def __str__(self) -> str:
        return f"part {self.part} of {self.parts}"
