"""The events that a relay has in memory, and which of them may be sent now."""

import random
from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from ._records import Row

__all__ = ["Window"]

_Line: TypeAlias = "str | int"
"""Where an event queues: its order, or its own number where it has none."""


def _line(row: Row) -> _Line:
    return row.id if row.order_key is None else row.order_key


class Window:
    """Events in memory. Of each order at most one is on its way. It has no lock of its own.

    An event is *known* from its reading until the database knows what became of it: what is read meanwhile is not
    taken twice.

    :param size: how many events it holds
    """

    def __init__(self, size: int) -> None:
        self.size: int = size
        self._most_of_one = max(1, size // 4)
        self._known: set[int] = set()
        self._waiting: dict[_Line, deque[Row]] = {}
        self._ready: deque[_Line] = deque()
        self._busy: set[_Line] = set()

    def __len__(self) -> int:
        """Return the number of known events."""
        return len(self._known)

    @property
    def room(self) -> int:
        """How many more events it holds."""
        return self.size - len(self._known)

    def known(self) -> list[int]:
        """Return the numbers of the known events."""
        return list(self._known)

    @property
    def is_low(self) -> bool:
        """Whether there is room for as many again."""
        return len(self._known) <= self.size // 2

    @property
    def has_ready(self) -> bool:
        """Whether an event may be sent now."""
        return bool(self._ready)

    def full_orders(self) -> list[str]:
        """Return the orders that have so many events here that no more should be read for now."""
        # Half of what is taken of them, or each reading would bring the same rows again.
        enough = (self._most_of_one + 1) // 2
        return [line for line, rows in self._waiting.items() if isinstance(line, str) and len(rows) >= enough]

    def admit(self, rows: Iterable[Row]) -> int:
        """Take what was read, and return how many are new."""
        number = 0
        closed: set[_Line] = set()
        for row in rows:
            line = _line(row)
            if row.id in self._known or line in closed or (line in self._busy and line not in self._waiting):
                continue
            waiting = self._waiting.setdefault(line, deque())
            if len(waiting) >= self._most_of_one:
                closed.add(line)  # what comes behind it must not overtake it
                continue
            if not waiting and line not in self._busy:
                self._ready.append(line)
            self._known.add(row.id)
            late = waiting and row.id < waiting[-1].id  # its transaction took longer than its neighbour's
            waiting.append(row)
            if late:
                self._waiting[line] = deque(sorted(waiting))
            number += 1
        return number

    def take(self, *, at_random: bool = False) -> Row | None:
        """Return an event to send, of the order that waits longest.

        :param at_random: of any order, so that the next try meets another one
        """
        if not self._ready:
            return None
        if at_random:
            self._ready.rotate(random.randrange(len(self._ready)))  # noqa: S311 - spreads load, hides nothing
        line = self._ready.popleft()
        self._busy.add(line)
        return self._waiting[line].popleft()

    def finish(self, row: Row) -> None:
        """Let the order go on: the event was sent, or is given up."""
        line = _line(row)
        self._busy.discard(line)
        if self._waiting.get(line):
            self._ready.append(line)
        else:
            self._waiting.pop(line, None)

    def put_back(self, row: Row) -> None:
        """Put an event back to the head of its order."""
        line = _line(row)
        self._busy.discard(line)
        if line not in self._waiting:  # forgotten meanwhile
            self._known.discard(row.id)
            return
        self._waiting[line].appendleft(row)
        self._ready.appendleft(line)

    def block(self, row: Row) -> None:
        """Let an order wait until ``confirm``: the database does not know yet when it is due."""
        rest = self._waiting.pop(_line(row), ())
        self._known.difference_update(each.id for each in rest)

    def confirm(self, rows: Iterable[Row], *, blocked: bool = False) -> None:
        """Forget events of which the database knows what became of them.

        :param blocked: whether their orders were blocked
        """
        for row in rows:
            self._known.discard(row.id)
            if blocked:
                self._busy.discard(_line(row))

    def drop(self) -> None:
        """Forget what is not on its way."""
        for waiting in self._waiting.values():
            self._known.difference_update(row.id for row in waiting)
        self._waiting.clear()
        self._ready.clear()
