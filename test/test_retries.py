"""When a call is tried again, after which wait, and that this is the same for every method."""

from __future__ import annotations

import email.utils
import inspect
import time
from collections.abc import Callable
from typing import Any

import pytest
from urllib3.util import Retry

from thirdwatch_api import (
    ApiClient,
    ApiException,
    ApiTypeError,
    ApiValueError,
    ConnectionException,
    InvalidResponseException,
    OrderStatusApi,
    RedirectException,
    ServiceException,
    TimeoutException,
    TooManyRequestsException,
    apis,
)

from .ids import stable
from .servers import (
    EVENT,
    PATIENCE,
    FaultServer,
    Step,
    Stopwatch,
    closed_port,
    cut,
    eventually,
    in_time,
    make_client,
    record_waits,
    reset,
    respond,
    stall,
)

RETRIED = [408, 429, 502, 503, 504]
FINAL = [400, 401, 403, 404, 409, 413, 422, 500, 501]


def plain(client: ApiClient) -> object:
    return OrderStatusApi(client).order_status(EVENT)


def with_http_info(client: ApiClient) -> object:
    return OrderStatusApi(client).order_status_with_http_info(EVENT)


def in_background(client: ApiClient) -> object:
    handle: Any = OrderStatusApi(client).order_status(EVENT, callback=lambda result: None)
    return handle.result(5)


def unread(client: ApiClient) -> object:
    response: Any = OrderStatusApi(client).order_status(EVENT, _preload_content=False)
    assert response.json() == {"message": "taken"}
    return response


def call_api(client: ApiClient) -> object:
    return client.call_api("/v1/order_status", "POST", body=EVENT, auth_settings=["api_key"])


WAYS_IN = [plain, with_http_info, in_background, unread, call_api]


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("status", RETRIED)
def test_a_status_that_may_pass_is_tried_four_times_from_every_way_in(
    way_in: Callable[[ApiClient], object], status: int
) -> None:
    with FaultServer(respond(status)) as server, make_client(server.url) as client:
        waits = record_waits(client)
        with pytest.raises(ApiException) as caught:
            way_in(client)
        assert (caught.value.status, caught.value.attempts, len(server.requests), len(waits)) == (status, 4, 4, 3)


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("status", FINAL)
def test_a_status_that_stays_is_tried_once_from_every_way_in(
    way_in: Callable[[ApiClient], object], status: int
) -> None:
    with FaultServer(respond(status, headers={"Retry-After": "0"})) as server, make_client(server.url) as client:
        waits = record_waits(client)
        with pytest.raises(ApiException) as caught:
            way_in(client)
        assert (caught.value.status, caught.value.attempts, len(server.requests), waits) == (status, 1, 1, [])


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("step", [cut, reset, stall, respond(503)])
def test_a_fault_that_passes_is_a_success_from_every_way_in(way_in: Callable[[ApiClient], object], step: Step) -> None:
    timeout = 0.15 if step is stall else PATIENCE
    with FaultServer(step, respond()) as server, make_client(server.url, timeout=timeout, retries=20) as client:
        record_waits(client)
        way_in(client)
        # A busy machine may need longer than the time-out for the success as well.
        assert len(server.requests) == 2 or (step is stall and len(server.requests) > 2)


def _methods() -> list[Any]:
    """Find each method of each API class that takes one event."""
    found = []
    for name in apis.__all__:
        cls = getattr(apis, name)
        for method, function in inspect.getmembers(cls, inspect.isfunction):
            if list(inspect.signature(function).parameters)[1:2] in (["json"], ["body"]) and not method.startswith("_"):
                found.append(pytest.param(cls, method, id=f"{name}.{method}"))
    assert len(found) >= 40
    return found


@pytest.mark.parametrize(("cls", "method"), _methods())
def test_every_method_of_every_class_tries_again(cls: type[Any], method: str) -> None:
    steps = (respond(503), cut, respond())
    with FaultServer(*steps) as server, make_client(server.url, client_side_validation=False) as client:
        record_waits(client)
        getattr(cls(client), method)({"_userId": "u-42"})
        assert len({request.raw for request in server.requests}) == 1
        assert len(server.requests) == 3


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_the_number_of_retries_is_the_owners(retries: int) -> None:
    with FaultServer(respond(503)) as server, make_client(server.url, deadline=1000) as client:
        record_waits(client)
        client.configuration.retries = retries
        with pytest.raises(ServiceException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, len(server.requests)) == (retries + 1, retries + 1)


def test_the_number_of_retries_of_a_call_is_for_that_call_alone() -> None:
    with FaultServer(respond(503)) as server, make_client(server.url) as client:
        record_waits(client)
        for option, attempts in ({"_retries": 0}, 1), ({"_retries": 1}, 2), ({"_retries": None}, 4):
            options: Any = option
            with pytest.raises(ServiceException) as caught:
                OrderStatusApi(client).order_status(EVENT, **options)
            assert caught.value.attempts == attempts


@pytest.mark.parametrize("value", [-1, True, 1.5, "3"])
def test_what_is_no_number_of_retries_is_refused_by_name(value: object) -> None:
    wrong: Any = {"_retries": value}
    with FaultServer() as server, make_client(server.url) as client:
        with pytest.raises((ApiTypeError, ApiValueError), match="_retries"):
            OrderStatusApi(client).order_status(EVENT, **wrong)
        assert server.connections == 0


def test_waits_start_small_grow_and_differ() -> None:
    first: set[float] = set()
    with FaultServer(respond(503)) as server, make_client(server.url, retries=7, deadline=1000) as client:
        for _ in range(10):
            waits = record_waits(client)
            with pytest.raises(ServiceException):
                OrderStatusApi(client).order_status(EVENT)
            for number, wait in enumerate(waits):
                assert min(8.0, 0.2 * 2**number) <= wait <= min(8.0, 0.4 * 2**number)
            first.add(waits[0])
    assert 0.1 <= min(first) < max(first) <= 0.5
    assert len(first) > 5


@in_time
def test_the_default_wait_is_a_real_one() -> None:
    with FaultServer(respond(503), respond()) as server, make_client(server.url) as client, Stopwatch() as watch:
        OrderStatusApi(client).order_status(EVENT)
    assert watch.seconds >= 0.2
    watch.check(0.4 + 0.5)


def date(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_retry_after_in_seconds_is_waited_for(status: int) -> None:
    busy = respond(status, headers={"Retry-After": "3"})
    with FaultServer(busy, respond()) as server, make_client(server.url) as client:
        waits = record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
    assert waits == [3.0]


def test_a_retry_after_of_zero_is_no_wait() -> None:
    with (
        FaultServer(respond(503, headers={"Retry-After": "0"}), respond()) as server,
        make_client(server.url) as client,
    ):
        waits = record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
    assert waits == []


def test_retry_after_as_an_http_date_is_waited_for() -> None:
    with FaultServer(respond(429, headers={"Retry-After": date(4000)}), respond()) as server:
        with make_client(server.url, deadline=9000) as client:
            waits = record_waits(client)
            OrderStatusApi(client).order_status(EVENT)
    assert len(waits) == 1
    assert 3900 < waits[0] <= 4000


def test_a_retry_after_in_the_past_is_no_wait() -> None:
    with FaultServer(respond(503, headers={"Retry-After": date(-100)}), respond()) as server:
        with make_client(server.url) as client:
            waits = record_waits(client)
            OrderStatusApi(client).order_status(EVENT)
    assert waits == []


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "",
        "-5",
        "1.5",
        "9" * 5000,
        "9" * 400,
        "\xb2",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 45 Foo 2026 99:99:99 GMT",
        "5, 6",
    ],
    ids=lambda value: value[:32],
)
def test_a_retry_after_that_makes_no_sense_is_ignored(value: str) -> None:
    with FaultServer(respond(503, headers={"Retry-After": value}), respond()) as server:
        with make_client(server.url) as client:
            waits = record_waits(client)
            OrderStatusApi(client).order_status(EVENT)
    assert len(waits) == 1
    assert 0.2 <= waits[0] <= 0.4


@pytest.mark.parametrize(("value", "seconds"), [("60", 60), (date, 600), ("31000000", 31_000_000)])
def test_a_retry_after_beyond_the_deadline_raises_at_once_and_says_when(value: Any, seconds: int) -> None:
    asked = value if isinstance(value, str) else value(seconds)
    with FaultServer(respond(429, headers={"Retry-After": asked})) as server, make_client(server.url) as client:
        waits = record_waits(client)
        with pytest.raises(TooManyRequestsException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (waits, caught.value.attempts, len(server.requests)) == ([], 1, 1)
    assert caught.value.retry_after is not None
    assert seconds - (0 if value is not date else 60) <= caught.value.retry_after <= seconds


def test_retry_after_is_reported_for_a_status_that_is_not_tried_again() -> None:
    with FaultServer(respond(413, headers={"Retry-After": "7"})) as server, make_client(server.url) as client:
        with pytest.raises(ApiException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.retry_after, caught.value.attempts) == (7.0, 1)


def test_without_retry_after_none_is_reported() -> None:
    with FaultServer(respond(503)) as server, make_client(server.url, retries=0) as client:
        with pytest.raises(ServiceException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("policy", "step", "attempts"),
    [
        (Retry(2, allowed_methods=None, status_forcelist=[500]), respond(500), 3),
        (Retry(2, allowed_methods=None, status_forcelist=[500]), respond(503), 1),
        (Retry(2, allowed_methods=None, status_forcelist=[500]), cut, 3),
        (Retry(2, allowed_methods=None), respond(503, headers={"Retry-After": "0"}), 3),
        (
            Retry(2, allowed_methods=None, respect_retry_after_header=False),
            respond(503, headers={"Retry-After": "0"}),
            1,
        ),
        (Retry(2, status_forcelist=[503]), respond(503), 1),
        (Retry(2), cut, 1),
        (Retry(0), respond(503), 1),
        (Retry(0), cut, 1),
        (Retry(False), respond(503), 1),
        (Retry(False), cut, 1),
        (Retry(None, read=1, allowed_methods=None), cut, 2),
        (Retry(5, read=False, allowed_methods=None), cut, 1),
        (Retry(5, status=1, allowed_methods=None, status_forcelist=[503]), respond(503), 2),
        (Retry(5, other=0, allowed_methods=None), cut, 6),
    ],
    ids=stable,
)
def test_a_retry_of_the_user_is_used_as_it_is(policy: Retry, step: Step, attempts: int) -> None:
    with FaultServer(step) as server, make_client(server.url, retries=policy) as client:
        record_waits(client)
        for _ in range(2):  # it is not used up by a call
            before = len(server.requests)
            with pytest.raises(ApiException) as caught:
                OrderStatusApi(client).order_status(EVENT)
            assert (caught.value.attempts, len(server.requests) - before) == (attempts, attempts)
    assert policy.history == ()


@pytest.mark.parametrize(("policy", "attempts"), [(Retry(2), 3), (Retry(5, connect=1), 2), (Retry(connect=0), 1)])
def test_a_retry_of_the_user_decides_about_refused_connections(policy: Retry, attempts: int) -> None:
    with make_client(f"http://127.0.0.1:{closed_port()}", retries=policy) as client:
        record_waits(client)
        with pytest.raises(ConnectionException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.attempts == attempts


def test_a_retry_of_the_user_decides_how_much_of_a_retry_after_to_wait() -> None:
    policy = Retry(1, allowed_methods=None, retry_after_max=2)
    with FaultServer(respond(503, headers={"Retry-After": "60"}), respond()) as server:
        with make_client(server.url, retries=policy) as client:
            waits = record_waits(client)
            OrderStatusApi(client).order_status(EVENT)
    assert waits == [2]


def test_a_retry_of_the_user_decides_how_long_to_wait() -> None:
    policy = Retry(3, allowed_methods=None, status_forcelist=[503], backoff_factor=0.5)
    with FaultServer(respond(503)) as server, make_client(server.url, retries=policy) as client:
        waits = record_waits(client)
        with pytest.raises(ServiceException):
            OrderStatusApi(client).order_status(EVENT)
    assert waits == [1.0, 2.0]  # urllib3's first wait is none


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_retry_of_the_user_never_follows_a_redirect(status: int) -> None:
    policy = Retry(3, redirect=3, allowed_methods=None)
    with FaultServer() as other:
        redirect = respond(status, b"", {"Location": other.url})
        with FaultServer(redirect) as server, make_client(server.url, retries=policy) as client:
            with pytest.raises(RedirectException):
                OrderStatusApi(client).order_status(EVENT)
            assert (len(server.requests), other.connections) == (1, 0)


def test_a_response_that_is_too_large_is_not_tried_again() -> None:
    with FaultServer(respond()) as server, make_client(server.url, max_response_size=10) as client:
        with pytest.raises(InvalidResponseException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.status, caught.value.attempts, len(server.requests)) == (200, 1, 1)


def test_a_time_out_is_tried_again_as_a_cut_connection_is() -> None:
    with FaultServer(stall) as server, make_client(server.url, timeout=0.1) as client:
        waits = record_waits(client)
        with pytest.raises(TimeoutException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert (caught.value.attempts, len(waits)) == (4, 3)
        eventually(lambda: len(server.requests) == 4)
    assert all(wait >= 0.2 for wait in waits)


def test_a_name_in_the_message_says_how_many_attempts_were_made() -> None:
    with FaultServer(respond(503)) as server, make_client(server.url) as client:
        record_waits(client)
        with pytest.raises(ServiceException, match="after 4 attempts"):
            OrderStatusApi(client).order_status(EVENT)


def test_a_success_after_failures_raises_nothing_and_reports_its_status() -> None:
    with FaultServer(respond(503), respond(502), respond(201)) as server, make_client(server.url) as client:
        record_waits(client)
        assert OrderStatusApi(client).order_status_with_http_info(EVENT).status == 201
        assert len(server.requests) == 3


def test_the_policy_of_all_calls_is_not_used_up() -> None:
    with FaultServer(respond(503)) as server, make_client(server.url) as client:
        record_waits(client)
        for _ in range(3):
            with pytest.raises(ServiceException) as caught:
                OrderStatusApi(client).order_status(EVENT)
            assert caught.value.attempts == 4
