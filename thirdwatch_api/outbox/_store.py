"""The statements of an outbox. They are plain enough to run on every database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..exceptions import OutboxException
from ._kinds import SLOTS
from ._records import Row, State

__all__ = ["INSERT", "SEAT", "Executor", "Lead", "Part", "Store", "insert_seat"]

SEAT = "part = :part AND parts = :parts"
"""Finds the row of a part."""

INSERT = (
    "INSERT INTO thirdwatch_outbox (kind, order_key, slot, body, created, due, attempts, dead, trace) "
    "VALUES (:kind, :order_key, :slot, :body, :created, 0, 0, 0, :trace)"
)
_COLUMNS = "id, kind, order_key, body, attempts, created, trace"
# An order waits for its earliest event that is not due. A due time beyond `far` is none: the clock was set back.
_FETCH = (
    f"SELECT {_COLUMNS} FROM thirdwatch_outbox o "  # noqa: S608 - made of constants
    "WHERE dead = 0 AND slot >= :low AND slot < :high AND (due <= :now OR due > :far) AND NOT EXISTS "
    "(SELECT 1 FROM thirdwatch_outbox p WHERE p.order_key = o.order_key AND p.due > 0 "
    "AND p.due > :now AND p.due <= :far AND p.dead = 0 AND p.id < o.id)"
)
_SHOWN = "id, kind, order_key, body, created, due, attempts, dead, error"
_LONGEST_ERROR = 500
_FAR = 2 * 3600.0  # twice the longest delay


class Executor(Protocol):
    """A way to run statements with ``:name`` parameters on one database. Any number of threads may share it."""

    @property
    def now(self) -> str:
        """The database's clock as an expression: seconds since the epoch."""
        ...

    def read(self, statement: str, values: Mapping[str, Any] = ...) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        ...

    def write(self, statement: str, values: Mapping[str, Any] = ...) -> int:
        """Run one statement, which is a transaction of its own, and return how many rows it found."""
        ...

    def insert(self, rows: Sequence[Mapping[str, Any]], via: object) -> None:
        """Insert events in one transaction: that of ``via`` where it is given."""
        ...

    def create(self) -> None:
        """Make the tables, where they are missing."""
        ...

    def lead(self, part: "Part", holder: str, lease: float) -> "Lead":
        """Return the means to lead a part.

        :param holder: who wants to
        :param lease: seconds after which a silent leader is replaced
        """
        ...

    def for_relay(self) -> "Executor":
        """Return what a relay runs its statements on."""
        ...

    def leader(self) -> str | None:
        """Return who leads; None when nobody does."""
        ...

    def check(self) -> list[str]:
        """Return what is wrong with the database, one sentence each."""
        ...

    def tidy(self) -> None:
        """Give back the room of what was deleted, and leave no trace of it."""
        ...

    def close(self) -> None:
        """Close what is open. It is opened again when it is needed."""
        ...


class Lead(Protocol):
    """The right to send: of all relays of a part one has it."""

    valid: float
    """Seconds that it is valid after it was taken or renewed."""

    def take(self) -> bool:
        """Take the lead or renew it; False when another one has it."""
        ...

    def leave(self) -> None:
        """Let another one lead."""
        ...


class Part(NamedTuple):
    """What a relay sends: one of so many equal parts of the orders."""

    number: int
    of: int

    @property
    def slots(self) -> dict[str, int]:
        """The groups of orders that belong to it, as parameters."""
        low, high = (-(-i * SLOTS // self.of) for i in (self.number, self.number + 1))
        return {"low": low, "high": high}


class Store:
    """Read and change what is in an outbox."""

    def __init__(self, executor: Executor) -> None:
        self.executor: Executor = executor

    def fetch(self, limit: int, part: Part, known: Sequence[int], without: Sequence[str], now: float) -> list[Row]:
        """Read events that are due, by their number.

        :param known: events to leave out
        :param without: orders to leave out
        """
        names = {f"key{i}": key for i, key in enumerate(without)}
        rest = f" AND (order_key IS NULL OR order_key NOT IN ({', '.join(f':{n}' for n in names)}))" if names else ""
        if known:
            rest += f" AND NOT {_among(known)}"
        values = {**part.slots, "now": now, "far": now + _FAR, "most": limit, **names}
        return list(map(Row._make, self.executor.read(f"{_FETCH}{rest} ORDER BY id LIMIT :most", values)))

    def delete(self, ids: Iterable[int]) -> None:
        """Delete events that were sent."""
        self.executor.write(f"DELETE FROM thirdwatch_outbox WHERE {_among(ids)}")  # noqa: S608 - whole numbers

    def postpone(self, number: int, due: float, error: str) -> None:
        """Note that an event failed, and when it is tried again."""
        self.executor.write(
            "UPDATE thirdwatch_outbox SET due = :due, attempts = attempts + 1, error = :error "
            "WHERE id = :id AND dead = 0",
            {"id": number, "due": due, "error": error[:_LONGEST_ERROR]},
        )

    def mark_dead(self, number: int, now: float, error: str) -> None:
        """Note that an event is given up."""
        self.executor.write(
            "UPDATE thirdwatch_outbox SET dead = :now, due = 0, attempts = attempts + 1, error = :error "
            "WHERE id = :id AND dead = 0",
            {"id": number, "now": now, "error": error[:_LONGEST_ERROR]},
        )

    def has_pending(self, part: Part) -> bool:
        """Return whether an event waits."""
        rows = self.executor.read(
            "SELECT id FROM thirdwatch_outbox WHERE dead = 0 AND slot >= :low AND slot < :high LIMIT 1", part.slots
        )
        return bool(rows)

    def next_due(self, part: Part) -> float | None:
        """Return when the next event is due; None when none waits."""
        ((due,),) = self.executor.read(
            "SELECT MIN(due) FROM thirdwatch_outbox WHERE dead = 0 AND slot >= :low AND slot < :high", part.slots
        )
        return None if due is None else float(due)

    def count(self) -> tuple[int, int, float | None]:
        """Return how many events wait and are dead, and when the oldest that waits was added."""
        ((pending, oldest),) = self.executor.read("SELECT COUNT(*), MIN(created) FROM thirdwatch_outbox WHERE dead = 0")
        ((dead,),) = self.executor.read("SELECT COUNT(*) FROM thirdwatch_outbox WHERE dead > 0")
        return pending, dead, oldest

    def show(self, state: State, key: str | None, limit: int) -> list[tuple[Any, ...]]:
        """Read events to be shown, by their number."""
        wanted = f"dead {'> 0' if state == 'dead' else '= 0'}{' AND order_key = :key' if key else ''}"
        values = {"most": limit, **({"key": key} if key else {})}
        statement = f"SELECT {_SHOWN} FROM thirdwatch_outbox WHERE {wanted} ORDER BY id LIMIT :most"  # noqa: S608 - made of constants
        return self.executor.read(statement, values)

    def find(self, number: int) -> tuple[Any, ...] | None:
        """Read one event to be shown."""
        rows = self.executor.read(f"SELECT {_SHOWN} FROM thirdwatch_outbox WHERE id = :id", {"id": number})  # noqa: S608 - made of constants
        return rows[0] if rows else None

    def replay(self, ids: Sequence[int]) -> int:
        """Let dead events wait again, and return how many: the named ones, or all."""
        wanted = f" AND {_among(ids)}" if ids else ""
        return self.executor.write(
            f"UPDATE thirdwatch_outbox SET dead = 0, due = 0, attempts = 0, error = NULL WHERE dead > 0{wanted}"  # noqa: S608 - whole numbers
        )

    def purge(self, before: float) -> int:
        """Delete what died before a time, and return how many."""
        return self.executor.write(
            "DELETE FROM thirdwatch_outbox WHERE dead > 0 AND dead <= :before", {"before": before}
        )

    def note_leader(self, part: Part, holder: str) -> None:
        """Note for everybody who leads a part."""
        insert_seat(self.executor, part)
        self.executor.write(
            f"UPDATE thirdwatch_relay SET holder = :me WHERE {SEAT}",  # noqa: S608 - made of constants
            {"part": part.number, "parts": part.of, "me": holder},
        )

    def note_pause(self, part: Part, until: float, reason: str | None) -> None:
        """Note for everybody until when a relay waits, and why."""
        self.executor.write(
            f"UPDATE thirdwatch_relay SET paused = :until, reason = :reason WHERE {SEAT}",  # noqa: S608 - made of constants
            {"part": part.number, "parts": part.of, "until": until, "reason": (reason or "")[:_LONGEST_ERROR]},
        )

    def pauses(self) -> list[tuple[int, int, float, str]]:
        """Return the part, its count, the end and the reason of each pause."""
        return [
            (part, parts, float(until), reason or "")
            for part, parts, until, reason in self.executor.read(
                "SELECT part, parts, paused, reason FROM thirdwatch_relay WHERE paused > 0 ORDER BY paused"
            )
        ]


def insert_seat(executor: Executor, part: Part) -> None:
    """Make the row of a part, where it is missing."""
    values = {"part": part.number, "parts": part.of}
    find = f"SELECT part FROM thirdwatch_relay WHERE {SEAT}"  # noqa: S608 - made of constants
    if executor.read(find, values):
        return
    try:
        executor.write(
            "INSERT INTO thirdwatch_relay (part, parts, holder, expires, paused, reason) "
            "VALUES (:part, :parts, '', 0, 0, '')",
            values,
        )
    except OutboxException:
        if not executor.read(find, values):
            raise  # else another relay was faster


def _among(ids: Iterable[int]) -> str:
    return f"id IN ({', '.join(map(str, map(int, ids)))})"
