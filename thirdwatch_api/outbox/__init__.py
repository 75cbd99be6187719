"""Outbox: nothing that was accepted is lost while the service, the network or the process is down.

    outbox = Outbox("/var/lib/shop/thirdwatch.db")
    outbox.start()
    outbox.add(OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled"))

``add`` checks an event and stores it; a relay sends it. Events of one order arrive in the order in which they were
added. An event arrives at least once: after the end of a process the last few may arrive twice.
"""

from ..exceptions import OutboxCorruptException, OutboxException, OutboxFullException
from ._outbox import Outbox
from ._records import OutboxStatus, RelayResult, StoredEvent
from ._relay import Relay, drain
from ._salvage import salvage

__all__ = [
    "Outbox",
    "OutboxCorruptException",
    "OutboxException",
    "OutboxFullException",
    "OutboxStatus",
    "Relay",
    "RelayResult",
    "StoredEvent",
    "drain",
    "salvage",
]
