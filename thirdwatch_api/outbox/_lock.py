"""The lead of a relay as a lock on a file beside the outbox. The kernel frees it the moment its holder dies.

A frozen holder keeps its lock. So the modification time of the file is the end of the lease, by the monotonic clock of
the machine. After it, another relay puts a new file in the place of the locked one. A full disk can store a time.
"""

import logging
import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep

from .._lazy import FORK_LOCK
from ..exceptions import OutboxException
from ._store import Part

if sys.platform == "win32":  # pragma: no cover - the tests run on POSIX
    import msvcrt

    def _lock(file: int, *, shared: bool = False) -> bool:  # noqa: ARG001 - there is but one kind
        """Lock a file, and return whether nobody else had it locked."""
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: int, *, shared: bool = False) -> bool:
        """Lock a file, and return whether nobody else had it locked."""
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


__all__ = ["FileLock", "identity", "is_locked", "make_private", "names_of_locks"]

_logger = logging.getLogger(__name__.partition(".")[0])

_PART = r"(-\d+-of-\d+)?"
_PATIENCE = 1.0  # seconds to wait for the turn
_RETRY = 0.005


class FileLock:
    """The lead of one part.

    :param path: of the outbox
    :param lease: seconds after which a frozen holder is replaced
    """

    def __init__(self, path: str, part: Part, lease: float) -> None:
        self.valid: float = lease
        self._path = path
        self._name = _lock_name(path, part)
        self._file: int | None = None
        self._process = 0

    def take(self) -> bool:
        """Take the lead or keep it; False when another one has it."""
        try:
            with _turn(self._path) as is_ours:
                if not is_ours:  # somebody is frozen at this very point, or the machine is very busy
                    self.leave()
                    return False
                if not self._is_held():
                    self.leave()
                    make_private(self._name)
                    if not (self._begin() or (_is_expired(self._name) and self._replace())):
                        return False
                self._renew()
        except OSError as error:
            self.leave()
            raise OutboxException(reason=f"{self._name}: can't be locked ({error})") from error
        return True

    def _is_held(self) -> bool:
        """Return whether this process holds the lock of the file that has the name now."""
        if self._file is None or self._process != os.getpid():
            return False
        found = os.fstat(self._file)
        return (found.st_dev, found.st_ino) == identity(self._name)

    def _begin(self) -> bool:
        """Lock the file, unless somebody has it."""
        file = _opened(self._name, os.O_RDWR)
        self._hold(file)
        if _lock(file) and not self._is_contested():
            return True
        self.leave()
        return False

    def _replace(self) -> bool:
        """Put a new file in the place of the one that a frozen relay holds."""
        new = f"{self._name}-{token_hex(8)}"
        file = _opened(new, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        self._hold(file)
        try:
            taken = _lock(file) and not self._is_contested()
            if taken:
                Path(new).replace(self._name)
                _logger.warning("the relay that led %s is frozen; another one leads", self._path)
                return True
        finally:
            Path(new).unlink(missing_ok=True)
        self.leave()
        return False

    def _is_contested(self) -> bool:
        """Return whether somebody leads other parts of the same orders."""
        count = self._name.rpartition("-")[2] if "-of-" in self._name else ""
        others = (name for name in names_of_locks(self._path) if not (count and name.endswith(f"-of-{count}")))
        return any(is_locked(name) for name in others if name != self._name)

    def _renew(self) -> None:
        until = int((monotonic() + self.valid) * 1e9)
        os.utime(self._name, ns=(until, until))

    def _hold(self, file: int) -> None:
        self._file = file
        self._process = os.getpid()

    def leave(self) -> None:
        """Let another one lead."""
        file, self._file = self._file, None
        if file is not None and self._process == os.getpid():
            _close(file)


_open: set[int] = set()
"""Files with a lock. A forked child closes them: the lock is free when all who share it have closed its file."""


def _opened(name: str, flags: int) -> int:
    """Open a file that is to be locked, and note it for a forked child."""
    with FORK_LOCK:  # a child that is forked between the two would keep the lock as long as it lives
        file = os.open(name, flags, 0o600)
        _open.add(file)
    return file


def _close(file: int) -> None:
    with FORK_LOCK:  # as above
        _open.discard(file)
        os.close(file)


def _close_all() -> None:
    while _open:
        os.close(_open.pop())


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_close_all)


@contextmanager
def _turn(path: str) -> Generator[bool]:
    """Let one process at a time look who leads, and change it; False when it was not our turn for a second.

    Else two relays could replace the same frozen one, or a frozen one could go on while it is replaced.
    """
    name = path + "-turn"
    make_private(name)
    file = _opened(name, os.O_RDWR)
    try:
        end = monotonic() + _PATIENCE
        while not (is_ours := _lock(file)) and monotonic() < end:
            sleep(_RETRY)
        yield is_ours
    finally:
        _close(file)


def _is_expired(name: str) -> bool:
    """Return whether the holder of a locked file has not renewed it in time."""
    return monotonic() > Path(name).stat().st_mtime_ns / 1e9


def _lock_name(path: str, part: Part) -> str:
    return f"{path}-relay" if part.of == 1 else f"{path}-relay-{part.number}-of-{part.of}"


def names_of_locks(path: str) -> list[str]:
    """Return the files that relays of an outbox lock."""
    whole = Path(path + "-relay")
    pattern = re.escape(whole.name) + _PART
    return sorted(str(found) for found in whole.parent.iterdir() if re.fullmatch(pattern, found.name))


def is_locked(name: str) -> bool:
    """Return whether somebody leads by a file. To ask locks it for an instant, shared."""
    try:
        file = _opened(name, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _lock(file, shared=True)
    finally:
        _close(file)


def make_private(path: str) -> bool:
    """Make a file that only its owner may read, and return whether it was missing."""
    # A file of SQLite that exists is not opened: to close it again would free all locks that this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return True
    return False


def identity(path: str) -> tuple[int, int]:
    """Return what differs between a file and another one that takes its name; zeros where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked before each event, and four times as fast as Path.stat
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
