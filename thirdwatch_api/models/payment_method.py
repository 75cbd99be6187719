"""PaymentMethod: a part of other models."""

from dataclasses import dataclass

from ._fields import Personal, Text
from ._model import Model
from .values import PaymentTypeValue

__all__ = ["PaymentMethod"]


@dataclass(repr=False, slots=True)
class PaymentMethod(Model):
    """One payment instrument, and the share of the amount that it paid."""

    payment_type: PaymentTypeValue | Text | None = None
    """Kind of instrument."""

    amount: Text | None = None
    """Part of the total paid this way, as decimal text; worth sending when an order splits its payment, for instance
    ``2500``."""

    currency_code: Text | None = None
    """Currency of the money values beside it (ISO 4217), for instance ``INR``; unofficial codes for points or crypto
    are tolerated."""

    payment_gateway: Text | None = None
    """Name of the gateway, bank or wallet behind it, for instance ``payu``, ``paypal``, ``icici``, ``paytm``."""

    account_name: Personal[Text] | None = None
    """Holder name on the instrument."""

    card_bin: Personal[Text] | None = None
    """Leading six digits of the card number (issuer prefix)."""

    avs_response_code: Personal[Text] | None = None
    """Address-verification result for a card payment."""

    cvv_response_code: Personal[Text] | None = None
    """Security-code check result for a card payment."""

    card_last4: Personal[Text] | None = None
    """Final four digits of the card number."""

    card_expiry_month: Personal[Text] | None = None
    """Month the card expires."""

    card_expiry_year: Personal[Text] | None = None
    """Year the card expires."""
