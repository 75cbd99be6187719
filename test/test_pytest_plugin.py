"""The plugin for pytest, in runs of its own, and ``Sandbox.assert_sent``."""

import importlib.metadata
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest

import _thirdwatch_pytest
import thirdwatch_api
from thirdwatch_api import (
    ApiClient,
    ApiTypeError,
    ApiValueError,
    BillingAddress,
    ClientAction,
    ClientActionApi,
    CreateOrder,
    CreateOrderApi,
    EventResponse,
    Item,
    Login,
    LoginApi,
    OrderStatus,
    OrderStatusApi,
)
from thirdwatch_api.contrib.pytest import explain
from thirdwatch_api.models._model import Model
from thirdwatch_api.sandbox import Sandbox

pytest_plugins = ["pytester"]

SENDING = """
import threading
import unittest

import pytest
import thirdwatch_api
from thirdwatch_api import Configuration, OrderStatus, OrderStatusApi
from thirdwatch_api.sandbox import Sandbox

EVENT = OrderStatus(user_id="u-42", order_id="o-1", order_status="_fulfilled")

def send(**options):
    return OrderStatusApi().order_status(EVENT, **options)
"""


def run(pytester: pytest.Pytester, source: str, *args: str) -> pytest.RunResult:
    """Run a file of tests in a process of its own, as a shop would."""
    pytester.makepyfile(SENDING + source)
    return pytester.runpytest_subprocess("-p", "no:randomly", *args)


def test_the_entry_point_names_the_module_that_is_light() -> None:
    (found,) = (each for each in importlib.metadata.entry_points(group="pytest11") if each.name == "thirdwatch")
    assert found.load() is _thirdwatch_pytest


def test_a_run_that_does_not_use_it_imports_nothing_of_the_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_nothing():
            loaded = [name for name in sys.modules if name.startswith("thirdwatch")]
            assert "_thirdwatch_pytest" in sys.modules
            assert loaded == []

        def test_a_comparison_that_fails():
            assert [1] == [2]

        def test_nothing_after_it():
            test_nothing()
        """)
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2, failed=1)


def test_pytest_does_not_rewrite_the_package(pytester: pytest.Pytester) -> None:
    source = """
def test_loaders():
    own = [module for name, module in list(sys.modules.items()) if name.startswith("thirdwatch_api")]
    assert {type(module.__loader__).__name__ for module in own} == {"SourceFileLoader"}
"""
    run(pytester, "import sys\n" + source).assert_outcomes(passed=1)


def test_the_light_module_imports_what_pytest_has_already(pytester: pytest.Pytester) -> None:
    program = pytester.makepyfile("""
        import sys, pytest
        before = set(sys.modules)
        import _thirdwatch_pytest
        print(sorted(set(sys.modules) - before))
        """)
    assert pytester.run(sys.executable, program).outlines == ["['_thirdwatch_pytest']"]


def test_the_fixture_leads_the_global_configuration_to_a_sandbox_and_back(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("THIRDWATCH_HOST", "https://live.invalid/event")
    source = """
import copy, logging, os
from thirdwatch_api import configuration  # a program may keep it

configuration.timeout = 7
configuration.proxy = "http://proxy.invalid:3128"
configuration.api_key_prefix["X-THIRDWATCH-API-KEY"] = "Bearer"
KEYS = configuration.api_key
CLIENT = OrderStatusApi().api_client
BEFORE = configuration.__getstate__() | {"api_key": dict(KEYS), "api_key_prefix": dict(configuration.api_key_prefix)}

def test_during(thirdwatch_sandbox, tmp_path):
    assert thirdwatch_api.configuration is configuration
    assert configuration.host == thirdwatch_sandbox.host
    assert (configuration.timeout, configuration.retries) == (7, 0)
    assert Configuration().host == thirdwatch_sandbox.host
    send()
    thirdwatch_sandbox.assert_sent(EVENT, times=1)
    thirdwatch_sandbox.fail(503)
    with pytest.raises(thirdwatch_api.ServiceException) as failed:
        send()
    assert failed.value.attempts == 1
    assert OrderStatusApi().api_client is not CLIENT
    configuration.api_key["another"] = "key"
    configuration.timeout = 1
    configuration.debug = True
    configuration.logger_file = tmp_path / "log"
    thirdwatch_api.configuration = Configuration()

def test_after():
    assert thirdwatch_api.configuration is configuration
    assert configuration.__getstate__() == BEFORE
    assert configuration.api_key is KEYS
    assert dict(KEYS) == {"X-THIRDWATCH-API-KEY": "key-of-the-environment"}
    assert OrderStatusApi().api_client is CLIENT
    assert os.environ["THIRDWATCH_HOST"] == "https://live.invalid/event"
    assert os.environ["THIRDWATCH_API_KEY"] == "key-of-the-environment"
    logger = logging.getLogger("thirdwatch_api")
    assert (logger.level, logger.handlers) == (logging.NOTSET, [])

def test_once_more(thirdwatch_sandbox):
    send()
    assert len(thirdwatch_sandbox.events) == 1
"""
    run(pytester, source).assert_outcomes(passed=3)


def test_a_log_file_that_was_open_is_open_again(pytester: pytest.Pytester) -> None:
    source = """
import logging

def test_during(tmp_path_factory, monkeypatch):
    thirdwatch_api.configuration.logger_file = tmp_path_factory.mktemp("log") / "before"

def test_other(thirdwatch_sandbox, tmp_path):
    thirdwatch_api.configuration.logger_file = tmp_path / "during"
    send()

def test_after():
    assert thirdwatch_api.configuration.logger_file.endswith("before")
    logging.getLogger("thirdwatch_api").error("found again")
    with open(thirdwatch_api.configuration.logger_file) as log:
        assert "found again" in log.read()
    thirdwatch_api.configuration.logger_file = None
    assert logging.getLogger("thirdwatch_api").handlers == []
"""
    run(pytester, source).assert_outcomes(passed=3)


def test_it_works_in_classes_of_unittest_with_parameters_and_in_several_processes(pytester: pytest.Pytester) -> None:
    source = """
@pytest.mark.usefixtures("thirdwatch_sandbox")
class TestShop(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def keep(self, thirdwatch_sandbox):
        self.sandbox = thirdwatch_sandbox

    def test_sent(self):
        send()
        self.sandbox.assert_sent(EVENT)

    def test_not_met(self):
        self.sandbox.fail(503)

    def test_broken(self):
        self.sandbox.fail(503)
        self.fail("broken otherwise")

@pytest.mark.parametrize("number", range(4))
def test_numbered(thirdwatch_sandbox, number):
    OrderStatusApi().order_status(OrderStatus(user_id="u-42", order_id=number))
    thirdwatch_sandbox.assert_sent(OrderStatus(order_id=number), times=1)
"""
    result = run(pytester, source, "-n", "2")
    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines_random(["scripted by fail(), and never met: 503", "*AssertionError: broken otherwise"])
    assert result.outlines.count("scripted by fail(), and never met: 503") == 1


def test_what_was_scripted_and_never_met_fails_a_test_that_passed(pytester: pytest.Pytester) -> None:
    source = """
def test_met(thirdwatch_sandbox):
    thirdwatch_sandbox.fail(503)
    with pytest.raises(thirdwatch_api.ServiceException):
        send()

def test_not_met(thirdwatch_sandbox):
    thirdwatch_sandbox.fail(503, times=2)
    with pytest.raises(thirdwatch_api.ServiceException):
        send()
    thirdwatch_sandbox.fail(None, cut=True)
    thirdwatch_sandbox.fail(None, delay=1)

def test_broken_otherwise(thirdwatch_sandbox):
    thirdwatch_sandbox.fail(503)
    assert not "broken"

def test_skipped(thirdwatch_sandbox):
    thirdwatch_sandbox.fail(503)
    pytest.skip("no need")

@pytest.mark.parametrize("status", [503, None])
def test_met_in_the_background(thirdwatch_sandbox, status):
    thirdwatch_sandbox.fail(status, delay=0.2)
    send(callback=print)

def test_without_it():
    pass
"""
    result = run(pytester, source)
    result.assert_outcomes(passed=4, failed=2, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "scripted by fail(), and never met: 503, a cut connection, a slow or changed response",
            "*assert not 'broken'",
        ]
    )


@pytest.mark.parametrize("option", ["--thirdwatch-strict", "--override-ini=thirdwatch_strict=true"])
def test_strict_fails_a_test_that_calls_another_host(pytester: pytest.Pytester, option: str) -> None:
    source = """
def call(host):
    configuration = Configuration(host=host, api_key="key", retries=0, allow_insecure_http=True)
    with thirdwatch_api.ApiClient(configuration=configuration) as client:
        OrderStatusApi(client).order_status(EVENT)

@pytest.mark.parametrize("host", [
    "https://api.invalid/event", "http://127.0.0.1:9/event", "http://127.0.0.1:bad", "https://127.0.0.1:9"
])
def test_elsewhere(host):
    call(host)

def test_default():
    thirdwatch_api.configuration.api_key = "key"
    send()

def test_caught():
    try:
        call("https://name:password@api.invalid/event")
    except BaseException:
        pass

def test_in_a_thread():
    thread = threading.Thread(target=test_caught)
    thread.start()
    thread.join()

@pytest.fixture
def late():
    yield
    test_caught()

def test_at_its_end(late):
    pass

def test_not_again():
    pass

def test_fixture(thirdwatch_sandbox):
    send()

def test_own_sandbox():
    with Sandbox() as sandbox:
        call(sandbox.host)
        call(sandbox.host.replace("127.0.0.1", "localhost"))
        assert [request.status for request in sandbox.requests] == [200, 200]
"""
    source = source.replace('api_key="key"', 'api_key="sandbox-key"')
    result = run(pytester, source, option)
    result.assert_outcomes(passed=4, failed=7, errors=1)
    shown = [line for line in result.outlines if "password" in line]
    assert shown == [line for line in shown if "call(" in line]
    result.stdout.fnmatch_lines_random(
        ["*--thirdwatch-strict: a call to https://api.invalid/event, which is not a sandbox; *"]
    )


class Service(ThreadingTCPServer):
    """A server that is no sandbox, and keeps what it reads."""

    daemon_threads = True

    def __init__(self, response: bytes) -> None:
        self.read: list[bytes] = []
        service = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                service.read.append(self.request.recv(65536))
                self.request.sendall(response)

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/event"


@pytest.fixture(
    params=[b"HTTP/1.1 400 Bad Request\r\nServer: other\r\n\r\n", b"x" * 70_000, b""], ids=["http", "endless", "silent"]
)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with Service(request.param) as service:
        thread = Thread(target=service.serve_forever)
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def test_strict_sends_no_event_to_a_server_of_this_machine_that_is_no_sandbox(
    pytester: pytest.Pytester, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRDWATCH_HOST", service.host)
    monkeypatch.setenv("THIRDWATCH_API_KEY", "key")
    run(pytester, "def test_it():\n    send()\n", "--thirdwatch-strict").assert_outcomes(failed=1)
    assert service.read == [b"?\r\n\r\n"]


def test_strict_takes_a_sandbox_of_another_process(
    pytester: pytest.Pytester, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRDWATCH_HOST", sandbox.host)
    monkeypatch.setenv("THIRDWATCH_API_KEY", sandbox.api_key)
    run(pytester, "def test_it():\n    send()\n    send()\n", "--thirdwatch-strict").assert_outcomes(passed=1)
    assert [request.status for request in sandbox.requests] == [200, 200]


USE = """
def test_it(thirdwatch_sandbox):
    send()
    thirdwatch_sandbox.assert_sent(OrderStatus(order_id="o-2"))
"""


@pytest.mark.parametrize(
    ("autoload", "plugins"),
    [
        (True, ["-p", "thirdwatch_api.contrib.pytest"]),
        (True, ["-p", "thirdwatch"]),
        (False, ["-p", "thirdwatch_api.contrib.pytest", "-p", "xdist"]),
        (False, ["-p", "thirdwatch"]),
    ],
)
def test_it_can_be_named(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, autoload: bool, plugins: list[str]
) -> None:
    if not autoload:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(pytester, USE, *plugins)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*order_id (_orderId): expected "o-2", sent "o-1"'])


def test_a_conftest_may_name_it_too(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["thirdwatch_api.contrib.pytest"]')
    run(pytester, USE).assert_outcomes(failed=1)


def test_it_can_be_left_out(pytester: pytest.Pytester) -> None:
    result = run(pytester, USE, "-p", "no:thirdwatch")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*fixture 'thirdwatch_sandbox' not found"])


@pytest.fixture
def sent(sandbox: Sandbox, client: ApiClient) -> Sandbox:
    """A sandbox that received an order and its state."""
    CreateOrderApi(client).create_order(
        CreateOrder(
            user_id="u-42",
            order_id="o-1",
            amount=Decimal("2500.50"),
            origin_timestamp=datetime(2026, 1, 1, tzinfo=timezone.utc),
            billing_address=BillingAddress(name="Jane Doe", city="Pune"),
            items=[Item(item_id="sku-7", price=5, quantity=2), Item(item_id="sku-8")],
            custom_info={"gift": True, "lines": 1},
        )
    )
    OrderStatusApi(client).order_status(OrderStatus(user_id="u-42", order_id="o-1", order_status="_fulfilled"))
    return sandbox


@pytest.mark.parametrize(
    "event",
    [
        CreateOrder(),
        CreateOrder(amount="2500.50", origin_timestamp="1767225600000"),
        CreateOrder(order_id="o-1", amount=Decimal("2500.50")),
        CreateOrder(origin_timestamp=datetime(2026, 1, 1, tzinfo=timezone.utc)),
        CreateOrder(billing_address=BillingAddress(city="Pune")),
        CreateOrder(items=[Item(price="5", quantity=2), Item()]),
        CreateOrder(custom_info={"gift": True}),
        {"_orderId": "o-1", "_amount": Decimal("2500.50")},
        {"_orderStatus": "_fulfilled"},
        OrderStatus(order_id="o-1", order_status="_fulfilled"),
    ],
)
def test_the_fields_that_are_named_are_compared_as_they_travel(sent: Sandbox, event: Any) -> None:
    sent.assert_sent(event)
    sent.assert_sent(event, times=1)
    with pytest.raises(AssertionError, match="sent 1 time, expected 0"):
        sent.assert_sent(event, times=0)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (CreateOrder(user_id="u-4"), 'user_id (_userId): expected "u-4", sent "u-42"'),
        (CreateOrder(amount=2500), 'amount (_amount): expected "2500", sent "2500.50"'),
        (CreateOrder(currency_code="INR"), 'currency_code (_currencyCode): expected "INR", sent nothing'),
        (
            CreateOrder(billing_address=BillingAddress(name="Joe")),
            'billing_address.name (_name): expected "Joe", sent "Jane Doe"',
        ),
        (CreateOrder(items=[Item(quantity=3), Item()]), "items[0].quantity (_quantity): expected 3, sent 2"),
        (CreateOrder(items=[Item()]), 'items[1] (_items): expected nothing, sent {"_itemId": "sku-8"}'),
        (CreateOrder(items=[Item()] * 3), "items[2] (_items): expected {}, sent nothing"),
        (CreateOrder(custom_info={"lines": True}), "custom_info.lines (lines): expected true, sent 1"),
        ({"_orderStatus": "_approved"}, 'order_status (_orderStatus): expected "_approved", sent "_fulfilled"'),
    ],
)
def test_the_error_names_what_differs_in_the_nearest_event(sent: Sandbox, event: Any, line: str) -> None:
    with pytest.raises(AssertionError) as raised:
        sent.assert_sent(event)
    assert f"\n    {line}" in str(raised.value)


def test_the_nearest_come_first_and_only_three_are_shown(sandbox: Sandbox, client: ApiClient) -> None:
    for number in range(9):
        event = Login(user_id=number, session_id="s" * number, login_status="_success")
        LoginApi(client).login(event)
    with pytest.raises(AssertionError) as raised:
        sandbox.assert_sent(Login(user_id=7, session_id="sssssss", login_status="_failure"), times=2)
    head, expected, nearest, first, why, *rest = str(raised.value).splitlines()
    assert head == "Login: sent 0 times, expected 2, with these fields:"
    assert expected == '  {"_userId": "7", "_sessionId": "sssssss", "_loginStatus": "_failure"}'
    assert nearest == "nearest of 9 sent:"
    assert first == '  {"_userId": "7", "_sessionId": "sssssss", "_loginStatus": "_success"}'
    assert why == '    login_status (_loginStatus): expected "_failure", sent "_success"'
    assert sum(line.startswith("  {") for line in rest) == 2


def test_the_error_shows_what_was_sent_instead_and_what_was_refused(sent: Sandbox, client: ApiClient) -> None:
    sent.fail(403)
    sent.fail(403, cut=True)
    for _ in range(2):
        with pytest.raises(thirdwatch_api.ApiException):
            LoginApi(client).login(Login(user_id="u-42"), _retries=0)
    with pytest.raises(AssertionError) as raised:
        sent.assert_sent(Login(user_id="u-42"))
    assert str(raised.value).splitlines()[2:] == [
        "sent: 1 CreateOrder, 1 OrderStatus",
        "not accepted: POST /event/v1/login: 403, scripted",
        "not accepted: POST /event/v1/login: cut, scripted",
    ]


def test_an_event_that_came_too_often_is_shown(sent: Sandbox) -> None:
    with pytest.raises(AssertionError) as raised:
        sent.assert_sent(OrderStatus(), times=3)
    assert str(raised.value).splitlines() == [
        "OrderStatus: sent 1 time, expected 3, with these fields:",
        "  {}",
        "sent:",
        '  {"_userId": "u-42", "_orderId": "o-1", "_orderStatus": "_fulfilled"}',
    ]


def test_nothing_was_sent_at_all(sandbox: Sandbox) -> None:
    sandbox.assert_sent(Login(), times=0)
    with pytest.raises(AssertionError) as raised:
        sandbox.assert_sent(Login())
    assert str(raised.value) == "Login: sent 0 times, expected at least 1, with these fields:\n  {}"


def test_decisions_count_as_well(sandbox: Sandbox, client: ApiClient) -> None:
    ClientActionApi(client).client_action(ClientAction(order_id="o-1", action_type="approved"))
    sandbox.assert_sent(ClientAction(order_id="o-1"), times=1)


def test_what_is_long_is_shortened(sent: Sandbox) -> None:
    with pytest.raises(AssertionError, match=r"x\.\.\. \(10,002 characters\), sent \"u-42\""):
        sent.assert_sent(OrderStatus(user_id="x" * 10_000))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (["o-1"], {}, ApiTypeError, "expected an event or a dict with its wire keys, got str"),
        ([Login()], {"times": "1"}, ApiTypeError, "times: expected int or None, got str"),
        ([Login()], {"times": True}, ApiTypeError, "times: expected int or None, got bool"),
        ([Login()], {"times": -1}, ApiValueError, "times: must be at least 0, got -1"),
    ],
)
def test_misuse_is_an_error_of_its_own(
    sandbox: Sandbox, arguments: list[Any], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sandbox.assert_sent(*arguments, **options)


def test_a_failed_comparison_shows_the_fields_that_differ(pytester: pytest.Pytester) -> None:
    source = """
def test_events(thirdwatch_sandbox):
    send()
    assert thirdwatch_sandbox.events == [OrderStatus(user_id="u-42", session_id="secret", order_id="o-2")]
"""
    result = run(pytester, source)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*assert 1 event == 1 event",
            'E *0* session_id (_sessionId): nothing != "secret"',
        ]
    )


UNSENDABLE: Any = b"bytes"


@pytest.mark.parametrize(
    ("left", "right", "lines"),
    [
        (
            OrderStatus(user_id="u-42", order_id="o-1"),
            OrderStatus(user_id="u-42", order_id="o-2"),
            ["OrderStatus == OrderStatus", 'order_id (_orderId): "o-1" != "o-2"'],
        ),
        (
            CreateOrder(amount=2500),
            CreateOrder(amount="2500", order_id="o"),
            [
                "CreateOrder == CreateOrder",
                'order_id (_orderId): nothing != "o"',
                "amount (_amount): 2500 != '2500', but both travel alike: assert_sent() takes either",
            ],
        ),
        (
            CreateOrder(items=[Item(item_id="a")]),
            CreateOrder(items=[Item(item_id="b"), Item()]),
            [
                "CreateOrder == CreateOrder",
                'items[0].item_id (_itemId): "a" != "b"',
                "items[1] (_items): nothing != {}",
            ],
        ),
        (
            Login(user_id="u-42"),
            OrderStatus(user_id="u-42"),
            ["Login == OrderStatus", 'Login {"_userId": "u-42"} != OrderStatus {"_userId": "u-42"}'],
        ),
        (
            EventResponse(message="one"),
            EventResponse(message="two"),
            ["EventResponse == EventResponse", 'message (message): "one" != "two"'],
        ),
        (
            Login(user_id=UNSENDABLE),
            Login(user_id="u-42"),
            ["Login == Login", 'user_id (_userId): "b\'bytes\'" != "u-42"'],
        ),
        (
            [Login(user_id="u-1"), Login(user_id="u-2"), Login(user_id="u-3")],
            [Login(user_id="u-1"), Login(user_id="u-4"), "text"],
            [
                "3 events == 3 events",
                '[1] user_id (_userId): "u-2" != "u-4"',
                '[2] Login {"_userId": "u-3"} != \'text\'',
            ],
        ),
        (
            [Login(user_id="u-1")],
            [],
            ["1 event == 0 events", '[0] is on the left only: Login {"_userId": "u-1"}'],
        ),
        (
            (),
            [Login(user_id="u-1")],
            ["0 events == 1 event", '[0] is on the right only: Login {"_userId": "u-1"}'],
        ),
    ],
)
def test_an_explanation_names_each_place(left: object, right: object, lines: list[str]) -> None:
    assert explain("==", left, right) == lines


@pytest.mark.parametrize(
    ("op", "left", "right"),
    [
        ("!=", Login(), Login()),
        ("==", Login(), None),
        ("==", [1], [2]),
        ("==", [Login()], {}),
    ],
)
def test_anything_else_is_left_to_pytest(op: str, left: object, right: object) -> None:
    assert explain(op, left, right) is None


def test_models_of_any_kind_are_explained() -> None:
    for name in thirdwatch_api.models.__all__:
        model: type[Model] = getattr(thirdwatch_api, name)
        explained = explain("==", model(), model())
        assert explained == [f"{name} == {name}"], name
