"""LogoutApi: POST /v1/logout."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.logout import Logout
from ._api import Api, Options, Unpack

__all__ = ["LogoutApi"]


class LogoutApi(Api):
    """Sign-outs."""

    path = "/v1/logout"
    model: ClassVar[type[Model]] = Logout

    def logout(self, json: Logout | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a sign-out.

        :param json: the event, which should contain the customer
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def logout_with_http_info(self, json: Logout | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as logout does, and return the HTTP status and headers as well.

        :param json: as for logout
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
