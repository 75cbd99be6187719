"""No server, however slow, holds a call for longer than its deadline."""

from __future__ import annotations

import gzip
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import urllib3

from thirdwatch_api import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ConnectionException,
    OrderStatusApi,
    ServiceException,
    TimeoutException,
)

from .servers import (
    EVENT,
    OK,
    PATIENCE,
    Authority,
    Clock,
    FaultServer,
    Proxy,
    Step,
    Stopwatch,
    delayed,
    drip,
    eventually,
    full_backlog,
    head,
    in_chunks,
    in_time,
    latest,
    make_client,
    message,
    raw,
    record_waits,
    respond,
    stall,
    success_within_its_time_out,
)

DEADLINE = 0.1
LATEST = latest(DEADLINE)
CHUNKED = {"Transfer-Encoding": "chunked"}
GZIPPED = {"Content-Encoding": "gzip", "Content-Length": "1000"}


def endless_interim(peer: Any) -> None:
    while not peer.closing.wait(0.01):
        peer.send(head(100))


def endless_chunks(peer: Any) -> None:
    peer.send(head(200, CHUNKED))
    while not peer.closing.wait(0.01):
        peer.send(b"1\r\n \r\n")


def endless_trailer(peer: Any) -> None:
    peer.send(head(200, CHUNKED) + b"0\r\n")
    while not peer.closing.wait(0.01):
        peer.send(b"X-More: yes\r\n")


SLOW = {
    "no response": stall,
    "a dripped status line": drip(message(), 0.02),
    "a dripped header": drip(b"X-Slow: " + b"y" * 1000, 0.02, b"HTTP/1.1 200 OK\r\n"),
    "a dripped body": drip(OK, 0.02, head(200, {"Content-Length": str(len(OK))})),
    "a dripped body without a length": drip(OK, 0.02, head(200)),
    "a dripped body of HTTP 1.0": drip(OK, 0.02, head(200, version="1.0")),
    "dripped chunks": drip(in_chunks(OK, 1), 0.02, head(200, CHUNKED)),
    "a dripped chunk size": drip(b"0" * 1000, 0.02, head(200, CHUNKED)),
    "dripped gzip": drip(gzip.compress(OK) * 9, 0.02, head(200, GZIPPED)),
    "endless 100": endless_interim,
    "endless chunks": endless_chunks,
    "an endless trailer": endless_trailer,
    "a stall in the head": raw(b"HTTP/1.1 200 OK\r\n", "stall"),
    "a stall in the body": raw(message()[:-3], "stall"),
}


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
@in_time
def test_a_slow_response_costs_the_deadline_at_most(step: Step) -> None:
    with FaultServer(step) as server, make_client(server.url, deadline=DEADLINE) as client:
        with Stopwatch() as watch, pytest.raises(TimeoutException, match="before the deadline") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert watch.seconds > DEADLINE * 0.9
    watch.check(LATEST)
    assert (caught.value.status, caught.value.attempts) == (0, 1)


@pytest.mark.parametrize(
    "name", ["no response", "a dripped header", "a dripped body", "dripped chunks", "dripped gzip"]
)
@in_time
def test_a_slow_response_over_tls_costs_the_deadline_at_most(name: str, tmp_path: Path) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    with FaultServer(SLOW[name], tls=authority.server()) as server:
        with make_client(server.url, deadline=DEADLINE, ssl_ca_cert=ca_file) as client:
            with Stopwatch() as watch, pytest.raises(TimeoutException):
                OrderStatusApi(client).order_status(EVENT)
    watch.check(LATEST)


@in_time
def test_a_stall_after_a_slow_start_costs_the_deadline_at_most() -> None:
    late = delayed(0.3, raw(message()[:-3], "stall"))
    with FaultServer(late) as server, make_client(server.url, deadline=0.4) as client:
        with Stopwatch() as watch, pytest.raises(TimeoutException):
            OrderStatusApi(client).order_status(EVENT)
    watch.check(latest(0.4))


@in_time
def test_a_tls_handshake_that_never_ends_costs_the_deadline_at_most() -> None:
    with FaultServer(at_accept=[stall]) as server:
        with make_client(server.url.replace("http:", "https:"), deadline=DEADLINE) as client:
            with Stopwatch() as watch, pytest.raises(TimeoutException):
                OrderStatusApi(client).order_status(EVENT)
    watch.check(LATEST)


@in_time
def test_a_dripped_tls_handshake_costs_the_deadline_at_most() -> None:
    with FaultServer(at_accept=[drip(b"\x16\x03\x03\x00\x7a" + b"\x02" * 500, 0.02)]) as server:
        with make_client(server.url.replace("http:", "https:"), deadline=DEADLINE, retries=0) as client:
            with Stopwatch() as watch, pytest.raises(ConnectionException):
                OrderStatusApi(client).order_status(EVENT)
    watch.check(LATEST)


@in_time
def test_a_slow_response_within_a_tunnel_of_tls_in_tls_costs_the_deadline_at_most(tmp_path: Path) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    slow = FaultServer(SLOW["a dripped header"], tls=authority.server("shop.example"))
    with slow as server, Proxy(server.port, tls=authority.server()) as proxy:
        settings: dict[str, Any] = {"ssl_ca_cert": ca_file, "proxy": proxy.url(), "deadline": DEADLINE}
        with make_client("https://shop.example/event", **settings) as client:
            with Stopwatch() as watch, pytest.raises(TimeoutException):
                OrderStatusApi(client).order_status(EVENT)
    watch.check(LATEST)


@in_time
def test_a_server_that_does_not_read_costs_the_deadline_at_most() -> None:
    def never_read(peer: Any) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.closing.wait(PATIENCE)

    event = {"_userId": "u-42", "_orderId": "o" * 8_000_000}  # more than the kernel takes for a peer that does not read
    with Stopwatch() as writing:
        json.dumps(event)
    with FaultServer(at_accept=[never_read]) as server:
        with make_client(server.url, deadline=DEADLINE, client_side_validation=False) as client:
            with Stopwatch() as watch, pytest.raises(TimeoutException):
                OrderStatusApi(client).order_status(event)
    watch.check(LATEST + 5 * writing.seconds)  # the deadline begins when the event is written


@in_time
def test_a_full_backlog_costs_the_deadline_at_most() -> None:
    with full_backlog() as port, make_client(f"http://127.0.0.1:{port}", deadline=DEADLINE) as client:
        with Stopwatch() as watch, pytest.raises(TimeoutException):
            OrderStatusApi(client).order_status(EVENT)
    watch.check(LATEST)


@in_time
def test_a_host_of_many_dead_addresses_costs_the_deadline_and_no_address_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with full_backlog() as port, make_client(f"http://127.0.0.1:{port}", timeout=0.08, deadline=DEADLINE) as client:
        address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: [address] * 20)
        with Stopwatch() as watch, pytest.raises(TimeoutException):
            OrderStatusApi(client).order_status(EVENT)
    watch.check(latest(DEADLINE + 0.08))


@in_time
def test_a_dripped_error_response_costs_the_deadline_and_stays_what_its_status_says() -> None:
    slow = drip(b"x" * 1000, 0.02, head(400, {"Content-Length": "1000"}))
    with FaultServer(slow) as server, make_client(server.url, deadline=DEADLINE) as client:
        with Stopwatch() as watch, success_within_its_time_out(), pytest.raises(BadRequestException):
            OrderStatusApi(client).order_status(EVENT)
    watch.check(LATEST)


def test_attempts_and_the_waits_between_them_share_one_deadline(clock: Clock) -> None:
    def slow(peer: Any) -> None:
        clock.advance(10)
        peer.send(message(503, headers={"Retry-After": "10"}))

    with FaultServer(slow) as server, make_client(server.url, deadline=38, timeout=None) as client:
        client.rest_client.sleep = clock.advance
        with pytest.raises(ServiceException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.attempts == 2  # which end after 30 s: another 10 s are not left


def test_a_503_stays_a_503_when_the_deadline_ends_before_the_next_attempt(clock: Clock) -> None:
    settings: dict[str, Any] = {"deadline": 60, "on_response": lambda attempt: clock.advance(59.9)}
    with FaultServer(respond(503)) as server, make_client(server.url, **settings) as client:
        with pytest.raises(ServiceException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts) == (503, 1)


def test_a_503_stays_a_503_when_the_wait_took_longer_than_it_was_asked_to(clock: Clock) -> None:
    with FaultServer(respond(503)) as server, make_client(server.url, deadline=60) as client:
        client.rest_client.sleep = lambda wait: clock.advance(60)
        with pytest.raises(ServiceException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.status, len(server.requests)) == (503, 1)


def test_each_call_has_a_deadline_of_its_own_on_a_kept_connection(clock: Clock) -> None:
    settings: dict[str, Any] = {"deadline": 60, "idle_timeout": 3600}
    with FaultServer() as server, make_client(server.url, **settings) as client:
        for _ in range(2):
            OrderStatusApi(client).order_status(EVENT)
            clock.advance(61)
        assert (server.connections, len(server.requests)) == (1, 2)


def test_each_call_has_a_deadline_of_its_own_on_a_kept_tunnel_of_tls_in_tls(clock: Clock, tmp_path: Path) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    with FaultServer(tls=authority.server("shop.example")) as server:
        with Proxy(server.port, tls=authority.server()) as proxy:
            settings: dict[str, Any] = {"ssl_ca_cert": ca_file, "proxy": proxy.url(), "deadline": 60}
            with make_client("https://shop.example/event", idle_timeout=3600, **settings) as client:
                for _ in range(2):
                    OrderStatusApi(client).order_status(EVENT)
                    clock.advance(61)
        assert (server.connections, len(server.requests)) == (1, 2)


@in_time
def test_waiting_for_a_connection_counts_towards_the_deadline() -> None:
    settings: dict[str, Any] = {"connection_pool_maxsize": 1, "deadline": PATIENCE, "timeout": None, "retries": 0}
    with FaultServer(stall) as server, make_client(server.url, **settings) as client:
        orders = OrderStatusApi(client)
        stalled: Any = orders.order_status(EVENT, callback=print)
        eventually(lambda: server.requests)
        with Stopwatch() as watch, pytest.raises(TimeoutException, match="in use") as caught:
            orders.order_status(EVENT, _deadline=DEADLINE)
        assert (caught.value.status, caught.value.attempts, len(server.requests)) == (0, 1, 1)
        assert stalled.is_alive()
        server.close()
        stalled.join()
    assert watch.seconds > DEADLINE * 0.9
    watch.check(LATEST)


@in_time
def test_a_deadline_per_call_replaces_the_configurations_for_that_call_alone() -> None:
    with FaultServer(stall, respond()) as server, make_client(server.url, deadline=PATIENCE) as client:
        with Stopwatch() as watch, pytest.raises(TimeoutException):
            OrderStatusApi(client).order_status(EVENT, _deadline=DEADLINE)
        watch.check(LATEST)
        assert client.configuration.deadline == PATIENCE
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


@in_time
def test_the_deadline_holds_for_a_response_that_is_read_by_the_caller(clock: Clock) -> None:
    settings: dict[str, Any] = {"deadline": 60, "timeout": None}
    with FaultServer(raw(message()[:-3], "stall")) as server, make_client(server.url, **settings) as client:
        response: Any = OrderStatusApi(client).order_status(EVENT, _preload_content=False)
        clock.advance(60 - DEADLINE)
        with Stopwatch() as watch, pytest.raises(urllib3.exceptions.HTTPError):
            response.read()
        response.release_conn()
    watch.check(LATEST)


@in_time
def test_the_deadline_holds_for_a_call_with_a_callback() -> None:
    with FaultServer(stall) as server, make_client(server.url, deadline=DEADLINE) as client:
        with Stopwatch() as watch:
            handle: Any = OrderStatusApi(client).order_status(EVENT, callback=print)
            error = handle.exception()
        assert isinstance(error, TimeoutException)
        watch.check(LATEST)


@pytest.mark.parametrize(
    "timeout",
    [
        0.05,
        (0.05, 0.05),
        (None, 0.05),
        (5, 0.05),
        urllib3.Timeout(0.05),
        urllib3.Timeout(read=0.05),
        urllib3.Timeout(total=0.05),
        urllib3.Timeout(connect=5, read=0.05),
    ],
    ids=str,
)
@in_time
def test_a_time_out_bounds_the_wait_for_bytes(timeout: Any) -> None:
    with FaultServer(stall) as server, make_client(server.url, retries=1) as client:
        record_waits(client)
        with Stopwatch() as watch, pytest.raises(TimeoutException, match="within the time-out") as caught:
            OrderStatusApi(client).order_status(EVENT, _request_timeout=timeout)
        assert watch.seconds > 0.09
        watch.check(latest(0.1))
        assert caught.value.attempts == 2


@pytest.mark.parametrize("timeout", [1, 60, 0.25, (60, 60), (None, None), urllib3.Timeout(None), urllib3.Timeout(60)])
@in_time
def test_the_deadline_wins_over_a_longer_time_out(timeout: Any) -> None:
    with FaultServer(stall) as server, make_client(server.url, deadline=DEADLINE, timeout=timeout) as client:
        with Stopwatch() as watch, pytest.raises(TimeoutException, match="before the deadline"):
            OrderStatusApi(client).order_status(EVENT)
        watch.check(LATEST)


@in_time
def test_without_a_time_out_the_deadline_alone_bounds_a_call() -> None:
    with FaultServer(stall) as server, make_client(server.url, deadline=DEADLINE, timeout=None) as client:
        with Stopwatch() as watch, pytest.raises(TimeoutException):
            OrderStatusApi(client).order_status(EVENT, _request_timeout=None)
        watch.check(LATEST)


def test_a_time_out_per_call_is_not_changed_by_calls() -> None:
    timeout = urllib3.Timeout(connect=1, read=2)
    with FaultServer() as server, make_client(server.url) as client:
        for _ in range(3):
            OrderStatusApi(client).order_status(EVENT, _request_timeout=timeout)
    assert (timeout.connect_timeout, timeout.total) == (1, None)


@pytest.mark.parametrize("value", ["5", True, False, -1, 0, float("nan"), float("inf"), (1,), (1, 2, 3), ("1", 2), {}])
@pytest.mark.parametrize("option", ["_request_timeout", "timeout"])
def test_what_is_no_time_out_is_refused_by_name(option: str, value: object) -> None:
    with FaultServer() as server, make_client(server.url) as client:
        wrong: Any = {option: value}
        with pytest.raises(ApiException, match=option) as caught:
            if option == "timeout":
                client.configuration.timeout = wrong["timeout"]
            else:
                OrderStatusApi(client).order_status(EVENT, **wrong)
        assert isinstance(caught.value, (ApiTypeError, ApiValueError))
        assert server.connections == 0


@pytest.mark.parametrize("value", ["5", True, -1, 0, float("nan"), float("inf"), (1, 2)])
def test_what_is_no_deadline_is_refused_by_name(value: object) -> None:
    with FaultServer() as server, make_client(server.url) as client:
        wrong: Any = {"_deadline": value}
        with pytest.raises((ApiTypeError, ApiValueError), match="_deadline"):
            OrderStatusApi(client).order_status(EVENT, **wrong)
        assert server.connections == 0


def test_a_connection_that_is_reset_late_is_not_tried_again_after_the_deadline(clock: Clock) -> None:
    def reset_late(peer: Any) -> None:
        clock.advance(59.9)
        peer.reset()

    with FaultServer(reset_late) as server, make_client(server.url, deadline=60) as client:
        with pytest.raises(ConnectionException) as caught:  # a TimeoutException where the machine took the rest
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, len(server.requests)) == (1, 1)
