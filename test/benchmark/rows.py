"""The rows of the table, and the goals that they have."""

import math
import os
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from .clients import BARE, CLIENTS, OURS, RAW, Call, bare_pool, ours
from .counter import find_counter
from .encodings import ENCODINGS, order_status, order_status_dict
from .servers import Server, tls_server

__all__ = ["GROUPS", "Row", "Scale", "seconds_of_threads"]

_ROOT = Path(__file__).parents[2]
_MEMORY = Path("/proc/self/statm")
_MIB = 1024 * 1024


class Scale(NamedTuple):
    """How much is measured."""

    rounds: int
    calls: int
    many_calls: int
    bursts: int
    starts: int
    counts_instructions: bool
    mebibytes: int
    """Of the file that a backfill imports."""


class Row(NamedTuple):
    """One line of the table."""

    what: str
    values: list[float]
    """What the rounds measured; empty where this machine can't measure it."""
    must: str = ""
    aim: str = ""
    unit: str = ""
    note: str = ""

    @property
    def goal(self) -> str:
        """The name of the goal that the median reaches."""
        if not self.values or not self.must:
            return ""
        reached = [name for name in ("must", "aim") if _holds(statistics.median(self.values), getattr(self, name))]
        return reached[-1] if reached else "MISSED"

    @property
    def cells(self) -> tuple[str, ...]:
        """Write the row: what, must, aim, median, spread, goal, note."""
        median, spread = "no counter", ""
        if self.values:
            median = _shown(statistics.median(self.values)) + self.unit
        if len(self.values) > 1:
            low, _, high = statistics.quantiles(self.values, n=4)
            spread = f"{_shown(low)} to {_shown(high)}"
        return self.what, self.must, self.aim, median, spread, self.goal, self.note


def _shown(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _holds(value: float, goal: str) -> bool:
    if not goal:
        return False
    sign, limit = goal.split()[:2]
    return value >= float(limit) if sign == ">=" else value <= float(limit)


def _interleave(
    subjects: Mapping[str, Call], rounds: int, calls: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Measure by turns, so that what else the machine does meets all alike: seconds a call, one for each round."""
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, call in subjects.items():
            started = clock()
            for _ in range(calls):
                call()
            if number:  # the first round warms up
                seconds[name].append((clock() - started) / calls)
    return seconds


def _ratios(values: list[float], reference: list[float]) -> list[float]:
    return [value / other for value, other in zip(values, reference, strict=True)]


def _goals(name: str, must: str, aim: str) -> tuple[str, str]:
    """Only ours has goals."""
    return (must, aim) if name == OURS else ("", "")


def sequential(server: Server, scale: Scale) -> Iterator[Row]:
    """One call after the other: CPU, instructions and packets of each client."""
    packets: dict[str, float] = {}
    with ExitStack() as stack:
        calls = {name: stack.enter_context(client(server)) for name, client in CLIENTS.items()}
        seconds = _interleave(calls, scale.rounds, scale.calls)
        for name, call in calls.items():
            before = server.counts()
            for _ in range(scale.calls):
                call()
            packets[name] = server.counts().since(before).packets_per_request
    for name in calls:
        note = f"{statistics.median(seconds[name]) * 1e6:.0f} µs"
        yield Row(
            f"CPU of a call: {name}",
            _ratios(seconds[name], seconds[BARE]),
            *_goals(name, "<= 0.85", "<= 0.65"),
            note=note,
        )
    counter = find_counter() if scale.counts_instructions else None
    counts = counter.per_call(calls, server) if counter else {}
    for name in calls:
        values = [counts[name] / counts[BARE]] if counts else []
        note = f"{counts[name] / 1000:.0f} thousand ({counter.name})" if counter else ""
        yield Row(f"instructions of a call: {name}", values, *_goals(name, "<= 0.85", "<= 0.65"), note=note)
    for name in calls:
        yield Row(f"packets of a request: {name}", [packets[name]], *_goals(name, "<= 2", "<= 1"))


def bottleneck(server: Server, scale: Scale) -> Iterator[Row]:
    """How far the server is from slowing the clients down."""
    names = (RAW, OURS, BARE)
    with ExitStack() as stack:
        calls = {name: stack.enter_context(CLIENTS[name](server)) for name in names}
        before = server.counts()
        seconds = _interleave(calls, scale.rounds, scale.calls, time.perf_counter)
        used = server.counts().since(before)
    for name in names:
        yield Row(f"calls per second: {name}", [1 / each for each in seconds[name]])
    yield Row("CPU of the server for a request", [used.cpu / used.requests * 1e6], unit=" µs", note=server.kind)


def seconds_of_threads(work: Callable[[int], None], count: int) -> float:
    """Run threads, each with its number from 0 on, and return the seconds until the last one ends."""
    workers = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - started


def _in_threads(call: Call, threads: int, calls: int) -> tuple[float, float]:
    """Call from several threads that start together: seconds of wall clock and of CPU for a call."""
    start = threading.Barrier(threads + 1)

    def work() -> None:
        start.wait()
        for _ in range(calls):
            call()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    wall, cpu = time.perf_counter(), time.process_time()
    start.wait()
    for worker in workers:
        worker.join()
    number = threads * calls
    return (time.perf_counter() - wall) / number, (time.process_time() - cpu) / number


def threads(server: Server, scale: Scale) -> Iterator[Row]:
    """8 threads on one client, against 8 threads on one PoolManager that blocks at the same size."""
    mine_each, bare_each = list[float](), list[float]()
    with ours(server) as mine, bare_pool(server, maxsize=32, block=True) as bare:
        for number in range(scale.rounds + 1):
            walls = _in_threads(mine, 8, scale.calls)[0], _in_threads(bare, 8, scale.calls)[0]
            if number:  # the first round warms up
                mine_each.append(walls[0])
                bare_each.append(walls[1])
    note = f"{1 / statistics.median(mine_each):.0f} and {1 / statistics.median(bare_each):.0f} calls/s"
    yield Row("calls per second of 8 threads", _ratios(bare_each, mine_each), ">= 1.0", ">= 1.3", note=note)


def tls(_: Server, scale: Scale) -> Iterator[Row]:
    """CPU of a call that needs a new TLS connection: the server closes each after its response."""
    with tls_server() as server, ours(server) as mine, bare_pool(server, ca_certs=server.ca) as bare:
        seconds = _interleave({OURS: mine, BARE: bare}, scale.rounds, 5)
    note = f"{statistics.median(seconds[OURS]) * 1e3:.2g} ms, {statistics.median(seconds[BARE]) * 1e3:.2g} ms"
    yield Row("CPU of a new TLS connection", _ratios(seconds[OURS], seconds[BARE]), "<= 0.1", note=note)


def bursts(server: Server, scale: Scale) -> Iterator[Row]:
    """Connections that are opened when 8 threads start together, again and again."""

    def opened(client: Any) -> float:
        before = server.counts()
        with client(server) as call:
            for _ in range(scale.bursts):
                _in_threads(call, 8, 1)
        return server.counts().since(before).connections

    note = f"PoolManager(): {opened(bare_pool):.0f}"
    what = f"connections of {scale.bursts} bursts of 8 threads"
    yield Row(what, [opened(ours)], "<= 8", note=note)


_START_BARE = "import urllib3"
_START_OURS = """\
import thirdwatch_api
thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = "0123456789abcdef"
thirdwatch_api.OrderStatusApi()
thirdwatch_api.OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")
"""
_REPORT = """
import os, time
cpu = time.process_time()
if os.path.exists("/proc/self/statm"):
    pages = int(open("/proc/self/statm").read().split()[1])
    print(cpu, pages * os.sysconf("SC_PAGE_SIZE"))
else:
    print(cpu)
"""


def _start(code: str) -> list[float]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code + _REPORT]
    done = subprocess.run(command, cwd=_ROOT, env=environment, check=True, capture_output=True, text=True)
    return [float(part) for part in done.stdout.split()]


def start_up(_: Server, scale: Scale) -> Iterator[Row]:
    """What a fresh process takes until its first event is made, more than one that imports urllib3."""
    _start(_START_OURS)  # writes bytecode
    runs = [(_start(_START_OURS), _start(_START_BARE)) for _ in range(scale.starts)]
    mine, other = (list(zip(*side, strict=True)) for side in zip(*runs, strict=True))
    # The fastest is compared with the fastest, and so on: a pair in the order of time may have met a busy moment.
    cpu, *memory = [
        [a - b for a, b in zip(sorted(m), sorted(o), strict=True)] for m, o in zip(mine, other, strict=True)
    ]
    note = f"the process with urllib3: {statistics.median(other[0]) * 1e3:.0f} ms"
    yield Row("start-up: CPU", [each * 1e3 for each in cpu], "<= 12 ms", "<= 9 ms", " ms", note)
    counter = find_counter() if scale.counts_instructions else None
    ratio = [counter.total("-c", _START_OURS) / counter.total("-c", _START_BARE)] if counter else []
    yield Row("start-up: instructions", ratio, note="of the process, which has no goal")
    yield Row("start-up: memory", [each / _MIB for each in memory[0]] if memory else [], "<= 3 MiB", "", " MiB")


def encoding(server: Server, scale: Scale) -> Iterator[Row]:
    """Build, check and serialize an event: a model against json.dumps of a dict, and our dict against our model."""
    counter = find_counter() if scale.counts_instructions else None
    counts = counter.per_call(ENCODINGS, server) if counter else {}
    for name, must, aim in (("OrderStatus", "<= 1.2", "<= 1.0"), ("CreateOrder", "<= 1.5", "<= 1.1")):
        as_dict, dumps = f"{name} as a dict", f"json.dumps of {name}"
        seconds = _interleave({key: ENCODINGS[key] for key in (name, as_dict, dumps)}, scale.rounds, scale.calls)
        for mine, other, (must_be, may_be) in ((name, dumps, (must, aim)), (as_dict, name, ("<= 3", ""))):
            what = f"build, check, serialize {mine}"
            note = f"{statistics.median(seconds[mine]) * 1e6:.3g} µs"
            yield Row(f"{what}: CPU", _ratios(seconds[mine], seconds[other]), must_be, may_be, note=note)
            values = [counts[mine] / counts[other]] if counts else []
            note = f"{counts[mine] / 1000:.0f} thousand" if counts else ""
            yield Row(f"{what}: instructions", values, must_be, may_be, note=note)


def memory(_: Server, scale: Scale) -> Iterator[Row]:
    """Memory of an event with twelve fields, against the dict with the same keys."""
    inner = _size(lambda: {"campaign": "spring", "visits": 3})  # custom_info, which both hold alike
    mine, other = _size(order_status) - inner, _size(order_status_dict) - inner
    yield Row("memory of an OrderStatus", [mine / other], "<= 0.4", note=f"{mine:.0f} and {other:.0f} bytes")


def _size(make: Callable[[], Any]) -> float:
    """Measure one of many, in bytes."""
    number = 1000
    make()
    tracemalloc.start()
    try:
        made = [make() for _ in range(number)]
        before, _ = tracemalloc.get_traced_memory()
        made.clear()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (before - after) / number


def growth(server: Server, scale: Scale) -> Iterator[Row]:
    """What a call costs, and how large the process is, after many more of them."""
    for number in (1, 32):
        with ours(server) as mine, bare_pool(server, maxsize=32, block=True) as bare:
            calls = scale.calls // min(number, 8)
            many = math.ceil(scale.many_calls / number)
            _in_threads(mine, number, calls * 5)
            before = _costs(mine, bare, number, scale.rounds, calls)
            size = _resident()
            _in_threads(mine, number, many)
            grown = _resident() - size
            after = _costs(mine, bare, number, scale.rounds, calls)
        what = f"after {scale.many_calls:,} calls in {number} thread{'s' * (number > 1)}"
        change = statistics.median(after) / statistics.median(before) - 1
        yield Row(f"{what}: cost of a call", [change * 100], "<= 5 %", unit=" %")
        yield Row(f"{what}: memory", [grown / _MIB] if _MEMORY.exists() else [], "<= 1 MiB", unit=" MiB")


def _costs(mine: Call, bare: Call, number: int, rounds: int, calls: int) -> list[float]:
    """Take CPU of ours over that of urllib3, so that a change of the machine's speed drops out."""
    return [_in_threads(mine, number, calls)[1] / _in_threads(bare, number, calls)[1] for _ in range(rounds)]


def _resident() -> int:
    if not _MEMORY.exists():
        return 0
    return int(_MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


GROUPS: dict[str, Callable[[Server, Scale], Iterator[Row]]] = {
    "sequential": sequential,
    "threads": threads,
    "tls": tls,
    "bursts": bursts,
    "start-up": start_up,
    "encoding": encoding,
    "memory": memory,
    "growth": growth,
    "bottleneck": bottleneck,
}
"""What can be measured, by name."""
