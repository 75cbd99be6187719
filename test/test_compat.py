"""Programs written for 0.0.3, unchanged, against a service on a real socket."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import thirdwatch_api
from thirdwatch_api.rest import ApiException
from thirdwatch_api.sandbox import Sandbox

from .facts import APIS, HOST, MODELS


@pytest.fixture(autouse=True)
def _set_up(global_configuration: object) -> Iterator[None]:
    yield  # noqa: PT022 - an autouse fixture of this module alone


def test_the_example_of_every_page(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    from pprint import pprint

    # Configure API key authorization: api_key
    thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = sandbox.api_key
    # create an instance of the API class
    api_instance = thirdwatch_api.OrderStatusApi()
    json = thirdwatch_api.OrderStatus()  # OrderStatus | Pass added order status.
    json.user_id = "ajay_245"
    try:
        api_response = api_instance.order_status(json)
        pprint(api_response)  # noqa: T203 - as the page has it
    except ApiException as e:
        print(f"Exception when calling OrderStatusApi->order_status: {e}\n")
    assert "OrderStatus received" in capsys.readouterr().out


@pytest.mark.parametrize("fact", APIS, ids=lambda fact: fact.class_name)
def test_the_same_for_every_class_by_its_module_path(sandbox: Sandbox, fact: Any) -> None:
    names: dict[str, Any] = {}
    program = (
        f"from thirdwatch_api.apis.{fact.module} import {fact.class_name}\n"
        f"from thirdwatch_api.models import {fact.model}\n"
        f"api_instance = {fact.class_name}()\n"
        f"{fact.parameter} = {fact.model}()\n"
        f"{fact.parameter}.user_id = 'ajay_245'\n"
        f"for required in {[field.name for field in MODELS[fact.model] if field.required]}:\n"
        f"    setattr({fact.parameter}, required, 'x')\n"
        f"response = api_instance.{fact.method}({fact.parameter}={fact.parameter})\n"
        f"data, status, headers = api_instance.{fact.method}_with_http_info({fact.parameter})\n"
    )
    exec(program, names)
    assert names["response"].message == names["data"].message == f"{fact.model} received"
    assert names["status"] == 200
    assert [request.path for request in sandbox.requests] == [f"/event{fact.path}"] * 2


def test_the_irregular_module_paths() -> None:
    import thirdwatch_api.apis.tag_api_api
    import thirdwatch_api.apis.untag_api_api
    import thirdwatch_api.models.un_tag

    assert callable(thirdwatch_api.apis.tag_api_api.TagAPIApi.tag_user)
    assert callable(thirdwatch_api.apis.untag_api_api.UntagAPIApi.un_tag_user)
    assert thirdwatch_api.models.un_tag.UnTag is thirdwatch_api.UnTag


def test_the_configuration_is_the_instance_and_the_class_comes_from_its_module() -> None:
    from thirdwatch_api import configuration
    from thirdwatch_api.configuration import Configuration

    assert isinstance(configuration, Configuration)
    assert isinstance(thirdwatch_api.configuration, Configuration)
    assert Configuration().host == HOST


def test_old_module_paths_hold_the_old_names() -> None:
    from thirdwatch_api.api_client import ApiClient
    from thirdwatch_api.rest import RESTClientObject, RESTResponse

    assert ApiClient is thirdwatch_api.ApiClient
    assert (RESTClientObject.__name__, RESTResponse.__name__) == ("RESTClientObject", "RESTResponse")


def test_positional_constructors(sandbox: Sandbox) -> None:
    address = thirdwatch_api.BillingAddress("Ajay", "+919999999999", "1 M.G. Road", None, "Pune")
    item = thirdwatch_api.Item("B0001", "Slipper", "2500", "INR")
    order = thirdwatch_api.CreateOrder("ajay_245", "s-1", "o-1", billing_address=address, items=[item])
    thirdwatch_api.CreateOrderApi().create_order(order)
    assert json.loads(sandbox.requests[0].body) == {
        "_userId": "ajay_245",
        "_sessionId": "s-1",
        "_orderId": "o-1",
        "_billingAddress": {
            "_name": "Ajay",
            "_phone": "+919999999999",
            "_address1": "1 M.G. Road",
            "_city": "Pune",
        },
        "_items": [{"_itemId": "B0001", "_productTitle": "Slipper", "_price": "2500", "_currencyCode": "INR"}],
    }


def test_a_thread_for_a_callback() -> None:
    seen: list[Any] = []

    def callback_function(response: Any) -> None:
        seen.append(response)

    api = thirdwatch_api.LoginApi()
    thread: Any = api.login(thirdwatch_api.Login(user_id="ajay_245"), callback=callback_function)
    thread.join()
    assert not thread.is_alive()
    assert seen[0].message == "Login received"


def test_the_options_of_a_call() -> None:
    api = thirdwatch_api.LoginApi()
    event = thirdwatch_api.Login(user_id="ajay_245")
    assert api.login(event, _request_timeout=5).message
    assert api.login(event, _request_timeout=(1, 2)).message
    data: Any = api.login_with_http_info(event, _return_http_data_only=True)
    assert data.message
    raw: Any = api.login(event, _preload_content=False)
    assert json.loads(raw.data.decode("utf8"))["message"]
    assert (raw.status, raw.reason) == (200, "OK")
    assert raw.getheader("content-type") if hasattr(raw, "getheader") else raw.headers["content-type"]
    with pytest.raises(TypeError):
        api.login(event, no_such_option=1)  # type: ignore[call-arg]  # that is the point
    with pytest.raises(ValueError):
        api.login(None)  # type: ignore[arg-type]  # that is the point


def test_models_and_their_tables() -> None:
    event = thirdwatch_api.OrderStatus(user_id="ajay_245", order_id="o-1")
    assert event.to_dict()["user_id"] == "ajay_245"
    assert "ajay_245" in event.to_str()
    assert event.swagger_types["user_id"] == "str"
    assert thirdwatch_api.OrderStatus.attribute_map["user_id"] == "_userId"
    assert event == thirdwatch_api.OrderStatus("ajay_245", None, "o-1")
    assert event != thirdwatch_api.OrderStatus("ajay_245", None, "o-2")


def test_a_client_of_ones_own_with_host_header_and_cookie(sandbox: Sandbox) -> None:
    client = thirdwatch_api.ApiClient(sandbox.host, "X-Shop", "first", "session=1")
    client.set_default_header("X-Region", "IN")
    client.user_agent = "my-shop/2.1"
    thirdwatch_api.OrderStatusApi(client).order_status(thirdwatch_api.OrderStatus(user_id="u"))
    client.close()
    headers = sandbox.requests[0].headers
    assert [headers[name] for name in ("X-Shop", "X-Region", "Cookie", "User-Agent")] == [
        "first",
        "IN",
        "session=1",
        "my-shop/2.1",
    ]


def test_a_client_of_ones_own_uses_the_global_key_and_host(sandbox: Sandbox) -> None:
    client = thirdwatch_api.ApiClient()
    assert client.host == sandbox.host
    api = thirdwatch_api.OrderStatusApi(api_client=client)
    assert api.api_client is client
    try:
        assert api.order_status(thirdwatch_api.OrderStatus(user_id="u")).message
    finally:
        client.close()


def test_call_api_by_hand(sandbox: Sandbox) -> None:
    client = thirdwatch_api.OrderStatusApi().api_client
    data, status, headers = client.call_api(
        "/v1/order_status",
        "POST",
        {},
        [],
        {"Accept": "application/json", "Content-Type": "application/json"},
        body=thirdwatch_api.OrderStatus(user_id="u"),
        response_type="EventResponse",
        auth_settings=["api_key"],
        _return_http_data_only=None,
        _preload_content=True,
        _request_timeout=None,
    )
    assert (data.message, status, headers["content-type"]) == ("OrderStatus received", 200, "application/json")
    assert client.sanitize_for_serialization(thirdwatch_api.OrderStatus(user_id="u")) == {"_userId": "u"}


def test_an_error_of_the_service(sandbox: Sandbox) -> None:
    thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = "wrong"
    try:
        thirdwatch_api.OrderStatusApi().order_status(thirdwatch_api.OrderStatus(user_id="u"))
    except ApiException as e:
        assert (e.status, e.reason) == (401, "Unauthorized")
        assert e.body is not None
        assert json.loads(e.body)["error"]
        assert e.headers is not None
        assert e.headers.get("Content-Type") == "application/json"
    else:
        pytest.fail("the sandbox knows no such key")


def test_an_error_made_by_hand() -> None:
    error = ApiException(status=400, reason="Bad Request")
    assert (error.status, error.reason, error.body, error.headers) == (400, "Bad Request", None, None)
    assert ApiException(400, "Bad Request", None).status == 400


def test_old_settings(tmp_path: Path) -> None:
    configuration = thirdwatch_api.configuration
    configuration.api_key_prefix["X-THIRDWATCH-API-KEY"] = "Bearer"
    configuration.api_key["X-THIRDWATCH-API-KEY"] = "key"
    for name in ("username", "password", "temp_folder_path"):
        setattr(configuration, name, "ignored")
    configuration.verify_ssl = False
    configuration.ssl_ca_cert = None
    configuration.cert_file = None
    configuration.key_file = None
    configuration.debug = True
    configuration.logger_format = "%(asctime)s %(levelname)s %(message)s"
    configuration.logger_file = str(tmp_path / "client.log")
    assert configuration.get_api_key_with_prefix("X-THIRDWATCH-API-KEY") == "Bearer key"
    assert configuration.auth_settings()["api_key"]["value"] == "Bearer key"
    assert "Python" in configuration.to_debug_report()
    configuration.logger_file = None
    configuration.debug = False
    assert logging.getLogger("thirdwatch_api").level == logging.NOTSET


def test_the_global_host_is_changed_and_followed() -> None:
    api = thirdwatch_api.OrderStatusApi()
    api.order_status(thirdwatch_api.OrderStatus(user_id="u"))
    with Sandbox() as staging:
        thirdwatch_api.configuration.host = staging.host
        api.order_status(thirdwatch_api.OrderStatus(user_id="u"))
        assert len(staging.events) == 1


def test_the_clients_host_is_assigned() -> None:
    api = thirdwatch_api.OrderStatusApi()
    with Sandbox() as staging:
        api.api_client.host = staging.host
        api.order_status(thirdwatch_api.OrderStatus(user_id="u"))
        assert len(staging.events) == 1


def test_nested_dicts_in_place_of_models(sandbox: Sandbox) -> None:
    order: Any = thirdwatch_api.CreateOrder(user_id="u", order_id="o", custom_info={"order_notes": "ring twice"})
    order.items = [{"_itemId": "1"}]
    order.payment_methods = [thirdwatch_api.PaymentMethod(payment_type="_creditCard")]
    thirdwatch_api.CreateOrderApi().create_order(order)
    assert json.loads(sandbox.requests[0].body)["_customInfo"] == {"order_notes": "ring twice"}
