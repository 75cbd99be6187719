"""The sandbox, asked over real sockets as any client of the service might."""

import gc
import http.client
import importlib
import io
import json
import os
import queue
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from thirdwatch_api import ApiClient, OrderStatusApi, apis
from thirdwatch_api.configuration import API_KEY_HEADER
from thirdwatch_api.exceptions import ApiValueError, ConnectionException, ServiceException
from thirdwatch_api.models import Custom, Login, OrderStatus
from thirdwatch_api.models._model import field_table
from thirdwatch_api.sandbox import Request, Sandbox

API_CLASSES = [api for api in (getattr(apis, name) for name in apis.__all__) if not api.at_root]
LOGIN = "/event/v1/login"
EVENT = b'{"_userId": "u-42"}'
TIMEOUT = 5  # seconds; no test waits that long unless it fails


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


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
) -> Reply:
    """Send one request, on a new connection or on one that is there."""
    connection = connect(target) if isinstance(target, Sandbox) else target
    try:
        connection.request(method, path, body, {} if key is None else {API_KEY_HEADER: key})
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        if connection is not target:
            connection.close()


def head(*lines: str, method: str = "POST", key: str = "sandbox-key") -> bytes:
    return "\r\n".join([f"{method} {LOGIN} HTTP/1.1", f"{API_KEY_HEADER}: {key}", *lines, "", ""]).encode()


def exchange(target: tuple[str, int], data: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes, and read until the connection is closed."""
    with socket.create_connection(target, TIMEOUT) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def shorten(value: object) -> str:
    """Name a parameter that is too long to be its own name."""
    return repr(value)[:40]


def smallest_event(model: Any) -> dict[str, str]:
    table = field_table(model)
    return {f.wire: "x" for f in table if f.required or f.name == "user_id"}


@pytest.mark.parametrize("api", API_CLASSES)
def test_an_event_is_accepted_at_each_path_and_recorded_as_its_model(sandbox: Sandbox, api: Any) -> None:
    """Each of the paths takes its event."""
    event = smallest_event(api.model)
    reply = ask(sandbox, json.dumps(event).encode(), path=f"/event{api.path}")
    assert (reply.status, reply.json) == (200, {"message": f"{api.model.__name__} received"})
    assert reply.headers["Content-Type"] == "application/json"
    assert sandbox.events == [api.model.from_dict(event)]
    assert type(sandbox.events[0]) is api.model


@pytest.mark.parametrize("api", API_CLASSES)
def test_all_problems_of_an_event_are_told_at_once(sandbox: Sandbox, api: Any) -> None:
    """A refusal names the missing identity, the unknown key and the missing fields."""
    reply = ask(sandbox, b'{"_whatever": 1}', path=f"/event{api.path}")
    assert reply.status == 400
    assert f"{api.model.__name__}._whatever: unknown key" in reply.json["error"]
    assert f"{api.model.__name__}: needs user_id" in reply.json["error"]
    assert reply.json["error"].count("is required") == sum(f.required for f in field_table(api.model))
    assert sandbox.events == []
    assert sandbox.requests[0].error == reply.json["error"]


@pytest.mark.parametrize("api", API_CLASSES)
def test_the_sdk_and_the_sandbox_agree_on_each_path(sandbox: Sandbox, api: Any) -> None:
    """What an API class sends is what the sandbox takes."""
    event = api.model.from_dict(smallest_event(api.model))
    (long_name,) = (name for name in dir(api) if name.endswith("_with_http_info") and not name.startswith("_"))
    with ApiClient(configuration=sandbox.configuration()) as client:
        answer = getattr(api(client), long_name.removesuffix("_with_http_info"))(event)
    assert answer.message == f"{api.model.__name__} received"
    assert sandbox.events == [event]


def test_an_event_is_recorded_as_it_came(sandbox: Sandbox) -> None:
    """Free-form data arrives unchanged."""
    info = {"a": [1, 2.5, None, {"ü": "\U0001f600"}]}
    ask(sandbox, json.dumps({"_sessionId": "s", "_customInfo": info}).encode(), path="/event/v1/custom_event")
    assert sandbox.events == [Custom(session_id="s", custom_info=info)]


def test_a_path_that_is_not_there_is_answered_404(sandbox: Sandbox) -> None:
    """Only the service's paths exist; a query changes nothing."""
    reply = ask(sandbox, path="/v1/login?x=1")
    assert (reply.status, reply.json) == (404, {"error": "there is nothing at this path"})
    assert sandbox.requests[0].path == "/v1/login"
    assert ask(sandbox, path=f"{LOGIN}?x=1").status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_post_is_allowed(sandbox: Sandbox, method: str) -> None:
    """Another verb is answered 405, and told which one is right."""
    reply = ask(sandbox, None, method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert reply.json == {"error": f"this takes POST, not {method}"}


def test_the_answer_to_head_has_no_body(sandbox: Sandbox) -> None:
    """Not even a refusal has one."""
    answer = exchange(address(sandbox), head("Connection: close", method="HEAD"))
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("key", [None, "", "sandbox-ke", "Bearer sandbox-key", b"sandbox-k\xc3\xa9y"])
def test_a_missing_or_wrong_key_is_answered_401(sandbox: Sandbox, key: str | bytes | None) -> None:
    """Nothing is recorded for somebody else."""
    reply = ask(sandbox, key=key)
    assert reply.status == 401
    assert API_KEY_HEADER in reply.json["error"]
    assert sandbox.events == []
    assert not sandbox.requests[0].authorized


@pytest.mark.parametrize("key", ["k", "schlüssel", " blank "])
def test_any_key_but_an_empty_one_can_be_chosen(key: str) -> None:
    """The key is compared as UTF-8, without the white space around it."""
    with Sandbox(key) as sandbox:
        assert ask(sandbox, key=key.strip().encode()).status == 200
        assert ask(sandbox, key=key.encode() + b" ").status == 200
    with pytest.raises(ApiValueError, match="needs one"):
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
        (b'{"_userId": NaN}', "knows no NaN"),
        (b'{"_userId": -Infinity}', "knows no -Infinity"),
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
def test_a_body_that_is_no_event_is_answered_400(sandbox: Sandbox, body: bytes, reason: str) -> None:
    """Whatever the body is, the answer is a JSON object that says what is wrong with it."""
    reply = ask(sandbox, body)
    assert reply.status == 400
    assert reason in reply.json["error"]
    assert sandbox.events == []


def test_a_reason_is_never_endless(sandbox: Sandbox) -> None:
    """Of many problems the first 20 are told."""
    reply = ask(sandbox, json.dumps({f"k{i}": i for i in range(500)}).encode())
    assert reply.json["error"].count(";") < 40


def test_a_request_is_kept_without_its_key(sandbox: Sandbox) -> None:
    """Headers and body can be looked at; the key is nowhere, and repr shows neither."""
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
    """What a test holds does not change under it."""
    ask(sandbox)
    events, requests = sandbox.events, sandbox.requests
    sandbox.fail(times=5)
    sandbox.clear()
    assert (len(events), len(requests)) == (1, 1)
    assert (sandbox.events, sandbox.requests) == ([], [])
    assert ask(sandbox).status == 200


def test_events_of_many_threads_are_all_recorded(sandbox: Sandbox) -> None:
    """Nothing is lost when many clients send at once."""

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
    """The hook may look at the sandbox."""
    seen: list[tuple[int, int]] = []

    def look(request: Request) -> None:
        seen.append((request.status, len(watched.requests)))

    with Sandbox(on_request=look) as watched:
        ask(watched)
        ask(watched, b"")
    assert seen == [(200, 1), (400, 2)]


def test_a_connection_outlives_refusals(sandbox: Sandbox) -> None:
    """Requests of one connection are told apart, whatever was wrong with them."""
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
        (b"BREW /event HTTP/1.1\r\n\r\n", 501),
        (b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (head("X-Long: " + "x" * 70_000), 431),
        (head(*(f"X-{i}: x" for i in range(200))), 431),
    ],
    ids=shorten,
)
def test_what_cannot_be_read_is_refused_and_the_connection_closed(
    sandbox: Sandbox, request_: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """A request whose end is unknown gets its answer in JSON, and no other follows it."""
    answer = exchange(address(sandbox), request_)
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close" in start
    assert json.loads(body).keys() == {"error"}
    assert sandbox.events == []
    assert ask(sandbox).status == 200
    assert capfd.readouterr() == ("", "")


def test_the_same_content_length_twice_is_one(sandbox: Sandbox) -> None:
    """Only lengths that contradict each other are refused."""
    request = head("Content-Length: 19", "Content-Length: 19", "Connection: close") + EVENT
    assert exchange(address(sandbox), request).startswith(b"HTTP/1.1 200 ")


def test_a_refused_body_can_be_sent_to_its_end(sandbox: Sandbox) -> None:
    """A client that reads only after it has written everything finds the answer."""
    connection = connect(sandbox)
    reply = ask(connection, b" " * (9 * 1024 * 1024))
    connection.close()
    assert reply.status == 413
    assert sandbox.requests[0].body == b""


def test_a_body_that_ends_early_is_refused(sandbox: Sandbox) -> None:
    """Half an event is none."""
    answer = exchange(address(sandbox), head("Content-Length: 100") + EVENT, half_close=True)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert sandbox.requests[0].error == "the body is shorter than its Content-Length"


def test_expect_100_continue_is_honoured(sandbox: Sandbox) -> None:
    """A client that asks first is told to go on."""
    with socket.create_connection(address(sandbox), TIMEOUT) as connection:
        connection.sendall(head("Expect: 100-continue", "Content-Length: 19", "Connection: close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(EVENT)
        assert b"".join(iter(lambda: connection.recv(65536), b"")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent", [b"", b"POST", head("Content-Length: 100"), head("Content-Length: 19") + EVENT], ids=len
)
def test_a_client_that_goes_away_leaves_no_trace(capfd: pytest.CaptureFixture[str], sent: bytes) -> None:
    """A reset at any point prints nothing and takes nothing with it."""
    with Sandbox() as sandbox:
        for _ in range(5):
            connection = socket.create_connection(address(sandbox), TIMEOUT)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(sent)
            connection.close()
        assert ask(sandbox).status == 200
    assert capfd.readouterr() == ("", "")


def test_an_error_of_the_callers_own_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """What on_request raises is not swallowed."""

    def broken(_: Request) -> None:
        raise RuntimeError("oh no")

    with Sandbox(on_request=broken) as sandbox, pytest.raises(http.client.RemoteDisconnected):
        ask(sandbox)
    assert "RuntimeError: oh no" in capfd.readouterr().err


def test_scripts_are_met_in_order_and_then_service_is_normal(sandbox: Sandbox) -> None:
    """Two scripts queue up; what they meet is no event."""
    sandbox.fail(times=2)
    sandbox.fail(429, headers={"retry-after": "7"})
    replies = [ask(sandbox) for _ in range(4)]
    assert [reply.status for reply in replies] == [503, 503, 429, 200]
    assert replies[0].json == {"error": "scripted"}
    assert replies[2].headers["Retry-After"] == "7"
    assert [request.status for request in sandbox.requests] == [503, 503, 429, 200]
    assert [request.error for request in sandbox.requests] == ["scripted"] * 3 + [None]
    assert len(sandbox.events) == 1


@pytest.mark.parametrize(
    ("body", "answered"),
    [(None, b'{"message": "scripted"}'), ("ü", "ü".encode()), (b"\xff", b"\xff"), ({"a": 1}, b'{"a": 1}')],
)
def test_a_success_with_an_odd_body_can_be_scripted(sandbox: Sandbox, body: Any, answered: bytes) -> None:
    """Text and bytes go out as they are, a mapping as JSON."""
    sandbox.fail(200, body=body, headers={"content-type": "text/html"})
    reply = ask(sandbox, path="/anything", key=None)
    assert (reply.status, reply.body, reply.headers.get_all("Content-Type")) == (200, answered, ["text/html"])
    assert sandbox.events == []


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_is_sent_without_one(sandbox: Sandbox, status: int) -> None:
    """The connection stays of use behind it."""
    sandbox.fail(status, body="x")
    connection = connect(sandbox)
    reply = ask(connection)
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (status, b"", None)
    assert ask(connection).status == 200
    connection.close()


def test_a_cut_connection_answers_nothing(sandbox: Sandbox) -> None:
    """Not a byte comes back, and the event is not taken."""
    sandbox.fail(cut=True)
    assert exchange(address(sandbox), head("Content-Length: 19") + EVENT) == b""
    assert [request.status for request in sandbox.requests] == [0]
    assert sandbox.events == []


def test_an_answer_can_break_off(sandbox: Sandbox) -> None:
    """A Content-Length above the body's makes the answer end early."""
    sandbox.fail(200, body="{", headers={"Content-Length": "100"})
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(sandbox)
    assert caught.value.partial == b"{"


def test_the_answer_to_an_accepted_event_can_be_lost(sandbox: Sandbox) -> None:
    """With status None the service does its work, and only the answer suffers."""
    sandbox.fail(None, cut=True)
    sandbox.fail(None, body="gone", headers={"X-Odd": "1"})
    assert exchange(address(sandbox), head("Content-Length: 19") + EVENT) == b""
    reply = ask(sandbox)
    assert (reply.status, reply.body, reply.headers["X-Odd"]) == (200, b"gone", "1")
    assert sandbox.events == [Login(user_id="u-42")] * 2


def test_an_answer_can_be_late(sandbox: Sandbox) -> None:
    """The request is recorded before the delay."""
    sandbox.fail(None, delay=0.05)
    start = time.monotonic()
    assert ask(sandbox).status == 200
    assert time.monotonic() - start >= 0.05


def test_a_request_that_cannot_be_read_spends_no_script(sandbox: Sandbox) -> None:
    """A script waits for a request that could have been served."""
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
    """A slip shows in the test that makes it."""
    with pytest.raises(ApiValueError, match=r"^fail: "):
        sandbox.fail(**arguments)


def test_close_ends_idle_and_waiting_connections_at_once() -> None:
    """Neither a kept connection, nor half a request, nor a long delay holds it up; no thread or port stays."""
    before = set(threading.enumerate())
    with Sandbox() as other:
        idle = connect(other)
        ask(idle)
        half, waiting, refused = (socket.create_connection(address(other), TIMEOUT) for _ in range(3))
        half.sendall(b"POST ")
        other.fail(delay=60)
        waiting.sendall(head("Content-Length: 19") + EVENT)
        eventually(lambda: len(other.requests) == 2)
        refused.sendall(head())
        assert refused.recv(1000)
        start = time.monotonic()
    assert time.monotonic() - start < 0.1
    assert waiting.recv(1000) == b""
    assert set(threading.enumerate()) == before
    for each in (idle, half, waiting, refused):
        each.close()
    with pytest.raises(ConnectionRefusedError):
        ask(other)
    assert len(other.events) == 1
    gc.collect()


def test_close_ends_a_client_that_never_stops_sending() -> None:
    """An endless body is not drained for longer than the sandbox lives."""
    with Sandbox() as sandbox, socket.create_connection(address(sandbox), TIMEOUT) as connection:
        connection.sendall(head("Content-Length: 99999999"))
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
        assert time.monotonic() - start < 0.1
        stop.set()
        sender.join()


def test_start_and_close_can_be_repeated() -> None:
    """A sandbox comes back on its port, with what it knew."""
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
    """A sandbox that runs for long does not collect connections."""
    for _ in range(50):
        ask(sandbox)

    def kept() -> int:
        server: Any = vars(sandbox)["_server"]
        return len(server._connections)

    eventually(lambda: ask(sandbox).status == 200 and kept() < 10)


def test_a_port_that_is_taken_is_an_error(sandbox: Sandbox) -> None:
    """A second sandbox does not share the port."""
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=address(sandbox)[1]).start()


def test_a_configuration_reaches_the_sandbox_past_any_proxy(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the developer's machine does not matter, and settings can be changed."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with ApiClient(configuration=sandbox.configuration(timeout=1)) as client:
        OrderStatusApi(client).order_status(OrderStatus(user_id=42, order_id="o"))
    assert sandbox.events == [OrderStatus(user_id="42", order_id="o")]
    assert sandbox.configuration(api_key="other").api_key == {API_KEY_HEADER: "other"}


def test_the_sdk_meets_what_was_scripted(sandbox: Sandbox) -> None:
    """A status and a cut connection arrive as the errors they stand for."""
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
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
    """Run ``python -m thirdwatch_api.sandbox`` in this process, and return what it passes to sys.exit."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: str, stdout: Terminal, meanwhile: Callable[[], object] = lambda: None) -> object:
        monkeypatch.setattr(sys, "argv", ["sandbox", *arguments])
        monkeypatch.setattr(sys, "stdout", stdout)
        thread = threading.Thread(target=meanwhile)
        thread.start()
        last_resort = threading.Timer(TIMEOUT, os.kill, (os.getpid(), signal.SIGINT))
        last_resort.start()
        try:
            with pytest.raises(SystemExit) as caught:
                runpy.run_module("thirdwatch_api.sandbox", run_name="__main__")
            assert not last_resort.finished.is_set()
        finally:
            last_resort.cancel()
        thread.join()
        return caught.value.code

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_each_request_until_it_is_told_to_stop(run: Any, number: signal.Signals) -> None:
    """Accepted events show as their repr, refused ones with the reason."""
    terminal = Terminal()

    def meanwhile() -> None:
        host = terminal.host()
        event = '{"_userId": "ü\\u001b[2J", "_sessionId": "s-1"}'.encode()
        send_to(host, head(f"Content-Length: {len(event)}", "Connection: close", key="my key") + event)
        send_to(host, b"GET /\x1b[2J HTTP/1.1\r\nConnection: close\r\n\r\n")
        send_to(host)
        os.kill(os.getpid(), number)

    assert run("--key", "my key", stdout=terminal, meanwhile=meanwhile) is None
    assert [terminal.lines.get_nowait() for _ in range(3)] == [
        "200 /event/v1/login Login(user_id='\\xfc\\x1b[2J', session_id=***)\n",
        "404 GET '/\\x1b[2J' there is nothing at this path\n",
        f"401 POST '/event/v1/login' the header {API_KEY_HEADER} is missing, or its key is not the sandbox's\n",
    ]
    assert terminal.lines.empty()


def test_the_command_can_be_quiet(run: Any) -> None:
    """Nothing but the address and the key is printed."""
    terminal = Terminal()

    def meanwhile() -> None:
        assert send_to(terminal.host()) == b"HTTP/1.1 200 OK"
        os.kill(os.getpid(), signal.SIGTERM)

    assert run("--quiet", stdout=terminal, meanwhile=meanwhile) is None
    assert terminal.lines.empty()


def test_the_command_ends_when_nobody_reads_it_any_more(run: Any) -> None:
    """In front of a pipe that was closed it still answers, and ends."""
    terminal = Terminal(broken_after=2)
    assert run(stdout=terminal, meanwhile=lambda: send_to(terminal.host())) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--port", "{taken}"], "in use"), (["--port", "99999"], "0-65535"), (["--key", " "], "needs one")],
)
def test_the_command_says_in_a_line_why_it_did_not_start(
    run: Any, sandbox: Sandbox, arguments: list[str], reason: str
) -> None:
    """A taken port, an impossible one, or an empty key is no traceback."""
    arguments = [argument.format(taken=address(sandbox)[1]) for argument in arguments]
    message = run(*arguments, stdout=Terminal())
    assert message.startswith("The sandbox did not start on port ")
    assert reason in message
    assert "\n" not in message


def test_the_command_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that walks over all modules starts no server."""
    module = importlib.import_module("thirdwatch_api.sandbox.__main__")
    monkeypatch.delitem(sys.modules, module.__name__)  # runpy warns of a module that was imported before
    assert module.__all__ == ["main"]


def test_the_command_runs_as_a_process_of_its_own() -> None:
    """Lines come out at once through a pipe, and Ctrl-C ends it without a word."""
    command = [sys.executable, "-W", "error", "-m", "thirdwatch_api.sandbox"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        last_resort = threading.Timer(TIMEOUT, process.kill)
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
