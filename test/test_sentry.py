"""The key and personal data reach the wire, and no instrument that watches the process: Sentry, OpenTelemetry, logs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from .servers import KEY, FaultServer, Peer, Step, closed_port, head, respond
from .strangers import need
from .test_privacy import PERSONAL, SECRETS, STEPS, echo

ECHO = f"{KEY} {' '.join(PERSONAL.values())}".encode()


def echo_as(before: bytes, after: bytes) -> Step:
    """Repeat the key and all personal data between two texts, and hang up."""

    def step(peer: Peer) -> None:
        peer.send(before + ECHO + after)
        peer.hang_up()

    return step


CALLS: dict[str, tuple[Step, str, str]] = {
    "a success": (respond(200, b'{"message": "taken", "order_id": "o-1001", "score": 7}'), "success", "success"),
    "401 with an echo": (echo(401, "JSON"), "UnauthorizedException", "UnauthorizedException"),
    "400 with an echo in a header": (echo(400, "header"), "BadRequestException", "BadRequestException"),
    "a folded first header": (
        echo_as(b"HTTP/1.1 200 OK\r\n ", b"\r\nContent-Length: 2\r\n\r\n{}"),
        "ScoreNotReadyException",
        "success",
    ),
    "a header like the first line of a mail": (
        echo_as(b"HTTP/1.1 200 OK\r\nA: b\r\nFrom ", b"\r\nContent-Length: 2\r\n\r\n{}"),
        "ScoreNotReadyException",
        "success",
    ),
    "a header without a colon": (
        echo_as(b"HTTP/1.1 400 No\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
        "BadRequestException",
        "BadRequestException",
    ),
    "a chunk size": (
        echo_as(head(200, {"Transfer-Encoding": "chunked"}), b"\r\n{}\r\n0\r\n\r\n"),
        "ConnectionException",
        "ConnectionException",
    ),
    "a status line": (echo_as(b"", b"\r\n\r\n"), "ConnectionException", "ConnectionException"),
    "a status": (echo_as(b"HTTP/1.1 2", b" OK\r\n\r\n"), "ConnectionException", "ConnectionException"),
    "a protocol": (echo_as(b"HTTP/", b" 200 OK\r\n\r\n"), "ConnectionException", "ConnectionException"),
    "a length": (
        echo_as(b"HTTP/1.1 200 OK\r\nContent-Length: ", b", 7\r\n\r\n{}"),
        "InvalidResponseException",
        "InvalidResponseException",
    ),
    "a content coding": (
        respond(200, b"x", {"Content-Encoding": "gzip", "X-Said": ECHO.decode()}),
        "InvalidResponseException",
        "InvalidResponseException",
    ),
    "a redirect": (STEPS["redirect"], "RedirectException", "RedirectException"),
    "a reason": (
        echo_as(b"HTTP/1.1 400 ", b"\r\nContent-Length: 0\r\n\r\n"),
        "BadRequestException",
        "BadRequestException",
    ),
    "a dead host": (respond(), "ConnectionException", "ConnectionException"),
}
INSTRUMENTS = {
    # What the instrument must have seen of a score call: else it was not listening.
    "sentry": ('"category":"httplib"', '"type":"transaction"', '"http.client"', "with all breadcrumbs"),
    "sentry_spans": ('"category":"httplib"', '"checkout"', "with all breadcrumbs"),
    "sentry_locals": ('"category":"httplib"', '"type":"transaction"', "with all breadcrumbs"),
    "opentelemetry": ('"name": "GET"', '"http.url": "http://127.0.0.1:'),
    "wrappers": ("HTTPConnection.putrequest(", "HTTPConnectionPool.urlopen(", "HTTPConnection.request("),
    "logs": ("GET /neo/v1/score", "Starting new HTTP connection"),
    "chains": (),
}
MODULES = {
    "sentry": "sentry_sdk",
    "sentry_spans": "sentry_sdk",
    "sentry_locals": "sentry_sdk",
    "opentelemetry": "opentelemetry.instrumentation.urllib3",
}


class Report(NamedTuple):
    instrument: str
    of: dict[str, tuple[str, str]]
    """For each call how it ended, and what the instrument got."""


def _run(instrument: str) -> dict[str, tuple[str, str]]:
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(FaultServer(step)) for name, (step, _, _) in CALLS.items()}
        urls = {name: server.url for name, server in servers.items()}
        urls["a dead host"] = f"http://127.0.0.1:{closed_port()}"
        command = [sys.executable, "-m", "test.watched", instrument, *(f"{name}={url}" for name, url in urls.items())]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        for name, server in servers.items():
            if name != "a dead host":
                score, event = server.requests
                assert f"api_key={KEY}" in score.line
                assert all(value.encode() in event.raw for value in SECRETS.values())
    report: dict[str, tuple[str, str]] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Report:
    """What an instrument got of each call; it runs once for all."""
    need(MODULES.get(request.param, "urllib3"))
    return Report(request.param, _run(request.param))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("report", INSTRUMENTS, indirect=True, scope="module")
def test_no_instrument_gets_the_key_of_a_score_call(name: str, report: Report) -> None:
    outcome, heard = report.of[f"{name}, score"]
    assert outcome == CALLS[name][1]
    assert name == "a dead host" or [part for part in INSTRUMENTS[report.instrument] if part not in heard] == []
    # With the variables of frames Sentry lists what a server sent, its echo of the key too: urllib3's frames hold it.
    assert (KEY in heard) == (report.instrument == "sentry_locals" and name in ("a length", "a content coding"))


# An event carries its key in a header, and a wrapper of a function, or a frame of one, sees what it is passed.
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "report", [name for name in INSTRUMENTS if name not in ("wrappers", "sentry_locals")], indirect=True, scope="module"
)
def test_no_instrument_gets_the_key_of_an_event_or_its_personal_data(name: str, report: Report) -> None:
    outcome, heard = report.of[f"{name}, event"]
    assert outcome == CALLS[name][2]
    assert [secret for secret, value in SECRETS.items() if value in heard] == []
