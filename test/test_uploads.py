"""A large event is sent for as long as the service reads it; no reader, however slow, holds a call past its bounds."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import (
    ApiClient,
    ConnectionException,
    CustomInfo,
    OrderStatus,
    OrderStatusApi,
    TimeoutException,
)

from .servers import (
    Authority,
    FaultServer,
    Peer,
    Step,
    Stopwatch,
    in_time,
    latest,
    make_client,
    respond,
    success_within_its_time_out,
)

SIZE = 12 << 20
"""More than what the kernel takes over from a sender (4 MiB) and what is read slowly, together."""
READ_SLOWLY = 7 << 20
EVENT = OrderStatus(user_id="u-42", order_status="_fulfilled", custom_info=CustomInfo({"note": "x" * SIZE}))


class SlowSocket:
    """The server's end of a connection, which takes its time with the first bytes."""

    def __init__(self, sock: socket.socket, pause: float) -> None:
        self._sock = sock
        self._pause = pause
        self._received = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def recv(self, size: int) -> bytes:
        before = self._received
        data = self._sock.recv(min(size, 1 << 16))
        self._received += len(data)
        if self._received < READ_SLOWLY and before >> 17 != self._received >> 17:
            time.sleep(self._pause)
        return data


def read_slowly(pause: float) -> Step:
    """Read the first 7 MiB in 56 pieces, with a pause after each."""

    def step(peer: Peer) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        slow: Any = SlowSocket(peer.sock, pause)
        peer.sock = slow

    return step


def stop_reading(peer: Peer) -> None:
    """Read a part of the event, and nothing more."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    peer.sock.recv(1 << 16)
    peer.closing.wait(60)
    peer.hang_up()


def hang_up_midway(peer: Peer) -> None:
    """Read a part of the event, and reset the connection."""
    peer.sock.recv(1 << 16)
    peer.reset()


@contextlib.contextmanager
def _serve(scheme: str, step: Step, ca_path: Path, **settings: Any) -> Generator[tuple[FaultServer, ApiClient]]:
    authority = Authority() if scheme == "https" else None
    if authority:
        settings["ssl_ca_cert"] = authority.write(str(ca_path))
    with FaultServer(respond(), at_accept=[step] * 8, tls=authority.server() if authority else None) as server:
        with make_client(server.url, **settings) as client:
            yield server, client


SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])


@SCHEMES
@in_time
def test_an_upload_may_take_longer_than_the_connect_timeout(scheme: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"timeout": (0.15, 20.0), "deadline": 40.0, "retries": 0}
    with _serve(scheme, read_slowly(0.0085), tmp_path / "ca.pem", **settings) as (server, client):
        with Stopwatch() as watch, success_within_its_time_out():
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert watch.seconds > 0.15 * 3
        assert [len(request.body) > SIZE for request in server.requests] == [True]


@SCHEMES
@in_time
def test_an_upload_may_take_longer_than_the_read_timeout_which_bounds_each_wait(scheme: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"timeout": (10.0, 0.7), "deadline": 40.0, "retries": 0}
    with _serve(scheme, read_slowly(0.026), tmp_path / "ca.pem", **settings) as (server, client):
        with Stopwatch() as watch, success_within_its_time_out():
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert watch.seconds > 0.7 * 2
        assert len(server.requests) == 1


@SCHEMES
@in_time
def test_a_kept_connection_is_not_bound_by_the_connect_timeout_either(scheme: str, tmp_path: Path) -> None:
    small = OrderStatus(user_id="u-42", order_status="_fulfilled")
    settings: dict[str, Any] = {"timeout": (0.15, 20.0), "deadline": 40.0, "retries": 0}
    with _serve(scheme, read_slowly(0.0085), tmp_path / "ca.pem", **settings) as (server, client):
        with success_within_its_time_out():
            OrderStatusApi(client).order_status(small)
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert (server.connections, len(server.requests)) == (1, 2)


@SCHEMES
def test_a_reader_that_stops_is_a_timeout_after_the_read_timeout(scheme: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"timeout": (15.0, 0.3), "deadline": 30.0, "retries": 0}
    with _serve(scheme, stop_reading, tmp_path / "ca.pem", **settings) as (server, client):
        with Stopwatch() as watch, pytest.raises(TimeoutException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert "within the time-out" in str(caught.value)
        assert 0.3 <= watch.seconds < 10
        assert (caught.value.attempts, server.requests) == (1, [])


def until_the_deadline(client: ApiClient) -> Stopwatch:
    """Run into the deadline, and take the time since the event was written as JSON."""
    watch = Stopwatch()
    client.configuration.on_request = lambda attempt: watch.__enter__()
    with pytest.raises(TimeoutException, match="before the deadline"):
        OrderStatusApi(client).order_status(EVENT)
    watch.__exit__()
    return watch


@SCHEMES
@in_time
def test_a_reader_that_stops_holds_no_call_longer_than_its_deadline(scheme: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"timeout": 20.0, "deadline": 0.3, "retries": 3}
    with _serve(scheme, stop_reading, tmp_path / "ca.pem", **settings) as (_, client):
        until_the_deadline(client).check(latest(0.3))


@SCHEMES
@in_time
def test_a_steady_reader_holds_no_call_longer_than_its_deadline(scheme: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"timeout": 20.0, "deadline": 0.3}
    with _serve(scheme, read_slowly(0.04), tmp_path / "ca.pem", **settings) as (_, client):
        until_the_deadline(client).check(latest(0.3))


@SCHEMES
def test_a_reader_that_hangs_up_is_a_cut_connection(scheme: str, tmp_path: Path) -> None:
    with _serve(scheme, hang_up_midway, tmp_path / "ca.pem", retries=0, deadline=30.0) as (_, client):
        with pytest.raises(ConnectionException, match="was cut") as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert not isinstance(caught.value, TimeoutException)
