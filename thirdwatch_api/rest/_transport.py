"""RESTClientObject: the connections of a client, and how a request is sent over them."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import urllib3

from .._lazy import FORK_LOCK
from ..configuration import Configuration
from ..exceptions import TimeoutException
from ._call import Call
from ._connections import CallState, current_call
from ._endpoint import Endpoint, open_endpoint
from ._messages import Request

__all__ = ["URLLIB3_VERSION", "RESTClientObject"]

URLLIB3_VERSION: str = urllib3.__version__  # type: ignore[attr-defined]  # public, but not in its __all__


class _Opening:
    """An endpoint while a thread opens it, and the threads that wait for it.

    A thread waits for a lock of its own, which is one call of C code: threading.Event holds a lock inside, which the
    handler of a signal would find taken.
    """

    __slots__ = ("is_done", "thread", "waiting")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.is_done = False
        self.waiting: list[threading.Lock] = []

    def wait(self, seconds: float) -> bool:
        """Wait until it is done; return False when it is not by then."""
        turn = threading.Lock()
        turn.acquire()
        self.waiting.append(turn)
        return self.is_done or turn.acquire(timeout=seconds)

    def finish(self) -> None:
        """Let all go on that wait."""
        self.is_done = True
        while self.waiting:
            with suppress(IndexError):
                self.waiting.pop().release()


class RESTClientObject:
    """The connections of one client. Any number of threads may share it.

    :param configuration: read at each call; its TLS, proxy and pool settings when a connection pool is opened
    :param sleep: waits between attempts
    """

    def __init__(self, configuration: Configuration, sleep: Callable[[float], object] = time.sleep) -> None:
        self.configuration: Configuration = configuration
        self.sleep: Callable[[float], object] = sleep
        self._endpoints: dict[tuple[str, bool], Endpoint] = {}
        self._openings: dict[tuple[str, bool], _Opening] = {}
        _clients.add(self)

    def request(self, request: Request) -> Any:
        """Send a request, with retries, until a response, a failure or the deadline ends the call.

        :return: a RESTResponse, or urllib3's own response, unread, with ``preload_content=False``
        :raises ApiException: no response was received, or its status is not a success
        """
        seconds = self.configuration.deadline if request.deadline is None else request.deadline
        state = CallState(time.monotonic() + seconds, request.secret_query)
        outer = current_call.get()  # a signal handler or a hook may make a call within a call
        try:
            try:
                current_call.set(state)
                endpoint = self._endpoint(self.configuration.host if request.host is None else request.host, state)
                return Call(self.configuration, self.sleep, endpoint, request, state).run()
            finally:
                current_call.set(outer)
        except BaseException:
            # A signal handler may raise anywhere, also in the lines above.
            current_call.set(outer)
            if state.queue is not None:
                state.queue.reclaim(state)
            self._give_up_openings()
            raise

    def close(self) -> None:
        """Close all connections. A later call opens new ones."""
        endpoints, self._endpoints = self._endpoints, {}
        for endpoint in list(endpoints.values()):
            endpoint.pool.close()
            endpoint.queue.release()

    def _forget(self) -> None:
        """Forget all connections without closing them."""
        self._endpoints = {}
        self._openings = {}

    def _endpoint(self, host: str, call: CallState) -> Endpoint:
        """Return the endpoint of a host. One thread opens it; others wait, until their deadline at most."""
        key = (host, self.configuration.allow_insecure_http)
        while (endpoint := self._endpoints.get(key)) is None:
            opening = self._openings.setdefault(key, _Opening())
            if opening.thread == threading.get_ident():  # or a signal handler made a call while this thread opens it
                with FORK_LOCK:
                    self._endpoints.setdefault(key, open_endpoint(self.configuration, host))
                self._give_up_openings()
            elif not opening.wait(max(0.0, call.left())):
                raise TimeoutException(0, "another thread did not open the connection pool before the deadline")
        return endpoint

    def _give_up_openings(self) -> None:
        """End what this thread was opening, whether it is open or failed."""
        for key, opening in list(self._openings.items()):
            if opening.thread == threading.get_ident():
                self._openings.pop(key, None)
                opening.finish()


_clients: weakref.WeakSet[RESTClientObject] = weakref.WeakSet()


def _close_all() -> None:
    for client in list(_clients):
        client.close()


def _forget_all() -> None:
    # A forked child must not use the connections of its parent, and nobody releases the locks that it inherited.
    for client in list(_clients):
        client._forget()  # noqa: SLF001 - nobody else may call it


# At exit urllib3 closes its pools before the last calls with a callback, which then open new connections.
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_forget_all)
