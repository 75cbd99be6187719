"""ShippingAddress: a part of other models."""

from dataclasses import dataclass

from ._address import Address

__all__ = ["ShippingAddress"]


@dataclass(repr=False, slots=True)
class ShippingAddress(Address):
    """The postal address that goods are sent to."""
