"""AddPromotion: the body of add_promotion."""

from collections.abc import Sequence
from dataclasses import dataclass

from ._bases import TimedEvent
from ._model import JsonObject
from .custom_info import CustomInfo
from .promotion import Promotion

__all__ = ["AddPromotion"]


@dataclass(repr=False, slots=True)
class AddPromotion(TimedEvent):
    """Promotions that a customer has just gained, or tried to."""

    promotions: Sequence[Promotion | JsonObject] | None = None
    """Promotions newly applied, or attempted, for the customer."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
