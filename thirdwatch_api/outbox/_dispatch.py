"""What the threads of a relay share: the events in memory, the breaker, the pace, and what is still to be noted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Condition, RLock
from time import monotonic
from typing import NamedTuple

from ._breaker import Breaker
from ._judge import Verdict
from ._limits import ConcurrencyLimit, RateLimit
from ._records import Row
from ._timing import Timing
from ._window import Window

__all__ = ["Dispatch", "Done", "Notes", "Outcome", "Ticket"]

_SUSPICIOUS = 3


class Ticket(NamedTuple):
    """The right to send one event."""

    row: Row
    round: int


class Outcome(NamedTuple):
    """How a call ended."""

    verdict: Verdict
    reason: str = ""
    retry_after: float | None = None


class Done(NamedTuple):
    """A call that ended."""

    ticket: Ticket
    outcome: Outcome
    elapsed: float = 0.0
    """Seconds that it took; 0 where they were not measured."""

    busy: float = 0.0
    """Seconds of processor time within; 0 where they were not measured."""


class Mark(NamedTuple):
    """An event that is to be noted as failed or given up, and why."""

    row: Row
    reason: str


@dataclass
class Notes:
    """What the database does not know yet."""

    sent: list[Row] = field(default_factory=list)
    dead: list[Mark] = field(default_factory=list)
    late: list[Mark] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sent) + len(self.dead) + len(self.late)


class Dispatch:
    """Hand out events to threads, and take back what became of them.

    :param threads: how many there are
    :param rate: events a second at most; None for no bound
    """

    def __init__(self, threads: int, rate: float | None, timing: Timing) -> None:
        self._timing = timing
        lock = RLock()  # reentrant: a signal handler may stop the relay
        self._changed = Condition(lock)
        self._news = Condition(lock)
        self._has_news = False
        self._window = Window(min(4096, max(512, threads * 64)))
        self._breaker = Breaker(timing)
        self._rate_limit = RateLimit(rate)
        self._concurrency = ConcurrencyLimit(threads)
        self._notes = Notes()
        self._unnoted = 0
        self._under_way = 0
        self._successes = 0
        self._suspects: dict[int, tuple[int, int]] = {}
        self._leads_until = 0.0
        self._stopping = False

    def next(self, done: Done | None = None) -> Ticket | None:
        """Take back what became of an event, and wait for one that may be sent; None when the relay stops."""
        with self._changed:
            if done is not None:
                self._resize(done)
                if done.outcome.verdict is Verdict.SENT and self._breaker.until is None:
                    self._settle_sent(done.ticket.row)
                else:
                    self._settle(done.ticket, done.outcome)
            while not self._stopping:
                now = monotonic()
                wait = self._wait(now)
                if not wait:
                    # The event that began a pause may be the reason of it: let another one probe.
                    row = self._window.take(at_random=self._breaker.until is not None)
                    if row is not None:
                        self._rate_limit.take(now)
                        self._under_way += 1
                        return Ticket(row, self._breaker.enter())
                self._changed.wait(wait or None)
            return None

    def _wait(self, now: float) -> float:
        """Return the seconds until something may change by itself; 0 when an event may be sent now."""
        if self._under_way >= self._concurrency.size or self._unnoted >= self._timing.batch or now >= self._leads_until:
            return self._timing.longest_pause  # somebody will wake us
        if self._breaker.until is None and not self._rate_limit.is_bound:
            return 0.0
        return min(self._timing.longest_pause, max(self._breaker.wait(now), self._rate_limit.wait(now)))

    def _resize(self, done: Done) -> None:
        """Let more or fewer threads send, as long as calls take now."""
        if not done.elapsed:
            return
        size = self._concurrency.size
        self._concurrency.note(done.elapsed, done.busy)
        if self._concurrency.size > size:
            self._changed.notify(self._concurrency.size - size)

    def _settle_sent(self, row: Row) -> None:
        """Take back an event that was sent while no pause is on, as nearly all are."""
        self._breaker.succeed()
        self._under_way -= 1
        self._successes += 1
        if self._suspects:
            self._suspects.pop(row.id, None)
        self._window.finish(row)
        self._notes.sent.append(row)
        self._unnoted += 1
        if self._has_enough():
            self._tell()

    def _settle(self, ticket: Ticket, outcome: Outcome) -> None:
        """Take back an event, whatever became of it."""
        row = ticket.row
        was_closed = self._breaker.until is None
        verdict = self._breaker.leave(ticket.round, outcome.verdict, outcome.reason, outcome.retry_after, monotonic())
        verdict = self._suspect(row, verdict)
        self._under_way -= 1
        if verdict is Verdict.SENT:
            self._window.finish(row)
            self._notes.sent.append(row)
        elif verdict is Verdict.DEAD:
            self._window.finish(row)
            self._notes.dead.append(Mark(row, outcome.reason))
        elif verdict is Verdict.LATER:
            self._window.block(row)
            self._notes.late.append(Mark(row, outcome.reason))
        else:
            self._window.put_back(row)
        self._unnoted += verdict not in (Verdict.WAIT, Verdict.STOP)
        if not (was_closed and self._breaker.until is None):
            self._changed.notify_all()
        self._tell()

    def _has_enough(self) -> bool:
        """Return whether the relay has something to do before its time."""
        return self._unnoted == self._timing.batch // 2 or not self._window.has_ready

    def _suspect(self, row: Row, verdict: Verdict) -> Verdict:
        """Let an event wait alone that holds up all others, again and again, while others get through."""
        if verdict is Verdict.SENT:
            self._successes += 1
            self._suspects.pop(row.id, None)
        elif verdict in (Verdict.WAIT, Verdict.STOP):
            times, before = self._suspects.get(row.id, (0, self._successes))
            self._suspects[row.id] = times + 1, before
            if times + 1 >= _SUSPICIOUS and self._successes > before:
                verdict = Verdict.LATER
        if verdict is Verdict.LATER:
            self._suspects.pop(row.id, None)
        return verdict

    def _tell(self) -> None:
        self._has_news = True
        self._news.notify()

    def wait_for_news(self, idle: float, busy: float) -> None:
        """Wait until there is something to note or room for more, or for seconds.

        :param idle: seconds to wait when nothing is under way
        :param busy: seconds to wait when something is
        """
        with self._news:
            if not self._has_news:
                self._news.wait(busy if self._under_way or self._unnoted else idle)
            self._has_news = False

    def lead_until(self, end: float) -> None:
        """Allow to send until a time of the monotonic clock."""
        with self._changed:
            was_waiting = monotonic() >= self._leads_until
            self._leads_until = end
            if was_waiting:
                self._changed.notify_all()

    def follow(self) -> None:
        """Send nothing more: another relay leads. What was only in memory is forgotten, and read again later."""
        with self._changed:
            self._leads_until = 0.0
            self._window.drop()

    def room(self) -> tuple[int, list[int], list[str]] | None:
        """Return how many events to read, which ones not, and of which orders none; None where memory is full."""
        with self._changed:
            window = self._window
            return (window.room, window.known(), window.full_orders()) if window.is_low else None

    def admit(self, rows: Iterable[Row]) -> int:
        """Take events that were read, and return how many are new."""
        with self._changed:
            number = self._window.admit(rows)
            if number:
                self._changed.notify_all()
            return number

    def collect(self) -> Notes:
        """Take what is to be noted. It counts as unnoted until ``confirm``."""
        with self._changed:
            notes, self._notes = self._notes, Notes()
            return notes

    def restore(self, notes: Notes) -> None:
        """Put back what could not be noted."""
        with self._changed:
            self._notes.sent[:0] = notes.sent
            self._notes.dead[:0] = notes.dead
            self._notes.late[:0] = notes.late

    def confirm(self, notes: Notes) -> None:
        """Forget what was noted."""
        with self._changed:
            self._window.confirm(notes.sent)
            self._window.confirm(mark.row for mark in notes.dead)
            self._window.confirm((mark.row for mark in notes.late), blocked=True)
            was_full = self._unnoted >= self._timing.batch
            self._unnoted -= len(notes)
            if was_full:
                self._changed.notify_all()

    def pause(self, seconds: float, reason: str) -> None:
        """Go on with a pause that another relay began."""
        with self._changed:
            self._breaker.pause(seconds, reason, monotonic())

    def state(self) -> tuple[float, str | None, bool]:
        """Return the seconds until the end of the pause, its reason, and whether a setting is wrong."""
        with self._changed:
            until = self._breaker.until
            return (0.0 if until is None else until - monotonic()), self._breaker.reason, self._breaker.stopped

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in memory."""
        with self._changed:
            return not len(self._window) and not self._under_way

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._tell()
