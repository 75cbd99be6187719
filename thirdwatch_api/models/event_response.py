"""EventResponse: the answer to an event that the service took."""

from dataclasses import dataclass

from ._answer import Answer

__all__ = ["EventResponse"]


@dataclass(repr=False, slots=True)
class EventResponse(Answer):
    """The answer to an event that the service took."""

    json_keys = {"message": ("message", "status", "msg")}  # noqa: RUF012 - a ClassVar by its declaration in Answer

    message: str | None = None
    """Text that acknowledges the event; None when the answer held none."""
