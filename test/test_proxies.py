"""Calls through real proxies: tunnels for https, forwarding for http, credentials that nobody else sees."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import Any

import pytest

from thirdwatch_api import (
    ApiException,
    ApiValueError,
    BadRequestException,
    ConnectionException,
    InvalidResponseException,
    OrderStatusApi,
    TimeoutException,
    TLSException,
)

from .servers import (
    EVENT,
    KEY,
    OK,
    Authority,
    FaultServer,
    Proxy,
    Stopwatch,
    closed_port,
    cut,
    full_backlog,
    head,
    in_time,
    latest,
    make_client,
    message,
    raw,
    record_waits,
    respond,
    stall,
)

HOST = "shop.example"
URL = f"https://{HOST}/event"


def test_https_goes_through_a_tunnel_that_sees_neither_key_nor_event(authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server(HOST)) as server, Proxy(server.port) as proxy:
        with make_client(URL, proxy=proxy.url(), ssl_ca_cert=ca_file) as client:
            for _ in range(3):
                assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        # Python says HTTP/1.0 here before 3.12.
        assert [request.line.rpartition("/")[0] for request in proxy.seen] == [f"CONNECT {HOST}:443 HTTP"]
        assert KEY.encode() not in proxy.seen[0].raw + proxy.tunnelled
        assert server.requests[0].line == "POST /event/v1/order_status HTTP/1.1"
        assert server.requests[0].headers["x-thirdwatch-api-key"] == KEY


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("user:pass-canary", "user:pass-canary"),
        ("us%40er:p%3Aa%2Fss", "us@er:p:a/ss"),
        ("user:", "user:"),
    ],
)
def test_credentials_are_shown_to_the_proxy_alone(given: str, meant: str, authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server(HOST)) as server, Proxy(server.port, credentials=meant) as proxy:
        with make_client(URL, proxy=proxy.url(given), ssl_ca_cert=ca_file) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("tls", [False, True])
def test_credentials_show_in_no_log_and_no_error(
    tls: bool, authority: Authority, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host = URL if tls else f"http://{HOST}/event"
    context = authority.server(HOST) if tls else None
    shown: list[str] = []
    with FaultServer(respond(), respond(400), tls=context) as server, Proxy(server.port, "user:pass-canary") as proxy:
        for credentials in ("user:pass-canary", "user:pass-canary", "user:wrong-canary"):
            settings: dict[str, Any] = {"proxy": proxy.url(credentials), "ssl_ca_cert": ca_file, "debug": True}
            with make_client(host, allow_insecure_http=True, **settings) as client:
                record_waits(client)
                shown.append(repr(client.configuration) + client.configuration.to_debug_report() + repr(client))
                try:
                    OrderStatusApi(client).order_status(EVENT)
                except ApiException as error:
                    shown += traceback.format_exception(error)
    shown += [record.getMessage() + (record.exc_text or "") for record in caplog.records]
    for canary in ("canary", base64.b64encode(b"user:pass-canary").decode()):
        assert [text for text in shown if canary in text.replace(KEY, "the key")] == []
    assert KEY not in "".join(shown)


def test_http_is_forwarded_with_the_whole_url(caplog: pytest.LogCaptureFixture) -> None:
    with FaultServer() as server, Proxy(server.port, "user:pass") as proxy:
        settings: dict[str, Any] = {"proxy": proxy.url("user:pass"), "allow_insecure_http": True}
        with make_client(f"http://{HOST}:8080/event", **settings) as client:
            for _ in range(2):
                assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert proxy.seen[0].line == f"POST http://{HOST}:8080/event/v1/order_status HTTP/1.1"
        assert proxy.seen[0].headers["host"] == f"{HOST}:8080"
        assert proxy.connections == 1
        assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_may_itself_speak_tls(secure: bool, authority: Authority, ca_file: str) -> None:
    context = authority.server(HOST) if secure else None
    host = URL if secure else f"http://{HOST}/event"
    with FaultServer(tls=context) as server, Proxy(server.port, tls=authority.server()) as proxy:
        settings: dict[str, Any] = {"proxy": proxy.url(), "ssl_ca_cert": ca_file, "allow_insecure_http": True}
        with make_client(host, **settings) as client:
            for _ in range(3):
                assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert (proxy.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_over_tls_that_is_not_trusted_is_refused(secure: bool, authority: Authority, ca_file: str) -> None:
    context = authority.server(HOST) if secure else None
    host = URL if secure else f"http://{HOST}/event"
    with FaultServer(tls=context) as server, Proxy(server.port, tls=Authority().server()) as proxy:
        settings: dict[str, Any] = {"proxy": proxy.url(), "ssl_ca_cert": ca_file, "allow_insecure_http": True}
        with make_client(host, **settings) as client:
            record_waits(client)
            with pytest.raises(ConnectionException):
                OrderStatusApi(client).order_status(EVENT)
        assert (proxy.seen, server.connections) == ([], 0)


def test_the_service_has_to_prove_who_it_is_through_a_tunnel_too(authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server("other.example")) as server, Proxy(server.port) as proxy:
        with make_client(URL, proxy=proxy.url(), ssl_ca_cert=ca_file) as client:
            with pytest.raises(TLSException, match="for another host") as caught:
                OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, server.requests) == (1, [])


def test_a_response_through_a_tunnel_is_the_services(authority: Authority, ca_file: str) -> None:
    with FaultServer(respond(400, b'{"error": "no"}'), tls=authority.server(HOST)) as server:
        with Proxy(server.port) as proxy, make_client(URL, proxy=proxy.url(), ssl_ca_cert=ca_file) as client:
            with pytest.raises(BadRequestException):
                OrderStatusApi(client).order_status(EVENT)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_the_environment_names_the_proxy(
    variable: str, authority: Authority, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(tls=authority.server(HOST)) as server, Proxy(server.port, "user:pass") as proxy:
        monkeypatch.setenv(variable, proxy.url("user:pass"))
        with make_client(URL, ssl_ca_cert=ca_file) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert proxy.connections == 1


def test_http_proxy_of_the_environment_is_for_http_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer() as server, Proxy(server.port) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url())  # urllib.request reads HTTP_PROXY too, but not where CGI is
        with make_client(f"http://{HOST}", allow_insecure_http=True) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        with make_client("https://nowhere.invalid", retries=0) as client:
            with pytest.raises(ConnectionException, match="no such host"):
                OrderStatusApi(client).order_status(EVENT)
        assert proxy.connections == 1


@pytest.mark.parametrize("exception", ["nowhere.invalid", ".invalid", "other.example,nowhere.invalid", "*"])
def test_no_proxy_of_the_environment_is_heeded(exception: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(closed_port()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        monkeypatch.setenv("NO_PROXY", exception)
        with make_client("https://nowhere.invalid", retries=0) as client:
            with pytest.raises(ConnectionException, match="no such host"):
                OrderStatusApi(client).order_status(EVENT)
        assert proxy.connections == 0


def test_an_empty_proxy_opts_out_of_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(closed_port()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        with make_client("https://nowhere.invalid", retries=0, proxy="") as client:
            with pytest.raises(ConnectionException, match="no such host"):
                OrderStatusApi(client).order_status(EVENT)
        assert proxy.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_never_proxied(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(host=host) as server, Proxy(server.port) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url())
        for configured in (proxy.url(), None):
            with make_client(server.url, proxy=configured) as client:
                assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert proxy.connections == 0


def test_a_proxy_that_refuses_the_credentials_says_so(authority: Authority) -> None:
    with FaultServer(tls=authority.server(HOST)) as server, Proxy(server.port, "user:right") as proxy:
        with make_client(URL, proxy=proxy.url("user:wrong")) as client:
            record_waits(client)
            with pytest.raises(
                ConnectionException, match=r"the proxy 127\.0\.0\.1:\d+ did not connect to .*407"
            ) as caught:
                OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.status, server.connections) == (0, 0)


def test_what_a_proxy_says_when_it_refuses_is_not_repeated() -> None:
    refuse = raw(head("HTTP/1.1 407 canary", {"Content-Length": "0"}), "close")
    with Proxy(closed_port(), connect_step=refuse) as proxy:
        with make_client(URL, proxy=proxy.url(), retries=0) as client:
            with pytest.raises(ConnectionException, match="407 Proxy Authentication Required") as caught:
                OrderStatusApi(client).order_status(EVENT)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_dead_proxy_is_named_as_the_cause() -> None:
    with make_client(URL, proxy=f"http://127.0.0.1:{closed_port()}") as client:
        waits = record_waits(client)
        with pytest.raises(ConnectionException, match=r"proxy .* can't be reached") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts, len(waits)) == (0, 4, 3)


def test_a_proxy_that_nobody_knows_is_named_as_the_cause() -> None:
    with make_client(URL, proxy="http://nowhere.invalid:3128", retries=0) as client:
        with pytest.raises(ConnectionException, match="name of the proxy can't be resolved"):
            OrderStatusApi(client).order_status(EVENT)


def test_a_proxy_that_lets_nobody_in_is_named_as_the_cause() -> None:
    with full_backlog() as port, make_client(URL, proxy=f"http://127.0.0.1:{port}", timeout=0.1, retries=0) as client:
        with pytest.raises(
            ConnectionException, match=rf"the proxy 127\.0\.0\.1:{port} did not connect .* within the time-out"
        ):
            OrderStatusApi(client).order_status(EVENT)


def test_a_response_that_makes_no_sense_through_tls_in_tls_is_reported_as_any_other(
    authority: Authority, ca_file: str
) -> None:
    confused = raw(head(200, {"Content-Length": "20, 21"}) + OK, "close")
    with (
        FaultServer(confused, tls=authority.server(HOST)) as server,
        Proxy(server.port, tls=authority.server()) as proxy,
    ):
        with make_client(URL, proxy=proxy.url(), ssl_ca_cert=ca_file) as client:
            with pytest.raises(InvalidResponseException, match="Content-Length"):
                OrderStatusApi(client).order_status(EVENT)


@in_time
def test_a_proxy_that_never_responds_costs_the_deadline_at_most() -> None:
    with Proxy(closed_port(), connect_step=stall) as proxy:
        with make_client(URL, proxy=proxy.url(), deadline=0.3) as client:
            with Stopwatch() as watch, pytest.raises(TimeoutException):
                OrderStatusApi(client).order_status(EVENT)
    watch.check(latest(0.3))


def test_a_proxy_that_does_not_respond_within_the_time_out_is_tried_again() -> None:
    with Proxy(closed_port(), connect_step=stall) as proxy:
        with make_client(URL, proxy=proxy.url(), timeout=0.1, retries=1) as client:
            record_waits(client)
            with pytest.raises(ConnectionException, match="within the time-out") as caught:
                OrderStatusApi(client).order_status(EVENT)
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    "step",
    [
        cut,
        raw(b"SSH-2.0\r\n", "close"),
        raw(message(502), "close"),
        raw(message(200)[:9], "close"),
        raw(b"HTTP/1.1 200 Fine\r\n\r\n", "close"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_a_connection_exception(step: Any) -> None:
    with Proxy(closed_port(), connect_step=step) as proxy:
        with make_client(URL, proxy=proxy.url()) as client:
            waits = record_waits(client)
            with pytest.raises(ConnectionException) as caught:
                OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts, len(waits)) == (0, 4, 3)


@pytest.mark.parametrize(
    "proxy", ["http://user:canary@[::1", "http://user:canary@host:99999", "ftp://user:canary@host", "socks5://canary"]
)
def test_what_is_no_proxy_is_refused_without_being_shown(proxy: str) -> None:
    with make_client(URL, proxy=proxy) as client:
        with pytest.raises(ApiValueError, match="proxy") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_proxy_may_be_given_without_a_scheme(authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server(HOST)) as server, Proxy(server.port) as proxy:
        with make_client(URL, proxy=f"127.0.0.1:{proxy.port}", ssl_ca_cert=ca_file) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
