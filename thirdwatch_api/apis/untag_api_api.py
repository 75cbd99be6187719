"""UntagAPIApi: POST /v1/untag."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.un_tag import UnTag
from ._api import Api, Options, Unpack

__all__ = ["UntagAPIApi"]


class UntagAPIApi(Api):
    """Withdrawn verdicts on customers."""

    path = "/v1/untag"
    model: ClassVar[type[Model]] = UnTag

    def un_tag_user(self, json: UnTag | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Withdraw verdicts on a customer, for one kind of abuse or for all.

        The customer is neutral again afterwards.

        :param json: the event, which should contain the kind of abuse, if it is about one
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def un_tag_user_with_http_info(self, json: UnTag | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as un_tag_user does, and return the HTTP status and headers as well.

        :param json: as for un_tag_user
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
