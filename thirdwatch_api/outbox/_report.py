"""What a relay lets others know: in the log, in the database, and by hooks."""

import logging
from collections.abc import Callable
from time import monotonic, time

from ..exceptions import OutboxException
from ._records import StoredEvent
from ._store import Part, Store
from ._timing import Timing

__all__ = ["Hook", "Report"]

_logger = logging.getLogger(__name__.partition(".")[0])

Hook = Callable[[StoredEvent], object]


class Report:
    """Report why a relay waits: once when it stops, and at most once a minute while it waits."""

    def __init__(self, store: Store, part: Part, timing: Timing) -> None:
        self._store = store
        self._part = part
        self._timing = timing
        self._noted = 0.0
        self._stopped = False
        self._last: dict[str, float] = {}

    def pause(self, seconds: float, reason: str | None, stopped: bool) -> None:
        """Report the breaker as it is.

        :param seconds: until the end of the pause
        :param reason: why there is one; None while there is none
        :param stopped: whether a setting is wrong
        """
        if reason is None:
            if self._noted:
                _logger.info("the relay sends again")
                self._note(0.0, None)
            self._stopped = False
            return
        until = time() + seconds
        if abs(until - self._noted) > self._timing.note:
            self._note(until, reason)
        if stopped and not self._stopped:
            _logger.error("the relay stopped, and tries again every %g s: %s", self._timing.longest_pause, reason)
        elif not stopped and self._is_time("pause"):
            _logger.warning("the relay waits %.0f s: %s", max(0.0, seconds), reason)
        self._stopped = stopped

    def end_pause(self) -> None:
        """Report that a pause of an earlier relay is over."""
        self._note(0.0, None)

    def trouble(self, error: OutboxException) -> None:
        """Report that the database can't be used for now."""
        if self._is_time("trouble"):
            _logger.warning("the relay waits for its database: %s", error)

    def _note(self, until: float, reason: str | None) -> None:
        try:
            self._store.note_pause(self._part, until, reason)
        except OutboxException as error:
            self.trouble(error)
        self._noted = until

    def _is_time(self, what: str) -> bool:
        now = monotonic()
        if now - self._last.get(what, float("-inf")) < self._timing.log:
            return False
        self._last[what] = now
        return True

    @staticmethod
    def call(hook: Hook, event: StoredEvent) -> None:
        """Call a hook. What it raises is logged."""
        try:
            hook(event)
        except Exception:
            _logger.exception("a hook of the relay failed; it goes on")
