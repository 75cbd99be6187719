"""The fields that AddToCart and RemoveFromCart share."""

from dataclasses import dataclass

from ._event import TimedEvent
from ._model import JsonObject
from .custom_info import CustomInfo
from .item import Item

__all__ = ["CartEvent"]


@dataclass(repr=False, slots=True)
class CartEvent(TimedEvent):
    """What both events about a basket hold."""

    item: Item | JsonObject | None = None
    """The product."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
