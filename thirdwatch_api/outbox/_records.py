"""What an outbox shows of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from json import loads
from typing import Literal, NamedTuple

from ..models._model import Model
from ._kinds import find_kind

__all__ = ["OutboxStatus", "RelayResult", "Row", "State", "StoredEvent", "as_time", "read_event"]

State = Literal["pending", "dead"]


def as_time(seconds: float) -> datetime:
    """Turn seconds since the epoch into a time in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def read_event(kind: str, body: str) -> Model:
    """Return the JSON of an event as a model."""
    return find_kind({}, kind).api.model.from_dict(loads(body))


class Row(NamedTuple):
    """An event as a relay reads it."""

    id: int
    kind: str
    order_key: str | None
    body: str
    attempts: int
    created: float
    trace: str | None


@dataclass(frozen=True)
class StoredEvent:
    """An event in an outbox. Its text shows nothing of what it holds."""

    id: int
    """Its number, which is never given to another one; orders are sent by it."""

    kind: str
    """What it is: ``create_order``."""

    order: str | None
    """What it belongs to: events of one order are sent one after the other."""

    created: datetime
    """When it was added."""

    attempts: int
    """How often the service failed on it."""

    state: Literal["pending", "dead", "sent"]
    """Whether it waits, was given up, or was sent; the last only in hooks."""

    since: datetime | None
    """When it was given up; None where it waits."""

    due: datetime | None
    """When it is tried again after a failure; None for at once."""

    error: str | None
    """Why it failed or was given up; nothing personal in it."""

    _open: Callable[[], str] = field(repr=False, compare=False)

    @property
    def body(self) -> str:
        """The JSON that is sent, personal data included.

        :raises OutboxException: it is encrypted, and the outbox has no cipher for it
        """
        return self._open()

    @property
    def event(self) -> Model:
        """The event as a model, whose ``repr`` masks personal data.

        :raises OutboxException: it is encrypted, and the outbox has no cipher for it
        """
        return read_event(self.kind, self._open())


class OutboxStatus(NamedTuple):
    """What waits, and why."""

    pending: int
    """Events that wait to be sent."""

    dead: int
    """Events that were given up; see ``Outbox.events("dead")``."""

    oldest: float | None
    """Age of the oldest event that waits, in seconds; None where none does."""

    leader: str | None
    """Host and process of the relay that sends; None where none does."""

    paused_until: datetime | None
    """When the relay tries again; None where it sends, or tries at this moment."""

    reason: str | None
    """Why it waits; None where it does not."""


class RelayResult(NamedTuple):
    """What a relay did."""

    sent: int
    """Events that the service took."""

    dead: int
    """Events that were given up."""

    left: int
    """Events that still wait."""
