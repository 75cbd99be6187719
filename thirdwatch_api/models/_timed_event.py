"""The fields that events open with which are often reported later."""

from dataclasses import dataclass

from ._event import Event
from ._model import Milliseconds, Personal, Text

__all__ = ["TimedEvent"]


@dataclass(init=False, repr=False, eq=False, slots=True)  # nobody makes one
class TimedEvent(Event):
    """Whose event it is, from where and when."""

    device_ip: Personal[Text] | None = None
    """Network address that the customer's request came from (IPv4 or IPv6); it matters most for back-filled
    history and for mobile apps."""

    origin_timestamp: Milliseconds | None = None
    """Moment of the event on the merchant's side: milliseconds since the epoch, or an aware datetime."""
