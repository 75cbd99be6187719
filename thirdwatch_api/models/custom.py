"""Custom: the body of custom_event."""

from dataclasses import dataclass

from ._bases import TimedEvent
from ._model import JsonObject
from .custom_info import CustomInfo

__all__ = ["Custom"]


@dataclass(repr=False, slots=True)
class Custom(TimedEvent):
    """Behaviour that no built-in event covers: identity, time and free-form data."""

    custom_info: CustomInfo | JsonObject | None = None
    """Payload of the custom event, as merchant-defined key/value pairs."""
