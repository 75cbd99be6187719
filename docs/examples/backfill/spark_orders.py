"""Import a table of Spark: ``spark-submit --py-files ... spark_orders.py s3://history/orders``."""

import sys
from collections.abc import Iterator
from typing import Any

from pyspark.sql import SparkSession  # pyright: ignore[reportMissingImports]  # 400 MB and a Java: not installed here

from thirdwatch_api import ApiClient, BadRequestException, CreateOrderApi
from thirdwatch_api.exceptions import ApiValueError

PARTITIONS = 64


def send(rows: Iterator[Any]) -> None:
    """Send the rows of one partition one after the other."""
    with ApiClient() as client:  # made in the executor: it can't be pickled
        orders = CreateOrderApi(client)
        for row in rows:
            try:
                orders.create_order(row.asDict(recursive=True), _retries=5, _deadline=120)
            except (ApiValueError, BadRequestException) as error:  # noqa: PERF203 - each row may be refused
                print(f"rejected: {error}", file=sys.stderr)  # of the executor; it names fields, and no value


def main(path: str) -> None:
    """Send all rows: those of an order in one partition, and in order."""
    spark: Any = SparkSession.builder.getOrCreate()
    rows = spark.read.json(path).repartition(PARTITIONS, "_orderId")
    rows.sortWithinPartitions("_orderId", "_originTimestamp").foreachPartition(send)


if __name__ == "__main__":
    main(sys.argv[1])
