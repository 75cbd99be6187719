"""ReportItemApi: POST /v1/report_item."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.report_item import ReportItem
from ._api import Api, Options, Unpack

__all__ = ["ReportItemApi"]


class ReportItemApi(Api):
    """Listings that shoppers report."""

    path = "/v1/report_item"
    model: ClassVar[type[Model]] = ReportItem

    def report_item(self, json: ReportItem | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report that a shopper flagged a listing as breaking the shop's rules.

        :param json: the event, which should contain the item and the reason
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def report_item_with_http_info(self, json: ReportItem | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as report_item does, and return the HTTP status and headers as well.

        :param json: as for report_item
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
