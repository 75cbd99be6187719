"""PostbackUrls: the body of register."""

from dataclasses import dataclass

from ._model import Text
from ._plain import Plain

__all__ = ["PostbackUrls"]


@dataclass(repr=False, slots=True)
class PostbackUrls(Plain):
    """Where the shop takes postbacks: absolute URLs, which may all be the same."""

    score_postback: Text | None = None
    """URL that is told the score of an order."""

    action_postback: Text | None = None
    """URL that is told the decision of an analyst."""

    shipping_address_postback: Text | None = None
    """URL that is told a corrected address. One shop plugin only is known to register it."""

    url: Text | None = None
    """URL that is told of a payment link. One shop plugin only is known to register it."""
