"""ReportItem: the body of report_item."""

from dataclasses import dataclass

from ._bases import Event
from ._fields import Milliseconds, Personal, Text
from ._model import JsonObject
from .custom_info import CustomInfo

__all__ = ["ReportItem"]


@dataclass(repr=False, slots=True)
class ReportItem(Event):
    """A shopper's complaint that a listing breaks the shop's rules."""

    item_id: Text | None = None
    """Listing complained about; upper and lower case are significant."""

    device_ip: Personal[Text] | None = None
    """Network address that the customer's request came from (IPv4 or IPv6); it matters most for back-filled history and
    for mobile apps."""

    origin_timestamp: Milliseconds | None = None
    """Moment of the event on the merchant's side: milliseconds since the epoch, or an aware datetime."""

    user_email: Personal[Text] | None = None
    """The customer's e-mail address; where shops use e-mail as the account key, repeat it as the user id."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
