"""Client of the control API: a sandbox in another process, used like one in this process."""

from collections.abc import Mapping
from datetime import datetime
from email.message import Message
from http.client import HTTPConnection, HTTPException
from typing import Any, cast
from urllib.parse import urlsplit

from .._json import load
from ..exceptions import ApiException, ApiTypeError, ApiValueError, ConnectionException, InvalidResponseException
from ..models._encoder import to_text, value_to_json
from ..models._fields import Text
from ..models._model import JsonObject
from ._checks import check_type, is_loopback
from ._control import PREFIX, TOKEN_HEADER
from ._http import Request
from ._records import Records
from ._service import event_models
from ._state import Delivery

__all__ = ["RemoteSandbox"]

_TIMEOUT = 30.0  # seconds; a postback may take some of them


class RemoteSandbox(Records):
    """A sandbox that runs in another process of this machine, with the methods of ``Sandbox``.

    ``Sandbox.connect(url)`` makes it. Each attribute asks the sandbox anew, and a sandbox that was started again at
    the same address is found again.

    :param url: where its page is: ``http://127.0.0.1:18080``; the path makes no difference
    :raises ApiValueError: the URL is not one of this machine
    :raises ApiException: there is no sandbox
    """

    def __init__(self, url: str) -> None:
        self._address = _split(url)
        self._url = "http://{}:{}".format(*self._address)
        self._models = event_models()
        self._token = ""
        self.api_key: str = str(self._read_state()["api_key"])
        """The only key that the sandbox accepts."""

    @property
    def host(self) -> str:
        """Value for ``configuration.host``: ``http://127.0.0.1:PORT/event``."""
        return str(self._read_state()["host"])

    @property
    def requests(self) -> list[Request]:
        """The last 10,000 requests, in order, with the refused ones."""
        found: list[Request] = []
        while True:
            after = found[-1].number if found else 0
            part = self._get(f"requests?after={after}")
            found += [self._to_request(each) for each in part["requests"]]
            if not part["more"]:
                return found

    @property
    def postbacks(self) -> list[Delivery]:
        """The last 10,000 postbacks, in order. Reading this waits until all of them were sent."""
        return [_to_delivery(each) for each in self._get("postbacks")["postbacks"]]

    def fail(
        self,
        status: int | None = 503,
        *,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        body: str | JsonObject | None = None,
        delay: float = 0.0,
        cut: bool = False,
    ) -> None:
        """Script the responses to the next requests, as ``Sandbox.fail`` does. The body can't be bytes."""
        script = {"status": status, "times": times, "headers": headers, "body": body, "delay": delay, "cut": cut}
        self._post("fail", script)

    def score(self, order_id: Text, score: int) -> None:
        """Set the score of an order, as ``Sandbox.score`` does."""
        self._post("score", {"order_id": to_text("score: order_id", order_id), "score": score})

    def send_action(self, order_id: str, action_type: str, message: str = "") -> Delivery:
        """Send an analyst's decision to the shop, as ``Sandbox.send_action`` does."""
        return self._send("action", {"order_id": order_id, "action_type": action_type, "message": message})

    def send_shipping_address(self, order_id: str, **address: str) -> Delivery:
        """Send a corrected address to the shop, as ``Sandbox.send_shipping_address`` does."""
        return self._send("address", {"order_id": order_id, **address})

    def send_payment_link(self, order_id: str, status: str = "paid", **payload: str) -> Delivery:
        """Send the state of a payment link to the shop, as ``Sandbox.send_payment_link`` does."""
        return self._send("payment_link", {"order_id": order_id, "status": status, **payload})

    def clear(self) -> None:
        """Forget the requests, events, decisions and scripts, the orders and scores, the postbacks and their URLs."""
        self._post("clear", {})

    def _send(self, command: str, arguments: JsonObject) -> Delivery:
        return _to_delivery(self._post(command, arguments)["postback"])

    def _read_state(self) -> dict[str, Any]:
        state = self._get("state")
        self._token = str(state["token"])
        return state

    def _get(self, path: str) -> dict[str, Any]:
        return _checked(*self._ask("GET", path))

    def _post(self, command: str, arguments: JsonObject) -> dict[str, Any]:
        body = value_to_json(arguments).encode()
        status, response = self._ask("POST", command, body)
        if status == 403:  # the sandbox was started again
            self._read_state()
            status, response = self._ask("POST", command, body)
        return _checked(status, response)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json", TOKEN_HEADER: self._token} if body is not None else {}
        connection = HTTPConnection(*self._address, timeout=_TIMEOUT)
        connection.set_debuglevel(0)  # else the global debug level of http.client would print personal data
        try:
            connection.request(method, PREFIX + path, body, headers)
            response = connection.getresponse()
            data = response.read()
        except (OSError, HTTPException) as error:
            raise ConnectionException(0, f"no sandbox at {self._url}: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()
        return response.status, self._parse(response.status, data)

    def _parse(self, status: int, data: bytes) -> dict[str, Any]:
        try:
            value = load(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise InvalidResponseException(status, f"this is no sandbox: {self._url}")
        return cast("dict[str, Any]", value)

    def _to_request(self, shown: Mapping[str, Any]) -> Request:
        headers = Message()
        for name, value in shown["headers"]:
            headers[name] = value
        body = shown["body"].encode("utf-8", "surrogateescape")
        model = self._models.get(shown["path"]) if shown["model"] else None
        return Request(
            shown["method"],
            shown["path"],
            headers,
            shown["query"],
            body,
            authorized=shown["authorized"],
            status=shown["status"],
            event=model.from_dict(load(body)) if model else None,
            error=shown["error"],
            hints=shown["hints"],
            number=shown["number"],
            order_id=shown["order_id"],
            time=datetime.fromisoformat(shown["time"]),
            duration=shown["duration"],
        )


def _to_delivery(shown: dict[str, Any]) -> Delivery:
    shown = {**shown, "time": datetime.fromisoformat(shown["time"])}
    return Delivery(**shown)


def _checked(status: int, response: dict[str, Any]) -> dict[str, Any]:
    """Return a response, or raise the error that it holds.

    :raises ApiException: the sandbox refused the request
    """
    if status == 200:
        return response
    kind = response.get("type")
    text = str(response.get("error", "the sandbox refused this"))
    if kind is None:
        raise ApiException(status, text)
    raise (ApiTypeError if kind == ApiTypeError.__name__ else ApiValueError)(text)


def _split(url: str) -> tuple[str, int]:
    """Return host and port of a URL of this machine: the API key must not go elsewhere."""
    check_type("connect: url", url, str)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        host, port = "", 0
    if not url.startswith("http://") or not is_loopback(host):
        raise ApiValueError("connect: expected the URL of a sandbox on this machine, such as http://127.0.0.1:18080")
    return host, port
