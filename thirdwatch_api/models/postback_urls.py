"""PostbackUrls: the body of register."""

from dataclasses import dataclass

from ._bases import SnakeCaseModel
from ._fields import Text

__all__ = ["PostbackUrls"]


@dataclass(repr=False, slots=True)
class PostbackUrls(SnakeCaseModel):
    """Where the shop takes postbacks: absolute URLs, which may all be the same."""

    score_postback: Text | None = None
    """URL that receives the score of an order."""

    action_postback: Text | None = None
    """URL that receives the decision of an analyst."""

    shipping_address_postback: Text | None = None
    """URL that receives a corrected address. Only one shop plugin is known to register it."""

    url: Text | None = None
    """URL that receives the state of a payment link. Only one shop plugin is known to register it."""
