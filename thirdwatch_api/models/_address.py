"""The fields that BillingAddress and ShippingAddress share."""

from dataclasses import dataclass

from ._fields import Personal, Text
from ._model import Model

__all__ = ["Address"]


@dataclass(init=False, repr=False, eq=False, slots=True)  # a base, never made itself
class Address(Model):
    """An address."""

    name: Personal[Text] | None = None
    """Full name of the person at this address, given and family names joined."""

    phone: Personal[Text] | None = None
    """Telephone number at this address: E.164, or the country's usual national notation."""

    address1: Personal[Text] | None = None
    """First street line."""

    address2: Personal[Text] | None = None
    """Second street line, if any."""

    city: Personal[Text] | None = None
    """Town or city."""

    region: Personal[Text] | None = None
    """State, province or similar subdivision (an Indian state, for instance)."""

    country: Personal[Text] | None = None
    """Country of the address, as two letters (ISO 3166-1 alpha-2), for instance ``IN``."""

    zipcode: Personal[Text] | None = None
    """Postal code (PIN code in India), for instance ``122002``."""

    is_office_address: bool | None = None
    """True when the customer marked it as a workplace."""

    is_home_address: bool | None = None
    """True when the customer marked it as a residence."""
