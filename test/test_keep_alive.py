"""Connections are kept, and one that the server closed in the meantime is replaced without an error."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any

import pytest

from thirdwatch_api import ApiException, Attempt, ConnectionException, OrderStatusApi, TimeoutException

from .servers import (
    EVENT,
    OK,
    PATIENCE,
    Authority,
    Clock,
    FaultServer,
    Step,
    Then,
    closed_port,
    cut,
    eventually,
    make_client,
    message,
    raw,
    record_waits,
    reset,
    respond,
    stall,
)


def test_calls_one_after_the_other_share_one_connection() -> None:
    with FaultServer() as server, make_client(server.url) as client:
        for _ in range(50):
            OrderStatusApi(client).order_status(EVENT)
        assert (server.connections, len(server.requests)) == (1, 50)


@pytest.mark.parametrize("then", ["close", "reset"])
def test_200_calls_to_a_server_that_closes_each_connection_are_200_successes(
    then: Then, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultServer(respond(then=then)) as server, make_client(server.url) as client:
        waits = record_waits(client)
        for _ in range(200):
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert (len(server.requests), waits) == (200, [])
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_kept_connection_that_is_seen_to_be_closed_costs_no_attempt(then: Then) -> None:
    with FaultServer(respond(then=then)) as server, make_client(server.url, retries=0) as client:
        for _ in range(20):
            OrderStatusApi(client).order_status(EVENT)
            eventually(lambda: not server.open_connections)
        assert len(server.requests) == 20


def test_a_response_that_announces_the_end_of_its_connection_costs_no_attempt() -> None:
    with FaultServer(respond(headers={"Connection": "close"}, then="close")) as server:
        with make_client(server.url, retries=0) as client:
            for _ in range(20):
                OrderStatusApi(client).order_status(EVENT)
        assert (server.connections, len(server.requests)) == (20, 20)


@pytest.mark.parametrize("step", [cut, reset])
def test_a_kept_connection_that_is_closed_while_the_event_is_on_its_way_is_replaced_at_once(step: Step) -> None:
    retried: list[Attempt] = []
    with FaultServer(respond(), step, respond()) as server:
        with make_client(server.url, on_retry=retried.append) as client:
            waits = record_waits(client)
            OrderStatusApi(client).order_status(EVENT)
            OrderStatusApi(client).order_status(EVENT)
        assert [request.connection for request in server.requests] == [1, 1, 2]
    assert waits == []
    assert [(attempt.number, attempt.wait) for attempt in retried] == [(1, 0.0)]


def test_a_kept_connection_that_turns_out_closed_counts_as_an_attempt() -> None:
    with FaultServer(respond(), cut) as server, make_client(server.url) as client:
        waits = record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
        with pytest.raises(ConnectionException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, len(server.requests)) == (4, 5)
    assert len(waits) == 2  # the first replacement is at once
    assert 0.2 <= waits[0] <= 0.4  # and the next wait is a first one


def test_a_connection_that_was_kept_between_two_attempts_is_replaced_at_once_too() -> None:
    retried: list[Attempt] = []
    with FaultServer(respond(503), cut, respond()) as server:
        with make_client(server.url, on_retry=retried.append) as client:
            waits = record_waits(client)
            OrderStatusApi(client).order_status(EVENT)
        assert [request.connection for request in server.requests] == [1, 1, 2]
    assert [attempt.wait for attempt in retried] == [*waits, 0.0]
    assert len(waits) == 1


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_after_a_kept_connection_that_was_closed_a_refused_one_is_backed_off_from(
    tls: bool, authority: Authority, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = authority.server() if tls else None
    with FaultServer(respond(), cut, tls=context) as server, make_client(server.url, ssl_ca_cert=ca_file) as client:
        waits = record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
        address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", closed_port()))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [address])
        with pytest.raises(ConnectionException, match="refused") as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, len(server.requests)) == (4, 2)
    assert len(waits) == 2


def test_without_retries_a_kept_connection_that_turns_out_closed_is_a_failure() -> None:
    with FaultServer(respond(), cut, respond()) as server, make_client(server.url, retries=0) as client:
        OrderStatusApi(client).order_status(EVENT)
        with pytest.raises(ConnectionException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, len(server.requests)) == (1, 2)


@pytest.mark.parametrize("step", [stall, raw(message()[: -len(OK)], "close"), respond(503)])
def test_a_kept_connection_that_fails_in_another_way_is_backed_off_from(step: Step) -> None:
    with FaultServer(respond(), step, respond()) as server, make_client(server.url, retries=20) as client:
        waits = record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
        OrderStatusApi(client).order_status(EVENT, _request_timeout=0.15 if step is stall else PATIENCE)
    # A busy machine may need longer than the time-out for the success as well.
    assert len(waits) == 1 or (step is stall and len(waits) > 1)
    assert 0.2 <= waits[0] <= 0.4


def test_when_one_kept_connection_was_closed_its_neighbours_are_not_trusted_either() -> None:
    def together(requests: int) -> Step:
        def wait_for_all(peer: Any) -> None:
            while len(server.requests) < requests:
                peer.closing.wait(0.001)
            peer.send(message())

        return wait_for_all

    def send(count: int) -> None:
        orders = OrderStatusApi(client)
        handles: list[Any] = [orders.order_status(EVENT, callback=lambda result: None) for _ in range(count)]
        for handle in handles:
            handle.result(5)

    steps = [*[together(4)] * 4, cut, respond(), *[together(9)] * 3]
    with FaultServer(*steps) as server, make_client(server.url, callback_threads=4) as client:
        send(4)
        assert server.connections == 4
        send(1)
        send(3)
        assert sorted(request.connection for request in server.requests[5:]) == [5, 5, 6, 7]


def test_a_connection_that_was_idle_for_too_long_is_not_used_again(clock: Clock) -> None:
    with FaultServer() as server, make_client(server.url, idle_timeout=600) as client:
        for pause in (0, 601, 0):
            clock.advance(pause)
            OrderStatusApi(client).order_status(EVENT)
        assert [request.connection for request in server.requests] == [1, 2, 2]


def test_tcp_keep_alive_is_on() -> None:
    with FaultServer() as server, make_client(server.url) as client:
        response: Any = OrderStatusApi(client).order_status(EVENT, _preload_content=False)
        sock = response.connection.sock
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 60
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert response.read() == OK


def test_a_response_that_was_read_by_the_caller_gives_its_connection_back() -> None:
    with FaultServer() as server, make_client(server.url, connection_pool_maxsize=1) as client:
        for _ in range(3):
            response: Any = OrderStatusApi(client).order_status(EVENT, _preload_content=False)
            assert response.read() == OK
        assert server.connections == 1


@pytest.mark.parametrize(
    "step",
    [
        cut,
        stall,
        respond(503),
        respond(400),
        respond(302),
        raw(message()[:-3], "close"),
        raw(b"SSH-2.0\r\n", "close"),
        respond(200, b"x" * 100),
        respond(400, b"x" * 100_000),
    ],
)
def test_after_any_failure_the_one_connection_of_a_pool_is_free_again(step: Step) -> None:
    limits: dict[str, Any] = {"connection_pool_maxsize": 1, "retries": 0, "max_response_size": 50}
    timeout = 0.1 if step is stall else PATIENCE
    with FaultServer(step, step, respond()) as server, make_client(server.url, **limits) as client:
        for _ in range(2):
            with pytest.raises(ApiException) as caught:
                OrderStatusApi(client).order_status(EVENT, _request_timeout=timeout)
            assert "in use" not in str(caught.value)
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_a_closed_client_opens_new_connections_when_it_is_used_again() -> None:
    with FaultServer() as server, make_client(server.url) as client:
        OrderStatusApi(client).order_status(EVENT)
        client.close()
        client.close()
        OrderStatusApi(client).order_status(EVENT)
        assert server.connections == 2


def test_a_call_that_waits_for_a_connection_when_the_client_is_closed_opens_its_own() -> None:
    settings: dict[str, Any] = {"connection_pool_maxsize": 1, "timeout": 60, "deadline": 60, "retries": 0}
    with FaultServer(stall, respond()) as server, make_client(server.url, **settings) as client:
        stuck: Any = OrderStatusApi(client).order_status(EVENT, callback=lambda result: None)
        while not server.requests:
            assert stuck.is_alive()
        waiting: Any = OrderStatusApi(client).order_status(EVENT, callback=lambda result: None)
        time.sleep(0.1)
        assert (len(server.requests), waiting.is_alive()) == (1, True)
        client.rest_client.close()
        assert waiting.result(5).message == "taken"
        server.close()


def test_a_client_that_is_closed_during_a_call_lets_the_call_end() -> None:
    with FaultServer(stall, respond()) as server, make_client(server.url, timeout=0.2, retries=0) as client:
        handle: Any = OrderStatusApi(client).order_status(EVENT, callback=lambda result: None)
        eventually(lambda: server.requests)
        client.rest_client.close()
        error = handle.exception(5)
        assert error is None or isinstance(error, (ConnectionException, TimeoutException))
