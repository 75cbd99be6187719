"""A service that fails on demand, and what outboxes are tested with."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from thirdwatch_api import ApiClient, Configuration, OrderStatus
from thirdwatch_api.outbox._timing import Timing

from .servers import OK, FaultServer, Peer, respond

__all__ = ["QUICK", "Service", "event", "events", "number"]

QUICK = Timing(
    poll=0.02, note=0.01, first_pause=0.02, longest_pause=0.1, first_delay=0.02, longest_delay=0.2, shortest_life=1e9
)
"""Waits that fit tests. The proportions are those of the real ones."""


def event(order: object = "o-1", step: object = 0) -> OrderStatus:
    """Make an event of an order; each has its own step."""
    return OrderStatus(user_id="u-42", order_id=f"{order}", order_status=f"{step}")


def events(count: int, orders: int) -> Iterable[OrderStatus]:
    """Make events of some orders, in turns."""
    return (event(f"o-{i % orders}", i) for i in range(count))


def number(taken: Any) -> int:
    """Return the step of an event as it came."""
    return int(taken["_orderStatus"])


class Service(FaultServer):
    """Take events, and respond to each as ``decide`` says.

    :param decide: is given the event; returns a status, ``(status, headers)``, or a step of the server
    """

    def __init__(self, decide: Callable[[Any], Any] = lambda event: 200) -> None:
        self.decide = decide
        self.taken: list[Any] = []
        """Events that the service took, in order, whether the client knows it or not."""
        self.calls = 0
        self._record = threading.Lock()
        super().__init__(self._respond)

    def _respond(self, peer: Peer) -> None:
        given = peer.last.json
        with self._record:
            self.calls += 1
            verdict = self.decide(given)
            status, headers = verdict if isinstance(verdict, tuple) else (verdict, {})
            if callable(verdict) or 200 <= status < 300:
                self.taken.append(given)
        if callable(verdict):
            verdict(peer)  # the service took the event, and something happens to its response
        else:
            respond(status, OK, headers)(peer)

    def client(self, **settings: Any) -> ApiClient:
        return ApiClient(configuration=Configuration(host=self.url, api_key="k", **settings))

    @property
    def twice(self) -> int:
        """How many events arrived again."""
        counts = Counter((e["_orderId"], e["_orderStatus"]) for e in self.taken)
        return sum(count - 1 for count in counts.values())

    @property
    def steps(self) -> dict[str, list[int]]:
        """The steps of each order by their first arrival."""
        steps: dict[str, list[int]] = defaultdict(list)
        for taken in list(self.taken):
            if number(taken) not in steps[taken["_orderId"]]:
                steps[taken["_orderId"]].append(number(taken))
        return steps

    @property
    def out_of_order(self) -> list[str]:
        """The orders whose events arrived in another order than they were added."""
        return [order for order, steps in self.steps.items() if steps != sorted(steps)]
