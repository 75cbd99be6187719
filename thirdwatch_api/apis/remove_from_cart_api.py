"""RemoveFromCartApi: POST /v1/remove_from_cart."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.remove_from_cart import RemoveFromCart
from ._api import Api, Options, Unpack

__all__ = ["RemoveFromCartApi"]


class RemoveFromCartApi(Api):
    """Products that leave baskets and wish lists."""

    path = "/v1/remove_from_cart"
    model: ClassVar[type[Model]] = RemoveFromCart

    def remove_from_cart(self, json: RemoveFromCart | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a product that left a basket or wish list.

        :param json: the event, which should contain the item
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def remove_from_cart_with_http_info(
        self, json: RemoveFromCart | JsonObject, **options: Unpack[Options]
    ) -> ApiResponse:
        """Do as remove_from_cart does, and return the HTTP status and headers as well.

        :param json: as for remove_from_cart
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
