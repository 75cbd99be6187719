"""Seller: a part of other models."""

from dataclasses import dataclass

from ._fields import Personal, Text
from ._model import Model

__all__ = ["Seller"]


@dataclass(repr=False, slots=True)
class Seller(Model):
    """The marketplace seller behind an item."""

    seller_id: Text | None = None
    """Merchant's own account id for the seller; always send it when describing a seller."""

    name: Personal[Text] | None = None
    """Full name of the seller, given and family names joined."""

    email: Personal[Text] | None = None
    """Seller's e-mail; where e-mail is the seller's account key, repeat it as the seller id."""

    phone: Personal[Text] | None = None
    """Seller's main telephone number."""

    created_date: Text | None = None
    """When the seller signed up; no notation is prescribed."""

    last_updated_date: Text | None = None
    """When the seller's profile last changed; no notation is prescribed."""

    onboarding_ip_address: Personal[Text] | None = None
    """Network address the seller signed up from (IPv4 or IPv6)."""
