"""The server where no C compiler is found, and the one for TLS: an event loop that gives every request one response.

``server.py RESPONSE [CERTIFICATE]`` prints its port and serves until standard input ends. ``GET /stats`` returns what
was counted of all other requests. With a certificate it speaks TLS, and closes each connection after its response.
"""

import asyncio
import json
import re
import resource
import ssl
import sys

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_counts = {"connections": 0, "requests": 0, "reads": 0, "packets": 0}


class _Connection(asyncio.Protocol):
    response: bytes
    once: bool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""
        self._reads = 0
        self._counted = False

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._reads += 1
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        self._data = b""
        if head.startswith(b"GET /stats "):
            used = resource.getrusage(resource.RUSAGE_SELF)
            stats = json.dumps({**_counts, "cpu": used.ru_utime + used.ru_stime}).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(stats), stats))
            return
        _counts["connections"] += not self._counted
        _counts["requests"] += 1
        _counts["reads"] += self._reads
        self._counted, self._reads = True, 0
        self._transport.write(self.response)
        if self.once:
            self._transport.close()


async def _serve(response: str, certificate: str | None) -> None:
    context = None
    if certificate:
        response = response.replace("\r\n", "\r\nConnection: close\r\n", 1)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    _Connection.response, _Connection.once = response.encode(), bool(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, ssl=context, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
