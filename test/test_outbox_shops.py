"""Whole shops that are killed at random, against a service that fails in every way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from .databases import postgres, redis
from .delivery import Service
from .servers import OK, cut, respond
from .test_outbox_files import spawn
from .test_outbox_relay import until

ROOT = Path(__file__).parents[1]
KILLS = int(os.environ.get("OUTBOX_KILLS", "6"))
FAILURES: list[Any] = [
    *(500, 501, 502, 503, 504, 408, 425, 404, 401, 403, 405),
    (429, {"Retry-After": "0"}),
    (503, {"Retry-After": "1"}),
    (302, {"Location": "https://elsewhere.invalid/"}),
]


def failing(chance: random.Random) -> Callable[[Any], Any]:
    """Let one call of ten fail, each in another way."""

    def lose(peer: Any) -> None:
        cut(peer)  # the service took it, and the client does not know

    def delay(peer: Any) -> None:
        time.sleep(0.05)
        respond(200, OK)(peer)

    def decide(_: Any) -> Any:
        roll = chance.random()
        if roll < 0.06:
            return chance.choice(FAILURES)
        return lose if roll < 0.08 else delay if roll < 0.1 else 200

    return decide


FLASK = """
    import sys
    from flask import Flask, request
    from sqlalchemy import Integer, String, create_engine
    from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
    from werkzeug.serving import make_server
    from test.delivery import QUICK, event
    from thirdwatch_api import ApiClient, Configuration
    from thirdwatch_api.outbox import Outbox, Relay

    Relay._timing = QUICK

    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "orders"
        step = mapped_column(Integer, primary_key=True)
        number = mapped_column(String(20))

    engine = create_engine(sys.argv[1])
    outbox = Outbox(engine)
    Base.metadata.create_all(engine)
    outbox.create()
    app = Flask("shop")

    @app.post("/checkout")
    def check_out():
        given = request.get_json()
        with Session(engine) as session:
            session.add(Order(**given))
            outbox.add(event(given["number"], given["step"]), session)
            if given["step"] % 10 == 9:
                session.rollback()
                return {}, 402
            session.commit()
        return {}

    client = ApiClient(configuration=Configuration(host=sys.argv[2], api_key="k", timeout=5))
    outbox.start(api_client=client, lease=0.5)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()
"""


class Customers:
    """Buy at a shop that is gone now and then; each has one order, and takes one step of it after the other."""

    def __init__(self) -> None:
        self.port = 0
        self.accepted: set[int] = set()
        self.stopped = threading.Event()
        self._threads = [threading.Thread(target=self._buy, args=(i,)) for i in range(4)]
        for thread in self._threads:
            thread.start()

    def _buy(self, number: int) -> None:
        step = 100_000 * (number + 1)
        while not self.stopped.is_set():
            step += 1
            body = json.dumps({"number": f"o-{number}", "step": step}).encode()
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/checkout", body, {"Content-Type": "application/json"}
            )
            try:
                urllib.request.urlopen(request, timeout=30).close()
                self.accepted.add(step)
            except (OSError, HTTPException) as error:
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                    assert error.code in (402, 500)  # rolled back; or SQLite was busy
                else:
                    time.sleep(0.02)

    def stop(self) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(60)


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_a_flask_shop_that_is_killed_at_random_loses_no_event_of_an_order(database: str, tmp_path: Path) -> None:
    pytest.importorskip("flask")
    sqlalchemy: Any = pytest.importorskip("sqlalchemy")
    if database == "SQLite":
        _flask_shop(f"sqlite:///{tmp_path}/shop.db?timeout=30", sqlalchemy)
    else:
        with postgres() as url:
            _flask_shop(url, sqlalchemy)


def _flask_shop(url: str, sqlalchemy: Any) -> None:
    chance = random.Random(7)
    engine = sqlalchemy.create_engine(url)
    with Service(failing(chance)) as service:
        customers = Customers()
        shop = None
        try:
            for _ in range(KILLS + 1):
                shop = spawn(FLASK, url, service.url, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                assert shop.stdout
                customers.port = int(shop.stdout.readline())
                wanted = len(customers.accepted) + chance.randrange(5, 60)
                until(lambda: len(customers.accepted) >= wanted)  # noqa: B023 - called here
                if _ < KILLS:
                    shop.kill()
                    shop.wait()
                    shop.stdout.close()
            customers.stop()
            until(lambda: _count(engine, sqlalchemy, "thirdwatch_outbox") == 0)
        finally:
            customers.stop()
            if shop is not None and shop.stdout is not None:
                shop.kill()
                shop.wait()
                shop.stdout.close()
        with engine.connect() as connection:
            stored = set(connection.execute(sqlalchemy.text("SELECT step FROM orders")).scalars())
        engine.dispose()
        arrived = {step for steps in service.steps.values() for step in steps}
        print(f"\n{len(stored)} orders, {len(stored - arrived)} lost, {service.twice} events twice")
        assert customers.accepted <= stored
        assert arrived == stored
        # What was under way when a shop was killed may be committed after what a customer did next.
        for steps in service.steps.values():
            known = [step for step in steps if step in customers.accepted]
            assert known == sorted(known)


def _count(engine: Any, sqlalchemy: Any, table: str) -> int:
    with suppress(sqlalchemy.exc.OperationalError), engine.connect() as connection:
        return int(connection.execute(sqlalchemy.text(f"SELECT COUNT(*) FROM {table}")).scalar())
    return -1


DJANGO = """
import os

SECRET_KEY = "for the test alone"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "thirdwatch_api.contrib.django"]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": os.environ["DATABASE_PORT"],
    "NAME": "postgres", "USER": "shop",
}}
"""

TASKS = """
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
import django

django.setup()
from celery import Celery
from test.delivery import QUICK
from thirdwatch_api.contrib import celery as thirdwatch
from thirdwatch_api.contrib.django import outbox
from thirdwatch_api.outbox import Relay

Relay._timing = QUICK
app = Celery("shop", broker=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True
thirdwatch.use(outbox, lease=0.5)
"""

SHOP = """
    import os, sys
    import shop_tasks
    from django.db import connection, transaction
    from test.delivery import event
    from thirdwatch_api.contrib.django import outbox
    first, die_at = map(int, sys.argv[1:3])
    for step in range(first, first + 1000):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO orders VALUES (%s)", [step])
                outbox.add(event(f"o-{step % 7}", step))
                if step % 10 == 9:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue
        os.write(1, b"%d\\n" % step)
        if step - first >= die_at:
            os.kill(os.getpid(), 9)
"""


def test_a_django_shop_with_celery_workers_that_are_killed_at_random_loses_no_event(tmp_path: Path) -> None:
    pytest.importorskip("django")
    celery: Any = pytest.importorskip("celery")
    (tmp_path / "shop_settings.py").write_text(DJANGO)
    (tmp_path / "shop_tasks.py").write_text(TASKS)
    chance = random.Random(3)
    with postgres() as url, redis() as broker, Service(failing(chance)) as service:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "DATABASE_PORT": url.rpartition(":")[2].partition("/")[0],
            "BROKER": broker,
            "THIRDWATCH_HOST": service.url,
            "THIRDWATCH_API_KEY": "k",
            "DJANGO_SETTINGS_MODULE": "shop_settings",
        }
        subprocess.run([sys.executable, "-m", "django", "migrate", "--verbosity=0"], check=True, env=environment)
        import psycopg

        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as database:
            database.execute("CREATE TABLE orders (step INTEGER)")
            beat = Beat(celery, broker, environment, tmp_path, chance)
            accepted: set[int] = set()
            try:
                for turn in range(KILLS):
                    accepted |= _buy(turn, environment, chance)
                    beat.kill_children()
                    if turn == KILLS // 2:
                        beat.lose_all_messages()
                until(lambda: database.execute("SELECT COUNT(*) FROM thirdwatch_outbox").fetchone() == (0,))
            finally:
                beat.stop()
            stored = {step for (step,) in database.execute("SELECT step FROM orders").fetchall()}
        arrived = {step for steps in service.steps.values() for step in steps}
        print(
            f"\n{len(stored)} orders, {beat.kills} workers killed, {len(stored - arrived)} lost, {service.twice} twice"
        )
        assert accepted <= stored == arrived
        assert service.out_of_order == []
        assert beat.kills >= KILLS


def _buy(turn: int, environment: dict[str, str], chance: random.Random) -> set[int]:
    """Let a shop take orders until it is killed, and return those that it says it took."""
    arguments = [str(1000 * turn), str(chance.randrange(10, 120))]
    command = [sys.executable, "-c", "\n".join(line[4:] for line in SHOP.splitlines()), *arguments]
    done = subprocess.run(command, check=False, env=environment, stdout=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL
    return set(map(int, done.stdout.split()))


class Beat:
    """Real workers of Celery, and what beat does for them."""

    def __init__(
        self, celery: Any, broker: str, environment: dict[str, str], folder: Path, chance: random.Random
    ) -> None:
        command = [sys.executable, "-m", "celery", "-A", "shop_tasks", "worker", "--pool=prefork", "--concurrency=3"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.kills = 0
        self._chance = chance
        self._start = partial(subprocess.Popen, [*command, "--loglevel=ERROR"], env=environment, cwd=folder, **quiet)
        self._worker = self._start()
        self._shop = celery.Celery("shop", broker=broker)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tick)
        self._thread.start()

    def _tick(self) -> None:
        while not self._stopped.wait(0.2):
            if self._worker.poll() is not None:  # it gives up after many deaths; systemd would start it again
                self._worker = self._start()
            self._shop.send_task("thirdwatch_api.drain", kwargs={"seconds": 3}, expires=5)

    def kill_children(self) -> None:
        until(self._children)
        for child in self._children():
            if self._chance.random() < 0.7 or not self.kills:
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
                self.kills += 1

    def _children(self) -> list[str]:
        """List the processes of the pool."""
        with suppress(OSError):  # the worker ended at this moment
            return Path(f"/proc/{self._worker.pid}/task/{self._worker.pid}/children").read_text().split()
        return []

    def lose_all_messages(self) -> None:
        with self._shop.connection_for_write() as connection:
            connection.default_channel.client.flushall()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(60)
        self._shop.close()
        self._worker.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._worker.wait(30)
        self._worker.kill()
        self._worker.wait()
