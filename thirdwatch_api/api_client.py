"""ApiClient: a model to JSON, JSON to the transport, the answer to a model."""

from __future__ import annotations

import atexit
import json
import re
import sys
import weakref
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from ._json import load_lenient
from ._lazy import load
from ._redaction import MASK, Redactor, decode_lenient, short, without_user
from .configuration import (
    API_KEY_HEADER,
    Configuration,
    Retries,
    TimeoutSetting,
    check_deadline,
    check_retries,
    check_timeout,
)
from .exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    ConnectionException,
    InvalidResponseException,
    make_error,
)
from .models._deserialize import convert
from .models._encoder import to_json_value, value_to_json
from .models._model import Kind, Model, field_table
from .models._response import Answer
from .models.event_response import EventResponse
from .rest import URLLIB3_VERSION, Request, RESTClientObject, RESTResponse, retry_after
from .version import __version__

if TYPE_CHECKING:
    from .callbacks import CallbackPool
    from .models.error_response import ErrorResponse

__all__ = ["ApiClient", "ApiResponse", "default_configuration"]

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_USER_AGENT = f"thirdwatch-python/{__version__} python/{_PYTHON} urllib3/{URLLIB3_VERSION}"
_SET_KEY = f'set thirdwatch_api.configuration.api_key["{API_KEY_HEADER}"], or THIRDWATCH_API_KEY in the environment'
_SET_KEY_OF_CLIENT = (
    f'set api_key["{API_KEY_HEADER}"] of the configuration of this client, '
    "or THIRDWATCH_API_KEY in the environment before it is made"
)
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)
_HEADER_VALUE = r"[\t\x20-\x7e\xa0-\xff]*"
_NO_CONTENT = 204
_MOST_VALUES = 100_000  # to read many more of them would hold up other threads
_MOST_DIGITS = 10 * _MOST_VALUES
_NOT_OPENED = (ImportError, OSError)
"""What an import at the first use raises in a process that has no file descriptor left."""


def _finish_callbacks() -> None:
    """Wait for calls in the background, which threads make that do not outlive the process."""
    # Registered here: what a handler registers at exit is not called any more, and the first such call may be there.
    if callbacks := sys.modules.get(f"{__package__}.callbacks"):
        callbacks.finish()


# urllib3 drains its pools by weakref.finalize, whose handler is registered with the first finalizer of the process.
# Handlers run in reverse order. If ours ran after it, a call would wait for a drained pool until its deadline.
weakref.finalize(_finish_callbacks, bool).detach()
atexit.register(_finish_callbacks)


class ApiResponse(NamedTuple):
    """What the ``*_with_http_info`` methods return."""

    data: EventResponse
    """The answer."""

    status: int
    """The HTTP status."""

    headers: Mapping[str, str]
    """The headers of the answer, found in any letter case."""


class _LastHeaders(NamedTuple):
    """The headers of the last call, and what they were made of."""

    state: tuple[object, ...]
    headers: dict[str, str]

    def __repr__(self) -> str:
        """Show none of them: the key is among them."""
        return f"_LastHeaders({MASK})"


def default_configuration() -> Configuration:
    """Return ``thirdwatch_api.configuration`` as it is now."""
    # Looked up, not imported: the package imports this module, and its users may assign another configuration.
    configuration: Configuration = sys.modules[__name__.partition(".")[0]].configuration
    return configuration


class ApiClient:
    """Send events for one merchant. Any number of threads may share a client.

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
        if not (host is None or isinstance(host, str)):
            advice = "; pass it as configuration=" if isinstance(host, Configuration) else ""
            raise ApiTypeError(f"host: expected text, got {type(host).__name__}{advice}")
        if not (configuration is None or isinstance(configuration, Configuration)):
            raise ApiTypeError(f"configuration: expected a Configuration, got {type(configuration).__name__}")
        self.configuration: Configuration = default_configuration() if configuration is None else configuration
        self.rest_client: RESTClientObject = RESTClientObject(self.configuration)
        self.default_headers: dict[str, str] = {}
        self.cookie: str | None = cookie
        self._host = host
        self._user_agent: str | None = None
        self._last_headers = _LastHeaders((), {})
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
        """URL of the service: the client's own, else the configuration's at this moment. None takes its own away."""
        return self.configuration.host if self._host is None else self._host

    @host.setter
    def host(self, value: str | None) -> None:
        self._host = value

    @property
    def user_agent(self) -> str:
        """What the service is told about this software, ``configuration.app_info`` at its end."""
        app_info = self.configuration.app_info
        return self._user_agent or (f"{_USER_AGENT} {app_info}" if app_info else _USER_AGENT)

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self._user_agent = value

    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Send a header with each call of this client.

        :param header_name: name of the header
        :param header_value: its value
        """
        self.default_headers[header_name] = header_value

    def sanitize_for_serialization(self, obj: object) -> Any:
        """Turn a model, or a structure of models and plain values, into what ``json.dumps`` takes.

        Nothing is checked but that it can be JSON, and nothing is sent: it shows what an event looks like.

        :raises ApiValueError: JSON can't carry a part of it; the message tells which
        """
        return to_json_value(obj)

    def deserialize(self, response: Any, response_type: Any) -> Any:
        """Read an answer.

        :param response: anything with the text or bytes of the answer as ``data``
        :param response_type: a class, or its name as 0.0.3 writes it: ``"EventResponse"``, ``"list[Item]"``,
            ``"dict(str, str)"``, ``"datetime"``, ``"str"``
        :raises ApiValueError: there is no such type, or the text is no time
        """
        text = load("six").ensure_str(response.data or "", "utf-8", "replace")
        try:
            value = load_lenient(text)
        except (ValueError, RecursionError):
            value = text
        return convert(value, response_type)

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
        """Make one call; what the methods of the API classes are built on.

        :param resource_path: path of the endpoint below the host's, with ``{name}`` for each path parameter
        :param method: HTTP verb
        :param path_params: values for the names in the path
        :param query_params: what comes after the question mark
        :param header_params: headers of this call; the client's own win over them, ``_headers`` over both
        :param body: a model, or anything that JSON can carry; None for no body
        :param response_type: what the answer is, as for ``deserialize``; None for no interest in it
        :param auth_settings: how to send the API key: ``["api_key"]`` in its header, ``["api_key_query"]`` in the
            query, ``["api_key_body"]`` as ``secret`` in the body; None to send none
        :param at_root: whether the path stands at the root of the host, instead of below the host's own path
        :param any_body: whether an answer with a 2xx status is a success even if it is not a JSON object
        :param model: what the body is; its personal fields are masked where the answer repeats them. Without it, those
            of every model are
        :return: ``(data, status, headers)``, or the data alone with ``_return_http_data_only``; with ``callback``
            a PendingCall
        :raises ApiException: whatever went wrong; the other options are those of ``Options``
        """
        if not (callback is None or callable(callback)):
            raise ApiTypeError(f"callback: expected a function, got {type(callback).__name__}")
        if not (isinstance(method, str) and method.isascii() and method.isalpha()):
            raise ApiValueError("method: expected an HTTP verb such as POST")
        if not isinstance(resource_path, str):
            raise ApiValueError(f"resource_path: expected text, got {type(resource_path).__name__}")
        if not (header_params is None or isinstance(header_params, Mapping)):
            raise ApiTypeError(f"header_params: expected a dict, got {type(header_params).__name__}")
        _check_own_headers(_headers)
        target = _target(resource_path, path_params, query_params)
        text: str | None = None if body is None else value_to_json(body)
        auth = auth_settings or ()
        key = self._key(header_params) if auth else ""
        if key and "api_key" not in auth:
            _check_key(key)
        if "api_key_body" in auth:
            text = _with_secret(text, key)
        secret_query = urlencode({"api_key": key}) if "api_key_query" in auth else ""
        data = None if text is None else text.encode()
        request = Request(
            method,
            resource_path,
            host=self.host,
            target=target,
            at_root=at_root,
            secret_query=secret_query and ("&" if "?" in target else "?") + secret_query,
            headers=self._headers(
                header_params, _headers, key if "api_key" in auth else "", with_body=body is not None
            ),
            body=data,
            key=key,
            model=model or type(body),
            public_keys=_public_keys,
            explain=_error_response,
            preload_content=_preload_content,
            timeout=check_timeout("_request_timeout", _request_timeout),
            deadline=None if _deadline is None else check_deadline("_deadline", _deadline),
            retries=None if _retries is None else check_retries("_retries", _retries),
        )

        def work() -> Any:
            try:
                return self._deliver(request, response_type, data_only=bool(_return_http_data_only), any_body=any_body)
            except _NOT_OPENED as error:
                why = getattr(error, "strerror", None) or type(error).__name__
                raise ConnectionException(0, f"a file that the call needs can't be opened: {why}") from error

        return work() if callback is None else self._callback_pool().submit(work, callback, resource_path)

    def _callback_pool(self) -> CallbackPool:
        # setdefault is atomic, and leaves no lock behind in a forked child.
        new_pool = load(".callbacks", __package__).CallbackPool
        pool: CallbackPool = vars(self).setdefault("_callbacks", new_pool(self.configuration))
        return pool

    def _deliver(self, request: Request, response_type: Any, *, data_only: bool, any_body: bool) -> Any:
        try:
            answer = self.rest_client.request(request)
        except ApiException as error:
            if not (any_body and isinstance(error, InvalidResponseException) and error.status):
                raise
            answer = RESTResponse(error.status, error.reason, b"", error.headers)  # type: ignore[arg-type]  # has some
        data: Any = answer
        headers = answer.headers
        if isinstance(answer, RESTResponse):
            data = _read(answer, response_type, request, any_body=any_body)
            if any_body or request.secret_query:  # who logs URLs and bodies may echo them, too
                headers = request.redactor(answer.proxy_headers).headers(headers)
        return data if data_only else ApiResponse(data, answer.status, headers)

    def _key(self, header_params: Mapping[str, str] | None) -> str:
        """Find the API key: the configuration's, else the one that the user put into the headers."""
        key = self.configuration.get_api_key_with_prefix(API_KEY_HEADER)
        if not key:
            given = {**(header_params or {}), **self.default_headers}
            key = next((value for name, value in given.items() if str(name).upper() == API_KEY_HEADER), None)
        if not key:
            given_empty = any(str(name).upper() == API_KEY_HEADER for name in self.configuration.api_key)
            cause = "the one that was given, or THIRDWATCH_API_KEY, is empty; " if given_empty else ""
            advice = _SET_KEY if self.configuration is default_configuration() else _SET_KEY_OF_CLIENT
            raise ApiValueError(f"no API key: {cause}{advice}")
        return key

    def _headers(
        self, header_params: Mapping[str, str] | None, own: Mapping[str, str] | None, key: str, *, with_body: bool
    ) -> Mapping[str, str]:
        """Make the headers of a call, or take those of the last call when nothing changed."""
        given, own = header_params or {}, own or {}
        state = (given, self.default_headers, own, self.user_agent, self.cookie, key, with_body)
        last = self._last_headers
        if state == last.state:
            return last.headers
        wanted = [("Accept", "application/json"), ("User-Agent", self.user_agent)]
        if with_body:
            wanted.append(("Content-Type", "application/json"))
        wanted += [*given.items(), *self.default_headers.items()]
        if self.cookie is not None:
            wanted.append(("Cookie", self.cookie))
        wanted += own.items()
        if key:
            wanted.append((API_KEY_HEADER, key))
        # The last one counts, in any letter case.
        by_name = {_checked_name(name): (name, value) for name, value in wanted}
        headers = {name: _checked_value(name, value) for name, value in by_name.values()}
        self._last_headers = _LastHeaders((dict(given), dict(self.default_headers), dict(own), *state[3:]), headers)
        return headers


def _check_own_headers(headers: object) -> None:
    """Check the option ``_headers``, but for names and values, which are checked with all others."""
    if headers is None:
        return
    if not isinstance(headers, Mapping):
        raise ApiTypeError(f"_headers: expected a dict, got {type(headers).__name__}")
    if any(str(name).upper() == API_KEY_HEADER for name in headers):
        raise ApiValueError("_headers: can't hold the API key; it belongs into the configuration of a client")


def _checked_name(name: object) -> str:
    if isinstance(name, str) and re.fullmatch(_HEADER_NAME, name):
        if name.lower() in _FRAMING:
            raise ApiValueError(f"header {name}: is set by the transport, which alone knows its value")
        return name.lower()
    raise ApiValueError("the name of a header is empty, or holds a character that HTTP does not allow there")


def _checked_value(name: str, value: object) -> str:
    """Refuse what would break out of a header. The message shows no value: it may be the key."""
    if isinstance(value, str) and re.fullmatch(_HEADER_VALUE, value):
        return value
    raise ApiValueError(f"header {name}: is no text, or holds a line break or a character outside of latin-1")


def _target(path: str, params: Mapping[str, object] | None, query: Any) -> str:
    """Put the parameters into the path, and the query behind it."""
    if not params and not query:
        return path
    try:
        for name, value in (params or {}).items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        return f"{path}?{urlencode(query, doseq=True)}" if query else path
    except Exception as error:  # noqa: BLE001 - values of the user may raise anything
        raise ApiValueError(
            f"path_params, query_params: can't be written into a URL ({type(error).__name__})"
        ) from None


def _load_object(data: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None when it is anything else."""
    if len(data) > _MOST_VALUES and _has_too_many_values(data):
        return None
    try:
        value = load_lenient(data.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _has_too_many_values(data: bytes) -> bool:
    """Return whether JSON holds more than any response of the service. Each step is one fast pass over the bytes."""
    bare = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > 2 * _MOST_VALUES:
        return True
    between_texts = b"".join(bare.split(b'"')[::2])
    if len(between_texts) - len(between_texts.translate(None, b"0123456789")) > _MOST_DIGITS:
        return True  # few numbers of many digits take as long to read
    return sum(map(between_texts.count, (b",", b":", b"[", b"{"))) > _MOST_VALUES


def _check_key(key: str) -> None:
    """Refuse a key that only a header would refuse otherwise: bytes that are not UTF-8, taken from the environment."""
    if re.search("[\ud800-\udfff]", key):
        raise ApiValueError("api_key: holds bytes that are not UTF-8")


def _with_secret(text: str | None, key: str) -> str:
    """Put the key into the body."""
    body: object = json.loads(text or "{}")
    if not isinstance(body, dict):
        raise ApiTypeError(f"body: expected a JSON object for the key to stand in, got {type(body).__name__}")
    return json.dumps({**body, "secret": key})


def _read(answer: RESTResponse, response_type: Any, request: Request, *, any_body: bool) -> Any:
    """Read an answer with a 2xx status."""
    if response_type is None:
        return None
    given = {} if answer.status == _NO_CONTENT else _load_object(answer.data)
    if given is None and any_body:
        text = decode_lenient(answer.data).strip()
        given = {"message": text} if text else {}
    if given is None:
        raise _invalid_response(answer, request)
    if any_body or request.secret_query:
        request.redactor(answer.proxy_headers).json(given)
    data = convert(given, response_type)
    failure, reason = _lack(data)
    if reason:
        raise _invalid_response(answer, request, failure, reason)
    return data


def _invalid_response(
    answer: RESTResponse,
    request: Request,
    failure: type[InvalidResponseException] = InvalidResponseException,
    reason: str = "",
) -> ApiException:
    """Make the error for a 2xx status whose body is not what it should be.

    :param reason: what is wrong with it; when left out, that it is not a JSON object
    """
    redactor = request.redactor(answer.proxy_headers)
    if not reason:
        kind = answer.headers.get("Content-Type", "no content type").partition(";")[0]
        reason = (
            f"the answer is not a JSON object ({short(redactor.line(kind, answer.until))}, {len(answer.data)} bytes)"
        )
    return make_error(
        failure,
        answer.status,
        reason,
        redactor,
        body=answer.data,
        headers=answer.headers,
        error_response=_error_response(redactor, answer.data),
        attempts=answer.attempts,
        retry_after=retry_after(answer),
        until=answer.until,
    )


def _lack(data: object) -> tuple[type[InvalidResponseException], str]:
    """Return what to raise about a response that lacks a field, and why; an empty text when it lacks none."""
    if isinstance(data, Answer):
        for f in field_table(type(data)):
            if f.required and getattr(data, f.name) is None:
                return data.incomplete, f"the answer holds no {f.name}"
    return InvalidResponseException, ""


def _error_response(redactor: Redactor, data: bytes) -> ErrorResponse | None:
    """Read the body of a refusal; None when it is not a JSON object."""
    given = _load_object(data) if data else None
    if given is None:
        return None
    redactor.json(given)
    try:
        response: ErrorResponse = load(".models.error_response", __package__).ErrorResponse.from_dict(given)
    except _NOT_OPENED:  # the status says enough
        return None
    return response


_public: dict[type, frozenset[str]] = {}


def _public_keys(model: type) -> frozenset[str]:
    """Return the JSON keys of a model and its parts that hold nothing about a person; for another type, of all."""
    if model not in _public:
        fields = [f for part in _parts(model) for f in field_table(part)]
        personal = {f.wire for f in fields if f.personal or f.kind is Kind.FREE}
        _public[model] = frozenset(f.wire for f in fields) - personal
    return _public[model]


def _parts(model: type) -> set[type[Model]]:
    if not issubclass(model, Model):
        models = load(".models", __package__)
        return {getattr(models, name) for name in models.__all__}
    parts = {model}
    for f in field_table(model):
        if f.model:
            parts |= _parts(f.model)
    return parts
