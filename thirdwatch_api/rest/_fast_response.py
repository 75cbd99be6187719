"""The head of an answer, read the short way where it is plain.

http.client hands the headers of each answer to Python's e-mail parser, which takes a sixth of the time of a call.
An answer of HTTP/1.1 with one Content-Length and a connection that stays open needs none of it. Whatever is not
that plain (chunks, an interim answer, a folded header, the end of the connection) goes the way of http.client.
"""

import http.client
import re

from urllib3.exceptions import InvalidHeader

__all__ = ["FastHTTPResponse"]

_PLAIN = (
    rb"HTTP/1\.1 ((?!204|304)[2-5]\d\d) ([^\r\n]*)\r\n"
    rb"((?:[!#$%&'*+.^_`|~\w-]+:[^\r\n\0]*\r\n){1,50})\r\n"
)


class FastHTTPResponse(http.client.HTTPResponse):
    """An answer that reads a plain head by itself."""

    def begin(self) -> None:
        """Read the head, and leave the body to be read."""
        while self.headers is None and not self._begin_plain():
            super().begin()
            # What can't be read in a head urllib3 would log, and it may echo the key.
            self.msg.set_payload("")
            lengths = ",".join(self.msg.get_all("Content-Length", [])).split(",")
            if not self.chunked and len({length.strip() for length in lengths}) > 1:
                # urllib3 would find that too, but let go of this answer without closing it.
                raise InvalidHeader("several values of Content-Length")
            if 101 < self.status < 200:  # the answer is still to come; http.client knows that of 100 alone
                self.headers = None  # pyright: ignore[reportAttributeAccessIssue]  # it is, until a head was read

    def _begin_plain(self) -> bool:
        found = re.match(_PLAIN, self.fp.peek())  # what one read brought, which is more than most heads
        if not found:
            return False
        message = http.client.HTTPMessage()
        length = -1
        for line in found[3].decode("latin-1").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            value = value.strip(" \t")
            lower = name.lower()
            if lower == "content-length":
                if length >= 0 or not value.isdecimal() or len(value) > 15:
                    return False
                length = int(value)
            elif lower == "transfer-encoding" or (lower == "connection" and value.lower() != "keep-alive"):
                return False
            message.set_raw(name, value)  # as the parser does: what has no line break needs no care
        if length <= 0:
            return False
        self.fp.read(found.end())
        self.code = self.status = int(found[1])
        self.reason = found[2].decode("latin-1").strip()
        self.version = 11
        self.headers = self.msg = message
        self.chunked = False
        self.chunk_left = None
        self.length = length
        self.will_close = False
        return True
