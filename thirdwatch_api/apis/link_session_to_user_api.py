"""LinkSessionToUserApi: POST /v1/link_session_to_user."""

from typing import ClassVar

from ..api_client import ApiResponse
from ..models._model import JsonObject, Model
from ..models.event_response import EventResponse
from ..models.link_session_to_user import LinkSessionToUser
from ._api import Api, Options, Unpack

__all__ = ["LinkSessionToUserApi"]


class LinkSessionToUserApi(Api):
    """Sessions of visitors who turn out to be customers."""

    path = "/v1/link_session_to_user"
    model: ClassVar[type[Model]] = LinkSessionToUser

    def link_session_to_user(self, json: LinkSessionToUser | JsonObject, **options: Unpack[Options]) -> EventResponse:
        """Attach an anonymous session to a customer, typically after guest checkout or sign-in.

        :param json: the session and the customer: send both ids
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post(json, options)

    def link_session_to_user_with_http_info(
        self, json: LinkSessionToUser | JsonObject, **options: Unpack[Options]
    ) -> ApiResponse:
        """Do as link_session_to_user does, and return the HTTP status and headers as well.

        :param json: as for link_session_to_user
        :raises ApiException: the event was not delivered; its class names the cause
        """
        return self._post_with_http_info(json, options)
