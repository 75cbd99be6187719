"""What can be done with a file that is damaged, or may be."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

from ..exceptions import OutboxCorruptException
from ._store import Executor

__all__ = ["find_network", "salvage"]

_MOUNTS = Path("/proc/mounts")
_NETWORK = ("afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs")
_COLUMNS = ("kind", "order_key", "slot", "body", "created", "trace")
_ROW = f"SELECT id, {', '.join(_COLUMNS)} FROM thirdwatch_outbox WHERE dead = 0 AND "  # noqa: S608 - made of constants
_BATCH = 100


class Target(Protocol):
    """What this module knows of an outbox."""

    executor: Executor


def salvage(path: str | os.PathLike[str], outbox: Target) -> int:
    """Copy the events that wait in a damaged file to another outbox, and return how many could be read.

    They keep their order, and what is encrypted stays so. Nothing may use the damaged file meanwhile, and its
    ``-wal`` file belongs to it.

    :param path: of the damaged file; it is not changed
    :param outbox: where the events go
    :raises OutboxCorruptException: nothing in the file can be read
    """
    number = 0
    try:
        # Not read-only: the log beside the file has to be read as well.
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=rw", uri=True)) as damaged:
            batch: list[dict[str, Any]] = []
            for row in _readable(damaged):
                batch.append(dict(zip(_COLUMNS, row, strict=True)))
                if len(batch) == _BATCH:
                    outbox.executor.insert(batch, None)
                    number, batch = number + len(batch), []
            if batch:
                outbox.executor.insert(batch, None)
    except sqlite3.Error as error:
        raise OutboxCorruptException(
            reason=f"nothing in {path} can be read ({error}): restore a backup, or try the command .recover of sqlite3"
        ) from error
    return number + len(batch)


def _readable(damaged: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Read row by row: where one can't be read, the next one may be."""
    # Nothing is there where there never was an event.
    ((last,),) = damaged.execute("SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'thirdwatch_outbox'").fetchall()
    number = 0
    while number < (last or 0):
        try:
            row = damaged.execute(f"{_ROW} id > ? ORDER BY id LIMIT 1", (number,)).fetchone()
            if row is None:
                return
        except sqlite3.DatabaseError:
            row = None
            number += 1
            with suppress(sqlite3.DatabaseError):
                row = damaged.execute(f"{_ROW} id = ?", (number,)).fetchone()
        if row is not None:
            number = row[0]
            yield row[1:]


def find_network(folder: Path) -> str | None:
    """Return the kind of network file system that a folder is on; None where it is on none, or nobody knows."""
    try:
        lines = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return None
    places = [(len(place), kind) for _, place, kind, *_ in lines if folder.is_relative_to(place)]
    kind = max(places)[1] if places else ""
    return kind if kind in _NETWORK else None
