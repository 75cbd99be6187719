"""EventResponse: the answer to an event that the service took."""

from dataclasses import dataclass
from typing import ClassVar

from ._response import Answer

__all__ = ["EventResponse"]


@dataclass(repr=False, slots=True)
class EventResponse(Answer):
    """The answer to an event that the service took."""

    json_keys: ClassVar[dict[str, tuple[str, ...]]] = {"message": ("message", "status", "msg")}
    """Some answers hold the text under other keys."""

    message: str | None = None
    """Text that acknowledges the event; None when the answer held none."""
