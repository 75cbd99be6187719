"""LoginApi: POST /v1/login."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.login import Login
from ._api import Api, Options, Unpack

__all__ = ["LoginApi"]


class LoginApi(Api):
    """Attempts to sign in."""

    path = "/v1/login"
    model: ClassVar[type[Model]] = Login

    def login(self, json: Login | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a sign-in attempt, failed or not.

        :param json: the event, which should contain how the attempt ended
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def login_with_http_info(self, json: Login | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as login does, and return the HTTP status and headers as well.

        :param json: as for login
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
