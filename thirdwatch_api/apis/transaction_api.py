"""TransactionApi: POST /v1/transaction."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.transaction import Transaction
from ._api import Api, Options, Unpack

__all__ = ["TransactionApi"]


class TransactionApi(Api):
    """Make the transaction call."""

    path = "/v1/transaction"
    model: ClassVar[type[Model]] = Transaction

    def transaction(self, json: Transaction | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report the outcome of a payment, refund or transfer attempt."""
        return self._post(json, options)

    def transaction_with_http_info(self, json: Transaction | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as transaction does, and return the HTTP status and headers as well."""
        return self._post_with_http_info(json, options)
