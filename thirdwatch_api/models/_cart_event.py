"""The fields that AddToCart and RemoveFromCart share."""

from dataclasses import dataclass

from ._bases import TimedEvent
from ._model import JsonObject
from .custom_info import CustomInfo
from .item import Item

__all__ = ["CartEvent"]


@dataclass(init=False, repr=False, eq=False, slots=True)  # a base, never made itself
class CartEvent(TimedEvent):
    """An event about a basket."""

    item: Item | JsonObject | None = None
    """The product."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
