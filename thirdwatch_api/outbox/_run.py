"""One run of a relay: it leads, reads events and notes what became of them. Its threads send."""

import os
from contextlib import suppress
from itertools import cycle
from secrets import token_hex
from socket import gethostname
from threading import Event, Thread
from time import monotonic, sleep, thread_time, time
from typing import NamedTuple

from ..exceptions import OutboxCorruptException, OutboxException
from ._dispatch import Dispatch, Done, Mark, Notes
from ._records import Row
from ._report import Hook, Report
from ._sender import Sender
from ._store import Lead, Part, Store
from ._timing import Timing

__all__ = ["Run", "Settings"]

_MEASURE = 8  # one call of so many
_SLOW = 0.01  # seconds of a call that counts in any case: it may be a while until the next one
_LAST_TRIES = 5
_LAST_WAIT = 0.2
_RENEW = 1.0  # seconds; at least each quarter of a lease
_SAFE = 0.8
"""The part of a lease that is used: a call that begins at its end must not meet the next leader."""


class Settings(NamedTuple):
    """The settings of a relay."""

    threads: int
    rate: float | None
    part: Part
    lease: float
    on_sent: Hook | None
    on_dead: Hook | None
    sender: Sender
    timing: Timing


class Run:
    """One run of a relay.

    :param store: the events, on a connection of the relay's own
    :param stop: set when it is to end
    :param until_empty: whether to end when no event waits
    :param end: time of the monotonic clock at which to end
    :param stand_by: whether to wait where another relay leads
    """

    def __init__(
        self, store: Store, settings: Settings, stop: Event, *, until_empty: bool, end: float, stand_by: bool
    ) -> None:
        self._store = store
        self._settings = settings
        self._timing = settings.timing
        self._stop = stop
        self._until_empty = until_empty
        self._end = end
        self._stand_by = stand_by
        self.dispatch: Dispatch = Dispatch(settings.threads, settings.rate, settings.timing)
        self.sent: int = 0
        self.dead: int = 0
        self._holder = f"{gethostname()[:60]}:{os.getpid()}:{token_hex(4)}"
        self._lead: Lead = store.executor.lead(settings.part, self._holder, settings.lease)
        self._report = Report(store, settings.part, settings.timing)
        self._asked = False
        self._leads = False
        self._leads_until = 0.0
        self._renew_at = 0.0
        self._fetch_at = 0.0
        self._more = False
        self._saw_nothing = False
        self._is_tidy = True

    def work(self) -> None:
        """Send events until it is to end."""
        workers = [
            Thread(target=self._send, name=f"thirdwatch-relay-{i}", daemon=True) for i in range(self._settings.threads)
        ]
        for worker in workers:
            worker.start()
        try:
            self._turn()
            while not self._is_over():
                self.dispatch.wait_for_news(self._seconds_to(self._timing.poll), self._timing.note)
                self._turn()
        finally:
            self.dispatch.stop()
            self._finish(workers)

    def _send(self) -> None:
        """Send one event after the other: what each thread does."""
        done = None
        turns = cycle(range(_MEASURE))
        while ticket := self.dispatch.next(done):
            is_measured = not next(turns)
            began, busy = monotonic(), thread_time() if is_measured else 0.0
            outcome = self._settings.sender.send(ticket.row)
            elapsed = monotonic() - began
            if is_measured:
                done = Done(ticket, outcome, elapsed, thread_time() - busy)
            else:
                done = Done(ticket, outcome, elapsed if elapsed > _SLOW else 0.0)

    def _is_over(self) -> bool:
        left = self._end - monotonic()
        if self._stop.is_set() or left <= 0:
            return True
        if not self._until_empty:
            return False
        if not self._leads:
            return self._asked and not (self._stand_by and self._has_pending())
        paused, reason, _ = self.dispatch.state()
        if reason is not None and paused > left:
            return True
        return self._saw_nothing and self.dispatch.is_idle and self._nothing_is_due_within(left)

    def _has_pending(self) -> bool:
        try:
            return self._store.has_pending(self._settings.part)
        except OutboxException as error:
            self._report.trouble(error)
            return True

    def _nothing_is_due_within(self, seconds: float) -> bool:
        try:
            due = self._store.next_due(self._settings.part)
        except OutboxException as error:
            self._report.trouble(error)
            return False
        self._saw_nothing = False  # look again before the next time
        return due is None or due - time() > seconds

    def _turn(self) -> None:
        """Note what was done, renew the lead, read more events."""
        try:
            self._note()
            self._keep_lead()
            if self._leads:
                self._report.pause(*self.dispatch.state())
                self._fetch()
        except OutboxCorruptException:
            raise
        except OutboxException as error:
            self._report.trouble(error)
            self._stop.wait(self._seconds_to(self._timing.poll))

    def _seconds_to(self, longest: float) -> float:
        return min(longest, max(0.0, self._end - monotonic()))

    def _keep_lead(self) -> None:
        """Take the lead or renew it, when it is time."""
        now = monotonic()
        if now < self._renew_at:
            return
        led = self._leads
        self._leads = self._lead.take()
        self._asked = True
        if not self._leads or now >= self._leads_until:
            # Another one leads, or may have led meanwhile: what is in memory may be sent already.
            self.dispatch.follow()
            self._fetch_at = 0.0
        if self._leads:
            if not led:
                self._begin_to_lead()
            self._leads_until = now + self._lead.valid * _SAFE
            self.dispatch.lead_until(self._leads_until)
        self._renew_at = monotonic() + (min(_RENEW, self._lead.valid / 4) if self._leads else self._timing.poll)

    def _begin_to_lead(self) -> None:
        with suppress(OutboxException):  # it may be that the disk is full
            self._store.note_leader(self._settings.part, self._holder)
        for part, count, until, reason in self._store.pauses():
            left = until - time()
            if (part, count) != self._settings.part:
                continue
            if 0 < left <= self._timing.longest_asked:
                self.dispatch.pause(left, reason)
            else:  # it is over, or was noted before the clock was set back
                self._report.end_pause()

    def _fetch(self) -> None:
        """Read events, where there is room for them."""
        room = self.dispatch.room()
        if room is None or not (self._more or monotonic() >= self._fetch_at or self.dispatch.is_idle):
            return
        limit, known, without = room
        rows = self._store.fetch(limit, self._settings.part, known, without, time())
        self._more = self.dispatch.admit(rows) > 0  # there may be more behind
        self._fetch_at = monotonic() + self._timing.poll
        self._saw_nothing = not rows and not without
        if rows:
            self._is_tidy = False
        elif not self._is_tidy and self.dispatch.is_idle:
            self._is_tidy = True
            self._store.executor.tidy()

    def _note(self) -> None:
        """Write down what became of events."""
        notes = self.dispatch.collect()
        if not len(notes):
            return
        done = Notes()
        given_up: list[Mark] = []
        try:
            while notes.sent:
                batch = notes.sent[: self._timing.batch]
                self._store.delete(row.id for row in batch)
                done.sent += batch
                del notes.sent[: len(batch)]
            while notes.dead:
                self._give_up(notes.dead[0])
                given_up.append(notes.dead[0])
                done.dead.append(notes.dead.pop(0))
            while notes.late:
                if self._postpone(notes.late[0]):
                    given_up.append(notes.late[0])
                done.late.append(notes.late.pop(0))
        finally:
            self.dispatch.restore(notes)
            self.dispatch.confirm(done)
            self._count(done.sent, given_up)

    def _give_up(self, mark: Mark) -> None:
        self._store.mark_dead(mark.row.id, time(), mark.reason)

    def _postpone(self, mark: Mark) -> bool:
        """Let an order wait, or give its event up after many tries in a long time; return whether it was."""
        row = mark.row
        now = time()
        if row.attempts + 1 >= self._timing.tries and now - row.created >= self._timing.shortest_life:
            self._give_up(mark)
            return True
        self._store.postpone(row.id, now + self._timing.delay(row.attempts), mark.reason)
        return False

    def _count(self, sent: list[Row], given_up: list[Mark]) -> None:
        """Count what was noted, and call the hooks."""
        self.sent += len(sent)
        self.dead += len(given_up)
        if self._settings.on_sent:
            for row in sent:
                self._report.call(self._settings.on_sent, self._settings.sender.show(row, "sent", None))
        if self._settings.on_dead:
            for row, reason in given_up:
                self._report.call(self._settings.on_dead, self._settings.sender.show(row, "dead", reason))

    def _finish(self, workers: list[Thread]) -> None:
        """Wait for the calls that are under way, note what became of them, and let another relay lead."""
        for worker in workers:
            while worker.is_alive():
                worker.join(self._timing.poll)
                with suppress(OutboxException):
                    self._note()
                    if self._leads:
                        self._keep_lead()
        for last_step in (self._note, self._lead.leave):  # what is not noted is sent again
            for _ in range(_LAST_TRIES):
                try:
                    last_step()
                except OutboxException as error:  # noqa: PERF203 - it is there to repeat
                    self._report.trouble(error)
                    sleep(_LAST_WAIT)
                else:
                    break
        if not self._is_tidy:
            self._store.executor.tidy()
