"""The fields that CreateOrder and UpdateOrder share."""

from collections.abc import Sequence
from dataclasses import dataclass

from ._bases import Event
from ._fields import Milliseconds, Personal, Required, Text
from ._model import JsonObject
from .billing_address import BillingAddress
from .custom_info import CustomInfo
from .item import Item
from .payment_method import PaymentMethod
from .promotion import Promotion
from .shipping_address import ShippingAddress
from .values import ShippingMethodValue

__all__ = ["Order"]


@dataclass(init=False, repr=False, eq=False, slots=True)  # a base, never made itself
class Order(Event):
    """An event about a whole order."""

    order_id: Required[Text] | None = None
    """Merchant's own order number; every later event and the score lookup refer to it."""

    device_ip: Personal[Text] | None = None
    """Network address that the customer's request came from (IPv4 or IPv6); it matters most for back-filled history and
    for mobile apps."""

    origin_timestamp: Milliseconds | None = None
    """Moment of the event on the merchant's side: milliseconds since the epoch, or an aware datetime."""

    user_email: Personal[Text] | None = None
    """The customer's e-mail address; where shops use e-mail as the account key, repeat it as the user id."""

    amount: Text | None = None
    """Order total in whole currency units (rupees, not paise), as decimal text, for instance ``2500``."""

    currency_code: Text | None = None
    """Currency of the money values beside it (ISO 4217), for instance ``INR``; unofficial codes for points or crypto
    are tolerated."""

    has_expedited_shipping: bool | None = None
    """True when faster or priority delivery was requested."""

    shipping_method: ShippingMethodValue | Text | None = None
    """How the goods reach the customer."""

    order_referrer: Personal[Text] | None = None
    """Site or person that sent the customer to the shop."""

    is_pre_paid: bool | None = None
    """True when payment was taken up front, false for cash on delivery."""

    is_gift: bool | None = None
    """True when gift packing was chosen."""

    is_return: bool | None = None
    """True when the order is a return."""

    is_first_time_buyer: bool | None = None
    """True when this is the customer's first purchase."""

    billing_address: BillingAddress | JsonObject | None = None
    """Address the customer is billed at."""

    shipping_address: ShippingAddress | JsonObject | None = None
    """Address the goods are to be sent to."""

    payment_methods: Sequence[PaymentMethod | JsonObject] | None = None
    """Every payment instrument used on the order."""

    promotions: Sequence[Promotion | JsonObject] | None = None
    """Promotions applied to the order; add_promotion can report them separately."""

    items: Sequence[Item | JsonObject] | None = None
    """Line items of the order."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
