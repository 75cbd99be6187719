"""Transaction: the body of transaction."""

from dataclasses import dataclass

from ._bases import Event
from ._fields import Milliseconds, Personal, Required, Text
from ._model import JsonObject
from .billing_address import BillingAddress
from .custom_info import CustomInfo
from .payment_method import PaymentMethod
from .shipping_address import ShippingAddress
from .values import OutcomeValue, TransactionTypeValue

__all__ = ["Transaction"]


@dataclass(repr=False, slots=True)
class Transaction(Event):
    """The outcome of one payment attempt, refund or transfer."""

    order_id: Required[Text] | None = None
    """Merchant's order number the money movement belongs to."""

    transaction_id: Text | None = None
    """Merchant's or gateway's id of this movement; reuse it to tie a refund to the sale."""

    device_ip: Personal[Text] | None = None
    """Network address that the customer's request came from (IPv4 or IPv6); it matters most for back-filled history and
    for mobile apps."""

    origin_timestamp: Milliseconds | None = None
    """Moment of the event on the merchant's side: milliseconds since the epoch, or an aware datetime."""

    user_email: Personal[Text] | None = None
    """The customer's e-mail address; where shops use e-mail as the account key, repeat it as the user id."""

    amount: Text | None = None
    """Money moved, in whole currency units (rupees, not paise), as decimal text, for instance ``2500``."""

    currency_code: Text | None = None
    """Currency of the money values beside it (ISO 4217), for instance ``INR``; unofficial codes for points or crypto
    are tolerated."""

    transaction_type: TransactionTypeValue | Text | None = None
    """Kind of money movement."""

    transaction_status: Required[OutcomeValue | Text] | None = None
    """Outcome; a decline by the gateway is a failure."""

    is_first_time_buyer: bool | None = None
    """True when this is the customer's first purchase."""

    billing_address: BillingAddress | JsonObject | None = None
    """Address the customer is billed at."""

    shipping_address: ShippingAddress | JsonObject | None = None
    """Address the goods are to be sent to."""

    payment_method: PaymentMethod | JsonObject | None = None
    """Instrument used; a single object here, unlike the list on orders."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
