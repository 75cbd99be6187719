"""An outbox in a SQLite file, with the standard library alone."""

import logging
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from ..exceptions import ApiTypeError, ApiValueError, OutboxCorruptException, OutboxException, OutboxFullException
from ._lease import SQLITE_CLOCK
from ._lock import FileLock, identity, is_locked, make_private, names_of_locks
from ._reserve import Reserve
from ._salvage import find_network
from ._store import INSERT, Lead, Part

__all__ = ["SqliteExecutor"]

_logger = logging.getLogger(__name__.partition(".")[0])
_T = TypeVar("_T")

_TABLES = """
CREATE TABLE IF NOT EXISTS thirdwatch_outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number that is used again could be that of an event just sent
  kind VARCHAR(32) NOT NULL,
  order_key VARCHAR(190),
  slot SMALLINT NOT NULL,
  body TEXT NOT NULL,
  created DOUBLE PRECISION NOT NULL,
  due DOUBLE PRECISION NOT NULL,
  attempts INTEGER NOT NULL,
  dead DOUBLE PRECISION NOT NULL,
  error VARCHAR(500),
  trace VARCHAR(600));
CREATE INDEX IF NOT EXISTS thirdwatch_outbox_due ON thirdwatch_outbox (order_key, id) WHERE due > 0;
CREATE TABLE IF NOT EXISTS thirdwatch_relay (
  part SMALLINT NOT NULL,
  parts SMALLINT NOT NULL,
  holder VARCHAR(100) NOT NULL,
  expires DOUBLE PRECISION NOT NULL,
  paused DOUBLE PRECISION NOT NULL,
  reason VARCHAR(500) NOT NULL,
  PRIMARY KEY (part, parts));
"""
_BUSY = 5.0  # seconds to wait for another writer
_RETRY = 0.01
_STEP = 500  # pages
_RELAY_CHECKPOINT = 1000  # each waits for the disk, and a relay has its reserve
_CHECKPOINT = 128  # pages: what is noted needs room in the log, also on a full disk


class SqliteExecutor:
    """Run statements on a file. One connection serves all threads: SQLite has one writer, and our lock is fair.

    :param path: of the file, which is made when it is first needed
    :param fsync: whether an event survives the end of the machine, not only that of the process
    :param max_bytes: size above which no event is taken; None for the disk's
    :param for_relay: whether it may use the reserve, and grow beyond ``max_bytes``
    """

    now: str = SQLITE_CLOCK

    def __init__(self, path: str, *, fsync: bool = True, max_bytes: int | None = None, for_relay: bool = False) -> None:
        self.path: str = str(Path(path).absolute())
        self._fsync = fsync
        self._max_bytes = max_bytes
        self._for_relay = for_relay
        self._reserve = Reserve(self.path + "-reserve")
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._forget()
        _executors.add(self)

    def read(self, statement: str, values: Mapping[str, Any] = {}) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        return self._run(lambda connection: connection.execute(statement, values).fetchall())

    def write(self, statement: str, values: Mapping[str, Any] = {}) -> int:
        """Run one statement, which is a transaction of its own, and return how many rows it found."""
        return self._run(lambda connection: connection.execute(statement, values).rowcount)

    def insert(self, rows: Sequence[Mapping[str, Any]], via: object) -> None:
        """Insert events in one transaction: that of ``via`` where it is given."""
        if via is None:
            self._run(lambda connection: _insert(connection, rows))
            return
        if not isinstance(via, sqlite3.Connection):
            raise ApiTypeError(f"via: expected a sqlite3 connection, got {type(via).__name__}; the outbox is a file")
        self.create()  # for the first event
        try:
            files = [file for _, name, file in via.execute("PRAGMA database_list") if name == "main"]
            if not (files[0] and Path(self.path).samefile(files[0])):
                raise ApiValueError(f"via: is a connection to another database, not to {self.path}")
            via.executemany(INSERT, rows)
        except (sqlite3.Error, OSError) as error:
            raise self._translated(error) from error

    def create(self) -> None:
        """Make the file and its tables, where they are missing."""
        self._run(lambda _: None)

    def lead(self, part: Part, holder: str, lease: float) -> Lead:
        """Return the means to lead a part."""
        return FileLock(self.path, part, lease)

    def for_relay(self) -> "SqliteExecutor":
        """Return one with a connection of its own: what a relay reads must not hold up who adds."""
        return SqliteExecutor(self.path, fsync=False, for_relay=True)

    def leader(self) -> str | None:
        """Return who leads; None when nobody does."""
        held = [name for name in names_of_locks(self.path) if is_locked(name)]
        rows = self.read("SELECT part, parts, holder FROM thirdwatch_relay ORDER BY parts, part") if held else []
        names = {f"{self.path}-relay" + (f"-{p}-of-{n}" if n > 1 else ""): holder for p, n, holder in rows}
        return ", ".join(names.get(name) or "a process of this host" for name in sorted(held)) or None

    def check(self) -> list[str]:
        """Return what is wrong with the file, one sentence each. It reads all of it."""
        found = self.read("PRAGMA quick_check")
        problems = [f"the file is damaged: {text}" for (text,) in found if text != "ok"]
        if kind := find_network(Path(self.path).parent):
            problems.append(
                f"the file is on a network ({kind}), where SQLite's locks can't be trusted: take a local disk"
            )
        return problems

    def tidy(self) -> None:
        """Give back the room of what was deleted, and leave no trace of it in the log."""

        def work(connection: sqlite3.Connection) -> None:
            while connection.execute("PRAGMA freelist_count").fetchone()[0]:
                # In steps, so that others get their turn. And execute() would stop at the first page.
                connection.executescript(f"PRAGMA incremental_vacuum({_STEP})")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        with suppress(OutboxException):  # there is a next time
            self._run(work)
            self._reserve.fill()

    def close(self) -> None:
        """Close the connection. It is opened again when it is needed."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._lock:
            try:
                try:
                    return work(self._opened())
                except sqlite3.Error as error:
                    if not _is_full(error):
                        raise
                    self._make_room()
                    return work(self._opened())
            except (sqlite3.Error, OSError) as error:
                raise self._translated(error) from error

    def _make_room(self) -> None:
        """Empty the log, which needs no room, and give up the reserve where what was sent has to be noted."""
        if self._for_relay:
            self._reserve.release()
        if self._connection is not None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._file == identity(self.path):
                return self._connection
            _logger.error("the outbox %s was moved or deleted while it was in use; a new one is made", self.path)
            self._connection.close()
            self._connection = None
        _check_folder(Path(self.path).parent)
        is_new = make_private(self.path)
        connection = sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            _patiently(lambda: self._prepare(connection))
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._file = identity(self.path)
        if is_new:
            for end in ("-relay", "-turn"):  # while the disk has room
                make_private(self.path + end)
            self._reserve.fill()
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        settings = ["auto_vacuum=INCREMENTAL", f"synchronous={'FULL' if self._fsync else 'NORMAL'}"]
        # Else what was deleted would stay readable in the file.
        settings += ["secure_delete=ON", f"wal_autocheckpoint={_RELAY_CHECKPOINT if self._for_relay else _CHECKPOINT}"]
        for setting in settings:
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        tables = "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('thirdwatch_outbox', 'thirdwatch_relay')"
        if connection.execute(tables).fetchone()[0] < 2:
            connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}COMMIT")
        if self._max_bytes is not None:
            ((size,),) = connection.execute("PRAGMA page_size").fetchall()
            connection.execute(f"PRAGMA max_page_count={max(1, self._max_bytes // size)}").fetchall()

    def _translated(self, error: Exception) -> OutboxException:
        text = str(error)
        if _is_full(error):
            which = "the disk is full" if self._max_bytes is None else "max_bytes is reached, or the disk is full"
            return OutboxFullException(reason=f"the outbox {self.path} takes no event: {which}; is a relay running?")
        if "malformed" in text or "not a database" in text:
            return OutboxCorruptException(
                reason=f"the outbox {self.path} is damaged ({text}): stop its users, move it and its -wal file away, "
                "and rescue its events by thirdwatch_api.outbox.salvage"
            )
        if "locked" in text:
            return OutboxException(reason=f"the outbox {self.path} is locked by another process for {_BUSY:g} seconds")
        return OutboxException(reason=f"the outbox {self.path} can't be used: {text}")

    def _forget(self) -> None:
        """Start anew in a forked child: the connection belongs to the parent."""
        self._lock = RLock()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _insert(connection: sqlite3.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if len(rows) == 1:
        connection.execute(INSERT, rows[0])
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(INSERT, rows)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk rolls back by itself
            connection.execute("ROLLBACK")
        raise


def _patiently(work: Callable[[], object]) -> None:
    """Repeat what SQLite refuses at once, instead of waiting, while another process does the same."""
    end = time.monotonic() + 2 * _BUSY  # SQLite waited once already
    while True:
        try:
            work()
        except sqlite3.OperationalError as error:  # noqa: PERF203 - it is there to repeat
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(_RETRY)
        else:
            return


def _is_full(error: Exception) -> bool:
    # The codes have names from Python 3.11 on. A limit on the size of files shows as an I/O error.
    return isinstance(error, sqlite3.Error) and any(text in str(error) for text in ("is full", "disk I/O error"))


def _check_folder(folder: Path) -> None:
    """Refuse a folder in which anybody may put another file in the place of ours."""
    mode = folder.stat().st_mode
    if os.name == "posix" and mode & 0o002 and not mode & 0o1000:
        raise OutboxException(
            reason=f"the folder {folder} is writable for everybody: take one of the shop's own (chmod o-w)"
        )


_inherited: list[sqlite3.Connection] = []
"""Connections of the parent process, which a child must not close."""

_executors: "weakref.WeakSet[SqliteExecutor]" = weakref.WeakSet()


_held: list[SqliteExecutor] = []


def _before_fork() -> None:
    """Let statements end: the child would inherit locks of SQLite that nobody releases."""
    for executor in list(_executors):
        executor._lock.acquire()  # noqa: SLF001 - nobody else may
        _held.append(executor)


def _after_in_parent() -> None:
    while _held:
        _held.pop()._lock.release()  # noqa: SLF001 - nobody else may


def _after_in_child() -> None:
    while _held:
        _held.pop()._forget()  # noqa: SLF001 - nobody else may


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
