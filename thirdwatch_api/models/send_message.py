"""SendMessage: the body of send_message."""

from dataclasses import dataclass

from ._bases import TimedEvent
from ._fields import Personal, Text
from ._model import JsonObject
from .custom_info import CustomInfo

__all__ = ["SendMessage"]


@dataclass(repr=False, slots=True)
class SendMessage(TimedEvent):
    """A message from a customer to a seller, to support or to another user."""

    recipient_user_id: Text | None = None
    """User id of the addressee; the store itself is assumed when absent."""

    subject: Personal[Text] | None = None
    """Subject line."""

    content: Personal[Text] | None = None
    """Message text."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
