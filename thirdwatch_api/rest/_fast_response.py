"""The head of a response, read on a fast path where it is plain.

http.client hands the headers of each response to Python's e-mail parser, which takes a sixth of the time of a call.
A response of HTTP/1.1 with one Content-Length and a connection that stays open does not need it. Anything else
(chunks, an interim response, a folded header, the end of the connection) takes the slow path: the head is checked
and cleaned here, then http.client reads it.
"""

import http.client
import io
import re
from collections.abc import Iterator
from typing import Any

from urllib3.exceptions import InvalidHeader

__all__ = ["FastHTTPResponse"]

_PLAIN = (
    rb"HTTP/1\.1 ((?!204|304)[2-5]\d\d) ([^\r\n]*)\r\n"
    rb"((?:[!#$%&'*+.^_`|~\w-]+:[^\r\n\0]*\r\n){1,50})\r\n"
)
_STATUS_LINE = rb"HTTP/(?:0\.9|1\.\d+)[ \t]+([1-9]\d\d)(?!\S)"
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Bounds of our own: those of http.client, and the size of its buffer, differ from one Python to the next.
_PLAIN_HEAD = 8 * 1024
_LONGEST_LINE = 64 * 1024
_LARGEST_HEAD = 256 * 1024
_MOST_LINES = 100


class _PlainHeaders(http.client.HTTPMessage):
    """Headers that are plain text without line breaks: there is nothing to parse or to look for when they are read."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        super().__init__()
        self._headers = headers

    def items(self) -> list[tuple[str, str]]:
        return self._headers


class FastHTTPResponse(http.client.HTTPResponse):
    """A response that reads a plain head by itself."""

    fp: Any = None  # a response that an exception kept from being made is closed, too
    phrase = ""
    """The reason phrase as it came."""

    def begin(self) -> None:
        """Read the head, and leave the body to be read."""
        while self.headers is None and not self._begin_plain():
            head = self._read_head()
            body, self.fp = self.fp, io.BytesIO(head)  # pyright: ignore[reportAttributeAccessIssue]  # begin() only reads
            try:
                super().begin()
            finally:
                self.fp = body
            lengths = ",".join(self.msg.get_all("Content-Length", [])).split(",")
            if not self.chunked and len({length.strip() for length in lengths}) > 1:
                # urllib3 would find that too, but let go of this response without closing it.
                raise InvalidHeader("several values of Content-Length")
            if 101 < self.status < 200:  # the final response is still to come; http.client knows that of 100 alone
                self.headers = None  # pyright: ignore[reportAttributeAccessIssue]  # it is, until a head was read
        # Tracers record the reason of what getresponse() returns, and the server's own words may repeat the key.
        self.phrase = self.reason
        self.reason = http.client.responses.get(self.status, "")

    def _read_head(self) -> bytes:
        """Read the next head, but for that of a 100, and drop the lines that are no headers.

        http.client and urllib3 quote what they can't read in errors and logs, and it may echo the key: they get
        nothing that they can't read.
        """
        while True:
            status_line = self._read_line("status line")
            if not status_line:
                return b""  # http.client knows what that means
            found = re.match(_STATUS_LINE, status_line)
            if not found:
                raise http.client.BadStatusLine("what came is no status line of HTTP/1")
            headers = list(self._headers())
            if found[1] != b"100":
                return b"".join((status_line.rstrip(b"\r\n"), b"\r\n", *headers, b"\r\n"))

    def _headers(self) -> Iterator[bytes]:
        """Read the lines of a head, a folded one joined to one line."""
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
        """Read the size of the next chunk. The error for a wrong one does not quote it."""
        try:
            size: int = super()._read_next_chunk_size()  # type: ignore[misc]  # typeshed leaves it out
        except ValueError:
            pass
        else:
            return size
        raise ValueError("what came is no size of a chunk")

    def _begin_plain(self) -> bool:
        # What one read brought, which is more than most heads. The file of a mock (mocket) has no peek().
        found = hasattr(self.fp, "peek") and re.match(_PLAIN, self.fp.peek()[:_PLAIN_HEAD])
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
        self.headers = self.msg = _PlainHeaders(headers)
        self.length = int(length)
        self.chunked = False
        self.chunk_left = None
        self.will_close = False
        return True


def _value(text: bytes) -> bytes:
    """Strip a value, and leave no carriage return in it, which may end a line for others."""
    return text.strip().replace(b"\r", b" ")
