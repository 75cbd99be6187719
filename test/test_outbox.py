"""What a shop does with an outbox: add, look, replay, purge; and what it never shows."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import thirdwatch_api
from thirdwatch_api import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    BillingAddress,
    Configuration,
    CreateOrder,
    OrderStatus,
    OutboxCorruptException,
    OutboxException,
    OutboxFullException,
)
from thirdwatch_api.models._encoder import to_json
from thirdwatch_api.outbox import Outbox, Relay, StoredEvent
from thirdwatch_api.sandbox import Sandbox

from .delivery import QUICK, Service, event, events
from .programs import run_script


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "thirdwatch.db")


@pytest.fixture
def outbox(path: str) -> Iterator[Outbox]:
    with Outbox(path) as outbox:
        yield outbox


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "_timing", QUICK)


def kill_all(outbox: Outbox) -> None:
    """Let the service refuse what waits."""
    with Service(lambda _: 422) as service, service.client() as client:
        Relay(outbox, api_client=client).run(until_empty=True)


def test_what_is_added_waits_until_a_relay_sends_it(
    outbox: Outbox, sandbox: Sandbox, global_configuration: Configuration
) -> None:
    first, second = event(step=1), event(step=2)
    assert outbox.add(first) is None  # type: ignore[func-returns-value]  # no success is made of nothing
    outbox.add(second)
    assert (outbox.status().pending, sandbox.requests) == (2, [])
    result = Relay(outbox).run(until_empty=True)
    assert result == (2, 0, 0)
    assert sandbox.events == [first, second]
    assert outbox.status() == (0, 0, None, None, None, None)


def test_the_body_is_sent_byte_for_byte(outbox: Outbox) -> None:
    order = CreateOrder(user_id="u", order_id="o-7", amount=Decimal("12.50"), currency_code="EUR")
    outbox.add(order)
    with Service() as service, service.client() as client:
        Relay(outbox, api_client=client).run(until_empty=True)
        assert service.requests[0].body.decode() == to_json(CreateOrder, order)
        assert service.requests[0].line == "POST /event/v1/createOrder HTTP/1.1"


def test_a_dict_is_taken_with_its_kind(outbox: Outbox, sandbox: Sandbox, global_configuration: Configuration) -> None:
    outbox.add({"_userId": "u-42", "_orderId": "o-1", "_orderStatus": "_held"}, kind="order_status")
    outbox.add({"order_id": "o-1", "action_type": "approved"}, kind="client_action")
    Relay(outbox).run(until_empty=True)
    assert sandbox.events == [OrderStatus(user_id="u-42", order_id="o-1", order_status="_held")]
    assert len(sandbox.decisions) == 1


def test_an_event_with_problems_is_refused_as_by_a_call_and_leaves_nothing(outbox: Outbox) -> None:
    with pytest.raises(ApiValueError, match="OrderStatus: needs user_id or session_id"):
        outbox.add(OrderStatus(order_id="o-1"))
    with pytest.raises(ApiValueError, match="did you mean '_orderId'"):
        outbox.add({"_userId": "u", "_oderId": "o", "_orderStatus": "_x"}, kind="order_status")
    with pytest.raises(ApiValueError):
        outbox.add_all([event(), OrderStatus(order_id="o-1")])
    assert outbox.status().pending == 0


def test_many_are_added_all_or_none(outbox: Outbox) -> None:
    assert outbox.add_all(events(250, 10)) == 250
    assert outbox.add_all([]) == 0
    assert outbox.status().pending == 250


def test_the_key_decides_the_order(outbox: Outbox) -> None:
    outbox.add(event("o-1"))
    outbox.add(event("o-1"), key="customer 7")
    outbox.add(event("o-1"), key="")
    assert [stored.order for stored in outbox.events("pending")] == ["o-1", "customer 7", None]
    assert [stored.id for stored in outbox.events("pending", order="customer 7")] == [2]
    assert [stored.id for stored in outbox.events("pending", limit=1)] == [1]


def test_a_shop_s_own_transaction_takes_the_event_along(outbox: Outbox, path: str) -> None:
    outbox.create()
    shop = sqlite3.connect(path)
    shop.execute("CREATE TABLE orders (number TEXT)")
    for number, keep in ((1, True), (2, False)):
        shop.execute("INSERT INTO orders VALUES (?)", (number,))
        outbox.add(event(number), shop)
        assert len(outbox.events("pending")) == 1 - keep
        if keep:
            shop.commit()
        else:
            shop.rollback()
    outbox.add_all(events(3, 1), shop)
    shop.commit()
    assert [stored.order for stored in outbox.events("pending")] == ["1", "o-0", "o-0", "o-0"]
    assert shop.execute("SELECT number FROM orders").fetchall() == [("1",)]
    shop.close()


def test_another_database_can_not_take_the_event(outbox: Outbox, tmp_path: Path) -> None:
    elsewhere = sqlite3.connect(tmp_path / "other.db")
    memory = sqlite3.connect(":memory:")
    for connection in (elsewhere, memory):
        with pytest.raises(ApiValueError, match="via: is a connection to another database"):
            outbox.add(event(), connection)
    with pytest.raises(ApiTypeError, match="via: expected a sqlite3 connection, got object"):
        outbox.add(event(), object())
    elsewhere.close()
    memory.close()
    with pytest.raises(OutboxException, match="closed database"):
        outbox.add(event(), elsewhere)


def test_the_status_counts_what_waits_and_says_that_nobody_sends(outbox: Outbox) -> None:
    outbox.add(event())
    status = outbox.status()
    assert (status.pending, status.dead, status.leader, status.paused_until) == (1, 0, None, None)
    assert status.oldest is not None
    assert 0 <= status.oldest < 60
    assert status.reason == "no relay is running"


def test_the_dead_are_listed_replayed_and_purged(outbox: Outbox) -> None:
    outbox.add_all([event("o-1", 1), event("o-2", 2), event("o-3", 3)])
    kill_all(outbox)
    dead = outbox.events("dead")
    assert [(each.id, each.state, each.attempts) for each in dead] == [(1, "dead", 1), (2, "dead", 1), (3, "dead", 1)]
    assert all(each.error and "(422)" in each.error for each in dead)
    assert all(each.since and each.created <= each.since <= datetime.now(timezone.utc) for each in dead)
    assert (outbox.status().pending, outbox.status().dead) == (0, 3)
    assert outbox.replay(2, 999) == 1
    (again,) = outbox.events("pending")
    assert (again.id, again.attempts, again.error, again.since, again.due) == (2, 0, None, None, None)
    assert outbox.purge(older_than=timedelta(hours=1)) == 0
    assert outbox.purge(older_than=timedelta()) == 2
    assert (outbox.status().pending, outbox.status().dead) == (1, 0)
    kill_all(outbox)
    assert outbox.replay() == 1
    with pytest.raises(ApiValueError, match="what waits is sent"):
        outbox.purge(older_than=timedelta(), state="pending")
    with pytest.raises(ApiValueError, match='expected "pending" or "dead", got \'sent\''):
        outbox.events("sent")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_replayed_event_goes_before_what_waits_of_its_order(outbox: Outbox) -> None:
    outbox.add_all([event("o-1", 1), event("o-1", 2)])
    with Service(lambda given: 400 if given["_orderStatus"] == "1" else 200) as service, service.client() as client:
        Relay(outbox, api_client=client).run(until_empty=True)
    outbox.add(event("o-1", 3))
    outbox.replay()
    with Service() as service, service.client() as client:
        Relay(outbox, api_client=client).run(until_empty=True)
        assert service.steps == {"o-1": [1, 3]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"store": ":memory:"}, "store: expected the path of a file"),
        ({"store": ""}, "store: expected the path of a file"),
        ({"store": 7}, "store: expected a path, a SQLAlchemy Engine or URL, or a DjangoStore, got int"),
        ({"store": b"x.db"}, "store: expected a path, .* got bytes"),
        ({"store": "x.db", "cipher": object()}, "cipher: expected an object with encrypt and decrypt, got object"),
        ({"store": "x.db", "max_bytes": 10}, "max_bytes: must be at least 65,536"),
        ({"store": "sqlite:///x.db", "fsync": False}, "fsync, max_bytes: are for an outbox in a file"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ApiValueError, ApiTypeError), match=message):
        Outbox(**arguments)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": 0}, "threads: expected a whole number, 1 to 1000"),
        ({"rate": 0}, "rate: expected events per second, more than 0"),
        ({"rate": float("nan")}, "rate: "),
        ({"lease": 0.1}, r"lease: expected 0\.5 to 3600 seconds"),
        ({"part": (4, 4)}, r"part: expected \(index, count\)"),
        ({"part": (0, 257)}, "part: "),
        ({"part": (0.5, 4)}, "part: "),
        ({"part": 3}, "part: "),
    ],
)
def test_a_relay_refuses_settings_that_make_no_sense(outbox: Outbox, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiValueError, match=message):
        Relay(outbox, **settings)


CANARY = "canary@example.com"


def personal() -> CreateOrder:
    address = BillingAddress(name="Canary Person", phone="+49-canary", address1="Canary Street 1")
    return CreateOrder(user_id="u", order_id="o-1", user_email=CANARY, billing_address=address)


def test_neither_lists_nor_errors_nor_logs_show_what_an_event_holds(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outbox.add(personal())

    def refuse(given: Any) -> tuple[int, dict[str, str]]:
        return 422, {"X-Echo": json.dumps(given)[:200]}

    shown: list[StoredEvent] = []
    with Service(refuse) as service, service.client() as client:
        Relay(outbox, api_client=client, on_dead=shown.append).run(until_empty=True)
    texts = [repr(outbox.events("dead")), repr(shown), repr(outbox.status()), repr(outbox.events("dead")[0].event)]
    texts += [record.getMessage() for record in caplog.records] + [repr(outbox)]
    assert len(shown) == 1
    assert not any("canary" in text.lower() for text in texts)
    assert CANARY in outbox.events("dead")[0].body
    assert outbox.events("dead")[0].event.to_dict()["user_email"] == CANARY


def test_no_file_holds_an_event_that_was_sent_and_none_is_for_others_to_read(
    outbox: Outbox, sandbox: Sandbox, global_configuration: Configuration, tmp_path: Path
) -> None:
    outbox.add_all(personal() for _ in range(300))
    waiting = {name.name: name.read_bytes() for name in tmp_path.iterdir()}
    assert any(CANARY.encode() in content for content in waiting.values())
    Relay(outbox).run(until_empty=True)
    for name in tmp_path.iterdir():
        assert CANARY.encode() not in name.read_bytes(), name
        assert stat.S_IMODE(name.stat().st_mode) == 0o600, name
    assert {"thirdwatch.db", "thirdwatch.db-relay", "thirdwatch.db-reserve"} <= waiting.keys()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_folder_that_anybody_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with Outbox(folder / "x.db") as outbox, pytest.raises(OutboxException, match="is writable for everybody"):
        outbox.add(event())
    folder.chmod(0o1777)  # as /tmp is: nobody can put another file in its place
    with Outbox(folder / "x.db") as outbox:
        outbox.add(event())


class Wrapped:
    """A cipher whose tokens are no text."""

    def encrypt(self, data: bytes) -> bytes:
        return bytes(byte ^ 0xFF for byte in data)

    decrypt = encrypt


@pytest.fixture
def fernet() -> Any:
    return pytest.importorskip("cryptography.fernet")


def key_of(fernet: Any) -> Any:
    """Make a cipher with a key of its own."""
    return fernet.Fernet(fernet.Fernet.generate_key())


@pytest.mark.parametrize("kind", ["Fernet", "bytes"])
def test_a_cipher_keeps_events_from_who_reads_the_file(
    path: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    cipher = Wrapped() if kind == "bytes" else key_of(request.getfixturevalue("fernet"))
    with Outbox(path, cipher=cipher) as outbox:
        outbox.add(personal())
        assert not any(b"canary" in name.read_bytes().lower() for name in tmp_path.iterdir())
        assert CANARY in outbox.events("pending")[0].body
        with Service() as service, service.client() as client:
            Relay(outbox, api_client=client).run(until_empty=True)
            assert service.taken[0]["_userEmail"] == CANARY


def test_keys_rotate_and_what_was_stored_in_clear_is_still_sent(path: str, fernet: Any) -> None:
    old, new = key_of(fernet), key_of(fernet)
    both = fernet.MultiFernet([new, old])
    for step, cipher in enumerate((None, old, both)):
        with Outbox(path, cipher=cipher) as outbox:
            outbox.add(event("o-1", step))
    with Outbox(path, cipher=both) as outbox, Service() as service, service.client() as client:
        Relay(outbox, api_client=client).run(until_empty=True)
        assert service.steps == {"o-1": [0, 1, 2]}


def test_without_its_key_an_event_stays_and_says_why(path: str, caplog: pytest.LogCaptureFixture, fernet: Any) -> None:
    key = key_of(fernet)
    with Outbox(path, cipher=key) as outbox:
        outbox.add(event("o-1", 1))
    with Outbox(path, cipher=key_of(fernet)) as outbox, Service() as service:
        outbox.add(event("o-2", 2))
        with service.client() as client:
            Relay(outbox, api_client=client).run(until_empty=True, seconds=0.3)
        assert service.steps == {"o-2": [2]}
        (kept,) = outbox.events("pending")
        assert kept.due
        assert "can't be decrypted (InvalidToken)" in str(kept.error)
        with pytest.raises(OutboxException, match="pass the cipher that it was added with"):
            _ = kept.body
    with Outbox(path) as outbox, pytest.raises(OutboxException, match="the event is encrypted"):
        _ = outbox.events("pending")[0].event
    with Outbox(path, cipher=key) as outbox, Service() as service, service.client() as client:
        Relay(outbox, api_client=client).run(until_empty=True)
        assert service.steps == {"o-1": [1]}
    assert "event 1 of the outbox can't be sent" in caplog.text


def test_a_cipher_that_breaks_stores_nothing(path: str) -> None:
    class Broken(Wrapped):
        def encrypt(self, data: bytes) -> bytes:
            raise RuntimeError(data)

    with Outbox(path, cipher=Broken()) as outbox:
        with pytest.raises(OutboxException, match=r"could not be encrypted \(RuntimeError\)") as caught:
            outbox.add(personal())
        assert caught.value.__cause__ is None
        assert outbox.status().pending == 0


def test_a_store_that_runs_statements_itself_is_taken_as_it_is(outbox: Outbox) -> None:
    assert Outbox(outbox.executor).executor is outbox.executor


@pytest.mark.parametrize("error", [OutboxException, OutboxFullException, OutboxCorruptException])
def test_today_s_handler_keeps_a_checkout_alive(error: type[OutboxException]) -> None:
    import pickle

    made = error(reason="the disk is full")
    assert isinstance(made, ApiException)
    assert str(made) == "the disk is full"
    again = pickle.loads(pickle.dumps(made))
    assert (type(again), again.reason, again.status, again.attempts) == (error, "the disk is full", None, 0)


def test_an_outbox_that_nobody_uses_costs_nothing() -> None:
    program = """
        import sys
        before = set(sys.modules)
        import thirdwatch_api
        print([name for name in sys.modules.keys() - before if "sqlite" in name or "outbox" in name])
        thirdwatch_api.outbox.Outbox
        print("thirdwatch_api.outbox" in sys.modules, "sqlalchemy" in sys.modules)
    """
    assert run_script(program).stdout.splitlines() == ["[]", "True False"]
    assert "outbox" in dir(thirdwatch_api)


def test_threads_share_an_outbox(outbox: Outbox) -> None:
    def work(index: int) -> None:
        for step in range(25):
            outbox.add(event(index, step))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outbox.status().pending == 200
    with Service() as service, service.client() as client:
        Relay(outbox, api_client=client).run(until_empty=True)
        assert service.steps == {str(i): list(range(25)) for i in range(8)}


def test_the_trace_of_who_added_an_event_goes_on_when_it_is_sent(outbox: Outbox) -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    seen: list[Any] = []

    def spy(event: Any) -> int:
        return 200

    with Service(spy) as service, service.client() as client:
        client.configuration.on_request = lambda attempt: seen.append(trace.get_current_span().get_span_context())
        tracer = sdk.TracerProvider().get_tracer("shop")
        with tracer.start_as_current_span("checkout") as span:
            outbox.add(event("o-1", 1))
        outbox.add(event("o-1", 2))
        Relay(outbox, api_client=client).run(until_empty=True)
    assert seen[0].trace_id == span.get_span_context().trace_id
    assert seen[0].span_id == span.get_span_context().span_id
    assert not seen[1].is_valid


def test_a_trace_is_left_alone_where_opentelemetry_is_not_installed(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    with sdk.TracerProvider().get_tracer("shop").start_as_current_span("checkout"):
        outbox.add(event("o-1", 1))
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with Service() as service, service.client() as client:
        assert Relay(outbox, api_client=client).run(until_empty=True).sent == 1


def test_a_trace_state_that_is_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from thirdwatch_api.outbox import _trace

    class Propagator:
        def inject(self, carrier: dict[str, str]) -> None:
            carrier.update(traceparent="00-a-b-01", tracestate="x" * 1000)

    monkeypatch.setitem(sys.modules, "opentelemetry.trace", object())
    monkeypatch.setattr(_trace, "_propagator", Propagator)
    assert _trace.current_trace() == "00-a-b-01"
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert _trace.current_trace() is None
