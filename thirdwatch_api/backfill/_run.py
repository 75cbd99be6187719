"""Backfill: it reads rows, and sends them with threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread
from time import monotonic
from typing import Any
from zlib import crc32

from .._lazy import load
from ..api_client import ApiClient
from ..outbox._judge import Verdict
from ..outbox._records import Row
from ..outbox._sender import Sender
from ._events import Event
from ._ledger import Ledger, Task
from ._mapping import Layout, read_layout
from ._records import BackfillError, BackfillProgress, BackfillResult, RowError
from ._source import Files, Source
from ._turns import TIMING, Tries, Turns

__all__ = ["Backfill", "Settings"]

_QUEUE = 32
_MOST_THREADS = 1000
_CHECKPOINT = 1.0  # seconds between two
_BROKEN = "internal error"

ProgressHook = Callable[[BackfillProgress], object]


@dataclass(frozen=True)
class Settings:
    """What is read, and how it is understood."""

    files: tuple[str, ...] = ()
    kind: str | None = None
    layout: Layout | None = None
    form: str | None = None
    part: tuple[int, int] = (0, 1)
    sql: str | None = field(default=None, repr=False)  # a URL may have a password
    query: str | None = None

    def source(self, is_stopped: Callable[[], bool]) -> Source:
        """Open what is read.

        :raises BackfillError: it can't be read
        """
        if self.sql is None:
            return Files(self.files, self.kind, self.layout, self.form, is_stopped)
        source: Source = load("._database", __package__).Database(self.sql, self.query, self.kind, self.layout)
        return source

    @property
    def identity(self) -> dict[str, str | None]:
        """What must be the same when a backfill is gone on with."""
        return {
            "kind": self.kind,
            "mapping file": self.layout.digest if self.layout else None,
            "format": self.form,
            "part": "{}/{}".format(*self.part),
            "query": self.query,
        }

    @property
    def base(self) -> str:
        """What the names of its files begin with."""
        name = self.files[0] if self.sql is None else "sql"
        name = "stdin" if name == "-" else name
        return name if self.part == (0, 1) else "{}.{}-of-{}".format(name, *self.part)

    def takes(self, event: Event) -> bool:
        """Return whether an event belongs to this part."""
        index, count = self.part
        return count == 1 or event.hash % count == index


def make_settings(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    kind: str | None = None,
    map: str | os.PathLike[str] | None = None,  # noqa: A002 - the option's name
    format: str | None = None,
    part: tuple[int, int] = (0, 1),
    sql: Any = None,
    query: str | None = None,
) -> Settings:
    """Check what is read.

    :raises BackfillError: a setting makes no sense, or the mapping file can't be used
    """
    paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    if bool(paths) == (sql is not None):
        raise BackfillError("files: name at least one, or - for stdin, or a database, and not both")
    if (sql is None) != (query is None):
        raise BackfillError("sql, query: belong together")
    index, count = part
    if not 0 <= index < count:
        raise BackfillError("part: expected (index, count), such as (0, 4) to (3, 4)")
    if format not in (None, "csv", "jsonl"):
        raise BackfillError(f'format: expected "csv" or "jsonl", got {format!r}')
    layout = None if map is None else read_layout(os.fspath(map))
    return Settings(tuple(os.fspath(path) for path in paths), kind, layout, format, part, sql, query)


class Backfill:
    """The import of a shop's history. What is sent when is on its way in threads; order within an order is kept.

    Run again after it stopped, it goes on where it was.

    :param files: paths of JSONL or CSV; ``-`` for stdin
    :param kind: what rows are that do not say it: ``create_order``
    :param map: path of a mapping file, which says what columns hold
    :param format: ``csv`` or ``jsonl``; by the name of the file when left out
    :param part: ``(index, count)`` for one of so many equal parts of the orders
    :param sql: URL or Engine of a database to read from, with SQLAlchemy
    :param query: what to read there; its columns are mapped as those of a CSV file
    :param rate: rows a second at most; None for no bound
    :param threads: how many rows are on their way at a time; of one order never more than one
    :param checkpoint: path of the file that says how far it is; named after the input when left out
    :param rejects: path of the file for rows that can't be sent; named after the input when left out
    :param api_client: the client to send with; when left out, the one that ``thirdwatch_api.configuration`` holds
    :raises BackfillError: a setting makes no sense, or an input can't be read
    """

    _timing = TIMING

    def __init__(
        self,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        *,
        rate: float | None = 50.0,
        threads: int = 8,
        checkpoint: str | os.PathLike[str] | None = None,
        rejects: str | os.PathLike[str] | None = None,
        api_client: ApiClient | None = None,
        **settings: Any,
    ) -> None:
        if not 1 <= threads <= _MOST_THREADS:
            raise BackfillError(f"threads: expected a whole number, 1 to {_MOST_THREADS}")
        self._settings = make_settings(files, **settings)
        self._turns = Turns(rate, self._timing)
        self._sender = Sender(api_client, None)
        self._source = self._settings.source(lambda: self._turns.is_stopped)
        self._queues: list[Queue[Task | None]] = [Queue(_QUEUE) for _ in range(threads)]
        base = self._settings.base
        self.rejects: str = os.fspath(rejects) if rejects else base + ".rejects"
        """Where the rows are that can't be sent; the reasons are in the same with ``.log``."""
        self.checkpoint: str | None = os.fspath(checkpoint) if checkpoint else self._default_checkpoint(base)
        """Where it is written how far it is; None for stdin, unless it was named."""
        self._ledger: Ledger | None = None
        self._is_read = False
        self._error: BackfillError | None = None
        self._began = 0.0

    @property
    def _identity(self) -> dict[str, str | None]:
        # Another file of rejects would be cut to the length that is noted.
        return {**self._settings.identity, "file of rejects": self.rejects}

    def _default_checkpoint(self, base: str) -> str | None:
        return None if "-" in self._settings.files else base + ".checkpoint"

    def run(self, on_progress: ProgressHook | None = None, every: float = _CHECKPOINT) -> BackfillResult:
        """Send all rows, or go on with that.

        :param on_progress: called with each ``BackfillProgress``, in this thread
        :param every: seconds between two calls of it
        :raises BackfillError: the checkpoint or the rejects can't be used
        """
        self._check_rejects()
        ledger = Ledger(self.checkpoint, self.rejects, self._identity)
        self._ledger = ledger
        self._began = monotonic()
        complete = False
        try:
            ledger.begin()
            threads = [Thread(target=self._guarded, args=(self._read, ledger), daemon=True)]
            threads += [Thread(target=self._guarded, args=(self._work, ledger, q), daemon=True) for q in self._queues]
            for thread in threads:
                thread.start()
            try:
                self._watch(threads, ledger, on_progress, every)
            except BaseException:  # Ctrl-C, or the hook
                self.stop()
                self._watch(threads, ledger, None, every)
                self._write_last(ledger)
                raise
            complete = self._write_last(ledger)
            if on_progress:
                on_progress(self.progress())
            if self._error and not ledger.now:
                raise self._error  # nothing was sent: the setting or the input is wrong from the start
            return BackfillResult(ledger.sent, ledger.rejected, complete, self._turns.failure)
        finally:
            ledger.close(complete=complete)

    def _write_last(self, ledger: Ledger) -> bool:
        """Write the last checkpoint, and return whether every row is done."""
        complete = self._is_read and not self._turns.is_stopped
        try:
            ledger.write(complete=complete)
        except BackfillError as error:
            self._turns.fail(str(error))
            return False
        return complete

    def stop(self) -> None:
        """End ``run()`` after the calls that are under way. A signal handler may call it."""
        self._turns.stop()

    def progress(self) -> BackfillProgress:
        """Return how far it is."""
        ledger = self._ledger
        if ledger is None:
            return BackfillProgress(0, 0, 0, 0, 0.0, None, 0.0, None)
        return BackfillProgress(
            ledger.sent,
            ledger.rejected,
            ledger.others,
            ledger.now,
            monotonic() - self._began,
            self._source.fraction(),
            *self._turns.state(),
        )

    def _check_rejects(self) -> None:
        """Refuse to add to rejects of something else, which would be lost among ours."""
        has_begun = self.checkpoint is not None and os.path.exists(self.checkpoint)  # noqa: PTH110 - shorter
        if not has_begun and os.path.exists(self.rejects) and os.path.getsize(self.rejects):  # noqa: PTH110, PTH202 - shorter
            raise BackfillError(
                f"{self.rejects}: there are rejects of an earlier import; move them, or name another file"
            )

    def _watch(self, threads: list[Thread], ledger: Ledger, hook: ProgressHook | None, every: float) -> None:
        """Write the checkpoint and report, until all threads ended."""
        write_at = monotonic() + _CHECKPOINT
        report_at = monotonic()
        while any(thread.is_alive() for thread in threads):
            self._turns.wait(min(_CHECKPOINT, every) / 4)
            if self._turns.is_stopped:
                ledger.end()
            now = monotonic()
            if now >= write_at:
                write_at = now + _CHECKPOINT
                try:
                    ledger.write()
                except BackfillError as error:
                    self._turns.fail(str(error))
            if hook and now >= report_at:
                report_at = now + every
                hook(self.progress())
        for thread in threads:
            thread.join()

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run a thread. Whatever ends it stops the backfill."""
        try:
            work(*arguments)
        except BackfillError as error:
            self._error = error
            self._turns.fail(str(error))
        except BaseException as error:  # noqa: BLE001 - its text may hold what a row does; SystemExit of a hook too
            self._turns.fail(f"{_BROKEN} ({type(error).__name__})")
        finally:
            self._turns.wake()

    def _read(self, ledger: Ledger) -> None:
        """Read all rows, and hand them to the threads."""
        try:
            self._read_all(ledger)
        finally:
            for queue in self._queues:
                queue.put(None)

    def _read_all(self, ledger: Ledger) -> None:
        begun = ledger.begun
        row = check = 0
        for record in self._source.records():
            if self._turns.is_stopped:
                return
            if row < begun.row:
                check = crc32(record.raw, check)
            else:
                self._check_is_same(row, check, begun.row, begun.check)
                task = ledger.task(record, row, check)
                check = task.after
                self._hand_out(task, ledger)
            row += 1
        if self._turns.is_stopped:
            return
        if row < begun.row or row <= max(ledger.done, default=-1):
            raise BackfillError(self._changed)
        self._check_is_same(row, check, begun.row, begun.check)
        self._is_read = True

    def _check_is_same(self, row: int, check: int, known_row: int, known_check: int) -> None:
        if row == known_row and check != known_check:
            raise BackfillError(self._changed)

    @property
    def _changed(self) -> str:
        return (
            f"{self.checkpoint}: the input is not the one that this was made for: rows that were sent have changed; "
            "bring back the old input, or name another checkpoint to begin anew"
        )

    def _hand_out(self, task: Task, ledger: Ledger) -> None:
        note = ledger.done.get(task.row)
        if note:
            if not note.matches(task.check):
                raise BackfillError(self._changed)
            ledger.repeat(task, note)
            return
        index, count = self._settings.part
        try:
            event = self._source.reader.read(task.record)
        except RowError as error:
            if task.check % count != index:  # what can't be read belongs to no order: each part takes its share
                ledger.skip(task)
                return
            ledger.admit(task)
            ledger.settle(task, str(error), self._source.head)
            return
        if not self._settings.takes(event):
            ledger.skip(task)
            return
        task.event = event
        ledger.admit(task)
        # The rest of a division by count is the same for the whole part.
        self._queues[event.hash // count % len(self._queues)].put(task)

    def _work(self, ledger: Ledger, queue: Queue[Task | None]) -> None:
        task: Task | None = None
        try:
            while task := queue.get():
                if not self._turns.is_stopped:
                    self._deliver(task, ledger)
        finally:
            while task:  # whoever waits for room in the queue must not wait for ever
                task = queue.get()

    def _deliver(self, task: Task, ledger: Ledger) -> None:
        """Send a row until something became of it, or the backfill stops."""
        tries = Tries()
        event: Any = task.event
        row = Row(task.row, event.kind, None, event.text, 0, 0.0, None)
        while (ticket := self._turns.enter()) is not None:
            outcome = self._sender.send(row)
            verdict = self._turns.leave(ticket, outcome, tries)
            if verdict in (Verdict.SENT, Verdict.DEAD):
                reason = None if verdict is Verdict.SENT else outcome.reason
                ledger.settle(task, reason, self._source.head)
                return
            if verdict is Verdict.LATER:
                self._turns.rest(tries)
