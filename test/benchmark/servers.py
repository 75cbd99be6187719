"""Start the servers that calls are measured against, each in a process of its own."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import certifi

__all__ = ["RESPONSE", "Counts", "Server", "plain_server", "tls_server"]

_HERE = Path(__file__).parent
_BODY = '{"message": "thanks"}'
RESPONSE = (
    "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 19:49:09 GMT\r\nServer: nginx\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n{_BODY}"
)


class Counts(NamedTuple):
    """What a server counted since it started."""

    connections: float
    requests: float
    reads: float
    packets: float
    cpu: float

    @property
    def packets_per_request(self) -> float:
        """Packets as the kernel counted them, reads where it does not count."""
        return max(self.packets, self.reads) / self.requests

    def since(self, before: "Counts") -> "Counts":
        """Take the difference of two counts."""
        return Counts(*(now - then for now, then in zip(self, before, strict=True)))


class Server(NamedTuple):
    """A server that runs."""

    kind: str
    host: str
    port: int
    ca: str | None = None
    """File of trusted authorities: certifi's and the server's own."""

    @property
    def base(self) -> str:
        """What the host of a configuration is."""
        return f"{'https' if self.ca else 'http'}://{self.host}:{self.port}/event"

    @property
    def path(self) -> str:
        """Path of the endpoint that is called."""
        return "/event/v1/order_status"

    @property
    def url(self) -> str:
        """URL of the endpoint that is called."""
        return f"{self.base}/v1/order_status"

    def counts(self) -> Counts:
        """Ask the server what it counted; the question is not counted."""
        with socket.create_connection((self.host, self.port)) as connection:
            connection.sendall(b"GET /stats HTTP/1.1\r\n\r\n")
            return Counts(**json.loads(connection.recv(4096).partition(b"\r\n\r\n")[2]))


@contextmanager
def plain_server() -> Generator[Server, None, None]:
    """Serve HTTP: a compiled program where there is a C compiler and epoll, else an event loop."""
    with TemporaryDirectory() as folder:
        program = _compiled(Path(folder, "server"))
        command = [str(program)] if program else [sys.executable, str(_HERE / "server.py")]
        with _running([*command, RESPONSE]) as port:
            yield Server("C, epoll" if program else "asyncio", "127.0.0.1", port)


@contextmanager
def tls_server() -> Generator[Server, None, None]:
    """Serve HTTPS, one request a connection."""
    import trustme  # takes longer to import than all else, and the processes whose instructions are counted need none

    with TemporaryDirectory() as folder:
        authority, certificate, trusted = trustme.CA(), Path(folder, "server.pem"), Path(folder, "ca.pem")
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
        shutil.copyfile(certifi.where(), trusted)
        authority.cert_pem.write_to_path(trusted, append=True)
        with _running([sys.executable, str(_HERE / "server.py"), RESPONSE, str(certificate)]) as port:
            yield Server("asyncio", "localhost", port, str(trusted))


def _compiled(program: Path) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        return None
    command = [compiler, "-O2", "-o", str(program), str(_HERE / "server.c")]
    done = subprocess.run(command, check=False, capture_output=True)
    return program if done.returncode == 0 else None


@contextmanager
def _running(command: list[str]) -> Generator[int, None, None]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
