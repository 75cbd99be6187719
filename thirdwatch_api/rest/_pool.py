"""Connection pools, and the queue of their free places."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from ._connections import (
    CallState,
    Connection,
    Lease,
    TLSConnection,
    URLLIB3Connection,
    URLLIB3TLSConnection,
    calling,
    current_call,
)

__all__ = ["ConnectionQueue", "Pool", "TLSPool"]

_LAST = (-1,)
_DERIVED = "_thirdwatch_derived"  # attribute of a mock's class that holds our subclass


class _Turn:
    """The position of a waiting call in the queue.

    It waits for a lock, which is one call of C code. threading.Event holds a lock inside: a signal handler that closes
    the client would wait for it for ever, and an exception of a handler could leave it in disorder.
    """

    __slots__ = ("lease", "lock", "withdrawn")

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.lock = threading.Lock()
        self.lock.acquire()
        self.withdrawn = False


class ConnectionQueue:
    """The free places of a pool, the last used first: a connection, or None for one that may still be opened.

    urllib3's own queue takes a lock in each ``get`` and ``put``. A child that is forked while another thread holds the
    lock would wait for ever, and so would a call in a signal handler that interrupts its holder. Here is no lock: each
    step is one operation of a list or a deque.

    While a call holds a place, the place is in the list ``CallState.lease``. It moves between the two lists in one
    call of C code, ``a.extend(map(b.pop, (-1,)))``, which no signal handler can interrupt. So an exception from a
    handler never loses a place: ``reclaim`` finds it in one of the two lists.

    Waiting calls are served in the order of their arrival. Otherwise a busy thread would take its place back at once,
    and others would wait until their deadline.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self.idle_timeout = float("inf")
        self.connection_class: Callable[[], Any] = lambda: Connection
        """Returns the class of connections that belong here; one of another class is left over from a mock."""
        self._free: Lease = [None] * maxsize
        self._waiting: deque[_Turn] = deque()
        self._expired_at = 0.0
        self._released = False

    def expire_idle(self) -> None:
        """Expire the connections that are idle now: the server closed one of them."""
        self._expired_at = time.monotonic()

    def qsize(self) -> int:
        """Return how many connections are idle."""
        return len(self._free) - self._free.count(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take a place. A connection that was idle for too long is closed; its user opens it again.

        Without ``block``, or outside of a call, take only an idle connection: its place stays free. So the pool still
        works after urllib3 has closed all connections at the end of the process.
        """
        call = current_call.get(None)
        if call is None or not block:
            return self._take_idle()
        lease = call.lease
        if not lease:
            call.queue = self
            call.connection = None
            try:
                lease.extend(map(self._free.pop, _LAST))
            except IndexError:
                self._wait(call, timeout)
        elif lease[0] is not None:  # a mock asks again, for a connection of its own class
            lease[0].close()
            lease[0] = None
        connection: Any = lease[0]
        if connection is None:
            return None
        if type(connection) is not self.connection_class():
            connection.close()
            lease[0] = None
            return None
        if connection.idle_since <= max(self._expired_at, time.monotonic() - self.idle_timeout):
            connection.close()
        call.connection = connection
        connection.lease = lease
        return connection

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Return a place, with a connection that may be used again or None.

        Without a place to return nothing happens: urllib3 fills a new queue, but this one is full from the start.
        """
        lease = getattr(item, "lease", None)
        if lease is None:
            call = current_call.get(None)
            lease = call.lease if call and call.queue is self else None
        if not lease:
            if item is not None:
                item.close()
            return
        if item is not None:
            item.idle_since = time.monotonic()
        lease[0] = item
        self._free.extend(map(lease.pop, _LAST))
        if self._waiting:
            self._serve()

    def reclaim(self, call: CallState) -> None:
        """Take back the place that a call still holds after an exception."""
        if call.turn is not None:
            self._withdraw(call.turn)
        if call.lease:
            for connection in (call.connection, call.lease[0]):
                if connection is not None:
                    connection.close()
            call.lease[0] = None
            self._return(call.lease)

    def release(self) -> None:
        """Wake all waiting calls. Each opens a new connection, since a closed pool gets none back."""
        self._released = True
        while self._waiting:
            with suppress(IndexError):
                turn = self._waiting.popleft()
                turn.lease.append(None)
                turn.lock.release()

    def _take_idle(self) -> Any:
        for connection in filter(None, list(self._free)):
            with suppress(ValueError):  # another call took it
                self._free.remove(connection)
                self._free.append(None)
                return connection
        raise queue.Empty

    def _wait(self, call: CallState, timeout: float | None) -> None:
        turn = call.turn = _Turn(call.lease)
        self._waiting.append(turn)
        self._serve()
        if self._released:
            self.release()
        turn.lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout))
        if not call.lease:
            self._withdraw(turn)
            raise queue.Empty
        call.turn = None

    def _withdraw(self, turn: _Turn) -> None:
        turn.withdrawn = True
        with suppress(ValueError, IndexError):  # it has left the queue
            self._waiting.remove(turn)
        if turn.lease:  # it got a place just before it was withdrawn
            self._return(turn.lease)

    def _return(self, lease: Lease) -> None:
        with suppress(IndexError):  # another thread returned it
            self._free.extend(map(lease.pop, _LAST))
        self._serve()

    def _serve(self) -> None:
        """Give free places to waiting calls."""
        while self._waiting and self._free:
            try:
                turn = self._waiting.popleft()
            except IndexError:
                return
            try:
                turn.lease.extend(map(self._free.pop, _LAST))
            except IndexError:  # another thread took it
                self._waiting.appendleft(turn)
                continue
            if turn.withdrawn:
                self._return(turn.lease)
            else:
                turn.lock.release()


class _ConnectionClass:
    """The class of a pool's connections: ours, unless a mock has replaced urllib3's (as vcrpy does)."""

    def __init__(self, ours: type, pool: type[HTTPConnectionPool], original: type) -> None:
        self._ours = ours
        self._pool = pool
        self._original = original

    def __get__(self, pool: object, owner: type) -> type:
        current = self._pool.ConnectionCls
        return self._ours if current is self._original else _with_secret_query(current)


def _with_secret_query(mock: Any) -> type:
    """Return a subclass of a mock's connection that sends the whole query; make it once for each class."""
    if _DERIVED not in vars(mock):

        def request(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            mock.request(self, method, url + calling().secret_query, *args, **kwargs)

        setattr(mock, _DERIVED, type(mock.__name__, (mock,), {"request": request}))
    derived: type = getattr(mock, _DERIVED)
    return derived


class _QueueMixin:
    """A pool whose places wait in a ConnectionQueue."""

    QueueCls = ConnectionQueue

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Bind the class, not the pool: urllib3's finalizer holds the queue, so the pool would never be collected.
        self.pool.connection_class = partial(getattr, type(self), "ConnectionCls")


class Pool(_QueueMixin, HTTPConnectionPool):  # type: ignore[misc]  # urllib3 wants a LifoQueue, and calls get, put and qsize
    """Connections to one host."""

    ConnectionCls = _ConnectionClass(Connection, HTTPConnectionPool, URLLIB3Connection)  # a descriptor  # pyright: ignore[reportAssignmentType]


class TLSPool(_QueueMixin, HTTPSConnectionPool):  # type: ignore[misc]  # urllib3 wants a LifoQueue, and calls get, put and qsize
    """Connections to one host over TLS."""

    ConnectionCls = _ConnectionClass(TLSConnection, HTTPSConnectionPool, URLLIB3TLSConnection)  # a descriptor  # pyright: ignore[reportAssignmentType]
