"""What is sent: valid JSON in one piece, with headers that say who sends it; or nothing at all."""

from __future__ import annotations

import json
import math
import platform
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import urllib3

import thirdwatch_api
from thirdwatch_api import (
    ApiClient,
    ApiValueError,
    Configuration,
    CreateOrder,
    Custom,
    CustomEventApi,
    OrderStatus,
    OrderStatusApi,
)

from .servers import EVENT, KEY, FaultServer, closed_port, make_client, record_waits, respond

CANARY = "canary-9e1d"


def cyclic() -> dict[str, object]:
    value: dict[str, object] = {}
    value["itself"] = value
    return value


def deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


UNSENDABLE = {
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "Decimal NaN": Decimal("nan"),
    "a lone surrogate": f"{CANARY}\ud800",
    "a lone surrogate as a key": {f"{CANARY}\udfff": 1},
    "bytes": CANARY.encode(),
    "a set": {CANARY},
    "an object": object(),
    "a class": dict,
    "a function": deep,
    "a cycle": cyclic(),
    "5000 levels": deep(5000),
    "200 levels": deep(200),
    "a key that is no text": {1: CANARY},
    "NaN within": {"a": [{"b": math.nan}]},
    "an int of 5000 digits": 10**5000,
}


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_json_can_not_carry_is_refused_by_its_path_and_nothing_is_sent(value: object, validation: bool) -> None:
    with FaultServer() as server, make_client(server.url, client_side_validation=validation) as client:
        event: Any = {"_userId": "u-42", "_customInfo": {"odd": value}}
        with pytest.raises(ApiValueError, match="odd") as caught:
            CustomEventApi(client).custom_event(event)
        assert server.connections == 0
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert (caught.value.status, caught.value.attempts) == (None, 0)


@pytest.mark.parametrize("value", [v for k, v in UNSENDABLE.items() if k != "an int of 5000 digits"])
def test_a_text_field_takes_nothing_that_json_can_not_carry(value: Any) -> None:
    with FaultServer() as server, make_client(server.url) as client:
        with pytest.raises(ApiValueError, match="order_id"):
            OrderStatusApi(client).order_status(OrderStatus(user_id="u-42", order_id=value, order_status="_held"))
        assert server.connections == 0


def test_an_event_arrives_as_the_json_that_it_is() -> None:
    info = {
        "float": 0.1,
        "int": 2**70,
        "none": None,
        "text": "\u0939\u093f\u0928\u094d\u0926\u0940 \U0001f6d2 \u2028",
        "list": [True, {}],
    }
    with FaultServer() as server, make_client(server.url) as client:
        CustomEventApi(client).custom_event(Custom(user_id="u-42", custom_info=info))
        assert server.requests[0].json["_customInfo"] == info


def test_a_small_request_is_one_write() -> None:
    with FaultServer() as server, make_client(server.url) as client:
        for _ in range(20):
            OrderStatusApi(client).order_status(EVENT)
        assert [request.first_read == request.raw for request in server.requests] == [True] * 20
        assert all(len(request.raw) < 1400 for request in server.requests)  # one packet


def test_a_large_request_arrives_whole() -> None:
    with FaultServer() as server, make_client(server.url, deadline=20) as client:
        info = {str(number): "x" * 1000 for number in range(3000)}
        CustomEventApi(client).custom_event(Custom(user_id="u-42", custom_info=info))
        assert server.requests[0].json["_customInfo"] == info


def test_the_head_says_what_is_needed_and_no_more() -> None:
    with FaultServer() as server, make_client(server.url) as client:
        OrderStatusApi(client).order_status(EVENT)
        request = server.requests[0]
    assert request.line == "POST /event/v1/order_status HTTP/1.1"
    version = ".".join(platform.python_version_tuple()[:2])
    agent = f"thirdwatch-python/{thirdwatch_api.__version__} python/{version} urllib3/{urllib3.__version__}"  # type: ignore[attr-defined]  # not in its __all__
    assert {name: value for name, value in request.headers.items() if name != "accept-encoding"} == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/json",
        "user-agent": agent,
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "x-thirdwatch-api-key": KEY,
    }
    assert request.json == {"_userId": "u-42", "_orderId": "o-1001", "_orderStatus": "_fulfilled"}


def test_the_user_agent_ends_with_the_applications_name() -> None:
    with FaultServer() as server, make_client(server.url, app_info="my-shop/2.1") as client:
        OrderStatusApi(client).order_status(EVENT)
        assert server.requests[0].headers["user-agent"].endswith(f" urllib3/{urllib3.__version__} my-shop/2.1")  # type: ignore[attr-defined]  # not in its __all__
        client.user_agent = "mine"
        OrderStatusApi(client).order_status(EVENT)
        assert server.requests[1].headers["user-agent"] == "mine"


@pytest.mark.parametrize(
    ("given", "sent"), [("/event", "/event"), ("/event/", "/event"), ("", ""), ("/", ""), ("/a/b%20c", "/a/b%20c")]
)
def test_the_path_of_the_host_comes_before_the_endpoints(given: str, sent: str) -> None:
    with FaultServer() as server, make_client(f"http://127.0.0.1:{server.port}{given}") as client:
        OrderStatusApi(client).order_status(EVENT)
        assert server.requests[0].line == f"POST {sent}/v1/order_status HTTP/1.1"


@pytest.mark.parametrize(
    "key",
    [
        f"{CANARY}\r\nX-Evil: 1",
        f"{CANARY}\nX",
        f"{CANARY}\rX",
        f"{CANARY}\u20ac",
        f"{CANARY}\u0939",
        f"a\0{CANARY}",
        f"{CANARY}\x7f",
    ],
    ids=repr,
)
def test_a_key_that_is_no_header_value_is_refused_unseen(key: str) -> None:
    with FaultServer() as server, make_client(server.url, api_key=key) as client:
        with pytest.raises(ApiValueError) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert server.connections == 0
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


@pytest.mark.parametrize("key", [b"\xff" + CANARY.encode(), CANARY.encode("utf-16")])
def test_bytes_that_are_no_text_are_no_key(key: bytes) -> None:
    with FaultServer() as server:
        with pytest.raises(ApiValueError) as caught, make_client(server.url, api_key=key) as client:
            OrderStatusApi(client).order_status(EVENT)
        assert server.connections == 0
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Shop", f"{CANARY}\r\nX-Evil: 1"),
        ("X-Shop", f"{CANARY}\n"),
        ("X-Shop", f"{CANARY}\u20ac"),
        ("X-Shop", 5),
        ("X-Shop", None),
        ("X Shop", "v"),
        ("X-Shop:", "v"),
        ("X-Shop\r\nX-Evil", "v"),
        ("", "v"),
        ("X-\xe9", "v"),
    ],
)
def test_a_header_that_is_none_is_refused_unseen(name: str, value: Any) -> None:
    with FaultServer() as server, make_client(server.url) as client:
        with pytest.raises((ApiValueError, thirdwatch_api.ApiTypeError)) as caught:
            client.set_default_header(name, value)
            OrderStatusApi(client).order_status(EVENT)
        assert server.connections == 0
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_cookie_that_is_no_header_value_is_refused_unseen() -> None:
    with FaultServer() as server:
        configuration = Configuration(host=server.url, api_key=KEY)
        with ApiClient(configuration=configuration, cookie=f"a={CANARY}\r\nX-Evil: 1") as client:
            with pytest.raises(ApiValueError) as caught:
                OrderStatusApi(client).order_status(EVENT)
        assert server.connections == 0
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "host",
    [
        f"https://{CANARY}\r\n.example",
        f"https://{CANARY} .example",
        f"https://{CANARY}\u0939.example",
        f"https://{CANARY}\0",
        f"https://user:{CANARY}@api.example",
        f"https://api.example/?key={CANARY}",
        f"https://api.example/#{CANARY}",
        f"ftp://{CANARY}.example",
        CANARY,
        f"https://[{CANARY}",
        f"https://api.example:99999/{CANARY}",
        "https://",
        f"https://{CANARY}..example/{'x' * 70}",
        f"https://{'x' * 70}.{CANARY}.example",
    ],
)
def test_a_host_that_is_none_is_refused_unseen(host: str) -> None:
    with pytest.raises(ApiValueError, match="host") as caught, make_client(host, retries=0) as client:
        OrderStatusApi(client).order_status(EVENT)
    assert CANARY not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    "host", ["http://api.example/event", "http://10.0.0.1", "http://127.0.0.1.example", "http://[::2]"]
)
def test_plain_http_is_refused_where_the_key_would_travel(host: str) -> None:
    with make_client(host) as client:
        with pytest.raises(ApiValueError, match="allow_insecure_http"):
            OrderStatusApi(client).order_status(EVENT)


def test_plain_http_is_allowed_where_it_is_meant() -> None:
    with make_client("http://nowhere.invalid", allow_insecure_http=True, proxy="", retries=0) as client:
        with pytest.raises(thirdwatch_api.ConnectionException, match="no such host"):
            OrderStatusApi(client).order_status(EVENT)
        client.configuration.allow_insecure_http = False
        with pytest.raises(ApiValueError, match="allow_insecure_http"):
            OrderStatusApi(client).order_status(EVENT)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
def test_plain_http_is_allowed_on_loopback(host: str) -> None:
    with make_client(f"http://{host}:{closed_port()}", retries=0) as client:
        with pytest.raises(thirdwatch_api.ConnectionException):
            OrderStatusApi(client).order_status(EVENT)


@pytest.mark.parametrize(
    ("key", "sent"), [("  k-1\n", "k-1"), (b"k-2\n", "k-2"), ("k 3", "k 3"), ("k\xe94", "k\xe94"), ("\tk-5 ", "k-5")]
)
def test_a_key_is_sent_without_the_white_space_around_it(key: Any, sent: str) -> None:
    with FaultServer() as server, make_client(server.url, api_key=key) as client:
        OrderStatusApi(client).order_status(EVENT)
        assert server.requests[0].headers["x-thirdwatch-api-key"] == sent


@pytest.mark.parametrize("send", [lambda o: o.order_status(EVENT), lambda o: o.order_status_with_http_info(EVENT)])
def test_without_a_key_nothing_is_sent_and_the_message_says_how_to_set_it(
    send: Callable[[OrderStatusApi], object],
) -> None:
    with FaultServer() as server, make_client(server.url, api_key=None) as client:
        with pytest.raises(ApiValueError, match=r"api_key\[.*THIRDWATCH_API_KEY"):
            send(OrderStatusApi(client))
        assert server.connections == 0


def test_each_attempt_sends_the_same_bytes() -> None:
    with FaultServer(respond(503), respond(502), respond()) as server, make_client(server.url) as client:
        record_waits(client)
        order = CreateOrder(user_id="u-42", order_id="o-1", amount=Decimal("10.50"))
        client.configuration.client_side_validation = False
        thirdwatch_api.CreateOrderApi(client).create_order(order)
        assert len({request.raw for request in server.requests}) == 1
        assert json.loads(server.requests[0].body)["_amount"] == "10.50"
