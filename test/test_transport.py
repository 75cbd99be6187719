"""Rare cases of the transport: which call a response and a deadline belong to, and where a request may go."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

from thirdwatch_api import (
    ApiException,
    ApiValueError,
    Attempt,
    Configuration,
    ConnectionException,
    OrderStatusApi,
    ScoreApi,
    TimeoutException,
)
from thirdwatch_api.postback import ShippingAddressPostback
from thirdwatch_api.rest import _transport
from thirdwatch_api.rest._connections import keep_deadline, with_deadline
from thirdwatch_api.rest._endpoint import open_endpoint
from thirdwatch_api.rest._timeouts import bounds

from .programs import run_script
from .servers import (
    EVENT,
    Authority,
    Clock,
    FaultServer,
    Peer,
    Proxy,
    Step,
    Then,
    closed_port,
    drip,
    head,
    make_client,
    message,
    raw,
    respond,
)


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
    second = respond(body=b'{"message": "second"}')
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


def test_a_call_waits_for_a_pool_that_another_thread_opens_until_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    opens, may_go_on = threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        opens.set()
        assert may_go_on.wait(20)
        return open_endpoint(*args)

    monkeypatch.setattr(_transport, "open_endpoint", slow)
    with FaultServer() as server, make_client(server.url, deadline=30) as client:
        first: Any = OrderStatusApi(client).order_status(EVENT, callback=print)
        assert opens.wait(20)
        with pytest.raises(TimeoutException, match="another thread did not open"):
            OrderStatusApi(client).order_status(EVENT, _deadline=0.05)
        may_go_on.set()
        assert first.result(20).message == "taken"
        assert server.connections == 1


def test_garbage_in_a_body_over_tls_is_no_response(tmp_path: Path) -> None:
    def garbage(peer: Peer) -> None:
        peer.send(head(200, {"Content-Length": "1000"}) + b"{")
        socket.socket.send(peer.sock, b"\x17\x03\x03\x00\x20" + b"?" * 32)  # a record that was not encrypted
        peer.stall()

    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    with FaultServer(garbage, tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file, retries=0) as client:
            with pytest.raises(ConnectionException) as caught:
                OrderStatusApi(client).order_status(EVENT)
    assert caught.value.status == 0


@pytest.mark.parametrize("through_proxy", [False, True])
def test_a_raw_response_is_read_until_the_deadline_of_its_call(
    through_proxy: bool, clock: Clock, tmp_path: Path
) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    step = drip(b"x" * 1000, 0.05, head(200, {"Content-Length": "1000"}))
    with FaultServer(step, tls=authority.server("127.0.0.1", "shop.example")) as server:
        with Proxy(server.port, tls=authority.server()) as proxy:
            settings: dict[str, Any] = {"ssl_ca_cert": ca_file, "deadline": 60.0, "timeout": 40.0}
            host = server.url
            if through_proxy:
                host, settings["proxy"] = "https://shop.example/event", proxy.url()
            with make_client(host, **settings) as client:
                response: Any = OrderStatusApi(client).order_status(EVENT, _preload_content=False)
                clock.advance(59.8)
                with pytest.raises(HTTPError):
                    response.read()
                response.release_conn()


def test_a_key_among_the_headers_that_is_no_text_is_refused_before_it_is_sent() -> None:
    with make_client("https://shop.example", api_key=None) as client:
        client.set_default_header("X-THIRDWATCH-API-KEY", "canary-\udcff")
        with pytest.raises(ApiValueError, match="api_key: holds bytes that are not UTF-8"):
            ScoreApi(client).score("o-1001")


def test_a_connection_of_a_mock_keeps_no_deadline() -> None:
    keep_deadline(object(), 1.0)


@pytest.mark.parametrize(
    ("policy", "attempts"),
    [
        (Retry(total=False), 1),
        (Retry(3), 1),
        (Retry(5, read=0, allowed_methods=None), 1),
        (Retry(2, allowed_methods=None), 3),
    ],
)
@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_users_policy_decides_about_a_body_that_is_cut(policy: Retry, attempts: int, then: Then) -> None:
    step = raw(head(200, {"Content-Length": "100"}) + b"{", then)
    with FaultServer(step) as server, make_client(server.url, retries=policy) as client:
        client.rest_client.sleep = lambda seconds: None
        with pytest.raises(ConnectionException, match="was cut") as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, len(server.requests)) == (attempts, attempts)


@pytest.mark.parametrize("raised", [KeyboardInterrupt, MemoryError])
def test_an_opening_that_is_interrupted_is_in_no_other_threads_way(
    raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> Any:
        monkeypatch.undo()
        raise raised

    monkeypatch.setattr(_transport, "open_endpoint", interrupted)
    with FaultServer() as server, make_client(server.url) as client:
        with pytest.raises(raised):
            OrderStatusApi(client).order_status(EVENT)
        pending: Any = OrderStatusApi(client).order_status(EVENT, callback=print)
        assert pending.result(20).message == "taken"


HANDLER = """
    import signal, sys
    from thirdwatch_api import ApiClient, Configuration, OrderStatus, OrderStatusApi

    configuration = Configuration(host=sys.argv[1], api_key="k", deadline=20, connection_pool_maxsize=1)
    client = ApiClient(configuration=configuration)
    event = OrderStatus(user_id="u", order_id="o", order_status="_held")
    unread = OrderStatusApi(client).order_status(event, _preload_content=False)
    signal.signal(signal.SIGALRM, lambda *_: client.close())
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    print(OrderStatusApi(client).order_status(event).message)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers of signals on this system")
def test_a_signal_handler_may_close_the_client_whose_call_waits_for_a_place() -> None:
    with FaultServer() as server:
        done = run_script(HANDLER, server.url, warnings=False)
    assert (done.stdout.strip(), done.returncode) == ("taken", 0), done.stderr


def test_a_proxy_that_drips_its_response_to_connect_ends_by_the_deadline() -> None:
    connect = drip(b"HTTP/1.1 200 OK\r\nX-Pad: " + b"x" * 1000, 0.05)
    with Proxy(closed_port(), connect_step=connect) as proxy:
        with make_client("https://shop.example", proxy=proxy.url(), deadline=0.2, retries=0) as client:
            with pytest.raises(TimeoutException, match="before the deadline"):
                OrderStatusApi(client).order_status(EVENT)


def test_a_total_of_the_user_bounds_each_wait_of_an_upload() -> None:
    assert bounds(Timeout(total=0.5), 2.0)[1] == 0.5
    assert bounds(Timeout(total=5), 2.0)[1] == 2.0
    assert bounds(Timeout(connect=1, read=0.25), 2.0)[1] == 0.25


def test_a_socket_checks_the_deadline_in_whichever_way_it_is_read() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.__class__ = with_deadline(type(one))
        other.sendall(b"ab")
        assert (one.recv(1), one.recv_into(bytearray(1))) == (b"a", 1)
        keep_deadline(SimpleNamespace(sock=one), time.monotonic())
        for read in (lambda: one.recv(1), lambda: one.recv_into(bytearray(1)), lambda: one.send(b"c")):
            with pytest.raises(TimeoutError, match="deadline"):
                read()


def test_an_address_that_is_no_object_is_kept_as_it_came() -> None:
    notice = ShippingAddressPostback.from_dict({"order_id": "o-1001", "shipping_address": "77 Canary Wharf"})
    assert notice.shipping_address is None
    assert notice.additional_properties == {"shipping_address": "77 Canary Wharf"}


def test_a_file_for_the_log_is_opened_beside_handlers_of_others(tmp_path: Path) -> None:
    logger, others = logging.getLogger("thirdwatch_api"), logging.NullHandler()
    logger.addHandler(others)
    configuration = Configuration()
    try:
        configuration.logger_file = str(tmp_path / "log")
        assert [type(handler) for handler in logger.handlers] == [logging.NullHandler, logging.FileHandler]
    finally:
        configuration.logger_file = None
        logger.removeHandler(others)
