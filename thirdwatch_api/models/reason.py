"""Reason: a part of ScoreResponse."""

from dataclasses import dataclass

from ._fields import Personal
from ._response import ServiceResponse
from .values import ReasonFlagValue, ReasonNameValue

__all__ = ["Reason"]


@dataclass(repr=False, slots=True)
class Reason(ServiceResponse):
    """A signal that fed a score."""

    name: ReasonNameValue | str | None = None
    """Key of the signal."""

    display_name: str | None = None
    """Label for people, for instance ``Account age``."""

    flag: ReasonFlagValue | str | None = None
    """Colour of this one signal."""

    value: Personal[str] | None = None
    """What was observed; always text, for numbers and booleans as well, for instance ``11``."""

    is_display: bool | None = None
    """Whether the dashboard shows the signal."""
