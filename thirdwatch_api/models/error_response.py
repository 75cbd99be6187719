"""ErrorResponse: the response to an event that the service refused."""

from dataclasses import dataclass
from typing import ClassVar

from ._response import ServiceResponse

__all__ = ["ErrorResponse"]


@dataclass(repr=False, slots=True)
class ErrorResponse(ServiceResponse):
    """The response to an event that the service refused."""

    json_keys: ClassVar[dict[str, tuple[str, ...]]] = {"message": ("error", "message", "msg")}
    """Some responses have the text under other keys."""

    message: str | None = None
    """Text that explains the refusal; None when the response has none."""
