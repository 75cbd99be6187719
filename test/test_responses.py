"""Every response ends in an EventResponse or in the right exception, and none is read beyond bounds."""

from __future__ import annotations

import gzip
import http.client
import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest

from thirdwatch_api import (
    ApiException,
    BadRequestException,
    ConnectionException,
    EventResponse,
    InvalidResponseException,
    NotFoundException,
    OrderStatusApi,
    RedirectException,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
)
from thirdwatch_api.rest import Request

from .servers import (
    EVENT,
    KEY,
    OK,
    FaultServer,
    Step,
    gzip_bomb,
    head,
    in_chunks,
    make_client,
    raw,
    record_waits,
    respond,
)

JSON = b'{"message": "taken", "error": "refused"}'
GZIP = {"Content-Encoding": "gzip"}
CHUNKED = {"Transfer-Encoding": "chunked"}
LIMIT = 1 << 20


@cache
def bomb() -> bytes:
    return gzip_bomb(64)


class Body(NamedTuple):
    step: Callable[[int], Step]
    success: type
    """What a 200 with this body comes to."""
    text: str | None
    """What ``error.body`` holds for an error with it; None for no matter what."""
    readable: bool = False
    """Whether it is JSON with a message."""


BODIES = {
    "empty": Body(lambda s: respond(s, b""), InvalidResponseException, ""),
    "HTML": Body(
        lambda s: respond(s, b"<html>502</html>", {"Content-Type": "text/html"}),
        InvalidResponseException,
        "<html>502</html>",
    ),
    "list": Body(lambda s: respond(s, b"[1, 2]"), InvalidResponseException, "[1, 2]"),
    "truncated JSON": Body(lambda s: respond(s, JSON[:-5]), InvalidResponseException, JSON[:-5].decode()),
    "bad UTF-8": Body(lambda s: respond(s, b'{"message": "\xff"}'), InvalidResponseException, '{"message": "\ufffd"}'),
    "wrong content type": Body(
        lambda s: respond(s, JSON, {"Content-Type": "text/plain"}), EventResponse, JSON.decode(), readable=True
    ),
    "gzip": Body(lambda s: respond(s, gzip.compress(JSON), GZIP), EventResponse, JSON.decode(), readable=True),
    "broken gzip": Body(lambda s: respond(s, b"\x1f\x8b" + JSON, GZIP), InvalidResponseException, ""),
    "gzip bomb": Body(lambda s: respond(s, bomb(), GZIP), InvalidResponseException, None),
    "chunked": Body(lambda s: raw(head(s, CHUNKED) + in_chunks(JSON)), EventResponse, JSON.decode(), readable=True),
    "cut chunk": Body(lambda s: raw(head(s, CHUNKED) + in_chunks(JSON)[:20], "close"), ConnectionException, None),
}
ERRORS: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    404: NotFoundException,
    429: TooManyRequestsException,
    500: ServiceException,
    503: ServiceException,
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("status", ERRORS)
def test_an_error_is_what_its_status_says_whatever_its_body(status: int, name: str) -> None:
    body = BODIES[name]
    with FaultServer(body.step(status)) as server, make_client(server.url, max_response_size=LIMIT) as client:
        record_waits(client)
        with pytest.raises(ApiException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    error = caught.value
    assert (type(error), error.status) == (ERRORS[status], status)
    assert error.attempts == (4 if status in (429, 503) else 1)
    assert error.headers is not None
    assert body.text is None or error.body == body.text
    assert len(error.body or "") <= LIMIT
    if body.readable:
        assert error.error_response is not None
        assert "refused" in str(error)
    assert len(str(error)) < 500


@pytest.mark.parametrize("name", BODIES)
def test_a_200_is_a_success_only_when_its_body_is_a_json_object(name: str) -> None:
    body = BODIES[name]
    with FaultServer(body.step(200)) as server, make_client(server.url, max_response_size=LIMIT) as client:
        record_waits(client)
        if body.success is EventResponse:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        else:
            with pytest.raises(body.success) as caught:
                OrderStatusApi(client).order_status(EVENT)
            error = caught.value
            assert isinstance(error, ApiException)
            assert error.status == (0 if isinstance(error, ConnectionException) else 200)
            assert error.attempts == (4 if isinstance(error, ConnectionException) else 1)


@pytest.mark.parametrize("name", BODIES)
def test_a_204_is_a_success_without_a_message_whatever_follows(name: str) -> None:
    with FaultServer(BODIES[name].step(204), respond()) as server, make_client(server.url) as client:
        result = OrderStatusApi(client).order_status_with_http_info(EVENT)
        assert (result.status, result.data) == (204, EventResponse())
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", None),
        (b'{"message": "a"}', "a"),
        (b'{"status": "b"}', "b"),
        (b'{"message": null}', None),
        (b' \r\n{"message": "a"}\n', "a"),
        (b'\xef\xbb\xbf{"message": "a"}', "a"),
        ('{"message": "\u0939\u093f"}'.encode(), "\u0939\u093f"),
        (b'{"message": "a", "more": [1, {"x": null}]}', "a"),
    ],
)
def test_an_object_is_a_success_with_or_without_a_message(body: bytes, message: str | None) -> None:
    with FaultServer(respond(200, body)) as server, make_client(server.url) as client:
        assert OrderStatusApi(client).order_status(EVENT).message == message


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"true",
        b"1",
        b'"taken"',
        b"[]",
        b'[{"message": "a"}]',
        b'{"message": NaN}',
        b'{"message": "a"} {"message": "b"}',
        b"{'message': 'a'}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"n": ' + b"9" * 5000 + b"}",
        '{"message": "a"}'.encode("utf-16"),
        b"\0" * 100,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_anything_else_with_a_200_is_an_error_that_carries_the_body(body: bytes) -> None:
    with FaultServer(respond(200, body)) as server, make_client(server.url) as client:
        with pytest.raises(InvalidResponseException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.status == 200
    assert caught.value.body == body.decode("utf-8", "replace")
    assert len(str(caught.value)) < 500


def test_a_response_of_exactly_the_size_that_is_allowed_is_read() -> None:
    for size, outcome in ((1000, EventResponse), (1001, InvalidResponseException)):
        body = OK.ljust(size)
        with FaultServer(respond(200, body)) as server, make_client(server.url, max_response_size=1000) as client:
            try:
                result: object = OrderStatusApi(client).order_status(EVENT)
            except ApiException as error:
                result = error
                assert "max_response_size" in str(error)
        assert type(result) is outcome


def _peak(step: Step, **settings: Any) -> int:
    with FaultServer(step) as server, make_client(server.url, retries=0, max_response_size=LIMIT, **settings) as client:
        OrderStatusApi(client).api_client.rest_client  # noqa: B018 - loaded before memory is measured
        tracemalloc.start()
        try:
            with pytest.raises(ApiException):
                OrderStatusApi(client).order_status(EVENT)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def _endless(first: bytes) -> Step:
    def step(peer: Any) -> None:
        block = memoryview(bytes(1 << 16))
        peer.send(first)
        for _ in range(512):  # 32 MiB
            if peer.closing.is_set():
                return
            peer.send(block)

    return step


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("gzip bomb", lambda status: respond(status, bomb(), GZIP)),
        (
            "bomb within a bomb",
            lambda status: respond(status, gzip.compress(bomb()), {"Content-Encoding": "gzip, gzip"}),
        ),
        ("long body", lambda status: _endless(head(status, {"Content-Length": str(1 << 30)}))),
        ("endless body", lambda status: _endless(head(status))),
        ("huge chunk", lambda status: _endless(head(status, CHUNKED) + b"40000000\r\n")),
        ("negative chunk", lambda status: _endless(head(status, CHUNKED) + b"-1\r\n")),
    ],
)
def test_no_response_takes_more_memory_than_is_allowed(name: str, step: Callable[[int], Step], status: int) -> None:
    made = step(status)
    assert _peak(made) < 8 * LIMIT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["other port", "other scheme", "other host", "same place"])
def test_a_redirect_is_refused_and_its_target_sees_nothing(status: int, place: str) -> None:
    with FaultServer() as other:
        target = {
            "other port": other.url,
            "other scheme": other.url.replace("http:", "https:"),
            "other host": other.url.replace("127.0.0.1", "localhost"),
            "same place": "/event/v2/order_status",
        }[place]
        location = f"{target}?key={KEY}&canary=1#canary"
        redirect = respond(status, b"", {"Location": location.replace("://", "://canary:canary@")})
        with FaultServer(redirect) as server, make_client(server.url) as client:
            with pytest.raises(RedirectException) as caught:
                OrderStatusApi(client).order_status(EVENT)
            assert (len(server.requests), other.connections) == (1, 0)
        error = caught.value
        assert (error.status, error.attempts) == (status, 1)
        assert target in str(error)
        assert "canary" not in str(error) + repr(error)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("", "no address"),
        ("http://[::1", "can't be read"),
        ("http://host:99999/", "can't be read"),
        ("//other.example/x?y", "other.example/x"),
        ("javascript:alert(1)", "alert(1)"),
        ("\xff\xfe", "xn--"),
    ],
)
def test_a_redirect_to_nowhere_in_particular_is_refused_all_the_same(location: str, shown: str) -> None:
    with FaultServer(respond(302, b"", {"Location": location})) as server, make_client(server.url) as client:
        with pytest.raises(RedirectException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert shown in str(caught.value)


def test_the_transport_by_itself_returns_bytes_and_headers() -> None:
    with FaultServer(respond(200, b"anything", {"X-Trace": "t-1"})) as server, make_client(server.url) as client:
        found = client.rest_client.request(Request("GET", "/health", headers={"Accept": "text/plain"}))
        assert (found.status, found.data, found.attempts) == (200, b"anything", 1)
        assert found.getheaders()["x-trace"] == found.getheader("X-TRACE") == "t-1"
        assert found.getheader("X-Other", "none") == "none"
        assert server.requests[0].line == "GET /event/health HTTP/1.1"


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nX-Trace: t-1\r\nx-odd:\t a:b \t\r\nX-Trace: t-2\r\n\r\n" + OK


@pytest.mark.parametrize(
    ("message", "is_plain"),
    [
        (PLAIN, True),
        (PLAIN.replace(b"x-odd:\t a:b", b"Connection: Keep-Alive"), True),
        (PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (PLAIN.replace(b"200 OK", b"200"), False),
        (PLAIN.replace(b"Content-Length: 20", b"Content-Length: 20\r\ncontent-length: 20"), False),
        (PLAIN.replace(b"Content-Length: 20", b"Content-Length: 0000000000000020"), False),
        (PLAIN.replace(b"Content-Length: 20", b"Content-Length: 20\r\nConnection: close"), False),
        (PLAIN.replace(b"X-Trace: t-1", b"X-Trace: t-1\r\nX-Long: " + b"x" * 9000), False),
        (head(100) + PLAIN, False),
    ],
)
def test_a_plain_head_is_read_the_fast_way_and_loses_no_header(
    message: bytes, is_plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[object] = []
    parse = http.client.parse_headers

    def watched(*args: Any, **kwargs: Any) -> Any:
        parsed.append(args)
        return parse(*args, **kwargs)

    monkeypatch.setattr(http.client, "parse_headers", watched)
    with FaultServer(raw(message, "close")) as server, make_client(server.url) as client:
        data, status, headers = OrderStatusApi(client).order_status_with_http_info(EVENT)
    assert (data, status, headers["x-trace"]) == (EventResponse(message="taken"), 200, "t-1, t-2")
    assert headers.get("X-Odd", "a:b") == "a:b"
    assert bool(parsed) is not is_plain


def test_headers_of_a_response_are_found_in_any_letter_case() -> None:
    with FaultServer(respond(200, OK, {"X-Trace": "t-1"}), respond(400, b"", {"X-Trace": "t-2"})) as server:
        with make_client(server.url) as client:
            headers = OrderStatusApi(client).order_status_with_http_info(EVENT).headers
            assert (headers["x-trace"], headers["X-TRACE"]) == ("t-1", "t-1")
            with pytest.raises(BadRequestException) as caught:
                OrderStatusApi(client).order_status(EVENT)
            assert caught.value.headers is not None
            assert caught.value.headers["X-TRACE"] == "t-2"
