"""When a row may be sent: the rate, and the pauses that the service asks for or needs."""

from dataclasses import dataclass
from threading import Condition, RLock
from time import monotonic

from ..outbox._breaker import Breaker
from ..outbox._dispatch import Outcome
from ..outbox._judge import Verdict
from ..outbox._limits import RateLimit
from ..outbox._timing import Timing

__all__ = ["TIMING", "Tries", "Turns"]

TIMING = Timing(tries=5, dead_in_row=100)
"""The waits of a relay. But a person waits for a backfill: a row is given up sooner, and the service that refuses
everything stops it instead of making it wait."""

_SUSPICIOUS = 3


@dataclass
class Tries:
    """What a row went through."""

    failed: int = 0
    """How often the service failed on it."""

    waits: int = 0
    """How often the service went away at it."""

    successes: int | None = None
    """How many others had got through when it did so first; None before that."""


class Turns:
    """Let rows through, one call for each.

    :param rate: rows a second; None for no bound
    """

    def __init__(self, rate: float | None, timing: Timing) -> None:
        self._changed = Condition(RLock())  # reentrant: a signal handler may stop it
        self._timing = timing
        self._breaker = Breaker(timing)
        self._rate = RateLimit(rate)
        self._successes = 0
        self.is_stopped: bool = False
        """Whether no row is let through any more."""
        self.failure: str | None = None
        """Why it was stopped; None where somebody asked for it."""

    def enter(self) -> int | None:
        """Wait until a row may be sent; None when the backfill stops."""
        with self._changed:
            while not self.is_stopped:
                now = monotonic()
                wait = max(self._breaker.wait(now), self._rate.wait(now))
                if wait <= 0:
                    self._rate.take(now)
                    return self._breaker.enter()
                self._changed.wait(min(wait, self._timing.longest_pause))
            return None

    def leave(self, ticket: int, outcome: Outcome, tries: Tries) -> Verdict:
        """Take back what became of a call, and return what that means for its row."""
        with self._changed:
            was_open = self._breaker.until is None
            verdict = self._breaker.leave(ticket, outcome.verdict, outcome.reason, outcome.retry_after, monotonic())
            if outcome.verdict is Verdict.DEAD and self._breaker.refuses_all:
                self._fail(f"the service refused {self._timing.dead_in_row} rows in a row; the last: {outcome.reason}")
                return Verdict.DEAD
            if verdict is Verdict.STOP:
                self._fail(outcome.reason)
            if not (was_open and self._breaker.until is None):
                self._changed.notify_all()
            return self._suspect(verdict, tries)

    def _suspect(self, verdict: Verdict, tries: Tries) -> Verdict:
        """Give a row its own waits that makes the service go away, again and again, while others get through."""
        if verdict is Verdict.SENT:
            self._successes += 1
        elif verdict is Verdict.WAIT:
            # Once others got through it stays suspect: at the end there may be no other row to compare with.
            tries.successes = self._successes if tries.successes is None else tries.successes
            tries.waits += 1
            if tries.waits >= _SUSPICIOUS and self._successes > tries.successes:
                verdict = Verdict.LATER
        if verdict is Verdict.LATER:
            tries.waits = 0
            tries.failed += 1
            if tries.failed >= self._timing.tries:
                verdict = Verdict.DEAD
        return verdict

    def rest(self, tries: Tries) -> None:
        """Wait until a row is due on which the service failed."""
        with self._changed:
            end = monotonic() + self._timing.delay(tries.failed - 1)
            while not self.is_stopped and (left := end - monotonic()) > 0:
                self._changed.wait(left)

    def stop(self) -> None:
        """Let no more through. A signal handler may call it."""
        with self._changed:
            self.is_stopped = True
            self._changed.notify_all()

    def fail(self, reason: str) -> None:
        """Let no more through, for a reason. The first one counts."""
        with self._changed:
            self._fail(reason)

    def _fail(self, reason: str) -> None:
        if not self.is_stopped:
            self.failure = reason
        self.stop()

    def wait(self, seconds: float) -> None:
        """Wait for seconds, or until something changes."""
        with self._changed:
            self._changed.wait(seconds)

    def wake(self) -> None:
        """End ``wait()``."""
        with self._changed:
            self._changed.notify_all()

    def state(self) -> tuple[float, str | None]:
        """Return the seconds until the end of a pause, and its reason."""
        with self._changed:
            until = self._breaker.until
            return (0.0 if until is None else max(0.0, until - monotonic())), self._breaker.reason
