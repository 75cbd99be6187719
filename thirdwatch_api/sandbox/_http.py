"""HTTP server of the sandbox: reads requests, sends responses, ends connections."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR, SHUT_WR, create_connection, socket
from socketserver import ThreadingTCPServer
from threading import Event, Thread, current_thread
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from ..models._model import Model
from ..version import __version__

__all__ = ["HTTPError", "Handler", "Request", "Response", "Server", "json_response", "own_authorities"]

_LOOPBACK = "127.0.0.1"
_OWN_NAMES = (_LOOPBACK, "localhost", "[::1]")
_HTTP_PORT = 80
_MAX_BODY = 8 * 1024 * 1024
_MAX_HEAD = 64 * 1024
_MAX_QUERY_FIELDS = 100
_DRAIN_TIMEOUT = 1.0  # seconds to wait for the rest of a request
_JOIN_TIMEOUT = 1.0  # seconds to wait for a thread to end
_INLINE_TIMEOUT = 1.0  # seconds to wait for bytes while no other request can be served
_ABSOLUTE_FORM = re.compile(r"http://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class Request:
    """A request that the sandbox received, and its result."""

    method: str
    """HTTP verb."""

    path: str
    """Path without the query: ``/event/v1/order_status``."""

    headers: Message = field(repr=False)
    """Headers, in any letter case, without the API key."""

    query: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """Fields of the query, without the API key."""

    body: bytes = field(default=b"", repr=False)
    """The bytes that came, personal data included. A ``secret`` that is the API key is taken out. A refused request
    keeps 64 KiB of it at most, and 16 KiB each of path, query and headers; so does one without the key that a script
    met. It keeps no body when it came from elsewhere or when it was unclear where the body ends."""

    authorized: bool = False
    """Whether the request had the sandbox's API key."""

    status: int = 0
    """HTTP status of the response; 0 when the connection was cut instead."""

    event: Model | None = None
    """The event, if it was accepted."""

    error: str | None = None
    """Why the request was refused; None if it was accepted."""

    hints: list[str] = field(default_factory=list[str])
    """Probable mistakes that were accepted: values that are not known values of their fields."""

    number: int = field(default=0, repr=False)
    """1 for the first request that the sandbox recorded, 2 for the next."""

    order_id: str = field(default="", repr=False)
    """Number of the order that it is about, refused or not; empty when it names none."""

    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc), repr=False)
    """When it came, in UTC."""

    duration: float = field(default=0.0, repr=False)
    """Seconds from its last byte to the response, a scripted delay included."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response, and how to send it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    cut: bool = False
    stream: Iterable[bytes] = ()
    """What is sent after the body, piece by piece as it comes. The end of the connection ends it."""


def json_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with one sentence as JSON, under the keys that SDKs of 2017 and of 2019 read."""
    second_key = "status" if status < 400 else "error"
    return Response(status, json.dumps({"message": text, second_key: text}).encode(), headers or {})


class HTTPError(Exception):
    """A request that is refused, with its response."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.response = json_response(status, reason, headers)


Handler: TypeAlias = Callable[[Request, HTTPError | None], Response]
"""Makes the response to a request. The error is what is wrong with the HTTP of the request, if anything."""


class Server(ThreadingTCPServer):
    """A server that keeps a list of its connections, to close them all at once.

    HTTPServer is no base for it: it looks up the name of 127.0.0.1 by DNS, which may take seconds.
    """

    allow_reuse_address = os.name == "posix"  # on Windows two servers could share a port
    request_queue_size = 128

    def __init__(self, port: int, handler: Handler) -> None:
        self._closing = Event()
        self._connections: dict[socket, Thread] = {}
        self._acceptor = Thread(target=self._accept, daemon=True)
        super().__init__((_LOOPBACK, port), partial(_RequestHandler, handler, self._closing, self._acceptor))
        self._acceptor.start()

    def _accept(self) -> None:
        """Accept connections until close(). Unlike serve_forever, this does not wake up every half second."""
        while not self._closing.is_set():
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread. Only the accepting thread calls this, so no lock is needed."""
        self._connections = {each: of for each, of in self._connections.items() if of.is_alive()}
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # Since 3.12 CPython starts no thread while the program ends, but calls with callback= may still arrive.
            self._connections[request] = self._acceptor
            request.settimeout(_INLINE_TIMEOUT)
            self.process_request_thread(request, client_address)
        else:
            self._connections[request] = thread

    def shutdown_request(self, request: Any) -> None:
        """Close a connection after the client closed it: closing it with unread bytes could discard the response."""
        with suppress(OSError):
            request.shutdown(SHUT_WR)
            request.settimeout(_DRAIN_TIMEOUT)
            while request.recv(65536):
                pass
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End the listener, the connections and their threads."""
        self._closing.set()
        with suppress(OSError):
            create_connection((_LOOPBACK, self.server_address[1]), _JOIN_TIMEOUT).close()  # wakes the acceptor
        self._acceptor.join(_JOIN_TIMEOUT)
        self.server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        for thread in self._connections.values():
            thread.join(_JOIN_TIMEOUT)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # else an invalid request counts as HTTP/0.9, whose responses have no status
    disable_nagle_algorithm = True
    server_version = "thirdwatch-sandbox"
    sys_version = __version__

    def __init__(self, handler: Handler, closing: Event, acceptor: Thread, *args: Any) -> None:
        self._handler = handler
        self._closing = closing
        self._is_inline = current_thread() is acceptor
        super().__init__(*args)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return the same handler for each HTTP verb: http.server looks for ``do_VERB``."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def parse_request(self) -> bool:
        """Read the head, and refuse one that is too long to be recorded."""
        if not super().parse_request():
            return False
        if sum(len(name) + len(value) for name, value in self.headers.items()) > _MAX_HEAD:
            self.send_error(431)
            return False
        return True

    def _handle(self) -> None:
        authority, path, query = _split_target(self.path)
        request = Request(self.command, path, self.headers)
        error = None
        try:
            self._check_sender(authority)
            request.body = self._read_body()
            request.query = _parse_query(query)
        except HTTPError as caught:
            error = caught
        response = self._handler(request, error)
        if self._closing.wait(response.delay) or response.cut:
            self.close_connection = True
        elif not response.stream:
            self._send(response)
        elif self._is_inline:
            self._send(json_response(503, "no thread is left to send this stream", {"Connection": "close"}))
        else:
            self._send_stream(response)

    def _check_sender(self, authority: str | None) -> None:
        """Refuse requests from web pages of other sites, by the headers Host and Origin.

        :param authority: host and port of a target in absolute form; they replace those in Host
        """
        close = {"Connection": "close"}
        hosts = self.headers.get_all("Host", [])
        if len(hosts) > 1 or (not hosts and self.request_version != "HTTP/1.0"):
            raise HTTPError(400, "send one Host header", close)
        own = own_authorities(self.connection.getsockname()[1])
        for host in hosts if authority is None else [authority]:
            if host.strip().lower() not in own:
                raise HTTPError(421, f"Host: the sandbox is at {min(own)} only", close)
        for origin in self.headers.get_all("Origin", []):
            if origin.strip().lower() not in {f"http://{each}" for each in own}:
                raise HTTPError(403, "Origin: pages of other sites may not use the sandbox", close)
        if self._is_embedded():
            raise HTTPError(403, "Sec-Fetch-Site: pages of other sites may not use the sandbox", close)

    def _is_embedded(self) -> bool:
        """Return whether a page of another site loads this as a part of itself. Browsers send no Origin for images."""
        sites = {site.strip().lower() for site in self.headers.get_all("Sec-Fetch-Site", [])}
        is_link = self.command == "GET" and self.headers.get("Sec-Fetch-Dest", "").strip().lower() == "document"
        return not is_link and not sites <= {"same-origin", "none"}

    def _read_body(self) -> bytes:
        """Read the body. If its length is unclear, the connection can't be used again and is closed."""
        close = {"Connection": "close"}
        lengths = set(self.headers.get_all("Content-Length", []))
        if "Transfer-Encoding" in self.headers or (self.command == "POST" and not lengths):
            raise HTTPError(411, "Content-Length is required: the sandbox reads no chunked body", close)
        text = lengths.pop() if lengths else "0"
        if lengths or not (text.isascii() and text.isdigit()):
            raise HTTPError(400, "Content-Length must be one integer", close)
        if len(text) > len(str(_MAX_BODY)) or int(text) > _MAX_BODY:
            raise HTTPError(413, f"the body is larger than {_MAX_BODY} bytes", close)
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            raise HTTPError(400, "the body is shorter than its Content-Length", close)
        return body

    def _send(self, response: Response) -> None:
        bodiless = response.status in (204, 304)
        body = b"" if bodiless else response.body
        framing = {} if bodiless else {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if self._is_inline:  # the next connection waits
            framing["Connection"] = "close"
        self.send_response(response.status)
        for name, value in {**framing, **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if self._is_inline or response.headers.keys() & {"Content-Length", "Transfer-Encoding"}:
            self.close_connection = True

    def _send_stream(self, response: Response) -> None:
        """Send a response that ends with its connection."""
        self.close_connection = True
        self.send_response(response.status)
        for name, value in {**response.headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in response.stream:
            self.wfile.write(piece)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that is not valid HTTP."""
        self._send(json_response(code, message or self.responses[code][0], {"Connection": "close"}))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def _split_target(target: str) -> tuple[str | None, str, str]:
    """Split the target of a request into authority, path and query.

    The authority is None unless the target is in absolute form. Clients send that to proxies, and every server has to
    accept it (RFC 9112).
    """
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    authority, target = absolute.groups() if absolute else (None, target)
    path, _, query = target.partition("?")
    return authority, path or "/", query


def _parse_query(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS))
    except ValueError:
        raise HTTPError(400, f"the query has more than {_MAX_QUERY_FIELDS} fields") from None


def own_authorities(port: int) -> set[str]:
    """Return the allowed values of ``Host``; on port 80 the port may be left out."""
    return {f"{name}:{port}" for name in _OWN_NAMES} | (set(_OWN_NAMES) if port == _HTTP_PORT else set())
