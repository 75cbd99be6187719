"""ErrorResponse: the answer to an event that the service refused."""

from dataclasses import dataclass
from typing import ClassVar

from ._response import Answer

__all__ = ["ErrorResponse"]


@dataclass(repr=False, slots=True)
class ErrorResponse(Answer):
    """The answer to an event that the service refused."""

    json_keys: ClassVar[dict[str, tuple[str, ...]]] = {"message": ("error", "message", "msg")}
    """Some answers hold the text under other keys."""

    message: str | None = None
    """Text that explains the refusal; None when the answer held none."""
