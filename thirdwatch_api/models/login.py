"""Login: the body of login."""

from dataclasses import dataclass

from ._bases import TimedEvent
from ._fields import Text
from ._model import JsonObject
from .custom_info import CustomInfo
from .values import LoginStatusValue

__all__ = ["Login"]


@dataclass(repr=False, slots=True)
class Login(TimedEvent):
    """A sign-in attempt, failed or not."""

    login_status: LoginStatusValue | Text | None = None
    """Whether the sign-in attempt worked."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
