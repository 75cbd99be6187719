"""TagAPIApi: POST /v1/tag."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.tag import Tag
from ._api import Api, Options, Unpack

__all__ = ["TagAPIApi"]


class TagAPIApi(Api):
    """Verdicts on customers: good or bad."""

    path = "/v1/tag"
    model: ClassVar[type[Model]] = Tag

    def tag_user(self, json: Tag | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Report that a customer is good or bad.

        A newer verdict overwrites the earlier one.

        :param json: the event, which should contain the verdict and its reasons
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def tag_user_with_http_info(self, json: Tag | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as tag_user does, and return the HTTP status and headers as well.

        :param json: as for tag_user
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
