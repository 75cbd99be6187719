"""Corners of the transport: whose response it is, whose deadline, and where a request may go."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import ApiException, ApiValueError, Attempt, OrderStatusApi

from .servers import EVENT, Authority, FaultServer, Peer, Proxy, Step, answer, make_client, message


def padded(name: str, size: int) -> bytes:
    """A whole response of so many bytes, head included."""
    empty = len(message(body=b'{"message": "%s", "pad": ""}' % name.encode()))
    for pad in range(size - empty - 8, size - empty + 1):
        response = message(body=b'{"message": "%s", "pad": "%s"}' % (name.encode(), b"x" * pad))
        if len(response) == size:
            return response
    raise AssertionError(size)


def with_forged(size: int) -> Step:
    """Send in one record the response, and a second one that nobody asked for."""

    def step(peer: Peer) -> None:
        peer.send(padded("first", size) + message(body=b'{"message": "forged"}'))

    return step


@pytest.mark.parametrize("size", [4096, 8192, 12288])
def test_a_second_response_through_tls_in_tls_is_nobodys(size: int, tmp_path: Path) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    second = answer(body=b'{"message": "second"}')
    with FaultServer(with_forged(size), second, tls=authority.server("shop.example")) as server:
        with Proxy(server.port, tls=authority.server()) as proxy:
            settings: dict[str, Any] = {"proxy": proxy.url(), "ssl_ca_cert": ca_file}
            with make_client("https://shop.example/event", **settings) as client:
                replies = [OrderStatusApi(client).order_status(EVENT).message for _ in range(2)]
    assert replies == ["first", "second"]


@pytest.mark.parametrize("settings", [{"timeout": None}, {"timeout": (2_073_600, 2_073_600)}])
def test_a_deadline_of_24_days_is_waited_for_over_tls(settings: Any, tmp_path: Path) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    with FaultServer(tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file, deadline=2_073_600, **settings) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_a_call_from_a_hook_has_a_deadline_of_its_own() -> None:
    replies: list[str | None] = []
    with FaultServer() as server, make_client(server.url) as other:

        def hook(attempt: Attempt) -> None:
            time.sleep(0.02)  # longer than the deadline of the call that the hook belongs to
            replies.append(OrderStatusApi(other).order_status(EVENT).message)

        with make_client(server.url, deadline=0.01, on_request=hook) as client, pytest.raises(ApiException):
            OrderStatusApi(client).order_status(EVENT)
    assert replies == ["taken"]


def test_a_name_below_localhost_is_no_loopback() -> None:
    with make_client("http://evil.localhost/event") as client:
        with pytest.raises(ApiValueError, match="http:// would send the API key unencrypted"):
            OrderStatusApi(client).order_status(EVENT)


LONG = "a" * 64 + ".example"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"host": f"https://{LONG}"}, "host: a part of its name"),
        ({"host": "https://shop..example"}, "host: a part of its name"),
        ({"host": "https://shop.example", "proxy": f"http://{LONG}:3128"}, "proxy: a part of its name"),
    ],
)
def test_a_name_that_dns_can_not_hold_is_reported_as_the_setting_that_has_it(settings: Any, problem: str) -> None:
    with make_client(**settings) as client, pytest.raises(ApiValueError, match=problem):
        OrderStatusApi(client).order_status(EVENT)
