"""RemoveFromCart: the body of remove_from_cart."""

from dataclasses import dataclass

from ._cart_event import CartEvent

__all__ = ["RemoveFromCart"]


@dataclass(repr=False, slots=True)
class RemoveFromCart(CartEvent):
    """A product that left a basket or wish list."""
