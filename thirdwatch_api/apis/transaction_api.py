"""TransactionApi: POST /v1/transaction."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.transaction import Transaction
from ._api import Api, Options, Unpack

__all__ = ["TransactionApi"]


class TransactionApi(Api):
    """Outcomes of payments, refunds and transfers."""

    path = "/v1/transaction"
    model: ClassVar[type[Model]] = Transaction

    def transaction(self, json: Transaction | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report the outcome of a payment, refund or transfer attempt.

        :param json: the event, which should contain the order info and the outcome
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def transaction_with_http_info(self, json: Transaction | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as transaction does, and return the HTTP status and headers as well.

        :param json: as for transaction
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
