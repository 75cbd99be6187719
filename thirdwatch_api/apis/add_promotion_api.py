"""AddPromotionApi: POST /v1/add_promotion."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.add_promotion import AddPromotion
from ..models.event_response import EventResponse
from ._api import Api, Options, Unpack

__all__ = ["AddPromotionApi"]


class AddPromotionApi(Api):
    """Promotions that customers gain, or try to."""

    path = "/v1/add_promotion"
    model: ClassVar[type[Model]] = AddPromotion

    def add_promotion(self, json: AddPromotion | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report promotions that a customer gained, or tried and failed to apply.

        :param json: the event, which should contain the promotions
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def add_promotion_with_http_info(self, json: AddPromotion | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as add_promotion does, and return the HTTP status and headers as well.

        :param json: as for add_promotion
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
