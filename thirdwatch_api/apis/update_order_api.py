"""UpdateOrderApi: POST /v1/update_order."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.update_order import UpdateOrder
from ._api import Api, Options, Unpack

__all__ = ["UpdateOrderApi"]


class UpdateOrderApi(Api):
    """Orders that replace stored ones."""

    path = "/v1/update_order"
    model: ClassVar[type[Model]] = UpdateOrder

    def update_order(self, json: UpdateOrder | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Replace a stored order completely.

        An unknown order number creates a new order.

        :param json: the event, which should contain all the order info: nothing of the stored order stays
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def update_order_with_http_info(self, json: UpdateOrder | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as update_order does, and return the HTTP status and headers as well.

        :param json: as for update_order
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
