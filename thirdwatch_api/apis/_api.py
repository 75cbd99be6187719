"""Api: the base of every API class."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from .._settings import did_you_mean
from ..api_client import ApiClient, ApiResponse
from ..configuration import default_configuration
from ..exceptions import ApiTypeError, ApiValueError
from ..models._encoder import to_json
from ..models._model import Model
from ..models.event_response import EventResponse
from .options import Options

if TYPE_CHECKING:
    from typing_extensions import Unpack
else:
    # At run time any keyword arrives, and Api checks it. Python 3.10 lacks the name; dict stands in for it there.
    Unpack = getattr(typing, "Unpack", dict)

__all__ = ["Api", "Options", "Unpack"]

_OPTIONS = (
    f":param options: for this call alone: {', '.join(Options.__annotations__)}; see thirdwatch_api.apis.options\n"
)
"""Last line of the documentation of each method."""


class Api:
    """The base of the API classes: one kind of call.

    :param api_client: the client to send with; when left out, the one that ``thirdwatch_api.configuration`` holds
    """

    path: ClassVar[str]
    """Path of the endpoint below the host's."""

    model: ClassVar[type[Model]]
    """What the endpoint takes; what it returns, where it takes no body."""

    at_root: ClassVar[bool] = False
    """Whether the path stands at the root of the host instead. So do the endpoints that take no event."""

    auth: ClassVar[str] = "api_key"
    """How the API key travels, as ``ApiClient.call_api`` names it."""

    any_body: ClassVar[bool] = False
    """Whether any body of a 2xx response is accepted, instead of a JSON object alone."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, method in vars(cls).items():
            if isinstance(method, FunctionType) and method.__doc__ and not name.startswith("_"):
                method.__doc__ += _OPTIONS

    def __init__(self, api_client: ApiClient | None = None) -> None:
        if not (api_client is None or hasattr(api_client, "call_api")):
            given = type(api_client).__name__
            raise ApiTypeError(f"api_client: expected an ApiClient, got {given}; use ApiClient(configuration=...)")
        self._api_client = api_client

    @property
    def api_client(self) -> ApiClient:
        """The client that this object sends with."""
        return self._api_client or _default_client()

    def _post(self, event: object, options: Mapping[str, Any]) -> EventResponse:
        result: EventResponse = self._call(event, {**options, "_return_http_data_only": True})
        return result

    def _post_with_http_info(self, event: object, options: Mapping[str, Any]) -> ApiResponse:
        result: ApiResponse = self._call(event, options)
        return result

    def _call(self, event: object, options: Mapping[str, Any]) -> Any:
        _check(self, options)
        if event is None:
            raise ApiValueError(f"{type(self).__name__}: the event is missing; pass {self.model.__name__} or a dict")
        client = self.api_client
        return client.call_api(
            self.path,
            "POST",
            body=to_json(self.model, event, validate=client.configuration.client_side_validation),
            response_type=EventResponse,
            auth_settings=[self.auth],
            at_root=self.at_root,
            any_body=self.any_body,
            model=type(event) if isinstance(event, Model) else self.model,
            **options,
        )

    def _get(self, query: Mapping[str, str], options: Mapping[str, Any]) -> Any:
        _check(self, options)
        return self.api_client.call_api(
            self.path,
            "GET",
            query_params=query,
            response_type=self.model,
            auth_settings=[self.auth],
            at_root=self.at_root,
            **options,
        )


def _check(api: Api, options: Mapping[str, Any]) -> None:
    known = Options.__annotations__
    if options.keys() <= known.keys():
        return
    unknown = sorted(options.keys() - known.keys())
    hint = next(filter(None, (did_you_mean(name, known) for name in unknown)), ".")
    raise ApiTypeError(f"{type(api).__name__}: unknown option {', '.join(unknown)}{hint} There are {', '.join(known)}")


def _default_client() -> ApiClient:
    configuration = default_configuration()
    return configuration.api_client or configuration.share(ApiClient(configuration=configuration))
