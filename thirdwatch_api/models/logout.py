"""Logout: the body of logout."""

from dataclasses import dataclass

from ._bases import TimedEvent
from ._model import JsonObject
from .custom_info import CustomInfo

__all__ = ["Logout"]


@dataclass(repr=False, slots=True)
class Logout(TimedEvent):
    """A sign-out."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
