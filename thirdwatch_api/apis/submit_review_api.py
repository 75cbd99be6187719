"""SubmitReviewApi: POST /v1/submit_review."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.submit_review import SubmitReview
from ._api import Api, Options, Unpack

__all__ = ["SubmitReviewApi"]


class SubmitReviewApi(Api):
    """Reviews of products and sellers."""

    path = "/v1/submit_review"
    model: ClassVar[type[Model]] = SubmitReview

    def submit_review(self, json: SubmitReview | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a review of a product or its seller.

        :param json: the event, which should contain the review and the item
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def submit_review_with_http_info(self, json: SubmitReview | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as submit_review does, and return the HTTP status and headers as well.

        :param json: as for submit_review
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
