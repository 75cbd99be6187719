"""ApiClient: what it sends beside the event, how it reads responses, and what it refuses."""

import copy
import json
import logging
import pickle
import re
import threading
from collections.abc import Callable
from datetime import date, datetime, timezone
from email.message import Message
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given

import thirdwatch_api
from thirdwatch_api import ApiClient, ApiResponse, Configuration, EventResponse, Item, OrderStatus, OrderStatusApi
from thirdwatch_api.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    InvalidResponseException,
    NotFoundException,
    ServiceException,
    UnauthorizedException,
)
from thirdwatch_api.sandbox import Sandbox

from .events import full, json_values
from .facts import API_KEY_HEADER
from .servers import FaultServer, make_client

EVENT = OrderStatus(user_id="u-42", order_id="o-1001")
WIRE = {"_userId": "u-42", "_orderId": "o-1001"}
PATH = "/v1/order_status"
CANARY = "c4n4ry"


class StubResponse(NamedTuple):
    """A response, as far as ``deserialize`` looks at it."""

    data: str | bytes | None


def send(client: ApiClient, **arguments: Any) -> Any:
    """Make a call by hand."""
    given_: dict[str, Any] = {
        "resource_path": PATH,
        "method": "POST",
        "body": EVENT,
        "auth_settings": ["api_key"],
        **arguments,
    }
    return client.call_api(**given_)


def headers_of(sandbox: Sandbox) -> Message:
    return sandbox.requests[-1].headers


def test_each_call_says_who_calls_what_it_sends_and_what_it_takes(sandbox: Sandbox, client: ApiClient) -> None:
    send(client)
    assert headers_of(sandbox)["Accept"] == "application/json"
    assert headers_of(sandbox)["Content-Type"] == "application/json"
    assert re.fullmatch(r"thirdwatch-python/\S+ python/3\.\d+ urllib3/\S+", headers_of(sandbox)["User-Agent"])
    assert thirdwatch_api.__version__ in client.user_agent


def test_the_user_agent_ends_with_the_name_of_the_application(sandbox: Sandbox, client: ApiClient) -> None:
    client.configuration.app_info = "my-shop/2.1"
    send(client)
    assert headers_of(sandbox)["User-Agent"].endswith(" my-shop/2.1")


def test_a_user_agent_can_be_assigned(sandbox: Sandbox, client: ApiClient) -> None:
    client.user_agent = "my-shop/2.1"
    client.configuration.app_info = "ignored"
    send(client)
    assert headers_of(sandbox).get_all("User-Agent") == ["my-shop/2.1"]


def test_default_headers_and_a_cookie_go_with_each_call(sandbox: Sandbox) -> None:
    with ApiClient(sandbox.host, "X-Shop", "first", "session=1", configuration=sandbox.configuration()) as client:
        client.set_default_header("X-Region", "IN")
        send(client, header_params={"X-Region": "overridden", "X-Once": "1"})
        send(client)
    first, second = (request.headers for request in sandbox.requests)
    for headers in (first, second):
        assert (headers["X-Shop"], headers["X-Region"], headers["Cookie"]) == ("first", "IN", "session=1")
    assert (first["X-Once"], second["X-Once"]) == ("1", None)


def test_headers_of_one_call_go_with_it_alone_and_win_over_the_clients_own(sandbox: Sandbox) -> None:
    with ApiClient(sandbox.host, "X-Shop", "first", "session=1", configuration=sandbox.configuration()) as client:
        own = {"traceparent": "00-1-2-01", "x-shop": "of the call", "Cookie": "session=2", "user-agent": "mine"}
        OrderStatusApi(client).order_status(EVENT, _headers=own)
        OrderStatusApi(client).order_status(EVENT)
        OrderStatusApi(client).order_status(EVENT, _headers=None)
        send(client, header_params={"X-Once": "1", "X-Twice": "1"}, _headers={"X-Twice": "2"})
    first, second, third, last = (request.headers for request in sandbox.requests)
    for name, value in own.items():
        assert first.get_all(name) == [value]
    for headers in (second, third):
        assert (headers["traceparent"], headers["X-Shop"], headers["Cookie"]) == (None, "first", "session=1")
        assert headers["User-Agent"] == client.user_agent
    assert (last["X-Once"], last.get_all("X-Twice")) == ("1", ["2"])
    assert own["x-shop"] == "of the call"


@pytest.mark.parametrize("call", [OrderStatusApi.order_status, OrderStatusApi.order_status_with_http_info])
def test_headers_of_one_call_are_checked_and_never_logged(
    sandbox: Sandbox, client: ApiClient, caplog: pytest.LogCaptureFixture, call: Callable[..., Any]
) -> None:
    caplog.set_level(logging.DEBUG)
    refused: list[tuple[object, type[Exception], str]] = [
        (5, ApiTypeError, "_headers: expected a dict, got int"),
        ([("X-Shop", CANARY)], ApiTypeError, "_headers: expected a dict, got list"),
        ({"X-Shop": f"{CANARY}\r\nX-Evil: 1"}, ApiValueError, "header X-Shop: "),
        ({f"X-{CANARY}:": "1"}, ApiValueError, "the name of a header"),
        ({"Content-Length": "1"}, ApiValueError, "header Content-Length: is set by the transport"),
        ({API_KEY_HEADER.lower(): CANARY}, ApiValueError, "_headers: can't hold the API key; set it in "),
    ]
    for headers, kind, message in refused:
        with pytest.raises(kind, match=f"^{message}") as caught:
            call(OrderStatusApi(client), EVENT, _headers=headers)
        assert CANARY not in f"{caught.value!r}"
    assert sandbox.requests == []
    call(OrderStatusApi(client), EVENT, _headers={"X-Shop": CANARY})
    assert sandbox.requests[0].headers["X-Shop"] == CANARY
    assert CANARY not in caplog.text


def test_a_client_shows_neither_key_nor_headers_of_its_last_call(sandbox: Sandbox, client: ApiClient) -> None:
    OrderStatusApi(client).order_status(EVENT, _headers={"X-Shop": CANARY})
    assert sandbox.api_key not in repr(vars(client))
    assert CANARY not in repr(vars(client))


def test_a_header_without_a_value_is_sent_empty(sandbox: Sandbox) -> None:
    with ApiClient(None, "X-Empty", configuration=sandbox.configuration()) as client:
        send(client)
    assert headers_of(sandbox)["X-Empty"] == ""


def test_a_header_that_changes_changes_the_next_call(sandbox: Sandbox, client: ApiClient) -> None:
    once: dict[str, str] = {}
    changes: list[Callable[[str], object]] = [
        partial(client.set_default_header, "X-Seen"),
        partial(once.__setitem__, "X-Once"),
        partial(setattr, client, "cookie"),
        partial(setattr, client, "user_agent"),
    ]
    for change, name in zip(changes, ("X-Seen", "X-Once", "Cookie", "User-Agent"), strict=True):
        for value in ("a", "b"):
            change(value)
            send(client, header_params=once)
            assert headers_of(sandbox)[name] == value
    client.cookie = None
    send(client)
    assert headers_of(sandbox)["Cookie"] is None
    assert headers_of(sandbox)["X-Once"] is None


@pytest.mark.parametrize("name", ["content-type", "USER-AGENT", "accept"])
def test_a_default_header_replaces_ours_in_any_letter_case(sandbox: Sandbox, client: ApiClient, name: str) -> None:
    client.set_default_header(name, "application/vnd.shop+json")
    send(client)
    assert headers_of(sandbox).get_all(name) == ["application/vnd.shop+json"]


def test_a_header_may_hold_latin_1(sandbox: Sandbox, client: ApiClient) -> None:
    client.set_default_header("X-Shop", "Café\tÜber")
    send(client)
    assert headers_of(sandbox)["X-Shop"] == "Café\tÜber"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Shop", f"{CANARY}\r\nX-Evil: 1"),
        ("X-Shop", f"{CANARY}\n"),
        ("X-Shop", f"{CANARY}\0"),
        ("X-Shop", f"{CANARY}\u2028"),
        ("X-Shop", f"{CANARY}€"),
        ("X-Shop", CANARY.encode()),
        ("X-Shop", None),
        ("X-Shop", 5),
        ("", CANARY),
        (f"X-{CANARY}\r\nX-Evil", "1"),
        (f"X-{CANARY}:", "1"),
        (f"X {CANARY}", "1"),
        (5, CANARY),
        (None, CANARY),
        (b"X-Shop", CANARY),
    ],
)
@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("key", ["sandbox-key", None])
def test_a_header_that_would_break_out_is_refused_without_showing_it(
    sandbox: Sandbox,
    make_sandbox_client: Callable[..., ApiClient],
    name: Any,
    value: Any,
    default: bool,
    key: str | None,
) -> None:
    client = make_sandbox_client(api_key=key)
    if default:
        client.set_default_header(name, value)
    with pytest.raises(ApiValueError) as caught:
        send(client, header_params={} if default else {name: value})
    assert CANARY not in f"{caught.value} {caught.value!r}"
    assert sandbox.requests == []


@pytest.mark.parametrize("where", ["user_agent", "cookie"])
def test_a_user_agent_or_cookie_with_a_line_break_is_refused(sandbox: Sandbox, client: ApiClient, where: str) -> None:
    setattr(client, where, f"{CANARY}\r\nX-Evil: 1")
    with pytest.raises(ApiValueError, match="a line break") as caught:
        send(client)
    assert CANARY not in str(caught.value)
    assert sandbox.requests == []


def test_a_missing_key_is_an_error_before_sending_that_says_how_to_set_it(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]
) -> None:
    client = make_sandbox_client(api_key=None)
    with pytest.raises(ApiValueError) as caught:
        OrderStatusApi(client).order_status(EVENT)
    assert 'set api_key["X-THIRDWATCH-API-KEY"] of the configuration of this client' in str(caught.value)
    assert "THIRDWATCH_API_KEY" in str(caught.value)
    assert caught.value.status is None
    assert sandbox.requests == []


@pytest.mark.parametrize("key", ["", " \n", b"", b"\t"])
def test_a_blank_key_is_a_missing_one(make_sandbox_client: Callable[..., ApiClient], key: str | bytes) -> None:
    client = make_sandbox_client()
    client.configuration.api_key = key
    with pytest.raises(ApiValueError, match="no API key"):
        send(client)


@pytest.mark.parametrize("key", [b"sandbox-key\n", " sandbox-key\t", bytearray(b"sandbox-key").decode()])
def test_white_space_around_a_key_is_stripped(sandbox: Sandbox, client: ApiClient, key: str | bytes) -> None:
    client.configuration.api_key = key
    send(client)
    client.configuration.api_key = {API_KEY_HEADER: key}
    send(client)
    assert [request.authorized for request in sandbox.requests] == [True, True]


@pytest.mark.parametrize("key", [f"{CANARY}\r\nX-Evil: 1", f"{CANARY}€", b"\xff" + CANARY.encode(), f"{CANARY}\0", 5])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(
    sandbox: Sandbox, client: ApiClient, key: Any
) -> None:
    client.configuration.api_key[API_KEY_HEADER] = key
    with pytest.raises((ApiValueError, ApiTypeError)) as caught:
        send(client)
    assert CANARY not in f"{caught.value} {caught.value!r}"
    assert caught.value.__cause__ is None
    assert sandbox.requests == []


def test_a_prefix_goes_before_the_key() -> None:
    with Sandbox(api_key="Token sandbox-key") as sandbox:
        settings = sandbox.configuration(api_key="sandbox-key", api_key_prefix={API_KEY_HEADER: "Token"})
        with ApiClient(configuration=settings) as client:
            send(client)
    assert sandbox.requests[0].authorized


@pytest.mark.parametrize("name", [API_KEY_HEADER, API_KEY_HEADER.lower()])
def test_a_key_may_come_as_a_header(sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], name: str) -> None:
    client = make_sandbox_client(api_key=None)
    send(client, header_params={name: sandbox.api_key})
    client.set_default_header(name, sandbox.api_key)
    OrderStatusApi(client).order_status(EVENT)
    assert [request.authorized for request in sandbox.requests] == [True, True]


@pytest.mark.parametrize("where", ["constructor", "default", "call"])
@pytest.mark.parametrize("name", [API_KEY_HEADER, API_KEY_HEADER.lower()])
def test_a_key_in_a_header_goes_before_that_of_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, where: str
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", "another-merchant")
    settings = Configuration(host=sandbox.host)
    given_ = (name, f" {sandbox.api_key} ") if where == "constructor" else (None, None)
    with ApiClient(None, *given_, configuration=settings) as client:
        if where == "default":
            client.set_default_header(API_KEY_HEADER.title(), "the-key-before")
            client.set_default_header(name, sandbox.api_key)
        send(client, header_params={name: sandbox.api_key} if where == "call" else None)
        ask_in_query = send(client, auth_settings=["api_key_query"], header_params={name: sandbox.api_key})
    assert sandbox.requests[0].authorized
    assert ask_in_query.status == 200


@pytest.mark.parametrize("value", ["", " ", "\t", None])
@pytest.mark.parametrize("where", ["constructor", "default", "call"])
@pytest.mark.parametrize("auth", ["api_key", "api_key_query", "api_key_body"])
def test_an_empty_key_in_a_header_is_an_error_and_never_that_of_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, value: Any, where: str, auth: str
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", "another-merchant")
    given_ = (API_KEY_HEADER.lower(), value) if where == "constructor" else (None, None)
    with ApiClient(None, *given_, configuration=Configuration(host=sandbox.host)) as client:
        if where == "default":
            client.set_default_header(API_KEY_HEADER, value or "")
        with pytest.raises(ApiValueError, match=r"^header X-THIRDWATCH-API-KEY: is empty"):
            headers = {API_KEY_HEADER: value or ""} if where == "call" else None
            send(client, header_params=headers, auth_settings=[auth])
    assert sandbox.requests == []


@pytest.mark.parametrize("auth", ["api_key", "api_key_query"])
def test_a_key_in_a_header_that_is_no_text_is_refused_unseen(sandbox: Sandbox, client: ApiClient, auth: str) -> None:
    client.default_headers[API_KEY_HEADER] = CANARY.encode()  # type: ignore[assignment]  # that is the point
    with pytest.raises(ApiTypeError, match=r"^header X-THIRDWATCH-API-KEY: expected text, got bytes$"):
        send(client, auth_settings=[auth])
    assert sandbox.requests == []


def test_two_keys_that_were_given_and_differ_are_an_error(
    sandbox: Sandbox, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", CANARY)
    client.set_default_header(API_KEY_HEADER.lower(), f"{CANARY}-2")
    with pytest.raises(ApiValueError, match="differs from the configuration's API key; set only one of them") as caught:
        send(client)
    assert CANARY not in str(caught.value)
    assert sandbox.requests == []
    client.set_default_header(API_KEY_HEADER.lower(), sandbox.api_key)
    send(client)
    assert sandbox.requests[0].authorized


def test_a_call_that_asks_for_no_key_sends_none(sandbox: Sandbox, client: ApiClient) -> None:
    with pytest.raises(UnauthorizedException):
        send(client, auth_settings=None)
    assert not sandbox.requests[0].authorized


def test_a_key_is_read_at_the_call(sandbox: Sandbox, client: ApiClient) -> None:
    client.configuration.api_key[API_KEY_HEADER] = "rotated"
    with pytest.raises(UnauthorizedException):
        send(client)
    client.configuration.api_key[API_KEY_HEADER] = sandbox.api_key
    assert send(client).status == 200


def test_a_key_in_the_body_or_the_query_is_no_log_records_business(
    sandbox: Sandbox, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.configuration.debug = True
    sandbox.fail(200, times=3)
    send(client, auth_settings=["api_key_query"], query_params={"order_id": "o-1"})
    send(client, auth_settings=["api_key_query"])
    send(client, auth_settings=["api_key_body"], at_root=True, resource_path="/neo/v1/clientaction")
    assert [request.path for request in sandbox.requests] == [f"/event{PATH}", f"/event{PATH}", "/neo/v1/clientaction"]
    assert caplog.records
    assert sandbox.api_key not in caplog.text


def test_the_host_is_read_at_the_call(client: ApiClient) -> None:
    with Sandbox() as other:
        client.configuration.host = other.host
        send(client)
    assert len(other.events) == 1


def test_a_client_may_have_a_host_of_its_own(client: ApiClient) -> None:
    before = client.host
    assert before == client.configuration.host
    with Sandbox() as other:
        client.host = other.host
        send(client)
        assert client.host == other.host
        assert client.configuration.host == before
    assert len(other.events) == 1
    client.host = None
    assert client.host == before


def test_path_parameters_are_filled_in_and_quoted(sandbox: Sandbox, client: ApiClient) -> None:
    with pytest.raises(NotFoundException):
        send(client, resource_path="/v1/{a}/{b}", path_params={"a": "x/y ?#é", "b": 5})
    assert sandbox.requests[0].path == "/event/v1/x%2Fy%20%3F%23%C3%A9/5"


class Unreadable:
    """A value that has no text."""

    def __repr__(self) -> str:
        return "Unreadable()"

    def __str__(self) -> str:
        raise RuntimeError("canary")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"order_id": "o 1", "n": 5}, "order_id=o+1&n=5"),
        ([("a", "1"), ("a", "é&")], "a=1&a=%C3%A9%26"),
        ({"a": ["1", "2"]}, "a=1&a=2"),
        ({}, ""),
    ],
)
def test_query_parameters_come_after_a_question_mark(query: Any, wanted: str) -> None:
    with FaultServer() as server, make_client(server.url) as client:
        send(client, method="GET", body=None, query_params=query)
    request = server.requests[0]
    assert request.line == f"GET /event{PATH}{'?' if wanted else ''}{wanted} HTTP/1.1"
    assert "content-type" not in request.headers


@pytest.mark.parametrize(
    "arguments",
    [
        {"query_params": {"a": "\ud800"}},
        {"path_params": {"a": "\ud800"}, "resource_path": "/v1/{a}"},
        {"query_params": 5},
        {"query_params": "ab"},
        {"header_params": 5},
        {"method": "PO ST"},
        {"method": "POST\r\n"},
        {"method": None},
        {"resource_path": None},
        {"resource_path": 5},
        {"body": {1, 2}},
        {"body": {"a": "\ud800"}},
        {"body": [1], "auth_settings": ["api_key_body"]},
        {"method": "P\u00d6ST"},
        {"path_params": {"a": Unreadable()}, "resource_path": "/v1/{a}"},
        {"query_params": {"a": Unreadable()}},
        {"auth_settings": 5},
        {"response_type": "NoSuchModel"},
    ],
    ids=str,
)
def test_misuse_of_call_api_is_one_of_our_errors(sandbox: Sandbox, client: ApiClient, arguments: Any) -> None:
    with pytest.raises((ApiValueError, ApiTypeError)):
        send(client, **arguments)
    assert "response_type" in arguments or sandbox.requests == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: ApiClient(5), r"host: expected text, got int"),  # type: ignore[arg-type]  # that is the point
        (lambda _: ApiClient(configuration="key"), r"configuration: expected a Configuration, got str"),  # type: ignore[arg-type]  # that is the point
        (lambda client: send(client, method="PO ST"), r"method: expected an HTTP verb such as POST"),
        (lambda client: send(client, resource_path=5), r"resource_path: expected text, got int"),
        (lambda client: setattr(client, "host", b"x"), r"host: expected text, got bytes"),
        (lambda client: setattr(client, "host", 5), r"host: expected text, got int"),
        (
            lambda client: send(client, auth_settings=5),
            r'auth_settings: expected a list such as \["api_key"\], got int',
        ),
        (lambda client: send(client, auth_settings="api_key"), r"auth_settings: expected a list .*, got str"),
    ],
)
def test_a_message_names_the_one_argument_that_is_wrong(
    client: ApiClient, call: Callable[[ApiClient], object], message: str
) -> None:
    with pytest.raises((ApiTypeError, ApiValueError), match=f"^{message}$"):
        call(client)


def test_default_headers_that_are_no_dict_are_named(sandbox: Sandbox, client: ApiClient) -> None:
    client.default_headers = None  # type: ignore[assignment]  # that is the point
    with pytest.raises(ApiTypeError, match=r"^default_headers: expected a dict, got NoneType$"):
        send(client)
    client.default_headers = {}
    send(client)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("at_root", [True, False])
@pytest.mark.parametrize("path", ["", "http://shop.invalid/x", "@shop.invalid/x", "v1/login", ":1/x", "{a}/x"])
def test_a_path_that_could_lead_to_another_host_is_refused(
    sandbox: Sandbox, client: ApiClient, path: str, at_root: bool
) -> None:
    with pytest.raises(ApiValueError, match=r"^resource_path: must begin with /"):
        send(client, resource_path=path, at_root=at_root, path_params={"a": "/"})
    assert sandbox.requests == []


@pytest.mark.parametrize("auth", [("api_key",), frozenset({"api_key"}), {"api_key": 1}])
def test_auth_settings_may_be_any_collection(sandbox: Sandbox, client: ApiClient, auth: Any) -> None:
    send(client, auth_settings=auth)
    assert sandbox.requests[0].authorized


@pytest.mark.parametrize("path", [f"{PATH}\r\nX-Evil: 1", f"{PATH} HTTP/1.1\r\n\r\n", f"{PATH}é\udcff"])
def test_a_path_cant_break_out_of_the_request_line(sandbox: Sandbox, client: ApiClient, path: str) -> None:
    with pytest.raises(ApiException):
        send(client, resource_path=path)
    assert len(sandbox.requests) <= 1
    assert "X-Evil" not in {name for request in sandbox.requests for name in request.headers}


def test_an_unknown_keyword_of_call_api_is_a_type_error(client: ApiClient) -> None:
    with pytest.raises(TypeError, match="post_params"):
        send(client, post_params=[])


def test_call_api_returns_data_status_and_headers(client: ApiClient) -> None:
    response = send(client, response_type="EventResponse")
    assert isinstance(response, ApiResponse)
    assert response.data == EventResponse(message="OrderStatus received")
    assert send(client, response_type=EventResponse, _return_http_data_only=True) == response.data
    assert send(client).data is None


def test_a_response_may_be_read_as_anything_that_deserialize_knows(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(200, body='{"_itemId": "1"}', times=3)
    kinds = ["object", "Item", "dict(str, str)"]
    assert [send(client, response_type=kind).data for kind in kinds] == [
        {"_itemId": "1"},
        Item(item_id="1"),
        {"_itemId": "1"},
    ]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('{"message": "ok"}', EventResponse("ok")),
        ('{"status": "ok"}', EventResponse("ok")),
        ("{}", EventResponse()),
        ('\ufeff{"message": "ok"}', EventResponse("ok")),
        ('{"score": 82, "score_of": 100}', EventResponse(additional_properties={"score": 82, "score_of": 100})),
        ('{"message": null}', EventResponse()),
    ],
)
def test_any_json_object_is_a_success(sandbox: Sandbox, client: ApiClient, body: str, wanted: EventResponse) -> None:
    sandbox.fail(200, body=body)
    assert OrderStatusApi(client).order_status(EVENT) == wanted


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_with_an_object_is_a_success(sandbox: Sandbox, client: ApiClient, status: int) -> None:
    sandbox.fail(status)
    assert OrderStatusApi(client).order_status_with_http_info(EVENT).status == status


def test_204_is_a_success_without_a_message(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(204)
    assert OrderStatusApi(client).order_status(EVENT) == EventResponse(message=None)


@pytest.mark.parametrize(
    "body",
    [
        "<html>Welcome to the hotel's network</html>",
        "",
        "[]",
        '"ok"',
        "null",
        "5",
        "NaN",
        '{"message": NaN}',
        '{"message": "ok"',
        b"\xff\xfe",
        "[" * 100_000,
        '{"a": ' * 100_000,
        "9" * 5000,
    ],
    ids=lambda body: str(body[:12]),
)
def test_a_2xx_that_is_no_json_object_is_an_error_that_carries_the_body(
    sandbox: Sandbox, client: ApiClient, body: Any
) -> None:
    sandbox.fail(200, body=body, headers={"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(InvalidResponseException) as caught:
        OrderStatusApi(client).order_status(EVENT)
    error = caught.value
    assert error.status == 200
    assert error.body == (body if isinstance(body, str) else body.decode("utf-8", "replace"))
    assert error.headers
    assert error.headers["content-type"].startswith("text/html")
    assert error.attempts == 1
    assert error.error_response is None
    assert f"(text/html, {len(body)} bytes)" in str(error)
    assert len(str(error)) < 300


def test_a_response_that_echoes_the_key_is_masked(sandbox: Sandbox, client: ApiClient) -> None:
    for status in (200, 401, 500):
        sandbox.fail(status, body=f"the key {sandbox.api_key} is fine", headers={"X-Echo": sandbox.api_key})
        with pytest.raises(ApiException) as caught:
            OrderStatusApi(client).order_status(EVENT, _retries=0)
        assert caught.value.body == "the key *** is fine"
        assert sandbox.api_key not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"


def test_an_error_carries_what_the_service_said(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(400, body={"error": "order is closed", "code": 7})
    with pytest.raises(BadRequestException) as caught:
        OrderStatusApi(client).order_status(EVENT)
    said = caught.value.error_response
    assert said is not None
    assert (said.message, said.additional_properties) == ("order is closed", {"code": 7})
    assert "order is closed" in str(caught.value)


@pytest.mark.parametrize("body", ["", "no json", "[1]", b"\xff", "null"])
def test_an_error_without_json_carries_its_text_alone(sandbox: Sandbox, client: ApiClient, body: Any) -> None:
    sandbox.fail(500, body=body)
    with pytest.raises(ServiceException) as caught:
        OrderStatusApi(client).order_status(EVENT, _retries=0)
    assert caught.value.error_response is None
    assert caught.value.body == (body if isinstance(body, str) else "\ufffd")


def test_an_error_repeats_nothing_of_the_event_that_is_personal(sandbox: Sandbox, client: ApiClient) -> None:
    event = full("CreateOrder", CANARY)
    said = "; ".join(
        [
            *(str(value) for value in event.billing_address.to_dict().values()),
            event.session_id,
            event.payment_methods[1].card_bin,
            event.items[0].seller.email,
            event.custom_info["note"],
            event.custom_info["deep"][4]["a"],
        ]
    )
    assert CANARY in said
    sandbox.fail(400, body={"error": said})
    with pytest.raises(BadRequestException) as caught:
        thirdwatch_api.CreateOrderApi(client).create_order(event)
    assert CANARY not in str(caught.value)
    assert "***; ***" in str(caught.value)
    assert caught.value.error_response
    assert caught.value.error_response.message == said


@pytest.mark.parametrize(("name", "first"), [("Asha Devi Verma", "Asha"), ("Asha", "Asha Devi Verma")])
def test_a_name_that_is_part_of_another_is_masked_whole(
    sandbox: Sandbox, client: ApiClient, name: str, first: str
) -> None:
    event = thirdwatch_api.CreateAccount(user_id="u", first_name=first, billing_address={"_name": name})
    sandbox.fail(400, body={"error": "Asha Devi Verma is not welcome"})
    with pytest.raises(BadRequestException) as caught:
        thirdwatch_api.CreateAccountApi(client).create_account(event)
    assert "*** is not welcome" in str(caught.value)
    assert "Devi" not in str(caught.value)


def test_a_last_word_of_something_personal_stays_in_the_sentence(sandbox: Sandbox, client: ApiClient) -> None:
    event = OrderStatus(user_id="u", description="please cancel my order")
    sandbox.fail(400, body={"error": "there is no such order"})
    with pytest.raises(BadRequestException, match="there is no such order"):
        OrderStatusApi(client).order_status(event)


def test_an_email_address_is_masked_wherever_it_comes_from(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(400, body={"error": "ann@shop.example is blocked"})
    with pytest.raises(BadRequestException, match=r"\*\*\* is blocked"):
        OrderStatusApi(client).order_status(EVENT)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("OK", EventResponse("OK")),
        ("", EventResponse()),
        ("[1]", EventResponse("[1]")),
        (b"\xff", EventResponse("\ufffd")),
        ('{"message": "ok"}', EventResponse("ok")),
        ("sandbox-key", EventResponse("***")),
        ('{"a": ["sandbox-key", {"sandbox-key": 1}]}', EventResponse(additional_properties={"a": ["***", {"***": 1}]})),
    ],
)
def test_any_body_may_be_a_success_where_the_call_says_so(
    sandbox: Sandbox, client: ApiClient, body: Any, wanted: EventResponse
) -> None:
    sandbox.fail(200, body=body, headers={"X-Echo": sandbox.api_key})
    response = send(client, response_type=EventResponse, any_body=True)
    assert response.data == wanted
    assert response.headers["x-echo"] == "***"


def test_any_body_is_no_success_with_another_status(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(404, body="OK")
    with pytest.raises(NotFoundException):
        send(client, response_type=EventResponse, any_body=True)


class Level(Enum):
    LOW = "low"


@pytest.mark.parametrize(
    ("data", "kind", "wanted"),
    [
        ('{"message": "ok"}', "EventResponse", EventResponse("ok")),
        (b'{"message": "ok"}', EventResponse, EventResponse("ok")),
        ("[1]", "EventResponse", [1]),
        ('[{"_itemId": "1"}, null]', "list[Item]", [Item(item_id="1"), None]),
        ('[[{"_itemId": "1"}]]', "list[list[Item]]", [[Item(item_id="1")]]),
        ('{"a": {"_itemId": "1"}}', "dict(str, Item)", {"a": Item(item_id="1")}),
        ('{"a": "1"}', "dict(str,int)", {"a": 1}),
        ('"x"', "list[Item]", "x"),
        ('{"a": [1]}', "object", {"a": [1]}),
        ('{"a": [1]}', None, {"a": [1]}),
        ("null", "Item", None),
        ("", "str", ""),
        (None, "str", ""),
        ("plain text", "str", "plain text"),
        (b"caf\xc3\xa9", "str", "café"),
        (b"\xff", "str", "\ufffd"),
        ("5", "int", 5),
        ('"5"', "int", 5),
        ('"five"', "int", "five"),
        ("5", "float", 5.0),
        ("5", "str", "5"),
        ("true", "bool", True),
        ("[1]", "int", [1]),
        ("1e999", "int", "1e999"),
        ("9" * 5000, "str", "9" * 5000),
        ('"2017-05-09T09:40:45.717Z"', "datetime", datetime(2017, 5, 9, 9, 40, 45, 717000, timezone.utc)),
        ("2017-05-09", "date", date(2017, 5, 9)),
        ('"2017-05-09T09:40:45Z"', date, date(2017, 5, 9)),
        ("null", "datetime", None),
        ('"low"', Level, Level.LOW),
    ],
    ids=lambda part: str(part)[:20],
)
def test_deserialize_reads_what_0_0_3_reads(data: Any, kind: Any, wanted: object) -> None:
    with ApiClient() as client:
        read = client.deserialize(StubResponse(data), kind)
    assert read == wanted
    assert type(read) is type(wanted)


@pytest.mark.parametrize("kind", ["Items", "_model", "list[Items]", "dict(str, Items)", 5, object(), list[Item]])
def test_deserialize_refuses_a_type_that_is_none(kind: object) -> None:
    with ApiClient() as client, pytest.raises(ApiValueError, match="response_type: there is no such type"):
        client.deserialize(StubResponse('["x"]'), kind)


@pytest.mark.parametrize("kind", ["date", "datetime"])
@pytest.mark.parametrize("data", ['"9999-12-31T24:00"', '"yesterday"', "5", "{}", '"2017-13-01"', '"२०१७-०५-०९"', '""'])
def test_deserialize_refuses_a_time_that_is_none_without_showing_it(kind: str, data: str) -> None:
    with ApiClient() as client, pytest.raises(ApiValueError, match="the text is no ISO 8601 time"):
        client.deserialize(StubResponse(data), kind)


@given(value=json_values)
def test_deserialize_reads_back_what_sanitize_prepared(value: object) -> None:
    with ApiClient() as client:
        text = json.dumps(client.sanitize_for_serialization(value))
        assert client.deserialize(StubResponse(text), "object") == value


def test_sanitize_shows_an_event_without_sending_it(client: ApiClient, sandbox: Sandbox) -> None:
    assert client.sanitize_for_serialization(EVENT) == WIRE
    assert client.sanitize_for_serialization([EVENT, {"a": (1, None)}]) == [WIRE, {"a": [1, None]}]
    assert client.sanitize_for_serialization(None) is None
    assert client.sanitize_for_serialization(OrderStatus()) == {}
    with pytest.raises(ApiValueError, match="this can't be encoded as JSON"):
        client.sanitize_for_serialization({"a": {1}})
    assert sandbox.requests == []


def test_a_client_without_settings_uses_the_environment(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    monkeypatch.setenv("THIRDWATCH_HOST", sandbox.host)
    monkeypatch.setenv("THIRDWATCH_API_KEY", sandbox.api_key)
    with ApiClient(configuration=Configuration()) as client:
        assert OrderStatusApi(client).order_status(EVENT).message


def test_threads_may_share_a_client(sandbox: Sandbox, client: ApiClient) -> None:
    def work(number: int) -> None:
        orders = OrderStatusApi(client)
        for i in range(5):
            client.set_default_header("X-Thread", str(number))
            assert orders.order_status(OrderStatus(user_id=f"u-{number}-{i}")).message

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {json.loads(request.body)["_userId"] for request in sandbox.requests} == {
        f"u-{number}-{i}" for number in range(8) for i in range(5)
    }


@pytest.mark.parametrize("act", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_cant_be_copied_or_pickled(client: ApiClient, act: Callable[[object], object]) -> None:
    with pytest.raises(ApiTypeError, match="make one in each process"):
        act(client)


def test_the_repr_of_a_client_shows_its_host_and_no_key(client: ApiClient) -> None:
    assert repr(client) == f"ApiClient(host='{client.host}')"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"X-Shop": 5}, "header X-Shop: expected text, got int"),
        ({"X-Shop": "a\r\nb"}, "header X-Shop: holds a control character such as a line break; remove it"),
        (
            {"X-Shop": "\u20ac"},
            "header X-Shop: holds a character outside of latin-1; escape it, for example as in a URL",
        ),
        ({5: "a"}, "the name of a header: expected text, got int"),
        ({"": "a"}, "the name of a header is empty"),
        ({"X Shop": "a"}, "the name of a header holds a character that HTTP does not allow there"),
        ({"Host": "a"}, "header Host: is set by the transport; leave it out"),
    ],
)
def test_a_header_that_cant_be_sent_is_an_error_with_its_one_cause(
    client: ApiClient, headers: Any, message: str
) -> None:
    with pytest.raises(ApiValueError) as caught:
        send(client, _headers=headers)
    assert caught.value.reason == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"configuration": "x"}, "configuration: expected a Configuration, got str"),
        ({"host": Configuration()}, "host: expected text, got Configuration; pass it as configuration="),
    ],
)
def test_a_client_takes_a_url_and_a_configuration_only(arguments: Any, message: str) -> None:
    with pytest.raises(ApiTypeError, match=f"^{message}$"):
        ApiClient(**arguments)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Host", "Connection"])
def test_a_header_that_frames_the_message_is_refused(name: str, sandbox: Sandbox) -> None:
    with ApiClient(configuration=sandbox.configuration()) as client:
        client.set_default_header(name, "2")
        with pytest.raises(ApiValueError, match="set by the transport"):
            OrderStatusApi(client).order_status(EVENT)
    assert sandbox.requests == []
