"""AddToCart: the body of add_to_cart."""

from dataclasses import dataclass

from ._cart_event import CartEvent

__all__ = ["AddToCart"]


@dataclass(repr=False, slots=True)
class AddToCart(CartEvent):
    """A product that went into a basket or wish list."""
