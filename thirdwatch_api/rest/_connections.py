"""Connections that know when their call has to end.

urllib3 bounds each wait for bytes, not their sum: a server that drips one byte a second would hold a call for
ever. So the sockets here check the deadline of the call that uses them, whenever they wait. Outside of that are
the look-up of the host's name, the answer of a proxy to CONNECT, and the address that is tried when the deadline
passes, which other code waits for.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextvars import ContextVar
from http.client import RemoteDisconnected
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import wait_for_read

from .._lazy import FORK_LOCK
from ..exceptions import ApiValueError
from ._fast_response import FastHTTPResponse

__all__ = [
    "CallState",
    "Connection",
    "DeadlineSocketOptions",
    "TLSConnection",
    "TLSSocket",
    "TooLargeError",
    "current_call",
]


class CallState:
    """What a connection has to know of the call that it works for, and tells it."""

    __slots__ = ("answered", "deadline", "ended", "reused", "room", "secret_query")

    def __init__(self, deadline: float, secret_query: str = "") -> None:
        self.deadline = deadline
        """``time.monotonic()`` at which the call ends."""
        self.secret_query = secret_query
        """Part of the query that only the wire may see: urllib3 logs URLs."""
        self.reused = False
        """Whether the last attempt used a connection that had served before."""
        self.answered = False
        """Whether the head of an answer came in the last attempt."""
        self.ended = False
        """Whether the server closed the connection in the last attempt."""
        self.room = 0
        """How many bytes may still come in the last attempt."""


class TooLargeError(HTTPError):
    """The answer is larger than the configuration allows."""


current_call: ContextVar[CallState] = ContextVar("current_call")
"""The call that this thread makes. A pool has no other way to tell a connection for whom it works."""


class _Deadline:
    """Check the deadline of the call that is made whenever the socket is about to wait."""

    deadline: float = float("inf")

    def _bound(self: Any) -> None:
        call = current_call.get(None)
        if call:  # none when a raw response is read after its call: that call's deadline stays
            self.deadline = call.deadline
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the call passed")
        timeout = self.gettimeout()
        if timeout is None or timeout > left:
            self.settimeout(left)

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        self._bound()
        return super().recv(*args, **kwargs)  # type: ignore[misc,no-any-return]  # the socket class that this is mixed into

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._bound()
        received: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]  # the socket class that this is mixed into
        call = current_call.get(None)
        if call:
            call.ended = not received
            call.room -= received
            if call.room < 0:  # http.client reads a chunk of size -1 to its end, however far that is
                raise TooLargeError
        return received

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._bound()
        return super().send(*args, **kwargs)  # type: ignore[misc,no-any-return]  # the socket class that this is mixed into

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._bound()
        super().sendall(*args, **kwargs)  # type: ignore[misc]  # the socket class that this is mixed into


class _Socket(_Deadline, socket.socket):
    """A TCP socket with a deadline."""


class TLSSocket(_Deadline, ssl.SSLSocket):
    """A TLS socket with a deadline, which holds for the handshake as well."""

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        """Receive bytes."""
        try:
            return super().recv(*args, **kwargs)
        except OSError:
            if self.version() is None:  # no handshake yet: before 3.12, wrap_socket() forgets a socket that was reset
                self.close()
            raise

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands before the deadline, and wait for the peer only between OpenSSL's steps."""
        self._bound()
        timeout = self.gettimeout() or 0.0  # _bound has set one
        end = time.monotonic() + timeout
        self.settimeout(0.0)
        while True:
            try:
                with FORK_LOCK:
                    super().do_handshake(block)
                break
            except ssl.SSLWantReadError:
                # What OpenSSL has to send is little, and the connection new: it never waits to write.
                if not wait_for_read(self, max(0.0, end - time.monotonic())):
                    raise TimeoutError("the TLS handshake timed out") from None
        self.settimeout(timeout)


class DeadlineSocketOptions(tuple[tuple[int, int, int], ...]):
    """Options of a socket that is about to be connected, which are read before each address of a host is tried.

    Each address may take the whole time-out. So none is tried after the deadline.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        call = current_call.get(None)
        if call and call.deadline <= time.monotonic():
            raise TimeoutError("the deadline of the call passed")
        return super().__iter__()


class Connection(HTTPConnection):
    """A connection that serves one call at a time."""

    debuglevel = 0  # http.client's switch for all connections would print the key: here it has no effect
    response_class = FastHTTPResponse
    idle_since = 0.0
    _served = False
    _writing = False
    _lines: list[str]
    _parts: list[bytes]

    def connect(self) -> None:
        """Open the socket before the deadline."""
        self._served = False
        # The wait for a place in the pool came after the time-out of this attempt was worked out.
        left = max(0.001, current_call.get().deadline - time.monotonic())
        self.timeout = min(self.timeout, left) if isinstance(self.timeout, (int, float)) else left
        super().connect()
        if type(self.sock) is socket.socket:
            plain = self.sock
            timeout = plain.gettimeout()
            self.sock = _Socket(plain.family, plain.type, plain.proto, plain.detach())
            self.sock.settimeout(timeout)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send head and body in one write: small events then fit one packet."""
        current_call.get().reused = self._served and not self.is_closed
        self._writing, self._lines, self._parts = True, [], []
        try:
            super().request(*args, **kwargs)
            headers = "\r\n".join(self._lines).encode("latin-1")
            if max(headers.count(b"\r"), headers.count(b"\n")) >= len(self._lines):
                raise ApiValueError("a header that was added to the request holds a line break")
        except UnicodeEncodeError:
            raise ApiValueError("a header that was added to the request is not latin-1") from None
        finally:
            self._writing = False
        start, *body = self._parts  # start is the request line and the empty line that ends a head
        try:
            self.send(b"".join((start[:-2], headers, b"\r\n\r\n", *body)))
        except ssl.SSLError as error:
            # The server hung up, and may have said why: urllib3 reads what there is after a broken pipe.
            raise BrokenPipeError from error

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Add what only the wire may see of the query."""
        super().putrequest(method, url + current_call.get().secret_query, *args, **kwargs)

    def putheader(self, header: Any, *values: Any) -> None:
        """Keep a header for the one write of ``request``."""
        value = values[0]  # bytes when it is the host, asked for through a proxy
        self._lines.append(f"{header}: {value.decode('latin-1') if isinstance(value, bytes) else value}")

    def send(self, data: Any) -> None:
        """Keep what belongs to the one write of ``request``, send anything else."""
        if self._writing:
            self._parts.append(data)
        else:
            super().send(data)

    def getresponse(self) -> Any:
        """Read the head of the response."""
        call = current_call.get()
        response = super().getresponse()
        if call.ended:
            # Lines are read from a buffer: the end was seen because the head had none. http.client would take
            # what there is for all of it.
            response.close()
            raise RemoteDisconnected("the connection was cut in the head of the answer")
        self._served = call.answered = True
        return response


class TLSConnection(Connection, HTTPSConnection):
    """A connection over TLS."""

    is_verified: bool

    @property
    def is_connected(self) -> bool:
        """Tell whether another call may use the connection: it is open, and nothing came that nobody asked for.

        urllib3 asks the kernel, which does not know of bytes that OpenSSL has read already.
        """
        return super().is_connected and not (isinstance(self.sock, TLSSocket) and self.sock.pending())

    def connect(self) -> None:
        """Open the socket, and shake hands."""
        super().connect()
        # Whether to verify was the owner's choice, which our log tells. A warning for each call, which urllib3
        # would give, is an exception where warnings are errors.
        self.is_verified = True
