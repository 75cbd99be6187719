"""CreateOrderApi: POST /v1/createOrder."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.create_order import CreateOrder
from ..models.event_response import EventResponse
from ._api import Api, Options, Unpack

__all__ = ["CreateOrderApi"]


class CreateOrderApi(Api):
    """Orders to be assessed."""

    path = "/v1/createOrder"
    model: ClassVar[type[Model]] = CreateOrder

    def create_order(self, body: CreateOrder | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Submit an order for assessment, with its items, its payment and the customer's identity.

        :param body: the event, which should contain the order info: its items, its payment, its addresses
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(body, options)

    def create_order_with_http_info(self, body: CreateOrder | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as create_order does, and return the HTTP status and headers as well.

        :param body: as for create_order
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(body, options)
