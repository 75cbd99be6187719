"""CreateOrder: the body of create_order."""

from dataclasses import dataclass

from ._order import Order

__all__ = ["CreateOrder"]


@dataclass(repr=False, slots=True)
class CreateOrder(Order):
    """A purchase to be assessed."""
