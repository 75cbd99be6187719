"""Bases of models: the fields that most events open with, and the models whose wire keys are snake_case."""

from dataclasses import dataclass

from ._fields import Identity, Milliseconds, Personal, Text
from ._model import Model

__all__ = ["Event", "SnakeCaseModel", "TimedEvent"]


class SnakeCaseModel(Model):
    """A model outside of the event API: the wire key of a field is its name."""

    __slots__ = ()

    @classmethod
    def wire_key(cls, name: str) -> str:
        """Return the JSON key of a field, which is its name here."""
        return name


@dataclass(init=False, repr=False, eq=False, slots=True)  # a base, never made itself
class Event(Model):
    """An event of a customer: it needs a user id or a session id."""

    user_id: Identity[Text] | None = None
    """The merchant's identifier for this customer; upper and lower case are significant."""

    session_id: Identity[Personal[Text]] | None = None
    """Identifier of the browsing session, by which anonymous activity is joined to a later sign-in; it stands in
    for a missing user id."""


@dataclass(init=False, repr=False, eq=False, slots=True)  # a base, never made itself
class TimedEvent(Event):
    """An event with the place and time it came from; shops often report it later."""

    device_ip: Personal[Text] | None = None
    """Network address that the customer's request came from (IPv4 or IPv6); it matters most for back-filled
    history and for mobile apps."""

    origin_timestamp: Milliseconds | None = None
    """Moment of the event on the merchant's side: milliseconds since the epoch, or an aware datetime."""
