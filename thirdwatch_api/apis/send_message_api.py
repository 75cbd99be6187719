"""SendMessageApi: POST /v1/send_message."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.send_message import SendMessage
from ._api import Api, Options, Unpack

__all__ = ["SendMessageApi"]


class SendMessageApi(Api):
    """Messages of customers."""

    path = "/v1/send_message"
    model: ClassVar[type[Model]] = SendMessage

    def send_message(self, json: SendMessage | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a message from a customer to a seller, to support or to another user.

        :param json: the event, which should contain the message and who gets it
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def send_message_with_http_info(self, json: SendMessage | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as send_message does, and return the HTTP status and headers as well.

        :param json: as for send_message
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
