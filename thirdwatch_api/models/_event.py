"""The fields that events open with."""

from dataclasses import dataclass

from ._model import Identity, Model, Personal, Text

__all__ = ["Event"]


@dataclass(init=False, repr=False, eq=False, slots=True)  # nobody makes one
class Event(Model):
    """Whose event it is: one of the two is needed."""

    user_id: Identity[Text] | None = None
    """The merchant's identifier for this customer; upper and lower case are significant."""

    session_id: Identity[Personal[Text]] | None = None
    """Identifier of the browsing session, by which anonymous activity is joined to a later sign-in; it stands in
    for a missing user id."""
