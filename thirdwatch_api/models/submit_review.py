"""SubmitReview: the body of submit_review."""

from dataclasses import dataclass

from ._bases import TimedEvent
from ._fields import Personal, Text
from ._model import JsonObject
from .custom_info import CustomInfo
from .values import OutcomeValue

__all__ = ["SubmitReview"]


@dataclass(repr=False, slots=True)
class SubmitReview(TimedEvent):
    """A review that a customer wrote about a product or its seller."""

    review_title: Personal[Text] | None = None
    """Headline of the review."""

    review_content: Personal[Text] | None = None
    """Text of the review."""

    item_id: Text | None = None
    """Product or service reviewed."""

    submission_status: OutcomeValue | Text | None = None
    """Moderation state, where reviews need approval."""

    rating: Text | None = None
    """Score the customer gave, as text, for instance ``4``."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
