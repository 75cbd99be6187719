"""Import a file by the workers of Celery, a part of the orders each: ``start("/mnt/history/orders.jsonl", 16)``."""

from typing import Any

from celery import Celery, group

from thirdwatch_api.backfill import Backfill

app: Any = Celery("history", broker="redis://localhost")
RATE = 200.0  # rows a second of all workers together: what the service allows


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True, max_retries=None)  # type: ignore[untyped-decorator]  # celery has no types
def send_part(task: Any, path: str, index: int, count: int) -> tuple[int, int]:
    """Send one part, or go on with it. The checkpoint lies beside the file, which all workers can reach."""
    backfill = Backfill(path, kind="create_order", part=(index, count), rate=RATE / count)
    result = backfill.run()
    if not result.complete:
        raise task.retry(countdown=60)
    return result.sent, result.rejected


def start(path: str, count: int) -> Any:
    """Hand out all parts, and return Celery's result."""
    return group(send_part.s(path, index, count) for index in range(count)).delay()
