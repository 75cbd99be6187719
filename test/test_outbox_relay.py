"""A relay against services that fail: what is sent, in which order, and who waits for how long."""

from __future__ import annotations

import logging
import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import ApiClient, ApiValueError, Configuration, OutboxException
from thirdwatch_api.outbox import Outbox, Relay, RelayResult, StoredEvent, drain
from thirdwatch_api.outbox._sqlite import SqliteExecutor
from thirdwatch_api.outbox._store import Part, Store
from thirdwatch_api.outbox._timing import Timing

from .delivery import QUICK, Service, event, events, number
from .servers import OK, closed_port, cut, message, raw

PATIENCE = 120  # seconds after which a test fails that would wait for ever


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "thirdwatch.db", fsync=False) as outbox:
        yield outbox


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "_timing", QUICK)


def settle(outbox: Outbox, service: Service, **settings: Any) -> RelayResult:
    """Send all there is."""
    with service.client(timeout=60.0) as client:
        return Relay(outbox, api_client=client, **settings).run(until_empty=True, seconds=PATIENCE)


@contextmanager
def running(relay: Relay) -> Generator[list[RelayResult]]:
    """Run a relay beside the test."""
    results: list[RelayResult] = []
    thread = threading.Thread(target=lambda: results.append(relay.run()))
    thread.start()
    try:
        yield results
    finally:
        relay.stop(PATIENCE)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def until(condition: Callable[[], object]) -> None:
    """Wait for something that has to happen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.mark.parametrize("seed", range(25 if os.environ.get("SERVERS") else 4))
def test_mixed_failures_lose_nothing_and_keep_the_order(outbox: Outbox, seed: int) -> None:
    chance = random.Random(seed)

    def decide(given: Any) -> Any:
        roll = chance.random()
        if roll < 0.02:
            return 503
        if roll < 0.07:
            return 500
        if roll < 0.10:
            return cut  # the service took it, and the client does not know
        return 200

    outbox.add_all(events(1000, 200))
    with Service(decide) as service:
        result = settle(outbox, service)
        assert result == RelayResult(1000, 0, 0)
        assert service.out_of_order == []
        assert sum(map(len, service.steps.values())) == 1000


def test_poison_is_put_aside_and_all_others_arrive(outbox: Outbox) -> None:
    outbox.add_all(events(300, 60))
    dead: list[StoredEvent] = []
    with Service(lambda given: 400 if number(given) in (3, 77, 200) else 200) as service:
        assert settle(outbox, service, on_dead=dead.append) == RelayResult(297, 3, 0)
        assert service.out_of_order == []
    assert sorted(each.id for each in dead) == [4, 78, 201]
    assert [(each.id, each.order, each.kind) for each in outbox.events("dead")] == [
        (4, "o-3", "order_status"),
        (78, "o-17", "order_status"),
        (201, "o-20", "order_status"),
    ]


def test_a_service_that_refuses_everything_buries_nineteen_and_keeps_the_rest(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.add_all(events(500, 500))
    service = Service(lambda _: 400)
    with service, service.client() as client, running(Relay(outbox, api_client=client)):
        until(lambda: service.calls >= 25)
        until(lambda: outbox.status().dead >= 19)
        assert (outbox.status().pending, outbox.status().dead) == (481, 19)
        until(lambda: "refuses every event" in str(outbox.status().reason))
        service.decide = lambda _: 200
        until(lambda: outbox.status().pending == 0)
        assert outbox.status().dead == 19
    assert "the service refuses every event; the last reason: (400)" in caplog.text


def test_only_the_order_that_failed_waits(outbox: Outbox) -> None:
    outbox.add_all(events(40, 4))
    failures = iter([500] * 3)

    def decide(given: Any) -> int:
        return next(failures, 200) if given["_orderId"] == "o-2" else 200

    with Service(decide) as service:
        assert settle(outbox, service).sent == 40
        assert service.out_of_order == []
        others = [e["_orderId"] for e in service.taken[:30]]
        assert "o-2" not in others


def test_an_event_that_fails_for_a_day_and_many_tries_is_given_up(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "_timing", replace(QUICK, tries=4, first_delay=0.001, longest_delay=0.002))
    outbox.add_all([event("o-1", 1), event("o-1", 2)])
    with Service(lambda given: 500 if number(given) == 1 else 200) as service, service.client() as client:
        with running(Relay(outbox, api_client=client)):
            until(lambda: service.calls >= 8)  # it is younger than a day
        assert (outbox.status().dead, service.taken) == (0, [])
        monkeypatch.setattr(Relay, "_timing", replace(Relay._timing, shortest_life=0.0))
        dead: list[StoredEvent] = []
        assert settle(outbox, service, on_dead=dead.append) == RelayResult(1, 1, 0)
    assert [each.state for each in dead] == ["dead"]
    assert outbox.events("dead")[0].attempts >= 8


def test_an_outage_costs_few_calls_and_loses_nothing(outbox: Outbox) -> None:
    outbox.add_all(events(200, 50))
    service = Service(lambda _: 503)
    with service, service.client() as client, running(Relay(outbox, api_client=client)):
        until(lambda: service.calls >= 14)  # 8 at once, then one at a time
        assert service.calls < 30
        assert "(503)" in str(outbox.status().reason)
        service.decide = lambda _: 200
        until(lambda: outbox.status().pending == 0)
        assert service.out_of_order == []
        until(lambda: outbox.status().reason is None)


def test_the_service_says_how_long_all_wait(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox.add_all(events(50, 50))
    first = [(429, {"Retry-After": "1"})]
    times: list[float] = []

    def decide(_: Any) -> Any:
        times.append(time.monotonic())
        return first.pop() if first else 200

    with Service(decide) as service:
        settle(outbox, service, threads=1)
    assert 0.95 < times[1] - times[0] < PATIENCE
    assert len(times) == 51


def test_a_pause_outlives_the_relay_that_began_it(outbox: Outbox) -> None:
    outbox.add(event())
    with Service(lambda _: (503, {"Retry-After": "3600"})) as service, service.client() as client:
        for _ in range(3):
            assert drain(outbox, seconds=5, api_client=client) == RelayResult(0, 0, 1)
        assert service.calls == 1
    status = outbox.status()
    assert status.paused_until
    assert str(status.reason).startswith("no relay is running; the last one waited: (503)")
    outbox.executor.write("UPDATE thirdwatch_relay SET parts = 7")  # that of another part of the orders
    with Service() as service, service.client() as client:
        assert drain(outbox, seconds=5, api_client=client) == RelayResult(1, 0, 0)


@pytest.mark.parametrize("ends_in", [-1.0, 86400.0], ids=["over", "before the clock was set back"])
def test_a_pause_that_is_none_any_more_is_forgotten(outbox: Outbox, ends_in: float) -> None:
    outbox.add(event())
    with Service(lambda _: 503) as service, service.client() as client:
        drain(outbox, seconds=0.1, api_client=client)
    outbox.executor.write("UPDATE thirdwatch_relay SET paused = :until", {"until": time.time() + ends_in})
    with Service() as service, service.client() as client, running(Relay(outbox, api_client=client)):
        until(lambda: outbox.status()[:2] == (0, 0))
        assert outbox.status().reason is None


def test_without_a_connection_all_wait(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    outbox.add_all(events(20, 20))
    client = ApiClient(configuration=Configuration(host=f"http://127.0.0.1:{closed_port()}", api_key="k"))
    with client:
        result = Relay(outbox, api_client=client).run(until_empty=True, seconds=0.5)
    assert result == RelayResult(0, 0, 20)
    assert [each.attempts for each in outbox.events("pending")] == [0] * 20
    waits = [r for r in caplog.records if "the relay waits" in r.getMessage()]
    assert len(waits) == 1  # one record a minute, however often it tries


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [(401, {}, "(401)"), (403, {}, "(403)"), (404, {}, "(404)"), (302, {"Location": "/x"}, "(302)")],
)
def test_a_wrong_setting_stops_all_and_says_so_once(
    outbox: Outbox, caplog: pytest.LogCaptureFixture, status: int, headers: dict[str, str], says: str
) -> None:
    outbox.add_all(events(200, 200))
    service = Service(lambda _: (status, headers))
    with service, service.client() as client, running(Relay(outbox, api_client=client)):
        until(lambda: service.calls >= 10)
        assert (outbox.status().pending, outbox.status().dead) == (200, 0)
        assert says in str(outbox.status().reason)
        service.decide = lambda _: 200
        until(lambda: outbox.status().pending == 0)
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert re.fullmatch(r"the relay stopped, and tries again every 0\.1 s: .*" + re.escape(says) + ".*", errors[0])


def test_a_missing_key_stops_all(outbox: Outbox) -> None:
    outbox.add(event())
    with Service() as service, ApiClient(configuration=Configuration(host=service.url)) as client:
        relay = Relay(outbox, api_client=client)
        with running(relay):
            until(lambda: "no API key" in str(outbox.status().reason))
            client.configuration.api_key["X-THIRDWATCH-API-KEY"] = "k"
            until(lambda: service.taken)


def test_a_response_that_is_no_json_is_no_success(outbox: Outbox) -> None:
    outbox.add(event())
    portal = [raw(message(200, b"<html>please log in</html>"))]
    with Service(lambda _: portal.pop() if portal else 200) as service:
        assert settle(outbox, service).sent == 1
        assert service.calls == 2


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fate", [503, 403])
def test_an_event_that_makes_the_service_fail_holds_up_only_itself(outbox: Outbox, fate: int, threads: int) -> None:
    outbox.add_all([event("bad", 0), *events(100, 100)])
    with Service(lambda given: fate if given["_orderId"] == "bad" else 200) as service, service.client() as client:
        with running(Relay(outbox, api_client=client, threads=threads)):
            until(lambda: len(service.taken) == 100)
            until(lambda: outbox.events("pending", order="bad")[0].attempts)
        assert outbox.status().pending == 1


def test_the_first_refusals_of_a_backlog_do_not_keep_the_rest_from_being_tried(outbox: Outbox) -> None:
    # Forty events that a mistake of the shop spoiled, before sixty good ones.
    outbox.add_all(events(100, 100))
    with Service(lambda given: 422 if number(given) < 40 else 200) as service:
        result = settle(outbox, service)
        assert (result.sent, result.dead + outbox.status().pending) == (60, 40)


def test_the_rate_is_kept(outbox: Outbox) -> None:
    outbox.add_all(events(60, 60))
    started = time.monotonic()
    with Service() as service:
        settle(outbox, service, rate=100)
    assert time.monotonic() - started >= (60 - 1) / 100 - 0.1  # ten may go at once


def test_parts_send_their_own_orders_and_a_relay_for_the_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "thirdwatch.db"
    with Outbox(path) as outbox, Service() as service, service.client() as client:
        outbox.add_all(events(300, 60))
        outbox.add_all([event("", i) for i in range(300, 330)])
        for i in range(3):
            Relay(outbox, part=(i, 3), api_client=client)
        first = Relay(outbox, part=(0, 3), api_client=client)
        with running(first):
            until(lambda: outbox.status().leader)
            assert drain(outbox, api_client=client).sent == 0
            assert drain(outbox, part=(0, 4), api_client=client).sent == 0
            assert drain(outbox, part=(0, 3), api_client=client).sent == 0
            before = service.calls
            drain(outbox, part=(1, 3), api_client=client)
            until(lambda: first._current is not None and first._current.dispatch.is_idle)
            assert service.calls > before
        assert drain(outbox, part=(2, 3), api_client=client).left == 0
        assert (sum(map(len, service.steps.values())), service.out_of_order, service.twice) == (330, [""], 0)


def test_one_order_of_ten_thousand_does_not_keep_others_waiting(outbox: Outbox) -> None:
    outbox.add_all(event("hot", i) for i in range(3000))
    outbox.add(event("cold", 1))
    with Service() as service, service.client() as client, running(Relay(outbox, api_client=client)):
        until(lambda: "cold" in service.steps)
        hot = len(service.steps["hot"])
    assert hot < 1500
    assert service.out_of_order == []


def test_of_two_relays_one_leads_and_the_other_takes_over(outbox: Outbox) -> None:
    with Service() as service, service.client() as client:
        first, second = (Relay(outbox, api_client=client) for _ in range(2))
        with running(first):
            until(lambda: ":" in str(outbox.status().leader))
            leader = outbox.status().leader
            with running(second):
                outbox.add_all(events(100, 10))
                until(lambda: outbox.status().pending == 0)
                assert outbox.status().leader == leader
                assert first.stop().sent == 100
                until(lambda: outbox.status().leader not in (None, leader))
                outbox.add(event("o-1", 999))
                until(lambda: len(service.taken) == 101)


def test_a_relay_that_stands_by_ends_when_the_outbox_is_empty(outbox: Outbox) -> None:
    with Service() as service, service.client() as client, running(Relay(outbox, api_client=client)):
        until(lambda: outbox.status().leader)
        outbox.add_all(events(50, 50))
        assert Relay(outbox, api_client=client).run(until_empty=True) == RelayResult(0, 0, 0)
        assert len(service.taken) == 50


def test_the_lead_is_kept_by_who_has_the_file_and_not_its_name(outbox: Outbox, tmp_path: Path) -> None:
    outbox.add(event())
    lead = outbox.executor.lead(Part(0, 1), "a", 30)
    other = outbox.executor.lead(Part(0, 1), "b", 30)
    assert lead.take()
    assert lead.take()
    assert not other.take()
    (tmp_path / "thirdwatch.db-relay").unlink()
    assert other.take()
    assert not lead.take()
    assert outbox.status().leader == "a process of this host"
    other.leave()
    other.leave()
    assert outbox.status().leader is None


def test_a_lead_that_can_not_be_locked_is_an_error_of_the_family(outbox: Outbox, tmp_path: Path) -> None:
    outbox.add(event())
    (tmp_path / "thirdwatch.db-relay").unlink()
    (tmp_path / "thirdwatch.db-relay").mkdir()
    with pytest.raises(OutboxException, match=r"thirdwatch\.db-relay: can't be locked"):
        outbox.executor.lead(Part(0, 1), "a", 30).take()


class Flaky(SqliteExecutor):
    """Fails while ``fails`` is set."""

    fails = False

    def _run(self, work: Any) -> Any:
        if self.fails:
            raise OutboxException(reason="the database is away")
        return super()._run(work)

    def for_relay(self) -> Any:
        return self


def test_a_database_that_comes_back_finds_all_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Flaky(str(tmp_path / "thirdwatch.db"))
    with Outbox(executor) as outbox, Service() as service, service.client() as client:
        outbox.add_all(events(500, 50))

        def decide(_: Any) -> int:
            executor.fails = executor.fails or len(service.taken) == 100
            return 200

        service.decide = decide
        with running(Relay(outbox, api_client=client)) as results:
            until(lambda: executor.fails)
            service.decide = lambda _: 200
            calls = 0
            while calls != service.calls:  # what can't be noted is bounded
                calls = service.calls
                time.sleep(0.1)
            assert calls <= 100 + 1 + 100 + 8
            executor.fails = False
            until(lambda: outbox.status().pending == 0)
        assert results == [RelayResult(500, 0, 0)]
        assert (service.twice, service.out_of_order) == (0, [])
    assert caplog.text.count("the relay waits for its database: the database is away") == 1


def test_a_relay_without_its_database_ends_in_time_and_says_that_it_can_not_count(tmp_path: Path) -> None:
    executor = Flaky(str(tmp_path / "thirdwatch.db"))
    with Outbox(executor) as outbox, Service() as service, service.client() as client:
        outbox.add(event())
        executor.fails = True
        assert Relay(outbox, api_client=client).run(until_empty=True, seconds=0.1) == RelayResult(0, 0, -1)
        executor.fails = False


@pytest.mark.parametrize("when", ["has_pending", "next_due", "note_pause"])
def test_a_relay_that_can_not_ask_asks_again(outbox: Outbox, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    failures = [OutboxException(reason="away")] * 2
    original = getattr(Store, when)

    def fail(self: Store, *args: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(self, *args)

    monkeypatch.setattr(Store, when, fail)
    outbox.add(event())
    first = [503]
    with Service(lambda _: first.pop() if first else 200) as service, service.client() as client:
        if when == "has_pending":
            lead = outbox.executor.lead(Part(0, 1), "a", 30)
            assert lead.take()
            threading.Timer(0.1, lead.leave).start()
        assert Relay(outbox, api_client=client).run(until_empty=True, seconds=PATIENCE).sent == 1
    assert failures == []


def test_what_could_not_be_noted_at_the_end_is_sent_again(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thirdwatch_api.outbox._run._LAST_WAIT", 0.001)
    outbox.add(event())
    with Service() as service, service.client() as client:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "delete", lambda *_: (_ for _ in ()).throw(OutboxException(reason="away")))
            relay = Relay(outbox, api_client=client)
            with running(relay):
                until(lambda: service.taken)
            assert outbox.status().pending == 1
        assert settle(outbox, service).sent == 1
        assert service.twice == 1


def test_a_clock_that_jumps_freezes_nothing(outbox: Outbox) -> None:
    outbox.add_all(events(4, 4))
    store = Store(outbox.executor)
    store.postpone(1, time.time() + 86400, "noted before the clock was set back by a day")
    store.postpone(2, time.time() - 86400, "noted before the clock was set forward by a day")
    with Service() as service:
        assert settle(outbox, service) == RelayResult(4, 0, 0)


def test_hooks_are_called_with_each_event_and_break_nothing(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    outbox.add_all(events(20, 20))
    sent: list[StoredEvent] = []

    def hook(each: StoredEvent) -> None:
        sent.append(each)
        raise RuntimeError("of the shop")

    with Service(lambda given: 400 if number(given) == 7 else 200) as service:
        result = settle(outbox, service, on_sent=hook, on_dead=hook)
    assert result == RelayResult(19, 1, 0)
    assert sorted(each.id for each in sent) == list(range(1, 21))
    assert {each.state for each in sent} == {"sent", "dead"}
    assert "a hook of the relay failed; it goes on" in caplog.text


def test_a_bug_in_the_call_leaves_no_order_behind(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.add(event())
    failures = [RuntimeError("personal")]
    original = ApiClient.call_api

    def call(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(*args, **kwargs)

    monkeypatch.setattr(ApiClient, "call_api", call)
    with Service() as service:
        assert settle(outbox, service).sent == 1
    assert "event 1 of the outbox could not be sent: RuntimeError" in caplog.text
    assert "personal" not in caplog.text


def test_an_event_of_a_kind_that_this_version_does_not_know_waits(outbox: Outbox) -> None:
    outbox.add_all([event("o-1", 1), event("o-2", 2)])
    outbox.executor.write("UPDATE thirdwatch_outbox SET kind = 'future' WHERE id = 1")
    with Service() as service, service.client() as client:
        assert Relay(outbox, api_client=client).run(until_empty=True, seconds=0.3) == RelayResult(1, 0, 1)


def test_start_sends_in_the_background_until_the_outbox_is_closed(tmp_path: Path) -> None:
    with Service() as service, service.client() as client:
        with Outbox(tmp_path / "thirdwatch.db") as outbox:
            relay = outbox.start(api_client=client)
            assert outbox.start() is relay
            with pytest.raises(ApiValueError, match="runs already"):
                relay.run()
            outbox.add_all(events(30, 30))
            until(lambda: len(service.taken) == 30)
            until(lambda: relay.stop(0.001).left == 0)
        assert not [t for t in threading.enumerate() if t.name.startswith("thirdwatch-relay")]
        outbox.add(event())  # opened again
        outbox.close()


def test_stop_ends_the_calls_under_way_first(outbox: Outbox) -> None:
    outbox.add_all(events(100, 100))
    release = threading.Event()

    def slow(peer: Any) -> None:
        release.wait(PATIENCE)
        peer.send(message(200, OK))

    service = Service(lambda _: slow)
    with service, service.client() as client:
        relay = Relay(outbox, api_client=client, threads=4)
        assert relay.stop() == RelayResult(0, 0, 100)
        with running(relay) as results:
            until(lambda: service.calls == 4)
            assert relay.stop(0.01).sent == 0
            release.set()
        assert results == [RelayResult(4, 0, 96)]
        assert outbox.status().leader is None


def test_a_relay_that_is_stopped_before_it_begins_ends_at_once(outbox: Outbox) -> None:
    outbox.add(event())
    relay = Relay(outbox)
    relay._claim()  # what start() does before its thread runs
    assert relay.stop(0.01) == RelayResult(0, 0, 1)
    assert relay._run() == RelayResult(0, 0, 1)


def test_a_signal_handler_may_stop_a_relay(outbox: Outbox) -> None:
    with Service() as service, service.client() as client:
        relay = Relay(outbox, api_client=client)
        before = signal.signal(signal.SIGALRM, lambda *_: relay.stop())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            assert relay.run(seconds=PATIENCE) == RelayResult(0, 0, 0)
        finally:
            signal.signal(signal.SIGALRM, before)


def test_a_hook_that_exits_takes_no_thread_along(outbox: Outbox) -> None:
    outbox.add_all(events(8, 8))
    left = [SystemExit] * 4

    def leave(_: object) -> None:
        if left:
            raise left.pop()

    with Service() as service, service.client() as client:
        client.configuration.on_request = leave
        relay = Relay(outbox, api_client=client, threads=2)
        assert relay.run(until_empty=True, seconds=PATIENCE) == RelayResult(8, 0, 0)
    assert not left


def test_a_run_ends_after_its_seconds(outbox: Outbox) -> None:
    with Service() as service, service.client() as client:
        assert Relay(outbox, api_client=client).run(seconds=0.1) == RelayResult(0, 0, 0)


def test_a_turn_ends_when_nothing_is_due_in_its_time(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "_timing", replace(QUICK, first_delay=600, longest_delay=600))
    outbox.add(event())
    with Service(lambda _: 500) as service, service.client() as client:
        started = time.monotonic()
        assert drain(outbox, seconds=PATIENCE, api_client=client) == RelayResult(0, 0, 1)
        assert time.monotonic() - started < PATIENCE / 2


def test_the_waits_are_those_that_the_pages_say() -> None:
    assert Relay.__dict__["_timing"] is QUICK
    assert Timing() == Timing(
        poll=0.5, note=0.05, batch=100, first_pause=1, longest_pause=60, longest_asked=3600, first_delay=1,
        longest_delay=3600, tries=12, shortest_life=86400, dead_in_row=20, log=60,
    )  # fmt: skip


def test_the_thread_of_start_reports_why_it_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "thirdwatch.db"
    with Outbox(path) as outbox, Service() as service, service.client() as client:
        outbox.add_all(events(400, 10))
        outbox.close()
        sqlite3.connect(path).close()
        data = bytearray(path.read_bytes())
        for page in range(2, len(data) // 4096):
            data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
        path.write_bytes(data)
        relay = outbox.start(api_client=client)
        until(lambda: "the relay ended" in caplog.text)
        assert "thirdwatch_api.outbox.salvage" in caplog.text
        relay.stop()
