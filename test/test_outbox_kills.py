"""Writers and relays are killed at random points: nothing that was accepted is lost, and every order is kept.

``OUTBOX_KILLS=200 python -m pytest -s test/test_outbox_kills.py`` kills as often, and prints what it counted.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api.outbox import Outbox

from .databases import mariadb, postgres
from .delivery import Service
from .test_outbox_files import FORKS, spawn
from .test_outbox_relay import until

KILLS = int(os.environ.get("OUTBOX_KILLS", "12" if os.environ.get("SERVERS") else "6"))
THREADS, NOTED_AT_ONCE = 8, 100

WRITER = """
    import os, sys
    from test.delivery import event
    from thirdwatch_api.outbox import Outbox
    first, die_at = map(int, sys.argv[2:4])
    outbox = Outbox(sys.argv[1])
    for number in range(first, first + 1000):
        outbox.add(event(f"{sys.argv[4]}-{number % 97}", number))
        os.write(1, b"%d\\n" % number)  # accepted
        if number - first == die_at:
            os.kill(os.getpid(), 9)
"""

RELAY = """
    import sys
    from test.delivery import QUICK
    from thirdwatch_api import ApiClient, Configuration
    from thirdwatch_api.outbox import Outbox, Relay
    Relay._timing = QUICK
    client = ApiClient(configuration=Configuration(host=sys.argv[2], api_key="k"))
    Relay(Outbox(sys.argv[1]), api_client=client, lease=0.5).run()
"""


@contextmanager
def sqlite(path: Path) -> Generator[str]:
    yield str(path / "thirdwatch.db")


class Deaths:
    """The moments at which relays are killed: after the service took a random number of events."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        self._service = service
        self._chance = chance
        self.is_time = threading.Event()
        self._at = 0
        self.next()
        service.decide = self._decide

    def next(self) -> None:
        self._at = len(self._service.taken) + self._chance.randrange(1, 160)
        self.is_time.clear()

    def _decide(self, _: Any) -> int:
        if len(self._service.taken) >= self._at:
            self.is_time.set()
        return 200


def write(url: str, first: int, chance: random.Random) -> set[int]:
    """Let two shops add events of their own orders until they are killed; return what was accepted."""
    writers = [
        spawn(WRITER, url, first + 1_000_000 * i, chance.randrange(10, 200), name, stdout=subprocess.PIPE)
        for i, name in enumerate("ab")
    ]
    accepted: set[int] = set()
    for writer in writers:
        out, _ = writer.communicate(timeout=120)
        assert writer.returncode == -signal.SIGKILL
        accepted.update(map(int, out.split()))
    return accepted


@FORKS
@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL", "MariaDB"])
def test_killed_writers_and_relays_lose_nothing_that_was_accepted(database: str, tmp_path: Path) -> None:
    chance = random.Random(11)
    accepted: set[int] = set()
    writers = relays = 0
    server = {"SQLite": lambda: sqlite(tmp_path), "PostgreSQL": postgres, "MariaDB": mariadb}[database]()
    with server as url, Service() as service, Outbox(url) as outbox:
        outbox.create()
        deaths = Deaths(service, chance)
        relay = spawn(RELAY, url, service.url, stdout=subprocess.DEVNULL)
        try:
            while writers + relays < KILLS:
                accepted |= write(url, 1000 * writers, chance)
                writers += 2
                while relays < writers and (deaths.is_time.wait(2) or not relays):
                    relay.kill()
                    relay.wait()
                    relays += 1
                    deaths.next()
                    relay = spawn(RELAY, url, service.url, stdout=subprocess.DEVNULL)
            until(lambda: outbox.status().pending == 0)
        finally:
            relay.kill()
            relay.wait()
        arrived = {step for steps in service.steps.values() for step in steps}
        lost, extra = accepted - arrived, arrived - accepted
        print(
            f"\n{database}: {writers} writers and {relays} relays killed, {len(accepted)} events accepted, "
            f"{len(lost)} lost, {len(service.out_of_order)} orders out of order, {service.twice} sent twice"
        )
        assert not lost
        assert len(extra) <= writers  # a writer may die between its commit and its word about it
        assert service.out_of_order == []
        assert relays
        assert service.twice <= relays * (THREADS + NOTED_AT_ONCE)
