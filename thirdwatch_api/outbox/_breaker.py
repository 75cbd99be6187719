"""The circuit breaker of a relay: the service is there, or all events wait for it."""

from math import inf

from ._judge import Verdict
from ._timing import Timing

__all__ = ["Breaker"]


class Breaker:
    """A circuit breaker. It holds all events back while the service is away, or a setting is wrong.

    After a pause it lets one event through at a time, until the service takes one. Times are those of a monotonic
    clock, which the caller reads. It has no lock of its own.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self.until: float | None = None
        """End of the pause; None while events are sent."""
        self._probing = False
        self._round = 0
        self._waits = 0
        self._refused = 0
        self.reason: str | None = None
        """Why nothing is sent; None where it is."""
        self.stopped: bool = False
        """Whether a setting is wrong, which no waiting cures."""

    @property
    def refuses_all(self) -> bool:
        """Whether the service refused so many events in a row that it is no fault of theirs."""
        return self._refused >= self._timing.dead_in_row

    def wait(self, now: float) -> float:
        """Return the seconds until an event may be sent; infinity while another one probes."""
        if self.until is None:
            return 0.0
        return inf if self._probing else max(0.0, self.until - now)

    def enter(self) -> int:
        """Note that a call begins, and return what ``leave`` wants of it."""
        self._probing = self.until is not None
        return self._round

    def succeed(self) -> None:
        """Note that the service took an event while events may be sent: ``leave`` for nearly every call."""
        self._refused = 0

    def leave(self, ticket: int, verdict: Verdict, reason: str, asked: float | None, now: float) -> Verdict:
        """Note how a call ended, and return what that means for its event.

        :param ticket: what ``enter`` returned
        :param reason: why it failed
        :param asked: seconds that the service asked to wait
        """
        is_current = ticket == self._round  # else it began before the pause, and knows nothing new
        if is_current:
            self._probing = False
        if verdict is Verdict.SENT:
            self._refused = 0
            if is_current:
                self._reset()
        elif verdict is Verdict.DEAD and not is_current:
            verdict = Verdict.WAIT  # it may be none of the event's fault, as little as what began the pause
        elif verdict is Verdict.DEAD:
            self._refused += 1
            if self.refuses_all:
                verdict = Verdict.WAIT
                asked = self._timing.longest_pause
                reason = f"the service refuses every event; the last reason: {reason}"
        if verdict in (Verdict.WAIT, Verdict.STOP):
            self._trip(verdict, reason, asked, now, is_current=is_current)
        return verdict

    def pause(self, seconds: float, reason: str, now: float) -> None:
        """Go on with a pause that another relay began."""
        self._round += 1
        self.until = now + min(seconds, self._timing.longest_asked)
        self.reason = reason

    def _reset(self) -> None:
        self.until = self.reason = None
        self.stopped = False
        self._waits = 0

    def _trip(self, verdict: Verdict, reason: str, asked: float | None, now: float, *, is_current: bool) -> None:
        longest = self._timing.longest_pause
        if not is_current:
            if asked and self.until is not None:
                self.until = max(self.until, now + min(asked, self._timing.longest_asked))
            return
        if verdict is Verdict.STOP:
            seconds = longest
        elif asked:
            seconds = min(asked, self._timing.longest_asked)
        else:
            seconds = min(longest, self._timing.first_pause * 2.0 ** min(self._waits, 30))
            self._waits += 1
        self.stopped = verdict is Verdict.STOP
        self.pause(seconds, reason, now)
