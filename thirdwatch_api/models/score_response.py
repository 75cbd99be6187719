"""ScoreResponse: the response to a request for a score."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from ..exceptions import InvalidResponseException, ScoreNotReadyException
from ._fields import Required
from ._response import ServiceResponse
from .reason import Reason
from .values import FlagValue

__all__ = ["RISK_THRESHOLD", "ScoreResponse"]

RISK_THRESHOLD = 70
"""The score above which the service calls an order risky."""


@dataclass(repr=False, slots=True)
class ScoreResponse(ServiceResponse):
    """The risk of an order as the service sees it now, and the signals behind it.

    ``is_risky`` is True when the score is above ``thirdwatch_api.RISK_THRESHOLD``, which is 70.
    """

    incomplete: ClassVar[type[InvalidResponseException]] = ScoreNotReadyException

    order_id: str | None = None
    """Number of the order that was asked for."""

    user_id: str | None = None
    """Customer that the order belongs to."""

    order_timestamp: datetime | None = None
    """Time of the order, aware, in UTC."""

    score: Required[float] | None = None
    """Risk: the higher, the riskier. A whole number so far; ``ScoreApi`` returns no response without one."""

    flag: FlagValue | str | None = None
    """Colour of the verdict."""

    reasons: list[Reason] = field(default_factory=list[Reason])
    """Signals that fed the score."""

    @property
    def is_risky(self) -> bool | None:
        """Whether the score is above ``RISK_THRESHOLD``; None without a score."""
        return None if self.score is None else self.score > RISK_THRESHOLD
