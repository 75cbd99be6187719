"""A shop for tests of the page, and small servers: it pays for orders, and takes the postbacks of the sandbox."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from thirdwatch_api import (
    ApiClient,
    CreateOrder,
    CreateOrderApi,
    PostbackApi,
    PostbackUrls,
    Transaction,
    TransactionApi,
)

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Receiver", "Reply", "SmallHandler", "SmallServer", "pay", "register"]


class Reply(NamedTuple):
    """What the sandbox sent back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class SmallHandler(BaseHTTPRequestHandler):
    """Sends whole responses, and prints nothing."""

    def reply(self, status: int, body: bytes = b"", media_type: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class SmallServer:
    """A server on this machine, in threads of the test."""

    def __init__(self, handler: type[SmallHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/thirdwatch"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Receiver(SmallServer):
    """A server on this machine that keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.status = 200
        receiver = self

        class Handler(SmallHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.reply(receiver.status)

        super().__init__(Handler)


def register(client: ApiClient, shop: Receiver) -> None:
    url = shop.url
    urls = PostbackUrls(score_postback=url, action_postback=url, shipping_address_postback=url, url=url)
    PostbackApi(client).register(urls)


def pay(client: ApiClient, order_id: str = "o-1001", amount: str = "8200") -> None:
    CreateOrderApi(client).create_order(CreateOrder(user_id="u-42", order_id=order_id, amount=amount))
    TransactionApi(client).transaction(Transaction(user_id="u-42", order_id=order_id, transaction_status="_success"))
