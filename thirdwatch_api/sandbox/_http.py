"""What the sandbox knows of HTTP: requests in, answers out, and how to end connections."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR, SHUT_WR, create_connection, socket
from socketserver import ThreadingTCPServer
from threading import Event, Thread
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from ..models._model import Model
from ..version import __version__

__all__ = ["Answer", "Judge", "Refusal", "Request", "Server", "say"]

_LOOPBACK = "127.0.0.1"
_MAX_BODY = 8 * 1024 * 1024
_PATIENCE = 1.0  # seconds


@dataclass(slots=True)
class Request:
    """Show one request, as it came and as it was judged."""

    method: str
    """HTTP verb."""

    path: str
    """Path without the query: ``/event/v1/order_status``."""

    headers: Message = field(repr=False)
    """Headers, in any letter case; the API key is taken out."""

    query: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """What came behind the question mark; the API key is taken out."""

    body: bytes = field(default=b"", repr=False)
    """The bytes that came, personal data included; none when it was unclear where they end. A ``secret`` that is the
    API key is taken out."""

    authorized: bool = False
    """Whether it carried the sandbox's API key."""

    status: int = 0
    """HTTP status of the answer; 0 when the connection was cut instead."""

    event: Model | None = None
    """The event, when it was accepted."""

    error: str | None = None
    """Why it was not accepted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to do about a request."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    cut: bool = False


def say(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer as the service does, with one sentence in JSON."""
    return Answer(status, json.dumps({"message" if status < 400 else "error": text}).encode(), headers or {})


class Refusal(Exception):
    """Carry the answer to a request that is no good."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.answer = say(status, reason, headers)


Judge: TypeAlias = Callable[[Request, Refusal | None], Answer]
"""Turns a request, and what is wrong with its framing, into an answer."""


class Server(ThreadingTCPServer):
    """Keep account of connections, so that all of them can be ended at once.

    It is no HTTPServer: that asks DNS for the name of 127.0.0.1, which may take seconds.
    """

    allow_reuse_address = os.name == "posix"  # on Windows it would let two servers share a port
    request_queue_size = 128

    def __init__(self, port: int, judge: Judge) -> None:
        self._closing = Event()
        self._connections: dict[socket, Thread] = {}
        super().__init__((_LOOPBACK, port), partial(_Handler, judge, self._closing))
        self._acceptor = Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        """Do as serve_forever does, without waking up every half second: see close()."""
        while not self._closing.is_set():
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread. Only the accepting thread comes here, so nothing needs a lock."""
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        thread.start()
        self._connections = {each: of for each, of in self._connections.items() if of.is_alive()}
        self._connections[request] = thread

    def shutdown_request(self, request: Any) -> None:
        """Close a connection after its client did: to close with bytes unread would take the answer back."""
        with suppress(OSError):
            request.shutdown(SHUT_WR)
            request.settimeout(_PATIENCE)
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
            create_connection((_LOOPBACK, self.server_address[1]), _PATIENCE).close()  # wakes the acceptor
        self._acceptor.join(_PATIENCE)
        self.server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        for thread in self._connections.values():
            thread.join(_PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # else what can't be read counts as HTTP/0.9, whose answers have no status
    disable_nagle_algorithm = True
    server_version = "thirdwatch-sandbox"
    sys_version = __version__

    def __init__(self, judge: Judge, closing: Event, *args: Any) -> None:
        self._judge = judge
        self._closing = closing
        super().__init__(*args)

    def _handle(self) -> None:
        path, _, query = self.path.partition("?")
        request = Request(self.command, path, self.headers, dict(parse_qsl(query, keep_blank_values=True)))
        refusal = None
        try:
            request.body = self._read_body()
        except Refusal as error:
            refusal = error
        answer = self._judge(request, refusal)
        if self._closing.wait(answer.delay) or answer.cut:
            self.close_connection = True
        else:
            self._send(answer)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = _handle

    def _read_body(self) -> bytes:
        """Read the body. Where its end is unknown, the connection is of no more use."""
        close = {"Connection": "close"}
        lengths = set(self.headers.get_all("Content-Length", []))
        if "Transfer-Encoding" in self.headers or (self.command == "POST" and not lengths):
            raise Refusal(411, "send a Content-Length; the sandbox reads no chunked body", close)
        text = lengths.pop() if lengths else "0"
        if lengths or not (text.isascii() and text.isdigit()):
            raise Refusal(400, "Content-Length is not one whole number", close)
        if len(text) > len(str(_MAX_BODY)) or int(text) > _MAX_BODY:
            raise Refusal(413, f"the sandbox takes {_MAX_BODY} bytes at most", close)
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            raise Refusal(400, "the body is shorter than its Content-Length", close)
        return body

    def _send(self, answer: Answer) -> None:
        bodiless = answer.status in (204, 304)
        body = b"" if bodiless else answer.body
        framing = {} if bodiless else {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self.send_response(answer.status)
        for name, value in {**framing, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if answer.headers.keys() & {"Content-Length", "Transfer-Encoding"}:
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not HTTP."""
        self._send(say(code, message or self.responses[code][0], {"Connection": "close"}))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
