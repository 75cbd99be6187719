"""Attempt: the argument of a configuration's hooks."""

from dataclasses import dataclass

from .exceptions import ApiException

__all__ = ["Attempt"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver an event, for the hooks. It holds neither the key nor the event."""

    method: str
    """HTTP verb."""

    path: str
    """Path of the endpoint, without host and query."""

    number: int
    """1 for the first attempt of a call."""

    status: int | None = None
    """HTTP status; 0 when no response came, None while there is none yet."""

    seconds: float = 0.0
    """How long the attempt took."""

    error: ApiException | None = None
    """The failure of the attempt; None for a success, and in ``on_request``."""

    wait: float | None = None
    """Seconds until the next attempt; None except in ``on_retry``."""
