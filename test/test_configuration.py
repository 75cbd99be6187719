"""Configuration: every setting, where it comes from, and what it refuses."""

import copy
import inspect
import logging
import pickle
import pydoc
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import urllib3

import thirdwatch_api
from thirdwatch_api import ApiClient, Attempt, Configuration, OrderStatus, OrderStatusApi, ScoreApi, postback
from thirdwatch_api._settings import CHECKS
from thirdwatch_api.exceptions import ApiTypeError, ApiValueError, ServiceException
from thirdwatch_api.sandbox import Sandbox

from .facts import API_KEY_HEADER, HOST
from .ids import stable

EVENT = OrderStatus(user_id="u-42")
CANARY = "c4n4ry"


def hook(attempt: Attempt) -> None:
    """Do nothing; hooks have to be importable to be pickled."""


DEFAULTS: dict[str, object] = {
    "host": HOST,
    "api_key": {},
    "api_key_prefix": {},
    "timeout": (3, 10),
    "deadline": 30,
    "retries": 3,
    "connection_pool_maxsize": 32,
    "proxy": None,
    "verify_ssl": True,
    "ssl_ca_cert": None,
    "cert_file": None,
    "key_file": None,
    "allow_insecure_http": False,
    "idle_timeout": 50,
    "max_response_size": 4 * 1024 * 1024,
    "callback_threads": 4,
    "callback_queue": 10_000,
    "client_side_validation": True,
    "app_info": None,
    "debug": False,
    "on_request": None,
    "on_response": None,
    "on_retry": None,
}
"""Every setting that is an attribute and a keyword, and its default."""

OTHERS: dict[str, object] = {
    "host": "https://staging.example/event",
    "api_key": {API_KEY_HEADER: "another-key"},
    "api_key_prefix": {API_KEY_HEADER: "Token"},
    "timeout": 2.5,
    "deadline": 60,
    "retries": 0,
    "connection_pool_maxsize": 1,
    "proxy": "http://ann:secret@proxy.example:3128",
    "verify_ssl": False,
    "ssl_ca_cert": "ca.pem",
    "cert_file": "client.pem",
    "key_file": "client.key",
    "allow_insecure_http": True,
    "idle_timeout": 0.5,
    "max_response_size": 1,
    "callback_threads": 1,
    "callback_queue": 5,
    "client_side_validation": False,
    "app_info": "my-shop/2.1",
    "debug": True,
    "on_request": hook,
    "on_response": hook,
    "on_retry": hook,
}

each_setting = pytest.mark.parametrize("name", DEFAULTS)
TEXTS = ("host", "proxy", "ssl_ca_cert", "cert_file", "key_file", "app_info")
SECONDS = ("timeout", "deadline", "idle_timeout")
COUNTS = ("retries", "connection_pool_maxsize", "max_response_size", "callback_threads", "callback_queue")
FLAGS = ("verify_ssl", "allow_insecure_http", "client_side_validation", "debug")
HOOKS = ("on_request", "on_response", "on_retry")


@each_setting
def test_every_setting_has_its_default(name: str) -> None:
    assert getattr(Configuration(), name) == DEFAULTS[name]
    assert getattr(thirdwatch_api.configuration, name) == DEFAULTS[name]


@each_setting
def test_every_setting_is_an_attribute_and_a_keyword(name: str) -> None:
    assigned = Configuration()
    setattr(assigned, name, OTHERS[name])
    given = Configuration(**{name: OTHERS[name]})  # type: ignore[arg-type]  # of all types
    assert getattr(assigned, name) == getattr(given, name) == OTHERS[name]
    for other in DEFAULTS.keys() - {name}:
        assert getattr(given, other) == DEFAULTS[other]


def test_the_settings_are_those_of_the_contract() -> None:
    parameters = inspect.signature(Configuration).parameters
    assert set(parameters) - {"username", "password", "temp_folder_path"} == set(DEFAULTS)
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


@each_setting
def test_every_setting_is_documented(name: str) -> None:
    prop = inspect.getattr_static(Configuration, name)
    source = Path(inspect.getfile(Configuration)).read_text(encoding="utf-8")
    assert inspect.getdoc(prop) if isinstance(prop, property) else f"    {name}: " in source


def test_help_shows_each_keyword_with_its_type_and_default() -> None:
    shown = pydoc.plain(pydoc.render_doc(Configuration.__init__)).replace("'", "")  # before 3.14 types stand in quotes
    for name, parameter in inspect.signature(Configuration).parameters.items():
        assert f"{name}: {parameter.annotation} = {parameter.default!r}".replace("'", "") in shown
    assert "retries: Retries = 3" in shown


@each_setting
def test_a_setting_is_named_once_where_it_is_declared(name: str) -> None:
    source = Path(inspect.getfile(Configuration)).read_text(encoding="utf-8")
    declared = [line for line in source.splitlines() if line.strip().startswith(f"{name}:")]
    assert declared == [line for line in source.splitlines() if re.match(rf"    {name}: \w+ = .", line)]
    assert len(declared) == 1


def test_each_check_belongs_to_an_annotation_that_a_setting_has() -> None:
    assert set(Configuration.__annotations__.values()) == set(CHECKS)


def test_a_setting_may_be_a_property_of_a_subclass() -> None:
    slot = inspect.getattr_static(Configuration, "deadline")
    doubled = property(lambda self: 2 * slot.__get__(self), slot.__set__)
    shop = type("Shop", (Configuration,), {"deadline": doubled})(deadline=5, retries=1)
    assert (shop.deadline, shop.retries) == (10, 1)


def test_a_misspelt_setting_fails_with_the_nearest_name() -> None:
    with pytest.raises(AttributeError, match=r"has no setting 'time_out'; did you mean 'timeout'\?"):
        Configuration().time_out = 5  # type: ignore[attr-defined]  # that is the point
    with pytest.raises(AttributeError, match=r"has no setting 'verify_tls'; did you mean 'verify_ssl'\?"):
        thirdwatch_api.configuration.verify_tls = False  # type: ignore[attr-defined]  # that is the point
    with pytest.raises(AttributeError, match=r"has no setting 'xyzzy'$"):
        Configuration().xyzzy = 1  # type: ignore[attr-defined]  # that is the point
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'time_out'; did you mean 'timeout'\?"):
        Configuration(time_out=5)  # type: ignore[call-arg]  # that is the point
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'xyzzy'$"):
        Configuration(xyzzy=5)  # type: ignore[call-arg]  # that is the point
    with pytest.raises(TypeError, match="positional"):
        Configuration(HOST)  # type: ignore[call-arg]  # that is the point


@pytest.mark.parametrize("name", ["username", "password", "temp_folder_path"])
def test_old_settings_without_a_use_are_accepted(name: str) -> None:
    configuration = Configuration(**{name: CANARY})  # type: ignore[arg-type]  # of all types
    setattr(configuration, name, CANARY)
    assert getattr(configuration, name) == CANARY


@pytest.mark.parametrize("name", SECONDS)
def test_seconds_are_bounded_by_what_the_systems_timers_take(name: str) -> None:
    longest = 24 * 24 * 3600
    assert getattr(Configuration(**{name: longest}), name) == longest  # type: ignore[arg-type]  # of all types
    with pytest.raises(ApiValueError, match=rf"^{name}: .* at most 2,073,600 \(24 days\)"):
        Configuration(**{name: longest + 1})  # type: ignore[arg-type]  # of all types


WRONG_PAIRS: list[object] = [(1, "2"), ("1", 2), (True, 1), {1, 2}, {"connect": 1}]
BAD_PAIRS: list[object] = [(), (1,), (1, 2, 3), (0, 1), (1, -1), [1, 2, 3]]
REFUSED: list[tuple[str, object, type[Exception]]] = [
    *((name, value, TypeError) for name in TEXTS for value in (5, 5.0, ["x"], {"a": 1}, object())),
    *((name, b"\xff", ValueError) for name in TEXTS),
    *(("app_info", value, ValueError) for value in ("my-shop/2.1\n", "a\r\nX-Other: b", "caf\xe9/1", "\0")),
    *((name, value, TypeError) for name in SECONDS for value in ("5", True, b"5", Decimal(5), object())),
    *((name, value, ValueError) for name in SECONDS for value in (0, -1, -0.0, float("nan"), float("inf"), 10**400)),
    *((name, value, TypeError) for name in ("deadline", "idle_timeout") for value in (None, (1, 2))),
    *(("timeout", value, ValueError) for value in BAD_PAIRS),
    *(("timeout", value, TypeError) for value in WRONG_PAIRS),
    *((name, value, TypeError) for name in COUNTS for value in ("5", 1.0, True, None, Decimal(5))),
    *((name, -1, ValueError) for name in COUNTS),
    *((name, 0, ValueError) for name in COUNTS if name != "retries"),
    *((name, value, TypeError) for name in FLAGS for value in ("yes", None, 1.0)),
    *((name, value, TypeError) for name in HOOKS for value in ("print", 5)),
    *((name, value, TypeError) for name in ("api_key", "api_key_prefix") for value in (5, ["key"], object())),
]


@pytest.mark.parametrize(("name", "value", "kind"), REFUSED, ids=lambda part: stable(part)[:24])
def test_a_value_that_cant_be_right_is_refused_where_it_is_assigned(
    name: str, value: object, kind: type[Exception]
) -> None:
    configuration = Configuration()
    with pytest.raises((ApiTypeError, ApiValueError), match=f"^{name}:") as caught:
        setattr(configuration, name, value)
    assert isinstance(caught.value, kind)
    assert getattr(configuration, name) == DEFAULTS[name]


@pytest.mark.parametrize("name", [*TEXTS, "api_key", "api_key_prefix"])
@pytest.mark.parametrize("value", [[CANARY], {CANARY}], ids=["list", "set"])
def test_a_refusal_shows_no_value(name: str, value: object) -> None:
    with pytest.raises(ApiTypeError) as caught:
        setattr(Configuration(), name, value)
    assert CANARY not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("timeout", 5, 5),
        ("timeout", None, None),
        ("timeout", (None, 2), (None, 2)),
        ("timeout", [1, 2.5], (1, 2.5)),
        ("retries", 10**6, 10**6),
        ("verify_ssl", 0, False),
        ("debug", 1, True),
        ("proxy", "", ""),
        ("proxy", b"http://proxy.example", "http://proxy.example"),
        ("ssl_ca_cert", Path("ca.pem"), "ca.pem"),
        ("cert_file", Path("client.pem"), "client.pem"),
        ("key_file", b"client.key", "client.key"),
        ("app_info", None, None),
        ("on_retry", None, None),
        ("api_key", None, {}),
        ("api_key", "text", {API_KEY_HEADER: "text"}),
        ("api_key", b"text", {API_KEY_HEADER: b"text"}),
        ("api_key", {"X-Other": "text"}, {"X-Other": "text"}),
    ],
)
def test_a_value_is_kept_in_its_usual_form(name: str, value: object, kept: object) -> None:
    configuration = Configuration()
    setattr(configuration, name, value)
    assert getattr(configuration, name) == kept
    assert type(getattr(configuration, name)) is type(kept) or name == "api_key"


def test_urllib3s_own_timeout_and_retry_are_kept_as_they_are() -> None:
    timeout, retries = urllib3.Timeout(connect=1, read=2), urllib3.Retry(5)
    configuration = Configuration(timeout=timeout, retries=retries)
    assert configuration.timeout is timeout
    assert configuration.retries is retries


def test_a_host_that_is_assigned_none_is_the_default_again_or_refused() -> None:
    configuration = Configuration()
    with suppress(ApiTypeError, ApiValueError):
        configuration.host = None
    assert configuration.host == HOST


def test_the_environment_holds_the_defaults_of_a_new_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", " from the environment\n")
    monkeypatch.setenv("THIRDWATCH_HOST", "https://staging.example/event")
    configuration = Configuration()
    assert configuration.host == "https://staging.example/event"
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER) == "from the environment"
    assert thirdwatch_api.configuration.host == HOST


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", "from the environment")
    monkeypatch.setenv("THIRDWATCH_HOST", "https://staging.example/event")
    configuration = Configuration(host=HOST, api_key="given")
    assert (configuration.host, configuration.api_key) == (HOST, {API_KEY_HEADER: "given"})


def test_what_is_none_means_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", "from the environment")
    monkeypatch.setenv("THIRDWATCH_HOST", "https://staging.example/event")
    configuration = Configuration(api_key=None, host=None)
    assert configuration.api_key == {API_KEY_HEADER: "from the environment"}
    assert configuration.host == "https://staging.example/event"
    configuration.api_key = None
    configuration.host = None
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER) is None
    assert configuration.host == "https://staging.example/event"


def test_a_variable_that_is_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", "")
    monkeypatch.setenv("THIRDWATCH_HOST", "")
    assert Configuration().api_key == {}
    assert Configuration().host == HOST


EMPTY_KEYS: list[Any] = [
    *("", " \n", b"", b"\t ", {}, {API_KEY_HEADER: ""}, {API_KEY_HEADER: b" "}),
    *({API_KEY_HEADER.lower(): ""}, {API_KEY_HEADER: None}),
]


@pytest.mark.parametrize("how", ["keyword", "assigned", "copied", "pickled"])
@pytest.mark.parametrize("empty", EMPTY_KEYS, ids=stable)
def test_a_key_that_was_given_and_is_empty_is_none_and_never_that_of_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, empty: Any, how: str
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", sandbox.api_key)
    configuration = Configuration(host=sandbox.host, api_key="another" if how == "assigned" else empty)
    if how == "assigned":
        configuration.api_key = empty
    elif how != "keyword":
        configuration = copy.copy(configuration) if how == "copied" else pickle.loads(pickle.dumps(configuration))
    with ApiClient(configuration=configuration) as client, pytest.raises(ApiValueError) as caught:
        OrderStatusApi(client).order_status(EVENT)
    assert str(caught.value).startswith("no API key: ")
    assert ("is empty" in str(caught.value)) is bool(empty != {})
    assert "set api_key" in str(caught.value)
    assert sandbox.requests == []


def test_a_key_of_the_environment_that_is_white_space_is_an_error_that_names_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", " \n")
    client = ApiClient(configuration=Configuration(host=sandbox.host))
    with pytest.raises(ApiValueError, match=r"no API key: .* is empty.*THIRDWATCH_API_KEY"):
        OrderStatusApi(client).order_status(EVENT)
    assert sandbox.requests == []


@pytest.mark.parametrize("how", ["keyword", "assigned", "client", "client assigned", "pickled"])
@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_a_host_that_was_given_and_is_empty_is_none_and_never_that_of_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, empty: str, how: str
) -> None:
    monkeypatch.setenv("THIRDWATCH_HOST", sandbox.host)
    configuration = sandbox.configuration(host=empty if how in ("keyword", "pickled") else sandbox.host)
    if how == "assigned":
        configuration.host = empty
    elif how == "pickled":
        configuration = pickle.loads(pickle.dumps(configuration))
    with ApiClient(empty if how == "client" else None, configuration=configuration) as client:
        if how == "client assigned":
            client.host = empty
        assert client.host == empty
        with pytest.raises(ApiValueError, match=r"^host: is empty; "):
            OrderStatusApi(client).order_status(EVENT)
    assert sandbox.requests == []


@pytest.mark.parametrize("key", ["text", b"text", " text\n", b"\ttext "])
@pytest.mark.parametrize("how", ["dict", "assigned", "keyword", "keyword dict"])
def test_a_key_may_be_text_bytes_or_in_a_dict(key: str | bytes, how: str) -> None:
    configuration = Configuration()
    if how == "dict":
        configuration.api_key[API_KEY_HEADER] = key  # type: ignore[assignment]  # as secrets are mounted
    elif how == "assigned":
        configuration.api_key = key
    else:
        configuration = Configuration(api_key=key if how == "keyword" else {API_KEY_HEADER: key})
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER) == "text"


def test_a_prefix_goes_before_the_key_and_stands_for_nothing_alone() -> None:
    configuration = Configuration(api_key_prefix={API_KEY_HEADER: "Token"})
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER) is None
    configuration.api_key = " \n"
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER) is None
    configuration.api_key = " text "
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER) == "Token text"
    assert configuration.get_api_key_with_prefix("X-Other") is None


def test_a_key_that_is_no_text_is_refused_without_showing_it() -> None:
    configuration = Configuration()
    configuration.api_key[API_KEY_HEADER] = [CANARY]  # type: ignore[assignment]  # that is the point
    with pytest.raises(ApiTypeError, match="api_key: expected text or bytes, got list"):
        configuration.get_api_key_with_prefix(API_KEY_HEADER)
    configuration.api_key = b"\xff" + CANARY.encode()
    with pytest.raises(ApiValueError, match="api_key: the bytes are not UTF-8") as caught:
        configuration.get_api_key_with_prefix(API_KEY_HEADER)
    assert caught.value.__suppress_context__


def test_a_key_of_the_environment_that_is_not_utf_8_is_refused_without_showing_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", f"{CANARY}\udcff")  # as os.environ reads bytes that are not UTF-8
    with ApiClient(configuration=Configuration(host=sandbox.host)) as client:
        calls: list[Callable[[], object]] = [
            lambda: OrderStatusApi(client).order_status(EVENT),
            lambda: ScoreApi(client).score("o-1001"),
            lambda: postback.parse({API_KEY_HEADER: CANARY}, b"{}", client.configuration),
        ]
        for call in calls:
            with pytest.raises(ApiValueError, match=r"^api_key: the bytes are not UTF-8") as caught:
                call()
            assert CANARY not in f"{caught.value!r} {caught.value.__cause__!r}"
            assert caught.value.__context__ is None
    assert sandbox.requests == []


def test_auth_settings_are_those_of_0_0_3() -> None:
    settings = Configuration(api_key="text").auth_settings()
    assert settings == {
        "api_key": {"type": "api_key", "in": "header", "key": API_KEY_HEADER, "value": "text"},
    }


def test_configurations_are_independent() -> None:
    one, other = Configuration(), Configuration(api_key={"X-Other": "key"})
    one.api_key[API_KEY_HEADER] = "one"
    one.api_key_prefix[API_KEY_HEADER] = "Token"
    one.host = "https://staging.example"
    assert (other.api_key, other.api_key_prefix, other.host) == ({"X-Other": "key"}, {}, HOST)
    assert (thirdwatch_api.configuration.api_key, thirdwatch_api.configuration.host) == ({}, HOST)


def test_a_dict_that_was_assigned_is_not_shared() -> None:
    keys = {API_KEY_HEADER: "text"}
    configuration = Configuration(api_key=keys)
    keys[API_KEY_HEADER] = "changed"
    assert configuration.api_key == {API_KEY_HEADER: "text"}


@pytest.mark.parametrize("name", [API_KEY_HEADER.lower(), API_KEY_HEADER.title()])
@pytest.mark.parametrize("key", ["given", ""])
@pytest.mark.parametrize(
    "assign",
    [
        lambda keys, name, key: keys.__setitem__(name, key),
        lambda keys, name, key: keys.update({name: key}),
        lambda keys, name, key: keys.update([(name, key)]),
        lambda keys, name, key: keys.__ior__({name: key}),
        lambda keys, name, key: (keys.pop(name), keys.setdefault(name, key)),
    ],
    ids=["item", "update", "pairs", "or", "setdefault"],
)
def test_the_last_key_wins_whatever_the_letter_case_of_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, key: str, assign: Callable[..., object]
) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", "from the environment")
    configuration = Configuration()
    assign(configuration.api_key, name, key)
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER) == (key or None)
    assert configuration.api_key == {API_KEY_HEADER: key}
    for twin in (copy.copy(configuration), copy.deepcopy(configuration), pickle.loads(pickle.dumps(configuration))):
        assert twin.api_key == {API_KEY_HEADER: key}


def test_a_key_is_found_under_its_name_in_any_letter_case() -> None:
    keys = Configuration(api_key={API_KEY_HEADER: "first", API_KEY_HEADER.lower(): CANARY, "X-Other": "x"}).api_key
    lower = API_KEY_HEADER.lower()
    assert (keys[lower], keys.get(lower), lower in keys, keys.setdefault(lower, "new")) == (
        CANARY,
        CANARY,
        True,
        CANARY,
    )
    assert (keys.get("x-other"), keys.pop("x-other", "none"), "x-other" in keys) == (None, "none", False)
    for twin in (keys.copy(), copy.copy(keys), copy.deepcopy(keys), pickle.loads(pickle.dumps(keys))):
        assert (type(twin), twin) == (type(keys), keys)
        assert CANARY not in repr(twin)
        del twin[lower]
        assert twin == {"X-Other": "x"}
    assert keys.pop(lower) == CANARY
    assert lower not in keys


def test_the_prefix_is_found_in_any_letter_case() -> None:
    configuration = Configuration(api_key="key", api_key_prefix={API_KEY_HEADER.lower(): "Token"})
    assert configuration.get_api_key_with_prefix(API_KEY_HEADER.lower()) == "Token key"


@pytest.mark.parametrize(
    "twin_of", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))], ids=["copy", "deepcopy", "pickle"]
)
def test_copies_and_pickles_hold_the_same_settings_and_a_client_of_their_own(
    twin_of: Callable[[Configuration], Configuration],
) -> None:
    configuration = Configuration(**OTHERS)  # type: ignore[arg-type]  # of all types
    setattr(configuration, "username", "ann")  # noqa: B010 - an old setting, which no type checker knows
    configuration.logger_format = "%(message)s"
    configuration.api_client = ApiClient(configuration=configuration)
    twin = twin_of(configuration)
    for name, value in OTHERS.items():
        assert getattr(twin, name) == value
    assert (twin.logger_format, twin.api_client) == ("%(message)s", None)
    twin.api_key[API_KEY_HEADER] = "changed"
    assert configuration.api_key == OTHERS["api_key"]


def test_repr_shows_settings_and_masks_secrets() -> None:
    configuration = Configuration(
        api_key=CANARY,
        api_key_prefix={API_KEY_HEADER: CANARY},
        password=CANARY,
        proxy=f"http://ann:{CANARY}@proxy.example",
        app_info="my-shop/2.1",
    )
    shown = repr(configuration)
    assert CANARY not in shown
    assert CANARY not in f"{configuration} {configuration.api_key} {configuration.api_key_prefix!r}"
    assert "app_info='my-shop/2.1'" in shown
    assert f"api_key={{'{API_KEY_HEADER}': '***'}}" in shown
    assert shown.startswith("Configuration(host='https://api.thirdwatch.ai/event', ")
    assert "proxy=None" in repr(Configuration())


def test_the_debug_report_holds_versions_and_no_secret() -> None:
    report = Configuration(api_key=CANARY).to_debug_report()
    assert f"thirdwatch_api: {thirdwatch_api.__version__}" in report
    assert sys.version in report
    assert "API version: 0.0.2" in report
    assert CANARY not in report


def test_no_handler_is_installed_and_no_level_is_set_at_import() -> None:
    logger = logging.getLogger("thirdwatch_api")
    assert {type(handler) for handler in logger.handlers} <= {logging.NullHandler}
    assert logger.level == logging.NOTSET
    assert logger.propagate


def test_debug_sets_the_level_of_our_logger_and_takes_it_back() -> None:
    logger = logging.getLogger("thirdwatch_api")
    configuration = Configuration(debug=True)
    assert (configuration.debug, logger.level) == (True, logging.DEBUG)
    configuration.debug = False
    assert (configuration.debug, logger.level) == (False, logging.NOTSET)
    logger.setLevel(logging.WARNING)
    Configuration()
    assert logger.level == logging.WARNING


def test_debug_records_show_attempts_without_key_or_event(
    sandbox: Sandbox, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.configuration.debug = True
    OrderStatusApi(client).order_status(OrderStatus(user_id=CANARY))
    assert "POST /v1/order_status 200" in caplog.text
    assert CANARY not in caplog.text
    assert sandbox.api_key not in caplog.text


def test_log_records_go_to_a_file_in_the_format_that_is_set(tmp_path: Path, client: ApiClient) -> None:
    configuration = client.configuration
    configuration.debug = True
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    configuration.logger_file = str(first)
    configuration.logger_format = "early %(message)s"
    OrderStatusApi(client).order_status(EVENT)
    configuration.logger_format = "late %(message)s"
    OrderStatusApi(client).order_status(EVENT)
    configuration.logger_file = second
    OrderStatusApi(client).order_status(EVENT)
    configuration.logger_file = None
    OrderStatusApi(client).order_status(EVENT)
    assert configuration.logger_file is None
    assert [line.split()[:2] for line in first.read_text().splitlines()] == [["early", "POST"], ["late", "POST"]]
    assert [line.split()[:2] for line in second.read_text().splitlines()] == [["late", "POST"]]


def test_a_copy_does_not_write_each_record_twice(tmp_path: Path, client: ApiClient) -> None:
    path = tmp_path / "client.log"
    client.configuration.debug = True
    client.configuration.logger_file = path
    twin = copy.copy(client.configuration)
    OrderStatusApi(client).order_status(EVENT)
    assert twin.logger_file == str(path)
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize(("value", "kind"), [(5, TypeError), ("%(message", ValueError), ("no field", ValueError)])
@pytest.mark.parametrize("with_file", [True, False])
def test_a_format_that_cant_be_right_is_refused(
    tmp_path: Path, value: Any, kind: type[Exception], with_file: bool
) -> None:
    configuration = Configuration()
    if with_file:
        configuration.logger_file = tmp_path / "client.log"
    with pytest.raises((ApiTypeError, ApiValueError)) as caught:
        configuration.logger_format = value
    assert isinstance(caught.value, kind)


def test_a_log_file_that_is_no_path_is_refused() -> None:
    with pytest.raises(ApiTypeError, match="logger_file: expected text"):
        Configuration().logger_file = 5  # type: ignore[assignment]  # that is the point


def test_hooks_see_each_attempt(sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]) -> None:
    seen: list[tuple[str, Attempt]] = []
    client = make_sandbox_client(
        on_request=lambda attempt: seen.append(("request", attempt)),
        on_response=lambda attempt: seen.append(("response", attempt)),
        on_retry=lambda attempt: seen.append(("retry", attempt)),
    )
    sandbox.fail(503, headers={"Retry-After": "0"})
    OrderStatusApi(client).order_status(EVENT)
    assert [(kind, a.number, a.status) for kind, a in seen] == [
        ("request", 1, None),
        ("response", 1, 503),
        ("retry", 1, 503),
        ("request", 2, None),
        ("response", 2, 200),
    ]
    retry, last = seen[2][1], seen[4][1]
    assert {(a.method, a.path) for _, a in seen} == {("POST", "/v1/order_status")}
    assert isinstance(retry.error, ServiceException)
    assert retry.wait == 0
    assert last.error is None
    assert last.seconds > 0


def test_what_a_hook_raises_is_logged_and_breaks_no_call(
    make_sandbox_client: Callable[..., ApiClient], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(attempt: Attempt) -> None:
        raise RuntimeError("the hook is broken")

    client = make_sandbox_client(on_request=broken, on_response=broken)
    assert OrderStatusApi(client).order_status(EVENT).message
    assert caplog.text.count("RuntimeError: the hook is broken") == 2


def test_an_attempt_can_be_pickled() -> None:
    attempt = Attempt("POST", "/v1/order_status", 1, status=503, error=ServiceException(503, "busy"), wait=0.5)
    twin = pickle.loads(pickle.dumps(attempt))
    assert (twin.number, twin.wait, str(twin.error)) == (1, 0.5, str(attempt.error))


def test_a_log_file_that_cant_be_written_is_refused_when_it_is_set(tmp_path: Path) -> None:
    with pytest.raises(ApiValueError, match=r"^logger_file: can't be written \(No such file or directory\)"):
        Configuration().logger_file = tmp_path / "nowhere" / "x.log"
