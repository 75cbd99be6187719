"""The recipes of docs/delivery.md for schedulers, each run by the scheduler that it is for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import Configuration
from thirdwatch_api.outbox import Outbox, Relay
from thirdwatch_api.sandbox import Sandbox

from .databases import redis
from .delivery import QUICK, events
from .test_docs import DOCS, blocks
from .test_outbox_relay import until


@pytest.fixture(autouse=True)
def outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, global_configuration: Configuration
) -> Iterator[Outbox]:
    """Events in the outbox that the recipes name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Relay, "_timing", QUICK)
    with Outbox("thirdwatch.db") as outbox:
        outbox.add_all(events(20, 4))
        yield outbox


def recipe(mark: str, name: str = "recipe") -> dict[str, Any]:
    """Run the block of the page that holds a text, and return its names."""
    (block,) = [block for block in blocks(DOCS / "delivery.md") if mark in block.code]
    names: dict[str, Any] = {"__name__": name}
    exec(compile(block.code, block.name, "exec"), names)
    return names


def test_huey(outbox: Outbox, sandbox: Sandbox) -> None:
    pytest.importorskip("huey")
    names = recipe("from huey")
    names["send_events"].call_local()
    names["outbox"].close()
    names["huey"].storage.close()
    assert (outbox.status().pending, len(sandbox.events)) == (0, 20)
    assert [task.__class__.__name__ for task in names["huey"]._registry.periodic_tasks] == ["send_events"]


def test_dramatiq_and_apscheduler(outbox: Outbox, sandbox: Sandbox) -> None:
    dramatiq: Any = pytest.importorskip("dramatiq")
    pytest.importorskip("apscheduler")
    names = recipe("import dramatiq")
    broker = dramatiq.get_broker()
    worker = dramatiq.Worker(broker, worker_timeout=10)
    worker.start()
    scheduler = names["scheduler"]
    scheduler.start()
    try:
        (job,) = scheduler.get_jobs()
        job.reschedule("interval", seconds=0.01)
        until(lambda: outbox.status().pending == 0)
    finally:
        scheduler.shutdown()
        broker.join("default")
        worker.stop()
        names["outbox"].close()
    assert len(sandbox.events) == 20


def test_rq(outbox: Outbox, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rq: Any = pytest.importorskip("rq")
    client: Any = pytest.importorskip("redis")
    (block,) = [block for block in blocks(DOCS / "delivery.md") if "from rq" in block.code]
    (tmp_path / "shop_cron.py").write_text(block.code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with redis() as url, client.Redis.from_url(url) as connection:
        from rq import cron

        scheduler = cron.CronScheduler(connection=connection)
        scheduler.load_config_from_file("shop_cron")
        scheduler.enqueue_jobs()
        rq.SimpleWorker(["default"], connection=connection).work(burst=True)
        assert (outbox.status().pending, len(sandbox.events)) == (0, 20)
    del sys.modules["shop_cron"]
