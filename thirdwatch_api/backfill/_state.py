"""What survives the end of a process: which rows are done, and the rejects.

The checkpoint says up to which row everything is done, and is written each second. The journal names the rows that
were done since: eight bytes each, in a file of fixed size that is mapped into memory. To note a row is one store, which
survives ``kill -9`` and needs no room on the disk.
"""

import json
import mmap
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple

from .._lazy import load
from ._records import BackfillError

__all__ = ["Checkpoint", "Journal", "Note", "Rejects", "Sizes"]

_VERSION = 1
_SLOT = Struct("<Q")
_SLOTS = 8192
_ROW_BITS, _CHECK_BITS = 38, 24
_CHECK = (1 << _CHECK_BITS) - 1
_VALUE = (1 << 62) - 1
_SENT, _REJECTED, _ROWS_SIZE, _LOG_SIZE = range(4)


class Sizes(NamedTuple):
    """How long the two files of rejects are, as far as they are noted."""

    rows: int = 0
    log: int = 0


class Note(NamedTuple):
    """A row that is done."""

    row: int
    check: int
    """Tells its bytes from others."""

    is_sent: bool

    def pack(self) -> int:
        """Return it as a number; never 0."""
        tag = _SENT if self.is_sent else _REJECTED
        return tag << 62 | (self.row + 1) << _CHECK_BITS | (self.check & _CHECK)

    @classmethod
    def unpack(cls, number: int) -> "Note":
        """Return what ``pack`` packed."""
        return cls(((number & _VALUE) >> _CHECK_BITS) - 1, number & _CHECK, number >> 62 == _SENT)

    def matches(self, check: int) -> bool:
        """Return whether a row is still the one that was noted."""
        return self.check & _CHECK == check & _CHECK


def _private(path: str) -> int:
    """Open a file that only its owner may read, and make it where it is missing."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600)
    with suppress(OSError, AttributeError):
        os.fchmod(descriptor, 0o600)
    return descriptor


def _unusable(path: str, error: OSError) -> BackfillError:
    return BackfillError(f"{path}: {error.strerror}")


class Journal:
    """The rows that are done since the last checkpoint, and the lock that keeps a second process out.

    :raises BackfillError: another process has it, or there is no room for it
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._descriptor = _private(path)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            self._open(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _open(self, path: str) -> None:
        if not _lock(self._descriptor):
            raise BackfillError(f"{path}: another process is at work with this checkpoint")
        try:
            missing = _SLOTS * _SLOT.size - os.fstat(self._descriptor).st_size
            if missing > 0:  # a write that finds no room in a mapped file would kill the process
                os.lseek(self._descriptor, 0, os.SEEK_END)
                if os.write(self._descriptor, bytes(missing)) < missing:
                    raise BackfillError(f"{path}: no room on the disk")
            self._slots = mmap.mmap(self._descriptor, _SLOTS * _SLOT.size)
        except OSError as error:
            raise _unusable(path, error) from None
        self._used = 0

    @property
    def has_room(self) -> bool:
        """Whether one more row can be noted."""
        return self._used + 3 <= _SLOTS

    def read(self) -> tuple[list[Note], Sizes]:
        """Return what was noted, and how long the rejects were after it."""
        notes: list[Note] = []
        known, pending = Sizes(), Sizes()
        for (number,) in _SLOT.iter_unpack(self._slots[:]):
            tag, value = number >> 62, number & _VALUE
            if tag == _ROWS_SIZE:
                pending = pending._replace(rows=value)
            elif tag == _LOG_SIZE:
                pending = pending._replace(log=value)
            elif number:
                notes.append(Note.unpack(number))
                if tag == _REJECTED:  # only the row itself makes them count
                    known = Sizes(max(known.rows, pending.rows), max(known.log, pending.log))
        return notes, known

    def note(self, note: Note, sizes: Sizes | None = None) -> None:
        """Note a row.

        :param sizes: of the rejects that it is among
        """
        if sizes is not None:
            self._put(_ROWS_SIZE << 62 | sizes.rows)
            self._put(_LOG_SIZE << 62 | sizes.log)
        self._put(note.pack())

    def _put(self, number: int) -> None:
        _SLOT.pack_into(self._slots, self._used * _SLOT.size, number)
        self._used += 1

    def clear(self) -> None:
        """Forget all rows: the checkpoint names them now."""
        self._slots[:] = bytes(len(self._slots))
        self._used = 0

    def close(self, *, delete: bool = False) -> None:
        """Free the lock."""
        self._slots.close()
        if delete:
            with suppress(OSError):
                Path(self._path).unlink()
        os.close(self._descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file until it is closed or the process dies; False where another process has it."""
    try:
        fcntl: Any = load("fcntl")
    except ImportError:  # pragma: no cover - Windows
        load("msvcrt").locking(descriptor, 2, 1)
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Checkpoint(NamedTuple):
    """Up to which row everything is done. It holds no value of any row."""

    settings: Mapping[str, str | None] = {}
    """What must be the same when it is gone on with."""

    row: int = 0
    """How many rows are done without a gap."""

    check: int = 0
    """The checksum of those."""

    sent: int = 0
    rejected: int = 0
    others: int = 0
    """Of those, how many belong to other parts."""

    sizes: Sizes = Sizes()
    ahead: tuple[int, ...] = ()
    """Rows behind a gap that are done, packed."""

    complete: bool = False

    @classmethod
    def read(cls, path: str) -> "Checkpoint | None":
        """Return the checkpoint; None where there is none.

        :raises BackfillError: it can't be read
        """
        try:
            given = json.loads(Path(path).read_bytes())
            if given.pop("version") != _VERSION:
                raise BackfillError(f"{path}: was made by another version of thirdwatch_api; finish with that one")
            values = given | {"sizes": Sizes(*given["sizes"]), "ahead": tuple(given["ahead"])}
            return cls(**values)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from None
        except (ValueError, TypeError, LookupError, AttributeError):
            raise BackfillError(f"{path}: is no checkpoint; name another file, or delete it to begin anew") from None

    def write(self, path: str) -> None:
        """Write it in one step: a reader finds the old one or the new one.

        :raises BackfillError: it could not be written
        """
        draft = path + ".new"
        text = json.dumps({"version": _VERSION, **self._asdict()}).encode()
        try:
            descriptor = _private(draft)
            try:
                os.ftruncate(descriptor, 0)
                _write(descriptor, text)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            Path(draft).replace(path)
        except OSError as error:
            raise _unusable(path, error) from None


class Rejects:
    """Rows that can't be sent, in the form of the input, and the reasons beside.

    :param path: of the rows; the reasons are in ``path.log``
    :param sizes: how much of both is noted; what is behind was written by a process that was killed
    :raises BackfillError: the files can't be used
    """

    def __init__(self, path: str, sizes: Sizes) -> None:
        self.path: str = path
        self.sizes: Sizes = sizes
        self._files: list[int] = []
        for name, size in zip(self.names(path), sizes, strict=True):
            self._files.append(self._open(name, size))

    @staticmethod
    def names(path: str) -> tuple[str, str]:
        """Return the names of both files."""
        return path, path + ".log"

    def _open(self, name: str, size: int) -> int:
        try:
            descriptor = _private(name)
        except OSError as error:
            raise _unusable(name, error) from None
        if os.fstat(descriptor).st_size < size:
            os.close(descriptor)
            raise BackfillError(f"{name}: rejects are missing that were there; put the file back to go on")
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)
        return descriptor

    def add(self, head: bytes, raw: bytes, reason: str) -> Sizes:
        """Write a row, and return how long the files are now.

        :param head: what a file begins with
        :raises BackfillError: it could not be written
        """
        if raw and not self.sizes.rows:
            raw = _ended(head) + raw
        line = reason.encode("utf-8", "backslashreplace") + b"\n"
        name = self.path
        try:
            _write(self._files[0], _ended(raw))
            name += ".log"
            _write(self._files[1], line)
        except OSError as error:
            for descriptor, size in zip(self._files, self.sizes, strict=True):
                os.lseek(descriptor, size, os.SEEK_SET)  # what was written of it is overwritten
            raise _unusable(name, error) from None
        self.sizes = Sizes(self.sizes.rows + len(_ended(raw)), self.sizes.log + len(line))
        return self.sizes

    def sync(self) -> None:
        """Wait until they are on the disk."""
        for descriptor in self._files:
            os.fsync(descriptor)

    def close(self) -> None:
        """Close the files, and delete them where they are empty."""
        for descriptor, name, size in zip(self._files, self.names(self.path), self.sizes, strict=True):
            os.ftruncate(descriptor, size)
            os.close(descriptor)
            if not size:
                with suppress(OSError):
                    Path(name).unlink()


def _ended(data: bytes) -> bytes:
    return data if not data or data.endswith(b"\n") else data + b"\n"


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
