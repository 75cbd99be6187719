"""The relay as a task of Celery: with real workers, which are killed while they send."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import Configuration
from thirdwatch_api.outbox import Outbox, Relay
from thirdwatch_api.sandbox import Sandbox

from .databases import redis
from .delivery import QUICK, Service, event, events
from .test_outbox_files import run_here
from .test_outbox_relay import until

celery = pytest.importorskip("celery")

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "_timing", QUICK)


@pytest.fixture
def _unused(monkeypatch: pytest.MonkeyPatch) -> None:
    from thirdwatch_api.contrib import celery as adapter

    monkeypatch.setattr(adapter, "_used", {})


@pytest.mark.usefixtures("_unused")
def test_the_task_drains_the_outbox_that_is_used(
    tmp_path: Path, sandbox: Sandbox, global_configuration: Configuration
) -> None:
    from thirdwatch_api.contrib import celery as adapter

    with Outbox(tmp_path / "thirdwatch.db") as outbox:
        adapter.use(outbox, threads=2)
        outbox.add_all(events(20, 5))
        task: Any = adapter.drain
        assert task.name == "thirdwatch_api.drain"
        assert task.apply(kwargs={"seconds": 20}).get() == {"sent": 20, "dead": 0, "left": 0}
    assert len(sandbox.events) == 20


def test_celery_repeats_nothing_by_itself() -> None:
    """Its countdowns and late acknowledgements send a task twice where the broker's visibility time-out is shorter."""
    from thirdwatch_api.contrib import celery as adapter

    task: Any = adapter.drain
    assert (task.acks_late, task.default_retry_delay, task.ignore_result) == (False, 180, True)
    assert not hasattr(task, "autoretry_for") or not task.autoretry_for
    text = Path(str(adapter.__file__)).read_text(encoding="utf-8")
    assert not [word for word in ("countdown", "eta=", "retry(", "apply_async") if word in text]


def test_a_server_of_the_tests_keeps_no_pipe_of_theirs_open(broker: str) -> None:
    """A pipe that a server inherited would stay open after its test was killed."""
    port = int(broker.rpartition(":")[2].partition("/")[0])
    commands = {int(each.name): each / "cmdline" for each in Path("/proc").iterdir() if each.name.isdecimal()}
    (server,) = [pid for pid, command in commands.items() if _is_server(command, port)]
    targets = [str(Path(f"/proc/{server}/fd/{number}").readlink()) for number in range(3)]
    assert targets[0] == os.devnull
    assert all(target.endswith("/log") for target in targets[1:])


def _is_server(command: Path, port: int) -> bool:
    try:
        text = command.read_bytes()
    except OSError:  # it ended
        return False
    return f":{port}".encode() in text and b"127.0.0.1" in text


def test_without_an_outbox_the_task_says_what_to_do() -> None:
    program = """
        import sys
        from thirdwatch_api.contrib import celery
        for module in (None, "django.apps"):
            if module:
                __import__(module)  # a shop that only has it installed
            try:
                celery.drain()
            except Exception as error:
                print(type(error).__name__, error)
    """
    message = "ApiValueError no outbox: call thirdwatch_api.contrib.celery.use(outbox), or install the app of Django\n"
    assert run_here(program) == message * 2


@pytest.mark.usefixtures("_unused")
def test_with_django_the_task_finds_the_outbox_of_the_app() -> None:
    pytest.importorskip("django")
    from thirdwatch_api.contrib import celery as adapter

    from .django_project import set_up

    set_up()
    from thirdwatch_api.contrib.django import outbox

    assert adapter._outbox() is outbox
    outbox.close()


APP = """
import os
from celery import Celery
from thirdwatch_api import configuration
from thirdwatch_api.contrib import celery as thirdwatch
from thirdwatch_api.outbox import Outbox, Relay
from test.delivery import QUICK

Relay._timing = QUICK
app = Celery("shop", broker=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True
thirdwatch.use(Outbox(os.environ["OUTBOX"]))
"""


@pytest.fixture
def broker() -> Iterator[str]:
    with redis() as url:
        yield url


def test_workers_that_are_killed_lose_nothing_and_keep_the_order(tmp_path: Path, broker: str) -> None:
    (tmp_path / "shop_tasks.py").write_text(APP)
    path = tmp_path / "thirdwatch.db"
    with Service() as service, Outbox(path) as outbox:
        outbox.add_all(events(1500, 300))
        environment = {
            **os.environ,
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "BROKER": broker,
            "OUTBOX": str(path),
            "THIRDWATCH_HOST": service.url,
            "THIRDWATCH_API_KEY": "k",
        }
        command = [sys.executable, "-m", "celery", "-A", "shop_tasks"]
        worker = subprocess.Popen(
            [*command, "worker", "--pool=prefork", "--concurrency=4", "--loglevel=ERROR"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,  # a pipe would be kept open by the children
            stderr=subprocess.DEVNULL,
        )
        shop = celery.Celery("shop", broker=broker)
        try:
            kills = 0
            ticks = 0.0
            while outbox.status().pending:
                if time.monotonic() > ticks:  # what beat does
                    for _ in range(4):
                        shop.send_task("thirdwatch_api.drain", kwargs={"seconds": 5})
                    ticks = time.monotonic() + 0.5
                if len(service.taken) > 300 * (kills + 1) and kills < 3:
                    for child in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split():
                        os.kill(int(child), signal.SIGKILL)
                    kills += 1
                    outbox.add(event("between", kills))
                time.sleep(0.02)
        finally:
            shop.close()
            worker.terminate()
            worker.wait(60)
        until(lambda: not outbox.status().leader)
        assert kills == 3
        assert (sum(map(len, service.steps.values())), service.out_of_order) == (1503, [])
        assert service.twice <= kills * (8 + 100)
