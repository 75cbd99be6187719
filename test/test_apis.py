"""The 20 API classes, called as users call them, against a service on a real socket."""

import importlib
import inspect
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

import thirdwatch_api
from thirdwatch_api import ApiClient, ApiResponse, Configuration, EventResponse, OrderStatus, OrderStatusApi
from thirdwatch_api.apis._api import Api, Options
from thirdwatch_api.exceptions import ApiTypeError, ApiValueError, TimeoutException
from thirdwatch_api.sandbox import Sandbox

from .events import events, expected, full, minimal, model_class, wire_names
from .facts import API_KEY_HEADER, APIS, EVENTS, ApiFact
from .servers import eventually

each_api = pytest.mark.parametrize("fact", APIS, ids=lambda fact: fact.class_name)
EVENT = OrderStatus(user_id="u-42", order_id="o-1001")


def bind(fact: ApiFact, client: ApiClient | None = None, suffix: str = "") -> Callable[..., Any]:
    """The method of an API class, bound to a client."""
    method: Callable[..., Any] = getattr(getattr(thirdwatch_api, fact.class_name)(client), fact.method + suffix)
    return method


@each_api
def test_each_class_stands_in_its_module_and_at_the_root(fact: ApiFact) -> None:
    module = importlib.import_module(f"thirdwatch_api.apis.{fact.module}")
    assert getattr(module, fact.class_name) is getattr(thirdwatch_api, fact.class_name)
    assert module.__all__ == [fact.class_name]


@each_api
@pytest.mark.parametrize("suffix", ["", "_with_http_info"])
def test_each_method_takes_its_event_under_its_old_name(fact: ApiFact, suffix: str) -> None:
    parameters = list(inspect.signature(bind(fact, suffix=suffix)).parameters.values())
    assert [(p.name, p.kind) for p in parameters] == [
        (fact.parameter, inspect.Parameter.POSITIONAL_OR_KEYWORD),
        ("options", inspect.Parameter.VAR_KEYWORD),
    ]


@each_api
def test_each_class_and_method_is_documented(fact: ApiFact) -> None:
    api = getattr(thirdwatch_api, fact.class_name)
    for thing in (api, getattr(api, fact.method), getattr(api, f"{fact.method}_with_http_info")):
        assert inspect.getdoc(thing)
    assert not (inspect.getdoc(api) or "").startswith("Make the")
    for method in (fact.method, f"{fact.method}_with_http_info"):
        doc = inspect.getdoc(getattr(api, method)) or ""
        assert f":param {fact.parameter}: " in doc
        assert ":raises ApiException: " in doc
    assert (api.path, api.model) == (fact.path, model_class(fact.model))


@each_api
def test_a_full_event_reaches_its_path_as_its_declaration_says(
    fact: ApiFact, sandbox: Sandbox, client: ApiClient
) -> None:
    event = full(fact.model)
    response = bind(fact, client)(event)
    [request] = sandbox.requests
    assert isinstance(response, EventResponse)
    assert response.message
    assert (request.method, request.path) == ("POST", f"/event{fact.path}")
    assert json.loads(request.body) == expected(fact.model, event)
    assert sandbox.events == [event]


@each_api
def test_a_dict_with_wire_keys_is_accepted_wherever_a_model_is(
    fact: ApiFact, sandbox: Sandbox, client: ApiClient
) -> None:
    event = expected(fact.model, full(fact.model))
    bind(fact, client)(**{fact.parameter: event})
    assert json.loads(sandbox.requests[0].body) == event
    assert sandbox.events == [full(fact.model)]


@each_api
def test_with_http_info_returns_data_status_and_headers(fact: ApiFact, client: ApiClient) -> None:
    method = bind(fact, client, "_with_http_info")
    data, status, headers = response = method(minimal_event(fact.model))
    assert isinstance(response, ApiResponse)
    assert response == (response.data, response.status, response.headers)
    assert isinstance(data, EventResponse)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert method(minimal_event(fact.model), _return_http_data_only=True) == data


@each_api
def test_a_missing_body_is_a_value_error(fact: ApiFact, sandbox: Sandbox, client: ApiClient) -> None:
    for suffix in ("", "_with_http_info"):
        with pytest.raises(ApiValueError, match=f"{fact.class_name}: the event is missing; pass {fact.model} "):
            bind(fact, client, suffix)(None)
    assert sandbox.requests == []


@each_api
def test_an_unknown_option_is_a_type_error(fact: ApiFact, sandbox: Sandbox, client: ApiClient) -> None:
    with pytest.raises(TypeError, match=f"{fact.class_name}: unknown option _request_timout, asynch"):
        bind(fact, client)(full(fact.model), asynch=True, _request_timout=3)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("_dead_line", "; did you mean '_deadline'? There are callback, "),
        ("headers", "; did you mean '_headers'? There are callback, "),
        ("xyzzy", ". There are callback, "),
    ],
)
def test_an_unknown_option_names_the_nearest(client: ApiClient, option: str, hint: str) -> None:
    options: Any = {option: 5}
    with pytest.raises(ApiTypeError) as caught:
        OrderStatusApi(client).order_status(EVENT, **options)
    assert str(caught.value).startswith(f"OrderStatusApi: unknown option {option}{hint}")


@each_api
def test_another_model_is_refused_before_it_is_sent(fact: ApiFact, sandbox: Sandbox, client: ApiClient) -> None:
    other = full("Login" if fact.model != "Login" else "Logout")
    with pytest.raises(ApiTypeError, match=f"expected {fact.model} or a dict with its wire keys, got Log"):
        bind(fact, client)(other)
    assert sandbox.requests == []


def minimal_event(model: str) -> Any:
    return model_class(model)(**minimal(model))


@given(pair=events())
def test_any_event_that_validates_arrives_as_its_declaration_says(busy_sandbox: Sandbox, pair: tuple[str, Any]) -> None:
    name, event = pair
    busy_sandbox.clear()
    with ApiClient(configuration=busy_sandbox.configuration()) as client:
        bind(EVENTS[name], client)(event)
    [request] = busy_sandbox.requests
    assert json.loads(request.body) == expected(name, event)
    assert expected(name, request.event) == json.loads(request.body)


@given(pair=events(as_text=True))
def test_any_event_comes_back_equal(busy_sandbox: Sandbox, pair: tuple[str, Any]) -> None:
    name, event = pair
    busy_sandbox.clear()
    with ApiClient(configuration=busy_sandbox.configuration()) as client:
        bind(EVENTS[name], client)(event)
    assert busy_sandbox.events == [event]


@given(key=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1), space=st.sampled_from(" \t\n"))
def test_any_printable_key_arrives_without_the_white_space_around_it(key: str, space: str) -> None:
    with Sandbox(api_key=key) as sandbox:
        settings = sandbox.configuration(api_key=(space + key + space).encode())
        with ApiClient(configuration=settings) as client:
            assert OrderStatusApi(client).order_status(EVENT).message
    assert sandbox.requests[0].authorized


def test_the_options_are_those_of_the_contract() -> None:
    assert Options.__optional_keys__ == {
        "callback",
        "_return_http_data_only",
        "_preload_content",
        "_request_timeout",
        "_deadline",
        "_retries",
        "_headers",
    }


def test_unread_content_is_urllib3s_own_response(client: ApiClient) -> None:
    response: Any = OrderStatusApi(client).order_status(EVENT, _preload_content=False)
    assert isinstance(response, urllib3.BaseHTTPResponse)
    assert json.loads(response.read())["message"] == "OrderStatus received"
    response.release_conn()
    raw: Any = OrderStatusApi(client).order_status_with_http_info(EVENT, _preload_content=False)
    assert raw.status == raw.data.status == 200
    assert raw.data.json()["message"] == "OrderStatus received"
    raw.data.release_conn()


@pytest.mark.parametrize(
    "timeout",
    [0.1, (5, 0.1), urllib3.Timeout(connect=5, read=0.1), urllib3.Timeout(total=0.1)],
    ids=["number", "pair", "Timeout", "total"],
)
def test_a_time_out_of_a_call_overrides_the_configuration(sandbox: Sandbox, client: ApiClient, timeout: Any) -> None:
    sandbox.fail(None, delay=5)
    with pytest.raises(TimeoutException, match="within the time-out"):
        OrderStatusApi(client).order_status(EVENT, _request_timeout=timeout, _retries=0)


def test_a_whole_number_of_seconds_is_a_time_out(client: ApiClient) -> None:
    assert OrderStatusApi(client).order_status(EVENT, _request_timeout=5).message
    assert OrderStatusApi(client).order_status(EVENT, _request_timeout=(1, 2)).message


def test_none_means_what_the_configuration_says(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]
) -> None:
    orders = OrderStatusApi(make_sandbox_client(timeout=0.1, retries=0))
    sandbox.fail(None, delay=5)
    with pytest.raises(TimeoutException, match="within the time-out"):
        orders.order_status(EVENT, _request_timeout=None, _deadline=None, _retries=None)
    eventually(lambda: sandbox.requests)
    assert len(sandbox.requests) == 1


def test_a_deadline_of_a_call_overrides_the_configuration(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(None, delay=5)
    with pytest.raises(TimeoutException, match="before the deadline"):
        OrderStatusApi(client).order_status(EVENT, _deadline=0.1)


def test_retries_of_a_call_override_the_configuration(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]
) -> None:
    orders = OrderStatusApi(make_sandbox_client(retries=0))
    sandbox.fail(503, headers={"Retry-After": "0"})
    assert orders.order_status(EVENT, _retries=1).message
    assert [request.status for request in sandbox.requests] == [503, 200]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"_request_timeout": "5"}, TypeError),
        ({"_request_timeout": (1, 2, 3)}, ValueError),
        ({"_request_timeout": (1, "2")}, TypeError),
        ({"_request_timeout": 0}, ValueError),
        ({"_deadline": -1}, ValueError),
        ({"_deadline": "soon"}, TypeError),
        ({"_deadline": float("inf")}, ValueError),
        ({"_retries": -1}, ValueError),
        ({"_retries": True}, TypeError),
        ({"_retries": 1.5}, TypeError),
        ({"callback": "print"}, TypeError),
    ],
    ids=str,
)
def test_an_option_that_cant_be_right_is_refused_before_sending(
    sandbox: Sandbox, client: ApiClient, options: Any, kind: type[Exception]
) -> None:
    with pytest.raises((ApiTypeError, ApiValueError), match=next(iter(options))) as caught:
        OrderStatusApi(client).order_status(EVENT, **options)
    assert isinstance(caught.value, kind)
    assert sandbox.requests == []


def test_api_objects_without_a_client_share_one(global_configuration: Configuration) -> None:
    one, other = OrderStatusApi(), thirdwatch_api.LoginApi()
    assert one.order_status(EVENT).message
    assert one.api_client is other.api_client is global_configuration.api_client
    assert one.api_client.configuration is global_configuration


def test_a_client_that_the_user_puts_into_the_configuration_is_the_shared_one(
    global_configuration: Configuration, client: ApiClient
) -> None:
    global_configuration.api_client = client
    assert OrderStatusApi().api_client is client


def test_another_global_configuration_is_used_from_then_on(sandbox: Sandbox) -> None:
    orders = OrderStatusApi()
    thirdwatch_api.configuration = sandbox.configuration()
    assert orders.order_status(EVENT).message
    thirdwatch_api.configuration.api_client.close()  # type: ignore[union-attr]  # made by the call above


def test_making_an_api_object_opens_nothing() -> None:
    threads = threading.active_count()
    api = OrderStatusApi()
    assert thirdwatch_api.configuration.api_client is None
    assert isinstance(api, Api)
    assert threading.active_count() == threads


def test_validation_that_is_off_lets_the_service_decide(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]
) -> None:
    orders = OrderStatusApi(make_sandbox_client(client_side_validation=False))
    with pytest.raises(thirdwatch_api.BadRequestException, match="user_id or session_id"):
        orders.order_status(OrderStatus(order_id="o-1001"))
    assert json.loads(sandbox.requests[0].body) == {"_orderId": "o-1001"}


def test_two_merchants_live_in_one_process() -> None:
    with Sandbox(api_key="first-key") as first, Sandbox(api_key="second-key") as second:
        clients = [ApiClient(configuration=each.configuration()) for each in (first, second)]
        calls = [
            threading.Thread(target=OrderStatusApi(client).order_status, args=(OrderStatus(user_id=f"u-{i}"),))
            for i in range(10)
            for client in clients
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        for client in clients:
            client.close()
    for sandbox in (first, second):
        assert {event.user_id for event in sandbox.events if isinstance(event, OrderStatus)} == {
            f"u-{i}" for i in range(10)
        }
        assert len(sandbox.requests) == 10


def test_the_key_travels_in_its_header_alone(sandbox: Sandbox, client: ApiClient) -> None:
    """Asked of a raw socket, because the sandbox takes the key out."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.configuration.host = f"http://127.0.0.1:{listener.getsockname()[1]}/event"
        handle: Any = OrderStatusApi(client).order_status(EVENT, callback=lambda _: None)
        connection, _ = listener.accept()
        with connection:
            data = connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            assert handle.result(5) == EventResponse()
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().splitlines()
    assert lines[0] == "POST /event/v1/order_status HTTP/1.1"
    assert f"{API_KEY_HEADER}: sandbox-key" in lines
    assert "Content-Type: application/json" in lines
    assert "Accept: application/json" in lines
    assert data.count(b"sandbox-key") == 1
    assert body == b'{"_userId":"u-42","_orderId":"o-1001"}'


def test_wire_names_and_python_names_mean_the_same(sandbox: Sandbox, client: ApiClient) -> None:
    OrderStatusApi(client).order_status(wire_names("OrderStatus", {"user_id": "u-42", "order_id": "o-1001"}))
    assert sandbox.events == [EVENT]


@pytest.mark.parametrize("given", ["key", Configuration()])
def test_an_api_object_takes_a_client_only(given: Any) -> None:
    with pytest.raises(ApiTypeError, match=r"expected an ApiClient, got \w+; use ApiClient\(configuration=...\)"):
        OrderStatusApi(given)
