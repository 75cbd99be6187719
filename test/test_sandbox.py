"""The sandbox over real sockets, as any client of the service may use it."""

import gc
import gzip
import http.client
import io
import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from thirdwatch_api import ApiClient, OrderStatusApi, PostbackApi, PostbackUrls, apis
from thirdwatch_api.configuration import API_KEY_HEADER
from thirdwatch_api.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    ConnectionException,
    ServiceException,
)
from thirdwatch_api.models import Custom, ErrorResponse, EventResponse, Login, OrderStatus
from thirdwatch_api.models._fields import field_table
from thirdwatch_api.sandbox import Request, Sandbox
from thirdwatch_api.sandbox import _http as sandbox_http
from thirdwatch_api.sandbox.__main__ import main

from .page import Reply
from .programs import run_script
from .servers import eventually

API_CLASSES = [api for api in (getattr(apis, name) for name in apis.__all__) if not api.at_root]
LOGIN = "/event/v1/login"
EVENT = b'{"_userId": "u-42"}'
TIMEOUT = 30  # seconds; no test waits that long unless it fails


def locate(host: str) -> tuple[str, int]:
    name, _, port = urlsplit(host).netloc.partition(":")
    return name, int(port)


def address(sandbox: Sandbox) -> tuple[str, int]:
    return locate(sandbox.host)


def connect(sandbox: Sandbox) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*address(sandbox), timeout=TIMEOUT)


def ask(
    target: Sandbox | http.client.HTTPConnection,
    body: bytes | None = EVENT,
    *,
    path: str = LOGIN,
    method: str = "POST",
    key: str | bytes | None = "sandbox-key",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send one request, on a new connection or on one that is there."""
    connection = connect(target) if isinstance(target, Sandbox) else target
    try:
        key_header = {} if key is None else {API_KEY_HEADER: key}
        connection.request(method, path, body, {**key_header, **(headers or {})})
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        if connection is not target:
            connection.close()


def head(*lines: str, method: str = "POST", target: str = LOGIN, key: str = "sandbox-key") -> bytes:
    """Write the head of a request. ``exchange`` puts in the address of the sandbox for ADDRESS."""
    start = f"{method} {target} HTTP/1.1", "Host: ADDRESS", f"{API_KEY_HEADER}: {key}"
    return "\r\n".join([*start, *lines, "", ""]).encode()


def addressed(target: tuple[str, int], data: bytes) -> bytes:
    return data.replace(b"ADDRESS", b"%s:%d" % (target[0].encode(), target[1]))


def exchange(target: tuple[str, int], data: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes, and read until the connection is closed."""
    with socket.create_connection(target, TIMEOUT) as connection:
        connection.sendall(addressed(target, data))
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def shorten(value: object) -> str:
    """Name a parameter that is too long to be its own name."""
    return repr(value)[:40]


def method_of(api: Any) -> Any:
    (name,) = (name for name in dir(api) if name.endswith("_with_http_info") and not name.startswith("_"))
    return getattr(api, name.removesuffix("_with_http_info"))


def smallest_event(model: Any) -> dict[str, str]:
    table = field_table(model)
    return {f.wire: "x" for f in table if f.required or f.name == "user_id"}


@pytest.mark.parametrize("api", API_CLASSES)
def test_an_event_is_accepted_at_each_path_and_recorded_as_its_model(sandbox: Sandbox, api: Any) -> None:
    event = smallest_event(api.model)
    reply = ask(sandbox, json.dumps(event).encode(), path=f"/event{api.path}")
    text = f"{api.model.__name__} received"
    assert (reply.status, reply.json) == (200, {"message": text, "status": text})
    assert reply.headers["Content-Type"] == "application/json"
    assert sandbox.events == [api.model.from_dict(event)]
    assert type(sandbox.events[0]) is api.model


@pytest.mark.parametrize("api", API_CLASSES)
def test_all_problems_of_an_event_are_reported_at_once(sandbox: Sandbox, api: Any) -> None:
    reply = ask(sandbox, b'{"_whatever": 1}', path=f"/event{api.path}")
    assert reply.status == 400
    assert f"{api.model.__name__}._whatever: unknown key" in reply.json["error"]
    assert f"{api.model.__name__}: needs user_id" in reply.json["error"]
    assert reply.json["error"].count("is required") == sum(f.required for f in field_table(api.model))
    assert sandbox.events == []
    assert sandbox.requests[0].error == reply.json["error"]


@pytest.mark.parametrize("api", API_CLASSES)
def test_the_sdk_and_the_sandbox_agree_on_each_path(sandbox: Sandbox, api: Any) -> None:
    event = api.model.from_dict(smallest_event(api.model))
    with ApiClient(configuration=sandbox.configuration()) as client:
        response = method_of(api(client))(event)
    assert response.message == f"{api.model.__name__} received"
    assert sandbox.events == [event]


def test_an_event_is_recorded_as_it_came(sandbox: Sandbox) -> None:
    info = {"a": [1, 2.5, None, {"ü": "\U0001f600"}]}
    ask(sandbox, json.dumps({"_sessionId": "s", "_customInfo": info}).encode(), path="/event/v1/custom_event")
    assert sandbox.events == [Custom(session_id="s", custom_info=info)]


def test_a_path_that_is_not_there_gets_404(sandbox: Sandbox) -> None:
    reply = ask(sandbox, path="/v1/login?x=1")
    text = "no endpoint at this path"
    assert (reply.status, reply.json) == (404, {"message": text, "error": text})
    assert sandbox.requests[0].path == "/v1/login"
    assert ask(sandbox, path=f"{LOGIN}?x=1").status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post"])
def test_only_post_is_allowed(sandbox: Sandbox, method: str) -> None:
    reply = ask(sandbox, None, method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    text = f"expected POST, got {method}"
    assert reply.json == {"message": text, "error": text}


@pytest.mark.parametrize("path", ["/", "/event", "/event/v1/nothing", "*"])
@pytest.mark.parametrize("method", ["POST", "TRACE", "PROPFIND", "BREW"])
def test_an_unknown_path_is_not_found_whatever_the_verb(sandbox: Sandbox, method: str, path: str) -> None:
    assert ask(sandbox, None, path=path, method=method).status == 404


def test_a_long_verb_is_not_repeated_whole(sandbox: Sandbox) -> None:
    assert ask(sandbox, None, method="X" * 1000).json["error"] == f"expected POST, got {'X' * 20}"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LocalHost"])
def test_a_target_may_be_a_whole_url(sandbox: Sandbox, name: str) -> None:
    target = f"http://{name}:{address(sandbox)[1]}{LOGIN}"
    assert ask(sandbox, path=target, headers={"Host": "shop.example"}).status == 200
    assert sandbox.requests[0].path == LOGIN
    assert ask(sandbox, None, path=f"HTTP://{name}:{address(sandbox)[1]}?x=1", method="TRACE").status == 404
    assert (sandbox.requests[1].path, sandbox.requests[1].query) == ("/", {"x": "1"})


@pytest.mark.parametrize("authority", ["api.thirdwatch.co.in", "127.0.0.1", "u:p@ADDRESS", "", "ADDRESS:1"])
def test_the_url_of_another_server_is_misdirected(sandbox: Sandbox, authority: str) -> None:
    response = exchange(address(sandbox), head("Content-Length: 19", target=f"http://{authority}{LOGIN}") + EVENT)
    assert response.startswith(b"HTTP/1.1 421 ")
    assert sandbox.events == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_own_names_with_the_port_are_accepted(sandbox: Sandbox, name: str) -> None:
    host = f"{name}:{address(sandbox)[1]}"
    assert ask(sandbox, headers={"Host": host}).status == 200
    assert ask(sandbox, headers={"Host": f" {host} ", "Origin": f"http://{host}"}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "127.0.0.1:1",
        "shop.example",
        "shop.example:PORT",
        "127.0.0.1.shop.example:PORT",
        "evil.localhost:PORT",
        "127.0.0.2:PORT",
        "0.0.0.0:PORT",
        "user@127.0.0.1:PORT",
        "127.0.0.1:PORT, shop.example",
        "127.0.0.1:PORT/x",
        "ADDRESS\xe9",
    ],
)
def test_a_name_that_was_bound_to_this_address_gets_nothing(sandbox: Sandbox, host: str) -> None:
    sandbox.fail(200)
    host = host.replace("PORT", str(address(sandbox)[1]))
    start = f"POST {LOGIN} HTTP/1.1\r\nHost: {host}\r\n{API_KEY_HEADER}: sandbox-key\r\nContent-Length: 19\r\n\r\n"
    response = exchange(address(sandbox), start.encode("latin-1") + EVENT)
    assert response.startswith(b"HTTP/1.1 421 ")
    assert b"\r\nConnection: close" in response
    (request,) = sandbox.requests
    assert (request.status, request.body, request.event) == (421, b"", None)
    assert request.error == f"Host: the sandbox is at 127.0.0.1:{address(sandbox)[1]} only"
    assert ask(sandbox).status == 200
    assert sandbox.events == []  # the script was still there


@pytest.mark.parametrize("hosts", [[], ["ADDRESS", "ADDRESS"], ["ADDRESS", "shop.example"]])
def test_a_request_needs_one_host(sandbox: Sandbox, hosts: list[str]) -> None:
    lines = [f"POST {LOGIN} HTTP/1.1", *(f"Host: {host}" for host in hosts), "Content-Length: 19", "", ""]
    response = exchange(address(sandbox), "\r\n".join(lines).encode() + EVENT)
    assert response.startswith(b"HTTP/1.1 400 ")
    assert (sandbox.requests[0].error, sandbox.requests[0].body) == ("send one Host header", b"")


def test_the_host_may_be_left_out_in_http_1_0(sandbox: Sandbox) -> None:
    request = f"POST {LOGIN} HTTP/1.0\r\n{API_KEY_HEADER}: sandbox-key\r\nContent-Length: 19\r\n\r\n"
    assert exchange(address(sandbox), request.encode() + EVENT).startswith(b"HTTP/1.1 200 ")


def test_the_port_of_http_may_be_left_out() -> None:
    names = {"127.0.0.1", "localhost", "[::1]"}
    assert sandbox_http.own_authorities(80) == names | {f"{name}:80" for name in names}
    assert sandbox_http.own_authorities(8080) == {f"{name}:8080" for name in names}


@pytest.mark.parametrize(
    "origin",
    ["http://shop.example", "null", "", "https://ADDRESS", "http://127.0.0.1", "http://localhost:1", "file://"],
)
@pytest.mark.parametrize("path", [LOGIN, "/neo/v1/addpostbackurl/", "/neo/v1/clientaction", "/"])
def test_a_page_of_another_site_gets_nothing(sandbox: Sandbox, path: str, origin: str) -> None:
    body = b'{"_userId": "u", "secret": "sandbox-key", "order_id": "o", "action_type": "approved", "url": "http://x"}'
    lines = "Content-Type: text/plain", f"Origin: {origin}", f"Content-Length: {len(body)}"
    response = exchange(address(sandbox), head(*lines, target=path) + body)
    assert response.startswith(b"HTTP/1.1 403 ")
    assert b"Access-Control" not in response
    (request,) = sandbox.requests
    assert (request.status, request.body, request.event) == (403, b"", None)
    assert (request.error or "").startswith("Origin: ")
    assert (sandbox.events, sandbox.decisions) == ([], [])


def test_one_foreign_origin_of_two_is_enough(sandbox: Sandbox) -> None:
    lines = "Origin: http://ADDRESS", "Origin: http://shop.example", "Content-Length: 19"
    assert exchange(address(sandbox), head(*lines) + EVENT).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        " application/json ; x=y",
        "application/vnd.shop.v1+json",
    ],
)
def test_json_by_any_name_is_accepted(sandbox: Sandbox, media_type: str) -> None:
    assert ask(sandbox, headers={"Content-Type": media_type, "Content-Encoding": "identity"}).status == 200


@pytest.mark.parametrize(
    "media_type", ["text/plain", "", "application/x-www-form-urlencoded", "text/json", "application/jsonp", "x, y"]
)
@pytest.mark.parametrize("path", [LOGIN, "/neo/v1/addpostbackurl/", "/neo/v1/clientaction"])
def test_another_media_type_gets_415(sandbox: Sandbox, path: str, media_type: str) -> None:
    reply = ask(sandbox, path=path, headers={"Content-Type": media_type})
    assert (reply.status, reply.json["error"]) == (415, "Content-Type must be application/json")
    assert sandbox.events == []


def test_a_second_media_type_is_looked_at(sandbox: Sandbox) -> None:
    lines = "Content-Type: application/json", "Content-Type: text/plain", "Content-Length: 19", "Connection: close"
    assert exchange(address(sandbox), head(*lines) + EVENT).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, gzip", ""])
@pytest.mark.parametrize("path", [LOGIN, "/neo/v1/clientaction"])
def test_an_encoded_body_gets_415(sandbox: Sandbox, path: str, encoding: str) -> None:
    reply = ask(sandbox, gzip.compress(EVENT), path=path, headers={"Content-Encoding": encoding})
    assert reply.status == 415
    assert "Content-Encoding" in reply.json["error"]
    assert reply.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("key", [None, "wrong", "sandbox-key"])
def test_a_refused_request_keeps_64_kib_of_its_body(sandbox: Sandbox, key: str | None) -> None:
    body = b'{"_userId": "' + b"u" * (3 << 20)
    assert ask(sandbox, body, key=key).status in (400, 401)
    assert ask(sandbox, body, path="/", key=key).status == 404
    assert [request.body for request in sandbox.requests] == [body[: 64 << 10]] * 2


@pytest.mark.parametrize("key", [None, "wrong", "sandbox-key"])
def test_a_scripted_response_keeps_64_kib_of_a_body_without_the_key(sandbox: Sandbox, key: str | None) -> None:
    sandbox.fail(503)
    body = b'{"_userId": "' + b"u" * (3 << 20)
    assert ask(sandbox, body, key=key).status == 503
    assert sandbox.requests[0].body == (body if key == sandbox.api_key else body[: 64 << 10])


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_refused_request_keeps_16_kib_of_its_head(sandbox: Sandbox, status: int) -> None:
    if status == 503:
        sandbox.fail(status)
    path = "/" + "p" * 20_000 if status == 404 else LOGIN
    headers = {"X-Big": "h" * 20_000, **{f"X-{i}": "h" * 6_000 for i in range(4)}, "X-Small": "kept"}
    assert ask(sandbox, path=f"{path}?small=kept&big={'q' * 20_000}", key=None, headers=headers).status == status
    (request,) = sandbox.requests
    assert request.path == path[: 16 << 10]
    assert request.query == {"small": "kept"}
    assert (request.headers["X-0"], request.headers["x-small"]) == ("h" * 6_000, "kept")
    assert sum(len(name) + len(value) for name, value in request.headers.items()) <= 16 << 10


def test_an_accepted_event_keeps_its_whole_head(sandbox: Sandbox) -> None:
    assert ask(sandbox, headers={"X-Big": "h" * 20_000}).status == 200
    assert sandbox.requests[0].headers["X-Big"] == "h" * 20_000


def test_an_accepted_event_keeps_its_whole_body(sandbox: Sandbox) -> None:
    body = json.dumps({"_userId": "u", "_customInfo": {"a": "x" * (1 << 20)}}).encode()
    assert ask(sandbox, body, path="/event/v1/custom_event").status == 200
    assert sandbox.requests[0].body == body


def test_the_last_10_000_requests_are_kept() -> None:
    came: list[str] = []
    with Sandbox(on_request=lambda request: came.append(request.path)) as sandbox:
        requests = [head(method="GET", target=f"/{i}") for i in range(10_001)]
        data = addressed(address(sandbox), b"".join([*requests, head("Connection: close", target="/last")]))
        with socket.create_connection(address(sandbox), TIMEOUT) as connection:
            sender = threading.Thread(target=connection.sendall, args=(data,))
            sender.start()
            while connection.recv(1 << 20):
                pass
            sender.join()
    assert len(came) == 10_002
    assert [request.path for request in sandbox.requests] == came[2:]


def test_a_query_of_many_fields_is_refused(sandbox: Sandbox) -> None:
    reply = ask(sandbox, None, method="GET", path="/neo/v1/score?" + "&".join(f"k{i}=" for i in range(101)))
    assert (reply.status, reply.json["error"]) == (400, "the query has more than 100 fields")
    assert sandbox.requests[0].query == {}


def test_the_response_to_head_has_no_body(sandbox: Sandbox) -> None:
    response = exchange(address(sandbox), head("Connection: close", method="HEAD"))
    assert response.startswith(b"HTTP/1.1 405 ")
    assert response.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("key", [None, "", "sandbox-ke", "Bearer sandbox-key", b"sandbox-k\xc3\xa9y"])
def test_a_missing_or_wrong_key_gets_401(sandbox: Sandbox, key: str | bytes | None) -> None:
    reply = ask(sandbox, key=key)
    assert reply.status == 401
    assert API_KEY_HEADER in reply.json["error"]
    assert sandbox.events == []
    assert not sandbox.requests[0].authorized


@pytest.mark.parametrize("key", ["k", "schlüssel", " blank "])
def test_any_key_but_an_empty_one_can_be_chosen(key: str) -> None:
    with Sandbox(key) as sandbox:
        assert ask(sandbox, key=key.strip().encode()).status == 200
        assert ask(sandbox, key=key.encode() + b" ").status == 200
    with pytest.raises(ApiValueError, match="must not be empty"):
        Sandbox("  ")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"_userId": "u", "_userId": "v"}', "same key twice"),
        (b'{"_userId": "u", "_customInfo": {"a": 1, "a": 1}}', "same key twice"),
        (b'{"_userId": NaN}', "holds NaN"),
        (b'{"_userId": -Infinity}', "holds -Infinity"),
        (b'{"_userId": 1e999}', "must be finite"),
        (b'{"_userId": "\xff"}', "not JSON: 'utf-8' codec"),
        (b'\xef\xbb\xbf{"_userId": "u"}', "not JSON"),
        ('{"_userId": "u"}'.encode("utf-16"), "not JSON"),
        (b'{"_userId": "\\ud800"}', "lone surrogate"),
        (b"[" * 200_000, "not JSON"),
        (b'{"_userId": ' + b"9" * 5000 + b"}", ""),
        (b'{"_userId": ["u"]}', "expected text, got list"),
        (b'{"_userId": "u", "_originTimestamp": "1511111111"}', "looks like seconds"),
    ],
    ids=shorten,
)
def test_a_body_that_is_no_event_gets_400(sandbox: Sandbox, body: bytes, reason: str) -> None:
    reply = ask(sandbox, body)
    assert reply.status == 400
    assert reason in reply.json["error"]
    assert sandbox.events == []


@pytest.mark.parametrize("path", [LOGIN, "/neo/v1/clientaction"])
def test_json_of_any_depth_gets_a_response(sandbox: Sandbox, path: str) -> None:
    connection = connect(sandbox)
    for depth in [*range(900, 1000, 9), *range(1000, 100_000, 3000)]:
        body = b'{"secret": "sandbox-key", "a": %s1%s}' % (b'{"a":' * depth, b"}" * depth)
        assert ask(connection, body, path=path).status in (400, 401)
    connection.close()


def test_a_reason_is_never_endless(sandbox: Sandbox) -> None:
    reply = ask(sandbox, json.dumps({f"k{i}": i for i in range(500)}).encode())
    assert reply.json["error"].count(";") < 40


def test_a_request_is_kept_without_its_key(sandbox: Sandbox) -> None:
    ask(sandbox, b'{"_userId": "u-42", "_userEmail": "a@b.example"}', path="/event/v1/create_account")
    (request,) = sandbox.requests
    assert (request.method, request.path, request.status) == ("POST", "/event/v1/create_account", 200)
    assert (request.authorized, request.error) == (True, None)
    assert json.loads(request.body) == {"_userId": "u-42", "_userEmail": "a@b.example"}
    assert request.headers["content-length"] == str(len(request.body))
    assert API_KEY_HEADER not in request.headers
    assert "a@b.example" not in repr(request)
    assert "sandbox-key" not in repr(request) + str(request.headers)


def test_lists_are_copies_and_clear_empties_the_sandbox(sandbox: Sandbox) -> None:
    ask(sandbox)
    events, requests = sandbox.events, sandbox.requests
    sandbox.fail(times=5)
    sandbox.clear()
    assert (len(events), len(requests)) == (1, 1)
    assert (sandbox.events, sandbox.requests) == ([], [])
    assert ask(sandbox).status == 200


def test_events_of_many_threads_are_all_recorded(sandbox: Sandbox) -> None:

    def send(number: int) -> None:
        for _ in range(10):
            ask(sandbox, json.dumps({"_userId": f"u-{number}"}).encode())

    threads = [threading.Thread(target=send, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(repr(event) for event in sandbox.events) == sorted(
        repr(Login(user_id=f"u-{i}")) for i in range(8) for _ in range(10)
    )


def test_on_request_sees_each_request_when_it_is_recorded() -> None:
    seen: list[tuple[int, int]] = []

    def look(request: Request) -> None:
        seen.append((request.status, len(watched.requests)))

    with Sandbox(on_request=look) as watched:
        ask(watched)
        ask(watched, b"")
    assert seen == [(200, 1), (400, 2)]


def test_a_connection_outlives_refusals(sandbox: Sandbox) -> None:
    connection = connect(sandbox)
    statuses = [
        ask(connection).status,
        ask(connection, b"{").status,
        ask(connection, key=None).status,
        ask(connection, path="/").status,
        ask(connection, None, method="GET").status,
        ask(connection).status,
    ]
    connection.close()
    assert statuses == [200, 400, 401, 404, 405, 200]
    assert len(sandbox.requests) == 6


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head(), 411),
        (head("Transfer-Encoding: chunked") + b"13\r\n" + EVENT + b"\r\n0\r\n\r\n", 411),
        (head("Transfer-Encoding: chunked", method="PUT") + b"0\r\n\r\n", 411),
        (head("Content-Length: x"), 400),
        (head("Content-Length: -1"), 400),
        (head("Content-Length: +5"), 400),
        (head("Content-Length: ?").replace(b"?", b"\xb2"), 400),
        (head("Content-Length: 2", "Content-Length: 3") + b"{}", 400),
        (head("Content-Length: 99999999"), 413),
        (head("Content-Length: " + "9" * 5000), 413),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", 400),
        (b"POST\r\n", 400),
        (b"POST /event HTTP/3.0\r\n\r\n", 505),
        (b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (head("X-Long: " + "x" * 70_000), 431),
        (head(*(f"X-{i}: {'x' * 1000}" for i in range(66))), 431),
        (head(*(f"X-{i}: x" for i in range(200))), 431),
    ],
    ids=shorten,
)
def test_what_cannot_be_read_is_refused_and_the_connection_closed(
    sandbox: Sandbox, request_: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    response = exchange(address(sandbox), request_)
    start, _, body = response.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close" in start
    assert json.loads(body).keys() == {"message", "error"}
    assert sandbox.events == []
    assert ask(sandbox).status == 200
    assert capfd.readouterr() == ("", "")


def test_the_same_content_length_twice_is_one(sandbox: Sandbox) -> None:
    request = head("Content-Length: 19", "Content-Length: 19", "Connection: close") + EVENT
    assert exchange(address(sandbox), request).startswith(b"HTTP/1.1 200 ")


def test_a_refused_body_can_be_sent_to_its_end(sandbox: Sandbox) -> None:
    connection = connect(sandbox)
    reply = ask(connection, b" " * (9 * 1024 * 1024))
    connection.close()
    assert reply.status == 413
    assert sandbox.requests[0].body == b""


def test_a_body_that_ends_early_is_refused(sandbox: Sandbox) -> None:
    response = exchange(address(sandbox), head("Content-Length: 100") + EVENT, half_close=True)
    assert response.startswith(b"HTTP/1.1 400 ")
    assert sandbox.requests[0].error == "the body is shorter than its Content-Length"


def test_expect_100_continue_is_honoured(sandbox: Sandbox) -> None:
    with socket.create_connection(address(sandbox), TIMEOUT) as connection:
        asked = head("Expect: 100-continue", "Content-Length: 19", "Connection: close")
        connection.sendall(addressed(address(sandbox), asked))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(EVENT)
        assert b"".join(iter(lambda: connection.recv(65536), b"")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent", [b"", b"POST", head("Content-Length: 100"), head("Content-Length: 19") + EVENT], ids=len
)
def test_a_client_that_goes_away_leaves_no_trace(capfd: pytest.CaptureFixture[str], sent: bytes) -> None:
    with Sandbox() as sandbox:
        for _ in range(5):
            connection = socket.create_connection(address(sandbox), TIMEOUT)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(addressed(address(sandbox), sent))
            connection.close()
        assert ask(sandbox).status == 200
    assert capfd.readouterr() == ("", "")


def test_an_error_of_the_callers_own_is_shown(capfd: pytest.CaptureFixture[str]) -> None:

    def broken(_: Request) -> None:
        raise RuntimeError("oh no")

    with Sandbox(on_request=broken) as sandbox, pytest.raises(http.client.RemoteDisconnected):
        ask(sandbox)
    assert "RuntimeError: oh no" in capfd.readouterr().err


def test_scripts_are_met_in_order_and_then_service_is_normal(sandbox: Sandbox) -> None:
    sandbox.fail(times=2)
    sandbox.fail(429, headers={"retry-after": "7"})
    replies = [ask(sandbox) for _ in range(4)]
    assert [reply.status for reply in replies] == [503, 503, 429, 200]
    assert replies[0].json == {"message": "scripted", "error": "scripted"}
    assert replies[2].headers["Retry-After"] == "7"
    assert [request.status for request in sandbox.requests] == [503, 503, 429, 200]
    assert [request.error for request in sandbox.requests] == ["scripted"] * 3 + [None]
    assert len(sandbox.events) == 1


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (None, b'{"message": "scripted", "status": "scripted"}'),
        ("ü", "ü".encode()),
        (b"\xff", b"\xff"),
        ({"a": 1}, b'{"a": 1}'),
    ],
)
def test_a_success_with_an_odd_body_can_be_scripted(sandbox: Sandbox, body: Any, sent: bytes) -> None:
    sandbox.fail(200, body=body, headers={"content-type": "text/html"})
    reply = ask(sandbox, path="/anything", key=None)
    assert (reply.status, reply.body, reply.headers.get_all("Content-Type")) == (200, sent, ["text/html"])
    assert sandbox.events == []


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_that_has_no_body_is_sent_without_one(sandbox: Sandbox, status: int) -> None:
    sandbox.fail(status, body="x")
    connection = connect(sandbox)
    reply = ask(connection)
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (status, b"", None)
    assert ask(connection).status == 200
    connection.close()


def test_a_cut_connection_gets_no_response(sandbox: Sandbox) -> None:
    sandbox.fail(cut=True)
    assert exchange(address(sandbox), head("Content-Length: 19") + EVENT) == b""
    assert [request.status for request in sandbox.requests] == [0]
    assert sandbox.events == []


def test_a_response_can_break_off(sandbox: Sandbox) -> None:
    sandbox.fail(200, body="{", headers={"Content-Length": "100"})
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(sandbox)
    assert caught.value.partial == b"{"


def test_the_response_to_an_accepted_event_can_be_lost(sandbox: Sandbox) -> None:
    sandbox.fail(None, cut=True)
    sandbox.fail(None, body="gone", headers={"X-Odd": "1"})
    assert exchange(address(sandbox), head("Content-Length: 19") + EVENT) == b""
    reply = ask(sandbox)
    assert (reply.status, reply.body, reply.headers["X-Odd"]) == (200, b"gone", "1")
    assert sandbox.events == [Login(user_id="u-42")] * 2


def test_a_response_can_be_late(sandbox: Sandbox) -> None:
    sandbox.fail(None, delay=0.05)
    start = time.monotonic()
    assert ask(sandbox).status == 200
    assert time.monotonic() - start >= 0.05


def test_a_request_that_cannot_be_read_spends_no_script(sandbox: Sandbox) -> None:
    sandbox.fail(500)
    assert exchange(address(sandbox), head()).startswith(b"HTTP/1.1 411 ")
    assert ask(sandbox).status == 500


@pytest.mark.parametrize(
    "arguments",
    [
        {"status": 100},
        {"status": 600},
        {"times": 0},
        {"times": 10**9},
        {"delay": -1},
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"headers": {"X": "a\r\nSet-Cookie: b"}},
        {"headers": {"ü": "x"}},
    ],
)
def test_a_script_that_cannot_be_played_is_refused(sandbox: Sandbox, arguments: dict[str, Any]) -> None:
    with pytest.raises(ApiValueError, match=r"^fail: "):
        sandbox.fail(**arguments)


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"status": "503"}, TypeError, "fail: status: expected int or None, got str"),
        ({"status": True}, TypeError, "fail: status: expected int or None, got bool"),
        ({"status": 600}, ValueError, "fail: status: must be 200-599, got 600"),
        ({"times": "3"}, TypeError, "fail: times: expected int, got str"),
        ({"times": 0}, ValueError, "fail: times: must be 1-1000000, got 0"),
        ({"delay": "1"}, TypeError, "fail: delay: expected int or float, got str"),
        ({"delay": float("nan")}, ValueError, "fail: delay: must be 0-3600, got nan"),
        ({"cut": 1}, TypeError, "fail: cut: expected bool, got int"),
        ({"body": 5}, TypeError, "fail: body: expected str or bytes or Mapping or None, got int"),
        ({"body": {"a": object()}}, ValueError, "fail: body: can't be sent (TypeError)"),
        ({"body": "\ud800"}, ValueError, "fail: body: can't be sent (UnicodeEncodeError)"),
        ({"headers": ["X"]}, TypeError, "fail: headers: expected Mapping or None, got list"),
        ({"headers": {"X Y": "a"}}, ValueError, "fail: headers: 'X Y' is not a valid header name"),
        ({"headers": {"x": "\r"}}, ValueError, "fail: headers: the value of X must be printable ASCII"),
    ],
)
def test_a_wrong_argument_of_fail_is_named(
    sandbox: Sandbox, arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        sandbox.fail(**arguments)
    assert isinstance(caught.value, ApiException)
    assert caught.value.reason == text
    assert ask(sandbox).status == 200


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"api_key": b"key"}, TypeError, "api_key: expected str, got bytes"),
        ({"api_key": " "}, ValueError, "api_key: must not be empty; the sandbox checks it in each request"),
        ({"port": "x"}, TypeError, "port: expected int, got str"),
        ({"port": True}, TypeError, "port: expected int, got bool"),
        ({"port": -1}, ValueError, "port: must be 0-65535, got -1"),
        ({"port": 65536}, ValueError, "port: must be 0-65535, got 65536"),
        ({"client_side_validation": None}, TypeError, "client_side_validation: expected bool, got NoneType"),
        ({"on_request": "x"}, TypeError, "on_request: expected a callable or None, got str"),
        ({"on_postback": 5}, TypeError, "on_postback: expected a callable or None, got int"),
    ],
)
def test_a_wrong_argument_of_the_sandbox_is_named(arguments: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        Sandbox(**arguments)
    assert isinstance(caught.value, ApiException)
    assert caught.value.reason == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((b"o-1001", 12), "score: order_id: expected text, got bytes; decode it"),
        ((True, 12), "score: order_id: expected text, got bool; pass 'true' or 'false' if text is meant"),
        (("o-1001", "12"), "score: score: expected int, got str"),
        (("o-1001", True), "score: score: expected int, got bool"),
    ],
)
def test_a_wrong_argument_of_score_is_named(sandbox: Sandbox, arguments: Any, text: str) -> None:
    with pytest.raises(ApiTypeError) as caught:
        sandbox.score(*arguments)
    assert caught.value.reason == text


def test_a_sandbox_that_was_not_started_says_so() -> None:
    sandbox = Sandbox()
    uses: list[Callable[[], object]] = [lambda: sandbox.host, sandbox.configuration]
    for use in uses:
        with pytest.raises(
            ApiValueError, match=r"^start the sandbox first: use `with Sandbox\(\) as sandbox` or `.start\("
        ):
            use()
    with sandbox:
        assert sandbox.configuration().host == sandbox.host
    assert sandbox.configuration().host == sandbox.host
    assert Sandbox(port=18080).host == "http://127.0.0.1:18080/event"


@pytest.mark.parametrize(
    "event",
    [
        {"_orderId": "o-1", "_orderStatus": "_fulfilled"},
        {"_orderId": ["o-1"], "_orderStatus": {"a": 1}, "_nobodyKnows": None},
        {},
    ],
    ids=shorten,
)
@pytest.mark.parametrize("api", API_CLASSES)
def test_a_sandbox_may_accept_what_a_client_sends_unchecked(api: Any, event: dict[str, Any]) -> None:
    with Sandbox(client_side_validation=False) as sandbox:
        with ApiClient(configuration=sandbox.configuration(client_side_validation=False)) as client:
            method_of(api(client))(event)
        assert sandbox.events == [api.model.from_dict(event)]
        assert json.loads(sandbox.requests[0].body) == event
        assert ask(sandbox, b"[]", path=f"/event{api.path}").status == 400
        assert ask(sandbox, b'{"_a": "\\ud800"}', path=f"/event{api.path}").status == 400


def test_unchecked_orders_decisions_and_urls_do_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox(client_side_validation=False) as sandbox:
        key = {"secret": "sandbox-key"}
        urls = {"score_postback": 5, "action_postback": ["x"], **key}
        order = {"_orderId": {"a": 1}, "_amount": [1], "_originTimestamp": True, "_billingAddress": 3}
        paid = {"_orderId": {"a": 1}, "_transactionStatus": "_success"}
        for path, body in [
            ("/neo/v1/addpostbackurl/", urls),
            ("/neo/v1/clientaction", {"order_id": 1, **key}),
            ("/event/v1/createOrder", order),
            ("/event/v1/update_order", order),
            ("/event/v1/transaction", paid),
        ]:
            assert ask(sandbox, json.dumps(body).encode(), path=path).status == 200
        assert sandbox.send_action("o", "approved").status == 0
        reply = ask(sandbox, None, path="/neo/v1/score?api_key=sandbox-key&order_id=%7B'a':%201%7D", method="GET")
        assert reply.json["score"] == 0
    assert capfd.readouterr() == ("", "")


def test_a_refusal_says_whose_id_is_missing(sandbox: Sandbox) -> None:
    reply = ask(sandbox, b'{"_orderId": "o-1", "_orderStatus": "_fulfilled"}', path="/event/v1/order_status")
    assert reply.json["error"] == "OrderStatus: needs user_id or session_id: the customer's, not the order's"


def test_the_response_equals_one_that_has_the_text_once(sandbox: Sandbox) -> None:
    with ApiClient(configuration=sandbox.configuration(retries=0)) as client:
        orders = OrderStatusApi(client)
        assert orders.order_status(OrderStatus(user_id="u")) == EventResponse("OrderStatus received")
        sandbox.fail(400)
        with pytest.raises(ApiException) as caught:
            orders.order_status(OrderStatus(user_id="u"))
    assert caught.value.error_response == ErrorResponse("scripted")


def test_a_hundred_connections_at_once_are_served(sandbox: Sandbox) -> None:
    request = addressed(address(sandbox), head("Content-Length: 19", "Connection: close") + EVENT)
    connections = [socket.create_connection(address(sandbox), TIMEOUT) for _ in range(100)]
    for part in range(0, len(request), 50):  # all of them are slow
        for connection in connections:
            connection.sendall(request[part : part + 50])
    for connection in connections:
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        connection.close()
    assert len(sandbox.events) == 100


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``close()`` wait for long: whatever it has to wait for then shows, however slow the machine is."""
    for name in ("_JOIN_TIMEOUT", "_DRAIN_TIMEOUT"):
        monkeypatch.setattr(sandbox_http, name, TIMEOUT)


@pytest.mark.usefixtures("patient")
def test_close_ends_idle_and_waiting_connections_at_once() -> None:
    before = set(threading.enumerate())
    with Sandbox() as other:
        idle = connect(other)
        ask(idle)
        half, waiting, refused = (socket.create_connection(address(other), TIMEOUT) for _ in range(3))
        half.sendall(b"POST ")
        other.fail(delay=60)
        waiting.sendall(addressed(address(other), head("Content-Length: 19") + EVENT))
        eventually(lambda: len(other.requests) == 2)
        refused.sendall(addressed(address(other), head()))
        assert refused.recv(1000)
        start = time.monotonic()
    assert time.monotonic() - start < TIMEOUT / 2
    assert waiting.recv(1000) == b""
    assert set(threading.enumerate()) == before
    for each in (idle, half, waiting, refused):
        each.close()
    with pytest.raises(ConnectionRefusedError):
        ask(other)
    assert len(other.events) == 1
    gc.collect()


@pytest.fixture
def no_more_threads(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no thread start, as at the end of a program: no machine has memory for such a stack."""
    for name in ("_INLINE_TIMEOUT", "_DRAIN_TIMEOUT", "_JOIN_TIMEOUT"):  # what a silent client costs all others
        monkeypatch.setattr(sandbox_http, name, 0.2)
    threading.stack_size(1 << 60)
    yield
    threading.stack_size(0)


@pytest.mark.parametrize(
    ("path", "event", "hints"),
    [
        (
            "/event/v1/order_status",
            {"_userId": "u", "_orderStatus": "fulfilled"},
            ["unknown value 'fulfilled' for order_status; did you mean '_fulfilled'?"],
        ),
        ("/event/v1/order_status", {"_userId": "u", "_orderStatus": "_fulfilled"}, []),
        ("/event/v1/order_status", {"_userId": "u"}, []),
        (
            "/event/v1/order_status",
            {"_userId": "u", "_orderStatus": "\u0416" * 500},
            ["unknown value '" + "\u0416" * 64 + "' for"],
        ),
        ("/event/v1/order_status", {"_userId": "u", "_orderStatus": "ann@shop.example"}, ["unknown value '***' for"]),
        (
            "/event/v1/transaction",
            {"_userId": "u", "_orderId": "o", "_transactionStatus": "success"},
            ["unknown value 'success' for transaction_status; did you mean '_success'?"],
        ),
        (
            "/neo/v1/clientaction",
            {"order_id": "o", "action_type": "approve", "secret": "sandbox-key"},
            ["unknown value 'approve' for action_type; did you mean 'approved'?"],
        ),
        ("/neo/v1/addpostbackurl/", {"url": "http://127.0.0.1:1/", "secret": "sandbox-key"}, []),
    ],
    ids=shorten,
)
def test_an_unknown_value_is_accepted_with_a_hint(
    sandbox: Sandbox, path: str, event: dict[str, str], hints: list[str]
) -> None:
    assert ask(sandbox, json.dumps(event).encode(), path=path).status == 200
    (request,) = sandbox.requests
    assert len(request.hints) == len(hints)
    assert all(hint.startswith(text) for hint, text in zip(request.hints, hints, strict=True))
    assert request.event
    assert request.error is None


def test_a_hint_names_the_item_that_it_is_about(sandbox: Sandbox) -> None:
    order = {"_userId": "u", "_paymentMethods": [{"_paymentType": "_cash"}, {"_paymentType": "credit card"}]}
    order |= {"_orderId": "o"}
    assert ask(sandbox, json.dumps(order).encode(), path="/event/v1/createOrder").status == 200
    assert sandbox.requests[0].hints == [
        "unknown value 'credit card' for payment_methods[1].payment_type; did you mean '_creditCard'?"
    ]


def test_few_of_many_hints_are_kept(sandbox: Sandbox) -> None:
    order = {"_userId": "u", "_orderId": "o", "_paymentMethods": [{"_paymentType": "x"}] * 1000}
    assert ask(sandbox, json.dumps(order).encode(), path="/event/v1/createOrder").status == 200
    assert len(sandbox.requests[0].hints) == 20


def test_the_command_prints_hints(run: Any) -> None:
    terminal = Terminal()

    def meanwhile() -> None:
        event = b'{"_userId": "u", "_loginStatus": "success"}'
        send_to(terminal.host(), head(f"Content-Length: {len(event)}", "Connection: close") + event)
        os.kill(os.getpid(), signal.SIGTERM)

    assert run(stdout=terminal, meanwhile=meanwhile) is None
    assert terminal.lines.get_nowait() == (
        "200 /event/v1/login Login(user_id='u', login_status='success'); "
        "unknown value 'success' for login_status; did you mean '_success'?\n"
    )


@pytest.mark.usefixtures("no_more_threads")
def test_without_threads_one_request_after_the_other_is_served(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError):
        threading.Thread().start()
    first, second = connect(sandbox), connect(sandbox)
    for connection in (first, second, first):
        reply = ask(connection)
        assert (reply.status, reply.headers["Connection"]) == (200, "close")
    silent = socket.create_connection(address(sandbox), TIMEOUT)
    assert exchange(address(sandbox), head()).startswith(b"HTTP/1.1 411 ")
    silent.close()
    first.close()
    second.close()
    assert len(sandbox.events) == 3


@pytest.mark.usefixtures("no_more_threads")
def test_without_threads_no_stream_keeps_the_others_waiting(sandbox: Sandbox) -> None:
    reply = ask(sandbox, None, method="GET", path="/_sandbox/stream")
    assert (reply.status, reply.json["error"]) == (503, "no thread is left to send this stream")
    assert ask(sandbox).status == 200


@pytest.mark.usefixtures("no_more_threads")
def test_without_threads_a_postback_says_why_it_was_not_sent(sandbox: Sandbox) -> None:
    with ApiClient(configuration=sandbox.configuration()) as client:
        PostbackApi(client).register(PostbackUrls(action_postback="http://127.0.0.1:1/"))
    delivery = sandbox.send_action("o-1001", "approved")
    assert (delivery.status, delivery.error) == (0, "RuntimeError: can't start new thread")
    assert sandbox.postbacks == [delivery]
    sandbox.close()


@pytest.mark.usefixtures("no_more_threads")
def test_without_threads_close_ends_the_connection_that_is_served(sandbox: Sandbox) -> None:
    sandbox.fail(delay=60)
    with socket.create_connection(address(sandbox), TIMEOUT) as connection:
        connection.sendall(addressed(address(sandbox), head("Content-Length: 19") + EVENT))
        eventually(lambda: sandbox.requests)
        sandbox.close()
        assert connection.recv(1000) == b""


@pytest.mark.parametrize("warm", [True, False])
def test_a_program_that_ends_gets_its_last_responses(warm: bool) -> None:
    done = run_script(
        """
        import sys
        from thirdwatch_api import (
            ApiClient, CreateOrder, CreateOrderApi, PostbackApi, PostbackUrls, Transaction, TransactionApi
        )
        from thirdwatch_api.sandbox import Sandbox

        sandbox = Sandbox(on_request=lambda request: sys.stdout.write(f"{request.status}\\n")).start()
        client = ApiClient(configuration=sandbox.configuration())
        def done(response):
            sys.stdout.write("done\\n")
        if sys.argv[1] == "True":
            PostbackApi(client).register(PostbackUrls(score_postback="http://127.0.0.1:1/"))
        for number in range(3):
            order = f"o-{number}"
            CreateOrderApi(client).create_order(CreateOrder(user_id="u", order_id=order), callback=done)
            paid = Transaction(user_id="u", order_id=order, transaction_status="_success")
            TransactionApi(client).transaction(paid, callback=done)
        """,
        str(warm),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == ["200"] * (6 + warm) + ["done"] * 6


@pytest.mark.usefixtures("patient")
def test_close_ends_a_client_that_never_stops_sending() -> None:
    with Sandbox() as sandbox, socket.create_connection(address(sandbox), TIMEOUT) as connection:
        connection.sendall(addressed(address(sandbox), head("Content-Length: 99999999")))
        connection.recv(1000)
        stop = threading.Event()

        def send() -> None:
            try:
                while not stop.is_set():
                    connection.sendall(b" " * 65536)
            except OSError:
                pass

        sender = threading.Thread(target=send)
        sender.start()
        start = time.monotonic()
        sandbox.close()
        assert time.monotonic() - start < TIMEOUT / 2
        stop.set()
        sender.join()


def test_start_and_close_can_be_repeated() -> None:
    sandbox = Sandbox()
    sandbox.close()
    assert sandbox.start() is sandbox.start()
    host = sandbox.host
    assert ask(sandbox).status == 200
    sandbox.close()
    sandbox.close()
    with sandbox:
        assert sandbox.host == host
        assert ask(sandbox).status == 200
    assert len(sandbox.events) == 2


def test_connections_that_ended_are_forgotten(sandbox: Sandbox) -> None:
    for _ in range(50):
        ask(sandbox)

    def kept() -> int:
        server: Any = vars(sandbox)["_server"]
        return len(server._connections)

    eventually(lambda: ask(sandbox).status == 200 and kept() < 10)


def test_a_port_that_is_taken_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=address(sandbox)[1]).start()


def test_a_configuration_reaches_the_sandbox_past_any_proxy(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with ApiClient(configuration=sandbox.configuration(timeout=1)) as client:
        OrderStatusApi(client).order_status(OrderStatus(user_id=42, order_id="o"))
    assert sandbox.events == [OrderStatus(user_id="42", order_id="o")]
    assert sandbox.configuration(api_key="other").api_key == {API_KEY_HEADER: "other"}


def test_the_sdk_meets_what_was_scripted(sandbox: Sandbox) -> None:
    event = OrderStatus(user_id="u", order_id="o")
    with ApiClient(configuration=sandbox.configuration(retries=0)) as client:
        sandbox.fail(503, body={"error": "come back later"})
        with pytest.raises(ServiceException, match="come back later"):
            OrderStatusApi(client).order_status(event)
        sandbox.fail(cut=True)
        with pytest.raises(ConnectionException):
            OrderStatusApi(client).order_status(event)
    assert sandbox.events == []


class Terminal(io.StringIO):
    """A screen whose lines can be waited for."""

    def __init__(self, broken_after: int = 1000) -> None:
        super().__init__()
        self.lines: queue.Queue[str] = queue.Queue()
        self._left = broken_after

    def write(self, text: str) -> int:
        self._left -= 1
        if self._left < 0:
            raise BrokenPipeError
        self.lines.put(text)
        return len(text)

    def host(self) -> str:
        """Read what is printed at the start."""
        assert self.lines.get(timeout=TIMEOUT).startswith("The sandbox is at http://127.0.0.1:")
        return settings(self.lines.get(timeout=TIMEOUT))["THIRDWATCH_HOST"]


def settings(line: str) -> dict[str, str]:
    command, *pairs = shlex.split(line)
    assert command == "export"
    return dict(pair.split("=", 1) for pair in pairs)


def send_to(host: str, data: bytes = head("Content-Length: 19", "Connection: close") + EVENT) -> bytes:
    """Send bytes to a sandbox of which only the URL is known, and return the status line."""
    return exchange(locate(host), data).partition(b"\r\n")[0]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str | None]]:
    """Run the command in this process, and return what it passes to sys.exit."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: str, stdout: Terminal, meanwhile: Callable[[], object] = lambda: None) -> str | None:
        monkeypatch.setattr(sys, "stdout", stdout)
        thread = threading.Thread(target=meanwhile)
        thread.start()
        last_resort = threading.Timer(TIMEOUT, os.kill, (os.getpid(), signal.SIGINT))
        last_resort.start()
        try:
            returned = main(arguments)
            assert not last_resort.finished.is_set()
        finally:
            last_resort.cancel()
        thread.join()
        return returned

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_each_request_until_it_has_to_stop(run: Any, number: signal.Signals) -> None:
    terminal = Terminal()

    def meanwhile() -> None:
        host = terminal.host()
        event = '{"_userId": "ü\\u001b[2J", "_sessionId": "s-1"}'.encode()
        send_to(host, head(f"Content-Length: {len(event)}", "Connection: close", key="my key") + event)
        send_to(host, head("Connection: close", method="GET", target="/\x1b[2J"))
        send_to(host)
        os.kill(os.getpid(), number)

    assert run("--key", "my key", stdout=terminal, meanwhile=meanwhile) is None
    assert [terminal.lines.get_nowait() for _ in range(3)] == [
        "200 /event/v1/login Login(user_id='\\xfc\\x1b[2J', session_id=***)\n",
        "404 GET '/\\x1b[2J' no endpoint at this path\n",
        f"401 POST '/event/v1/login' the header {API_KEY_HEADER} is missing, or is not the sandbox's API key\n",
    ]
    assert terminal.lines.empty()


def test_the_command_can_be_quiet(run: Any) -> None:
    terminal = Terminal()

    def meanwhile() -> None:
        assert send_to(terminal.host()) == b"HTTP/1.1 200 OK"
        os.kill(os.getpid(), signal.SIGTERM)

    assert run("--quiet", stdout=terminal, meanwhile=meanwhile) is None
    assert terminal.lines.empty()


def test_the_command_can_accept_unchecked_events(run: Any) -> None:
    terminal = Terminal()

    def meanwhile() -> None:
        event = b'{"_orderId": "o-1"}'
        assert send_to(terminal.host(), head("Content-Length: 19", "Connection: close") + event) == b"HTTP/1.1 200 OK"
        os.kill(os.getpid(), signal.SIGTERM)

    assert run("--no-validation", stdout=terminal, meanwhile=meanwhile) is None
    assert terminal.lines.get_nowait().startswith("200 /event/v1/login Login()")


def test_the_command_ends_when_nobody_reads_it_any_more(run: Any) -> None:
    terminal = Terminal(broken_after=2)
    assert run(stdout=terminal, meanwhile=lambda: send_to(terminal.host())) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--port", "{taken}"], "in use"), (["--port", "99999"], "0-65535"), (["--key", " "], "must not be empty")],
)
def test_the_command_says_in_a_line_why_it_did_not_start(
    run: Any, sandbox: Sandbox, arguments: list[str], reason: str
) -> None:
    arguments = [argument.format(taken=address(sandbox)[1]) for argument in arguments]
    message = run(*arguments, stdout=Terminal())
    assert message.startswith("The sandbox did not start on port ")
    assert reason in message
    assert "\n" not in message


def test_the_command_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-W", "error", "-m", "thirdwatch_api.sandbox"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        last_resort = threading.Timer(2 * TIMEOUT, process.kill)
        last_resort.start()
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        assert send_to(settings(process.stdout.readline())["THIRDWATCH_HOST"]) == b"HTTP/1.1 200 OK"
        assert process.stdout.readline() == "200 /event/v1/login Login(user_id='u-42')\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
        assert process.stdout.read() + process.stderr.read() == ""
        last_resort.cancel()
