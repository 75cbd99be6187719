"""The round trip of an order: reported, paid, scored, reported to the shop, decided."""

import http.client
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import thirdwatch_api
from thirdwatch_api import (
    ApiClient,
    ApiException,
    ApiValueError,
    BillingAddress,
    ClientAction,
    ClientActionApi,
    CreateOrder,
    CreateOrderApi,
    InvalidResponseException,
    PostbackApi,
    PostbackUrls,
    ScoreApi,
    ShippingAddress,
    Transaction,
    TransactionApi,
    UpdateOrder,
    UpdateOrderApi,
    postback,
)
from thirdwatch_api.sandbox import Delivery, Sandbox

from .page import SmallHandler, SmallServer

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "round_trip.py"


class Shop(SmallServer):
    """A server that takes postbacks, on this machine."""

    def __init__(self) -> None:
        self.notices: list[Any] = []
        self.paths: list[str] = []
        self.status = 200
        shop = self

        class Handler(SmallHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    shop.notices.append(postback.parse(self.headers, body))
                    status = shop.status
                except postback.PostbackException as error:
                    status = error.status or 500
                shop.paths.append(self.path)
                self.reply(status)

        super().__init__(Handler)


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    thirdwatch_api.configuration.api_key = sandbox.api_key
    with Shop() as shop:
        yield shop


def order(client: ApiClient, order_id: str = "o-1001", **fields: Any) -> None:
    CreateOrderApi(client).create_order(CreateOrder(user_id="u-42", order_id=order_id, **fields))


def pay(client: ApiClient, order_id: str = "o-1001", status: str = "_success") -> None:
    TransactionApi(client).transaction(Transaction(user_id="u-42", order_id=order_id, transaction_status=status))


def register(client: ApiClient, url: str) -> None:
    PostbackApi(client).register(PostbackUrls(url, url, url, url))


def test_the_round_trip(sandbox: Sandbox, client: ApiClient, shop: Shop) -> None:
    register(client, shop.url)
    order(client, amount="8200")
    assert sandbox.postbacks == []
    pay(client)
    (sent,) = sandbox.postbacks
    assert (sent.kind, sent.url, sent.status, sent.error) == ("score_postback", shop.url, 200, None)
    score = ScoreApi(client).score("o-1001")
    assert (score.score, score.flag, score.user_id, score.is_risky) == (82, "red", "u-42", True)
    assert shop.notices == [postback.ScorePostback("o-1001", "red", 82, score.reasons)]
    assert sandbox.send_action("o-1001", "declined", "odd address").status == 200
    assert shop.notices[1:] == [postback.ActionPostback("o-1001", "declined", "odd address")]
    ClientActionApi(client).client_action(ClientAction("o-1001", action_type="declined"))
    assert sandbox.decisions == [ClientAction("o-1001", action_type="declined")]
    assert [type(event) for event in sandbox.events] == [CreateOrder, Transaction]
    assert shop.paths == ["/thirdwatch"] * 2


def test_the_example_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    out = capsys.readouterr().out
    assert "the service scored o-1001: 82, red" in out
    assert "the order is on hold" in out
    assert "the order is approved" in out
    assert out.endswith("the service knows of 1 decision\n")
    assert "sandbox-key" not in out


@pytest.mark.parametrize(
    ("amount", "score"),
    [
        ("2500", 25),
        ("7099.99", 70),
        ("7100", 71),
        ("8200", 82),
        ("1e9", 99),
        ("-5", 0),
        ("much", 0),
        (None, 0),
        ("NaN", 0),
    ],
)
def test_the_score_is_a_hundredth_of_the_amount(client: ApiClient, amount: str | None, score: int) -> None:
    order(client, amount=amount)
    pay(client)
    response = ScoreApi(client).score("o-1001")
    assert (response.score, response.flag) == (score, "red" if score > 70 else "green")


def test_a_scripted_score_wins_before_and_after(sandbox: Sandbox, client: ApiClient, shop: Shop) -> None:
    register(client, shop.url)
    sandbox.score("o-1001", 12)
    order(client, amount="8200")
    pay(client)
    assert ScoreApi(client).score("o-1001").score == 12
    sandbox.score("o-1001", 95)
    assert ScoreApi(client).score("o-1001").flag == "red"
    assert [delivery.body["score"] for delivery in sandbox.postbacks] == [12, 95]


def test_there_is_no_score_before_order_and_payment(sandbox: Sandbox, client: ApiClient, shop: Shop) -> None:
    register(client, shop.url)
    scores = ScoreApi(client)
    steps: list[Callable[[], None]] = [
        *(lambda: None, lambda: pay(client), sandbox.clear),
        *(lambda: order(client), lambda: pay(client, status="_failure")),
    ]
    for step in steps:
        step()
        with pytest.raises(InvalidResponseException, match="no successful transaction yet"):
            scores.score("o-1001")
    assert sandbox.postbacks == []
    pay(client)
    assert scores.score("o-1001").reasons[0].value == "1"


def test_a_payment_may_come_before_its_order(client: ApiClient) -> None:
    pay(client)
    order(client, amount="100")
    assert ScoreApi(client).score("o-1001").score == 1


def test_an_updated_order_is_scored_anew(sandbox: Sandbox, client: ApiClient) -> None:
    UpdateOrderApi(client).update_order(UpdateOrder(user_id="u-42", order_id="o-none", amount="100"))
    order(client, amount="100", origin_timestamp="1494322845717")
    pay(client)
    UpdateOrderApi(client).update_order(UpdateOrder(user_id="u-42", order_id="o-1001", amount="9000"))
    score = ScoreApi(client).score("o-1001")
    assert score.score == 90
    assert score.order_timestamp == datetime(2017, 5, 9, 9, 40, 45, 717000, tzinfo=timezone.utc)
    assert sandbox.events[1] == CreateOrder("u-42", order_id="o-1001", amount="100", origin_timestamp="1494322845717")


@pytest.mark.parametrize(
    ("billing", "shipping", "flag", "value"),
    [("Pune", "Pune", "green", "true"), ("Pune", "Goa", "red", "false"), ("Pune", None, "grey", "unknown")],
)
def test_the_reasons_are_what_was_sent(
    client: ApiClient, billing: str, shipping: str | None, flag: str, value: str
) -> None:
    address = shipping and ShippingAddress(city=shipping)
    order(client, billing_address=BillingAddress(city=billing), shipping_address=address)
    pay(client)
    reasons = ScoreApi(client).score("o-1001").reasons
    assert [(reason.name, reason.flag, reason.value) for reason in reasons] == [
        ("_numOfFailedTransactions", "green", "0"),
        ("_sameBillShippAddress", flag, value),
    ]


def test_every_kind_of_postback_arrives(sandbox: Sandbox, client: ApiClient, shop: Shop) -> None:
    register(client, shop.url + "?shop=1")
    assert sandbox.send_shipping_address("o-1001", city="Pune").status == 200
    link = sandbox.send_payment_link("o-1001", payment_amount="82")
    assert (link.status, link.kind) == (200, "url")
    assert shop.notices == [
        postback.ShippingAddressPostback("o-1001", ShippingAddress(city="Pune")),
        postback.PaymentLinkPostback("o-1001", "paid", payment_amount="82"),
    ]
    assert shop.paths[0] == "/thirdwatch?shop=1"
    assert "sandbox-key" not in repr(link) + repr(link.body)


def test_a_shop_without_the_key_refuses(sandbox: Sandbox, client: ApiClient, shop: Shop) -> None:
    register(client, shop.url)
    thirdwatch_api.configuration.api_key = "another"
    assert sandbox.send_action("o-1001", "approved").status == 401
    assert sandbox.send_payment_link("o-1001").status == 401
    assert shop.notices == []


def test_a_postback_needs_its_url(sandbox: Sandbox, client: ApiClient, shop: Shop) -> None:
    PostbackApi(client).register(PostbackUrls(action_postback=shop.url))
    with pytest.raises(ApiValueError, match="no shipping_address_postback was registered"):
        sandbox.send_shipping_address("o-1001")
    order(client)
    pay(client)
    assert sandbox.postbacks == []
    PostbackApi(client).register(PostbackUrls(score_postback=shop.url))
    assert sandbox.send_action("o-1001", "approved").status == 200
    sandbox.clear()
    with pytest.raises(ApiValueError, match="no action_postback"):
        sandbox.send_action("o-1001", "approved")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://shop.example/thirdwatch", "this machine only"),
        ("http://shop.example/thirdwatch", "this machine only"),
        ("http://10.0.0.1/", "this machine only"),
        ("https://127.0.0.1/", "this machine only"),
        ("shop", "this machine only"),
        ("http://127.0.0.1:x/", "ValueError"),
        ("http://localhost:1", "ConnectionRefusedError"),
        ("http://127.0.0.1:1/a b", "InvalidURL"),
    ],
)
def test_what_cant_be_sent_says_why(sandbox: Sandbox, client: ApiClient, url: str, error: str) -> None:
    register(client, url)
    delivery = sandbox.send_action("o-1001", "approved")
    assert delivery.status == 0
    assert error in (delivery.error or "")


def test_closing_ends_what_is_under_way(client: ApiClient, sandbox: Sandbox, shop: Shop) -> None:
    register(client, shop.url)
    order(client)
    pay(client)
    sandbox.close()
    assert [delivery.status for delivery in sandbox.postbacks] == [200]


def test_the_hook_may_ask_for_the_other_postbacks() -> None:
    seen: list[tuple[Delivery, list[Delivery]]] = []

    def look(delivery: Delivery) -> None:
        seen.append((delivery, sandbox.postbacks))

    with Sandbox(on_postback=look) as sandbox, ApiClient(configuration=sandbox.configuration()) as client:
        register(client, "http://127.0.0.1:1/")
        delivery = sandbox.send_action("o-1001", "approved")
    assert seen == [(delivery, [])]


def ask(sandbox: Sandbox, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(sandbox.host).netloc, timeout=5)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/neo/v1/score?order_id=o-1001", None),
        ("GET", "/neo/v1/score?order_id=o-1001&api_key=forged", None),
        ("GET", "/neo/v1/score?order_id=o-1001&api_key=", None),
        ("POST", "/neo/v1/clientaction", b'{"order_id": "o-1001", "action_type": "approved"}'),
        ("POST", "/neo/v1/clientaction", b'{"order_id": "o-1001", "action_type": "approved", "secret": "forged"}'),
        ("POST", "/neo/v1/clientaction?api_key=sandbox-key", b'{"order_id": "o-1001", "secret": ["sandbox-key"]}'),
        ("POST", "/neo/v1/addpostbackurl/", b'["sandbox-key"]'),
        ("POST", "/neo/v1/addpostbackurl/", b"sandbox-key"),
    ],
)
def test_the_key_has_to_stand_where_the_call_has_it(sandbox: Sandbox, method: str, path: str, body: bytes) -> None:
    status, response = ask(sandbox, method, path, body, **{"X-THIRDWATCH-API-KEY": "sandbox-key"})
    assert (status, response.keys()) == (401, {"message", "error"})
    assert not sandbox.requests[0].authorized
    assert sandbox.decisions == []


def test_the_sandbox_keeps_no_key(sandbox: Sandbox) -> None:
    secret = b'{"order_id": "o-1001", "action_type": "approved", "secret": "sandbox-key"}'
    assert ask(sandbox, "POST", "/neo/v1/clientaction", secret)[0] == 200
    assert ask(sandbox, "GET", "/neo/v1/score?api_key=sandbox-key&order_id=o-1001")[1].keys() == {"msg"}
    sandbox.fail(500, times=2)
    assert ask(sandbox, "POST", "/neo/v1/addpostbackurl/", b'{"secret": "sandbox-key"}')[0] == 500
    assert ask(sandbox, "GET", "/event/v1/login?api_key=sandbox-key")[0] == 500
    for request in sandbox.requests:
        shown = f"{request} {request.body!r} {request.query} {request.headers.items()} {request.path}"
        assert "sandbox-key" not in shown


def test_a_decision_that_is_none_is_refused(sandbox: Sandbox) -> None:
    status, response = ask(sandbox, "POST", "/neo/v1/clientaction", b'{"order": 1, "secret": "sandbox-key"}')
    assert status == 400
    assert "ClientAction.action_type: is required" in response["error"]


def test_the_command_line_shows_what_comes_back_and_never_the_key() -> None:
    command = [sys.executable, "-m", "thirdwatch_api.sandbox", "--key", "Canary-Key"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        host = process.stdout.readline().split()[4]
        assert "Canary-Key" in process.stdout.readline()  # the line to paste
        configuration = thirdwatch_api.Configuration(host=host, api_key="Canary-Key")
        with ApiClient(configuration=configuration) as client:
            register(client, "http://127.0.0.1:1/hook?token=t0ken")
            order(client)
            with pytest.raises(ApiException):
                ScoreApi(client).score("o-1001")
            pay(client)
            assert ScoreApi(client).score("o-1001").score == 0
        lines = [process.stdout.readline() for _ in range(6)]
        process.terminate()
        lines.append(process.stdout.read())
    text = "".join(lines)
    assert "200 GET '/neo/v1/score'\n" in text
    assert "200 GET '/neo/v1/score' there is no such order, or no successful transaction yet\n" in text
    assert "0 score_postback sent to 'http://127.0.0.1:1/hook' ConnectionRefusedError" in text
    assert "Canary-Key" not in text


def test_registered_urls_are_merged(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], shop: Shop
) -> None:
    PostbackApi(make_sandbox_client()).register(PostbackUrls(score_postback=shop.url))
    PostbackApi(make_sandbox_client()).register(PostbackUrls(url=shop.url))
    order(make_sandbox_client())
    pay(make_sandbox_client())
    assert [delivery.kind for delivery in sandbox.postbacks] == ["score_postback"]
