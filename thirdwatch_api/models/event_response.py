"""EventResponse: the response to an event that the service accepted."""

from dataclasses import dataclass
from typing import ClassVar

from ._response import ServiceResponse

__all__ = ["EventResponse"]


@dataclass(repr=False, slots=True)
class EventResponse(ServiceResponse):
    """The response to an event that the service accepted."""

    json_keys: ClassVar[dict[str, tuple[str, ...]]] = {"message": ("message", "status", "msg")}
    """Some responses have the text under other keys."""

    message: str | None = None
    """Text that acknowledges the event; None when the response has none."""
