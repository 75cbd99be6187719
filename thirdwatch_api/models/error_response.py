"""ErrorResponse: the answer to an event that the service refused."""

from dataclasses import dataclass

from ._answer import Answer

__all__ = ["ErrorResponse"]


@dataclass(repr=False, slots=True)
class ErrorResponse(Answer):
    """The answer to an event that the service refused."""

    json_keys = {"message": ("error", "message", "msg")}  # noqa: RUF012 - a ClassVar by its declaration in Answer

    message: str | None = None
    """Text that explains the refusal; None when the answer held none."""
