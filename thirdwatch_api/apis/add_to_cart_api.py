"""AddToCartApi: POST /v1/add_to_cart."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.add_to_cart import AddToCart
from ..models.event_response import EventResponse
from ._api import Api, Options, Unpack

__all__ = ["AddToCartApi"]


class AddToCartApi(Api):
    """Products that go into baskets and wish lists."""

    path = "/v1/add_to_cart"
    model: ClassVar[type[Model]] = AddToCart

    def add_to_cart(self, json: AddToCart | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a product that went into a basket or wish list.

        :param json: the event, which should contain the item
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def add_to_cart_with_http_info(self, json: AddToCart | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as add_to_cart does, and return the HTTP status and headers as well.

        :param json: as for add_to_cart
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
