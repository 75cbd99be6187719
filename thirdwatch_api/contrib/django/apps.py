"""The application as Django knows it."""

from django.apps import AppConfig

__all__ = ["ThirdwatchConfig"]


class ThirdwatchConfig(AppConfig):
    """The tables of an outbox, their admin, and the command that sends events."""

    name = "thirdwatch_api.contrib.django"
    label = "thirdwatch"
    verbose_name = "Thirdwatch"
    default_auto_field = "django.db.models.BigAutoField"  # pyright: ignore[reportAssignmentType]  # Django says cached_property
