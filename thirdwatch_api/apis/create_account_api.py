"""CreateAccountApi: POST /v1/create_account."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.create_account import CreateAccount
from ..models.event_response import EventResponse
from ._api import Api, Options, Unpack

__all__ = ["CreateAccountApi"]


class CreateAccountApi(Api):
    """Registrations of customers."""

    path = "/v1/create_account"
    model: ClassVar[type[Model]] = CreateAccount

    def create_account(self, json: CreateAccount | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report a new customer's registration.

        :param json: the event, which should contain the account info
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def create_account_with_http_info(
        self, json: CreateAccount | JsonObject, **options: Unpack[Options]
    ) -> ApiResponse:
        """Do as create_account does, and return the HTTP status and headers as well.

        :param json: as for create_account
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
