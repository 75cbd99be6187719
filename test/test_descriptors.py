"""A process that has no file descriptor left: an import at first use fails then."""

from __future__ import annotations

import sys

import pytest

from .programs import run_script
from .servers import FaultServer, head, raw, respond

PROGRAM = """
import os, resource, sys
from thirdwatch_api import ApiClient, ApiException, Configuration, OrderStatus, OrderStatusApi, ScoreApi

host, kind, warm = sys.argv[1:]
client = ApiClient(configuration=Configuration(host=host, api_key="0123456789abcdef", retries=0))
event = OrderStatus(user_id="u-42", session_id="s-canary")
if warm == "warm":
    OrderStatusApi(client).order_status(event)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
try:
    result = ScoreApi(client).score("o-1") if kind == "score" else OrderStatusApi(client).order_status(event)
except ApiException as error:
    result = f"{type(error).__name__} {error.status}: {error}"
for descriptor in held:
    os.close(descriptor)
print(result)
"""


def run(server: FaultServer, kind: str, warm: str) -> str:
    done = run_script(PROGRAM, server.url, kind, warm)
    assert done.stderr == ""
    return done.stdout.strip()


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="resource is a module of Unix")


def test_the_first_call_is_a_connection_exception() -> None:
    with FaultServer() as server:
        shown = run(server, "event", "cold")
    assert shown.startswith("ConnectionException 0: ")
    assert "too many open files" in shown.lower()


def test_a_refusal_keeps_its_status_and_what_it_repeats_is_masked() -> None:
    echo = raw(head("HTTP/1.1 400 s-canary", {"Content-Length": "21"}) + b'{"error": "s-canary"}')
    with FaultServer(respond(), echo) as server:
        shown = run(server, "event", "warm")
    assert shown.startswith("BadRequestException 400: (400) ")
    assert "canary" not in shown


def test_a_response_whose_parts_cant_be_read_is_a_connection_exception() -> None:
    scored = respond(200, b'{"score": 5, "order_timestamp": "2026-11-01T00:00:00Z"}')
    with FaultServer(respond(), scored) as server:
        shown = run(server, "score", "warm")
    assert shown.startswith("ConnectionException 0: a file that the call needs can't be opened: Too many open files")
