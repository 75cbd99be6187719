"""Log of what happened in the sandbox, and the watch that wakes those who follow it."""

from collections import deque
from itertools import islice
from threading import Condition, Event, Lock
from typing import Generic, TypeVar

__all__ = ["Log", "Watch"]

_T = TypeVar("_T")
_MAX_KEPT = 10_000


class Log(Generic[_T]):
    """The last 10,000 things of a kind. Each has a number: 1 for the first, whether it is still kept or not."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._items: deque[_T] = deque(maxlen=_MAX_KEPT)
        self.last = 0
        """The number of the last item; 0 before there is one."""

    def append(self, item: _T) -> int:
        """Add an item, and return its number."""
        with self._lock:
            self._items.append(item)
            self.last += 1
            return self.last

    def clear(self) -> None:
        """Forget the items. The numbers go on."""
        with self._lock:
            self._items.clear()

    def since(self, number: int, limit: int = _MAX_KEPT) -> tuple[list[_T], int]:
        """Return the items after the one with this number, oldest first, and the number of the last of them."""
        with self._lock:
            dropped = self.last - len(self._items)
            start = min(max(number - dropped, 0), len(self._items))
            found = list(islice(self._items, start, start + limit))
            return found, dropped + start + len(found)

    def get(self, number: int) -> _T | None:
        """Return the item with this number, or None when it is not kept."""
        with self._lock:
            place = number - 1 - self.last + len(self._items)
            return self._items[place] if 0 <= place < len(self._items) else None


class Watch:
    """A signal that something changed. It has a lock of its own, so a thread may give it whatever locks it holds."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._version = 0
        self.ended = Event()
        """Set while nothing is served, so that those who follow stop."""

    def touch(self) -> None:
        """Say that something changed."""
        with self._condition:
            self._version += 1
            self._condition.notify_all()

    def wait(self, seen: int, timeout: float) -> int:
        """Return the current version as soon as it is not the seen one, or when the time is up or nothing is served."""
        with self._condition:
            self._condition.wait_for(lambda: self._version != seen or self.ended.is_set(), timeout)
            return self._version

    def begin(self) -> None:
        """Let followers follow."""
        self.ended.clear()

    def end(self) -> None:
        """Make all followers stop."""
        self.ended.set()
        self.touch()
