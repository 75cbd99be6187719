"""Import rows that Dask reads: each partition holds whole orders, and sends them in order."""

from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

import dask.bag

from thirdwatch_api import ApiClient, BadRequestException, CreateOrderApi
from thirdwatch_api.exceptions import ApiValueError

PARTITIONS = 64


def partition(row: dict[str, Any]) -> int:
    """Return where the rows of an order are sent. Python's own hash differs from process to process."""
    return crc32(row["_orderId"].encode()) % PARTITIONS


def send(rows: Iterable[dict[str, Any]]) -> tuple[int, list[dict[str, Any]]]:
    """Send rows one after the other, and return how many were taken, and which were not."""
    rejects: list[dict[str, Any]] = []
    count = 0
    with ApiClient() as client:  # made where it is used: it can't be pickled
        orders = CreateOrderApi(client)
        for row in sorted(rows, key=lambda row: (row["_orderId"], row["_originTimestamp"])):
            try:
                orders.create_order(row, _retries=5, _deadline=120)
                count += 1
            except (ApiValueError, BadRequestException):  # noqa: PERF203 - each row may be refused
                rejects.append(row)
    return count, rejects


def run(rows: Iterator[dict[str, Any]], scheduler: str = "processes") -> tuple[int, list[dict[str, Any]]]:
    """Send all rows."""
    bags: Any = dask.bag
    bag = bags.from_sequence(rows, npartitions=8)
    parts = bag.groupby(partition).map(lambda group: send(group[1]))
    results = parts.compute(scheduler=scheduler)
    return sum(count for count, _ in results), [row for _, rejects in results for row in rejects]
