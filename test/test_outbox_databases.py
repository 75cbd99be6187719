"""One contract for every database that an outbox can be in, and what is special about servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import ApiTypeError, ApiValueError, OutboxException, OutboxFullException
from thirdwatch_api.outbox import Outbox, Relay, RelayResult, drain
from thirdwatch_api.outbox._store import Part, Store

from .databases import mariadb, postgres
from .delivery import QUICK, Service, event, events
from .test_outbox_files import FORKS, run_here, spawn
from .test_outbox_relay import running, settle, until

sqlalchemy = pytest.importorskip("sqlalchemy")
orm = pytest.importorskip("sqlalchemy.orm")

SERVERS = {"PostgreSQL": postgres, "MariaDB": mariadb}
LEASE = 0.5
NOTHING: dict[str, Any] = {}
WHOLE = Part(0, 1)


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """Addresses of the servers that run already; they end with the module."""
    with ExitStack() as servers:
        started: dict[str, str] = {}

        class Starting(dict[str, str]):
            def __missing__(self, name: str) -> str:
                self[name] = servers.enter_context(SERVERS[name]())
                return self[name]

        started = Starting()
        yield started


def engine_of(outbox: Outbox) -> Any:
    executor: Any = outbox.executor
    return executor._engine


def emptied(url: str) -> str:
    engine = sqlalchemy.create_engine(url)
    from thirdwatch_api.outbox.tables import metadata

    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS orders"))
        metadata.drop_all(connection)
        metadata.create_all(connection)
        connection.execute(sqlalchemy.text("CREATE TABLE orders (number INTEGER)"))
    engine.dispose()
    return url


def url_of(name: str, urls: dict[str, str], tmp_path: Path) -> str:
    return emptied(f"sqlite:///{tmp_path}/shop.db" if name == "SQLite" else urls[name])


@pytest.fixture(params=["SQLite", "PostgreSQL", "MariaDB"])
def url(request: pytest.FixtureRequest, urls: dict[str, str], tmp_path: Path) -> str:
    return url_of(request.param, urls, tmp_path)


@pytest.fixture(params=["PostgreSQL", "MariaDB"])
def server(request: pytest.FixtureRequest, urls: dict[str, str], tmp_path: Path) -> str:
    return url_of(request.param, urls, tmp_path)


@pytest.fixture
def outbox(url: str) -> Iterator[Outbox]:
    with Outbox(url) as outbox:
        yield outbox


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "_timing", QUICK)


def test_events_come_and_go_as_in_a_file(outbox: Outbox) -> None:
    outbox.add_all(events(40, 8))
    outbox.add(event("Ärger", 99), key="Ärger mit Ümlaut")
    assert outbox.status().pending == 41
    with Service(lambda given: 400 if given["_orderStatus"] in ("3", "11") else 200) as service:
        assert settle(outbox, service) == RelayResult(39, 2, 0)
        assert service.out_of_order == []
        dead = outbox.events("dead")
        assert [each.order for each in dead] == ["o-3", "o-3"]
        assert [each.attempts for each in dead] == [1, 1]
        assert outbox.replay(dead[1].id) == 1
        assert outbox.purge(older_than=timedelta(hours=1)) == 0
        assert outbox.purge(older_than=timedelta()) == 1
        (again,) = outbox.events("pending", order="o-3")
        assert (again.id, again.error, again.state) == (dead[1].id, None, "pending")
    assert outbox.check() == []
    outbox.create()  # again, which changes nothing


def test_mixed_failures_keep_the_order(outbox: Outbox) -> None:
    numbers = iter(range(10**6))

    def decide(_: Any) -> int:
        return {3: 500, 11: 503, 17: 500}.get(next(numbers) % 29, 200)

    outbox.add_all(events(300, 60))
    with Service(decide) as service:
        assert settle(outbox, service) == RelayResult(300, 0, 0)
        assert service.out_of_order == []


def test_an_order_waits_for_its_earliest_event_in_the_database_as_well(outbox: Outbox) -> None:
    outbox.add_all([event("a", 1), event("a", 2), event("b", 3), event("A", 4)])
    store = Store(outbox.executor)
    now = time.time()
    first = outbox.events("pending")[0].id
    store.postpone(first, now + 60, "500")
    whole = Part(0, 1)
    assert [row.order_key for row in store.fetch(10, whole, [], [], now)] == ["b", "A"]
    assert [row.order_key for row in store.fetch(10, whole, [first + 2], ["A"], now)] == []
    assert len(store.fetch(10, whole, [], [], now + 61)) == 4
    assert len(store.fetch(2, whole, [], [], now - 86400)) == 2  # the clock was set back
    assert len(store.fetch(10, whole, [], [], now - 86400)) == 4
    assert store.next_due(whole) == 0
    assert outbox.events("pending")[0].attempts == 1
    store.mark_dead(first, now, "x" * 1000)
    assert len(outbox.events("dead")[0].error or "") == 500
    assert sum(len(store.fetch(10, Part(i, 5), [], [], now)) for i in range(5)) == 3


@pytest.mark.parametrize("kind", ["Session", "scoped_session", "Connection"])
def test_an_event_is_part_of_the_shop_s_transaction(url: str, kind: str) -> None:
    engine = sqlalchemy.create_engine(url)
    via = {
        "Session": lambda: orm.Session(engine),
        "scoped_session": lambda: orm.scoped_session(orm.sessionmaker(engine)),
        "Connection": engine.connect,
    }[kind]()
    with Outbox(engine) as outbox:
        for number, keep in ((1, True), (2, False), (3, True)):
            via.execute(sqlalchemy.text("INSERT INTO orders VALUES (:n)"), {"n": number})
            outbox.add(event(number, number), via)
            outbox.add_all([event(number, 10 * number)], via)
            via.commit() if keep else via.rollback()
        outbox.add(event(4, 4), via)  # the first statement of a transaction
        via.rollback()
        assert [each.order for each in outbox.events("pending")] == ["1", "1", "3", "3"]
        assert via.execute(sqlalchemy.text("SELECT COUNT(*) FROM orders")).scalar() == 2
        via.close() if kind != "scoped_session" else via.remove()
    engine.dispose()


def test_a_transaction_survives_that_an_event_could_not_be_stored(url: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = sqlalchemy.create_engine(url)
    with Outbox(engine) as outbox, orm.Session(engine) as session:
        session.execute(sqlalchemy.text("INSERT INTO orders VALUES (1)"))
        session.commit()
        session.execute(sqlalchemy.text("DROP TABLE thirdwatch_outbox"))
        session.commit()
        session.execute(sqlalchemy.text("INSERT INTO orders VALUES (2)"))
        with pytest.raises(
            OutboxException, match=r"has no tables .*: migrate, or call outbox\.create\(\) once"
        ) as caught:
            outbox.add(event("canary"), session)
        assert caught.value.__cause__ is None
        assert "canary" not in str(caught.value)
        session.commit()
        assert session.execute(sqlalchemy.text("SELECT COUNT(*) FROM orders")).scalar() == 2
    assert "has no tables" in outbox.check()[0]
    with pytest.raises(OutboxException, match="has no tables"):
        outbox.add(event())
    outbox.create()
    outbox.add(event())
    engine.dispose()


def test_another_database_or_no_connection_at_all_can_not_take_the_event(tmp_path: Path) -> None:
    other = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/other.db")

    class AsyncLike:
        async def connection(self) -> None: ...

    with Outbox(emptied(f"sqlite:///{tmp_path}/shop.db")) as outbox:
        with (
            other.connect() as connection,
            pytest.raises(ApiValueError, match="via: is a connection to another database"),
        ):
            outbox.add(event(), connection)
        with pytest.raises(ApiTypeError, match="via: expected a SQLAlchemy Session or Connection, got Engine"):
            outbox.add(event(), other)
        with pytest.raises(ApiTypeError, match=r"via: an AsyncSession can't be used here: await session\.run_sync"):
            outbox.add(event(), AsyncLike())
        assert outbox.status().pending == 0
    other.dispose()


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("nonsense://:secret", "store: is no URL of a database"),
        ("postgresql+nonsense://shop:secret@h/d", "store: is no URL of a database"),
        ("oracle+oracledb://shop:secret@h/d", "store: the driver is missing"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_its_password(store: str, message: str) -> None:
    with pytest.raises(ApiValueError, match=message) as caught:
        Outbox(store)
    assert "secret" not in str(caught.value)


def test_what_is_no_engine_is_refused() -> None:
    with pytest.raises(ApiTypeError, match="store: expected a SQLAlchemy Engine or URL, got MetaData; no async engine"):
        Outbox(sqlalchemy.MetaData())


def test_a_dialect_that_nobody_tried_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    monkeypatch.setattr(engine.dialect, "name", "oracle")
    with pytest.raises(ApiValueError, match="oracle is none of the databases that were tried: postgresql, mysql"):
        Outbox(engine)


@pytest.mark.parametrize(("url", "driver"), [("postgresql://h/d", "psycopg"), ("mysql://h/d", "pymysql")])
def test_a_url_without_a_driver_takes_the_one_that_is_there(
    url: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(driver)
    monkeypatch.delitem(sys.modules, "MySQLdb", raising=False)  # as which pymysql poses for Django
    outbox = Outbox(url)
    assert engine_of(outbox).dialect.driver == driver
    outbox.close()


def test_a_missing_sqlalchemy_names_the_extra(tmp_path: Path) -> None:
    program = """
        import sys
        sys.modules["sqlalchemy"] = None
        from thirdwatch_api.outbox import Outbox
        try:
            Outbox("sqlite:///x.db")
        except Exception as error:
            print(type(error).__name__, error)
    """
    assert run_here(program) == "ApiValueError store: sqlalchemy is missing: pip install thirdwatch-api[sqlalchemy]\n"


def test_a_database_without_room_says_so() -> None:
    from sqlalchemy.exc import OperationalError

    from thirdwatch_api.outbox._sql import _translated

    full = OperationalError(
        "INSERT", {"body": "canary"}, Exception("could not extend file: No space left on device\nx")
    )
    assert type(_translated(full)) is OutboxFullException
    assert str(_translated(full)).endswith("has no room: could not extend file: No space left on device")
    other = OperationalError("INSERT", {"body": "canary"}, Exception("null value\nDETAIL: Failing row (canary)"))
    assert str(_translated(other)) == "the database of the outbox failed: null value"


def leads(outbox: Outbox, name: str, part: Part = WHOLE, lease: float = LEASE) -> Any:
    return outbox.executor.lead(part, name, lease)


def test_one_leads_until_its_lease_ends_or_it_leaves(outbox: Outbox) -> None:
    first, second = leads(outbox, "first", lease=30), leads(outbox, "second", lease=LEASE)
    assert [first.take(), first.take(), second.take()] == [True, True, False]
    assert outbox.status().leader == "first"
    first.leave()
    assert outbox.status().leader is None
    assert [second.take(), first.take()] == [True, False]
    until(first.take)  # the second one is silent
    assert [second.take(), outbox.status().leader] == [False, "first"]
    second.leave()  # which is not its to leave
    assert outbox.status().leader == "first"


def test_parts_and_the_whole_do_not_meet(outbox: Outbox) -> None:
    parts = [leads(outbox, f"part {i}", Part(i, 3), 30) for i in range(3)]
    whole = leads(outbox, "whole", lease=30)
    assert [part.take() for part in parts] == [True] * 3
    assert [whole.take(), leads(outbox, "other", Part(0, 2), 30).take()] == [False, False]
    assert outbox.status().leader == "part 0, part 1, part 2"
    for part in parts:
        part.leave()
    assert [whole.take(), parts[0].take(), whole.take()] == [True, False, True]


def test_a_lease_from_a_future_that_was_taken_back_is_none(outbox: Outbox) -> None:
    assert leads(outbox, "first").take()
    outbox.executor.write("UPDATE thirdwatch_relay SET expires = expires + 864000")
    assert leads(outbox, "second").take()


def test_a_seat_that_two_make_at_once_is_made_once(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = outbox.executor
    original = executor.write

    def write(statement: str, values: Any = NOTHING) -> int:
        if statement.startswith("INSERT INTO thirdwatch_relay"):
            original(statement, values)
            monkeypatch.setattr(executor, "write", original)
        return original(statement, values)

    monkeypatch.setattr(executor, "write", write)
    assert leads(outbox, "first").take()
    outbox.executor.write("DROP TABLE thirdwatch_relay")
    with pytest.raises(OutboxException, match="has no tables"):
        leads(outbox, "first").take()


def test_a_seat_that_can_not_be_made_is_an_error(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(statement: str, values: Any = NOTHING) -> int:
        if statement.startswith("INSERT"):
            raise OutboxException(reason="no right to insert")
        return 0

    monkeypatch.setattr(outbox.executor, "write", write)
    with pytest.raises(OutboxException, match="no right to insert"):
        leads(outbox, "first").take()


def test_a_stolen_lease_sends_nothing_twice_and_keeps_the_order(outbox: Outbox) -> None:
    outbox.add_all(events(600, 60))
    steal = leads(outbox, "thief", lease=LEASE)
    with Service() as service, service.client() as client:
        with running(Relay(outbox, api_client=client, lease=LEASE)):
            for count in (100, 250, 400):
                until(partial(_has_taken, service, count))
                outbox.executor.write("UPDATE thirdwatch_relay SET holder = 'thief', expires = expires + 0.2")
            until(lambda: outbox.status().pending == 0)
        assert (sum(map(len, service.steps.values())), service.out_of_order) == (600, [])
        assert service.twice <= 3 * 8  # a thief that sends nothing: what was under way is noted all the same
    steal.leave()


RELAY = """
    import sys
    from dataclasses import replace
    from test.delivery import QUICK
    from thirdwatch_api import ApiClient, Configuration
    from thirdwatch_api.outbox import Outbox, Relay
    Relay._timing = QUICK
    client = ApiClient(configuration=Configuration(host=sys.argv[2], api_key="k"))
    Relay(Outbox(sys.argv[1]), api_client=client, lease=float(sys.argv[3])).run()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_relay_that_is_gone_is_replaced_within_a_lease(server: str, how: signal.Signals) -> None:
    with Outbox(server) as outbox, Service() as service, service.client() as client:
        outbox.add_all(events(1500, 150))
        relay = spawn(RELAY, server, service.url, 1, stdout=subprocess.DEVNULL)
        try:
            until(lambda: len(service.taken) > 200)
            relay.send_signal(how)
            if how == signal.SIGSTOP:
                os.waitpid(relay.pid, os.WUNTRACED)
            else:
                relay.wait()
            # By the clock of the database: what it says does not depend on how busy this machine is.
            ((ends, now),) = outbox.executor.read(f"SELECT expires, {outbox.executor.now} FROM thirdwatch_relay")
            assert ends - float(now) <= 1
            before = len(service.taken) + 8
            with running(Relay(outbox, api_client=client, lease=1)):
                until(lambda: len(service.taken) > before + 100)
                ((later,),) = outbox.executor.read("SELECT expires FROM thirdwatch_relay")
                assert later - 1 >= ends  # and nobody leads before
                relay.send_signal(signal.SIGCONT)
                until(lambda: outbox.status().pending == 0)
        finally:
            relay.kill()
            relay.wait()
        assert (sum(map(len, service.steps.values())), service.out_of_order) == (1500, [])
        assert service.twice <= 8 + 100


def test_the_lead_is_not_written_for_each_event(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[str] = []
    original = outbox.executor.write

    def write(statement: str, values: Any = NOTHING) -> int:
        writes.append(statement)
        return original(statement, values)

    monkeypatch.setattr(outbox.executor, "write", write)
    outbox.add_all(events(500, 50))
    started = time.monotonic()
    with Service() as service:
        assert settle(outbox, service, lease=30).sent == 500
    seconds = time.monotonic() - started
    assert sum("expires" in statement for statement in writes) <= 4 + seconds  # one a second; to begin and to end
    assert sum("DELETE" in statement for statement in writes) <= 250


def test_a_relay_that_was_frozen_within_a_statement_blocks_nobody(server: str) -> None:
    """Each statement is a transaction of its own: no lock outlives it."""
    with Outbox(server) as outbox:
        outbox.add_all(events(10, 10))
        store = Store(outbox.executor)
        assert len(store.fetch(10, Part(0, 1), [], [], time.time())) == 10
        store.delete([each.id for each in outbox.events("pending")][:5])
        engine = engine_of(outbox)
        with engine.connect() as other:
            if engine.dialect.name == "postgresql":
                held = "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                assert other.execute(sqlalchemy.text(held)).scalar() == 0
            assert other.execute(sqlalchemy.text("DELETE FROM thirdwatch_outbox")).rowcount == 5
            other.commit()


def test_an_id_that_becomes_visible_late_is_not_missed(server: str) -> None:
    engine = sqlalchemy.create_engine(server)
    with Outbox(engine) as outbox, Service() as service, service.client() as client:
        slow = orm.Session(engine)
        with running(Relay(outbox, api_client=client)):
            outbox.add(event("slow", 1), slow)
            outbox.add_all(events(50, 10))
            until(lambda: len(service.taken) == 50)
            slow.commit()
            until(lambda: "slow" in service.steps)
        slow.close()
    engine.dispose()


def test_a_connection_for_each_statement_is_enough(server: str) -> None:
    """As behind PgBouncer, where the next statement may meet another server process."""
    engine = sqlalchemy.create_engine(server, poolclass=sqlalchemy.pool.NullPool)
    with Outbox(engine) as outbox, Service() as service:
        outbox.add_all(events(100, 20))
        assert settle(outbox, service) == RelayResult(100, 0, 0)
        assert service.out_of_order == []


def test_a_connection_that_the_server_closed_is_made_again(server: str) -> None:
    with Outbox(server) as outbox:
        outbox.add(event())
        outbox.status()
        admin = sqlalchemy.create_engine(server)
        with admin.connect() as connection:
            if admin.dialect.name == "postgresql":
                kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                connection.execute(sqlalchemy.text(kill))
            else:
                own = connection.execute(sqlalchemy.text("SELECT CONNECTION_ID()")).scalar()
                for row in connection.execute(sqlalchemy.text("SHOW PROCESSLIST")).all():
                    if row[0] != own and row[1] == "root":
                        connection.execute(sqlalchemy.text(f"KILL {row[0]}"))
        admin.dispose()
        outbox.add(event())
        assert outbox.status().pending == 2


def test_a_connection_that_is_cut_each_time_is_an_error_of_the_family(server: str) -> None:
    with Outbox(server) as outbox:
        sqlalchemy.event.listen(engine_of(outbox), "connect", lambda connection, record: connection.close())
        with pytest.raises(OutboxException, match="the database of the outbox failed: "):
            outbox.status()


def test_what_is_no_error_of_a_database_is_not_taken_for_one(outbox: Outbox) -> None:
    executor: Any = outbox.executor
    with pytest.raises(ZeroDivisionError):
        executor._run(lambda connection: 1 / 0)


def test_a_server_that_is_away_for_a_while_finds_all_in_its_place() -> None:
    with ExitStack() as stack:
        url = stack.enter_context(postgres())
        outbox = stack.enter_context(Outbox(url))
        service = stack.enter_context(Service())
        client = stack.enter_context(service.client())
        outbox.create()
        outbox.add_all(events(400, 40))
        engine = sqlalchemy.create_engine(url)
        with running(Relay(outbox, api_client=client, lease=LEASE)) as results:
            until(lambda: len(service.taken) > 50)
            with engine.connect() as connection:
                (pid,) = connection.execute(
                    sqlalchemy.text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
                ).one()
            parent = int(Path(f"/proc/{pid}/stat").read_text().split()[3])
            os.kill(parent, signal.SIGSTOP)
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)  # all sessions end; the server finds out when it is woken
            time.sleep(2 * LEASE)
            os.kill(parent, signal.SIGCONT)
            until(lambda: _left(outbox) == 0)
        engine.dispose()
        assert service.out_of_order == []
        assert sum(map(len, service.steps.values())) == 400
        assert results[0].left == 0


def _has_taken(service: Service, count: int) -> bool:
    return len(service.taken) >= count


def _left(outbox: Outbox) -> int:
    try:
        return outbox.status().pending
    except OutboxException:
        return -1


@FORKS
def test_children_do_not_share_the_parent_s_connection(server: str) -> None:
    program = """
        import os, sys
        from test.delivery import event
        from thirdwatch_api.outbox import Outbox
        outbox = Outbox(sys.argv[1])
        outbox.add(event(0, 0))
        for child in range(4):
            if not os.fork():
                for step in range(10):
                    outbox.add(event(f"child-{child}", step))
                os._exit(0)
        outbox.add_all(event("parent", step) for step in range(10))
        assert [os.wait()[1] for _ in range(4)] == [0] * 4
        print(outbox.status().pending)
        outbox.close()
    """
    assert run_here(program, server) == "51\n"


def test_three_parts_share_the_orders_and_lose_none(server: str) -> None:
    with Outbox(server) as outbox, Service() as service, service.client() as client, ExitStack() as relays:
        outbox.add_all(events(600, 120))
        for i in range(3):
            relays.enter_context(running(Relay(outbox, part=(i, 3), api_client=client)))
        until(lambda: str(outbox.status().leader).count(",") == 2)
        assert drain(outbox, api_client=client, seconds=2).sent == 0  # a relay for the whole is refused
        until(lambda: outbox.status().pending == 0)
        assert (sum(map(len, service.steps.values())), service.twice, service.out_of_order) == (600, 0, [])


def test_alembic_makes_the_tables_and_finds_nothing_to_change_afterwards(urls: dict[str, str], tmp_path: Path) -> None:
    autogenerate: Any = pytest.importorskip("alembic.autogenerate")
    migration: Any = pytest.importorskip("alembic.migration")
    from thirdwatch_api.outbox import tables

    own = sqlalchemy.MetaData()
    sqlalchemy.Table("orders", own, sqlalchemy.Column("number", sqlalchemy.Integer))
    for name in ("SQLite", "PostgreSQL"):
        engine = sqlalchemy.create_engine(url_of(name, urls, tmp_path))
        tables.metadata.drop_all(engine)
        with engine.connect() as connection:
            context = migration.MigrationContext.configure(connection)
            found = autogenerate.compare_metadata(context, [own, tables.metadata])
            assert {each[1].name for each in found if each[0] == "add_table"} == {
                "thirdwatch_outbox",
                "thirdwatch_relay",
            }
            tables.metadata.create_all(connection)
            assert autogenerate.compare_metadata(context, [own, tables.metadata]) == []
        engine.dispose()
