"""``thirdwatch send``, ``score`` and ``sandbox``."""

from __future__ import annotations

import io
import json
import shlex
import signal
import socket
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from typing import Any

import pytest

from thirdwatch_api import (
    ApiClient,
    BillingAddress,
    Configuration,
    CreateOrder,
    CreateOrderApi,
    Item,
    Login,
    LoginApi,
    OrderStatus,
    PostbackApi,
    PostbackUrls,
    ServiceException,
    Transaction,
    TransactionApi,
)
from thirdwatch_api.outbox._kinds import kinds_by_name
from thirdwatch_api.sandbox import Sandbox
from thirdwatch_api.sandbox.__main__ import read_script

from .terminal import Done, at_terminal, call, reach, run, started

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A service that commands in this process call."""
    with Sandbox("Canary-Key-0123456789") as sandbox:
        yield reach(sandbox, monkeypatch)


@pytest.mark.parametrize(
    "words",
    [
        "user_id=u-42 order_id=o-1001 order_status=_fulfilled",
        "_userId=u-42 _orderId=o-1001 _orderStatus=_fulfilled",
        '_userId=u-42 order_id:="o-1001" order_status=_fulfilled',
    ],
)
def test_an_event_is_sent_with_the_keys_of_python_and_of_the_wire(
    words: str, service: Sandbox, capsys: Capture
) -> None:
    assert call(capsys, "send", "order_status", *words.split()) == Done(0, "200 OrderStatus received\n", "")
    assert service.events == [OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")]


def test_dots_and_numbers_go_into_parts_and_lists(service: Sandbox, capsys: Capture) -> None:
    words = (
        "user_id=u-1 order_id=o-1 billing_address.city=Pune _billingAddress._zipcode=411001 items.1.price=2 "
        "items[0].price=9.90 items.0.quantity=3 items.0.is_on_sale=yes items.0.seller.seller_id=s-1 is_gift=False "
        "custom_info.channel=web custom_info.a.b=c custom_info.n:=[1,null]"
    )
    assert call(capsys, "send", "create_order", *words.split()).code == 0
    (order,) = service.events
    assert isinstance(order, CreateOrder)
    assert order.billing_address == BillingAddress(city="Pune", zipcode="411001")
    assert order.items == [
        Item.from_dict({"_price": "9.90", "_quantity": 3, "_isOnSale": True, "_seller": {"_sellerId": "s-1"}}),
        Item(price="2"),
    ]
    assert order.is_gift is False
    assert json.loads(service.requests[0].body)["_customInfo"] == {"channel": "web", "a": {"b": "c"}, "n": [1, None]}


def test_a_value_may_hold_an_equals_sign_and_be_empty(service: Sandbox, capsys: Capture) -> None:
    assert call(capsys, "send", "login", "user_id=a=b", "session_id=").code == 0
    assert json.loads(service.requests[0].body) == {"_userId": "a=b", "_sessionId": ""}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["user_id"], "expected key=value, got 'user_id'"),
        (["=x"], "expected key=value, got ''"),
        (["userid=1"], "userid: CreateOrder has no field 'userid'; did you mean 'user_id'?"),
        (["_userid=1"], "_userid: CreateOrder has no field '_userid'; did you mean '_userId'?"),
        (["items.0.pric=1"], "items.0.pric: Item has no field 'pric'; did you mean 'price'?"),
        (["items.0.seller.zzz=1"], "items.0.seller.zzz: Seller has no field 'zzz'; there are "),
        (["items.price=1"], "items.price: items is a list; write items.0.item_id=... for its first item"),
        (["items.0=1"], "items.0: items is a list; write items.0.item_id=... for its first item"),
        (["items.99999.price=1"], "items.99999.price: items is a list; write items.0.item_id=..."),
        (["items=1"], "items: has parts; write items.0.item_id=..., or items:= and JSON"),
        (["custom_info=1"], "custom_info: has parts; write custom_info.channel=..., or custom_info:= and JSON"),
        (["billing_address=1"], "billing_address: has parts; write billing_address.name=..., or billing_address:= and"),
        (["items.1.price=1"], "items.0: is missing; items begin with 0 and leave out no number"),
        (["user_id.x=1"], "user_id.x: user_id has no parts"),
        (["user_id=1", "_userId=2"], "_userId: is given twice"),
        (["custom_info.a=1", "custom_info.a.b=2"], "custom_info.a.b: is given twice"),
        (["billing_address:=7", "billing_address.city=2"], "billing_address.city: is given twice"),
        (["items:=[]", "items.0.price=2"], "items.0.price: is given twice"),
        (["custom_info:=7", "custom_info.a=2"], "custom_info.a: is given twice"),
        (["user_id:={"], "user_id: expected JSON behind :=; text stands behind ="),
        (["is_gift=maybe"], "is_gift: expected true or false"),
        (["items.0.quantity=two"], "items.0.quantity: expected a whole number"),
        (["user_id=1"], "this CreateOrder was not sent: CreateOrder.order_id: is required"),
        (["order_id=1"], "this CreateOrder was not sent: "),
        ([], "no fields: write key=value, or see `thirdwatch send create_order --fields`"),
    ],
)
def test_a_field_that_is_wrong_is_one_line_and_nothing_is_sent(
    words: list[str], said: str, service: Sandbox, capsys: Capture
) -> None:
    done = call(capsys, "send", "create_order", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"thirdwatch send: {said}")
    assert done.err.count("\n") == 1
    assert service.requests == []


def test_an_event_may_come_by_stdin(service: Sandbox) -> None:
    done = run("send", "login", "-", service=service, stdin='{"_userId": "u-42"}')
    assert done == Done(0, "200 Login received\n", "")
    assert service.events == [Login(user_id="u-42")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "stdin: expected a JSON object (Expecting value: line 1 column 1 (char 0))"),
        ('{"_userId": Mrs. Canary', "stdin: expected a JSON object (Expecting value: line 1 column 13 (char 12))"),
        ("[]", "stdin: expected a JSON object, got list"),
        ('{"_userid": "Mrs. Canary"}', "this Login was not sent: Login._userid: unknown key; did you mean '_userId'?"),
    ],
)
def test_what_stdin_holds_is_not_shown_where_it_is_wrong(
    text: str, said: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    done = call(capsys, "send", "login", "-")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"thirdwatch send: {said}")
    assert "Canary" not in done.err


def test_a_value_that_is_probably_misspelt_is_warned_of(service: Sandbox, capsys: Capture) -> None:
    done = call(capsys, "send", "order_status", "user_id=u", "order_id=o", "order_status=fulfilled")
    assert done.code == 0
    assert done.err == (
        "warning: OrderStatus.order_status: 'fulfilled' is none of the known values; did you mean '_fulfilled'?\n"
    )
    assert call(capsys, "send", "order_status", "user_id=u", "order_id=o", "order_status=zzz").err.endswith(
        "is none of the known values\n"
    )
    assert len(service.events) == 2


def test_a_dry_run_checks_and_masks_and_sends_nothing(service: Sandbox, capsys: Capture) -> None:
    words = ["create_account", "user_id=u-1", "first_name=Canary", "--dry-run"]
    assert call(capsys, "send", *words) == Done(0, "valid: CreateAccount(user_id='u-1', first_name=***)\n", "")
    shown = json.loads(call(capsys, "send", *words, "--json").out)
    assert shown == {"valid": True, "kind": "create_account", "event": "CreateAccount(user_id='u-1', first_name=***)"}
    assert call(capsys, "send", "login", "order_id=o", "--dry-run").code == 2
    assert service.requests == []


@pytest.mark.parametrize("kind", sorted(kinds_by_name()))
def test_the_fields_of_a_kind_are_listed_and_can_be_sent(kind: str, capsys: Capture) -> None:
    listed = [json.loads(line) for line in call(capsys, "send", kind, "--fields", "--json").out.splitlines()]
    names = [field["field"] for field in listed]
    assert len(names) == len(set(names)) > 1
    values = {"bool": "true", "int": "3", "text": "1234567890123"}
    words = [f"{f['field']}={values[f['type']]}" for f in listed if f["type"] != "CustomInfo"]
    assert call(capsys, "send", kind, "--dry-run", *words).code == 0
    table = call(capsys, "send", kind, "--fields").out
    assert table.splitlines()[0].split() == ["field", "on", "the", "wire", "type", "notes"]


def test_fields_say_what_is_required(capsys: Capture) -> None:
    lines = call(capsys, "send", "tag", "--fields").out.splitlines()
    assert "user_id      _userId       text        required" in lines
    lines = call(capsys, "send", "order_status", "--fields").out.splitlines()
    assert any(
        line.split() == ["user_id", "_userId", "text", "one", "of", "the", "ids", "is", "required"] for line in lines
    )


def test_every_kind_can_be_sent(service: Sandbox, capsys: Capture) -> None:
    for kind in kinds_by_name():
        words = {"client_action": ["order_id=o", "action_type=approved"]}.get(kind, ["user_id=u", "order_id=o"])
        known = call(capsys, "send", kind, "--fields").out
        done = call(capsys, "send", kind, *(word for word in words if word.partition("=")[0] in known), "--dry-run")
        if done.code == 0:
            assert call(capsys, "send", kind, *(w for w in words if w.partition("=")[0] in known)).code == 0
    assert len(service.requests) > 15
    assert {request.status for request in service.requests} == {200}


def assess(service: Sandbox, order: str, amount: str) -> None:
    with ApiClient(configuration=service.configuration()) as client:
        CreateOrderApi(client).create_order(CreateOrder(user_id="u", order_id=order, amount=amount))
        TransactionApi(client).transaction(Transaction(user_id="u", order_id=order, transaction_status="_success"))


def test_scores_are_a_line_each(service: Sandbox, capsys: Capture) -> None:
    assess(service, "o-1", "2500")
    assess(service, "o-2", "8200")
    done = call(capsys, "score", "o-1", "o-2")
    assert (done.code, done.err) == (0, "")
    first, second = done.out.splitlines()
    assert first.startswith("o-1  25  green")
    assert second.startswith("o-2  82  red  ")
    assert second.endswith(")")
    (shown, _) = map(json.loads, call(capsys, "score", "o-1", "o-2", "--json").out.splitlines())
    assert (shown["order_id"], shown["score"], shown["flag"], shown["is_risky"]) == ("o-1", 25, "green", False)
    assert set(shown["reasons"][0]) == {"name", "flag"}


def test_an_order_without_a_score_is_said_by_the_exit_code(service: Sandbox, capsys: Capture) -> None:
    assess(service, "o-1", "2500")
    done = call(capsys, "score", "o-0", "o-1")
    assert done.code == 1
    assert done.out.startswith("o-0  -  (200) the response has no score")
    assert "\no-1  25  green" in done.out
    shown = json.loads(call(capsys, "score", "o-0", "--json").out)
    assert (shown["order_id"], shown["score"]) == ("o-0", None)


def test_wait_asks_until_there_is_a_score(service: Sandbox, capsys: Capture) -> None:
    asked: list[str] = []

    def late(request: Any) -> None:
        asked.append(request.path)
        if len(asked) == 2:
            service.score("o-1", 99)
            service._service.state.record(CreateOrder(user_id="u", order_id="o-1", amount="1"))
            service._service.state.record(Transaction(user_id="u", order_id="o-1", transaction_status="_success"))

    service._service._on_request = late
    done = call(capsys, "score", "o-1", "--wait")
    assert done.code == 0
    assert done.out.startswith("o-1  99  red")
    assert len(asked) == 3


def test_wait_ends_at_the_deadline(service: Sandbox, capsys: Capture) -> None:
    assert call(capsys, "score", "o-1", "o-2", "--wait", "--deadline", "0.3").code == 1


def test_a_score_is_drawn_in_its_colour(service: Sandbox) -> None:
    pytest.importorskip("rich")
    assess(service, "o-2", "8200")
    with at_terminal("score", "o-2", service=service) as screen:
        assert screen.end() == 0
    assert screen.raw.startswith("\x1b[1;31mo-2  82  red")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("503", [{"status": 503, "times": 1, "cut": False, "delay": 0.0}]),
        ("503x3", [{"status": 503, "times": 3, "cut": False, "delay": 0.0}]),
        (
            "cut, okx2:delay=0.5",
            [
                {"status": None, "times": 1, "cut": True, "delay": 0.0},
                {"status": None, "times": 2, "cut": False, "delay": 0.5},
            ],
        ),
        (
            "429:retry-after=2",
            [{"status": 429, "times": 1, "cut": False, "delay": 0.0, "headers": {"Retry-After": "2"}}],
        ),
    ],
)
def test_a_script_of_the_sandbox_is_read(text: str, expected: object) -> None:
    assert read_script(text) == expected


@pytest.mark.parametrize("text", ["", "50", "503x", "503y3", "okx-1", "503:x=1", "503,", "ok:delay=1.2.3"])
def test_a_script_that_is_none_is_refused(text: str, capsys: Capture) -> None:
    with pytest.raises(ArgumentTypeError, match="expected"):
        read_script(text)
    done = call(capsys, "sandbox", "--fail", text)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("thirdwatch sandbox: argument --fail: expected ")


def test_the_sandbox_fails_as_its_script_says() -> None:
    with started("sandbox", "--fail", "503x2", "--fail", "ok,cut") as process:
        assert process.stdout
        assert process.stdout.readline().startswith("The sandbox is at http://127.0.0.1:")
        settings = dict(pair.split("=", 1) for pair in shlex.split(process.stdout.readline())[1:])
        done = run("send", "login", "user_id=u-1", variables=settings)
        assert done == Done(0, "200 Login received\n", "")
        assert [process.stdout.readline()[:3] for _ in range(3)] == ["503", "503", "200"]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert (process.returncode, err) == (0, "")


def test_the_sandbox_reports_in_json() -> None:
    with started("sandbox", "--json", "--key", "my-key", "--fail", "503") as process:
        assert process.stdout
        there = json.loads(process.stdout.readline())
        assert there["api_key"] == "my-key"
        assert there["page"] + "event" == there["host"]
        settings = {"THIRDWATCH_HOST": there["host"], "THIRDWATCH_API_KEY": "my-key"}
        run(
            "send",
            "order_status",
            "user_id=u",
            "order_id=o",
            "order_status=fulfilled",
            "session_id=s",
            variables=settings,
        )
        refused, taken = (json.loads(process.stdout.readline()) for _ in range(2))
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0
    assert refused == {
        "status": 503,
        "method": "POST",
        "path": "/event/v1/order_status",
        "event": None,
        "error": "scripted",
        "hints": [],
    }
    assert taken["event"] == "OrderStatus(user_id='u', session_id=***, order_id='o', order_status='fulfilled')"
    assert taken["hints"] == ["unknown value 'fulfilled' for order_status; did you mean '_fulfilled'?"]


def test_the_sandbox_reports_postbacks_in_json() -> None:
    with started("sandbox", "--json") as process:
        assert process.stdout
        there = json.loads(process.stdout.readline())
        settings = {"host": there["host"], "api_key": there["api_key"]}
        with ApiClient(configuration=Configuration(**settings)) as client:
            PostbackApi(client).register(PostbackUrls(score_postback="http://127.0.0.1:1/hook?secret=s"))
        variables = {"THIRDWATCH_HOST": there["host"], "THIRDWATCH_API_KEY": there["api_key"]}
        run("send", "create_order", "user_id=u", "order_id=o", "amount=100", variables=variables)
        run("send", "transaction", "user_id=u", "order_id=o", "transaction_status=_success", variables=variables)
        lines = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        process.communicate()
    (postback,) = (line for line in lines if "postback" in line)
    assert postback["postback"] == "score_postback"
    assert postback["url"] == "http://127.0.0.1:1/hook"
    assert postback["error"]


def test_a_sandbox_that_can_not_start_says_why(service: Sandbox, capsys: Capture) -> None:
    taken = service.host.rpartition(":")[2].partition("/")[0]
    done = call(capsys, "sandbox", "--port", taken)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"thirdwatch sandbox: The sandbox did not start on port {taken}: ")
    assert call(capsys, "sandbox", "--fail", "999").code == 3


def test_a_quiet_sandbox_takes_a_port_and_says_nothing_of_requests() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with started("sandbox", "--port", str(port), "--fail", "500", "--quiet") as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.readline()
        with (
            ApiClient(configuration=Sandbox(port=port).configuration(retries=0)) as client,
            pytest.raises(ServiceException),
        ):
            LoginApi(client).login(Login(user_id="u"))
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert out == ""
