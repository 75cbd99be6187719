"""BillingAddress: a part of other models."""

from dataclasses import dataclass

from ._address import Address

__all__ = ["BillingAddress"]


@dataclass(repr=False, slots=True)
class BillingAddress(Address):
    """The postal address that an order, a payment or an account is billed at."""
