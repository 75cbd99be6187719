"""UpdateOrderApi: POST /v1/update_order."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.update_order import UpdateOrder
from ._api import Api, Options, Unpack

__all__ = ["UpdateOrderApi"]


class UpdateOrderApi(Api):
    """Make the update_order call."""

    path = "/v1/update_order"
    model: ClassVar[type[Model]] = UpdateOrder

    def update_order(self, json: UpdateOrder | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Replace a stored order completely.

        An unknown order number creates a new order.
        """
        return self._post(json, options)

    def update_order_with_http_info(self, json: UpdateOrder | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as update_order does, and return the HTTP status and headers as well."""
        return self._post_with_http_info(json, options)
