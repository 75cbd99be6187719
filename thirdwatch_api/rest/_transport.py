"""RESTClientObject: the connections of a client, and how a request is sent over them."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import urllib3

from .._lazy import FORK_LOCK
from ..configuration import Configuration
from ._call import Call
from ._connections import current_call
from ._endpoint import Endpoint, open_endpoint
from ._messages import Request

__all__ = ["URLLIB3_VERSION", "RESTClientObject"]

logging.getLogger(__name__.partition(".")[0]).addHandler(logging.NullHandler())

URLLIB3_VERSION: str = urllib3.__version__  # type: ignore[attr-defined]  # public, but not in its __all__


class RESTClientObject:
    """Connections to the service, and the rules for using them. Any number of threads may share one.

    :param configuration: read at each call; its TLS, proxy and pool settings when a connection pool is opened
    :param sleep: waits between attempts
    """

    def __init__(self, configuration: Configuration, sleep: Callable[[float], object] = time.sleep) -> None:
        self.configuration: Configuration = configuration
        self.sleep: Callable[[float], object] = sleep
        self._lock = threading.Lock()
        self._endpoints: dict[tuple[str, bool], Endpoint] = {}
        _clients.add(self)

    def request(self, request: Request) -> Any:
        """Send a request until it is answered, fails for good, or its deadline passes.

        :return: a RESTResponse, or urllib3's own response, unread, with ``preload_content=False``
        :raises ApiException: there was no answer, or one whose status is no success
        """
        endpoint = self._endpoint(self.configuration.host if request.host is None else request.host)
        call = Call(self.configuration, self.sleep, endpoint, request)
        token = current_call.set(call.state)
        try:
            return call.run()
        finally:
            current_call.reset(token)

    def close(self) -> None:
        """Close all connections. A later call opens new ones."""
        with self._lock:
            endpoints = list(self._endpoints.values())
            self._endpoints = {}
        for endpoint in endpoints:
            endpoint.pool.close()
            endpoint.queue.release()

    def _forget(self) -> None:
        """Start anew, without a lock or a connection from before."""
        self._lock = threading.Lock()
        self._endpoints = {}

    def _endpoint(self, host: str) -> Endpoint:
        key = (host, self.configuration.allow_insecure_http)
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            with self._lock, FORK_LOCK:
                endpoint = self._endpoints.get(key) or open_endpoint(self.configuration, host)
                self._endpoints[key] = endpoint
        return endpoint


_clients: weakref.WeakSet[RESTClientObject] = weakref.WeakSet()


def _close_all() -> None:
    for client in list(_clients):
        client.close()


def _forget_all() -> None:
    # A forked child owns neither the connections of its parent nor the locks that other threads held there.
    for client in list(_clients):
        client._forget()  # noqa: SLF001 - nobody else may call it


# urllib3 closes its pools at exit before the calls with a callback, which are given time to end, use them last.
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_forget_all)
