"""The fields that events open with."""

from dataclasses import dataclass

from ._model import Milliseconds, Model, Personal, Text

__all__ = ["Event", "TimedEvent"]


@dataclass(repr=False, slots=True)
class Event(Model):
    """Whose event it is: one of the two is needed."""

    user_id: Text | None = None
    """The merchant's identifier for this customer; upper and lower case are significant."""

    session_id: Personal | None = None
    """Identifier of the browsing session, by which anonymous activity is joined to a later sign-in; it stands in
    for a missing user id."""


@dataclass(repr=False, slots=True)
class TimedEvent(Event):
    """Whose event it is, from where and when."""

    device_ip: Personal | None = None
    """Network address that the customer's request came from (IPv4 or IPv6); it matters most for back-filled
    history and for mobile apps."""

    origin_timestamp: Milliseconds | None = None
    """Moment of the event on the merchant's side: milliseconds since the epoch, or an aware datetime."""
