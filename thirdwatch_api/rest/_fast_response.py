"""The head of a response, read on a fast path where it is simple.

http.client hands the headers of each response to Python's e-mail parser, which takes a sixth of the time of a call.
An HTTP/1.1 response with one Content-Length on a connection that stays open does not need it. Anything else (chunks,
an interim response, a folded header, ``Connection: close``) takes the slow path: the head is checked and cleaned here,
then http.client reads it.
"""

import http.client
import io
import re
from collections.abc import Iterator
from typing import Any

from urllib3.exceptions import InvalidHeader

__all__ = ["FastHTTPResponse"]

_SIMPLE_HEAD = (
    rb"HTTP/1\.1 ((?!204|304)[2-5]\d\d) ([^\r\n]*)\r\n"
    rb"((?:[!#$%&'*+.^_`|~\w-]+:[^\r\n\0]*\r\n){1,50})\r\n"
)
_STATUS_LINE = rb"HTTP/(?:0\.9|1\.\d+)[ \t]+([1-9]\d\d)(?!\S)"
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Our own bounds: those of http.client, and the size of its buffer, differ between versions of Python.
_LONGEST_SIMPLE_HEAD = 8 * 1024
_LONGEST_LINE = 64 * 1024
_LARGEST_HEAD = 256 * 1024
_MOST_LINES = 100


class _SimpleHeaders(http.client.HTTPMessage):
    """Headers without line breaks. http.client's own class would search each value when it is read."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        super().__init__()
        self._headers = headers

    def items(self) -> list[tuple[str, str]]:
        return self._headers


class FastHTTPResponse(http.client.HTTPResponse):
    """A response that reads a simple head without http.client's parser."""

    fp: Any = None  # a response that an exception kept from being made is closed, too
    phrase = ""
    """The reason phrase as it was received."""

    def begin(self) -> None:
        """Read the head, and leave the body unread."""
        while self.headers is None and not self._parse_simple_head():
            head = self._read_head()
            body, self.fp = self.fp, io.BytesIO(head)  # pyright: ignore[reportAttributeAccessIssue]  # begin() only reads
            try:
                super().begin()
            finally:
                self.fp = body
            lengths = ",".join(self.msg.get_all("Content-Length", [])).split(",")
            if not self.chunked and len({length.strip() for length in lengths}) > 1:
                # urllib3 finds that too, but then drops this response without closing it.
                raise InvalidHeader("several values of Content-Length")
            if 101 < self.status < 200:  # the final response is still coming; http.client skips only a 100
                self.headers = None  # pyright: ignore[reportAttributeAccessIssue]  # it is None until a head was read
        # Tracers record the reason of a response, and the server's own phrase may repeat the key.
        self.phrase = self.reason
        self.reason = http.client.responses.get(self.status, "")

    def _read_head(self) -> bytes:
        """Read the next head other than that of a 100, and drop lines that can't be parsed.

        http.client and urllib3 would quote such lines in errors and logs, and they may contain the key.
        """
        while True:
            status_line = self._read_line("status line")
            if not status_line:
                return b""  # the connection was closed; http.client reports it
            found = re.match(_STATUS_LINE, status_line)
            if not found:
                raise http.client.BadStatusLine("the response does not begin with a status line of HTTP/1")
            headers = list(self._headers())
            if found[1] != b"100":
                return b"".join((status_line.rstrip(b"\r\n"), b"\r\n", *headers, b"\r\n"))

    def _headers(self) -> Iterator[bytes]:
        """Yield the lines of a head, a folded header joined to one line."""
        header = b""
        size = 0
        for _ in range(_MOST_LINES):
            line = self._read_line("header line")
            size += len(line)
            if size > _LARGEST_HEAD:
                raise http.client.HTTPException("the head of the response is too large")
            if line[:1] in (b" ", b"\t"):
                header = header and b"%s %s\r\n" % (header[:-2], _value(line))
                continue
            yield header
            if line in (b"\r\n", b"\n", b""):
                return
            name, colon, value = line.partition(b":")
            name = name.rstrip(b" \t")
            header = b"%s: %s\r\n" % (name, _value(value)) if colon and re.fullmatch(_NAME, name) else b""
        raise http.client.HTTPException("the head of the response has too many lines")

    def _read_line(self, what: str) -> bytes:
        line: bytes = self.fp.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise http.client.LineTooLong(what)
        return line

    def _read_next_chunk_size(self) -> int:
        """Read the size of the next chunk; the error for a wrong one does not quote it."""
        try:
            size: int = super()._read_next_chunk_size()  # type: ignore[misc]  # typeshed leaves it out
        except ValueError:
            pass
        else:
            return size
        raise ValueError("the size of a chunk is not a hexadecimal number")

    def _parse_simple_head(self) -> bool:
        # peek() returns the bytes of one read, which hold most heads whole. The file of a mock (mocket) has no peek().
        found = hasattr(self.fp, "peek") and re.match(_SIMPLE_HEAD, self.fp.peek()[:_LONGEST_SIMPLE_HEAD])
        if not found:
            return False
        parts = [line.partition(":") for line in found[3].decode("latin-1").split("\r\n")[:-1]]
        headers = [(name, value.strip(" \t")) for name, _, value in parts]
        names = [name.lower() for name, _ in headers]
        if names.count("content-length") != 1 or "transfer-encoding" in names:
            return False
        if "connection" in names and headers[names.index("connection")][1].lower() != "keep-alive":
            return False
        length = headers[names.index("content-length")][1]
        if not length.isdecimal() or len(length) > 15 or int(length) == 0:
            return False
        self.fp.read(found.end())
        self.code = self.status = int(found[1])
        self.reason = found[2].decode("latin-1").strip()
        self.version = 11
        self.headers = self.msg = _SimpleHeaders(headers)
        self.length = int(length)
        self.chunked = False
        self.chunk_left = None
        self.will_close = False
        return True


def _value(text: bytes) -> bytes:
    """Strip a value, and replace carriage returns, which some parsers take for the end of a line."""
    return text.strip().replace(b"\r", b" ")
