"""The family of errors: which class has which base, what each says, and that each can be pickled."""

import copy
import logging
import pickle
import re
from typing import Any, NamedTuple

import pytest
import urllib3

import thirdwatch_api
from thirdwatch_api import CreateOrder, CreateOrderApi, ErrorResponse, OrderStatus, OrderStatusApi, exceptions, rest
from thirdwatch_api._redaction import Redactor
from thirdwatch_api.api_client import ApiClient
from thirdwatch_api.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ConflictException,
    ConnectionException,
    ForbiddenException,
    InvalidResponseException,
    NotFoundException,
    OutboxCorruptException,
    OutboxException,
    OutboxFullException,
    RedirectException,
    ScoreNotReadyException,
    ServiceException,
    TimeoutException,
    TLSException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
    class_for_status,
    make_error,
)
from thirdwatch_api.sandbox import Sandbox

from . import servers
from .servers import Clock, FaultServer, closed_port, make_client, record_waits

EVENT = OrderStatus(user_id="u-42")
MISUSE = (ApiTypeError, ApiValueError)
BY_STATUS = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ConflictException,
    422: UnprocessableEntityException,
    429: TooManyRequestsException,
    500: ServiceException,
    501: ServiceException,
    503: ServiceException,
    599: ServiceException,
    402: ApiException,
    418: ApiException,
}
EVERY = [getattr(exceptions, name) for name in exceptions.__all__]
each_class = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)


class StubResponse(NamedTuple):
    """A response, as far as ApiException looks at it."""

    status: int
    reason: str
    data: bytes | str | None
    headers: Any


RESPONSE = StubResponse(
    409, "Conflict", b'{"error": "caf\xc3\xa9"}\xff', urllib3.HTTPHeaderDict({"Content-Type": "text/plain"})
)


def filled(kind: type[ApiException]) -> ApiException:
    """An error with everything that can be in one."""
    if issubclass(kind, MISUSE):
        return kind("user_id: is required", ("user_id: is required",))
    error = kind(http_resp=RESPONSE)
    error.explain(ErrorResponse("closed", additional_properties={"code": 7}), "closed")
    error.attempts, error.retry_after, error.request_id = 3, 1.5, "r-1"
    return error


@each_class
def test_each_error_is_an_api_exception_and_an_exception(kind: type[ApiException]) -> None:
    assert issubclass(kind, ApiException)
    assert getattr(thirdwatch_api, kind.__name__) is kind
    assert kind.__doc__


def test_the_old_import_is_the_same_class() -> None:
    assert rest.ApiException is ApiException is thirdwatch_api.ApiException


def test_the_tree_is_the_one_that_the_module_draws() -> None:
    assert exceptions.__doc__
    for kind in EVERY:
        assert kind.__name__ in exceptions.__doc__
    assert issubclass(ApiTypeError, TypeError)
    assert issubclass(ApiValueError, ValueError)
    assert issubclass(TimeoutException, ConnectionException)
    assert issubclass(TLSException, ConnectionException)
    assert issubclass(OutboxCorruptException, OutboxException)
    assert issubclass(OutboxFullException, OutboxException)
    assert issubclass(ScoreNotReadyException, InvalidResponseException)
    below = {TimeoutException, TLSException, OutboxCorruptException, OutboxFullException, ScoreNotReadyException}
    direct = set(EVERY) - below - {ApiException}
    assert {kind.__mro__[1] for kind in direct - {*MISUSE}} == {ApiException}


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_each_status_has_its_class(sandbox: Sandbox, client: ApiClient, status: int, kind: type[ApiException]) -> None:
    sandbox.fail(status, body={"error": "because"})
    with pytest.raises(ApiException) as caught:
        OrderStatusApi(client).order_status(EVENT, _retries=0)
    error = caught.value
    assert type(error) is kind is class_for_status(status)
    assert (error.status, error.attempts) == (status, 1)
    assert error.body == '{"error": "because"}'
    assert error.headers
    assert error.headers["CONTENT-TYPE"] == "application/json"
    assert error.error_response == ErrorResponse("because")
    assert str(error).startswith(f"({status})")
    assert "because" in str(error)


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_the_text_of_an_error_with_a_status_says_what_to_do(status: int, kind: type[ApiException]) -> None:
    text = str(kind(status, "Reason"))
    assert text.startswith(f"({status}) Reason. ")
    assert text.endswith(".")
    assert len(text) < 200


@pytest.mark.parametrize("kind", [ConnectionException, TimeoutException, TLSException, InvalidResponseException])
def test_the_text_of_an_error_without_a_response_says_what_to_do(kind: type[ApiException]) -> None:
    text = str(kind(0, "no response"))
    assert text == f"no response. {kind.hint}"
    assert "configuration.host" in text or "configuration.timeout" in text
    assert len(text) < 200


def test_the_text_of_an_error_is_short_however_much_the_service_says() -> None:
    error = BadRequestException(400, "Bad Request")
    error.explain(ErrorResponse(), "word " * 5000)
    assert len(str(error)) < 400


def test_the_text_of_an_error_is_short_however_long_the_reason_phrase_is() -> None:
    assert len(str(BadRequestException(400, "r" * 5000))) < 400


def test_a_redirect_says_what_to_do(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(307, headers={"Location": "https://ann:secret@other.example/event?key=secret"})
    with pytest.raises(RedirectException) as caught:
        OrderStatusApi(client).order_status(EVENT)
    assert "https://other.example/event" in str(caught.value)
    assert "set configuration.host to its final address" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ApiException(), "the call failed"),
        (ApiException(0, "no response"), "no response"),
        (ApiException(418), "(418)"),
        (ApiException(418, "Teapot"), "(418) Teapot"),
        (ApiException(reason="why"), "why"),
        (ApiValueError("price: is no number"), "price: is no number"),
        (BadRequestException(400, "Bad."), "(400) Bad. Correct the event before sending it again."),
    ],
)
def test_the_text_holds_what_is_known(error: ApiException, text: str) -> None:
    assert str(error).startswith(text)


def test_the_text_names_the_number_of_attempts_when_there_were_several() -> None:
    error = ServiceException(503, "Busy")
    error.attempts = 1
    assert "attempt" not in str(error)
    error.attempts = 4
    assert str(error) == "(503) Busy (after 4 attempts). The service failed; send the event again later."


def test_what_the_service_said_is_one_line_without_addresses() -> None:
    error = BadRequestException(400, "Bad Request")
    said = ErrorResponse("line one\n  line two\tann@shop.example")
    assert "line one line two ***" in str(make_error(BadRequestException, 400, "", Redactor(), error_response=said))
    error.explain(ErrorResponse("x"), "y" * 201)
    assert f": {'y' * 200}..." in str(error)
    error.explain(ErrorResponse("x"), "y" * 200)
    assert "..." not in str(error)


def test_the_text_holds_nothing_that_a_terminal_obeys_or_that_no_file_takes() -> None:
    error = ApiException(400, "Bad\x1b[2J")
    error.explain(ErrorResponse(), "no\u202e \ud800")
    assert str(error) == "(400) Bad?[2J: no? ?. The response is in error.body."


@pytest.mark.parametrize(
    ("data", "body"),
    [(b"caf\xc3\xa9", "café"), (b"\xff", "\ufffd"), ("text", "text"), (None, None), (b"", "")],
)
def test_a_response_is_kept_as_text(data: Any, body: str | None) -> None:
    error = ApiException(http_resp=RESPONSE._replace(data=data))
    assert (error.status, error.reason, error.body) == (409, "Conflict", body)
    assert error.headers is RESPONSE.headers


class Watched(bytes):
    """Write down how many bytes are decoded at once."""

    longest = 0

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        Watched.longest = max(Watched.longest, len(self))
        return bytes(self).decode(encoding, errors)


@pytest.mark.parametrize("unit", [b"\xff", "é€😀".encode(), b"\xf0\x9f\x98", b"word "])
def test_a_long_body_is_decoded_piece_by_piece(unit: bytes) -> None:
    body = b"x" + unit * (300_000 // len(unit)) + b"\xe2\x82"
    for error in (
        ApiException(http_resp=RESPONSE._replace(data=Watched(body))),
        make_error(ApiException, 400, None, Redactor(), body=Watched(body)),
    ):
        assert error.body == body.decode("utf-8", "replace")
    assert Watched.longest <= 64 * 1024


def test_every_error_has_all_attributes() -> None:
    for error in (ApiException(), ApiException(500, "x"), ApiTypeError("x"), ApiValueError("x"), TimeoutException()):
        assert (error.body, error.headers, error.error_response) == (None, None, None)
        assert (error.attempts, error.retry_after, error.request_id) == (0, None, None)
    assert ApiTypeError("x").status is ApiValueError("x").status is None
    assert ApiValueError("x").problems == ()
    assert ApiValueError("x").reason == "x"


@each_class
def test_each_error_can_be_pickled_and_copied(kind: type[ApiException]) -> None:
    error = filled(kind)
    twins: list[ApiException] = [
        *(pickle.loads(pickle.dumps(error, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy(error),
        copy.deepcopy(error),
    ]
    for twin in twins:
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert repr(twin) == repr(error)
        assert twin.args == error.args
        assert twin.__dict__ == error.__dict__


def test_an_error_of_a_real_call_can_be_pickled(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(429, headers={"Retry-After": "7"}, body={"error": "slow down"})
    with pytest.raises(TooManyRequestsException) as caught:
        OrderStatusApi(client).order_status(EVENT, _retries=0)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (twin.retry_after, twin.error_response, twin.headers["retry-after"]) == (7, ErrorResponse("slow down"), "7")
    assert str(twin) == str(caught.value)


def test_the_repr_of_misuse_shows_each_problem_once() -> None:
    with pytest.raises(ApiValueError) as caught:
        OrderStatusApi(ApiClient(host="https://nowhere.invalid")).order_status({"_userIdd": "u"})
    error = caught.value
    assert len(error.problems) == 2
    assert [repr(error).count(problem) for problem in error.problems] == [1, 1]


@pytest.mark.parametrize(
    ("step", "kind", "cause"),
    [
        (servers.respond(200, b"<html>"), InvalidResponseException, "not a JSON object"),
        (servers.respond(302, b"", {"Location": "https://other.example/"}), RedirectException, "other.example"),
    ],
)
def test_the_repr_of_an_error_shows_its_cause(step: servers.Step, kind: type[ApiException], cause: str) -> None:
    with FaultServer(step) as server, make_client(server.url) as client:
        with pytest.raises(kind) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert cause in repr(caught.value)
    assert cause in caught.value.args[1]


def test_a_json_error_without_a_message_says_its_reason() -> None:
    with FaultServer(servers.respond(400, b'{"code": 7}')) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert str(caught.value) == "(400) Reason. Correct the event before sending it again."
    assert caught.value.error_response == ErrorResponse(additional_properties={"code": 7})


def test_a_wait_that_was_asked_for_is_named_and_why_there_was_none() -> None:
    with FaultServer(servers.respond(503, b"", {"Retry-After": "120"})) as server:
        with make_client(server.url, deadline=5) as client:
            with pytest.raises(ServiceException) as caught:
                OrderStatusApi(client).order_status(EVENT)
    asked = r"\(503\) Reason\. The service asked to wait 120 s; the deadline of the call is [\d.]+ s away\. The service"
    assert re.match(asked, str(caught.value))
    with FaultServer(servers.respond(429, b"", {"Retry-After": "1"})) as server, make_client(server.url) as client:
        with pytest.raises(TooManyRequestsException, match=r"\. The service asked to wait 1 s\. Send more slowly"):
            OrderStatusApi(client).order_status(EVENT, _retries=0)


IDS = {
    "X-Request-Id": "r-1",
    "X-Amzn-RequestId": "r-2",
    "X-Amz-Request-Id": "r-3",
    "X-Correlation-Id": "r-4",
    "CF-Ray": "r-5",
    "X-Amz-Cf-Id": "r-6",
}


@pytest.mark.parametrize("first", range(len(IDS)))
def test_an_error_names_the_request_as_the_service_does(first: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="thirdwatch_api")
    headers = dict(reversed(list(IDS.items())[first:]))
    with FaultServer(servers.respond(503, b"", headers)) as server, make_client(server.url) as client:
        record_waits(client)
        with pytest.raises(ServiceException) as caught:
            OrderStatusApi(client).order_status(EVENT, _retries=1)
    named = f"r-{first + 1}"
    assert caught.value.request_id == named
    assert str(caught.value).startswith(f"(503) Reason (after 2 attempts, request id {named}). ")
    assert [record.getMessage().endswith(f" request id {named}") for record in caplog.records] == [True, True]


def test_the_name_of_a_request_forges_no_line_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="thirdwatch_api")
    response = servers.raw(servers.head(400, {"Content-Length": "0", "X-Request-Id": "a\x85b\x0bFORGED\x1b[31m"}))
    with FaultServer(response) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.request_id == "a?b?FORGED?[31m"
    messages = [record.getMessage() for record in caplog.records]
    assert [message.endswith(" request id a?b?FORGED?[31m") for message in messages] == [True]


def test_a_response_that_is_no_json_names_the_request_too() -> None:
    step = servers.respond(200, b"<html>", {"X-Request-Id": "r" * 5000})
    with FaultServer(step) as server, make_client(server.url) as client:
        with pytest.raises(InvalidResponseException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.request_id == "r" * 200 + "..."
    assert len(str(caught.value)) < 600


def test_an_error_without_such_a_header_has_no_request_id() -> None:
    with FaultServer(servers.respond(400, b"")) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.request_id is None
    assert "request id" not in str(caught.value)


def test_the_cause_of_a_failure_is_what_urllib3_raised() -> None:
    with make_client(f"http://127.0.0.1:{closed_port()}", retries=0) as client:
        with pytest.raises(ConnectionException) as refused:
            OrderStatusApi(client).order_status(EVENT)
    assert isinstance(refused.value.__cause__, urllib3.exceptions.NewConnectionError)
    with FaultServer(servers.cut) as server, make_client(server.url) as client:
        record_waits(client)
        with pytest.raises(ConnectionException) as cut:
            OrderStatusApi(client).order_status(EVENT)
    assert isinstance(cut.value.__cause__, urllib3.exceptions.ProtocolError)
    with FaultServer(servers.respond(503, b"")) as server, make_client(server.url) as client:
        with pytest.raises(ServiceException) as served:
            OrderStatusApi(client).order_status(EVENT, _retries=0)
    assert served.value.__cause__ is served.value.__context__ is None


def test_a_call_whose_machine_slept_too_long_has_the_cause_of_the_last_attempt(clock: Clock) -> None:
    with FaultServer(servers.cut) as server, make_client(server.url, deadline=60) as client:
        client.rest_client.sleep = lambda wait: clock.advance(61)
        with pytest.raises(ConnectionException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.attempts == 1
    assert isinstance(caught.value.__cause__, urllib3.exceptions.ProtocolError)


def test_the_words_of_our_own_are_not_masked_though_the_event_holds_them() -> None:
    port = closed_port()
    event = CreateOrder(user_id="u-42", order_id="o-1", device_ip="127.0.0.1", session_id="refused")
    with make_client(f"http://127.0.0.1:{port}", retries=0) as client:
        with pytest.raises(
            ConnectionException, match=rf"^no connection to http://127\.0\.0\.1:{port}: connection refused"
        ):
            CreateOrderApi(client).create_order(event)
    with FaultServer(servers.respond(200, b"not JSON"), servers.respond(302, b"", {"Location": "/refused"})) as server:
        with make_client(server.url) as client:
            for why in (
                r"not a JSON object \(application/json, 8 bytes\)",
                r"refused to follow a redirect to /\*\*\*\.",
            ):
                with pytest.raises(ApiException, match=why):
                    CreateOrderApi(client).create_order(event)


def test_a_host_that_is_dead_is_an_api_exception_with_status_0(client: ApiClient) -> None:
    with Sandbox() as gone:
        client.configuration.host = gone.host
    with pytest.raises(ConnectionException) as caught:
        OrderStatusApi(client).order_status(EVENT, _retries=0)
    assert (caught.value.status, caught.value.body, caught.value.headers) == (0, None, None)
    assert "no connection to http://127.0.0.1" in str(caught.value)


def test_a_host_that_is_unknown_is_an_api_exception_with_status_0(client: ApiClient) -> None:
    client.configuration.host = "https://nowhere.invalid/event"
    with pytest.raises(
        ConnectionException, match=r"no such host: the name of https://nowhere\.invalid can't be"
    ) as caught:
        OrderStatusApi(client).order_status(EVENT, _retries=0)
    assert caught.value.status == 0
