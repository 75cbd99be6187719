"""ApiClient: it prepares a request, delivers it and reads the response."""

from __future__ import annotations

import atexit
import json
import re
import sys
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from ._event_request import OUT_OF_DESCRIPTORS, EventRequest
from ._headers import HeaderCache, check_mappings, key_in
from ._lazy import load
from ._redaction import without_user
from ._settings import API_KEY_HEADER, Retries, TimeoutSetting, check_retries, check_seconds, check_timeout
from .configuration import Configuration, default_configuration
from .exceptions import (
    ApiTypeError,
    ApiValueError,
    ConnectionException,
    InvalidResponseException,
)
from .models._deserialize import deserialize
from .models._encoder import to_json_value, value_to_json
from .models._model import Model
from .models.event_response import EventResponse
from .rest import URLLIB3_VERSION, Request, RESTClientObject, RESTResponse
from .version import __version__

if TYPE_CHECKING:
    from .callbacks import CallbackPool

__all__ = ["ApiClient", "ApiResponse", "default_configuration"]

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_USER_AGENT = f"thirdwatch-python/{__version__} python/{_PYTHON} urllib3/{URLLIB3_VERSION}"
_SET_KEY = f'set thirdwatch_api.configuration.api_key["{API_KEY_HEADER}"], or THIRDWATCH_API_KEY in the environment'
_SET_KEY_OF_CLIENT = (
    f'set api_key["{API_KEY_HEADER}"] of the configuration of this client, '
    "or THIRDWATCH_API_KEY in the environment before it is made"
)
_NOTHING: Mapping[str, str] = {}


def _finish_callbacks() -> None:
    """Wait for calls in the background: their threads do not outlive the process."""
    # Registered here, not in callbacks: that module may be imported first by a handler at exit, which is too late.
    if callbacks := sys.modules.get(f"{__package__}.callbacks"):
        callbacks.finish()


# urllib3 closes its pools by weakref.finalize, whose handler is registered with the first finalizer of the process.
# Handlers run in reverse order, and ours must run first: a call would wait for a closed pool until its deadline.
weakref.finalize(_finish_callbacks, bool).detach()
atexit.register(_finish_callbacks)


class ApiResponse(NamedTuple):
    """The result of a ``*_with_http_info`` method."""

    data: EventResponse
    """The response as a model."""

    status: int
    """The HTTP status."""

    headers: Mapping[str, str]
    """The headers of the response, found in any letter case."""


class ApiClient:
    """A client that sends events for one merchant. Any number of threads may share it.

    Use it in a ``with`` block, or ``close()`` it, to close its connections; a closed client opens new ones when it
    is used again. It can't be copied or pickled: make one in each process.

    :param host: URL of the service, instead of the configuration's
    :param header_name: name of a header to send with each call
    :param header_value: its value
    :param cookie: value of a ``Cookie`` header to send with each call
    :param configuration: settings; ``thirdwatch_api.configuration`` when left out
    """

    def __init__(
        self,
        host: str | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
        *,
        configuration: Configuration | None = None,
    ) -> None:
        _check_host(host)
        if not (configuration is None or isinstance(configuration, Configuration)):
            raise ApiTypeError(f"configuration: expected a Configuration, got {type(configuration).__name__}")
        self.configuration: Configuration = default_configuration() if configuration is None else configuration
        self.rest_client: RESTClientObject = RESTClientObject(self.configuration)
        self.default_headers: dict[str, str] = {}
        self.cookie: str | None = cookie
        self._host = host
        self._user_agent: str | None = None
        self._headers = HeaderCache()
        if header_name is not None:
            self.set_default_header(header_name, header_value or "")

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object) -> Any:
        raise ApiTypeError("an ApiClient can't be copied or pickled: make one in each process")

    def __repr__(self) -> str:
        return f"ApiClient(host={without_user(self.host)!r})"

    def close(self) -> None:
        """Close all connections. Calls that were given a callback end first."""
        if pool := vars(self).get("_callbacks"):
            pool.close()
        self.rest_client.close()

    @property
    def host(self) -> str:
        """URL of the service: the client's own, else the configuration's at this moment. None removes its own."""
        return self.configuration.host if self._host is None else self._host

    @host.setter
    def host(self, value: str | None) -> None:
        _check_host(value)
        self._host = value

    @property
    def user_agent(self) -> str:
        """The User-Agent header, with ``configuration.app_info`` at its end."""
        app_info = self.configuration.app_info
        return self._user_agent or (f"{_USER_AGENT} {app_info}" if app_info else _USER_AGENT)

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self._user_agent = value

    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Send a header with each call of this client. An API key goes before that of the environment.

        :param header_name: name of the header
        :param header_value: its value
        """
        self.default_headers[header_name] = header_value

    def sanitize_for_serialization(self, obj: object) -> Any:
        """Turn a model, or a structure of models and plain values, into what ``json.dumps`` takes.

        Nothing is sent, and nothing is validated except that JSON can hold it: it shows what an event looks like.

        :raises ApiValueError: JSON can't hold a part of it; the message names it
        """
        return to_json_value(obj)

    def deserialize(self, response: Any, response_type: Any) -> Any:
        """Convert the JSON of a response to a type.

        :param response: an object with the text or bytes of the response as ``data``
        :param response_type: a class, or its name as 0.0.3 writes it: ``"EventResponse"``, ``"list[Item]"``,
            ``"dict(str, str)"``, ``"datetime"``, ``"str"``
        :raises ApiValueError: there is no such type, or the text is not a time
        """
        return deserialize(load("six").ensure_str(response.data or "", "utf-8", "replace"), response_type)

    def call_api(
        self,
        resource_path: str,
        method: str,
        path_params: Mapping[str, object] | None = None,
        query_params: Mapping[str, object] | Sequence[tuple[str, object]] | None = None,
        header_params: Mapping[str, str] | None = None,
        body: object = None,
        response_type: Any = None,
        auth_settings: Sequence[str] | None = None,
        callback: Callable[[Any], object] | None = None,
        _return_http_data_only: bool | None = None,
        _preload_content: bool = True,
        _request_timeout: TimeoutSetting = None,
        _deadline: float | None = None,
        _retries: Retries | None = None,
        _headers: Mapping[str, str] | None = None,
        *,
        at_root: bool = False,
        any_body: bool = False,
        model: type[Model] | None = None,
    ) -> Any:
        """Make one call. The methods of the API classes are built on it.

        :param resource_path: path of the endpoint below the host's, from its ``/`` on, with ``{name}`` for each path
            parameter
        :param method: HTTP verb
        :param path_params: values for the names in the path
        :param query_params: names and values after the question mark
        :param header_params: headers of this call; the client's own win over them, ``_headers`` over both
        :param body: a model, or anything that JSON can carry; None for no body
        :param response_type: type of the response, as for ``deserialize``; None to ignore its body
        :param auth_settings: how to send the API key: ``["api_key"]`` in its header, ``["api_key_query"]`` in the
            query, ``["api_key_body"]`` as ``secret`` in the body; None to send none
        :param at_root: whether the path stands at the root of the host, instead of below the host's own path
        :param any_body: whether a response with a 2xx status is a success even if it is not a JSON object
        :param model: class of the body; its personal fields are masked where the response repeats them. Without it,
            those of every model are
        :return: ``(data, status, headers)``, or the data alone with ``_return_http_data_only``; with ``callback``
            a PendingCall
        :raises ApiException: the call failed; its class names the cause. The other options are those of ``Options``
        """
        _check_arguments(resource_path, method, callback, auth_settings)
        request = EventRequest(
            method,
            resource_path,
            target=_target(resource_path, path_params, query_params) if path_params or query_params else resource_path,
            at_root=at_root,
            model=model or type(body),
            response_type=response_type,
            any_body=any_body,
            preload_content=_preload_content,
            timeout=None if _request_timeout is None else check_timeout("_request_timeout", _request_timeout),
            deadline=None if _deadline is None else check_seconds("_deadline", _deadline),
            retries=None if _retries is None else check_retries("_retries", _retries),
        )
        self._authorize(request, body, auth_settings or (), header_params, _headers)
        del body  # error trackers list the variables of frames
        deliver = partial(self._deliver, request, bool(_return_http_data_only))
        return deliver() if callback is None else self._callback_pool().submit(deliver, callback, resource_path)

    def _callback_pool(self) -> CallbackPool:
        # setdefault is atomic, and leaves no lock behind in a forked child.
        new_pool = load(".callbacks", __package__).CallbackPool
        pool: CallbackPool = vars(self).setdefault("_callbacks", new_pool(self.configuration))
        return pool

    def _authorize(
        self,
        request: Request,
        body: object,
        auth: Sequence[str],
        given: Mapping[str, str] | None,
        own: Mapping[str, str] | None,
    ) -> None:
        """Put host, body and headers into a request, and the API key where ``auth_settings`` asks for it."""
        request.host = self._host
        if not (given is None is own and type(self.default_headers) is dict):
            check_mappings(given, own, self.default_headers)
        given, own = given or _NOTHING, own or _NOTHING
        text: str | None = None if body is None else value_to_json(body)
        key = request.key = self._key(given) if auth else ""
        in_header = "api_key" in auth
        if key and not in_header:
            _check_key(key)
        if "api_key_body" in auth:
            text = _with_secret(text, key)
        if "api_key_query" in auth:
            request.secret_query = ("&" if "?" in request.target else "?") + urlencode({"api_key": key})
        request.body = None if text is None else text.encode()
        request.headers = self._headers.make(
            given, self.default_headers, own, self.user_agent, self.cookie, key if in_header else "", body is not None
        )

    def _deliver(self, request: EventRequest, data_only: bool) -> Any:
        """Send a request, and read its response."""
        try:
            try:
                response = self.rest_client.request(request)
            except InvalidResponseException as error:
                if not (request.any_body and error.status):
                    raise
                response = RESTResponse(error.status, error.reason, b"", error.headers)  # type: ignore[arg-type]  # has some
            data: Any = response
            headers = response.headers
            if isinstance(response, RESTResponse):
                data = request.read(response)
                if request.any_body or request.secret_query:  # such a server may repeat the key
                    headers = request.redactor(response.proxy_headers).headers(headers)
        except OUT_OF_DESCRIPTORS as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise ConnectionException(0, f"a file that the call needs can't be opened: {why}") from error
        return data if data_only else ApiResponse(data, response.status, headers)

    def _key(self, given: Mapping[str, str]) -> str:
        """Return the API key of a header that the client or the call was given, else the configuration's.

        :raises ApiValueError: there is none
        """
        key = self.configuration.get_api_key_with_prefix(API_KEY_HEADER)
        own = key_in(given, self.default_headers) if given or self.default_headers else None
        if own is not None:
            if key and own != key and not self.configuration.has_key_of_environment():
                raise ApiValueError(
                    f"header {API_KEY_HEADER}: differs from the configuration's API key; set only one of them"
                )
            return own
        if not key:
            cause = ""
            if API_KEY_HEADER in self.configuration.api_key:
                cause = "the one that was given, or THIRDWATCH_API_KEY, is empty; "
            advice = _SET_KEY if self.configuration is default_configuration() else _SET_KEY_OF_CLIENT
            raise ApiValueError(f"no API key: {cause}{advice}")
        return key


def _check_host(host: object) -> None:
    if not (host is None or isinstance(host, str)):
        advice = "; pass it as configuration=" if isinstance(host, Configuration) else ""
        raise ApiTypeError(f"host: expected text, got {type(host).__name__}{advice}")


def _check_arguments(path: object, method: object, callback: object, auth: object) -> None:
    """Reject arguments of ``call_api`` that can't be right."""
    if not (callback is None or callable(callback)):
        raise ApiTypeError(f"callback: expected a function, got {type(callback).__name__}")
    if not (isinstance(method, str) and method.isascii() and method.isalpha()):
        raise ApiValueError("method: expected an HTTP verb such as POST")
    if not isinstance(path, str):
        raise ApiValueError(f"resource_path: expected text, got {type(path).__name__}")
    if not path.startswith("/"):  # it would lead to another host
        raise ApiValueError("resource_path: must begin with /; the host belongs into the configuration")
    if type(auth) is not list and auth is not None and (isinstance(auth, str) or not isinstance(auth, Collection)):
        raise ApiTypeError(f'auth_settings: expected a list such as ["api_key"], got {type(auth).__name__}')


def _target(path: str, params: Mapping[str, object] | None, query: Any) -> str:
    """Return the path with its parameters and the query."""
    try:
        for name, value in (params or {}).items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        return f"{path}?{urlencode(query, doseq=True)}" if query else path
    except Exception as error:  # noqa: BLE001 - values of the user may raise anything
        raise ApiValueError(
            f"path_params, query_params: can't be written into a URL ({type(error).__name__})"
        ) from None


def _check_key(key: str) -> None:
    """Reject a key from the environment that is not UTF-8. In a header, ``HeaderCache`` rejects it."""
    if re.search("[\ud800-\udfff]", key):
        raise ApiValueError("api_key: holds bytes that are not UTF-8")


def _with_secret(text: str | None, key: str) -> str:
    """Add the key to the JSON of a body."""
    body: object = json.loads(text or "{}")
    if not isinstance(body, dict):
        raise ApiTypeError(f"body: expected a JSON object for the key to stand in, got {type(body).__name__}")
    return json.dumps({**body, "secret": key})
