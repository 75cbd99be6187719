"""What users write has to pass their type checker, and what can't be right has to be marked.

Nothing here runs. mypy and pyright read it with the rest of the tests: a line without a comment must be fine, and
one with ``type: ignore`` must be refused, because an ignore that is not needed is an error as well.
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, SupportsIndex
from uuid import UUID

import urllib3

import thirdwatch_api
from thirdwatch_api import (
    ApiClient,
    ApiException,
    ApiResponse,
    Attempt,
    BillingAddress,
    Configuration,
    CreateAccount,
    CreateOrder,
    CreateOrderApi,
    CustomInfo,
    ErrorResponse,
    EventResponse,
    Item,
    OrderStatus,
    OrderStatusApi,
    ScoreResponse,
    Transaction,
)
from thirdwatch_api.models.values import OrderStatusValue


def events(whole_number: SupportsIndex) -> None:
    OrderStatus()
    OrderStatus("u-42", None, "o-1001", "_fulfilled")
    OrderStatus(user_id=UUID(int=1), order_id=whole_number)
    OrderStatus(user_id=42, shipping_cost=Decimal(50), custom_info={"a": [1, {"b": None}]})
    CreateOrder(amount=2500.5, origin_timestamp=datetime.now(timezone.utc), is_gift=True)
    CreateOrder(items=[Item(item_id="1", quantity=2)], custom_info=CustomInfo(note="x"))
    CreateOrder(items=(Item(), {"_itemId": "2"}), billing_address={"_city": "Pune"})
    CreateOrder(billing_address=BillingAddress(city="Pune"), payment_methods=[])
    items: list[Item] = [Item()]
    CreateOrder(items=items).items = items
    event = OrderStatus()
    event.user_id = "u-42"
    event.custom_info = {"a": 1}


def known_values(status: str, known: OrderStatusValue) -> None:
    OrderStatus(order_status="_fulfilled", reason=None, source="_automated")
    OrderStatus(order_status="_wo_on-hold")
    OrderStatus(order_status=status).order_status = known
    Transaction(transaction_status="any text at all", transaction_type=status)
    CreateAccount(gender="_male")
    right: OrderStatusValue = "_held"
    wrong: OrderStatusValue = "held"  # type: ignore[assignment]  # a list of known values is what it says
    print(right, wrong)


def known_values_of_responses(score: ScoreResponse) -> str | None:
    return score.flag


def events_that_cant_be_right() -> None:
    OrderStatus(user_idd="u-42")  # type: ignore[call-arg]  # no such field
    OrderStatus(user_id=b"u-42")  # type: ignore[arg-type]  # bytes are no text
    OrderStatus(user_id=["u-42"])  # type: ignore[arg-type]  # nor is a list
    OrderStatus("u", "s", "o", "t", "r", "c", "n", "m", "s", "a", "d", {}, 13)  # type: ignore[call-arg]  # one too many
    OrderStatus().user_idd = "u-42"  # type: ignore[attr-defined]  # no such field
    CreateOrder(is_gift="yes")  # type: ignore[arg-type]  # text is no bool
    CreateOrder(items=Item())  # type: ignore[arg-type]  # one item is no list of items
    CreateOrder(items=[BillingAddress()])  # type: ignore[list-item]  # another model
    CreateOrder(billing_address=Item())  # type: ignore[arg-type]  # another model
    Item(quantity=Decimal(2))  # type: ignore[arg-type]  # a whole number is asked for


def calls(orders: OrderStatusApi, event: OrderStatus, anything: Mapping[str, object]) -> None:
    response: EventResponse = orders.order_status(event)
    text: str | None = response.message
    orders.order_status({"_userId": "u-42"})
    orders.order_status(anything)
    orders.order_status(json=event, _request_timeout=5)
    orders.order_status(event, _request_timeout=(1, 2), _deadline=10, _retries=0)
    orders.order_status(event, _request_timeout=(None, 2.5), _retries=urllib3.Retry(2))
    orders.order_status(event, _request_timeout=urllib3.Timeout(5), _preload_content=False)
    orders.order_status(event, callback=print)
    info: ApiResponse = orders.order_status_with_http_info(event, _return_http_data_only=None)
    data, status, headers = orders.order_status_with_http_info(event)
    kept: tuple[EventResponse, int, Mapping[str, str]] = (data, status, headers)
    CreateOrderApi(ApiClient()).create_order(body=CreateOrder())
    print(text, info.data.message, kept)


def calls_that_cant_be_right(orders: OrderStatusApi, event: OrderStatus) -> None:
    orders.order_status()  # type: ignore[call-arg]  # no event
    orders.order_status(None)  # type: ignore[arg-type]  # no event
    orders.order_status(CreateOrder())  # type: ignore[arg-type]  # another model
    orders.order_status(event, _timeout=5)  # type: ignore[call-arg]  # no such option
    orders.order_status(event, _request_timeout="5")  # type: ignore[arg-type]  # text is no number
    orders.order_status(event, _retries=1.5)  # type: ignore[arg-type]  # a whole number is asked for
    orders.order_status(event, callback="print")  # type: ignore[arg-type]  # text can't be called
    orders.order_status(body=event)  # type: ignore[call-arg]  # the parameter is json
    CreateOrderApi("key")  # type: ignore[arg-type]  # a client is asked for


def settings() -> None:
    configuration = Configuration(host="https://staging.example/event", api_key="key", timeout=(1, 2), retries=0)
    Configuration(api_key=b"key", timeout=None, proxy=None, ssl_ca_cert=None)
    Configuration(api_key={"X-THIRDWATCH-API-KEY": "key"}, timeout=urllib3.Timeout(5), retries=urllib3.Retry(2))
    configuration.api_key["X-THIRDWATCH-API-KEY"] = "key"
    configuration.ssl_ca_cert = Path("ca.pem")
    configuration.app_info = configuration.ssl_ca_cert  # which is text or None when it is read
    configuration.host = None
    configuration.host.upper()
    configuration.api_key = "key"
    configuration.api_key = b"key"
    configuration.timeout = 5
    configuration.debug = True
    configuration.on_retry = show
    thirdwatch_api.configuration.host = "https://staging.example/event"
    thirdwatch_api.configuration.api_key_prefix["X-THIRDWATCH-API-KEY"] = "Token"
    ApiClient(None, "X-Shop", "first", "session=1", configuration=configuration).set_default_header("X", "y")
    with ApiClient(configuration=configuration) as client:
        OrderStatusApi(client)


def show(attempt: Attempt) -> None:
    number: int = attempt.number
    seconds: float = attempt.seconds
    print(attempt.method, attempt.path, number, attempt.status, seconds, attempt.error, attempt.wait)


def settings_that_cant_be_right() -> None:
    Configuration(time_out=5)  # type: ignore[call-arg]  # no such setting
    Configuration("https://staging.example/event")  # type: ignore[call-arg]  # by name alone
    Configuration(timeout="5")  # type: ignore[arg-type]  # text is no number
    Configuration(host=5)  # type: ignore[arg-type]  # a host is text
    Configuration(on_retry=print_two)  # type: ignore[arg-type]  # a hook takes one Attempt
    Configuration().deadline = None  # type: ignore[assignment]  # a call has to end


def print_two(attempt: Attempt, other: str) -> None:
    print(attempt, other)


def errors(error: ApiException) -> None:
    status: int | None = error.status
    body: str | None = error.body
    wait: float | None = error.retry_after
    said: ErrorResponse | None = error.error_response
    text: str | None = said.message if said else None
    header: str | None = error.headers.get("Retry-After") if error.headers else None
    print(status, body, wait, text, header, error.attempts + 1)


def models_and_responses(event: OrderStatus, response: EventResponse) -> None:
    plain: dict[str, Any] = event.to_dict()
    key: str = OrderStatus.attribute_map["user_id"]
    kind: str = event.swagger_types["user_id"]
    kept: dict[str, Any] = response.additional_properties
    text: str = event.to_str()
    print(plain, key, kind, kept, text, event == OrderStatus())
