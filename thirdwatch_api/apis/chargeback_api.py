"""ChargebackApi: POST /v1/chargeback."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.chargeback import Chargeback
from ..models.event_response import EventResponse
from ._api import Api, Options, Unpack

__all__ = ["ChargebackApi"]


class ChargebackApi(Api):
    """Disputes about payments."""

    path = "/v1/chargeback"
    model: ClassVar[type[Model]] = Chargeback

    def chargeback(self, json: Chargeback | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a payment dispute; send it again at every new stage.

        It does not block the customer by itself: tag the customer as well.

        :param json: the event, which should contain the order or the payment, and the state of the dispute
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def chargeback_with_http_info(self, json: Chargeback | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as chargeback does, and return the HTTP status and headers as well.

        :param json: as for chargeback
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
