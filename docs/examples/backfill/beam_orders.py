"""Import lines of JSON with Beam: on Dataflow, Flink or this machine."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam  # pyright: ignore[reportMissingImports]  # large, and without support for every Python here

from thirdwatch_api import ApiClient, BadRequestException, CreateOrderApi
from thirdwatch_api.exceptions import ApiValueError

beam: Any = apache_beam


def by_order(line: str) -> tuple[str, dict[str, Any]]:
    """Return a row under its order."""
    row: dict[str, Any] = json.loads(line)
    return row["_orderId"], row


def send(group: tuple[str, Iterable[dict[str, Any]]]) -> Iterator[str]:
    """Send the rows of one order one after the other, and yield those that were not taken."""
    with ApiClient() as client:  # made in the worker: it can't be pickled
        orders = CreateOrderApi(client)
        for row in sorted(group[1], key=lambda row: row["_originTimestamp"]):
            try:
                orders.create_order(row, _retries=5, _deadline=120)
            except (ApiValueError, BadRequestException):  # noqa: PERF203 - each row may be refused
                yield json.dumps(row)


def main(source: str, rejects: str) -> None:
    """Send all rows."""
    with beam.Pipeline(argv=sys.argv[3:]) as pipeline:
        lines = pipeline | beam.io.ReadFromText(source)
        groups = lines | beam.Map(by_order) | beam.GroupByKey()
        _ = groups | beam.FlatMap(send) | beam.io.WriteToText(rejects)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
