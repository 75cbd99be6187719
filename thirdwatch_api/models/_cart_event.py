"""The fields that AddToCart and RemoveFromCart share."""

from dataclasses import dataclass

from ._model import JsonObject
from ._timed_event import TimedEvent
from .custom_info import CustomInfo
from .item import Item

__all__ = ["CartEvent"]


@dataclass(init=False, repr=False, eq=False, slots=True)  # nobody makes one
class CartEvent(TimedEvent):
    """What both events about a basket hold."""

    item: Item | JsonObject | None = None
    """The product."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
