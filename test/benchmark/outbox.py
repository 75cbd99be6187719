"""What an outbox costs: to add an event, to send it, to take over, and the room that it needs."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from thirdwatch_api import ApiClient, Configuration, OrderStatus, OrderStatusApi
from thirdwatch_api.outbox import Outbox, Relay
from thirdwatch_api.outbox._store import Part

from .rows import Row, Scale, seconds_of_threads
from .servers import Server

__all__ = ["outbox"]

_THREADS = 8
_BATCH = 100
_BODY = '{"_userId":"u-42","_orderId":"o-1001","_orderStatus":"_fulfilled"}'
_EVENT = OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")
_LEADER = """
import sys
from thirdwatch_api.outbox import Outbox
from thirdwatch_api.outbox._store import Part
lead = Outbox(sys.argv[1]).executor.lead(Part(0, 1), "benchmark", 30)
print(lead.take(), flush=True)
sys.stdin.read()
"""


def outbox(server: Server, scale: Scale) -> Iterator[Row]:
    """Measure all of it, in files on the disk of the temporary folder."""
    with TemporaryDirectory() as folder:
        yield from _adding(Path(folder), scale)
        yield from _sending(Path(folder), server, scale)
        yield from _taking_over(Path(folder), scale)
        yield from _room(Path(folder), scale)


def _adding(folder: Path, scale: Scale) -> Iterator[Row]:
    """Add one event, beside a bare commit of the same row and beside other queues."""
    with ExitStack() as stack:
        kept = stack.enter_context(Outbox(folder / "add.db"))
        loose = stack.enter_context(Outbox(folder / "loose.db", fsync=False))
        shop = stack.enter_context(closing(sqlite3.connect(folder / "add.db")))
        batch = [_EVENT] * _BATCH
        ways: dict[str, Callable[[], object]] = {
            "bare commit": _bare_commit(stack, folder / "bare.db"),
            "add": lambda: kept.add(_EVENT),
            "add in batches of 100": lambda: kept.add_all(batch),
            "add in the shop's transaction": lambda: _add_in_transaction(kept, shop),
            "add without fsync": lambda: loose.add(_EVENT),
            **_others(folder),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        each = max(1, scale.calls // 20)
        for _ in range(scale.rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                for _ in range(each):
                    way()
                spent = (time.perf_counter() - started) / each
                seconds[name].append(spent / (_BATCH if "batches" in name else 1))
        bare = seconds["bare commit"]
        for name, values in seconds.items():
            ratios = [value / other for value, other in zip(values, bare, strict=True)]
            goals = ("<= 2.0", "<= 1.3") if name == "add" else ("", "")
            yield Row(f"{name} / bare commit", ratios, *goals, note=f"{min(values) * 1e6:.0f} us at best")


def _bare_commit(stack: ExitStack, path: Path) -> Callable[[], object]:
    connection = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, kind, order_key, slot, body, created)")
    insert = "INSERT INTO event (kind, order_key, slot, body, created) VALUES (?, ?, ?, ?, ?)"
    return lambda: connection.execute(insert, ("order_status", "o-1001", 7, _BODY, time.time()))


def _add_in_transaction(kept: Outbox, shop: sqlite3.Connection) -> None:
    kept.add(_EVENT, shop)
    shop.commit()


def _others(folder: Path) -> dict[str, Callable[[], object]]:
    """Queues in SQLite that are installed. None of them keeps the order of one key."""
    ways: dict[str, Callable[[], object]] = {}
    if find_spec("litequeue"):
        lite: Any = import_module("litequeue").LiteQueue(str(folder / "lite.db"))
        ways["litequeue (no fsync)"] = lambda: lite.put(_BODY)
    if find_spec("persistqueue"):
        persist: Any = import_module("persistqueue").SQLiteAckQueue(str(folder / "persist"))
        ways["persist-queue"] = lambda: persist.put(_BODY)
    if find_spec("huey"):
        huey: Any = import_module("huey").SqliteHuey(filename=str(folder / "huey.db"), fsync=True)
        ways["huey"] = lambda: huey.storage.enqueue(_BODY.encode())
    return ways


def _sending(folder: Path, server: Server, scale: Scale) -> Iterator[Row]:
    """Send events by a relay, and by plain calls from as many threads."""
    count = scale.calls * 20
    made = [OrderStatus(user_id="u-42", order_id=f"o-{i % 1000}", order_status="_fulfilled") for i in range(count)]
    speeds: list[float] = []
    with (
        Outbox(folder / "send.db") as box,
        ApiClient(configuration=Configuration(host=server.base, api_key="k")) as client,
    ):
        for number in range(max(2, scale.rounds // 3) + 1):
            box.add_all(made)
            started = time.perf_counter()
            sent = Relay(box, threads=_THREADS, api_client=client).run(until_empty=True).sent
            relay = time.perf_counter() - started
            assert sent == count
            if number:
                speeds.append(_plain_calls(client, made) / relay)
    yield Row("relay / plain calls, 8 threads, events per second", speeds, ">= 0.85", ">= 1.0")


def _plain_calls(client: ApiClient, made: list[OrderStatus]) -> float:
    api = OrderStatusApi(client)

    def work(first: int) -> None:
        for event in made[first::_THREADS]:
            api.order_status(event)

    return seconds_of_threads(work, _THREADS)


def _taking_over(folder: Path, scale: Scale) -> Iterator[Row]:
    """Kill a leader, and take the lead."""
    path = folder / "lead.db"
    waits: list[float] = []
    with Outbox(path) as box:
        box.create()
        lead = box.executor.lead(Part(0, 1), "benchmark", 30)
        for _ in range(max(2, scale.starts // 5)):
            command = [sys.executable, "-c", _LEADER, str(path)]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as leader:
                assert leader.stdout
                assert leader.stdout.readline() == b"True\n"
                assert not lead.take()
                leader.kill()
                started = time.perf_counter()
                while not lead.take():
                    time.sleep(0.0001)
                waits.append((time.perf_counter() - started) * 1000)
                lead.leave()
    yield Row("take-over after kill -9", waits, unit=" ms")


def _room(folder: Path, scale: Scale) -> Iterator[Row]:
    """Look at the file while events wait, and when they are gone."""
    path = folder / "room.db"
    count = scale.many_calls * 5
    with Outbox(path, fsync=False) as box:
        for _ in range(0, count, 10_000):
            box.add_all([_EVENT] * min(count, 10_000))
        box.executor.tidy()
        yield Row(f"file with {count:,} events", [path.stat().st_size / 2**20], unit=" MiB")
        box.executor.write("DELETE FROM thirdwatch_outbox")
        box.executor.tidy()
        yield Row("file when they are gone", [path.stat().st_size / 2**20], unit=" MiB")
