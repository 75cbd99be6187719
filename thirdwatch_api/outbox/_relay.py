"""Relay: it sends what is in an outbox."""

from __future__ import annotations

import logging
from math import inf
from threading import Event, Thread, get_ident
from time import monotonic
from typing import Any, Protocol

from ..api_client import ApiClient
from ..exceptions import ApiException, ApiValueError, OutboxException
from ._cipher import Cipher
from ._kinds import SLOTS
from ._records import RelayResult
from ._report import Hook
from ._run import Run, Settings
from ._sender import Sender
from ._store import Executor, Part, Store
from ._timing import Timing

__all__ = ["Relay", "drain"]

_logger = logging.getLogger(__name__.partition(".")[0])

_MOST_THREADS = 1000
_SHORTEST_LEASE = 0.5
_LONGEST_LEASE = 3600


class Source(Protocol):
    """What a relay knows of an outbox."""

    executor: Executor
    cipher: Cipher | None


class Relay:
    """What sends the events of an outbox. Start any number: one leads, the others stand by.

    :param outbox: where the events are
    :param threads: how many events are on their way at a time; of one order never more than one
    :param rate: events per second at most; None for no bound
    :param part: ``(index, count)`` for one of so many equal parts of the orders, each with a leader of its own
    :param lease: seconds after which a leader that is frozen, or out of reach, is replaced
    :param on_sent: called with each ``StoredEvent`` that the service took
    :param on_dead: called with each ``StoredEvent`` that is given up
    :param api_client: the client to send with; when left out, the one that ``thirdwatch_api.configuration`` holds
    :raises ApiValueError: a setting makes no sense
    """

    _timing = Timing()

    def __init__(
        self,
        outbox: Source,
        *,
        threads: int = 8,
        rate: float | None = None,
        part: tuple[int, int] = (0, 1),
        lease: float = 30.0,
        on_sent: Hook | None = None,
        on_dead: Hook | None = None,
        api_client: ApiClient | None = None,
    ) -> None:
        _check(threads, rate, part, lease)
        self._outbox = outbox
        self._settings = Settings(
            threads=threads,
            rate=rate,
            part=Part(*part),
            lease=lease,
            on_sent=on_sent,
            on_dead=on_dead,
            sender=Sender(api_client, outbox.cipher),
            timing=self._timing,
        )
        self._stop = Event()
        self._ended = Event()
        self._ended.set()
        self._runner = 0
        self._thread: Thread | None = None
        self._current: Run | None = None

    def run(self, *, until_empty: bool = False, seconds: float | None = None) -> RelayResult:
        """Send events until ``stop()``.

        :param until_empty: end when no event waits any more, or none could be sent in the seconds that are left
        :param seconds: end after so many
        :return: what was done
        :raises OutboxCorruptException: the file is damaged
        """
        self._claim()
        return self._run(until_empty=until_empty, seconds=seconds)

    def run_in_thread(self) -> None:
        """Send events in a thread of this process until ``stop()``."""
        self._claim()
        self._thread = Thread(target=self._run_quietly, name="thirdwatch-relay", daemon=True)
        self._thread.start()

    def stop(self, timeout: float | None = None) -> RelayResult:
        """End ``run()``, after the calls that are under way. A signal handler may call it.

        :param timeout: seconds to wait for that; None for as long as the calls take
        :return: what was done so far, and what is left: -1 where the database can't be asked
        """
        if not self._ended.is_set():
            self._stop.set()
            if run := self._current:
                run.dispatch.stop()
            if self._runner != get_ident():  # a signal handler would wait for itself
                self._ended.wait(timeout)
                if self._thread is not None:
                    self._thread.join(timeout)
        return self._result(self._outbox.executor)

    def _claim(self) -> None:
        if not self._ended.is_set():
            raise ApiValueError("this relay runs already; make another one")
        self._ended.clear()

    def _run(self, *, until_empty: bool = False, seconds: float | None = None, stand_by: bool = True) -> RelayResult:
        self._runner = get_ident()
        executor = self._outbox.executor.for_relay()
        try:
            self._current = Run(
                Store(executor),
                self._settings,
                self._stop,
                until_empty=until_empty,
                end=inf if seconds is None else monotonic() + seconds,
                stand_by=stand_by,
            )
            self._current.work()
            return self._result(executor)
        finally:
            if executor is not self._outbox.executor:
                executor.close()
            self._runner = 0
            self._stop.clear()
            self._ended.set()

    def _run_quietly(self) -> None:
        try:
            self._run()
        except ApiException as error:
            _logger.error("the relay ended: %s", error)

    def _result(self, executor: Executor) -> RelayResult:
        try:
            left = Store(executor).count()[0]
        except OutboxException:
            left = -1
        return RelayResult(self._current.sent if self._current else 0, self._current.dead if self._current else 0, left)


def drain(outbox: Source, *, seconds: float = 50.0, **settings: Any) -> RelayResult:
    """Send what waits, and return: one turn of a relay, for cron, Celery or any other scheduler.

    Where another relay leads it returns at once.

    :param seconds: how long it may take
    :param settings: those of ``Relay``
    """
    relay = Relay(outbox, **settings)
    relay._claim()  # noqa: SLF001 - of this module
    return relay._run(until_empty=True, seconds=seconds, stand_by=False)  # noqa: SLF001 - of this module


def _check(threads: object, rate: object, part: object, lease: object) -> None:
    if not (isinstance(threads, int) and 1 <= threads <= _MOST_THREADS):
        raise ApiValueError(f"threads: expected a whole number, 1 to {_MOST_THREADS}")
    if not (rate is None or (isinstance(rate, (int, float)) and 0 < rate < inf)):
        raise ApiValueError("rate: expected events per second, more than 0, or None for no bound")
    if not (isinstance(lease, (int, float)) and _SHORTEST_LEASE <= lease <= _LONGEST_LEASE):
        raise ApiValueError(f"lease: expected {_SHORTEST_LEASE:g} to {_LONGEST_LEASE} seconds")
    numbers = part if isinstance(part, tuple) and len(part) == 2 and all(isinstance(n, int) for n in part) else (0, 0)
    if not 0 <= numbers[0] < numbers[1] <= SLOTS:
        raise ApiValueError(f"part: expected (index, count), such as (0, 4) to (3, 4); count is {SLOTS} at most")
