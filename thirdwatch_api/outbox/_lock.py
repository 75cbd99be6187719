"""The lead of a relay as a lock on a file beside the outbox. The kernel frees it the moment its holder dies."""

import os
import re
import sqlite3
from contextlib import suppress
from math import inf
from pathlib import Path

from ..exceptions import OutboxException
from ._store import Part

__all__ = ["FileLock", "identity", "is_locked", "make_private", "names_of_locks"]

_PART = r"(-\d+-of-\d+)?"


class FileLock:
    """The lead of one part: an exclusive transaction on an empty database, which nothing is ever written to.

    A lease would have to be written, which a full disk does not allow.

    :param path: of the outbox
    """

    valid: float = inf

    def __init__(self, path: str, part: Part) -> None:
        self._path = path
        self._name = _lock_name(path, part)
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._process = 0

    def take(self) -> bool:
        """Take the lead or keep it; False when another one has it."""
        if self._connection is not None and self._process == os.getpid() and self._file == identity(self._name):
            return True
        self.leave()
        make_private(self._name)
        try:
            self._connection = _locked(self._name)
        except sqlite3.Error as error:
            raise OutboxException(reason=f"{self._name}: can't be locked ({error})") from error
        self._process = os.getpid()
        self._file = identity(self._name)
        if self._connection is not None:
            _open.add(self._connection)
            if self._is_contested():
                self.leave()
        return self._connection is not None

    def _is_contested(self) -> bool:
        """Return whether somebody leads other parts of the same orders."""
        count = self._name.rpartition("-")[2] if "-of-" in self._name else ""
        others = (name for name in names_of_locks(self._path) if not (count and name.endswith(f"-of-{count}")))
        return any(is_locked(name) for name in others if name != self._name)

    def leave(self) -> None:
        """Let another one lead."""
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            _open.discard(connection)
            connection.close()


_open: set[sqlite3.Connection] = set()
"""Connections with a lock. A forked child must not close those of its parent, so they are kept from being collected."""


def _lock_name(path: str, part: Part) -> str:
    return f"{path}-relay" if part.of == 1 else f"{path}-relay-{part.number}-of-{part.of}"


def names_of_locks(path: str) -> list[str]:
    """Return the files that relays of an outbox lock."""
    whole = Path(path + "-relay")
    pattern = re.escape(whole.name) + _PART
    return sorted(str(found) for found in whole.parent.iterdir() if re.fullmatch(pattern, found.name))


def _locked(name: str) -> sqlite3.Connection | None:
    # No journal: its file could not be made on a full disk.
    connection = sqlite3.connect(name, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=MEMORY").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
    except BaseException as error:
        connection.close()
        if "locked" in str(error):
            return None
        raise
    return connection


def is_locked(name: str) -> bool:
    """Return whether somebody holds the lock of a file. To ask takes it for an instant, shared."""
    connection = sqlite3.connect(name, timeout=0, isolation_level=None)
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    finally:
        connection.close()
    return False


def make_private(path: str) -> bool:
    """Make a file that only its owner may read, and return whether it was missing."""
    # A file that exists is not opened: to close it again would free all locks that this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return True
    return False


def identity(path: str) -> tuple[int, int]:
    """Return what tells a file from another one that takes its name; zeros where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked before each event, and four times as fast as Path.stat
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
