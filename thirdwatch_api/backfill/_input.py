"""The bytes of an input: files and stdin, compressed or not."""

import gzip
import io
import os
import select
import stat
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from .._lazy import load
from ._records import BackfillError

__all__ = ["MAX_BYTES", "READ_ERRORS", "Input", "read_error"]

MAX_BYTES = 1024 * 1024
"""Longest row. The service takes nothing near it, and memory has to be bounded."""

READ_ERRORS = (OSError, EOFError, zlib.error)
_STDIN = 0
_POLL = 0.2  # seconds between two looks whether to stop, while nothing comes
_BLOCK = 64 * 1024
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class _Descriptor(io.RawIOBase):
    """A file or a pipe. It ends when it is to stop: a read that waits for a pipe could not be ended otherwise."""

    def __init__(self, descriptor: int, is_stopped: Callable[[], bool]) -> None:
        self._file = io.FileIO(descriptor, closefd=descriptor != _STDIN)
        self._waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._is_stopped = is_stopped
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._is_stopped():
            if not self._waits or select.select([self._file], [], [], _POLL)[0]:
                count = self._file.readinto(buffer) or 0
                self.position += count
                return count
        return 0

    def close(self) -> None:
        self._file.close()
        super().close()


class Input:
    """One input, opened when it is its turn.

    :param path: of a file; ``-`` for stdin
    :param is_stopped: whether to end early
    """

    def __init__(self, path: str, is_stopped: Callable[[], bool]) -> None:
        self.path: str = path
        self.name: str = "stdin" if path == "-" else path
        self.size: int | None = self._size()
        self._is_stopped = is_stopped
        self._descriptor: _Descriptor | None = None

    def _size(self) -> int | None:
        if self.path == "-":
            return None
        try:
            found = Path(self.path).stat()
        except OSError as error:
            raise read_error(self.name, error) from None
        if stat.S_ISDIR(found.st_mode):
            raise BackfillError(f"{self.name}: is a folder; name the files in it")
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    @property
    def position(self) -> int:
        """How many bytes were read, as they are on the disk."""
        return self._descriptor.position if self._descriptor else 0

    def open(self) -> io.BufferedReader:
        """Return the bytes as they were before they were compressed.

        :raises BackfillError: it can't be read
        """
        try:
            descriptor = _STDIN if self.path == "-" else os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self._descriptor = _Descriptor(descriptor, self._is_stopped)
            plain: io.BufferedReader = io.BufferedReader(cast("io.RawIOBase", self._descriptor), _BLOCK)
            opened = _decompressed(plain, self.name)
            if opened.peek(2)[:2] in _UTF_16:
                raise BackfillError(f"{self.name}: is UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
        except READ_ERRORS as error:
            raise read_error(self.name, error) from None
        return opened


def _decompressed(plain: io.BufferedReader, name: str) -> io.BufferedReader:
    start = plain.peek(4)
    if start.startswith(_GZIP):
        return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=plain)), _BLOCK)
    if start.startswith(_ZSTD):
        return io.BufferedReader(_Frames(plain, _zstd(name)), _BLOCK)
    return plain


def _zstd(name: str) -> Callable[[], Any]:
    """Return what makes a decompressor for each frame of zstd."""
    with suppress(ImportError):
        return cast("Callable[[], Any]", load("compression.zstd").ZstdDecompressor)  # from Python 3.14 on
    with suppress(ImportError):
        return cast("Callable[[], Any]", load("zstandard").ZstdDecompressor().decompressobj)
    advice = f"pip install zstandard, or pipe it in: zstdcat {Path(name).name} | thirdwatch backfill - ..."
    raise BackfillError(f"{name}: is compressed by zstd, which this Python can't read: {advice}")


class _Frames(io.RawIOBase):
    """Frames of zstd, one after the other. The reader of zstandard takes a file that is cut off for a whole one."""

    def __init__(self, plain: io.BufferedReader, make: Callable[[], Any]) -> None:
        self._plain = plain
        self._make = make
        self._frame: Any = None
        self._left = b""  # compressed
        self._ready = b""  # to be returned

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._left or self._plain.read1(4096)  # in small pieces: each may grow a thousandfold
            self._left = b""
            if not data:
                if self._frame is not None:
                    raise EOFError("the last frame has no end")
                return 0
            self._frame = self._frame or self._make()
            self._ready = self._decompress(data)
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def _decompress(self, data: bytes) -> bytes:
        try:
            ready: bytes = self._frame.decompress(data)
        except Exception as error:  # noqa: BLE001 - its own ZstdError
            raise OSError(f"it is damaged ({error})") from None
        if self._frame.eof:
            self._left = self._frame.unused_data
            self._frame = None
        return ready


def read_error(name: str, error: BaseException) -> BackfillError:
    """Return why an input can't be read to its end."""
    if isinstance(error, EOFError):
        return BackfillError(f"{name}: is cut off: its compressed data have no end; copy it again")
    why = getattr(error, "strerror", None) or str(error)
    return BackfillError(f"{name}: can't be read: {why}")
