"""A shop for tests of the page: it pays for orders, and takes the postbacks that the sandbox sends."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from thirdwatch_api import (
    ApiClient,
    CreateOrder,
    CreateOrderApi,
    PostbackApi,
    PostbackUrls,
    Transaction,
    TransactionApi,
)

__all__ = ["Receiver", "pay", "register"]


class Receiver:
    """A server on this machine that keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/thirdwatch"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def register(client: ApiClient, shop: Receiver) -> None:
    url = shop.url
    urls = PostbackUrls(score_postback=url, action_postback=url, shipping_address_postback=url, url=url)
    PostbackApi(client).register(urls)


def pay(client: ApiClient, order_id: str = "o-1001", amount: str = "8200") -> None:
    CreateOrderApi(client).create_order(CreateOrder(user_id="u-42", order_id=order_id, amount=amount))
    TransactionApi(client).transaction(Transaction(user_id="u-42", order_id=order_id, transaction_status="_success"))
