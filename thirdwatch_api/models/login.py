"""Login: the body of login."""

from dataclasses import dataclass

from ._model import JsonObject, Text
from ._timed_event import TimedEvent
from .custom_info import CustomInfo

__all__ = ["Login"]


@dataclass(repr=False, slots=True)
class Login(TimedEvent):
    """A sign-in attempt, failed or not."""

    login_status: Text | None = None
    """Whether the sign-in attempt worked. Known values: ``_success``, ``_failure``."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
