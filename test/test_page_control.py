"""The control API of the sandbox, and a sandbox in another process."""

from __future__ import annotations

import http.client
import inspect
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest

from thirdwatch_api import (
    ApiClient,
    ApiException,
    ApiTypeError,
    ApiValueError,
    ClientAction,
    ConnectionException,
    CreateOrder,
    CreateOrderApi,
    InvalidResponseException,
    Login,
    LoginApi,
    OrderStatus,
    OrderStatusApi,
    PostbackUrls,
    ScoreApi,
)
from thirdwatch_api.sandbox import RemoteSandbox, Request, Sandbox
from thirdwatch_api.sandbox._annotate import annotate
from thirdwatch_api.sandbox._log import Log, Watch

from .page import Receiver, Reply, pay, register

TIMEOUT = 30  # seconds; no test waits that long unless it fails
EVENT = OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")


def connect(sandbox: Sandbox) -> http.client.HTTPConnection:
    parts = urlsplit(sandbox.host)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)


def ask(
    sandbox: Sandbox,
    path: str,
    body: object = None,
    *,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send one request; a body makes it a POST with the media type of JSON."""
    connection = connect(sandbox)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    own = {} if data is None else {"Content-Type": "application/json"}
    try:
        connection.request(method or ("GET" if body is None else "POST"), path, data, {**own, **(headers or {})})
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def token_of(sandbox: Sandbox) -> dict[str, str]:
    return {"X-Sandbox-Token": ask(sandbox, "/_sandbox/state").json["token"]}


def command(sandbox: Sandbox, name: str, **arguments: object) -> Reply:
    return ask(sandbox, f"/_sandbox/{name}", arguments, headers=token_of(sandbox))


class Stream:
    """A listener of the stream."""

    def __init__(self, sandbox: Sandbox, last_id: str = "") -> None:
        self.connection = connect(sandbox)
        self.connection.request("GET", "/_sandbox/stream", headers={"Last-Event-ID": last_id} if last_id else {})
        self.response = self.connection.getresponse()
        self.id = ""

    def message(self) -> Any:
        """Wait for the next message."""
        while line := self.response.readline():
            if line.startswith(b"id: "):
                self.id = line[4:].decode().strip()
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        return None

    def requests(self, number: int) -> list[Any]:
        """Wait until so many requests came."""
        found: list[Any] = []
        while len(found) < number:
            found += self.message()["requests"]
        return found

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.mark.parametrize(
    ("path", "media_type", "part"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/?x=1", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/_sandbox/page.js", "text/javascript; charset=utf-8", b"EventSource"),
        ("/_sandbox/page.css", "text/css; charset=utf-8", b"prefers-color-scheme: dark"),
        ("/_sandbox/icon.svg", "image/svg+xml", b"<svg"),
        ("/favicon.ico", "image/svg+xml", b"<svg"),
    ],
)
def test_the_files_of_the_page_are_served_and_not_recorded(
    sandbox: Sandbox, path: str, media_type: str, part: bytes
) -> None:
    reply = ask(sandbox, path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, media_type)
    assert part in reply.body
    assert ask(sandbox, path, method="HEAD").body == b""
    assert sandbox.requests == []


@pytest.mark.parametrize("path", ["/", "/_sandbox/page.js", "/_sandbox/state", "/_sandbox/nothing"])
def test_other_sites_are_kept_out_by_headers(sandbox: Sandbox, path: str) -> None:
    headers = ask(sandbox, path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_a_browser_that_opens_the_host_is_led_to_the_page(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "/event", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (reply.status, reply.headers["Location"]) == (302, "/")
    assert sandbox.requests == []
    assert ask(sandbox, "/event", headers={"Accept": "*/*"}).status == 404
    assert [each.path for each in sandbox.requests] == ["/event"]


def test_the_page_names_no_other_host(sandbox: Sandbox) -> None:
    for path in ("/", "/_sandbox/page.js", "/_sandbox/page.css", "/_sandbox/icon.svg"):
        found = re.findall(rb"(?:https?|data|blob):|url\(|@import", ask(sandbox, path).body)
        names = ask(sandbox, path).body.count(b"http://www.w3.org/2000/svg")  # of SVG, which nothing loads
        assert len(found) == names


@pytest.mark.parametrize(
    "path", ["/", "/_sandbox/state", "/_sandbox/requests", "/_sandbox/stream", "/_sandbox/page.js"]
)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "script"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, 403),
    ],
)
def test_another_site_and_a_rebound_name_get_nothing(
    sandbox: Sandbox, path: str, headers: dict[str, str], status: int
) -> None:
    reply = ask(sandbox, path, headers=headers)
    assert reply.status == status
    assert set(reply.json) == {"message", "error"}
    assert b"sandbox-key" not in reply.body
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_a_link_from_another_site_shows_the_page(sandbox: Sandbox) -> None:
    assert ask(sandbox, "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}).status == 200
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "script"}
    assert ask(sandbox, "/_sandbox/page.js", headers=own).status == 200


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 403, "send the header X-Sandbox-Token: the token that GET /_sandbox/state shows"),
        ({"X-Sandbox-Token": "guess"}, 403, "X-Sandbox-Token"),
        ({"X-Sandbox-Token": "gu\xe9ss"}, 403, "X-Sandbox-Token"),
        ({"Content-Type": "text/plain"}, 415, "Content-Type must be application/json"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "Content-Type"),
        ({"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
    ],
)
def test_a_command_needs_its_media_type_and_the_token(
    sandbox: Sandbox, headers: dict[str, str], status: int, text: str
) -> None:
    token = {} if status == 403 else token_of(sandbox)
    reply = ask(sandbox, "/_sandbox/fail", {"status": 503}, headers={**token, **headers})
    assert reply.status == status
    assert text in reply.json["error"]
    assert ask(sandbox, "/_sandbox/state").json["scripted"] == 0


def test_a_command_without_a_media_type_is_refused(sandbox: Sandbox) -> None:
    connection = connect(sandbox)
    connection.request("POST", "/_sandbox/clear", b"{}", token_of(sandbox))
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["error"]) == (415, "Content-Type must be application/json")
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/_sandbox/nothing", 404, None),
        ("POST", "/_sandbox/", 404, None),
        ("GET", "/_sandbox/fail", 405, "POST"),
        ("POST", "/_sandbox/state", 405, "GET"),
        ("DELETE", "/_sandbox/requests", 405, "GET"),
    ],
)
def test_an_unknown_part_of_the_control_api_is_refused_and_not_recorded(
    sandbox: Sandbox, method: str, path: str, status: int, allow: str | None
) -> None:
    reply = ask(sandbox, path, b"{}", method=method)
    assert (reply.status, reply.headers["Allow"]) == (status, allow)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "text"),
    [
        ("fail", {"status": 99}, "ApiValueError", "fail: status: must be 200-599, got 99"),
        ("fail", {"status": "503"}, "ApiTypeError", "fail: status: expected int or None, got str"),
        ("fail", {"statuss": 503}, "ApiTypeError", "got an unexpected keyword argument 'statuss'"),
        ("score", {"score": 1}, "ApiTypeError", "missing a required argument: 'order_id'"),
        ("action", {"order_id": "o", "action_type": "approved"}, "ApiValueError", "no action_postback was registered"),
        ("clear", {"all": True}, "ApiTypeError", "unexpected keyword argument 'all'"),
    ],
)
def test_a_command_says_what_is_wrong_with_it(
    sandbox: Sandbox, name: str, arguments: dict[str, object], kind: str, text: str
) -> None:
    reply = command(sandbox, name, **arguments)
    assert (reply.status, reply.json["type"]) == (400, kind)
    assert text in reply.json["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_a_command_that_is_no_json_object_is_refused(sandbox: Sandbox, body: bytes) -> None:
    reply = ask(sandbox, "/_sandbox/clear", body, headers=token_of(sandbox))
    assert reply.status == 400
    assert reply.json["error"].startswith("the body is not ")


def test_the_state_has_the_settings_and_the_numbers(sandbox: Sandbox, client: ApiClient, shop: Receiver) -> None:
    register(client, shop)
    pay(client)
    pay(client, "o-2", "900")
    sandbox.fail(503, times=3)
    sandbox.fail(None, delay=0.5, cut=True)
    state = ask(sandbox, "/_sandbox/state").json
    assert (state["host"], state["api_key"], state["threshold"]) == (sandbox.host, "sandbox-key", 70)
    assert state["counts"] == {"accepted": 5, "refused": 0, "scripted": 0}
    assert state["scripted"] == 4
    assert state["scripts"] == [
        {"status": 503, "delay": 0.0, "cut": False, "times": 3},
        {"status": None, "delay": 0.5, "cut": True, "times": 1},
    ]
    assert state["scores"] == [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    sandbox.score("o-2", 300)
    assert ask(sandbox, "/_sandbox/state").json["scores"] == [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert state["urls"]["action_postback"] is True
    command(sandbox, "clear")
    cleared = ask(sandbox, "/_sandbox/state").json
    assert cleared["counts"] == {"accepted": 0, "refused": 0, "scripted": 0}
    assert (cleared["scripted"], sum(cleared["scores"])) == (0, 0)
    assert cleared["instance"] != state["instance"]


def test_requests_are_shown_after_a_number(sandbox: Sandbox, client: ApiClient) -> None:
    for _ in range(3):
        LoginApi(client).login(Login(user_id="u-42", login_status="_success"))
    reply = ask(sandbox, "/_sandbox/requests?after=1").json
    assert [each["number"] for each in reply["requests"]] == [2, 3]
    assert reply["more"] is False
    assert reply["requests"][0]["kind"] == "login"
    assert json.loads(reply["requests"][0]["body"]) == {"_userId": "u-42", "_loginStatus": "_success"}
    for wrong in ("x", "-1", "9" * 19):
        assert ask(sandbox, f"/_sandbox/requests?after={wrong}").status == 400
    assert ask(sandbox, "/_sandbox/request?number=4").status == 404
    one = ask(sandbox, "/_sandbox/request?number=2").json
    assert (one["number"], one["path"], one["status"], len(one["lines"])) == (2, "/event/v1/login", 200, 4)


def test_an_order_shows_its_steps(sandbox: Sandbox, client: ApiClient, shop: Receiver) -> None:
    register(client, shop)
    sandbox.score("o-1001", 82)
    waiting = ask(sandbox, "/_sandbox/order?order_id=o-1001").json
    assert (waiting["known"], waiting["score"], waiting["fixed_score"]) == (False, None, 82)
    pay(client)
    ask(sandbox, "/event/v1/order_status", {"_orderId": "o-1001"})
    assert command(sandbox, "action", order_id="o-1001", action_type="approved").json["postback"]["status"] == 200
    order = ask(sandbox, "/_sandbox/order?order_id=o-1001").json
    assert [each["kind"] for each in order["requests"]] == ["create_order", "transaction", "order_status"]
    assert order["score"]["score"] == 82
    assert [(each["kind"], each["status"]) for each in order["postbacks"]] == [
        ("score_postback", 200),
        ("action_postback", 200),
    ]
    assert ask(sandbox, "/_sandbox/order?order_id=nothing").json["requests"] == []
    assert ask(sandbox, "/_sandbox/order?request=4").json == order
    assert [each.order_id for each in sandbox.requests] == ["", "o-1001", "o-1001", "o-1001"]


def test_a_payment_link_belongs_to_its_order(sandbox: Sandbox, client: ApiClient, shop: Receiver) -> None:
    register(client, shop)
    command(sandbox, "payment_link", order_id="o-7", payment_amount="2500")
    (step,) = ask(sandbox, "/_sandbox/order?order_id=o-7").json["postbacks"]
    assert (step["kind"], step["status"]) == ("url", 200)


def shown(lines: list[dict[str, Any]]) -> str:
    return "\n".join(f"{' ' * line['depth']}{line['key']}{line['value']}{line['end']}" for line in lines)


def line_of(lines: list[dict[str, Any]], key: str) -> dict[str, Any]:
    (found,) = (line for line in lines if line["key"] == f'"{key}": ')
    return found


def test_json_is_shown_as_it_came() -> None:
    body = (
        b'{"_userId":"u","_items":[{"_price":2.50,"_itemId":"\\u00e9"},{}],"_customInfo":{},"x":12345678901234567890}'
    )
    assert (
        shown(annotate(CreateOrder, body, validate=True))
        == """{
 "_userId": "u",
 "_items": [
  {
   "_price": 2.50,
   "_itemId": "\u00e9"
  },
  {}
 ],
 "_customInfo": {},
 "x": 12345678901234567890
}"""
    )


def test_personal_parts_are_marked() -> None:
    body = json.dumps(
        {
            "_userId": "u-42",
            "_userEmail": "a@b.example",
            "_orderId": "asha@b.example",
            "_billingAddress": {"_name": "Asha", "_zipcode": None},
            "_customInfo": {"channel": "web"},
            "_mistyped": [{"x": "Asha"}],
        }
    ).encode()
    lines = annotate(CreateOrder, body, validate=True)
    personal = [line["key"].strip('": ') for line in lines if line.get("personal")]
    assert personal == ["_userEmail", "_orderId", "_name", "_zipcode", "channel", "x"]


@pytest.mark.parametrize("body", [b'{"a": 1}', b"[1]", b'"text"'])
def test_all_is_personal_where_nothing_is_known(body: bytes) -> None:
    lines = annotate(None, body, validate=True)
    assert [line["value"] for line in lines if line.get("personal")] in (["1"], ['"text"'])


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 200])
def test_what_is_no_json_is_shown_as_text(body: bytes) -> None:
    (line,) = annotate(CreateOrder, body, validate=True)
    assert line == {"depth": 0, "key": "", "value": body.decode("utf-8", "replace"), "end": "", "personal": True}


def test_no_body_has_no_lines() -> None:
    assert annotate(CreateOrder, b"", validate=True) == []


def test_each_problem_is_at_its_place() -> None:
    body = b'{"_amount":true,"_items":[{},{"_price":true,"_prise":1}],"_orderId":"o"}'
    lines = annotate(CreateOrder, body, validate=True)
    assert lines[0]["notes"] == [("problem", "needs user_id or session_id: the customer's, not the order's")]
    assert line_of(lines, "_amount")["notes"][0][1].startswith("expected text, got bool")
    assert line_of(lines, "_price")["notes"][0][1].startswith("expected ")
    assert line_of(lines, "_prise")["notes"] == [("problem", "unknown key; did you mean '_price'?")]


def test_what_is_missing_is_noted_at_what_should_hold_it() -> None:
    lines = annotate(PostbackUrls, b"{}", validate=True)
    assert all("notes" not in line for line in lines)
    lines = annotate(ClientAction, b'{"order_id": "o"}', validate=True)
    assert lines[0]["notes"] == [("problem", "action_type is required")]


def test_an_unknown_value_is_marked_with_the_nearest_known_one() -> None:
    body = b'{"_userId":"u","_orderStatus":"fulfiled"}'
    lines = annotate(OrderStatus, body, validate=True)
    assert line_of(lines, "_orderStatus")["notes"] == [("hint", "unknown value; did you mean '_fulfilled'?")]
    lines = annotate(OrderStatus, b'{"_userId":"u","_orderStatus":"qqqqqq"}', validate=True)
    assert line_of(lines, "_orderStatus")["notes"] == [("hint", "unknown value; the documentation does not name it")]


def test_long_json_is_cut() -> None:
    lines = annotate(CreateOrder, json.dumps({"_items": [{}] * 30_000}).encode(), validate=True)
    assert len(lines) == 20_003
    assert lines[-3]["value"] == "... cut after 20,000 lines"
    deep: object = 1
    for _ in range(50):
        deep = [deep] * 2 if len(json.dumps(deep)) < 100_000 else [deep]
    assert len(annotate(None, json.dumps(deep).encode(), validate=True)) < 20_200


def test_the_stream_sends_what_is_there_and_then_what_comes(sandbox: Sandbox, client: ApiClient) -> None:
    OrderStatusApi(client).order_status(EVENT)
    with Stream(sandbox) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        first = stream.message()
        assert first["reset"] is True
        assert [each["kind"] for each in first["requests"]] == ["order_status"]
        assert (first["requests"][0]["order_id"], first["requests"][0]["user_id"]) == ("o-1001", "u-42")
        assert ask(sandbox, "/event/v1/login", {"_userId": "u-7"}).status == 401
        second = stream.message()
        assert second["reset"] is False
        assert (second["requests"][0]["result"], second["requests"][0]["user_id"]) == ("refused", "u-7")
        sandbox.fail(503)
        while not stream.message()["state"]["scripted"]:
            pass
    assert len(sandbox.requests) == 2


def test_the_stream_sends_many_requests_in_parts(sandbox: Sandbox) -> None:
    connection = connect(sandbox)
    for _ in range(1001):
        connection.request("GET", "/neo/v1/score")
        connection.getresponse().read()
    connection.close()
    with Stream(sandbox) as stream:
        assert [len(stream.message()["requests"]) for _ in range(2)] == [1000, 1]
    with Stream(sandbox) as stream:
        assert len({each["number"] for each in stream.requests(1001)}) == 1001


def test_the_stream_goes_on_where_it_was_cut(sandbox: Sandbox, client: ApiClient, shop: Receiver) -> None:
    register(client, shop)
    pay(client)
    assert sandbox.postbacks[0].status == 200
    with Stream(sandbox) as stream:
        assert len(stream.requests(3)) == 3
    OrderStatusApi(client).order_status(EVENT)
    sandbox.send_action("o-1001", "approved")
    with Stream(sandbox, stream.id) as again:
        message = again.message()
        assert message["reset"] is False
        assert [each["kind"] for each in message["requests"]] == ["order_status"]
        assert [each["action"] for each in message["postbacks"]][-1:] == ["approved"]
    sandbox.clear()
    with Stream(sandbox, again.id) as fresh:
        message = fresh.message()
        assert (message["reset"], message["requests"]) == (True, [])


@pytest.mark.parametrize(
    "last_id", ["", "x", "a.b.c", "a.1.1.1", "../1.1", "x" * 100 + ".1.1", "a.99999999999999999999.1"]
)
def test_an_odd_id_begins_at_the_first_request(sandbox: Sandbox, client: ApiClient, last_id: str) -> None:
    OrderStatusApi(client).order_status(EVENT)
    with Stream(sandbox, last_id) as stream:
        assert [each["number"] for each in stream.message()["requests"]] == [1]


def test_the_stream_shows_no_personal_data(sandbox: Sandbox, client: ApiClient) -> None:
    CreateOrderApi(client).create_order(
        CreateOrder(user_id="asha@b.example", order_id="asha@b.example", user_email="asha@b.example")
    )
    ask(sandbox, "/event/v1/login", b'{"_userId": "asha@b.example", "_orderId": "asha@b.example')
    ask(sandbox, "/event/v1/login", b'{"_userId": "\\ud83d", "_orderId": "\xff"}')
    with Stream(sandbox) as stream:
        assert "asha" not in json.dumps(stream.requests(3))


def test_a_stream_that_nothing_happens_in_shows_that_it_lives(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["thirdwatch_api.sandbox._stream"], "_HEARTBEAT", 0.01)
    with Stream(sandbox) as stream:
        assert stream.message()["requests"] == []
        while stream.response.readline() != b": still here\n":
            pass


def test_close_ends_streams_at_once_and_start_goes_on(sandbox: Sandbox, client: ApiClient) -> None:
    OrderStatusApi(client).order_status(EVENT)
    with Stream(sandbox) as stream:
        assert len(stream.requests(1)) == 1
        before = datetime.now(timezone.utc)
        sandbox.close()
        while stream.message():
            pass
        assert (datetime.now(timezone.utc) - before).total_seconds() < TIMEOUT / 2
    sandbox.start()
    with Stream(sandbox, stream.id) as again:
        assert again.message()["reset"] is False


def test_head_of_the_stream_ends(sandbox: Sandbox) -> None:
    assert ask(sandbox, "/_sandbox/stream", method="HEAD").status == 405


def test_reading_the_postbacks_in_a_hook_does_not_block(shop: Receiver) -> None:
    seen: list[int] = []

    def look(_: Request) -> None:
        seen.append(len(sandbox.postbacks))

    with Sandbox(on_request=look) as sandbox, ApiClient(configuration=sandbox.configuration()) as client:
        register(client, shop)
        pay(client)
    assert seen == [0, 0, 1]


def test_the_log_keeps_the_last_10_000_and_their_numbers() -> None:
    log: Log[int] = Log()
    assert (log.since(0), log.get(1), log.last) == (([], 0), None, 0)
    for number in range(1, 10_006):
        assert log.append(number) == number
    assert log.since(0, 2) == ([6, 7], 7)
    assert log.since(10_003) == ([10_004, 10_005], 10_005)
    assert log.since(10_005) == log.since(99_999) == ([], 10_005)
    assert [log.get(number) for number in (0, 5, 6, 10_005, 10_006)] == [None, None, 6, 10_005, None]
    log.clear()
    assert (log.since(0), log.get(10_005)) == (([], 10_005), None)
    assert log.append(1) == 10_006


def test_the_scripts_that_were_not_met_are_known(sandbox: Sandbox) -> None:
    sandbox.fail(503, times=1_000_000)
    sandbox.fail(429)
    ask(sandbox, "/event/v1/login", {})
    assert len(sandbox._scripts) == 1_000_000
    assert [script.status for script in sandbox._scripts][-2:] == [503, 429]


def test_a_watch_returns_at_a_change_and_at_the_end() -> None:
    watch = Watch()
    seen = watch.wait(-1, TIMEOUT)
    assert watch.wait(seen, 0.001) == seen
    timer = threading.Timer(0.01, watch.touch)
    timer.start()
    assert watch.wait(seen, TIMEOUT) == seen + 1
    watch.end()
    assert watch.wait(seen + 2, TIMEOUT) == seen + 2
    timer.join()


SERVER = """
import sys
from thirdwatch_api.sandbox import Sandbox

with Sandbox(port=int(sys.argv[1])) as sandbox:
    print(sandbox.host, flush=True)
    sys.stdin.read()
"""


class Process:
    """A sandbox that runs in another process until its input ends."""

    def __init__(self, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.host = self._process.stdout.readline().strip()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=TIMEOUT)


def test_a_sandbox_in_another_process_is_used_like_one_in_this(shop: Receiver) -> None:
    with Process() as process:
        remote = Sandbox.connect(process.host)
        assert (remote.host, remote.api_key) == (process.host, "sandbox-key")
        with ApiClient(configuration=remote.configuration(retries=0)) as client:
            register(client, shop)
            remote.score("o-1001", 82)
            pay(client)
            assert ScoreApi(client).score("o-1001").score == 82
            remote.fail(503, headers={"Retry-After": "1"}, body={"error": "out of order"})
            with pytest.raises(ApiException, match="out of order"):
                OrderStatusApi(client).order_status(EVENT)
            OrderStatusApi(client).order_status(EVENT)
        assert remote.events[-1] == EVENT
        assert [type(each).__name__ for each in remote.events] == ["CreateOrder", "Transaction", "OrderStatus"]
        assert [each.status for each in remote.requests] == [200, 200, 200, 200, 503, 200]
        first = remote.requests[1]
        assert (first.number, first.method, first.authorized) == (2, "POST", True)
        assert first.headers["Content-Type"] == "application/json"
        assert first.time.tzinfo is not None
        assert remote.send_action("o-1001", "approved", "called").status == 200
        assert remote.send_shipping_address("o-1001", city="Pune").body["shipping_address"] == {"city": "Pune"}
        assert remote.send_payment_link("o-1001", payment_amount="2500").kind == "url"
        assert [each.status for each in remote.postbacks] == [200] * 4
        assert len(shop.bodies) == 4
        remote.clear()
        assert (remote.requests, remote.postbacks, remote.decisions) == ([], [], [])


def test_both_sandboxes_have_the_same_methods() -> None:
    def public(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(Sandbox) - public(RemoteSandbox) == {"close", "connect", "start"}
    for name in ("score", "send_action", "send_shipping_address", "send_payment_link", "clear"):
        assert inspect.signature(getattr(Sandbox, name)) == inspect.signature(getattr(RemoteSandbox, name))
    assert list(inspect.signature(Sandbox.fail).parameters) == list(inspect.signature(RemoteSandbox.fail).parameters)


def test_a_sandbox_that_was_started_again_is_found_again() -> None:
    with Process() as process:
        remote = Sandbox.connect(process.host)
    with pytest.raises(ConnectionException, match=r"no sandbox at http://127\.0\.0\.1:\d+: "):
        remote.clear()
    with Process(urlsplit(process.host).port or 0):
        remote.fail(503)
        with ApiClient(configuration=remote.configuration(retries=0)) as client, pytest.raises(ApiException):
            OrderStatusApi(client).order_status(EVENT)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda remote: remote.fail(99), ApiValueError, "fail: status: must be 200-599, got 99"),
        (lambda remote: remote.fail(body=b"x"), ApiValueError, "bytes"),
        (lambda remote: remote.score("o", "1"), ApiTypeError, "score: score: expected int, got str"),
        (lambda remote: remote.score(b"o", 1), ApiTypeError, "score: order_id: expected text, got bytes"),
        (lambda remote: remote.send_action("o", "x"), ApiValueError, "no action_postback was registered"),
    ],
)
def test_mistakes_are_the_same_in_another_process(sandbox: Sandbox, call: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        call(Sandbox.connect(sandbox.host))


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "https://127.0.0.1", "http://shop.example", "http://[", "http://a:b"]
)
def test_only_a_url_of_this_machine_is_connected_to(url: str) -> None:
    with pytest.raises(ApiValueError, match="connect: expected the URL of a sandbox on this machine"):
        Sandbox.connect(url)


def test_connect_takes_text_only() -> None:
    with pytest.raises(ApiTypeError, match="connect: url: expected str, got int"):
        Sandbox.connect(8080)  # type: ignore[arg-type]


def test_another_server_is_no_sandbox(shop: Receiver) -> None:
    with pytest.raises(InvalidResponseException, match="this is no sandbox: http://127"):
        Sandbox.connect(shop.url)


def test_a_refused_body_that_is_no_text_arrives_whole(sandbox: Sandbox) -> None:
    ask(sandbox, "/event/v1/login", b"\xff\x00{")
    remote = Sandbox.connect(sandbox.host)
    assert remote.requests[0].body == b"\xff\x00{"
    assert remote.requests[0].error == sandbox.requests[0].error


def test_many_large_requests_are_read_in_parts(sandbox: Sandbox, client: ApiClient) -> None:
    for number in range(5):
        event = CreateOrder(user_id="u", order_id=f"o-{number}", custom_info={"text": "x" * 1_500_000})
        CreateOrderApi(client).create_order(event)
    assert ask(sandbox, "/_sandbox/requests").json["more"] is True
    assert Sandbox.connect(sandbox.host).events == sandbox.events


def test_a_refused_control_call_is_an_error_with_its_status(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Sandbox.connect(sandbox.host)
    monkeypatch.setattr(remote, "_read_state", dict)
    monkeypatch.setattr(remote, "_token", "old")
    with pytest.raises(ApiException, match="X-Sandbox-Token") as caught:
        remote.clear()
    assert caught.value.status == 403
