"""LinkSessionToUser: the body of link_session_to_user."""

from dataclasses import dataclass

from ._bases import Event
from ._model import JsonObject
from .custom_info import CustomInfo

__all__ = ["LinkSessionToUser"]


@dataclass(repr=False, slots=True)
class LinkSessionToUser(Event):
    """An anonymous session that turned out to belong to a customer; send both ids."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
