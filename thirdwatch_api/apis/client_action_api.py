"""ClientActionApi: POST /neo/v1/clientaction."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.client_action import ClientAction
from ..models.event_response import EventResponse
from ._api import Api, Options, Unpack

__all__ = ["ClientActionApi"]


class ClientActionApi(Api):
    """Decisions that the shop itself takes about orders."""

    path = "/neo/v1/clientaction"
    model: ClassVar[type[Model]] = ClientAction
    at_root = True
    auth = "api_key_body"
    any_body = True

    def client_action(self, json: ClientAction | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report the decision that the shop itself took about an order.

        The service never documented this call; shops' plugins make it. Any 2xx status is a success, whatever the
        response holds.

        :param json: the decision and the order that it is about
        :raises ApiException: the service did not take it; its class names the cause
        """
        return self._post(json, options)

    def client_action_with_http_info(self, json: ClientAction | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as client_action does, and return the HTTP status and headers as well.

        :param json: as for client_action
        :raises ApiException: the service did not take it; its class names the cause
        """
        return self._post_with_http_info(json, options)
