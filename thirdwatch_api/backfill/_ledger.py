"""Which rows are done, of those that were read."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Condition, RLock
from zlib import crc32

from ._events import Event
from ._records import BackfillError, Record
from ._state import Checkpoint, Journal, Note, Rejects, Sizes

__all__ = ["Ledger", "Task"]

_MOST_BYTES = 8 * 1024 * 1024
"""Of rows in memory. Their number is bounded by the queues."""


@dataclass(slots=True)
class Task:
    """A row on its way."""

    record: Record
    row: int
    """Its number in the whole input, from 0 on."""

    before: int
    """The checksum of all rows before it."""

    check: int
    """Its own checksum."""

    after: int
    """The checksum of all rows up to it."""

    others: int
    """How many rows before it belong to other parts."""

    event: Event | None = None
    """None where it could not be read."""

    is_sent: bool | None = None
    """Whether the service took it; None while nobody knows."""


class Ledger:
    """The rows that were read and are not done, and what is written of those that are.

    :param path: of the checkpoint; None for none
    :param rejects: path of the rejects
    :param settings: what must be the same as before
    :raises BackfillError: the files can't be used
    """

    def __init__(self, path: str | None, rejects: str, settings: Mapping[str, str | None]) -> None:
        self._path = path
        self._changed = Condition(RLock())
        self._journal = None if path is None else Journal(path + ".journal")
        try:
            self.begun: Checkpoint = self._load(settings)
            """Where this run begins."""
            self.done: dict[int, Note] = self._read_notes()
            """Rows behind that which are done."""
            self._rejects = Rejects(rejects, self.begun.sizes)
        except BaseException:
            if self._journal:
                self._journal.close()
            raise
        self._tasks: deque[Task] = deque()
        self._bytes = 0
        self._read = self.begun.row, self.begun.check
        self._is_ending = False
        self.others: int = self.begun.others
        """Rows that belong to other parts."""
        self.sent: int = self.begun.sent
        self.rejected: int = self.begun.rejected
        self.now: int = 0
        """Rows that were sent or rejected by this run."""

    def _load(self, settings: Mapping[str, str | None]) -> Checkpoint:
        found = Checkpoint.read(self._path) if self._path else None
        self._is_known = found is not None
        if found is None:
            return Checkpoint(settings)
        for name, value in settings.items():
            if found.settings.get(name) != value:
                raise BackfillError(
                    f"{self._path}: was made with another {name}; go on with the same, or name another checkpoint"
                )
        return found

    def _read_notes(self) -> dict[int, Note]:
        notes = [Note.unpack(number) for number in self.begun.ahead]
        if self._journal and self._is_known:  # else the journal is that of a checkpoint that was deleted
            more, sizes = self._journal.read()
            notes += more
            self.begun = self.begun._replace(sizes=Sizes(*map(max, self.begun.sizes, sizes)))
        return {note.row: note for note in notes if note.row >= self.begun.row}

    def begin(self) -> None:
        """Write the first checkpoint. It names what was found in the journal, which is free again then."""
        if self._path and self._journal:
            self.begun._replace(ahead=tuple(note.pack() for note in self.done.values())).write(self._path)
            self._journal.clear()

    def task(self, record: Record, row: int, before: int) -> Task:
        """Return a row as a task.

        :param before: the checksum of all rows before it
        """
        return Task(record, row, before, crc32(record.raw), crc32(record.raw, before), self.others)

    def admit(self, task: Task) -> None:
        """Take a row that is on its way. Wait while there are too many in memory."""
        with self._changed:
            while self._bytes > _MOST_BYTES and not self._is_ending:
                self._changed.wait()
            self._bytes += len(task.record.raw)
            self._tasks.append(task)
            self._read = task.row + 1, task.after

    def skip(self, task: Task) -> None:
        """Leave out a row that belongs to another part."""
        with self._changed:
            self._read = task.row + 1, task.after
            self.others += 1

    def settle(self, task: Task, reason: str | None, head: bytes = b"") -> None:
        """Note that a row is done.

        :param reason: why it is rejected; None where it was sent
        :param head: what a file of rejects begins with
        :raises BackfillError: it could not be noted
        """
        with self._changed:
            sizes = None
            if self._journal and not self._journal.has_room:
                self.write()
            if reason is not None:
                record = task.record
                sizes = self._rejects.add(head, record.raw, f"{record.place}: {' '.join(reason.split())}")
            if self._journal:
                self._journal.note(Note(task.row, task.check, reason is None), sizes)
            self.now += 1
            self._finish(task, is_sent=reason is None)

    def repeat(self, task: Task, note: Note) -> None:
        """Take a row that an earlier run was done with."""
        self.admit(task)
        with self._changed:
            self._finish(task, is_sent=note.is_sent)

    def _finish(self, task: Task, *, is_sent: bool) -> None:
        task.is_sent = is_sent
        self.sent += is_sent
        self.rejected += not is_sent
        self._bytes -= len(task.record.raw)
        while self._tasks and self._tasks[0].is_sent is not None:
            self._tasks.popleft()
        self._changed.notify_all()

    def end(self) -> None:
        """Let nobody wait for room any more."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def write(self, *, complete: bool = False) -> None:
        """Write the checkpoint.

        :param complete: whether every row is done
        :raises BackfillError: it could not be written
        """
        with self._changed:
            if self._path is None or self._journal is None:
                return
            ahead = [Note(task.row, task.check, task.is_sent) for task in self._tasks if task.is_sent is not None]
            unread = [note for row, note in self.done.items() if row >= self._read[0]]
            first = self._tasks[0] if self._tasks else None
            row, check = (first.row, first.before) if first else self._read
            self._rejects.sync()
            Checkpoint(
                settings=self.begun.settings,
                row=row,
                check=check,
                sent=self.sent - sum(note.is_sent for note in ahead),
                rejected=self.rejected - sum(not note.is_sent for note in ahead),
                others=first.others if first else self.others,
                sizes=self._rejects.sizes,
                ahead=tuple(note.pack() for note in [*ahead, *unread]),
                complete=complete,
            ).write(self._path)
            self._journal.clear()

    def close(self, *, complete: bool) -> None:
        """Close the files, and free the lock. What is not in the checkpoint is in the journal.

        :param complete: whether nobody needs the journal any more
        """
        self._rejects.close()
        if self._journal:
            self._journal.close(delete=complete)
