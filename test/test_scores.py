"""Scores, decisions and the registration of postbacks, against the sandbox."""

import http.client
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, get_type_hints
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import thirdwatch_api
from thirdwatch_api import (
    RISK_THRESHOLD,
    ApiClient,
    ApiException,
    ApiTypeError,
    ApiValueError,
    Attempt,
    ClientAction,
    ClientActionApi,
    CreateOrder,
    CreateOrderApi,
    EventResponse,
    InvalidResponseException,
    PostbackApi,
    PostbackUrls,
    Reason,
    ScoreApi,
    ScoreNotReadyException,
    ScoreResponse,
    TimeoutException,
    Transaction,
    TransactionApi,
    UnauthorizedException,
)
from thirdwatch_api.sandbox import Sandbox

from .servers import Clock

CANARY = "CaNaRy/8f3+k=7 Zz"
SPELLINGS = {CANARY, quote(CANARY), quote_plus(CANARY), CANARY.replace("/", r"\/"), CANARY.replace(" ", "+")}

SCORED = {
    "order_id": "OCT45671",
    "user_id": "ajay_245",
    "order_timestamp": "2017-05-09T09:40:45.717Z",
    "score": 82,
    "flag": "red",
    "reasons": [
        {"name": "_accountAge", "display_name": "Account age", "flag": "red", "value": "11", "is_display": True},
    ],
}

CALLS: dict[str, Callable[[ApiClient], Any]] = {
    "score": lambda client: ScoreApi(client).score_with_http_info("o-1001"),
    "client_action": lambda client: ClientActionApi(client).client_action_with_http_info(
        ClientAction("o-1001", action_type="approved")
    ),
    "register": lambda client: PostbackApi(client).register_with_http_info(PostbackUrls("https://shop.example/")),
}


def pay(client: ApiClient, order_id: str = "o-1001", amount: str = "8200", **order: Any) -> None:
    CreateOrderApi(client).create_order(CreateOrder(user_id="u-42", order_id=order_id, amount=amount, **order))
    paid = Transaction(user_id="u-42", order_id=order_id, amount=amount, transaction_status="_success")
    TransactionApi(client).transaction(paid)


def test_a_score_is_read_into_its_fields(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(200, body=SCORED)
    score = ScoreApi(client).score("OCT45671")
    assert score == ScoreResponse(
        "OCT45671",
        "ajay_245",
        datetime(2017, 5, 9, 9, 40, 45, 717000, tzinfo=timezone.utc),
        82,
        "red",
        [Reason("_accountAge", "Account age", "red", "11", True)],
    )
    assert score.order_timestamp is not None
    assert score.order_timestamp.utcoffset() == timedelta(0)
    assert (score.is_risky, score.additional_properties) == (True, {})
    assert "value=***" in repr(score)


def test_the_question_goes_to_the_root_of_the_host_with_the_key_in_the_query_alone(
    sandbox: Sandbox, client: ApiClient
) -> None:
    pay(client)
    data, status, headers = ScoreApi(client).score_with_http_info("o-1001")
    assert (data.score, status, headers["content-type"]) == (82, 200, "application/json")
    request = sandbox.requests[-1]
    assert (request.method, request.path, request.query) == ("GET", "/neo/v1/score", {"order_id": "o-1001"})
    assert (request.authorized, request.body) == (True, b"")


@pytest.mark.parametrize("host", ["", "/", "/event", "/a/b/event/"])
def test_the_path_of_the_host_does_not_matter(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], host: str
) -> None:
    root = sandbox.host.removesuffix("/event")
    pay(make_sandbox_client())
    assert ScoreApi(make_sandbox_client(host=root + host)).score("o-1001").is_risky


class OddText(str):
    """Text that can't be turned into text."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("foreign")


class WholeNumber:
    """A whole number as numpy has them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __index__(self) -> int:
        if self.error:
            raise self.error
        return 1001


class Named(str, Enum):
    ORDER = "o-1001"


ORDER_IDS: list[tuple[Any, str]] = [
    *((7, "7"), ('a b&c=d#e/ü"\\', 'a b&c=d#e/ü"\\'), (" ", " "), (0, "0"), (1.5, "1.5"), (Decimal("1E+3"), "1000")),
    *((UUID(int=5), str(UUID(int=5))), (WholeNumber(), "1001"), (OddText("o-1"), "o-1"), (Named.ORDER, "o-1001")),
]


@pytest.mark.parametrize(("order_id", "sent"), ORDER_IDS, ids=[sent for _, sent in ORDER_IDS])
def test_an_order_id_is_found_in_each_form_that_an_event_takes(
    sandbox: Sandbox, client: ApiClient, order_id: Any, sent: str
) -> None:
    sandbox.score(order_id, 7)
    pay(client, order_id)
    for order in (order_id, sent):
        assert ScoreApi(client).score(order).order_id == sent
        assert ScoreApi(client).wait(order).score == 7


def test_an_order_id_may_be_lazy_text(sandbox: Sandbox, client: ApiClient) -> None:
    lazy: Any = pytest.importorskip("django.utils.functional").SimpleLazyObject(lambda: "o-1001")
    sandbox.score(lazy, 7)
    pay(client)
    assert ScoreApi(client).score(lazy).score == 7


@pytest.mark.parametrize(("order_id", "sent"), ORDER_IDS, ids=[sent for _, sent in ORDER_IDS])
def test_an_order_id_arrives_as_it_is(sandbox: Sandbox, client: ApiClient, order_id: Any, sent: str) -> None:
    sandbox.fail(200, body=SCORED)
    ScoreApi(client).score(order_id)
    assert sandbox.requests[0].query == {"order_id": sent}


@pytest.mark.parametrize(
    ("order_id", "kind"),
    [
        *((None, ApiValueError), ("", ApiValueError), ("\ud800", ApiValueError), (10**5000, ApiValueError)),
        *(
            (True, ApiTypeError),
            (WholeNumber(RuntimeError()), ApiValueError),
            (b"o-1001", ApiTypeError),
            (["o"], ApiTypeError),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, (int, WholeNumber)) else repr(value)[:20],
)
def test_an_order_id_that_cant_be_one_is_refused_before_sending(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], order_id: Any, kind: type[Exception]
) -> None:
    for validation in (True, False):
        scores = ScoreApi(make_sandbox_client(client_side_validation=validation))
        for call in (scores.score, scores.score_with_http_info):
            with pytest.raises(kind, match=r"^order_id: "):
                call(order_id)
    assert sandbox.requests == []


def test_type_hints_can_be_read_at_run_time() -> None:
    for name, returned in (("score", ScoreResponse), ("score_with_http_info", thirdwatch_api.ApiResponse)):
        assert get_type_hints(getattr(ScoreApi, name))["return"] is returned


def test_an_unknown_option_of_a_score_call_is_a_type_error(client: ApiClient) -> None:
    with pytest.raises(TypeError, match="ScoreApi: unknown option timeout"):
        ScoreApi(client).score("o-1001", timeout=1)  # type: ignore[call-arg]  # that is the point


def test_a_score_can_be_asked_for_in_the_background(client: ApiClient) -> None:
    pay(client)
    seen: list[Any] = []
    handle: Any = ScoreApi(client).score("o-1001", callback=seen.append)
    assert handle.result(5) is seen[0]
    assert seen[0].is_risky
    failing: Any = ScoreApi(client).score("o-none", callback=seen.append)
    assert isinstance(failing.exception(5), InvalidResponseException)
    assert len(seen) == 1


def test_api_objects_without_a_client_use_the_global_configuration(global_configuration: Any) -> None:
    pay(thirdwatch_api.OrderStatusApi().api_client)
    assert ScoreApi().score("o-1001").score == 82


@pytest.mark.parametrize(
    "body",
    [
        {"msg": "No such order"},
        {},
        {"score": None},
        {"score": True},
        {"score": "high"},
        {"score": ""},
        {"score": [82]},
        {"order_id": "o-1001", "flag": "red"},
    ],
    ids=str,
)
def test_a_response_without_a_score_is_an_error_that_says_what_to_do(
    sandbox: Sandbox, client: ApiClient, body: Any
) -> None:
    sandbox.fail(200, body=body)
    with pytest.raises(ScoreNotReadyException) as caught:
        ScoreApi(client).score("o-1001")
    error = caught.value
    assert isinstance(error, InvalidResponseException)
    assert error.reason == "the response has no score"
    assert "create_order" in str(error)
    assert (error.status, error.attempts) == (200, 1)
    assert "configuration.host" not in str(error)


def test_an_unknown_order_is_an_error_with_what_the_service_said(client: ApiClient) -> None:
    with pytest.raises(ScoreNotReadyException) as caught:
        ScoreApi(client).score_with_http_info("o-none")
    assert "(200) the response has no score: there is no such order" in str(caught.value)
    assert caught.value.error_response
    assert caught.value.error_response.message == "there is no such order, or no successful transaction yet"
    assert caught.value.body
    assert "msg" in caught.value.body


class RecordedSleep:
    """A sleep that takes no time, and does something after a number of waits."""

    def __init__(self, client: ApiClient, *then: tuple[int, Callable[[], object]]) -> None:
        self.waits: list[float] = []
        self._then = dict(then)
        client.rest_client.sleep = self

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._then.get(len(self.waits), int)()


def test_waiting_for_a_score_asks_until_there_is_one(sandbox: Sandbox, client: ApiClient) -> None:
    sleep = RecordedSleep(client, (7, lambda: pay(client)))
    score = ScoreApi(client).wait("o-1001", _headers={"X-Trace": "1"})
    assert isinstance(score, ScoreResponse)
    assert score.score == 82
    for wait, wanted in zip(sleep.waits, [0.5, 1, 2, 4, 5, 5, 5], strict=True):
        assert 0.79 * wanted < wait < 1.21 * wanted
    assert len(set(sleep.waits)) == 7, "each is random, so that clients spread out"
    asked = [request for request in sandbox.requests if request.method == "GET"]
    assert [request.query for request in asked] == [{"order_id": "o-1001"}] * 8
    assert {request.headers["X-Trace"] for request in asked} == {"1"}
    assert ScoreApi(client).wait("o-1001").score == 82
    assert len(sleep.waits) == 7


def test_waiting_for_a_score_respects_what_the_service_asks_for(sandbox: Sandbox, client: ApiClient) -> None:
    for seconds in ("7", "0", "soon"):
        sandbox.fail(200, body={"msg": "not yet"}, headers={"Retry-After": seconds})
    sleep = RecordedSleep(client, (3, lambda: pay(client)))
    assert ScoreApi(client).wait("o-1001").score == 82
    first, second, third = sleep.waits
    assert (first, second) == (7, 0.5)
    assert 1.59 < third < 2.41


@pytest.mark.parametrize("seconds", ["7", None])
def test_waiting_for_a_score_ends_with_the_last_error_at_the_deadline(
    sandbox: Sandbox, client: ApiClient, clock: Clock, seconds: str | None
) -> None:
    headers = {"Retry-After": seconds} if seconds else None
    sandbox.fail(200, body={"msg": "not yet"}, headers=headers, times=99)
    waits: list[float] = []

    def sleep(wait: float) -> None:
        waits.append(wait)
        clock.advance(wait)

    client.rest_client.sleep = sleep
    with pytest.raises(ScoreNotReadyException, match="not yet") as caught:
        ScoreApi(client).wait("o-1001", deadline=6)
    assert caught.value.retry_after == (7 if seconds else None)
    assert len(waits) == (0 if seconds else len(sandbox.requests) - 1)
    assert sum(waits) < 6


def test_the_last_question_ends_at_the_deadline_with_the_error_before_it(
    sandbox: Sandbox, client: ApiClient, clock: Clock
) -> None:
    sandbox.fail(200, body={"msg": "not yet"})
    sandbox.fail(200, body={"msg": "too late"}, delay=9, times=9)
    RecordedSleep(client, (1, lambda: clock.advance(59.7)))
    with pytest.raises(ScoreNotReadyException, match="not yet"):
        ScoreApi(client).wait("o-1001", deadline=60)


def test_a_wait_that_the_machine_sleeps_through_ends_with_the_last_error(
    sandbox: Sandbox, client: ApiClient, clock: Clock
) -> None:
    RecordedSleep(client, (1, lambda: clock.advance(60)))
    with pytest.raises(ScoreNotReadyException):
        ScoreApi(client).wait("o-1001", deadline=60)
    assert len(sandbox.requests) == 1


def test_any_other_error_ends_a_wait_at_once(sandbox: Sandbox, client: ApiClient) -> None:
    sleep = RecordedSleep(client)
    sandbox.fail(401)
    with pytest.raises(UnauthorizedException):
        ScoreApi(client).wait("o-1001")
    sandbox.fail(200, body="<html>")
    with pytest.raises(InvalidResponseException, match="not a JSON object") as caught:
        ScoreApi(client).wait("o-1001")
    assert type(caught.value) is InvalidResponseException
    sandbox.fail(200, delay=9)
    with pytest.raises(TimeoutException):
        ScoreApi(client).wait("o-1001", deadline=0.2)
    sandbox.clear()
    sandbox.fail(200, delay=9)
    with pytest.raises(TimeoutException):
        ScoreApi(client).wait("o-1001", _deadline=0.2)
    assert sleep.waits == []


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"order_id": None}, ApiValueError, "order_id: is missing"),
        ({"deadline": 0}, ApiValueError, "deadline: seconds must be more than 0"),
        ({"deadline": None}, ApiTypeError, "deadline: expected seconds as a number"),
        ({"callback": print}, ApiTypeError, "ScoreApi.wait: takes no callback"),
        ({"_preload_content": False}, ApiTypeError, "ScoreApi.wait: takes no _preload_content"),
        ({"_dead_line": 5}, ApiTypeError, "ScoreApi: unknown option _dead_line"),
        ({"_deadline": "5"}, ApiTypeError, "_deadline: expected seconds as a number"),
    ],
    ids=str,
)
def test_a_wait_that_cant_be_right_is_refused_before_it_begins(
    sandbox: Sandbox, client: ApiClient, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    given_: dict[str, Any] = {"order_id": "o-1001", **arguments}
    with pytest.raises(kind, match=f"^{message}"):
        ScoreApi(client).wait(**given_)
    assert sandbox.requests == []


@pytest.mark.parametrize("body", ["", "null", "[82]", "82", "<html>"])
def test_a_response_that_is_no_object_is_an_error(sandbox: Sandbox, client: ApiClient, body: str) -> None:
    sandbox.fail(200, body=body)
    with pytest.raises(InvalidResponseException, match="not a JSON object"):
        ScoreApi(client).score("o-1001")


@pytest.mark.parametrize(
    ("score", "read", "risky"),
    [(82, 82, True), (70, 70, False), (71, 71, True), (70.5, 70.5, True), ("82", 82, True), ("-1.5", -1.5, False)],
)
def test_risky_is_above_the_threshold(score: Any, read: Any, risky: bool) -> None:
    response = ScoreResponse.from_dict({"score": score})
    assert (response.score, response.is_risky) == (read, risky)
    assert type(response.score) is type(read)
    assert RISK_THRESHOLD == 70


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        ("2017-05-09T09:40:45", datetime(2017, 5, 9, 9, 40, 45, tzinfo=timezone.utc)),
        ("2017-05-09T15:10:45+05:30", datetime(2017, 5, 9, 9, 40, 45, tzinfo=timezone.utc)),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
        (1494322845717, None),
        (["2017"], None),
    ],
    ids=str,
)
def test_a_time_is_aware_and_in_utc_or_kept_as_it_came(given_: Any, read: datetime | None) -> None:
    response = ScoreResponse.from_dict({"order_timestamp": given_})
    assert response.order_timestamp == read
    assert response.additional_properties == ({} if read else {"order_timestamp": given_})
    assert read is None or (response.order_timestamp and response.order_timestamp.tzinfo is timezone.utc)


def test_what_is_odd_or_unknown_is_kept_beside_the_fields() -> None:
    odd = {
        "score": "high",
        "flag": "purple",
        "reasons": [{"name": "_new", "weight": 3, "is_display": "yes"}, 7],
        "x": 1,
    }
    response = ScoreResponse.from_dict(odd)
    assert (response.score, response.is_risky, response.flag) == (None, None, "purple")
    assert response.reasons == [
        Reason("_new", additional_properties={"weight": 3, "is_display": "yes"}),
    ]
    assert response.additional_properties == {"score": "high", "reasons": odd["reasons"], "x": 1}
    assert ScoreResponse.from_dict({"reasons": "none"}).reasons == []
    assert ScoreResponse.from_dict({"user_id": 5, "order_id": 7}) == ScoreResponse("7", "5")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(["82", "red"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SCORED, "name", "value"]), inner),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from([*SCORED, "x"]), JSON))
def test_no_response_makes_a_score_response_crash(given: dict[str, Any]) -> None:
    response = ScoreResponse.from_dict(given)
    assert response.is_risky in (True, False, None)
    assert all(isinstance(reason, Reason) for reason in response.reasons)
    assert repr(response)
    assert response.to_str()
    assert response.order_timestamp is None or response.order_timestamp.tzinfo is not None


def test_a_response_nested_too_deep_for_the_encoder_is_kept_as_it_is() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    message = EventResponse.from_dict({"message": deep})
    assert message.message is None
    assert message.additional_properties["message"] is deep
    while deep:
        deep = deep.pop()


def test_a_decision_travels_with_the_key_in_its_body_alone(sandbox: Sandbox, client: ApiClient) -> None:
    at = datetime(2017, 5, 9, 9, 40, 45, 717000, tzinfo=timezone.utc)
    decision = ClientAction("o-1001", at, "approved", "called a@b.example")
    assert ClientActionApi(client).client_action(decision).message == "ClientAction received"
    assert sandbox.decisions == [ClientAction("o-1001", "1494322845717", "approved", "called a@b.example")]
    request = sandbox.requests[0]
    assert (request.method, request.path, request.authorized) == ("POST", "/neo/v1/clientaction", True)
    assert json.loads(request.body).keys() == {"order_id", "order_timestamp", "action_type", "message"}
    assert sandbox.events == []
    assert "a@b.example" not in repr(decision)


def test_urls_are_registered(sandbox: Sandbox, client: ApiClient) -> None:
    urls = PostbackUrls("https://a.example/s", "https://a.example/a", "https://a.example/d", "https://a.example/e")
    assert PostbackApi(client).register(urls).message == "PostbackUrls received"
    (request,) = sandbox.requests
    assert request.path == "/neo/v1/addpostbackurl/"
    assert json.loads(request.body) == urls.to_dict()
    assert PostbackApi(client).register({"url": "https://a.example/e"}).message
    assert request.event == urls


def test_a_dict_is_not_changed_and_may_not_bring_its_own_secret(sandbox: Sandbox, client: ApiClient) -> None:
    given_ = {"order_id": "o-1001", "action_type": "declined"}
    ClientActionApi(client).client_action(given_)
    assert given_ == {"order_id": "o-1001", "action_type": "declined"}
    with pytest.raises(ApiValueError, match=r"ClientAction\.secret: unknown key"):
        ClientActionApi(client).client_action({**given_, "secret": "other"})


def test_a_decision_is_checked_as_an_event_is(sandbox: Sandbox, client: ApiClient) -> None:
    with pytest.raises(ApiValueError) as caught:
        ClientActionApi(client).client_action(ClientAction(order_timestamp="1494322845"))
    assert len(caught.value.problems) == 3
    with pytest.raises(ApiValueError, match="pass PostbackUrls"):
        PostbackApi(client).register(None)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError, match="unknown option"):
        PostbackApi(client).register({}, timeout=1)  # type: ignore[call-arg]  # that is the point
    assert sandbox.requests == []


@pytest.mark.parametrize("call", ["client_action", "register"])
@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, "", None),
        (204, None, None),
        (200, "OK\n", "OK"),
        (201, "[]", "[]"),
        (200, "<html>fine</html>", "<html>fine</html>"),
        (200, b"\xff", "\ufffd"),
        (202, {"msg": "taken"}, "taken"),
        (200, {"status": "success"}, "success"),
        (200, {"other": 1}, None),
    ],
)
def test_any_2xx_is_a_success(
    sandbox: Sandbox, client: ApiClient, call: str, status: int, body: Any, message: str | None
) -> None:
    sandbox.fail(status, body=body)
    response = CALLS[call](client)
    assert (response.status, response.data.message) == (status, message)
    assert type(response.data) is EventResponse


def test_a_success_may_even_be_too_large_or_not_decodable(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]
) -> None:
    client = make_sandbox_client(max_response_size=100, retries=0)
    sandbox.fail(200, body="x" * 101)
    sandbox.fail(200, body="x", headers={"Content-Encoding": "gzip"})
    for _ in range(2):
        response = CALLS["register"](client)
        assert (response.status, response.data) == (200, EventResponse())
    sandbox.fail(200, body="x" * 101)
    with pytest.raises(InvalidResponseException, match="max_response_size"):
        CALLS["score"](client)


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_is_an_error(make_sandbox_client: Callable[..., ApiClient], call: str) -> None:
    with pytest.raises(UnauthorizedException):
        CALLS[call](make_sandbox_client(api_key="wrong-key"))


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_key_is_an_error_before_sending(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], call: str
) -> None:
    with pytest.raises(ApiValueError, match="no API key"):
        CALLS[call](make_sandbox_client(api_key=None))
    assert sandbox.requests == []


@pytest.mark.parametrize("call", CALLS)
def test_a_raw_response_can_be_had(client: ApiClient, call: str) -> None:
    apis: Any = {
        "score": lambda: ScoreApi(client).score("o", _preload_content=False),
        "client_action": lambda: ClientActionApi(client).client_action(
            ClientAction("o", action_type="x"), _preload_content=False
        ),
        "register": lambda: PostbackApi(client).register_with_http_info({}, _preload_content=False).data,
    }
    raw = apis[call]()
    assert json.loads(raw.read())
    raw.release_conn()


@pytest.fixture
def everything(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Callable[[], str]:
    """Turn on all that could show a key, and return what was shown."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "thirdwatch_api"):
        caplog.set_level(logging.DEBUG, name)
    return lambda: "".join([*capfd.readouterr(), caplog.text, *(repr(vars(record)) for record in caplog.records)])


def show(error: BaseException) -> Iterator[str]:
    """Spell out an error, and whatever it came from."""
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None:
            continue
        yield from (str(each), repr(each), repr(each.args), repr(vars(each)), "".join(traceback.format_exception(each)))
        if isinstance(each, ApiException):
            yield repr(each.error_response and each.error_response.to_dict())
            yield repr(dict(each.headers or {}))
        pending += [each.__cause__, each.__context__]


ECHOES: dict[str, dict[str, Any]] = {
    "normal": {"status": None},
    "object": {"status": 200, "body": json.dumps({**SCORED, "message": CANARY, "x": {CANARY: [CANARY]}})},
    "php": {"status": 200, "body": json.dumps({"score": 1, "msg": CANARY}).replace("/", r"\/")},
    "no score": {"status": 200, "body": json.dumps({"msg": f"/neo/v1/score?api_key={quote_plus(CANARY)}"})},
    "text": {"status": 200, "body": f"key {CANARY}"},
    "refusal": {"status": 400, "body": json.dumps({"error": CANARY}).replace("/", r"\/")},
    "escaped": {"status": 400, "body": '{"error": "' + "".join(f"\\u{ord(c):04x}" for c in CANARY) + '"}'},
    "page": {"status": 404, "body": f"<a href='/neo/v1/score?api_key={quote_plus(CANARY)}'>{CANARY}</a>"},
    "redirect": {"status": 302, "headers": {"Location": f"https://b.example/?api_key={quote_plus(CANARY)}"}},
    "odd type": {"status": 200, "body": "x", "headers": {"Content-Type": CANARY}},
    "cut": {"status": None, "cut": True},
    "too large": {"status": 200, "body": CANARY * 1000},
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("echo", ECHOES)
def test_the_key_shows_nowhere(everything: Callable[[], str], call: str, echo: str) -> None:
    attempts: list[Attempt] = []
    hooks: Any = dict.fromkeys(("on_request", "on_response", "on_retry"), attempts.append)
    shown: list[str] = []
    with Sandbox(CANARY) as sandbox:
        configuration = sandbox.configuration(retries=1, max_response_size=10_000, **hooks)
        with ApiClient(configuration=configuration) as client:
            pay(client)
            script: dict[str, Any] = {"headers": {"X-Echo": CANARY}, **ECHOES[echo]}
            sandbox.fail(script.pop("status"), times=2, **script)
            try:
                response = CALLS[call](client)
            except ApiException as error:
                shown += show(error)
            else:
                shown += [repr(response), repr(response.data.to_dict()), repr(dict(response.headers))]
            shown += [repr(client), repr(configuration), configuration.to_debug_report(), repr(sandbox.requests)]
            shown += [repr(vars(request)) if hasattr(request, "__dict__") else "" for request in sandbox.requests]
            shown += [repr((r.headers.items(), r.query)) for r in sandbox.requests]
            assert any(request.path.startswith("/neo") for request in sandbox.requests)
    for attempt in attempts:
        shown += [repr(attempt), *(show(attempt.error) if attempt.error else ())]
    text = "".join(shown) + everything()
    assert "/neo/v1/" in text
    for spelling in SPELLINGS:
        assert spelling not in text


def test_the_key_travels_with_its_prefix(sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]) -> None:
    client = make_sandbox_client(api_key="key", api_key_prefix={"X-THIRDWATCH-API-KEY": "sandbox"})
    with pytest.raises(UnauthorizedException):  # "sandbox key"
        ScoreApi(client).score("o-1001")
