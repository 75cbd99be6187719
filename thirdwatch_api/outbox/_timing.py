"""How long a relay waits for what. Seconds, but for the counts."""

import random
from dataclasses import dataclass

__all__ = ["Timing"]


@dataclass(frozen=True)
class Timing:
    """The waits of a relay."""

    poll: float = 0.5
    """Until it looks again for events, or for the lead."""

    note: float = 0.05
    """Until what was sent is noted."""

    batch: int = 100
    """Events that are noted by one statement."""

    first_pause: float = 1.0
    """The first pause of all; each one after it is twice as long."""

    longest_pause: float = 60.0
    """The longest pause that the service did not ask for; also the pause where a setting is wrong."""

    longest_asked: float = 3600.0
    """The longest pause that the service may ask for."""

    first_delay: float = 1.0
    """The first wait of one order; each one after it is twice as long."""

    longest_delay: float = 3600.0
    """The longest wait of one order."""

    tries: int = 12
    """Tries after which an event may be given up."""

    shortest_life: float = 24 * 3600.0
    """Age below which no event is given up."""

    dead_in_row: int = 20
    """Refusals in a row that are no fault of the events any more."""

    log: float = 60.0
    """Between two records of the log that say the same."""

    def delay(self, attempts: int) -> float:
        """Return the wait after a failed try; random, so that orders spread out.

        :param attempts: failed tries before this one
        """
        doubled = min(self.longest_delay, self.first_delay * 2.0 ** min(attempts, 30))
        return doubled * random.uniform(1, 1.5)  # noqa: S311 - spreads load, hides nothing
