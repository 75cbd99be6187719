"""The clients that are compared, one function each: it yields what makes one call, from an event to a response."""

import json
import socket
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from typing import Any, TypeAlias

import urllib3

from thirdwatch_api import ApiClient, Configuration, OrderStatus, OrderStatusApi

from .servers import Server

__all__ = ["BARE", "CLIENTS", "OURS", "RAW", "Call", "Client", "bare_pool", "ours"]

Call: TypeAlias = Callable[[], object]
Client: TypeAlias = Callable[[Server], AbstractContextManager[Call]]

CLIENTS: dict[str, Client] = {}
"""All clients that are installed, by name."""

OURS, BARE, RAW = "thirdwatch_api", "urllib3", "socket"

_KEY = "0123456789abcdef"
_HEADERS = {
    "X-THIRDWATCH-API-KEY": _KEY,
    "Accept": "application/json",
    "Content-Type": "application/json",
    "User-Agent": "my-shop/2.1",
}


def _client(name: str, needs: str = "json") -> Callable[[Callable[[Server], Generator[Call, None, None]]], Client]:
    """Give a client its name in the tables; it is left out where the module that it needs is not installed."""

    def register(function: Callable[[Server], Generator[Call, None, None]]) -> Client:
        client = contextmanager(function)
        if find_spec(needs):
            CLIENTS[name] = client
        return client

    return register


def _event() -> dict[str, str]:
    return {"_userId": "u-42", "_orderId": "o-1001", "_orderStatus": "_fulfilled"}


@_client(OURS)
def ours(server: Server) -> Generator[Call, None, None]:
    """All defaults on, and the model made for each call."""
    configuration = Configuration(host=server.base, api_key=_KEY, ssl_ca_cert=server.ca)
    with ApiClient(configuration=configuration) as client:
        api = OrderStatusApi(client)
        yield lambda: api.order_status(OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled"))


@contextmanager
def bare_pool(server: Server, **options: Any) -> Generator[Call, None, None]:
    """What all ratios refer to: the shortest call that one writes by hand, without even the key."""
    with urllib3.PoolManager(**options) as pool:
        url = server.url
        yield lambda: json.loads(pool.request("POST", url, body=json.dumps(_event())).data)


CLIENTS[BARE] = bare_pool


@_client("urllib3, headers")
def urllib3_with_headers(server: Server) -> Generator[Call, None, None]:
    """The same with the headers that the service asks for, which ours sends."""
    with urllib3.PoolManager() as pool:
        url = server.url
        yield lambda: json.loads(pool.request("POST", url, body=json.dumps(_event()), headers=_HEADERS).data)


@_client("http.client")
def http_client(server: Server) -> Generator[Call, None, None]:
    """One connection of the standard library."""
    connection = HTTPConnection(server.host, server.port)

    def call() -> object:
        connection.request("POST", server.path, json.dumps(_event()))
        return json.loads(connection.getresponse().read())

    yield call
    connection.close()


@_client(RAW)
def raw_socket(server: Server) -> Generator[Call, None, None]:
    """The floor: text into a socket, and one read for the response."""
    head = f"POST {server.path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Length: "
    with socket.create_connection((server.host, server.port)) as connection:

        def call() -> object:
            body = json.dumps(_event())
            connection.sendall(f"{head}{len(body)}\r\n\r\n{body}".encode())
            return json.loads(connection.recv(65536).partition(b"\r\n\r\n")[2])

        yield call


@_client("requests", needs="requests")
def requests_session(server: Server) -> Generator[Call, None, None]:
    """One session, as its manual advises."""
    import requests

    with requests.Session() as session:
        url = server.url
        yield lambda: session.post(url, json=_event()).json()


@_client("httpx", needs="httpx")
def httpx_client(server: Server) -> Generator[Call, None, None]:
    """One client, as its manual advises."""
    import httpx

    with httpx.Client() as client:
        url = server.url
        yield lambda: client.post(url, json=_event()).json()
