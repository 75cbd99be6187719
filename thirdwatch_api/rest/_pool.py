"""Pools of connections, and the queue in which their free connections wait."""

import queue
import time
from collections import deque
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from ._connections import Connection, TLSConnection

__all__ = ["ConnectionQueue", "Pool", "TLSPool"]


class ConnectionQueue(queue.LifoQueue[Any]):
    """The free connections of a pool, the last used on top, and a None for each that may still be opened.

    urllib3's default queue holds a lock in each ``get`` and ``put``, also in the one that closes a pool at the
    end of the process. A child that was forked in that moment would wait for ever. Here only a caller that has to
    wait for a connection, and who serves it, take a lock: list operations are atomic. Who waits is served in the
    order of arrival: else a busy thread would take back at once what it gave, and another wait until its deadline.
    """

    idle_timeout = float("inf")
    _expired_at = 0.0
    _released = False

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._line: deque[queue.SimpleQueue[Any]] = deque()

    def release(self) -> None:
        """Let whoever waits open a connection of their own: to a pool that was closed none comes back."""
        with self.mutex:
            self._released = True
            while self._line:
                self._line.popleft().put(None)

    def expire_idle(self) -> None:
        """Use no connection again that is idle now: the server closed one of them."""
        self._expired_at = time.monotonic()

    def put(self, item: Connection | None, block: bool = True, timeout: float | None = None) -> None:
        """Give a connection back."""
        if item is not None:
            item.idle_since = time.monotonic()
        self.queue.append(item)
        if self._line:
            self._serve()

    def get(self, block: bool = True, timeout: float | None = None) -> Connection | None:
        """Take a connection. One that was idle for too long is closed, and opened again by its user."""
        try:
            connection = self.queue.pop()
        except IndexError:
            if not block:
                raise queue.Empty from None
            connection = self._wait(timeout)
        if connection and connection.idle_since <= max(self._expired_at, time.monotonic() - self.idle_timeout):
            connection.close()
        return connection  # type: ignore[no-any-return]  # the queue of the standard library is untyped

    def _wait(self, timeout: float | None) -> Any:
        turn: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self.mutex:
            if self._released:
                return None
            self._line.append(turn)
        try:
            self._serve()
            return turn.get(timeout=timeout)
        finally:
            with self.mutex:
                if turn in self._line:
                    self._line.remove(turn)
            if not turn.empty():  # its turn came in the moment in which it gave up
                self.put(turn.get())

    def _serve(self) -> None:
        with self.mutex:
            while self._line:
                try:
                    item = self.queue.pop()
                except IndexError:
                    return
                self._line.popleft().put(item)


class Pool(HTTPConnectionPool):
    """Connections to one host."""

    ConnectionCls = Connection  # pyright: ignore[reportAssignmentType]  # urllib3's protocol names each parameter
    QueueCls = ConnectionQueue


class TLSPool(HTTPSConnectionPool):
    """Connections to one host over TLS."""

    ConnectionCls = TLSConnection  # pyright: ignore[reportAssignmentType]  # urllib3's protocol names each parameter
    QueueCls = ConnectionQueue
