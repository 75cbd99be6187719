"""What an import costs: a dry run, rows per second beside plain calls, and memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from thirdwatch_api import ApiClient, Configuration, CreateOrderApi
from thirdwatch_api.backfill import Backfill, check

from .encodings import order_dict
from .rows import Row, Scale, seconds_of_threads
from .servers import Server

__all__ = ["backfill", "peak_memory", "write_orders"]

_THREADS = 8
_MIB = 1024 * 1024
_PEAK = r"""
import re, sys
from pathlib import Path
from thirdwatch_api.cli import main
code = main(sys.argv[1:])
# ru_maxrss would count what the parent had when it forked.
print(code, *re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()))
"""


def backfill(server: Server, scale: Scale) -> Iterator[Row]:
    """Measure all of it, with files in the temporary folder."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "orders.jsonl")
        rows = write_orders(path, scale.calls * 20)
        yield from _dry_run(path, rows, scale)
        yield from _sending(path, rows, server, scale)
        rows = write_orders(path, rows=None, size=scale.mebibytes * _MIB)
        note = f"{rows:,} rows"
        for what, more in (("dry run", ["--dry-run"]), ("sent", ["--rate", "0"])):
            started = time.perf_counter()
            peak = peak_memory(server.base, path, *more)
            spent = time.perf_counter() - started
            yield Row(f"{scale.mebibytes:,} MiB, {what}: memory", [peak], "<= 64 MiB", "<= 48 MiB", " MiB", note)
            yield Row(f"{scale.mebibytes:,} MiB, {what}: rows per second", [rows / spent])


def write_orders(path: Path, rows: int | None, size: int = 0) -> int:
    """Write orders with three items, four rows each, and return how many.

    :param rows: how many; None for as many as make up the size
    """
    order = order_dict()
    order["_items"] = order["_items"][:3]
    number = 0
    with path.open("w", encoding="utf-8") as file:
        while number < rows if rows is not None else file.tell() < size:
            for _ in range(1000 if rows is None else 1):
                order |= {"_orderId": f"o-{number // 4}", "_originTimestamp": str(1_700_000_000_000 + number)}
                file.write(json.dumps(order) + "\n")
                number += 1
    return number


def peak_memory(host: str, *arguments: object) -> float:
    """Run the command in a process of its own, and return the most memory that it had, in MiB."""
    given = ["backfill", *map(str, arguments), "--kind", "create_order", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *given],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "THIRDWATCH_HOST": host, "THIRDWATCH_API_KEY": "k"},
    )
    code, peak = done.stdout.split()[-2:]
    assert code == "0"
    return int(peak) * 1024 / _MIB


def _dry_run(path: Path, rows: int, scale: Scale) -> Iterator[Row]:
    speeds: list[float] = []
    for _ in range(max(2, scale.rounds // 3)):
        started = time.process_time()
        assert check(path, kind="create_order").good == rows
        speeds.append(rows / (time.process_time() - started))
    note = f"{path.stat().st_size / rows:,.0f} bytes a row"
    yield Row("dry run, rows per second of one core", speeds, ">= 15000", ">= 25000", note=note)


def _sending(path: Path, rows: int, server: Server, scale: Scale) -> Iterator[Row]:
    """Send rows by a backfill, and by plain calls from as many threads: the script that one would write instead."""
    lines = path.read_bytes().splitlines()
    ratios: list[float] = []
    spent = 0.0
    with ApiClient(configuration=Configuration(host=server.base, api_key="k")) as client:
        for number in range(max(2, scale.rounds // 3) + 1):
            plain = _plain_calls(client, lines)
            Path(f"{path}.checkpoint").unlink(missing_ok=True)
            started = time.perf_counter()
            done = Backfill(path, kind="create_order", rate=None, threads=_THREADS, api_client=client).run()
            spent = time.perf_counter() - started
            assert done.sent == rows
            if number:
                ratios.append(plain / spent)
    note = f"{rows / spent:,.0f} rows per second"
    yield Row("backfill / plain calls, 8 threads, rows per second", ratios, ">= 0.9", ">= 1.0", note=note)


def _plain_calls(client: ApiClient, lines: list[bytes]) -> float:
    api = CreateOrderApi(client)

    def work(first: int) -> None:
        for line in lines[first::_THREADS]:
            api.create_order(json.loads(line))

    return seconds_of_threads(work, _THREADS)
