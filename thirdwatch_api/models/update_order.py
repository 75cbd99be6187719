"""UpdateOrder: the body of update_order."""

from dataclasses import dataclass

from ._order import Order

__all__ = ["UpdateOrder"]


@dataclass(repr=False, slots=True)
class UpdateOrder(Order):
    """A stored order as it now stands: all of it has to be sent again."""
