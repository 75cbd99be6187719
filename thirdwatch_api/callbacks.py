"""Calls in the background, for ``callback=``.

The threads are daemons, so that the process can end: ``concurrent.futures`` would make it wait for every queued
call. Here, queued calls get one deadline to end.
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
    """The future result of a call with ``callback=``.

    ``result(timeout=None)`` waits, then returns what the call returned or raises what it raised, an error of the
    callback included; ``exception(timeout=None)`` returns that error instead. Seconds, as everywhere.
    """

    def join(self, timeout: float | None = None) -> None:
        """Wait until the callback ran, or the call failed.

        :param timeout: seconds to wait at most; None for as long as it takes
        """
        wait([self], timeout)

    def is_alive(self) -> bool:
        """Return whether the call or its callback is still to come, or under way."""
        return not self.done()


class _Job(NamedTuple):
    pending: PendingCall
    path: str
    work: Callable[[], Any]
    callback: Callable[[Any], object]

    def drop(self) -> bool:
        """End a call without making it; return False when its user had cancelled it."""
        if not self.pending.set_running_or_notify_cancel():
            return False
        error = ConnectionException(0, "the client was closed while the call waited for a thread")
        error.hint = (
            "Nothing was sent. Send fewer events at a time, or allow more time: configuration.deadline (seconds)."
        )
        self.pending.set_exception(error)
        return True

    def run(self) -> None:
        if not self.pending.set_running_or_notify_cancel():
            return
        try:
            result = self.work()
            self.callback(result)
        except ApiException as error:
            _logger.warning("a call with callback= failed: %s: %s: %s", self.path, type(error).__name__, error)
            self.pending.set_exception(error)
        except BaseException as error:
            _logger.error("a callback failed", exc_info=error)
            self.pending.set_exception(error)
        else:
            self.pending.set_result(result)


class CallbackPool:
    """The threads of one client, at most ``callback_threads``. They end when no call waits."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._forget()

    def submit(self, work: Callable[[], Any], callback: Callable[[Any], object], path: str) -> PendingCall:
        """Queue a call. When no thread can be started, make it at once.

        :param path: path of the endpoint, for the log
        :raises ApiException: the queue holds ``callback_queue`` calls
        """
        job = _Job(PendingCall(), path, work, callback)
        with self._lock:
            self._threads.difference_update(each for each in list(self._threads) if not each.is_alive())
            is_busy = len(self._threads) >= self._configuration.callback_threads
            if is_busy and len(self._jobs) >= self._configuration.callback_queue:
                raise _queue_is_full(len(self._jobs))
            if is_busy:
                self._jobs.append(job)
            accepted = is_busy or self._start(job)
            self._unfinished.add(job.pending)
            _pools.add(self)
        if not accepted:
            self._run(job)
        return job.pending

    def close(self) -> None:
        """Wait for queued calls, one deadline at most, then drop the rest."""
        dropped, _ = self.end(time.monotonic())
        if dropped:
            _logger.warning("calls with callback= that were dropped because the client was closed: %d", dropped)

    def end(self, since: float) -> tuple[int, int]:
        """Do as ``close`` does, and return how many calls were dropped, and how many are still running.

        :param since: ``time.monotonic()`` at which the deadline began
        """
        own = self._under_way.get(threading.get_ident())  # a callback that closes its client can't wait for itself
        end = since + self._configuration.deadline
        # A callback may send another event, so look again after each wait.
        while others := [each for each in list(self._unfinished) if each is not own and not each.done()]:
            left = end - time.monotonic()
            if left <= 0:
                break
            wait(others, left)
        with self._lock:
            jobs = list(self._jobs)
            self._jobs.clear()
        self._unfinished.difference_update(job.pending for job in jobs)
        return sum([job.drop() for job in jobs]), sum(not each.done() for each in others)

    def _start(self, first: _Job) -> bool:
        """Start a thread; return False when it can't start, as at the end of a process from Python 3.12 on."""
        if _ended:  # the process would not wait for it
            return False
        thread = threading.Thread(target=self._run, args=(first,), name="thirdwatch-callback", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._threads.add(thread)
        return True

    def _run(self, job: _Job | None) -> None:
        while job:
            self._under_way[threading.get_ident()] = job.pending
            job.run()
            self._under_way.pop(threading.get_ident(), None)  # a callback that ran other calls here has removed it
            with self._lock:
                self._unfinished.discard(job.pending)
                job = self._jobs.popleft() if self._jobs else None
                if job is None:
                    self._threads.discard(threading.current_thread())

    def _forget(self) -> None:
        """Forget all calls: threads do not survive a fork, and nobody releases inherited locks."""
        self._lock = threading.RLock()  # a signal handler may send an event inside of submit
        self._jobs: deque[_Job] = deque()
        self._unfinished: set[PendingCall] = set()
        self._under_way: dict[int, PendingCall] = {}
        self._threads: set[threading.Thread] = set()


def _queue_is_full(waiting: int) -> ApiException:
    error = ApiException(0, f"{waiting:,} calls with callback= wait already, the limit of configuration.callback_queue")
    error.hint = "Nothing was sent. Send more slowly, or raise callback_threads or callback_queue."
    return error


_pools: "weakref.WeakSet[CallbackPool]" = weakref.WeakSet()
_ended = False


def finish() -> None:
    """Wait for the calls of all pools, one deadline at most. Later calls run in the thread that submits them."""
    global _ended  # noqa: PLW0603 - a process ends once
    _ended = True
    started = time.monotonic()  # one deadline for all pools, not one for each
    counts = [pool.end(started) for pool in list(_pools)]
    dropped, under_way = sum(count[0] for count in counts), sum(count[1] for count in counts)
    if dropped or under_way:
        _logger.warning(
            "calls with callback= that the end of the process cut off: %d waited for a thread, %d were running",
            dropped,
            under_way,
        )


def _forget_all() -> None:
    for pool in list(_pools):
        pool._forget()  # noqa: SLF001 - nobody else may call it


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_forget_all)
