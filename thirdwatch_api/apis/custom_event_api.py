"""CustomEventApi: POST /v1/custom_event."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.custom import Custom
from ..models.event_response import EventResponse
from ._api import Api, Options, Unpack

__all__ = ["CustomEventApi"]


class CustomEventApi(Api):
    """Behaviour that no other event covers."""

    path = "/v1/custom_event"
    model: ClassVar[type[Model]] = Custom

    def custom_event(self, json: Custom | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report behaviour that no built-in event covers.

        All that is specific to it travels in ``custom_info``.

        :param json: the event, which should contain what happened in ``custom_info``
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def custom_event_with_http_info(self, json: Custom | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as custom_event does, and return the HTTP status and headers as well.

        :param json: as for custom_event
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
