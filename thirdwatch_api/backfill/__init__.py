"""Backfill: the import of a shop's history from files or a database.

    result = Backfill("orders.jsonl", kind="create_order", rate=200).run()

It sends directly, not through an outbox: today's events must not queue behind those of years. Rows of one order arrive
in the order in which the input has them. What it did is noted in a checkpoint beside the input, so that it goes on
after whatever ended it. After the end of a process the rows that were on their way may arrive twice.

The command ``thirdwatch backfill`` does the same.
"""

from ._check import Finding, check
from ._records import BackfillError, BackfillProgress, BackfillResult
from ._run import Backfill

__all__ = ["Backfill", "BackfillError", "BackfillProgress", "BackfillResult", "Finding", "check"]
