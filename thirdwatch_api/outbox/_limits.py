"""Bounds of a relay: how many events a second, and how many at a time."""

from math import inf

__all__ = ["ConcurrencyLimit", "RateLimit"]


class RateLimit:
    """At most so many events a second, evenly.

    :param rate: events a second; None for no bound
    """

    def __init__(self, rate: float | None) -> None:
        self.is_bound: bool = rate is not None
        """Whether there is a bound."""
        self._step = 0.0 if rate is None else 1.0 / rate
        self._next = -inf

    def wait(self, now: float) -> float:
        """Return the seconds until the next event may go."""
        return max(0.0, self._next - now) if self._step else 0.0

    def take(self, now: float) -> None:
        """Note that an event goes. What a pause left unused is lost, but for a tenth of a second."""
        self._next = max(self._next, now - 0.1) + self._step


class ConcurrencyLimit:
    """How many threads send at a time: threads that the interpreter can't run only make each other wait.

    A call of 20 ms leaves the interpreter to all others, one of 0.1 ms to hardly one.

    :param most: number of threads
    """

    _WEIGHT = 1 / 16  # of the latest call in the averages

    def __init__(self, most: int) -> None:
        self._most = most
        self._elapsed = self._busy = 0.0
        self.size: int = most
        """How many threads may send at this moment."""

    def note(self, elapsed: float, busy: float) -> None:
        """Note how long a call took.

        :param elapsed: seconds from its begin to its end
        :param busy: seconds of processor time within; 0 where they were not measured
        """
        self._elapsed += (elapsed - self._elapsed) * self._WEIGHT
        if busy:
            self._busy += (busy - self._busy) * self._WEIGHT
        # Where threads only wait for each other, half of them leave each time, until two are left.
        needed = 1 + int(self._elapsed / (2 * self._busy)) if self._busy > 0 else self._most
        self.size = min(self._most, max(2, needed))
