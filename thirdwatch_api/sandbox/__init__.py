"""Sandbox: an HTTP server that behaves as the service does, for tests without an account and without a network.

    with Sandbox() as sandbox:
        orders = OrderStatusApi(ApiClient(configuration=sandbox.configuration()))
        orders.order_status(OrderStatus(user_id="u-42", order_id="o-1001"))
        assert sandbox.events == [OrderStatus(user_id="u-42", order_id="o-1001")]

It scores as well: after create_order and a transaction whose status is ``_success``, an order has the score that
``Sandbox.score`` set, else a hundredth of its amount, 0 to 99. So ``amount="2500"`` scores 25 and is green,
``amount="8200"`` scores 82 and is red, as is everything above 70. URLs of this machine that PostbackApi registered
are told: the score at once, an analyst's decision by ``Sandbox.send_action``, and so on.

``python -m thirdwatch_api.sandbox`` runs it in the foreground.
"""

import hmac
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import repeat
from threading import RLock
from typing import Any, NamedTuple, TypeVar, cast

from .._json import load
from .._lazy import load as load_module
from ..apis.client_action_api import ClientActionApi
from ..apis.postback_api import PostbackApi
from ..apis.score_api import ScoreApi
from ..configuration import API_KEY_HEADER, Configuration
from ..exceptions import ApiValueError
from ..models._encoder import encode
from ..models._model import JsonObject, Model
from ..models._plain import Plain
from ..models.client_action import ClientAction
from ..models.postback_urls import PostbackUrls
from ._http import Answer, Refusal, Request, Server, say
from ._state import Delivery, ServiceState

__all__ = ["Delivery", "Request", "Sandbox"]

_M = TypeVar("_M", bound=Model)

_MAX_TIMES = 1_000_000
_MAX_DELAY = 3600  # seconds
_MAX_PROBLEMS = 20
_PATIENCE = 1.0  # seconds


class _Script(NamedTuple):
    """What changes about the answer to one request; by default nothing."""

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    delay: float = 0.0
    cut: bool = False


class Sandbox:
    """Serve the API on a loopback port, in threads of this process, until it is closed.

    It accepts what ``client_side_validation`` lets pass and refuses the rest with 400. It may be started again
    after ``close()``, on the same port.

    :param api_key: the only key that it accepts
    :param port: TCP port on 127.0.0.1; 0 takes a free one
    :param on_request: called with each request before the answer is sent, one at a time
    :param on_postback: called with each postback after it was sent, one at a time
    :raises ApiValueError: the key is empty
    """

    def __init__(
        self,
        api_key: str = "sandbox-key",
        port: int = 0,
        *,
        on_request: Callable[[Request], object] | None = None,
        on_postback: Callable[[Delivery], object] | None = None,
    ) -> None:
        self.api_key: str = api_key.strip()
        """The only key that it accepts."""
        if not self.api_key:
            raise ApiValueError("api_key: the sandbox needs one, to tell who may call it")
        self._port = port
        self._on_request = on_request
        self._lock = RLock()  # reentrant, for an on_request that looks at the sandbox
        self._requests: list[Request] = []
        self._scripts: deque[_Script] = deque()
        self._server: Server | None = None
        apis = load_module("..apis", __package__)
        self._routes: dict[str, tuple[str, Callable[[Request], Answer]]] = {
            f"/event{api.path}": ("POST", partial(self._take_event, api.model))
            for api in (getattr(apis, name) for name in apis.__all__)
            if not api.at_root
        }
        self._routes[ScoreApi.path] = ("GET", self._tell_score)
        self._routes[ClientActionApi.path] = ("POST", self._take_decision)
        self._routes[PostbackApi.path] = ("POST", self._take_urls)
        self._state = ServiceState(self.api_key, on_postback)

    @property
    def host(self) -> str:
        """What ``configuration.host`` wants: ``http://127.0.0.1:PORT/event``. It is known from ``start()`` on."""
        return f"http://127.0.0.1:{self._port}/event"

    @property
    def events(self) -> list[Model]:
        """The events that were accepted, in order; numbers and times in text fields are text by now."""
        taken = (request.event for request in self.requests)
        return [event for event in taken if event is not None and not isinstance(event, Plain)]

    @property
    def decisions(self) -> list[ClientAction]:
        """The decisions of the shop that were accepted, in order."""
        return [request.event for request in self.requests if isinstance(request.event, ClientAction)]

    @property
    def postbacks(self) -> list[Delivery]:
        """The postbacks that were sent, in order. It waits for those that are under way."""
        with self._lock:
            sent = self._state.sent()
        for thread, _ in sent:
            thread.join()
        return [delivery for _, delivery in sent]

    @property
    def requests(self) -> list[Request]:
        """All requests, in order, refused ones included."""
        with self._lock:
            return list(self._requests)

    def configuration(self, **settings: Any) -> Configuration:
        """Make a configuration whose calls end here.

        :param settings: further settings, or other ones: ``api_key="wrong"``
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
        """Script what the next requests meet, whatever they ask for. Scripts queue up; behind them service is normal.

        A request that meets a status is not recorded as an event. With ``status=None`` the service does its work and
        only the rest of the script applies: ``fail(None, cut=True)`` takes the event and loses the answer.

        :param status: HTTP status, 200 to 599; None for what the service would answer
        :param times: how many requests
        :param headers: headers to add or to replace. A ``Content-Length`` above that of the body makes an answer that
            breaks off: the connection is closed behind the body
        :param body: text or bytes to answer as they are, or a mapping to answer as JSON; default: some JSON object
        :param delay: seconds to wait before the answer
        :param cut: whether to close the connection without a byte of an answer
        :raises ApiValueError: a value is out of its range
        """
        if not ((status is None or 200 <= status <= 599) and 1 <= times <= _MAX_TIMES and 0 <= delay <= _MAX_DELAY):
            ranges = f"times 1 to {_MAX_TIMES}, delay 0 to {_MAX_DELAY} seconds"
            raise ApiValueError(f"fail: status must be None or 200 to 599, {ranges}")
        named = {str(name).title(): str(value) for name, value in (headers or {}).items()}
        if not all(text.isascii() and text.isprintable() for pair in named.items() for text in pair):
            raise ApiValueError("fail: headers must be printable ASCII")
        text = json.dumps(dict(body)) if isinstance(body, Mapping) else body
        data = text.encode() if isinstance(text, str) else text
        with self._lock:
            self._scripts.extend(repeat(_Script(status, data, named, delay, cut), times))

    def score(self, order_id: str, score: int) -> None:
        """Set the score of an order, now or before it comes. If it had one, a postback tells the new one.

        :param order_id: number of the order
        :param score: any whole number; above 70 it is red
        """
        with self._lock:
            self._state.script(order_id, score)

    def send_action(self, order_id: str, action_type: str, message: str = "") -> Delivery:
        """Tell the shop what an analyst decided, and wait for its answer.

        :param order_id: number of the order
        :param action_type: ``approved`` or ``declined``
        :param message: the analyst's remark
        :raises ApiValueError: no ``action_postback`` was registered
        """
        body = {"order_id": order_id, "action_type": action_type, "action_message": message}
        return self._send("action_postback", body)

    def send_shipping_address(self, order_id: str, **address: str) -> Delivery:
        """Tell the shop a corrected address, and wait for its answer.

        :param order_id: number of the order
        :param address: ``name``, ``address1``, ``address2``, ``city``, ``region``, ``zipcode``, ``country``
        :raises ApiValueError: no ``shipping_address_postback`` was registered
        """
        return self._send("shipping_address_postback", {"order_id": order_id, "shipping_address": address})

    def send_payment_link(self, order_id: str, status: str = "paid", **payload: str) -> Delivery:
        """Tell the shop about a payment link, with the key in the body, and wait for its answer.

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
        thread.join()
        return delivery

    def clear(self) -> None:
        """Forget the requests, the events and the scripts; the orders, postbacks and their URLs as well."""
        with self._lock:
            self._requests.clear()
            self._scripts.clear()
            self._state.clear()

    def start(self) -> "Sandbox":
        """Begin to serve, unless it does already.

        :raises OSError: the port is taken
        """
        if self._server is None:
            self._server = Server(self._port, self._judge)
            self._port = self._server.server_address[1]
        return self

    def close(self) -> None:
        """End all connections and threads at once, whatever they do. What came can still be read."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for thread, _ in self._state.sent():
                thread.join(_PATIENCE)

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _judge(self, request: Request, refusal: Refusal | None) -> Answer:
        """Decide on an answer, and keep the request.

        :param refusal: what is wrong with the framing of the request; no script is spent on it
        """
        request.authorized = hmac.compare_digest(_take_key(request), self.api_key.encode())
        with self._lock:
            script = _Script() if refusal or not self._scripts else self._scripts.popleft()
            if script.status is None:
                answer = self._serve(request, refusal)
            else:
                request.error = "scripted"
                answer = say(script.status, request.error)
            request.status = 0 if script.cut else answer.status
            self._requests.append(request)
            if self._on_request:
                self._on_request(request)
        return replace(
            answer,
            body=answer.body if script.body is None else script.body,
            headers={**answer.headers, **script.headers},
            delay=script.delay,
            cut=script.cut,
        )

    def _serve(self, request: Request, refusal: Refusal | None) -> Answer:
        try:
            if refusal:
                raise refusal
            if request.path not in self._routes:
                raise Refusal(404, "there is nothing at this path")
            method, take = self._routes[request.path]
            if request.method != method:
                raise Refusal(405, f"this takes {method}, not {request.method}", {"Allow": method})
            return take(request)
        except Refusal as error:
            request.error = str(error)
            return error.answer

    def _take_event(self, model: type[Model], request: Request) -> Answer:
        request.event = _read(model, request, f"the header {API_KEY_HEADER}")
        self._state.take(request.event)
        return say(200, f"{model.__name__} received")

    def _take_decision(self, request: Request) -> Answer:
        request.event = _read(ClientAction, request, "secret in the body")
        return say(200, "ClientAction received")

    def _take_urls(self, request: Request) -> Answer:
        urls = _read(PostbackUrls, request, "secret in the body")
        request.event = urls
        self._state.register(urls)
        return say(200, "PostbackUrls received")

    def _tell_score(self, request: Request) -> Answer:
        _authorize(request, "api_key in the query")
        verdict = self._state.judge(request.query.get("order_id", ""))
        if verdict is None:
            request.error = "there is no such order, or no successful transaction yet"
            verdict = {"msg": request.error}
        return Answer(200, json.dumps(verdict).encode())


def _take_key(request: Request) -> bytes:
    """Take the API key out of a request, and return what stood where this path has it."""
    # Headers were read as Latin-1: encoded so, they are the bytes that came.
    key = request.headers.get(API_KEY_HEADER, "").strip().encode("latin-1")
    del request.headers[API_KEY_HEADER]
    in_query = request.query.pop("api_key", "")
    if request.path == ScoreApi.path:
        return in_query.encode()
    if request.path not in (ClientActionApi.path, PostbackApi.path):
        return key
    try:
        fields = load(request.body)
    except ValueError:
        return b""
    secret = fields.pop("secret", None) if isinstance(fields, dict) else None
    if not isinstance(secret, str):
        return b""
    request.body = json.dumps(fields).encode()
    return secret.encode("utf-8", "surrogatepass")


def _authorize(request: Request, where: str) -> None:
    if not request.authorized:
        raise Refusal(401, f"{where} is missing, or its key is not the sandbox's")


def _read(model: type[_M], request: Request, where: str) -> _M:
    _authorize(request, where)
    fields = _parse(request.body)
    try:
        encode(model, fields)
    except ApiValueError as error:
        raise Refusal(400, "; ".join(error.problems[:_MAX_PROBLEMS])) from None
    return model.from_dict(fields)


def _parse(body: bytes) -> JsonObject:
    try:
        value: Any = load(body)
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refusal(400, "the body is not a JSON object")
    return cast("JsonObject", value)
