"""Sandbox: a local HTTP server that plays the service, for tests without an account or a network.

    with Sandbox() as sandbox:
        orders = OrderStatusApi(ApiClient(configuration=sandbox.configuration()))
        orders.order_status(OrderStatus(user_id="u-42", order_id="o-1001"))
        assert sandbox.events == [OrderStatus(user_id="u-42", order_id="o-1001")]

It scores as well: after create_order and a transaction whose status is ``_success``, an order has the score that
``Sandbox.score`` set, else a hundredth of its amount, 0 to 99. So ``amount="2500"`` scores 25 and is green,
``amount="8200"`` scores 82 and is red, as is everything above 70. It sends postbacks to the URLs of this machine that
PostbackApi registered: the score at once, an analyst's decision by ``Sandbox.send_action``, and so on.

``python -m thirdwatch_api.sandbox`` runs it in the foreground.
"""

import hmac
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice, repeat
from threading import RLock, Thread
from typing import Any, NamedTuple, TypeVar, cast

from .._json import load
from .._lazy import load as load_module
from .._redaction import without_emails
from ..apis.client_action_api import ClientActionApi
from ..apis.postback_api import PostbackApi
from ..apis.score_api import ScoreApi
from ..configuration import API_KEY_HEADER, Configuration
from ..exceptions import ApiTypeError, ApiValueError
from ..models._bases import SnakeCaseModel
from ..models._encoder import encode, to_text
from ..models._fields import Text
from ..models._hints import unknown_values
from ..models._model import JsonObject, Model
from ..models.client_action import ClientAction
from ..models.postback_urls import PostbackUrls
from . import _openapi
from ._http import HTTPError, Request, Response, Server, json_response
from ._state import Delivery, ServiceState

__all__ = ["Delivery", "Request", "Sandbox"]

_M = TypeVar("_M", bound=Model)

_MAX_TIMES = 1_000_000
_MAX_DELAY = 3600  # seconds
_MAX_PORT = 65535
_MAX_PROBLEMS = 20
_MAX_SHOWN = 64
_MAX_REQUESTS = 10_000
_MAX_REFUSED_BODY = 64 * 1024
_MAX_REFUSED_HEAD = 16 * 1024
_JOIN_TIMEOUT = 1.0  # seconds to wait for a postback when the sandbox is closed
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class _Script(NamedTuple):
    """Changes to the response of one request; by default none."""

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    delay: float = 0.0
    cut: bool = False


class Sandbox:
    """A server of the API on a loopback port, in threads of this process.

    It accepts the events that ``client_side_validation`` accepts, and refuses all others with 400. After ``close()`` it
    can be started again, on the same port. It keeps the last 10,000 requests and postbacks.

    :param api_key: the only key that the sandbox accepts
    :param port: TCP port on 127.0.0.1; 0 takes a free one
    :param client_side_validation: False to accept what a client with ``client_side_validation=False`` sends: any JSON
        object, for instance an event without ``user_id`` and ``session_id``
    :param on_request: called with each request before the response is sent, one at a time
    :param on_postback: called with each postback after it was sent, one at a time
    :raises ApiTypeError: an argument has the wrong type
    :raises ApiValueError: the key is empty, or the port is out of range
    """

    def __init__(
        self,
        api_key: str = "sandbox-key",
        port: int = 0,
        *,
        client_side_validation: bool = True,
        on_request: Callable[[Request], object] | None = None,
        on_postback: Callable[[Delivery], object] | None = None,
    ) -> None:
        _check_type("api_key", api_key, str)
        _check_type("port", port, int)
        _check_range("port", port, 0, _MAX_PORT)
        _check_type("client_side_validation", client_side_validation, bool)
        _check_hook("on_request", on_request)
        _check_hook("on_postback", on_postback)
        self.api_key: str = api_key.strip()
        """The only key that the sandbox accepts."""
        if not self.api_key:
            raise ApiValueError("api_key: must not be empty; the sandbox checks it in each request")
        self._port = port
        self._validate = client_side_validation
        self._on_request = on_request
        self._lock = RLock()  # reentrant: on_request may read the sandbox
        self._requests: deque[Request] = deque(maxlen=_MAX_REQUESTS)
        self._scripts: deque[_Script] = deque()
        self._server: Server | None = None
        apis = load_module("..apis", __package__)
        self._routes: dict[str, tuple[str, Callable[[Request], Response]]] = {
            f"/event{api.path}": ("POST", partial(self._accept_event, api.model))
            for api in (getattr(apis, name) for name in apis.__all__)
            if not api.at_root
        }
        self._routes[ScoreApi.path] = ("GET", self._serve_score)
        self._routes[ClientActionApi.path] = ("POST", self._accept_decision)
        self._routes[PostbackApi.path] = ("POST", self._accept_urls)
        self._state = ServiceState(self.api_key, on_postback)

    @property
    def host(self) -> str:
        """Value for ``configuration.host``: ``http://127.0.0.1:PORT/event``. A free port is chosen by ``start()``.

        :raises ApiValueError: the sandbox chooses a free port, and was not started yet
        """
        if not self._port:
            raise ApiValueError("start the sandbox first: use `with Sandbox() as sandbox` or `.start()`")
        return f"http://127.0.0.1:{self._port}/event"

    @property
    def events(self) -> list[Model]:
        """The accepted events of ``requests``, in order; numbers and times in text fields are text, as sent."""
        accepted = (request.event for request in self.requests)
        return [event for event in accepted if event is not None and not isinstance(event, SnakeCaseModel)]

    @property
    def decisions(self) -> list[ClientAction]:
        """The accepted decisions of the shop in ``requests``, in order."""
        return [request.event for request in self.requests if isinstance(request.event, ClientAction)]

    @property
    def postbacks(self) -> list[Delivery]:
        """The last 10,000 postbacks, in order. Reading this waits until all of them were sent."""
        with self._lock:
            sent = self._state.sent()
        for thread, _ in sent:
            _join(thread)
        return [delivery for _, delivery in sent]

    @property
    def requests(self) -> list[Request]:
        """The last 10,000 requests, in order, with the refused ones."""
        with self._lock:
            return list(self._requests)

    def configuration(self, **settings: Any) -> Configuration:
        """Return a configuration for calls to this sandbox.

        :param settings: more settings, or replacements: ``api_key="wrong"``
        :raises ApiValueError: the sandbox chooses a free port, and was not started yet
        """
        defaults: dict[str, Any] = {"host": self.host, "api_key": self.api_key}
        return Configuration(**defaults | settings)

    def fail(
        self,
        status: int | None = 503,
        *,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        body: str | bytes | JsonObject | None = None,
        delay: float = 0.0,
        cut: bool = False,
    ) -> None:
        """Script the responses to the next requests. Scripts queue up; after the last one, responses are normal again.

        The event of a request with a scripted status is not recorded. With ``status=None`` the request is processed and
        only the rest of the script applies: ``fail(None, cut=True)`` accepts the event and loses the response.

        :param status: HTTP status, 200 to 599; None for the normal one
        :param times: how many requests, up to 1,000,000
        :param headers: headers to add or to replace. A ``Content-Length`` greater than the body makes an
            incomplete response: the connection is closed after the body
        :param body: text or bytes to send unchanged, or a mapping to send as JSON; default: a JSON object
        :param delay: seconds to wait before the response, up to 3,600
        :param cut: whether to close the connection without a response
        :raises ApiTypeError: an argument has the wrong type
        :raises ApiValueError: a value is out of its range
        """
        _check_type("fail: status", status, int, type(None))
        _check_range("fail: status", 200 if status is None else status, 200, 599)
        _check_type("fail: times", times, int)
        _check_range("fail: times", times, 1, _MAX_TIMES)
        _check_type("fail: delay", delay, int, float)
        _check_range("fail: delay", delay, 0, _MAX_DELAY)
        _check_type("fail: cut", cut, bool)
        script = _Script(status, _script_body(body), _script_headers(headers), delay, cut)
        with self._lock:
            self._scripts.extend(repeat(script, times))

    def score(self, order_id: Text, score: int) -> None:
        """Set the score of an order, now or before it comes. If it had one, the new one is sent as a postback.

        :param order_id: number of the order, in any form that an event takes
        :param score: any whole number; above 70 it is red
        :raises ApiTypeError: an argument has the wrong type
        :raises ApiValueError: the number can't be read
        """
        order = to_text("score: order_id", order_id)
        _check_type("score: score", score, int)
        with self._lock:
            self._state.set_score(order, score)

    def send_action(self, order_id: str, action_type: str, message: str = "") -> Delivery:
        """Send an analyst's decision to the shop, and wait for its response.

        :param order_id: number of the order
        :param action_type: ``approved`` or ``declined``
        :param message: the analyst's remark
        :raises ApiValueError: no ``action_postback`` was registered
        """
        body = {"order_id": order_id, "action_type": action_type, "action_message": message}
        return self._send("action_postback", body)

    def send_shipping_address(self, order_id: str, **address: str) -> Delivery:
        """Send a corrected address to the shop, and wait for its response.

        :param order_id: number of the order
        :param address: ``name``, ``address1``, ``address2``, ``city``, ``region``, ``zipcode``, ``country``
        :raises ApiValueError: no ``shipping_address_postback`` was registered
        """
        return self._send("shipping_address_postback", {"order_id": order_id, "shipping_address": address})

    def send_payment_link(self, order_id: str, status: str = "paid", **payload: str) -> Delivery:
        """Send the state of a payment link to the shop, with the key in the body, and wait for its response.

        :param order_id: number of the order
        :param status: state of the link
        :param payload: ``payment_link``, ``discount``, ``payment_amount``, ``order_amount``
        :raises ApiValueError: no ``url`` was registered
        """
        payload = {"order_id": order_id, "status": status, **payload}
        return self._send("url", {"entity": "payment_link", "payload": payload}, with_header=False)

    def _send(self, kind: str, body: JsonObject, *, with_header: bool = True) -> Delivery:
        with self._lock:
            thread, delivery = self._state.send(kind, body, with_header=with_header)
        _join(thread)
        return delivery

    def clear(self) -> None:
        """Forget the requests, events, decisions and scripts, the orders and scores, the postbacks and their URLs."""
        with self._lock:
            self._requests.clear()
            self._scripts.clear()
            self._state.clear()

    def start(self) -> "Sandbox":
        """Start to serve, unless the sandbox serves already.

        :raises OSError: the port is taken
        """
        if self._server is None:
            self._server = Server(self._port, self._respond)
            self._port = self._server.server_address[1]
        return self

    def close(self) -> None:
        """Close all connections and stop all threads at once. The recorded requests can still be read."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for thread, _ in self._state.sent():
                _join(thread, _JOIN_TIMEOUT)

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _respond(self, request: Request, error: HTTPError | None) -> Response:
        """Decide on a response, and record the request.

        :param error: what is wrong with the HTTP of the request; such a request uses up no script
        """
        if request.path == _openapi.PATH and request.method in ("GET", "HEAD") and not error:
            return Response(200, _openapi.openapi_json(f"http://127.0.0.1:{self._port}"))
        request.authorized = hmac.compare_digest(_pop_key(request), self.api_key.encode())
        with self._lock:
            script = _Script() if error or not self._scripts else self._scripts.popleft()
            if script.status is None:
                response = self._serve(request, error)
            else:
                request.error = "scripted"
                response = json_response(script.status, request.error)
                if not request.authorized:
                    _shorten(request)
            request.status = 0 if script.cut else response.status
            self._requests.append(request)
            if self._on_request:
                self._on_request(request)
        return replace(
            response,
            body=response.body if script.body is None else script.body,
            headers={**response.headers, **script.headers},
            delay=script.delay,
            cut=script.cut,
        )

    def _serve(self, request: Request, error: HTTPError | None) -> Response:
        try:
            if error:
                raise error
            if request.path not in self._routes:
                raise HTTPError(404, "no endpoint at this path")
            method, accept = self._routes[request.path]
            if request.method != method:
                raise HTTPError(405, f"expected {method}, got {request.method[:20]}", {"Allow": method})
            return accept(request)
        except HTTPError as refused:
            request.error = str(refused)
            _shorten(request)
            return refused.response

    def _accept_event(self, model: type[Model], request: Request) -> Response:
        request.event = self._read(model, request, f"the header {API_KEY_HEADER}")
        self._state.record(request.event)
        return json_response(200, f"{model.__name__} received")

    def _accept_decision(self, request: Request) -> Response:
        request.event = self._read(ClientAction, request, "secret in the body")
        return json_response(200, "ClientAction received")

    def _accept_urls(self, request: Request) -> Response:
        urls = self._read(PostbackUrls, request, "secret in the body")
        request.event = urls
        self._state.register(urls)
        return json_response(200, "PostbackUrls received")

    def _serve_score(self, request: Request) -> Response:
        _authorize(request, "api_key in the query")
        score = self._state.score(request.query.get("order_id", ""))
        if score is None:
            request.error = "there is no such order, or no successful transaction yet"
            score = {"msg": request.error}
        return Response(200, json.dumps(score).encode())

    def _read(self, model: type[_M], request: Request, key_place: str) -> _M:
        """Read the body as a model.

        :param key_place: where a request to this path has the API key
        """
        _check_media_type(request)
        _authorize(request, key_place)
        fields = _parse(request.body)
        try:
            encode(model, fields, validate=self._validate)
        except ApiValueError as error:
            raise HTTPError(400, "; ".join(error.problems[:_MAX_PROBLEMS])) from None
        event = model.from_dict(fields)
        request.hints = _hints(event)
        return event


def _check_type(name: str, value: object, *types: type) -> None:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        expected = " or ".join("None" if each is type(None) else each.__name__ for each in types)
        raise ApiTypeError(f"{name}: expected {expected}, got {type(value).__name__}")


def _check_range(name: str, value: float, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:  # false for NaN as well
        raise ApiValueError(f"{name}: must be {lowest}-{highest}, got {value}")


def _check_hook(name: str, hook: object) -> None:
    if hook is not None and not callable(hook):
        raise ApiTypeError(f"{name}: expected a callable or None, got {type(hook).__name__}")


def _script_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    _check_type("fail: headers", headers, Mapping, type(None))
    named = {str(name).title(): str(value) for name, value in (headers or {}).items()}
    for name, value in named.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ApiValueError(f"fail: headers: {name!a} is not a valid header name")
        if not (value.isascii() and value.isprintable()):
            raise ApiValueError(f"fail: headers: the value of {name} must be printable ASCII")
    return named


def _script_body(body: str | bytes | JsonObject | None) -> bytes | None:
    _check_type("fail: body", body, str, bytes, Mapping, type(None))
    try:
        text = json.dumps(dict(body)) if isinstance(body, Mapping) else body
        return text.encode() if isinstance(text, str) else text
    except (TypeError, ValueError, RecursionError) as error:
        raise ApiValueError(f"fail: body: can't be sent ({type(error).__name__})") from None


def _join(thread: Thread | None, timeout: float | None = None) -> None:
    if thread is not None:
        thread.join(timeout)


def _pop_key(request: Request) -> bytes:
    """Remove the API key from a request, and return the one that counts for this path."""
    # Headers were decoded as Latin-1; encoding restores the bytes that were received.
    key = request.headers.get(API_KEY_HEADER, "").strip().encode("latin-1")
    del request.headers[API_KEY_HEADER]
    in_query = request.query.pop("api_key", "")
    if request.path == ScoreApi.path:
        return in_query.encode()
    if request.path not in (ClientActionApi.path, PostbackApi.path):
        return key
    try:
        fields = load(request.body)
        secret = fields.pop("secret", None) if isinstance(fields, dict) else None
        if isinstance(secret, str):
            request.body = json.dumps(fields).encode()
    except (ValueError, RecursionError):  # since CPython 3.14, JSON that can be read may be too deep to be written
        return b""
    return secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else b""


def _shorten(request: Request) -> None:
    """Keep a part of a refused request: anybody on this machine may send it, so it must not fill the memory."""
    request.body = request.body[:_MAX_REFUSED_BODY]
    request.path = request.path[:_MAX_REFUSED_HEAD]
    request.query = dict(_first(request.query.items()))
    kept = _first(request.headers.items())
    for name in set(request.headers):
        del request.headers[name]
    for name, value in kept:
        request.headers[name] = value


def _first(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields that fit into the part of a head that is kept."""
    kept: list[tuple[str, str]] = []
    left = _MAX_REFUSED_HEAD
    for name, value in fields:
        size = len(name) + len(value)
        if size <= left:
            kept.append((name, value))
            left -= size
    return kept


def _authorize(request: Request, key_place: str) -> None:
    if not request.authorized:
        raise HTTPError(401, f"{key_place} is missing, or is not the sandbox's API key")


def _check_media_type(request: Request) -> None:
    """Refuse a body that is not declared as JSON: browsers let any web page send those to this machine."""
    for media_type in request.headers.get_all("Content-Type", []):
        if not _JSON_TYPE.fullmatch(media_type.partition(";")[0].strip()):
            raise HTTPError(415, "Content-Type must be application/json")
    for encoding in request.headers.get_all("Content-Encoding", []):
        if encoding.strip().lower() != "identity":
            advice = {"Accept-Encoding": "identity"}
            raise HTTPError(415, "Content-Encoding must be identity: the sandbox decompresses nothing", advice)


def _hints(event: Model) -> list[str]:
    """Return a hint for each unknown value. It is accepted, but probably misspelt."""
    hints: list[str] = []
    for path, value, nearest in islice(unknown_values(event), _MAX_PROBLEMS):
        advice = f"; did you mean {nearest!r}?" if nearest else ""
        hints.append(f"unknown value {without_emails(value)[:_MAX_SHOWN]!r} for {path.partition('.')[2]}{advice}")
    return hints


def _parse(body: bytes) -> JsonObject:
    try:
        value: Any = load(body)
    except ValueError as error:
        raise HTTPError(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise HTTPError(400, "the body is not a JSON object")
    return cast("JsonObject", value)
