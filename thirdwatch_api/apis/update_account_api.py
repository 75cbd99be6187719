"""UpdateAccountApi: POST /v1/update_account."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.update_account import UpdateAccount
from ._api import Api, Options, Unpack

__all__ = ["UpdateAccountApi"]


class UpdateAccountApi(Api):
    """Changes of customers' accounts."""

    path = "/v1/update_account"
    model: ClassVar[type[Model]] = UpdateAccount

    def update_account(self, json: UpdateAccount | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report changed profile data.

        It works for accounts that create_account never reported, too.

        :param json: the event, which should contain the account info that changed
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def update_account_with_http_info(
        self, json: UpdateAccount | JsonObject, **options: Unpack[Options]
    ) -> ApiResponse:
        """Do as update_account does, and return the HTTP status and headers as well.

        :param json: as for update_account
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
