"""Sandbox: a local HTTP server that plays the service, for tests without an account or a network.

    with Sandbox() as sandbox:
        orders = OrderStatusApi(ApiClient(configuration=sandbox.configuration()))
        orders.order_status(OrderStatus(user_id="u-42", order_id="o-1001"))
        assert sandbox.events == [OrderStatus(user_id="u-42", order_id="o-1001")]

It scores as well: after create_order and a transaction whose status is ``_success``, an order has the score that
``Sandbox.score`` set, else a hundredth of its amount, 0 to 99. So ``amount="2500"`` scores 25 and is green,
``amount="8200"`` scores 82 and is red, as is everything above 70. It sends postbacks to the URLs of this machine that
PostbackApi registered: the score at once, an analyst's decision by ``Sandbox.send_action``, and so on.

The root of its address is a page: open ``http://127.0.0.1:PORT/`` in a browser to see requests as they come, and to
act on orders. ``Sandbox.connect(url)`` uses a sandbox of another process. ``python -m thirdwatch_api.sandbox`` runs one
in the foreground.
"""

from collections.abc import Callable, Mapping
from threading import Thread

from ..exceptions import ApiValueError
from ..models._encoder import to_text
from ..models._fields import Text
from ..models._model import JsonObject
from . import _openapi
from ._checks import check_hook, check_range, check_type
from ._client import RemoteSandbox
from ._control import Control
from ._http import HTTPError, Request, Response, Server
from ._page import serve_file
from ._records import Records
from ._scripts import ScriptQueue, make_script
from ._service import Service
from ._state import Delivery

__all__ = ["Delivery", "RemoteSandbox", "Request", "Sandbox"]

_MAX_PORT = 65535
_JOIN_TIMEOUT = 1.0  # seconds to wait for a postback when the sandbox is closed


class Sandbox(Records):
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
        check_type("api_key", api_key, str)
        check_type("port", port, int)
        check_range("port", port, 0, _MAX_PORT)
        check_type("client_side_validation", client_side_validation, bool)
        check_hook("on_request", on_request)
        check_hook("on_postback", on_postback)
        self.api_key: str = api_key.strip()
        """The only key that the sandbox accepts."""
        if not self.api_key:
            raise ApiValueError("api_key: must not be empty; the sandbox checks it in each request")
        self._port = port
        self._server: Server | None = None
        self._service = Service(
            self.api_key, validate=client_side_validation, on_request=on_request, on_postback=on_postback
        )
        commands: dict[str, Callable[..., Delivery | None]] = {
            "fail": self.fail,
            "score": self.score,
            "action": self.send_action,
            "address": self.send_shipping_address,
            "payment_link": self.send_payment_link,
            "clear": self.clear,
        }
        self._control = Control(self._service, commands, lambda: self.postbacks, lambda: self.host)

    @classmethod
    def connect(cls, url: str) -> RemoteSandbox:
        """Return a sandbox that runs in another process: what this one's methods do, its methods do there.

        :param url: where its page is: ``http://127.0.0.1:18080``; the path makes no difference
        :raises ApiValueError: the URL is not one of this machine
        :raises ApiException: there is no sandbox
        """
        return RemoteSandbox(url)

    @property
    def host(self) -> str:
        """Value for ``configuration.host``: ``http://127.0.0.1:PORT/event``. A free port is chosen by ``start()``.

        :raises ApiValueError: the sandbox chooses a free port, and was not started yet
        """
        if not self._port:
            raise ApiValueError("start the sandbox first: use `with Sandbox() as sandbox` or `.start()`")
        return f"http://127.0.0.1:{self._port}/event"

    @property
    def postbacks(self) -> list[Delivery]:
        """The last 10,000 postbacks, in order. Reading this waits until all of them were sent."""
        with self._service.lock:
            sent = self._service.state.sent()
        for thread, _ in sent:
            _join(thread)
        return [delivery for _, delivery in sent]

    @property
    def requests(self) -> list[Request]:
        """The last 10,000 requests, in order, with the refused ones."""
        return self._service.requests.since(0)[0]

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
        script = make_script(status, headers, body, delay, cut=cut)
        with self._service.lock:
            self._scripts.add(script, times)
        self._service.watch.touch()

    @property
    def _scripts(self) -> ScriptQueue:
        """The scripts that no request met yet."""
        return self._service.scripts

    def score(self, order_id: Text, score: int) -> None:
        """Set the score of an order, now or before it comes. If it had one, the new one is sent as a postback.

        :param order_id: number of the order, in any form that an event takes
        :param score: any whole number; above 70 it is red
        :raises ApiTypeError: an argument has the wrong type
        :raises ApiValueError: the number can't be read
        """
        order = to_text("score: order_id", order_id)
        check_type("score: score", score, int)
        with self._service.lock:
            self._service.state.set_score(order, score)
        self._service.watch.touch()

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
        with self._service.lock:
            thread, delivery = self._service.state.send(kind, body, with_header=with_header)
        _join(thread)
        return delivery

    def clear(self) -> None:
        """Forget the requests, events, decisions and scripts, the orders and scores, the postbacks and their URLs."""
        self._service.clear()

    def start(self) -> "Sandbox":
        """Start to serve, unless the sandbox serves already.

        :raises OSError: the port is taken
        """
        if self._server is None:
            self._service.watch.begin()
            self._server = Server(self._port, self._respond)
            self._port = self._server.server_address[1]
        return self

    def close(self) -> None:
        """Close all connections and stop all threads at once. The recorded requests can still be read."""
        server, self._server = self._server, None
        if server is not None:
            self._service.watch.end()
            server.close()
            for thread, _ in self._service.state.sent():
                _join(thread, _JOIN_TIMEOUT)

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _respond(self, request: Request, error: HTTPError | None) -> Response:
        """Return the response to a request: the document, a file of the page, or that of the control API or service.

        A request that is refused for its HTTP goes to the service, which records it.
        """
        if not error and request.path == _openapi.PATH and request.method in ("GET", "HEAD"):
            return Response(200, _openapi.openapi_json(f"http://127.0.0.1:{self._port}"))
        own = None if error else serve_file(request) or self._control.respond(request)
        return own or self._service.respond(request, error)


def _join(thread: Thread | None, timeout: float | None = None) -> None:
    if thread is not None:
        thread.join(timeout)
