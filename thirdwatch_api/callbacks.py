"""Calls in the background: what ``callback=`` does.

The threads are daemons, so that the process can end: ``concurrent.futures`` would make it wait for every call
that is still queued. Instead, calls that were accepted get one deadline to end.
"""

import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

from .configuration import Configuration
from .exceptions import ApiException, ConnectionException

__all__ = ["CallbackPool", "PendingCall", "finish"]

_logger = logging.getLogger(__name__.partition(".")[0])


class PendingCall(Future[Any]):
    """Follow a call that was given a ``callback``: what it returned, or what went wrong.

    ``result(timeout=None)`` waits, then returns what the call returned or raises what it raised, an error of the
    callback included; ``exception(timeout=None)`` returns that error instead. Seconds, as everywhere.
    """

    def join(self, timeout: float | None = None) -> None:
        """Wait until the callback ran, or the call failed.

        :param timeout: seconds to wait at most; None for as long as it takes
        """
        wait([self], timeout)

    def is_alive(self) -> bool:
        """Tell whether the call or its callback is still to come, or under way."""
        return not self.done()


class _Job(NamedTuple):
    pending: PendingCall
    work: Callable[[], Any]
    callback: Callable[[Any], object]

    def drop(self) -> None:
        if self.pending.set_running_or_notify_cancel():
            self.pending.set_exception(ConnectionException(0, "the client was closed before the call's turn came"))

    def run(self) -> None:
        if not self.pending.set_running_or_notify_cancel():
            return
        try:
            result = self.work()
            self.callback(result)
        except ApiException as error:
            _logger.warning("a call with callback= failed: %s", type(error).__name__)
            self.pending.set_exception(error)
        except BaseException as error:
            _logger.error("a callback failed", exc_info=error)
            self.pending.set_exception(error)
        else:
            self.pending.set_result(result)


class CallbackPool:
    """Run calls in at most ``callback_threads`` threads, which end when there is nothing to do."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._forget()

    def submit(self, work: Callable[[], Any], callback: Callable[[Any], object]) -> PendingCall:
        """Accept a call; it never fails, however many wait."""
        pending = PendingCall()
        with self._lock:
            _pools.add(self)
            self._jobs.append(_Job(pending, work, callback))
            self._unfinished.add(pending)
            start = self._threads < self._configuration.callback_threads
            self._threads += start
        if start:
            try:
                threading.Thread(target=self._run, name="thirdwatch-callback", daemon=True).start()
            except RuntimeError:  # no thread can be had, for instance because the process is about to end
                self._run()
        return pending

    def close(self, since: float | None = None) -> None:
        """Wait for the calls that were accepted, one deadline at most, then drop the others.

        :param since: ``time.monotonic()`` at which the deadline began; None for now
        """
        passed = 0.0 if since is None else time.monotonic() - since
        own = self._under_way.get(threading.get_ident())  # a callback that closes its client can't wait for itself
        others = [pending for pending in list(self._unfinished) if pending is not own]
        wait(others, max(0.0, self._configuration.deadline - passed))
        with self._lock:
            dropped = list(self._jobs)
            self._jobs.clear()
        for job in dropped:
            self._unfinished.discard(job.pending)
            job.drop()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._threads -= 1
                    return
                job = self._jobs.popleft()
            self._under_way[threading.get_ident()] = job.pending
            job.run()
            self._under_way.pop(threading.get_ident(), None)  # gone already when the callback ran others here
            self._unfinished.discard(job.pending)

    def _forget(self) -> None:
        """Start anew: neither threads nor locks outlive a fork."""
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._unfinished: set[PendingCall] = set()
        self._under_way: dict[int, PendingCall] = {}
        self._threads = 0


_pools: "weakref.WeakSet[CallbackPool]" = weakref.WeakSet()


def finish() -> None:
    """Give the calls of all pools one deadline to end."""
    started = time.monotonic()  # one deadline for all pools, not one for each
    for pool in list(_pools):
        pool.close(started)


def _forget_all() -> None:
    for pool in list(_pools):
        pool._forget()  # noqa: SLF001 - nobody else may call it


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_forget_all)
