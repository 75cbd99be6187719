"""ItemStatusApi: POST /v1/item_status."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.item_status import ItemStatus
from ._api import Api, Options, Unpack

__all__ = ["ItemStatusApi"]


class ItemStatusApi(Api):
    """States of single items of orders."""

    path = "/v1/item_status"
    model: ClassVar[type[Model]] = ItemStatus

    def item_status(self, json: ItemStatus | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a change of state of one item of a known order.

        :param json: the event, which should contain the order, the item and its new state
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def item_status_with_http_info(self, json: ItemStatus | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as item_status does, and return the HTTP status and headers as well.

        :param json: as for item_status
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
