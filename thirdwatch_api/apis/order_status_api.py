"""OrderStatusApi: POST /v1/order_status."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.order_status import OrderStatus
from ._api import Api, Options, Unpack

__all__ = ["OrderStatusApi"]


class OrderStatusApi(Api):
    """States in the life of orders."""

    path = "/v1/order_status"
    model: ClassVar[type[Model]] = OrderStatus

    def order_status(self, json: OrderStatus | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a new state of an order that was submitted before: held for review, cancelled, fulfilled, returned.

        Send it once for each change.

        :param json: the event, which should contain the order info: its number and its new state
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def order_status_with_http_info(self, json: OrderStatus | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as order_status does, and return the HTTP status and headers as well.

        :param json: as for order_status
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
