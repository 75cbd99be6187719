"""An outbox against a model of it: whatever happens, what was accepted was sent, waits or is dead, in its order."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from thirdwatch_api import OutboxException
from thirdwatch_api.outbox import Outbox, Relay
from thirdwatch_api.outbox import _outbox as outbox_module
from thirdwatch_api.outbox import _run as run_module
from thirdwatch_api.outbox._store import Store

from .delivery import QUICK, Service, event, number
from .servers import cut

ORDERS = st.sampled_from("ab")
FATES = st.sampled_from([500, 200, 503, 400, cut, 500, 401, 422, 429, 502, 302, 409])
DAY = 86400.0


class OutboxMachine(RuleBasedStateMachine):
    """Shops add events, relays send them, services and clocks fail."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="thirdwatch-model-")
        self.path = Path(self.folder.name, "thirdwatch.db")
        self.outbox = Outbox(self.path, fsync=False)
        self.outbox.create()
        self.shop = sqlite3.connect(self.path)
        self.service = Service(self.decide)
        self.client = self.service.client(timeout=60.0)
        self.fates: list[Any] = []
        self.accepted: dict[int, str] = {}
        self.replayed: set[int] = set()
        self.purged: set[int] = set()
        self.clock = 0.0
        self.patches: list[Any] = [
            patch.object(Relay, "_timing", QUICK),
            patch.object(run_module, "_LAST_WAIT", 0.001),
            patch.object(run_module, "time", self.now),
            patch.object(outbox_module, "time", self.now),
        ]
        for each in self.patches:
            each.start()

    def now(self) -> float:
        return time.time() + self.clock

    def decide(self, _: Any) -> Any:
        return self.fates.pop() if self.fates else 200

    def new(self, order: str) -> Any:
        self.next = len(self.accepted) + len(self.purged) + getattr(self, "next", 0) + 1
        return event(order, self.next)

    @rule(order=ORDERS)
    def add(self, order: str) -> None:
        self.outbox.add(self.new(order))
        self.accepted[self.next] = order

    @rule(orders=st.lists(ORDERS, min_size=4, max_size=12), keep=st.sampled_from([True, True, False]))
    def add_in_the_shops_transaction(self, orders: list[str], keep: bool) -> None:
        added: dict[int, str] = {}
        for order in orders:
            self.outbox.add(self.new(order), self.shop)
            added[self.next] = order
        if keep:
            self.shop.commit()
            self.accepted |= added
        else:
            self.shop.rollback()

    @precondition(lambda self: self.outbox.status().pending)
    @rule(fates=st.lists(FATES, min_size=1, max_size=8), threads=st.integers(1, 4))
    def send(self, fates: list[Any], threads: int) -> None:
        self.fates = list(fates)
        Relay(self.outbox, threads=threads, api_client=self.client).run(until_empty=True, seconds=120)
        assert self.outbox.status().pending == 0

    @precondition(lambda self: self.outbox.status().pending)
    @rule()
    def send_and_be_killed(self) -> None:
        """What a killed relay sent is not noted."""

        def fail(*_: Any) -> None:
            raise OutboxException(reason="killed")

        with patch.object(Store, "delete", fail):
            Relay(self.outbox, threads=2, api_client=self.client).run(seconds=0.05)

    @precondition(lambda self: self.outbox.status().dead)
    @rule()
    def replay(self) -> None:
        self.replayed |= self.steps("dead")
        self.outbox.replay()

    @precondition(lambda self: self.outbox.status().dead)
    @rule()
    def purge(self) -> None:
        dead = self.steps("dead")
        self.outbox.purge(older_than=timedelta(days=-3))
        self.purged |= dead

    @rule(days=st.sampled_from([-1.0, 1.0]))
    def jump_in_time(self, days: float) -> None:
        self.clock = days * DAY

    def steps(self, state: Any) -> set[int]:
        return {int(each.event.to_dict()["order_status"]) for each in self.outbox.events(state, limit=1000)}

    @invariant()
    def nothing_that_was_accepted_is_lost(self) -> None:
        sent = {number(taken) for taken in self.service.taken}
        assert sent | self.steps("pending") | self.steps("dead") | self.purged == set(self.accepted)

    @invariant()
    def each_order_is_kept(self) -> None:
        for order, steps in self.service.steps.items():
            assert {self.accepted[step] for step in steps} == {order}
            in_turn = [step for step in steps if step not in self.replayed]
            assert in_turn == sorted(in_turn)

    def teardown(self) -> None:
        for each in self.patches:
            each.stop()
        self.shop.close()
        self.outbox.close()
        self.client.close()
        self.service.close()
        self.folder.cleanup()


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=50 if os.environ.get("SERVERS") else 8, stateful_step_count=15)
