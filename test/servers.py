"""Servers that do over real sockets what networks, proxies and services do wrong.

A ``FaultServer`` takes a script: one step for each request in the order of arrival, the last one again and again.
A step is a function of the ``Peer``, the server's end of the connection, which a request was just read from.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import datetime
import functools
import gzip
import http.client
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, ParamSpec, TypeAlias

import trustme

from thirdwatch_api import ApiClient, Configuration, OrderStatus, TimeoutException

KEY = "canary-key-7f3a9c"
OK = b'{"message": "taken"}'
EVENT = OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")

Step: TypeAlias = "Callable[[Peer], object]"
Then = Literal["keep", "close", "reset", "stall"]
PATIENCE = 30.0
"""Seconds that a test waits at most for what has to happen. It never takes that long unless the test fails."""

P = ParamSpec("P")


class Recorded(NamedTuple):
    """A request as its bytes came."""

    connection: int
    """1 for the first connection that the server took."""

    raw: bytes
    first_read: bytes
    """What the first read from the socket brought."""

    @property
    def line(self) -> str:
        return self.raw.partition(b"\r\n")[0].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        head = self.raw.partition(b"\r\n\r\n")[0].decode("latin-1")
        pairs = (line.partition(":") for line in head.split("\r\n")[1:])
        return {name.lower(): value.strip() for name, _, value in pairs}

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, number: int, closing: threading.Event) -> None:
        self.sock = sock
        self.number = number
        self.closing = closing
        self.is_open = True
        self.last = Recorded(number, b"", b"")
        """The request that waits for a response."""
        self._unread = b""

    def read_request(self) -> Recorded | None:
        """Read one request, body included; None when the client hung up."""
        data, self._unread = self._unread, b""
        first = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(1 << 20)
            if not more:
                return None
            first = first or more
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        size = int(lengths[0]) if lengths else 0
        while len(rest) < size:
            more = self.sock.recv(1 << 20)
            if not more:
                return None
            rest += more
        self._unread = rest[size:]
        self.last = Recorded(self.number, head + b"\r\n\r\n" + rest[:size], first)
        return self.last

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, pause: float) -> None:
        """Send one byte at a time."""
        for i in range(len(data)):
            self.send(data[i : i + 1])
            if self.closing.wait(pause):
                return

    def stall(self) -> None:
        """Do nothing more until the client hangs up or the server is closed."""
        while not self.closing.wait(0.02):
            with contextlib.suppress(OSError, ValueError):
                while select.select([self.sock], [], [], 0)[0]:
                    if not self.sock.recv(1 << 20):
                        return

    def hang_up(self) -> None:
        """Close the connection cleanly."""
        self.is_open = False
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # of TLS as well, without a farewell
        self.sock.close()

    def reset(self) -> None:
        """Close the connection by RST, which discards what was not read."""
        self.is_open = False
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def finish(self, then: Then) -> None:
        if then == "close":
            self.hang_up()
        elif then == "reset":
            self.reset()
        elif then == "stall":
            self.stall()


def head(
    status: int | str = 200, headers: Mapping[str, str] | Sequence[tuple[str, str]] = (), *, version: str = "1.1"
) -> bytes:
    """Write a status line and headers as they are given."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    lines = [f"HTTP/{version} {status} Reason" if isinstance(status, int) else status]
    lines += [f"{name}: {value}" for name, value in pairs]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def message(
    status: int = 200, body: bytes = OK, headers: Mapping[str, str] | None = None, *, version: str = "1.1"
) -> bytes:
    """Write a whole response."""
    every = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    return head(status, every, version=version) + body


def in_chunks(body: bytes, size: int = 7, end: bytes = b"0\r\n\r\n") -> bytes:
    """Write a body in the chunked coding."""
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


def raw(data: bytes, then: Then = "keep") -> Step:
    """Send bytes as they are."""

    def step(peer: Peer) -> None:
        peer.send(data)
        peer.finish(then)

    return step


def respond(
    status: int = 200, body: bytes = OK, headers: Mapping[str, str] | None = None, *, then: Then = "keep"
) -> Step:
    """Send a whole response."""
    return raw(message(status, body, headers), then)


def drip(data: bytes, pause: float, before: bytes = b"") -> Step:
    """Send ``before`` at once, the rest byte by byte."""

    def step(peer: Peer) -> None:
        peer.send(before)
        peer.drip(data, pause)

    return step


def delayed(seconds: float, step: Step) -> Step:
    """Wait before a step."""

    def wait_first(peer: Peer) -> None:
        if not peer.closing.wait(seconds):
            step(peer)

    return wait_first


def cut(peer: Peer) -> None:
    """Hang up without a response."""
    peer.hang_up()


def reset(peer: Peer) -> None:
    """Reset the connection without a response."""
    peer.reset()


def stall(peer: Peer) -> None:
    """Never respond."""
    peer.stall()


class _Listener:
    """Accept connections, each in a thread of its own; over TLS where a context is given."""

    def __init__(self, *, backlog: int = 128, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()
        self.connections = 0
        """How many were accepted."""
        self.open_connections = 0
        self.most_open = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close everything, and wait for the threads."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive(), "a server did not end"

    def _start(self, target: Callable[..., object], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self.open_connections += 1
                self.most_open = max(self.most_open, self.open_connections)
                self._sockets.add(sock)
            self._start(self._run, sock, self.connections)

    def _run(self, accepted: socket.socket, number: int) -> None:
        sock = accepted
        try:
            # A client that hangs up or does not trust us is what these servers are for.
            with contextlib.suppress(OSError, ValueError):
                if self._tls:
                    sock = self._tls.wrap_socket(accepted, server_side=True)
                    with self._lock:
                        self._sockets.add(sock)
                self.serve(Peer(sock, number, self._closing))
        finally:
            with self._lock:
                self.open_connections -= 1
                self._sockets -= {accepted, sock}
            sock.close()

    def serve(self, peer: Peer) -> None:
        raise NotImplementedError


class FaultServer(_Listener):
    """Do with each request what the script says.

    :param steps: one for each request, the last again and again; without any, each is a success
    :param at_accept: what to do with the first connections before anything is read, one step each; None for nothing
    :param tls: speak TLS
    """

    def __init__(
        self,
        *steps: Step,
        at_accept: Sequence[Step | None] = (),
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        backlog: int = 128,
    ) -> None:
        self._steps = steps or (respond(),)
        self._at_accept = at_accept
        self._host = host
        self.requests: list[Recorded] = []
        """All that were read to their end, in the order of their arrival."""
        super().__init__(backlog=backlog, tls=tls)

    @property
    def url(self) -> str:
        """What to set ``configuration.host`` to."""
        return f"http{'s' if self._tls else ''}://{self._host}:{self.port}/event"

    def requests_of(self, connection: int) -> list[Recorded]:
        """List what came over one connection."""
        return [request for request in self.requests if request.connection == connection]

    def serve(self, peer: Peer) -> None:
        first = self._at_accept[peer.number - 1] if peer.number <= len(self._at_accept) else None
        if first:
            first(peer)
        while peer.is_open and (request := peer.read_request()):
            with self._lock:
                step = self._steps[min(len(self.requests), len(self._steps) - 1)]
                self.requests.append(request)
            step(peer)


class Proxy(_Listener):
    """An HTTP proxy: tunnels for CONNECT, forwards what has an absolute URL. All names lead to one server.

    :param target: port of the server that all hosts resolve to
    :param credentials: ``user:password`` that a client has to show
    :param connect_step: what to do with CONNECT instead
    :param tls: speak TLS with the client
    """

    def __init__(
        self,
        target: int,
        credentials: str | None = None,
        connect_step: Step | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._connect_step = connect_step
        self.seen: list[Recorded] = []
        """Every request that was made to the proxy itself; of a tunnel only its CONNECT."""
        self.tunnelled = b""
        """What went through tunnels towards the server."""
        super().__init__(tls=tls)

    def url(self, credentials: str = "") -> str:
        user = f"{credentials}@" if credentials else ""
        return f"http{'s' if self._tls else ''}://{user}127.0.0.1:{self.port}"

    def serve(self, peer: Peer) -> None:
        while peer.is_open and (request := peer.read_request()):
            self.seen.append(request)
            self._handle(peer, request)

    def _handle(self, peer: Peer, request: Recorded) -> None:
        method, target, _ = request.line.split(" ")
        if method == "CONNECT" and self._connect_step:
            self._connect_step(peer)
            return
        if self._credentials:
            wanted = "Basic " + base64.b64encode(self._credentials.encode()).decode()
            if request.headers.get("proxy-authorization") != wanted:
                peer.send(message(407, b"", {"Proxy-Authenticate": "Basic"}))
                peer.hang_up()
                return
        if method == "CONNECT":
            self._tunnel(peer)
        else:
            self._forward(peer, method, "/" + target.split("/", 3)[3], request)

    def _tunnel(self, peer: Peer) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as server:
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            while not self._closing.is_set():
                for source in select.select([peer.sock, server], [], [], 0.05)[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        peer.hang_up()
                        return
                    if source is server:
                        peer.send(data)
                    else:
                        self.tunnelled += data
                        server.sendall(data)

    def _forward(self, peer: Peer, method: str, path: str, request: Recorded) -> None:
        server = http.client.HTTPConnection("127.0.0.1", self._target)
        server.set_debuglevel(0)  # a test may have switched on the printing of all connections
        try:
            headers = {k: v for k, v in request.headers.items() if not k.startswith("proxy-")}
            server.request(method, path, request.body, headers)
            response = server.getresponse()
            peer.send(message(response.status, response.read()))
        finally:
            server.close()


class Authority:
    """A certificate authority, and servers' sides of TLS with its certificates."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def write(self, path: str) -> str:
        """Write the authority's certificate, for ``ssl_ca_cert``."""
        self.ca.cert_pem.write_to_path(path)
        return path

    def server(self, *names: str, expired: bool = False, client_ca: trustme.CA | None = None) -> ssl.SSLContext:
        """Make a context for a server, whose clients have to show a certificate when ``client_ca`` is given."""
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc) if expired else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("127.0.0.1", "localhost")), not_after=past).configure_cert(context)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            client_ca.configure_trust(context)
        return context


@functools.cache
def closed_port() -> int:
    """Find a port that nobody listens at. It stays bound, so that no test in another process listens there soon."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    atexit.register(sock.close)
    port: int = sock.getsockname()[1]
    return port


@contextlib.contextmanager
def full_backlog() -> Generator[int]:
    """Listen at a port, and let nobody in: the kernel drops each new connection's first packet."""
    listener = socket.socket()
    waiting: list[socket.socket] = []
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        port: int = listener.getsockname()[1]
        yield port
    finally:
        for sock in (*waiting, listener):
            sock.close()


def latest(deadline: float) -> float:
    """Return when a call has to be over: a tenth after its deadline, and a little for the threads of the test."""
    return deadline * 1.1 + 0.3


class TooSlowError(AssertionError):
    """What was measured took too long: the package is slow, or the machine was busy with something else."""


def in_time(test: Callable[P, None]) -> Callable[P, None]:
    """Repeat a test that was too slow: a busy machine adds to what is measured and takes nothing away."""

    @functools.wraps(test)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> None:
        for _ in range(4):
            with contextlib.suppress(TooSlowError):
                return test(*args, **kwargs)
            time.sleep(1)  # whatever the machine was busy with may be over then
        return test(*args, **kwargs)

    return repeated


@contextlib.contextmanager
def success_within_its_time_out() -> Generator[None]:
    """Count a time-out as too slow, where it has to be shorter than what a busy machine may stand still for."""
    try:
        yield
    except TimeoutException as error:
        raise TooSlowError(str(error)) from error


def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    end = time.perf_counter() + PATIENCE
    while not condition():
        assert time.perf_counter() < end, "what has to happen did not"
        time.sleep(0.001)


class Clock:
    """The clock by which calls are timed, which a test can put forward. It goes on by itself as well."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._real = time.monotonic

    def __call__(self) -> float:
        return self._real() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


def make_client(host: str, **settings: Any) -> ApiClient:
    """Make a client with the key that no log may show, and a deadline that fits tests."""
    every: dict[str, Any] = {"host": host, "api_key": KEY, "deadline": 5.0, **settings}
    return ApiClient(configuration=Configuration(**every))


def record_waits(client: ApiClient) -> list[float]:
    """Let attempts follow each other at once, and list the waits there would have been."""
    waits: list[float] = []
    client.rest_client.sleep = waits.append
    return waits


class Stopwatch:
    """Take the time of a ``with`` block."""

    seconds = 0.0

    def __enter__(self) -> Stopwatch:
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.seconds = time.perf_counter() - self._started

    def check(self, most: float) -> None:
        """Fail when it took longer. The test has to be one that is repeated, by ``in_time``."""
        if self.seconds >= most:
            raise TooSlowError(f"took {self.seconds:.2f} s, {most:.2f} s are allowed")


def gzip_bomb(megabytes: int = 64) -> bytes:
    """Compress a JSON object with a very long text."""
    return gzip.compress(b'{"message": "' + b" " * (megabytes << 20) + b'"}', 9)
