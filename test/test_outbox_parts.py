"""The parts of a relay, by themselves: what a failure means, who waits, and which event is next."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from thirdwatch_api import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    ConnectionException,
    CreateOrder,
    InvalidResponseException,
    Login,
    OrderStatus,
    RedirectException,
    TimeoutException,
    TLSException,
    Transaction,
)
from thirdwatch_api.exceptions import class_for_status
from thirdwatch_api.outbox._breaker import Breaker
from thirdwatch_api.outbox._judge import Verdict, judge
from thirdwatch_api.outbox._kinds import SLOTS, encode_event, find_kind, order_key, slot_of
from thirdwatch_api.outbox._limits import ConcurrencyLimit, RateLimit
from thirdwatch_api.outbox._records import Row
from thirdwatch_api.outbox._store import Part
from thirdwatch_api.outbox._timing import Timing
from thirdwatch_api.outbox._window import Window

from .facts import APIS

TIMING = Timing()

STATUSES = {
    Verdict.DEAD: [400, 402, 406, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 422, 423, 424, 426, 428, 431, 451],
    Verdict.LATER: [408, 425, 500, 501, 505, 507, 508, 520, 599],
    Verdict.WAIT: [429, 502, 503, 504],
    Verdict.STOP: [300, 301, 302, 304, 307, 308, 401, 403, 404, 405, 407],
}


@pytest.mark.parametrize(("verdict", "status"), [(v, s) for v, many in STATUSES.items() for s in many])
def test_each_status_means_what_the_table_says(verdict: Verdict, status: int) -> None:
    assert judge(class_for_status(status)(status, "why")) is verdict


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ConnectionException(0, "cut"), Verdict.WAIT),
        (TimeoutException(0, "late"), Verdict.WAIT),
        (TLSException(0, "expired"), Verdict.STOP),
        (InvalidResponseException(200, "HTML"), Verdict.STOP),
        (InvalidResponseException(0, "too large"), Verdict.STOP),
        (RedirectException(302, "elsewhere"), Verdict.STOP),
        (ApiValueError("no API key"), Verdict.STOP),
        (ApiTypeError("no client"), Verdict.STOP),
    ],
)
def test_what_is_no_status_has_a_meaning_as_well(error: ApiException, verdict: Verdict) -> None:
    assert judge(error) is verdict


def fail(breaker: Breaker, verdict: Verdict, now: float, asked: float | None = None) -> Verdict:
    return breaker.leave(breaker.enter(), verdict, "why", asked, now)


def test_pauses_double_up_to_a_minute_and_a_success_ends_them() -> None:
    breaker = Breaker(TIMING)
    pauses = []
    now = 100.0
    for _ in range(9):
        fail(breaker, Verdict.WAIT, now)
        pauses.append(breaker.wait(now))
        now += breaker.wait(now)
        assert breaker.wait(now) == 0
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    reasons = [breaker.reason]
    assert fail(breaker, Verdict.SENT, now) is Verdict.SENT
    reasons.append(breaker.reason)
    assert (breaker.wait(now), breaker.until, reasons) == (0, None, ["why", None])
    fail(breaker, Verdict.WAIT, now)
    assert breaker.wait(now) == 1


@pytest.mark.parametrize(("asked", "waits"), [(7.0, 7.0), (86400.0, 3600.0), (0.0, 1.0)])
def test_the_service_may_ask_for_a_pause_of_an_hour_at_most(asked: float, waits: float) -> None:
    breaker = Breaker(TIMING)
    fail(breaker, Verdict.WAIT, 0.0, asked)
    assert breaker.wait(0.0) == waits


def test_after_a_pause_one_event_at_a_time_probes() -> None:
    breaker = Breaker(TIMING)
    fail(breaker, Verdict.WAIT, 0.0)
    probe = breaker.enter()
    assert breaker.wait(1.0) == inf
    breaker.leave(probe, Verdict.LATER, "500", None, 1.0)
    assert breaker.wait(1.0) == 0  # the service is there, and failed on that event alone
    assert breaker.until is not None
    breaker.leave(breaker.enter(), Verdict.SENT, "", None, 1.1)
    assert breaker.until is None


def test_calls_that_began_before_a_pause_neither_lengthen_nor_end_it() -> None:
    breaker = Breaker(TIMING)
    calls = [breaker.enter() for _ in range(8)]
    for call in calls[:6]:
        breaker.leave(call, Verdict.WAIT, "why", None, 0.0)
    assert breaker.wait(0.0) == 1
    breaker.leave(calls[6], Verdict.SENT, "", None, 0.0)
    assert breaker.wait(0.0) == 1
    breaker.leave(calls[7], Verdict.WAIT, "why", 9.0, 0.0)
    assert breaker.wait(0.0) == 9  # but what the service asks for counts, whoever hears it


def test_a_late_request_to_wait_opens_nothing_that_is_open() -> None:
    breaker = Breaker(TIMING)
    old = breaker.enter()
    fail(breaker, Verdict.WAIT, 0.0)
    breaker.leave(breaker.enter(), Verdict.SENT, "", None, 1.0)
    breaker.leave(old, Verdict.WAIT, "why", 9.0, 1.0)
    assert breaker.until is None


def test_a_wrong_setting_stops_all_for_a_minute_at_a_time() -> None:
    breaker = Breaker(TIMING)
    for _ in range(3):
        fail(breaker, Verdict.STOP, 0.0)
        assert (breaker.wait(0.0), breaker.stopped) == (60, True)
    fail(breaker, Verdict.SENT, 60.0)
    assert breaker.stopped is False


def test_a_service_that_refuses_everything_buries_nineteen() -> None:
    breaker = Breaker(TIMING)
    verdicts = [fail(breaker, Verdict.DEAD, float(i)) for i in range(25)]
    assert verdicts == [Verdict.DEAD] * 19 + [Verdict.WAIT] * 6
    assert (breaker.wait(24.0), breaker.refuses_all) == (60, True)
    assert "refuses every event" in str(breaker.reason)
    fail(breaker, Verdict.SENT, 99.0)
    assert breaker.refuses_all is False
    assert fail(breaker, Verdict.DEAD, 99.0) is Verdict.DEAD


def test_a_refusal_that_arrives_late_buries_nothing() -> None:
    breaker = Breaker(TIMING)
    late = breaker.enter()
    for now in range(20):
        fail(breaker, Verdict.DEAD, float(now))
    fail(breaker, Verdict.SENT, 99.0)
    assert breaker.leave(late, Verdict.DEAD, "why", None, 99.0) is Verdict.WAIT
    assert breaker.until is None


def test_the_pace_is_even_and_what_a_pause_left_unused_is_lost() -> None:
    pace = RateLimit(200)
    now = 50.0
    for _ in range(400):
        now += pace.wait(now)
        pace.take(now)
    assert now == pytest.approx(52.0 - 0.1, abs=0.02)
    now += 3600
    burst = 0
    while not pace.wait(now):
        pace.take(now)
        burst += 1
    assert burst == pytest.approx(21, abs=1)
    assert RateLimit(None).wait(now) == 0


def threads_after(elapsed: Callable[[int], float], busy: float, most: int = 8) -> int:
    """Return how many threads send in the end, where a call takes longer the more of them there are."""
    limit = ConcurrencyLimit(most)
    for _ in range(500):
        limit.note(elapsed(limit.size), busy)
    return limit.size


def test_threads_that_wait_for_the_service_all_send() -> None:
    assert threads_after(lambda size: 0.020, 0.0001) == 8
    assert threads_after(lambda size: 0.020, 0.0001, most=64) == 64
    assert threads_after(lambda size: 10.0, 0.0001) == 8


def test_of_threads_that_only_wait_for_each_other_two_send() -> None:
    assert threads_after(lambda size: size * 0.0001, 0.0001) == 2
    assert threads_after(lambda size: size * 0.0001, 0.0001, most=64) == 2
    assert threads_after(lambda size: size * 0.0001, 0.0001, most=1) == 1


def test_a_call_without_processor_time_says_nothing() -> None:
    assert threads_after(lambda size: 0.0, 0.0) == 8


def test_a_service_that_becomes_slow_brings_all_threads_back() -> None:
    limit = ConcurrencyLimit(8)
    for _ in range(100):
        limit.note(0.0001, 0.0001)
    assert limit.size == 2
    for _ in range(2):
        limit.note(0.05, 0.0)
    assert limit.size == 8


def rows(*pairs: tuple[int, str | None]) -> list[Row]:
    return [Row(number, "order_status", key, "{}", 0, 0.0, None) for number, key in pairs]


def take_all(window: Window) -> list[int]:
    return [row.id for row in iter(window.take, None)]


def test_of_one_order_one_event_is_under_way_and_what_has_none_goes_at_once() -> None:
    window = Window(100)
    assert window.admit(rows((1, "a"), (2, "a"), (3, None), (4, "b"), (5, None))) == 5
    assert take_all(window) == [1, 3, 4, 5]
    window.finish(rows((1, "a"))[0])
    assert take_all(window) == [2]


def test_what_is_read_again_before_the_database_knows_is_not_taken_twice() -> None:
    window = Window(100)
    (first, second) = rows((1, "a"), (2, "a"))
    window.admit([first, second])
    window.take()
    window.finish(first)
    assert window.admit([first, second]) == 0
    window.confirm([first])
    assert (window.known(), len(window), window.room) == ([2], 1, 99)


def test_an_order_stays_blocked_until_its_due_time_is_in_the_database() -> None:
    # A fetch between a failure and its note would bring the next event of the order, which must not be sent.
    window = Window(100)
    first, second, third = rows((1, "a"), (2, "a"), (3, "a"))
    window.admit([first, second])
    window.take()
    window.block(first)
    assert window.admit([second, third]) == 0
    window.confirm([first], blocked=True)
    assert window.admit([second]) == 1


def test_an_event_that_becomes_visible_late_takes_its_place() -> None:
    window = Window(100)
    window.admit(rows((2, "a"), (3, "a"), (4, "a")))
    window.take()
    window.admit(rows((1, "a"), (5, "a")))
    order = []
    window.finish(rows((2, "a"))[0])
    while row := window.take():
        order.append(row.id)
        window.finish(row)
    assert order == [1, 3, 4, 5]


def test_one_order_takes_a_quarter_of_the_room_and_nothing_overtakes_what_found_none() -> None:
    window = Window(16)
    window.admit(rows(*((i, "hot") for i in range(1, 13)), (13, "b")))
    assert sorted(window.known()) == [1, 2, 3, 4, 13]
    assert window.full_orders() == ["hot"]
    assert window.admit(rows((5, "hot"), (14, None))) == 1
    sent = []
    while window.full_orders() and (row := window.take()):
        sent.append(row.id)
        window.finish(row)
    assert sent == [1, 13, 14, 2, 3]
    assert window.admit(rows((5, "hot"))) == 1


def test_what_was_put_back_is_next() -> None:
    window = Window(100)
    window.admit(rows((1, "a"), (2, "a"), (3, "b")))
    first = window.take()
    assert first
    window.put_back(first)
    assert take_all(window) == [1, 3]


def test_a_lost_lead_forgets_what_was_only_queued_so_that_it_is_read_again() -> None:
    window = Window(100)
    first, second, other = rows((1, "a"), (2, "a"), (3, "b"))
    window.admit([first, second, other])
    assert window.take() == first
    window.drop()
    assert window.known() == [1]
    assert take_all(window) == []
    assert window.admit([first, second, other]) == 1  # the order of what is under way still waits for it
    window.put_back(first)
    assert window.admit([first, second]) == 2


def test_a_random_probe_meets_every_order_sooner_or_later() -> None:
    random.seed(7)
    window = Window(100)
    window.admit(rows((1, "a"), (2, "b"), (3, "c")))
    met = set()
    for _ in range(50):
        row = window.take(at_random=True)
        assert row
        met.add(row.id)
        window.put_back(row)
    assert met == {1, 2, 3}
    assert window.has_ready
    assert window.is_low


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.class_name)
def test_every_event_that_can_be_sent_has_a_kind(api: Any) -> None:
    import thirdwatch_api

    model = getattr(thirdwatch_api, api.model)
    kind = find_kind(model())
    assert kind.api is getattr(thirdwatch_api, api.class_name)
    assert find_kind({}, kind.name) == kind
    assert len(kind.name) <= 32


def test_the_kind_of_a_subclass_is_that_of_its_base() -> None:
    class MyOrder(CreateOrder):
        pass

    assert find_kind(MyOrder()).name == "create_order"


def test_a_wrong_kind_says_what_there_is() -> None:
    with pytest.raises(ApiValueError, match=r"kind: there is no 'order'; there are .*create_order"):
        find_kind({}, "order")
    with pytest.raises(ApiValueError, match="'login' was given, and the event is 'order_status'"):
        find_kind(OrderStatus(), "login")
    with pytest.raises(ApiValueError, match="kind: is missing"):
        find_kind({"_userId": "u"})
    with pytest.raises(ApiTypeError, match="expected a model that can be sent, or a dict, got int"):
        find_kind(7)
    with pytest.raises(ApiTypeError, match="got list"):
        find_kind([], "login")


@pytest.mark.parametrize("number", [1001, "1001"])
def test_the_order_of_an_event_is_the_text_that_is_sent(number: Any) -> None:
    made = OrderStatus(user_id="u", order_id=number, order_status="_x")
    assert encode_event(made, find_kind(made))[1] == "1001"
    wire = {"_userId": "u", "_orderId": number, "_orderStatus": "_x"}
    assert encode_event(wire, find_kind(wire, "order_status"))[1] == "1001"
    payment = Transaction(user_id="u", order_id=number, transaction_status="_success")
    assert encode_event(payment, find_kind(payment))[1] == "1001"


def test_an_event_without_an_order_is_in_no_order() -> None:
    login = Login(user_id="u")
    assert encode_event(login, find_kind(login)) == ('{"_userId":"u"}', None)
    assert encode_event(OrderStatus(user_id="u"), find_kind(OrderStatus()))[1] is None


@pytest.mark.parametrize("text", ["o-1001", "#77/B", "x" * 190])
def test_a_plain_order_number_is_its_own_key(text: str) -> None:
    assert order_key(text) == text


@pytest.mark.parametrize("text", ["x" * 191, "Ordnung-ä", "a\0b", "日本", "a\nb"])
def test_what_some_database_can_not_hold_is_kept_by_its_digest(text: str) -> None:
    key = str(order_key(text))
    assert key.startswith("sha256:")
    assert key == order_key(text)
    assert len(key) == 71
    assert order_key(text + "x") != key


def test_an_empty_order_number_is_no_order() -> None:
    assert order_key("") is order_key(None) is None
    assert {slot_of(None) for _ in range(2000)} <= set(range(SLOTS))
    assert slot_of("o-1") == slot_of("o-1")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 255, 256])
def test_parts_cover_all_orders_once(count: int) -> None:
    covered = [slot for i in range(count) for slot in range(*Part(i, count).slots.values())]
    assert covered == list(range(SLOTS))


def test_waits_of_one_order_double_up_to_an_hour() -> None:
    for attempts in range(100):
        doubled = min(3600, 2.0**attempts)
        assert doubled <= TIMING.delay(attempts) <= 1.5 * doubled
