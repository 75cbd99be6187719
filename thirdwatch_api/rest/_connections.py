"""Connections that check the deadline of the call that uses them.

urllib3 bounds each wait for bytes, not their sum: a server that sends one byte a second would hold a call for ever.
So the sockets here check the deadline before each wait. The deadline does not bound the look-up of the host's name,
for which other code waits.
"""

import errno
import socket
import ssl
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.client import HTTPException, RemoteDisconnected
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from urllib3 import connection as urllib3_connection
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError, SSLError
from urllib3.util import wait_for_read

from .._lazy import FORK_LOCK
from ..exceptions import ApiValueError
from ._fast_response import FastHTTPResponse

__all__ = [
    "CallState",
    "Connection",
    "DeadlineSocketOptions",
    "Lease",
    "TLSConnection",
    "TooLargeError",
    "URLLIB3Connection",
    "URLLIB3TLSConnection",
    "calling",
    "current_call",
    "keep_deadline",
    "with_deadline",
]

Lease: TypeAlias = list[Any]
"""At most one place in a pool: a connection, or None for one that may be opened."""

_LONGEST_WAIT = 2_000_000.0  # seconds, 23 days: poll() takes milliseconds as a C int
_NEVER = float("inf")
_PIECE = 16 * 1024  # bytes: what a TLS record holds


@dataclass(eq=False, repr=False, slots=True)
class CallState:
    """The state of one call that its connections and the pool read and write."""

    deadline: float
    """``time.monotonic()`` at which the call ends."""
    secret_query: str = ""
    """Part of the query that only the wire may see: urllib3 and its instruments log URLs."""
    lease: Lease = field(default_factory=list)
    """The place in the pool that the call holds."""
    queue: Any = None
    """The queue that the place belongs to."""
    turn: Any = None
    """The place of the call in the queue of waiting calls."""
    connection: Any = None
    """The connection of this attempt, once there is one."""
    read_timeout: float | None = None
    """Seconds that this attempt may wait for the server to take or send bytes."""
    connecting: bool = False
    """Whether this attempt is opening a connection."""
    reused: bool = False
    """Whether this attempt uses a connection that has served before."""
    responded: bool = False
    """Whether the head of a response was received in this attempt."""
    ended: bool = False
    """Whether the server closed the connection in this attempt."""
    raw: FastHTTPResponse | None = None
    """The response of http.client inside urllib3's response; None where a mock responds."""
    room: int = 0
    """How many bytes may still come in this attempt."""

    def left(self) -> float:
        """Return the seconds until the deadline; negative when it has passed."""
        return self.deadline - time.monotonic()


class TooLargeError(HTTPError):
    """The response is larger than the configuration allows."""


current_call: ContextVar[CallState | None] = ContextVar("current_call", default=None)
"""The call that this thread makes. urllib3 offers no other way to hand it to a connection."""

_kept_deadlines: "WeakKeyDictionary[Any, float]" = WeakKeyDictionary()


def keep_deadline(connection: Any, deadline: float) -> None:
    """Keep the deadline of a call for its response, which is read after the call."""
    sock = getattr(connection, "sock", None)  # there is none where a mock responds
    sock = getattr(sock, "socket", sock)  # TLS in TLS goes through the socket of the proxy
    if has_deadline(sock):
        _kept_deadlines[sock] = deadline


def _bound(sock: Any) -> CallState | None:
    """Bound the next wait of a socket by the deadline of the call, and return the call."""
    call = current_call.get()
    deadline = call.deadline if call else _kept_deadlines.get(sock, _NEVER)
    left = min(deadline - time.monotonic(), _LONGEST_WAIT)
    if left <= 0:
        raise TimeoutError("the deadline of the call passed")
    timeout = sock.gettimeout()
    if timeout is None or timeout > left:
        sock.settimeout(left)
    return call


_with_deadline: dict[Any, Any] = {}


def with_deadline(kind: Any) -> Any:
    """Return a subclass of a socket class that checks the deadline. gevent and eventlet have classes of their own.

    It has one base and no slots: ``__class__`` can be assigned only between classes of the same layout.
    """
    if kind not in _with_deadline:
        methods = _methods(kind) | (_tls_methods(kind) if hasattr(kind, "do_handshake") else {})
        _with_deadline[kind] = type(f"Deadline{kind.__name__}", (kind,), methods | {"__slots__": ()})
    return _with_deadline[kind]


def has_deadline(sock: object) -> bool:
    """Return whether a socket checks the deadline."""
    return type(sock) in _with_deadline.values()


def _methods(kind: Any) -> dict[str, Any]:
    def recv(self: Any, *args: Any, **kwargs: Any) -> Any:
        _bound(self)
        return kind.recv(self, *args, **kwargs)

    def recv_into(self: Any, *args: Any, **kwargs: Any) -> int:
        call = _bound(self)
        received: int = kind.recv_into(self, *args, **kwargs)
        if call:
            call.ended = not received
            call.room -= received
            if call.room < 0:  # http.client reads a chunk of size -1 to its end, however far that is
                raise TooLargeError
        return received

    def send(self: Any, *args: Any) -> Any:
        _bound(self)
        return kind.send(self, *args)

    def sendall(self: Any, data: bytes, *args: Any) -> None:
        # The time-out bounds each wait for the peer, as in reading. The socket's own sendall() would apply it to the
        # whole, as does OpenSSL to all bytes of one call.
        rest = data if len(data) <= _PIECE else memoryview(data)
        sent = 0
        while sent < len(data):
            sent += self.send(rest[sent : sent + _PIECE], *args)

    return {"recv": recv, "recv_into": recv_into, "send": send, "sendall": sendall}


def _tls_methods(kind: Any) -> dict[str, Any]:
    def recv(self: Any, *args: Any, **kwargs: Any) -> Any:
        _bound(self)
        try:
            return kind.recv(self, *args, **kwargs)
        except OSError as error:
            # Before the handshake: up to Python 3.11, wrap_socket() does not close a socket that was reset. One that is
            # not connected stays in use.
            if self.version() is None and error.errno not in (errno.ENOTCONN, errno.EINVAL):
                self.close()
            raise

    def do_handshake(self: Any, *_: object) -> None:
        # Wait for the peer only between OpenSSL's steps, which a fork must not interrupt.
        _bound(self)
        timeout = self.gettimeout() or 0.0  # _bound has set one
        end = time.monotonic() + timeout
        self.settimeout(0.0)
        while True:
            try:
                with FORK_LOCK:
                    kind.do_handshake(self)
                break
            except ssl.SSLWantReadError:
                # OpenSSL sends little here, and the connection is new: it never waits to write.
                if not wait_for_read(self, max(0.0, end - time.monotonic())):
                    raise TimeoutError("the TLS handshake timed out") from None
        self.settimeout(timeout)

    return {"recv": recv, "do_handshake": do_handshake}


class DeadlineSocketOptions(tuple[tuple[int, int, int], ...]):
    """Options of a new socket, which also stop its connecting at the deadline.

    urllib3 reads the options before it tries each address of a host, and each may take the whole time-out. After the
    deadline, reading them raises TimeoutError.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        call = current_call.get()
        if call and call.connecting and call.left() <= 0:
            raise TimeoutError("the deadline of the call passed")
        return super().__iter__()


def _original(name: str) -> Any:
    """Return a class of urllib3, even if a mock has replaced it before this import."""
    module = urllib3_connection.__name__
    return next(kind for kind in getattr(urllib3_connection, name).__mro__ if kind.__module__ == module)


URLLIB3Connection: Any = _original("HTTPConnection")
URLLIB3TLSConnection: Any = _original("HTTPSConnection")


def read_raw(raw: FastHTTPResponse) -> bytes:
    """Read a body of known length at once, without urllib3: there is nothing to decode."""
    try:
        return raw.read()
    except ssl.SSLError as error:
        raise SSLError(error) from error
    except TimeoutError as error:
        raise _stopped("sending") from error
    except (HTTPException, OSError) as error:  # what urllib3 would raise, so that its rules for retries apply
        raise ProtocolError("the connection was cut", error) from error


def _stopped(doing: str) -> ReadTimeoutError:
    return ReadTimeoutError(None, "", f"the server stopped {doing}")  # type: ignore[arg-type]  # its message alone names the pool


class Connection(URLLIB3Connection):  # type: ignore[misc]  # urllib3's HTTPConnection, whatever a mock does
    """A connection that serves one call at a time."""

    debuglevel = 0  # http.client's global switch would print the key, so it has no effect here
    idle_since = 0.0
    lease: Lease | None = None
    """The list that holds the place of this connection while a call uses it."""
    _served = False
    _writing = False
    _lines: list[str]
    _headers: bytes
    _parts: list[bytes]
    _socket_class: object = None
    timeout: Any

    @property
    def is_connected(self) -> bool:
        """Whether another call may use the connection: it is open, and no unexpected bytes were received."""
        return super().is_connected and self._socket_class is socket.socket  # else a mock of sockets began or ended

    def connect(self) -> None:
        """Open the socket before the deadline."""
        call = calling()
        call.connection = self
        self._served = False
        self._socket_class = socket.socket
        # The time-out of this attempt was computed before the wait for a place in the pool.
        left = min(max(0.001, call.left()), _LONGEST_WAIT)
        self.timeout = min(self.timeout, left) if isinstance(self.timeout, (int, float)) else left
        call.connecting = True
        super().connect()
        call.connecting = False
        self._keep_deadline()

    def _tunnel(self) -> None:
        self._keep_deadline()  # a proxy may drip its response to CONNECT
        super()._tunnel()

    def _keep_deadline(self) -> None:
        kind = type(self.sock)
        # TLS in TLS is not a socket, but uses one. The socket of a mock (mocket) has no dup(), and never waits.
        is_socket = isinstance(self.sock, (socket.socket, ssl.SSLSocket)) and hasattr(kind, "dup")
        if is_socket and not has_deadline(self.sock):
            # Change the class in place: a second socket object on the same descriptor could leak it or close it when a
            # signal handler interrupts.
            self.sock.__class__ = with_deadline(kind)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send head and body in one write: a small event then fits one packet."""
        call = calling()
        call.connection = self
        self.lease = call.lease
        call.reused = self._served and not self.is_closed
        self._writing, self._lines, self._parts = True, [], []
        try:
            super().request(*args, **kwargs)
            self._join_headers()
        except UnicodeEncodeError:
            raise ApiValueError("a header that was added to the request is not latin-1") from None
        finally:
            self._writing = False
        if self.sock is None:
            self.connect()
        sock: Any = self.sock
        sock.settimeout(call.read_timeout)  # each wait for the peer takes that at most
        try:
            # A view: error trackers list the bytes in the variables of each frame, and not what a view shows. The
            # socket of a mock wants bytes.
            form = memoryview if has_deadline(sock) else bytes
            self.send(form(self._message(call.secret_query)))
        except ssl.SSLError as error:
            # The server closed the connection, maybe after a response: urllib3 reads that after a broken pipe.
            raise BrokenPipeError from error
        except TimeoutError as error:
            raise _stopped("reading") from error

    def _join_headers(self) -> None:
        headers = "\r\n".join(self._lines).encode("latin-1")
        if max(headers.count(b"\r"), headers.count(b"\n")) >= len(self._lines):
            raise ApiValueError("a header that was added to the request holds a line break")
        self._headers = headers

    def _message(self, secret_query: str) -> bytes:
        """Join the request line, the headers and the body, and keep none of them."""
        start, *body = self._parts  # start is the request line and the empty line that ends a head
        headers, self._headers, self._parts, self._lines = self._headers, b"", [], []
        if secret_query:  # only here: tracers wrap putrequest, and log what it is given
            target, version, end = start.rpartition(b" HTTP/")
            start = b"".join((target, secret_query.encode(), version, end))
        return b"".join((start[:-2], headers, b"\r\n\r\n", *body))

    def putheader(self, header: Any, *values: Any) -> None:
        """Collect a header for the single write of ``request``."""
        value = values[0]  # bytes when it is the host, asked for through a proxy
        self._lines.append(f"{header}: {value.decode('latin-1') if isinstance(value, bytes) else value}")

    def send(self, data: Any) -> None:
        """Collect the parts of ``request`` for its single write; send anything else."""
        if self._writing:
            self._parts.append(data)
        else:
            super().send(data)

    def response_class(self, *args: Any, **kwargs: Any) -> FastHTTPResponse:
        """Return the response object that http.client fills."""
        calling().raw = response = FastHTTPResponse(*args, **kwargs)
        return response

    def getresponse(self) -> Any:
        """Read the head of the response."""
        call = calling()
        response = super().getresponse()
        if call.ended:
            # The end of the stream came inside the headers; http.client would accept them as complete.
            response.close()
            raise RemoteDisconnected("the connection was cut in the head of the response")
        self._served = call.responded = True
        return response


class TLSConnection(Connection, URLLIB3TLSConnection):  # type: ignore[misc]  # urllib3's HTTPSConnection, as above
    """A connection over TLS."""

    is_verified: bool

    @property
    def is_connected(self) -> bool:
        """Whether another call may use the connection.

        urllib3 asks the kernel, which does not know the bytes that OpenSSL has already read.
        """
        return super().is_connected and not _has_unread(self.sock)

    def connect(self) -> None:
        """Open the socket, and shake hands."""
        super().connect()
        # Turning verification off is the user's choice, which our log reports once. urllib3 would warn at each call,
        # and that is an exception where warnings are errors.
        self.is_verified = True


def _has_unread(sock: Any) -> bool:
    """Return whether TLS holds unread bytes, in either layer of TLS within TLS (an https:// proxy)."""
    if hasattr(sock, "incoming"):  # urllib3's SSLTransport
        return bool(sock.sslobj.pending() or sock.incoming.pending or _has_unread(sock.socket))
    return hasattr(sock, "pending") and bool(sock.pending())


def calling() -> CallState:
    """Return the call that a connection works for."""
    call = current_call.get()
    assert call is not None  # noqa: S101 - a connection is used within a call only
    return call
