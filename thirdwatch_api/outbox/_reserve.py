"""Room that is kept free for a full disk."""

import os
from contextlib import suppress
from pathlib import Path

from ._lock import make_private

__all__ = ["Reserve"]

_SIZE = 1 << 20
_PLENTY = 4 * _SIZE


class Reserve:
    """A file of one MiB. When the disk is full, a relay deletes it: to note what was sent needs room as well.

    :param path: of the file
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def fill(self) -> None:
        """Make the file, where it is missing and the disk has room."""
        with suppress(OSError):  # a disk without room has none to reserve
            if not self._path.exists() and _free(self._path.parent) >= _PLENTY and make_private(str(self._path)):
                self._path.write_bytes(bytes(_SIZE))

    def release(self) -> None:
        """Delete the file."""
        with suppress(OSError):
            self._path.unlink()


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
