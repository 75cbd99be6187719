"""PostbackApi: POST /neo/v1/addpostbackurl/."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.postback_urls import PostbackUrls
from ._api import Api, Options, Unpack

__all__ = ["PostbackApi"]


class PostbackApi(Api):
    """Registration of the shop's URLs for postbacks."""

    path = "/neo/v1/addpostbackurl/"
    model: ClassVar[type[Model]] = PostbackUrls
    at_root = True
    auth = "api_key_body"
    any_body = True

    def register(self, json: PostbackUrls | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Register the URLs of the shop that take postbacks; ``thirdwatch_api.postback`` reads what they are sent.

        The service never documented this call; shops' plugins make it. Any 2xx status is a success, whatever the
        response holds.

        :param json: absolute URLs, which may all be the same
        :raises ApiException: the URLs were not registered; its class names the cause
        """
        return self._post(json, options)

    def register_with_http_info(self, json: PostbackUrls | JsonObject, **options: Unpack[Options]) -> ApiResponse:
        """Do as register does, and return the HTTP status and headers as well.

        :param json: as for register
        :raises ApiException: the URLs were not registered; its class names the cause
        """
        return self._post_with_http_info(json, options)
